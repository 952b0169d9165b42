//! Messages, one a line, each read when its turn comes.

use std::io::{BufRead as _, BufReader, Read};

use serde_json::error::Category;

use super::judge::Message;
use crate::failure::Failure;

/// The longest line. A body of the greatest size, every byte of it escaped, has less than half of this.
const LINE_BYTES: u64 = 16 * 1024 * 1024;

/// The lines of an input; blank ones are none.
pub struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    number: u64,
}

impl<R: Read> Lines<R> {
    /// From the first line on.
    pub const fn new(reader: BufReader<R>) -> Self {
        Self { reader, line: Vec::new(), number: 0 }
    }

    /// The next message, or nothing at the end.
    pub fn next(&mut self) -> Result<Option<Message>, Failure> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut bounded = (&mut self.reader).take(LINE_BYTES);
            let doing = format!("read line {}", self.number);
            let read = bounded.read_until(b'\n', &mut self.line).map_err(Failure::of(doing))?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == LINE_BYTES {
                return Err(Failure::Usage(format!("line {} has more than {LINE_BYTES} bytes", self.number)));
            }
            if !self.line.trim_ascii().is_empty() {
                return parse(self.line.trim_ascii_end())
                    .map(Some)
                    .map_err(|why| Failure::Usage(format!("line {}{why}", self.number)));
            }
        }
    }

    /// Whether the next line has yet to come from where the input is from.
    pub fn must_wait(&self) -> bool {
        self.reader.buffer().is_empty()
    }
}

/// What follows the words "line N" where it is no message.
fn parse(line: &[u8]) -> Result<Message, String> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let told = |error: &serde_json::Error| {
        let text = error.to_string();
        // Our lines are of one line each, so its "line 1" would only confuse.
        let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned();
        (reason, error.column(), error.classify())
    };
    let message = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        match told(error.inner()) {
            (reason, _, Category::Data) if field == "." => format!(": {reason}"),
            (reason, _, Category::Data) => format!(", field {field}: {reason}"),
            (reason, column, _) if field == "." || field == "?" => {
                format!(" is not JSON: {reason} at column {column}")
            }
            (reason, column, _) => format!(", field {field} is not JSON: {reason} at column {column}"),
        }
    })?;
    json.end().map_err(|error| {
        let (reason, column, _) = told(&error);
        format!(" is not JSON: {reason} at column {column}")
    })?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn lines(text: &str) -> Lines<&[u8]> {
        Lines::new(BufReader::with_capacity(7, text.as_bytes()))
    }

    fn fault(text: &str) -> String {
        lines(text).next().unwrap_err().to_string()
    }

    #[test]
    fn messages_come_one_after_another_and_blank_lines_are_none() {
        let mut lines =
            lines("{\"body\":\"a\",\"sentTimestampMs\":1}\n\n \r\n{\"body\":\"b\",\"sentTimestampMs\":2,\"name\":0}");
        let sent = |message: Option<Message>| message.map(|message| message.sent_timestamp_ms);
        assert_eq!(sent(lines.next().unwrap()), Some(1));
        assert_eq!(sent(lines.next().unwrap()), Some(2), "the last needs no end of line");
        assert_eq!(sent(lines.next().unwrap()), None);
    }

    #[test]
    fn a_fault_names_its_line_and_its_field() {
        for (text, told) in [
            ("nonsense\n", "line 1 is not JSON: expected ident at column 2"),
            ("\n{\"body\":\"a\",\"sentTimestampMs\":1", "line 2 is not JSON: EOF while parsing an object at column 31"),
            ("{\"body\":\"a\n", "line 1, field body is not JSON: EOF while parsing a string at column 10"),
            ("{\"body\":\"a\"}", "line 1: missing field `sentTimestampMs`"),
            ("{\"sentTimestampMs\":1}", "line 1: missing field `body`"),
            ("{\"body\":1,\"sentTimestampMs\":1}", "line 1, field body: invalid type: integer `1`, expected a text"),
            ("{\"body\":[1],\"sentTimestampMs\":1}", "line 1, field body: invalid type: sequence, expected a text"),
            (
                "{\"body\":\"a\",\"sentTimestampMs\":1.5}",
                "line 1, field sentTimestampMs: invalid type: floating point `1.5`, expected i64",
            ),
            (
                "{\"body\":\"a\",\"sentTimestampMs\":1,\"options\":{\"skew\":1}}",
                "line 1, field options.skew: unknown field `skew`, expected one of `requireEnvelopeHash`, `skewSeconds`, `allowedAlgorithms`",
            ),
            (
                "{\"body\":\"a\",\"sentTimestampMs\":1,\"options\":{\"allowedAlgorithms\":[\"none\"]}}",
                "line 1, field options.allowedAlgorithms[0]: unknown variant `none`, expected `Dilithium2` or `ML-DSA-44`",
            ),
            (
                "{\"body\":\"a\",\"sentTimestampMs\":1,\"attributes\":{\"x\":1}}",
                "line 1, field attributes.x: invalid type: integer `1`, expected a string",
            ),
            (
                "{\"body\":\"a\",\"sentTimestampMs\":1,\"inbox\":\"q\"}",
                "line 1, field inbox: queueArn: must be arn:PARTITION:sqs:REGION:ACCOUNT:NAME",
            ),
            ("{\"body\":\"a\",\"body\":\"b\",\"sentTimestampMs\":1}", "line 1: duplicate field `body`"),
            ("{\"body\":\"a\",\"sentTimestampMs\":1} {}", "line 1 is not JSON: trailing characters at column 34"),
            ("[]", "line 1: invalid length 0, expected struct Message with 5 elements"),
        ] {
            assert_eq!(fault(text), told, "{text}");
        }
    }

    #[test]
    fn a_line_without_end_is_not_read_to_its_end() {
        let endless = BufReader::new(std::io::repeat(b' '));
        let told = Lines::new(endless).next().unwrap_err().to_string();
        assert_eq!(told, "line 1 has more than 16777216 bytes");
    }

    #[test]
    fn half_of_a_surrogate_pair_is_a_body_all_the_same() {
        let message = lines(r#"{"body":"\ud800","sentTimestampMs":1}"#).next().unwrap().unwrap();
        assert!(std::str::from_utf8(&message.body.0).is_err());
    }
}
