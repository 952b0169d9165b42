//! Who may speak to the loopback API: a process of this pod, not a browser page that found a way to loopback.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};

use crate::problem::Problem;

/// Refuses a request that a browser could have been made to send.
///
/// # Errors
/// 403, with what was wrong.
pub fn check(headers: &HeaderMap) -> Result<(), Problem> {
    let forbidden = |code, detail| Problem::new(StatusCode::FORBIDDEN, code, detail);
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|value| value.to_str().ok());
    if hosts.next().is_some() || !host.is_some_and(is_loopback) {
        return Err(forbidden("HOST_NOT_LOOPBACK", "Host must be localhost or a loopback address"));
    }
    if headers.contains_key(ORIGIN) {
        return Err(forbidden("ORIGIN_NOT_ALLOWED", "a request with an Origin is a browser's, and refused"));
    }
    Ok(())
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            return is_port(port) && address.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| ip.is_loopback());
        }
        None => match host.split_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback_has_these_names() {
        for good in ["localhost", "LocalHost:15080", "127.0.0.1", "127.0.0.1:15080", "127.9.9.9", "[::1]", "[::1]:80"] {
            assert!(is_loopback(good), "{good}");
        }
    }

    #[test]
    fn and_no_others() {
        for bad in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "[::1]x",
            "localhost:80:80",
            "localhost:x",
            "2130706433",
            "::1",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }
}
