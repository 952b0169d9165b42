//! `kubectl-qsl tail`. The test is the operator here.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::site::Site;

/// A tail under way.
struct Tail {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Tail {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, out: BufReader::new(out).lines(), err: BufReader::new(err).lines() }
    }

    fn shown(&mut self) -> Value {
        serde_json::from_str(&self.out.next().unwrap().unwrap()).unwrap()
    }

    fn said(&mut self) -> String {
        self.err.next().unwrap().unwrap()
    }
}

const BUS: &str = r"
apiVersion: eventing.qsl.dev/v1alpha1
kind: EventBus
metadata: {name: trams, namespace: depot}
spec: {busName: trams}
";

#[test]
fn a_tail_shows_what_arrives_with_its_verdict_and_leaves_its_inbox_to_expire() {
    let site = Site::start();
    site.kubectl().apply(BUS).unwrap();
    let arguments = ["tail", "depot/trams", "--source", "qsl.tram", "-o", "json"];
    let mut tail = Tail::start(site.started_by_the_administrator(&arguments));
    let said = tail.said();
    let name = said.strip_prefix("InboxQueue ops/").unwrap().split(' ').next().unwrap().to_owned();
    let made = site.object("inbox", "ops", &name);
    let spec = &made["spec"];
    assert_eq!((&spec["serviceAccounts"], &spec["queueName"]), (&json!(["qsl-tools"]), &json!(format!("qsl-{name}"))));
    assert_eq!(spec["subscriptions"][0]["busRef"], json!({"name": "trams", "namespace": "depot"}));
    assert_eq!(spec["subscriptions"][0]["eventPattern"], json!({"source": ["qsl.tram"]}));
    let expires = |object: &Value| -> jiff::Timestamp {
        object["metadata"]["annotations"]["eventing.qsl.dev/expires-at"].as_str().unwrap().parse().unwrap()
    };
    assert!(expires(&made) > jiff::Timestamp::now());
    assert_eq!(tail.said(), "Waiting for the operator to look at it");

    let url = site.make_queue(&format!("qsl-{name}"));
    site.write_entries("ops", &json!({format!("inbox_{name}"): site.inbox_entry("ops", &name, &url)}));
    let ready = json!({"type": "Ready", "status": "True", "reason": "Ready", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    site.write_status("ops", &name, &json!({"conditions": [ready]}));
    site.send(&url, &site.event(site.now), &[]);
    let shown = tail.shown();
    assert_eq!((&shown["verdict"], &shown["detailCore"]), (&json!("ok"), &json!({"stop": "harbour"})));
    site.send(&url, &site.event(site.now).replace("harbour", "airport"), &[]);
    let shown = tail.shown();
    assert_eq!((&shown["verdict"], &shown["code"]), (&json!("rejected"), &json!("PAYLOAD_MISMATCH")));

    // Ended by Ctrl-C, it leaves the deletion to the operator, at once.
    Command::new("kill").args(["-INT", &tail.child.id().to_string()]).status().unwrap();
    assert!(tail.child.wait().unwrap().success());
    assert!(expires(&site.object("inbox", "ops", &name)) <= jiff::Timestamp::now());
    site.stop();
}

#[test]
fn what_cannot_be_followed_is_said_before_anything_is_made() {
    let site = Site::start();
    for (arguments, said) in [
        (&["tail", "depot/none"][..], "there is no InboxQueue and no EventBus depot/none"),
        (&["tail", "depot/arrivals"], "no enabled EventRule that you can see targets InboxQueue depot/arrivals"),
        (&["tail", "depot/arrivals", "--source", "qsl.tram"], "--source and --detail-type go with a bus"),
        (&["tail", "depot/arrivals", "--for", "2days"], "must be between 1m and 24h"),
    ] {
        let answer = site.qsl(arguments);
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{arguments:?}: {}", answer.err);
        assert!(answer.err.contains(said), "{arguments:?}: {}", answer.err);
    }
    let inboxes = site.kubectl().run(["get", "inbox", "-A", "-o", "name"]).unwrap();
    assert_eq!(inboxes.trim(), "inboxqueue.eventing.qsl.dev/arrivals");
    site.stop();
}
