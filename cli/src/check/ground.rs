//! What an installation stands on: the version of Kubernetes, and clocks that agree.

use std::time::Duration;

use eventing::time::Millis;
use http::HeaderMap;
use k8s_openapi::apimachinery::pkg::version::Info;
use kube::Client;
use kube::client::Body;

use super::report::{Finding, Looked, Verdict, stop};
use crate::failure::Failure;

/// The oldest Kubernetes: native sidecars, and the conditions by which a webhook is asked.
const OLDEST: (u32, u32) = (1, 30);
/// How far clocks may be apart, in milliseconds. An event may be signed five minutes off; this warns before.
const APART: u64 = 30_000;
/// How long AWS may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether this Kubernetes is new enough.
pub async fn kubernetes(client: &Client) -> Looked {
    let info = client.apiserver_version().await.map_err(stop("ask the API server for its version"))?;
    Ok(version(&info))
}

fn version(info: &Info) -> Verdict {
    // Some clouds say "30+".
    let number = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().ok();
    let (major, minor) = OLDEST;
    match number(&info.major).zip(number(&info.minor)) {
        Some(version) if version >= OLDEST => Verdict::Well(format!("{} has native sidecars", info.git_version)),
        Some(_) => Verdict::Ill(vec![Finding::about(
            "APIServer",
            "",
            "kubernetes",
            "KubernetesTooOld",
            format!("it is {}, which has no native sidecars that can be relied on", info.git_version),
            format!("upgrade the cluster to {major}.{minor} or later"),
        )]),
        None => Verdict::Unseen(format!("the API server says its version is {}", info.git_version)),
    }
}

/// Whether this machine and the API server have the same time.
pub async fn clock(client: &Client) -> Looked {
    let wrong = |error: http::Error| Failure::Usage(error.to_string());
    let request = http::Request::get("/version").body(Body::empty()).map_err(wrong)?;
    let before = Millis::now();
    let answer = client.send(request).await.map_err(stop("ask the API server for its time"))?;
    Ok(judge("the API server", answer.headers(), before, Millis::now()))
}

/// Whether AWS has the same time, as far as it is reached from here: its endpoint is asked for nothing.
pub async fn clock_of_aws() -> Looked {
    let named = std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty());
    let endpoint = named.unwrap_or_else(|| "https://sts.amazonaws.com".to_owned());
    let unseen = |error: reqwest::Error| Verdict::Unseen(format!("AWS is not reached from here: {error}"));
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build();
    let http = match http {
        Ok(http) => http,
        Err(error) => return Ok(unseen(error)),
    };
    let before = Millis::now();
    Ok(match http.head(&endpoint).send().await {
        Ok(answer) => judge("AWS", answer.headers(), before, Millis::now()),
        Err(error) => unseen(error),
    })
}

/// Their time is told to the second: it lies within the second that it names.
fn judge(whose: &str, headers: &HeaderMap, before: Millis, after: Millis) -> Verdict {
    let told = headers.get(http::header::DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let told = told.and_then(|told| told.duration_since(std::time::UNIX_EPOCH).ok());
    let Some(theirs) = told.and_then(|told| i64::try_from(told.as_secs()).ok()) else {
        return Verdict::Unseen(format!("{whose} does not say what time it has"));
    };
    let first = Millis::from_seconds(theirs);
    let last = first.plus_millis(999);
    let (apart, way) = if last < before {
        (last.distance(before), "before")
    } else if after < first {
        (after.distance(first), "after")
    } else {
        (0, "at")
    };
    if apart <= APART {
        return Verdict::Well(format!("{whose} and this machine agree"));
    }
    Verdict::Ill(vec![Finding::about(
        "Clock",
        "",
        &whose.replace("the ", "").replace(' ', "-"),
        "ClockSkew",
        format!("{whose} has a time {} s {way} this machine's", apart / 1_000),
        "set the clock that is wrong (NTP, chrony): events are refused that are signed more than five minutes off, and so \
         are requests to AWS"
            .to_owned(),
    )])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_kubernetes_without_native_sidecars_is_too_old() {
        let of = |major: &str, minor: &str| {
            version(&Info { major: major.to_owned(), minor: minor.to_owned(), ..Info::default() })
        };
        for (major, minor, is_well) in
            [("1", "30", true), ("1", "34+", true), ("2", "0", true), ("1", "29", false), ("1", "9+", false)]
        {
            assert_eq!(matches!(of(major, minor), Verdict::Well(_)), is_well, "{major}.{minor}");
            assert_eq!(matches!(of(major, minor), Verdict::Ill(_)), !is_well, "{major}.{minor}");
        }
        assert!(matches!(of("", "x"), Verdict::Unseen(_)));
    }

    #[test]
    fn clocks_that_are_apart_are_told_with_the_way() {
        // 12:00:00 to the second.
        let headers: HeaderMap =
            [(http::header::DATE, HeaderValue::from_static("Fri, 27 Nov 2026 12:00:00 GMT"))].into_iter().collect();
        let noon = 1_795_780_800_000;
        let told = |at: i64| match judge("AWS", &headers, Millis(at), Millis(at + 40)) {
            Verdict::Ill(found) => found.first().unwrap().note.clone(),
            Verdict::Well(_) => "well".to_owned(),
            Verdict::Unseen(why) => why,
        };
        for (at, said) in [
            (noon, "well"),
            (noon + 30_999, "well"),
            (noon - 30_040, "well"),
            (noon + 31_999, "AWS has a time 31 s before this machine's"),
            (noon - 31_040, "AWS has a time 31 s after this machine's"),
        ] {
            assert_eq!(told(at), said, "{at}");
        }
        assert!(matches!(judge("AWS", &HeaderMap::new(), Millis(0), Millis(1)), Verdict::Unseen(_)));
    }
}
