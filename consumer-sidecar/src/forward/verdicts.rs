//! What the application made of each event of a request: its 2xx answer, which may hold a verdict for each.
//!
//! ```json
//! {"events": [{"status": 204}, {"status": 503, "retryAfterSeconds": 30}, {"status": 422}]}
//! ```
//! The verdicts stand in the order of the events, and each `status` counts as the answer to a request of that event
//! alone would. One that is missing, or cannot be read, is a retry. An answer without `events` accepts all.

use std::time::Duration;

use eventing::consumer::HandlerAnswer;
use serde::Deserialize;
use serde_json::Value;

/// The most bytes of an answer that are read.
const ANSWER: usize = 1024 * 1024;
/// The status that says that verdicts are within.
const MULTI_STATUS: u16 = 207;

/// One verdict.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    status: u16,
    #[serde(default)]
    retry_after_seconds: Option<u64>,
}

/// Reads an answer's body, as far as it is looked at.
///
/// # Errors
/// When it does not come.
pub(super) async fn read(mut response: reqwest::Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > ANSWER {
            // What is longer than verdicts can be is cut, and is JSON no more.
            body.extend(chunk.iter().take(ANSWER - body.len()));
            break;
        }
        body.extend(chunk);
    }
    Ok(body)
}

/// The answer for each of so many events, out of a 2xx.
pub(super) fn of(status: u16, body: &[u8], events: usize) -> Vec<HandlerAnswer> {
    let unread = |why: &str| vec![HandlerAnswer::Retry(format!("the handler's answer {why}")); events];
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    let verdicts = match answer.as_ref().and_then(|answer| answer.get("events")) {
        Some(Value::Array(verdicts)) if verdicts.len() <= events => verdicts,
        // Whose they are cannot be told.
        Some(Value::Array(_)) => return unread("has more verdicts than there were events"),
        Some(_) => return unread("has no list of verdicts in `events`"),
        None if status == MULTI_STATUS => return unread("is a 207 without a list of verdicts in `events`"),
        // It meant to say more, and was cut.
        None if answer.is_none() && body.trim_ascii_start().starts_with(b"{") => {
            return unread("is not JSON to its end");
        }
        None => return vec![HandlerAnswer::Done; events],
    };
    (0..events).map(|at| one(verdicts.get(at))).collect()
}

fn one(verdict: Option<&Value>) -> HandlerAnswer {
    let Some(verdict) = verdict else {
        return HandlerAnswer::Retry("the handler's answer has no verdict for the event".to_owned());
    };
    match Verdict::deserialize(verdict) {
        Ok(Verdict { status, retry_after_seconds }) if (200..600).contains(&status) => {
            HandlerAnswer::from_status(status, retry_after_seconds.map(Duration::from_secs))
        }
        _ => HandlerAnswer::Retry("the handler's verdict has no `status` of 200 to 599".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Vec<HandlerAnswer> {
        of(status, body.as_bytes(), 3)
    }

    fn is_retry(answer: &HandlerAnswer) -> bool {
        matches!(answer, HandlerAnswer::Retry(_))
    }

    #[test]
    fn a_plain_2xx_accepts_all() {
        for body in ["", "OK", "[]", "1", r#"{"ok":true}"#, r#"["events"]"#] {
            assert_eq!(judged(200, body), [HandlerAnswer::Done, HandlerAnswer::Done, HandlerAnswer::Done], "{body}");
        }
    }

    #[test]
    fn each_event_has_its_own_verdict_in_their_order() {
        let body = r#"{"events":[{"status":204},{"status":503,"retryAfterSeconds":30},{"status":422,"why":"x"}]}"#;
        let status = |status, seconds: Option<u64>| HandlerAnswer::Status {
            status,
            retry_after: seconds.map(Duration::from_secs),
        };
        for answered in [200, 207] {
            assert_eq!(judged(answered, body), [HandlerAnswer::Done, status(503, Some(30)), status(422, None)]);
        }
    }

    #[test]
    fn what_is_missing_or_cannot_be_read_is_a_retry() {
        let missing = judged(200, r#"{"events":[{"status":204}]}"#);
        assert_eq!(missing.iter().map(is_retry).collect::<Vec<_>>(), [false, true, true]);
        for verdict in ["null", "204", "{}", r#"{"status":"204"}"#, r#"{"status":102}"#, r#"{"status":700}"#] {
            let judged = judged(200, &format!(r#"{{"events":[{{"status":204}},{verdict},{{"status":204}}]}}"#));
            assert_eq!(judged.iter().map(is_retry).collect::<Vec<_>>(), [false, true, false], "{verdict}");
        }
        let too_many = r#"{"events":[{"status":204},{"status":204},{"status":204},{"status":204}]}"#;
        for (status, body) in
            [(200, r#"{"events":{}}"#), (200, r#"{"events":[{"status":204}"#), (200, too_many), (207, ""), (207, "[]")]
        {
            assert!(judged(status, body).iter().all(is_retry), "{status} {body}");
        }
    }
}
