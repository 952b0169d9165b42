//! Server-sent events in bytes: a block is made once and shared by all clients that get it; before it stands the one line
//! that differs, its id.

use bytes::Bytes;

/// What stands before and behind the data of a block.
const BEFORE: &str = "event: event\ndata: ";
const BEHIND: &str = "\n\n";
/// The end of an HTTP/1.1 chunk. It is kept with the block, so that a chunk is two pieces of memory and not three.
const CHUNK_END: &str = "\r\n";

/// A block without its id line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block(Bytes);

impl Block {
    /// A block of one name and one line of data.
    pub fn named(name: &str, data: &str) -> Self {
        Self(format!("event: {name}\ndata: {data}{BEHIND}{CHUNK_END}").into())
    }

    /// A comment: nothing for the client but the id before it, the place to come back to.
    pub const fn comment() -> Self {
        Self(Bytes::from_static(b":\n\n\r\n"))
    }

    /// A comment that says after how many milliseconds to come back.
    pub fn retry(millis: u64) -> Self {
        Self(format!("retry: {millis}\n:{BEHIND}{CHUNK_END}").into())
    }

    /// The block as it stands in a body.
    pub fn lines(&self) -> Bytes {
        self.0.slice(..self.0.len().saturating_sub(CHUNK_END.len()))
    }

    /// The block as the end of a chunk.
    pub fn end_of_chunk(&self) -> Bytes {
        self.0.clone()
    }

    /// Bytes of the block.
    pub fn size(&self) -> usize {
        self.0.len().saturating_sub(CHUNK_END.len())
    }
}

/// The JSON of an event, inside of the block in which it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(Block);

impl Json {
    /// The block.
    pub fn block(&self) -> &Block {
        &self.0
    }

    /// Writes `value`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn of(value: &impl serde::Serialize) -> serde_json::Result<Self> {
        let mut bytes = BEFORE.as_bytes().to_vec();
        serde_json::to_writer(&mut bytes, value)?;
        for byte in bytes.iter_mut().skip(BEFORE.len()) {
            // In JSON a line ends between tokens alone, where a space is as good; in a block it would end the data.
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        bytes.extend_from_slice(BEHIND.as_bytes());
        bytes.extend_from_slice(CHUNK_END.as_bytes());
        Ok(Self(Block(bytes.into())))
    }
}

impl AsRef<str> for Json {
    fn as_ref(&self) -> &str {
        let Self(Block(bytes)) = self;
        let end = bytes.len().saturating_sub(BEHIND.len() + CHUNK_END.len());
        // It was written by serde_json, so it is text.
        bytes.get(BEFORE.len()..end).and_then(|json| std::str::from_utf8(json).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn a_block_is_what_the_standard_says_and_a_chunk_has_its_end_too() {
        let json = Json::of(&serde_json::json!({"a": "b\n"})).unwrap();
        assert_eq!(json.as_ref(), r#"{"a":"b\n"}"#);
        assert_eq!(json.block().lines(), "event: event\ndata: {\"a\":\"b\\n\"}\n\n");
        assert_eq!(json.block().end_of_chunk(), "event: event\ndata: {\"a\":\"b\\n\"}\n\n\r\n");
        assert_eq!(json.block().size(), json.block().lines().len());
        assert_eq!(Block::named("reset", "{}").lines(), "event: reset\ndata: {}\n\n");
        assert_eq!(Block::comment().lines(), ":\n\n");
        assert_eq!(Block::retry(1_500).lines(), "retry: 1500\n:\n\n");
    }

    #[test]
    fn a_payload_with_lines_stays_one_line_and_the_same_json() {
        let raw = RawValue::from_string("{\n  \"a\":\r\n1}".to_owned()).unwrap();
        let json = Json::of(&raw).unwrap();
        assert_eq!(json.as_ref().lines().count(), 1);
        assert_eq!(serde_json::from_str::<serde_json::Value>(json.as_ref()).unwrap(), serde_json::json!({"a": 1}));
    }
}
