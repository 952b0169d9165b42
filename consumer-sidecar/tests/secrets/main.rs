//! The sidecar as a process, between an AWS, a signature service and an application that keep what they are given: what
//! it says is searched for every secret that passed through it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod around;

use std::path::Path;

use eventing_process::testing::{Program, found};
use serde_json::json;
use sidecar_ground::until;

use around::{Around, GRANT, PAYLOAD, SECRETS};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_loudest_it_says_no_token_no_grant_and_no_payload() {
    let around = Around::start().await;
    let loudest = "trace,aws_smithy_runtime=trace,aws_config=trace,hyper=trace,h2=trace,reqwest=trace,rustls=trace";
    let path = Path::new(env!("CARGO_BIN_EXE_consumer-sidecar"));
    let program = Program::start(
        around
            .ground
            .sidecar(path, around.app_port)
            .env("QSL_REQUIRE_TOKEN", "true")
            .env("QSL_DRAIN_SECONDS", "5")
            .env("QSL_LOG", loudest),
    )
    .unwrap();

    // A good event reaches the application, one with a grant that is none the dead-letter queue.
    let ground = &around.ground;
    until("both messages are settled", || ground.sqs.state().deleted == 2).await.unwrap();
    let delivery = std::fs::read_to_string(ground.token_file()).unwrap();
    assert_eq!(around.handled(), [format!("Bearer {delivery}")]);
    assert_eq!(ground.sqs.dead_letters().len(), 1);

    // What the application posts leaves signed; what others post does not.
    let url = format!("http://{}/v1/events", ground.listen);
    let event = json!({"source": "qsl.lighthouse", "detailType": "Lamp.Lit.v2",
        "resource": "urn:qsl:lighthouse:lamp:l-9", "trace": {"correlationId": "story-17"},
        "detailCore": {"note": PAYLOAD}});
    let post = |token: String| reqwest::Client::new().post(&url).bearer_auth(token).json(&event).send();
    let strangers = "a-token-of-a-stranger-that-works-elsewhere";
    assert_eq!(post(strangers.to_owned()).await.unwrap().status(), 401);
    let answer = post(delivery.clone()).await.unwrap();
    assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    assert_eq!(ground.published.entries().len(), 1);
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
        ("the token for AWS", SECRETS.aws_token),
        ("the key of the AWS session", SECRETS.secret_key),
        ("the token of the AWS session", SECRETS.session_token),
        ("the token for the signature service", SECRETS.sign_token),
        ("the delivery token", delivery.as_str()),
        ("a stranger's token", strangers),
        ("the grant", GRANT),
        ("a payload", PAYLOAD),
    ] {
        assert_eq!(found(secret, &said), None, "{what} is in what it said");
    }
}
