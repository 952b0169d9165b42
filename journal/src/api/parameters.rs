//! A query's parameters, each read once by its name. What is wrong, unknown or there twice is named in one problem: a
//! filter that is misspelt must not answer more than was asked for.

use std::collections::BTreeMap;
use std::fmt::Display;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use eventing_service::Problem;
use eventing_service::problem::FieldError;

/// Entries an answer holds unless asked for fewer.
const DEFAULT_LIMIT: usize = 100;
/// Entries an answer holds at most.
pub(super) const MAX_LIMIT: usize = 1_000;

/// What was given and not yet read, and what is wrong so far.
#[derive(Debug)]
pub(super) struct Parameters {
    given: BTreeMap<String, String>,
    wrong: Vec<FieldError>,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await?;
        Ok(Self::of(pairs))
    }
}

impl Parameters {
    fn of(pairs: Vec<(String, String)>) -> Self {
        let mut parameters = Self { given: BTreeMap::new(), wrong: Vec::new() };
        for (name, value) in pairs {
            if parameters.given.contains_key(&name) {
                parameters.is_wrong(&name, &"must be there once");
            } else {
                parameters.given.insert(name, value);
            }
        }
        parameters
    }

    /// Says that a parameter is wrong.
    pub(super) fn is_wrong(&mut self, name: &str, reason: &dyn Display) {
        self.wrong.push(FieldError { field: name.to_owned(), reason: reason.to_string() });
    }

    /// Reads one that may be absent.
    pub(super) fn read<T, E: Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let given = self.given.remove(name)?;
        parse(&given).inspect_err(|error| self.is_wrong(name, error)).ok()
    }

    /// Reads one that has to be there.
    pub(super) fn must<T, E: Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        if !self.given.contains_key(name) {
            self.is_wrong(name, &"is missing");
        }
        self.read(name, parse)
    }

    /// Reads a whole number.
    pub(super) fn number(&mut self, name: &str) -> Option<u64> {
        self.read(name, |text| text.parse().map_err(|_| "must be a whole number, 0 or more"))
    }

    /// Reads how many entries are wanted.
    pub(super) fn limit(&mut self) -> usize {
        let limit = self.read("limit", |text| match text.parse() {
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
            _ => Err(format!("must be from 1 to {MAX_LIMIT}")),
        });
        limit.unwrap_or(DEFAULT_LIMIT)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Names all that was wrong, and what nobody read.
    pub(super) fn end(self) -> Result<(), Problem> {
        self.end_with(Some(()))
    }

    /// Ends the reading with what it was about, which is there unless something is wrong.
    ///
    /// # Errors
    /// Names all that was wrong, and what nobody read.
    pub(super) fn end_with<T>(mut self, read: Option<T>) -> Result<T, Problem> {
        for name in std::mem::take(&mut self.given).into_keys() {
            self.is_wrong(&name, &"is no parameter here");
        }
        match read {
            Some(read) if self.wrong.is_empty() => Ok(read),
            _ => Err(Problem::bad_request("QUERY_INVALID", "The query is not valid.").with_fields(self.wrong)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Parameters {
        Parameters::of(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn wrong(parameters: Parameters) -> Vec<(String, String)> {
        let problem = parameters.end().unwrap_err();
        problem.errors().iter().map(|error| (error.field.clone(), error.reason.clone())).collect()
    }

    #[test]
    fn what_is_given_is_read_and_the_rest_has_its_default() {
        let mut parameters = given(&[("after", "7"), ("limit", "1000")]);
        assert_eq!((parameters.number("after"), parameters.number("wait")), (Some(7), None));
        assert_eq!(parameters.limit(), 1_000);
        assert!(parameters.end().is_ok());
        assert_eq!(given(&[]).limit(), DEFAULT_LIMIT);
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let mut parameters = given(&[("after", "-1"), ("limit", "0"), ("limit", "5"), ("usr", "ada")]);
        let _ = (parameters.number("after"), parameters.limit(), parameters.must("user", |text| text.parse::<String>()));
        let expected = [
            ("limit", "must be there once"),
            ("after", "must be a whole number, 0 or more"),
            ("limit", "must be from 1 to 1000"),
            ("user", "is missing"),
            ("usr", "is no parameter here"),
        ];
        assert_eq!(wrong(parameters), expected.map(|(field, reason)| (field.to_owned(), reason.to_owned())));
    }
}
