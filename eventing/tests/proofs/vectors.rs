//! Files of `tests/vectors/`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// A file, byte for byte.
pub(crate) fn read(name: &str) -> Vec<u8> {
    let path = format!("{}tests/vectors/{name}", env!("QSL_WORKSPACE"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The cases of a file that `tests/independent/known_answers.py` made.
pub(crate) fn cases<C: DeserializeOwned>(name: &str) -> Vec<C> {
    #[derive(Deserialize)]
    struct File<C> {
        cases: Vec<C>,
    }
    serde_json::from_slice::<File<C>>(&read(name)).unwrap().cases
}

/// Bytes that a file has in base64.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}
