//! Errors of the API server's client without what was read: the parser quotes the value that it did not expect, which
//! may be of a Secret or a token.

use kube::runtime::watcher;
use serde::de::Error as _;

/// An error that may quote what was read.
pub trait Unquoted: Sized {
    /// The same error, which quotes nothing.
    #[must_use]
    fn unquoted(self) -> Self;
}

impl Unquoted for kube::Error {
    fn unquoted(self) -> Self {
        match self {
            Self::SerdeError(error) => {
                let (line, column) = (error.line(), error.column());
                Self::SerdeError(serde_json::Error::custom(format_args!(
                    "not of the expected form at line {line} column {column}"
                )))
            }
            // To be seen by `Debug` alone, but there it has all bytes.
            Self::FromUtf8(error) => {
                let at = error.utf8_error().valid_up_to();
                Self::SerdeError(serde_json::Error::custom(format_args!("not UTF-8 at byte {at}")))
            }
            other => other,
        }
    }
}

impl Unquoted for watcher::Error {
    fn unquoted(self) -> Self {
        match self {
            Self::InitialListFailed(error) => Self::InitialListFailed(error.unquoted()),
            Self::WatchStartFailed(error) => Self::WatchStartFailed(error.unquoted()),
            Self::WatchFailed(error) => Self::WatchFailed(error.unquoted()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use k8s_openapi::api::core::v1::Secret;

    use super::*;

    const PLANTED: &str = "cGxhbnRlZC1wcml2YXRlLWtleQ==";

    fn of_a_secret(data: &serde_json::Value) -> kube::Error {
        let text = serde_json::json!({"data": data}).to_string();
        kube::Error::SerdeError(serde_json::from_str::<Secret>(&text).unwrap_err())
    }

    #[test]
    fn the_value_that_was_not_expected_is_not_quoted() {
        for data in [serde_json::json!(PLANTED), serde_json::json!({"private": 7, "public": PLANTED})] {
            let error = of_a_secret(&data).unquoted();
            assert!(error.to_string().contains("line 1 column"), "{error}");
            assert!(!format!("{error} {error:?}").contains(PLANTED), "{error:?}");
        }
        // What the parser says by itself, or this shows nothing.
        assert!(of_a_secret(&serde_json::json!(PLANTED)).to_string().contains(PLANTED));
        let watched = watcher::Error::InitialListFailed(of_a_secret(&serde_json::json!(PLANTED))).unquoted();
        assert!(!format!("{watched} {watched:?}").contains(PLANTED), "{watched:?}");
    }

    #[test]
    fn what_is_no_text_is_not_shown_as_bytes() {
        let bytes = [PLANTED.as_bytes(), b"\xff"].concat();
        let error = kube::Error::FromUtf8(String::from_utf8(bytes).unwrap_err()).unquoted();
        assert!(!format!("{error:?}").contains("99, 71"), "{error:?}");
        assert!(error.to_string().contains("byte 28"), "{error}");
    }
}
