//! `NAMESPACE/NAME`, and NAME where a namespace is known.

use std::fmt;
use std::str::FromStr;

use eventing::types::BusId;

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl FromStr for ServiceAccount {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err("must be NAMESPACE/NAME of a service account, such as qsl-system/qsl-tools".to_owned()),
        }
    }
}

impl fmt::Display for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// An object that is named `NAME`, of the namespace at hand, or `NAMESPACE/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named(String);

impl FromStr for Named {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let whole = if text.contains('/') { text.to_owned() } else { format!("default/{text}") };
        match whole.parse::<BusId>() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err("must be NAME or NAMESPACE/NAME of an object".to_owned()),
        }
    }
}

impl Named {
    /// Its namespace, which is `own` where none is named, and its name.
    pub fn within(&self, own: &str) -> (String, String) {
        let (namespace, name) = self.0.split_once('/').unwrap_or((own, &self.0));
        (namespace.to_owned(), name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_a_namespace_and_an_object_may_have_one() {
        let account: Result<ServiceAccount, _> = "ops/qsl-tools".parse();
        assert_eq!(account.map(|account| account.to_string()), Ok("ops/qsl-tools".to_owned()));
        for bad in ["qsl-tools", "/a", "a/", "a/b/c", ""] {
            assert!(bad.parse::<ServiceAccount>().is_err(), "{bad}");
        }
        let within = |text: &str| text.parse::<Named>().map(|named| named.within("yard"));
        assert_eq!(within("arrivals"), Ok(("yard".to_owned(), "arrivals".to_owned())));
        assert_eq!(within("depot/arrivals"), Ok(("depot".to_owned(), "arrivals".to_owned())));
        for bad in ["", "a/", "/a", "a/b/c", "A/b"] {
            assert!(within(bad).is_err(), "{bad}");
        }
    }
}
