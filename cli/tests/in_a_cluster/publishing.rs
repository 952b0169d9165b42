//! `kubectl-qsl publish`.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::lines;
use crate::site::Site;

#[test]
fn what_is_published_is_signed_for_the_account_and_reaches_the_bus() {
    let site = Site::start();
    site.make_bus();
    let event = |source: &str| {
        json!({"source": source, "detailType": "Tram.Left.v1", "resource": "urn:qsl:depot:tram:7",
            "trace": {"correlationId": "line-7"}, "detailCore": {"stop": "harbour"}})
    };
    let write = |name: &str, events: &Value| {
        let path = site.path(name);
        fs::write(&path, events.to_string()).unwrap();
        path
    };
    let (good, other) = (write("good.json", &event("qsl.tram")), write("other.json", &event("qsl.rail")));
    let publish = |file: &str, account: &str, more: &[&str]| {
        site.qsl(&[&["publish", "city/trams", file, "--as", account], more].concat())
    };

    let answer = publish(&good, "depot/driver", &["--idempotency-key", "first"]);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{}", answer.out);
    let told = lines(&answer.out);
    assert_eq!((told.len(), &told[0]["outcome"]), (1, &json!("published")));
    let (body, _) = site.receive();
    let verified = site.verify(&body, BTreeMap::new()).unwrap();
    assert_eq!((verified.detail_core.as_str(), verified.has_env), (r#"{"stop":"harbour"}"#, true));
    assert_eq!(site.service.asked()[0].0, "system:serviceaccount:depot:driver");

    let again = publish(&good, "depot/driver", &["--idempotency-key", "first"]);
    assert_eq!(lines(&again.out)[0]["jti"], told[0]["jti"], "the same key is the same event");
    assert_eq!(site.verify(&site.receive().0, BTreeMap::new()).unwrap().event_key, verified.event_key);

    for (file, account, code, said) in [
        (
            other.as_str(),
            "depot/driver",
            2,
            "source qsl.rail is not among those that EventBus city/trams grants driver",
        ),
        (&good, "depot/stranger", 2, "spec.publishers[] does not name stranger"),
        (&good, "ops/qsl-tools", 2, "configmaps \"qsl-eventing\" not found"),
    ] {
        let answer = publish(file, account, &[]);
        assert_eq!((answer.code, answer.out.as_str()), (code, ""), "{account}: {}", answer.err);
        assert!(answer.err.contains(said), "{account}: {}", answer.err);
    }
    assert_eq!(site.service.asked().len(), 2, "nothing else was signed");
    site.stop();
}
