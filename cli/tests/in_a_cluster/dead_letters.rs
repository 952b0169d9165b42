//! `kubectl-qsl dlq`.

use serde_json::json;

use crate::lines;
use crate::site::Site;

#[test]
fn dead_letters_are_listed_brought_back_and_dropped_with_the_account_s_tokens_alone() {
    let site = Site::start();
    let (now, late) = (site.now, site.now.plus_millis(-1_800_000));
    let noted = now.0.to_string();

    // One that goes back, one that came too late, one that is none.
    let good = site.event(now);
    site.put(&good, &[("qsl.code", "HANDLER_EXHAUSTED"), ("qsl.sentAt", &noted), ("qsl.redrives", "1")]);
    site.put(&site.event(late), &[("ERROR_CODE", "THROTTLING"), ("RULE_ARN", "arn:aws:events:eu-west-1:1:rule/r")]);
    site.put("no event", &[("qsl.code", "BODY_MALFORMED")]);
    let answer = site.qsl(&["dlq", "redrive", "depot/arrivals"]);
    assert_eq!((answer.code, answer.err.as_str()), (3, "1 sent, 2 left, 0 not meant.\n"), "{}", answer.out);
    let told = lines(&answer.out);
    let told_of = |code: &str| told.iter().find(|line| line["deadFor"] == code).unwrap().clone();
    let sent = told_of("HANDLER_EXHAUSTED");
    assert_eq!((&sent["outcome"], &sent["redrives"]), (&json!("sent"), &json!(2)));
    assert_eq!(told_of("THROTTLING")["code"], "TIMESTAMP_SKEW");
    assert_eq!(told_of("BODY_MALFORMED")["code"], "BODY_MALFORMED");

    // The inbox holds the event as it was, with a grant that its consumers take.
    let received = site.receive();
    let attribute = |name: &str| received.1.get(name).unwrap().to_owned();
    assert_eq!(
        (received.0.as_str(), attribute("qsl.sentAt"), attribute("qsl.redrives")),
        (&*good, noted, "2".to_owned())
    );
    assert_eq!(site.verify(&received.0, received.1.clone()).unwrap().sent_at, now);

    // What was received just now is hidden; what comes since is seen.
    let answer = site.qsl(&["dlq", "list", "arrivals", "-n", "depot"]);
    assert_eq!((answer.code, answer.out.as_str()), (0, ""));
    assert!(answer.err.starts_with("About 2 more are not shown"), "{}", answer.err);
    site.put(&site.event(late), &[("qsl.code", "TIMESTAMP_SKEW"), ("qsl.sentAt", &now.0.to_string())]);
    let answer = site.qsl(&["dlq", "list", "depot/arrivals", "-o", "json", "--code", "TIMESTAMP_SKEW"]);
    let listed = lines(&answer.out);
    assert_eq!((listed.len(), &listed[0]["redrive"]["verdict"]), (1, &json!("TIMESTAMP_SKEW")), "{}", answer.err);
    assert_eq!((&listed[0]["writer"], &listed[0]["correlationId"]), (&json!("consumer"), &json!("line-7")));

    // Late, and taken at its own time.
    let body = site.event(late);
    site.put(&body, &[("qsl.code", "TIMESTAMP_SKEW"), ("qsl.sentAt", &now.0.to_string())]);
    let unasked = site.qsl(&["dlq", "redrive", "depot/arrivals", "--accept-late"]);
    assert_eq!(unasked.code, 2);
    assert!(unasked.err.contains("which you vouch for. Nobody is there to be asked: --yes agrees"), "{}", unasked.err);
    let answer = site.qsl(&["dlq", "redrive", "depot/arrivals", "--accept-late", "--yes"]);
    assert_eq!((answer.code, &lines(&answer.out)[0]["acceptedLate"]), (0, &json!(true)), "{}", answer.err);
    let received = site.receive();
    assert_eq!((received.0, received.1["qsl.sentAt"].clone()), (body, late.0.to_string()));

    site.put("no event", &[("qsl.code", "BODY_MALFORMED")]);
    let answer = site.qsl(&["dlq", "drop", "depot/arrivals", "--code", "BODY_MALFORMED", "--yes"]);
    assert_eq!((answer.code, answer.err.as_str()), (0, "1 dropped, 0 not meant.\n"), "{}", answer.out);
    assert_eq!(site.dead_letters(), 3, "what was left, and what was only looked at");

    let asked = site.service.asked();
    let subject = "system:serviceaccount:ops:qsl-tools";
    assert!(asked.iter().all(|asked| asked == &(subject.to_owned(), "signature-service.eventing.qsl.dev".to_owned())));
    assert_eq!(asked.len(), 2, "one grant for each that was sent");
    assert_eq!(site.forwards(), 2, "and nobody is reached where nothing is granted");
    site.stop();
}

#[test]
fn who_may_not_act_as_the_account_hears_what_is_missing() {
    let site = Site::start();
    let answer = site.qsl_as_stranger(&["dlq", "list", "depot/arrivals"]);
    assert_eq!((answer.code, answer.out.as_str()), (1, ""));
    for part in ["cannot read InboxQueue depot/arrivals", "ask for that right (RBAC)"] {
        assert!(answer.err.contains(part), "{part}: {}", answer.err);
    }
    site.allow_the_stranger_to_read();
    let answer = site.qsl_as_stranger(&["dlq", "list", "depot/arrivals"]);
    assert_eq!((answer.code, answer.out.as_str()), (1, ""));
    for part in ["ops/qsl-tools", "serviceaccounts/token"] {
        assert!(answer.err.contains(part), "{part}: {}", answer.err);
    }
    let answer = site.qsl(&["dlq", "list", "depot/departures"]);
    assert_eq!((answer.code, answer.out.as_str()), (2, ""));
    assert!(answer.err.contains("inboxqueues.eventing.qsl.dev \"departures\" not found"), "{}", answer.err);
    site.stop();
}
