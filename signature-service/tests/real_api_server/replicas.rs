//! Several replicas: each by itself, all alike.

use serde_json::json;

use super::installation::Installation;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_sign_and_serve_alike() {
    let installation = Installation::start();
    let (one, two) = (installation.replica().await, installation.replica().await);
    let driver = installation.token("driver");
    let signed = [one.becomes(&driver, "OK").await, two.becomes(&driver, "OK").await];
    let of = |member: &str| signed.each_ref().map(|answer| answer["events"][0][member].clone());
    assert_eq!(of("kid"), [installation.kid(), installation.kid()]);
    let [first, second] = of("jti");
    assert_ne!(first, second);

    let (_, tag, set) = one.key_set("", 0).await;
    assert_eq!(two.key_set("", 0).await, (200, tag.clone(), set));
    assert_eq!(two.key_set(&tag, 0).await.0, 304, "a verifier may ask the other replica next");

    // Both hold a request open; one change of the operator's ends both, with the same bytes.
    let change = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        installation.publish(2);
    };
    let (from_one, from_two, ()) = tokio::join!(one.key_set(&tag, 60), two.key_set(&tag, 60), change);
    assert_eq!(from_one, from_two);
    assert_eq!(from_one.0, 200);
    assert_ne!(from_one.1, tag);

    let revoked = json!({"spec": {"revokedKids": [installation.kid()]}}).to_string();
    let patch = ["patch", "signingkey", "trams", "-n", "city", "--type=merge", "-p", &revoked];
    installation.kubectl.run(patch).unwrap();
    one.becomes(&driver, "NO_ACTIVE_KEY").await;
    two.becomes(&driver, "NO_ACTIVE_KEY").await;
    one.stop().await;
    two.stop().await;
}
