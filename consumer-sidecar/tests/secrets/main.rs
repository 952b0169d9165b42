//! The sidecar as a process, between an AWS, a signature service and an application that keep what they are given: what
//! it says is searched for every secret that passed through it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod around;

use std::process::Command;

use eventing_process::testing::{Program, found};
use serde_json::json;

use around::{AWS_SECRET_KEY, AWS_SESSION_TOKEN, AWS_TOKEN, Around, GRANT, PAYLOAD, SIGN_TOKEN};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_loudest_it_says_no_token_no_grant_and_no_payload() {
    let around = Around::start().await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    around.configuration().into_iter().for_each(|(name, text)| write(&format!("config/{name}"), &text));
    write("tokens/aws/token", AWS_TOKEN);
    write("tokens/signature-service/token", SIGN_TOKEN);

    let loudest = "trace,aws_smithy_runtime=trace,aws_config=trace,hyper=trace,h2=trace,reqwest=trace,rustls=trace";
    let program = Program::start(
        Command::new(env!("CARGO_BIN_EXE_consumer-sidecar"))
            .arg("run")
            .env_clear()
            .env("AWS_ENDPOINT_URL", around.aws())
            .env("QSL_NAMESPACE", "quay")
            .env("QSL_SERVICE_ACCOUNT", "harbourmaster")
            .env("QSL_INBOX", "lamp")
            .env("QSL_PUBLISH_TO", "harbour/lamps")
            .env("QSL_APP_PORT", around.app_port().to_string())
            .env("QSL_REQUIRE_TOKEN", "true")
            .env("QSL_ROOT_SHA256", around.root())
            .env("QSL_CONFIG_DIR", folder.path().join("config"))
            .env("QSL_TOKEN_DIR", folder.path().join("tokens"))
            .env("QSL_DELIVERY_TOKEN_FILE", folder.path().join("delivery"))
            .env("QSL_LISTEN", format!("127.0.0.1:{}", around.free_port()))
            .env("QSL_ADMIN_LISTEN", "127.0.0.1:0")
            .env("QSL_DRAIN_SECONDS", "5")
            .env("QSL_LOG", loudest),
    )
    .unwrap();

    // A good event reaches the application, one with a grant that is none the dead-letter queue.
    around.until("both messages are settled", || around.handled() == 1 && around.dead_letters() == 1).await;
    let delivery = std::fs::read_to_string(folder.path().join("delivery")).unwrap();
    assert_eq!(around.authorization(), format!("Bearer {delivery}"));

    // What the application posts leaves signed; what others post does not.
    let url = format!("http://127.0.0.1:{}/v1/events", around.free_port());
    let event = json!({"source": "qsl.lighthouse", "detailType": "Lamp.Lit.v2",
        "resource": "urn:qsl:lighthouse:lamp:l-9", "trace": {"correlationId": "story-17"},
        "detailCore": {"note": PAYLOAD}});
    let post = |token: String| reqwest::Client::new().post(&url).bearer_auth(token).json(&event).send();
    let strangers = "a-token-of-a-stranger-that-works-elsewhere";
    assert_eq!(post(strangers.to_owned()).await.unwrap().status(), 401);
    let answer = post(delivery.clone()).await.unwrap();
    assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    assert_eq!(around.published(), 1);
    around.refuse_to_sign();
    assert_eq!(post(delivery.clone()).await.unwrap().status(), 403);

    let arguments = program.arguments().unwrap();
    program.terminate().unwrap();
    let (ended, said) = program.ended().unwrap();
    assert!(ended.success(), "{ended}: {said}");
    let said = format!("{arguments}\n{said}");
    let expected = ["\"consuming\"", "GRANT_INVALID", "nothing was published", "aws_smithy_runtime", "\"draining\""];
    for line in expected {
        assert!(said.contains(line), "it did not say what it should have: {line} in {said}");
    }
    for (what, secret) in [
        ("the token for AWS", AWS_TOKEN),
        ("the key of the AWS session", AWS_SECRET_KEY),
        ("the token of the AWS session", AWS_SESSION_TOKEN),
        ("the token for the signature service", SIGN_TOKEN),
        ("the delivery token", delivery.as_str()),
        ("a stranger's token", strangers),
        ("the grant", GRANT),
        ("a payload", PAYLOAD),
    ] {
        assert_eq!(found(secret, &said), None, "{what} is in what it said");
    }
}
