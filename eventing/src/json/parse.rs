//! The strict pass: one walk over the bytes that stops at the first fault.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use super::plain::plain;
use super::{Fault, Json, Object, number, utf16_order};

/// How much is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of the whole text.
    pub bytes: usize,
    /// The depth of the deepest object or list; the outermost has 1.
    pub depth: usize,
}

impl Limits {
    /// A message body, and whatever is signed in one.
    pub const BODY: Self = Self { bytes: 1_048_576, depth: 64 };
    /// The header of a compact signature.
    pub const HEADER: Self = Self { bytes: 4_096, depth: 8 };
}

/// Reads one JSON value.
///
/// # Errors
/// The first fault in byte order; more bytes than the limit are told before any is read.
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Json<'_>, Fault> {
    if bytes.len() > limits.bytes {
        return Err(Fault::TooLarge);
    }
    // Where the UTF-8 breaks the text ends for us: a fault before it is found first, and the end there is one itself.
    let (text, broken) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, false),
        Err(error) => {
            let (valid, _) = bytes.split_at(error.valid_up_to());
            (std::str::from_utf8(valid).unwrap_or_default(), true)
        }
    };
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, depth: limits.depth, bent: 0 };
    let json = reader.value(1)?;
    reader.space();
    if broken || reader.at < reader.bytes.len() { Err(Fault::Malformed) } else { Ok(json) }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    /// Where the last spelling ended that may not be that of RFC 8785: what begins there or later, and is read by now, is
    /// its own canonical form.
    bent: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
            self.bent = self.at;
        }
    }

    /// Steps over the byte if it comes next.
    fn takes(&mut self, byte: u8) -> bool {
        let comes = self.peek() == Some(byte);
        self.at += usize::from(comes);
        comes
    }

    fn needs(&mut self, byte: u8) -> Result<(), Fault> {
        if self.takes(byte) { Ok(()) } else { Err(Fault::Malformed) }
    }

    /// Recursion is bounded by the depth that is taken.
    fn value(&mut self, depth: usize) -> Result<Json<'a>, Fault> {
        self.space();
        let first = self.peek().ok_or(Fault::Malformed)?;
        match first {
            b'{' | b'[' if depth > self.depth => Err(Fault::TooDeep),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Json::String),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(Fault::Malformed),
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, Fault> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(Fault::Malformed)
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json<'a>, Fault> {
        self.needs(b'[')?;
        let mut elements = Vec::new();
        self.space();
        if self.takes(b']') {
            return Ok(Json::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.space();
            if self.takes(b']') {
                return Ok(Json::Array(elements));
            }
            self.needs(b',')?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, Fault> {
        let start = self.at;
        self.needs(b'{')?;
        self.space();
        if self.takes(b'}') {
            return Ok(Json::Object(Object::default()));
        }
        let mut members = Members::new();
        loop {
            self.space();
            let name = members.admit(self.string()?)?;
            if !members.is_sorted {
                self.bent = self.at;
            }
            self.space();
            self.needs(b':')?;
            let value = self.value(depth + 1)?;
            members.list.push((name, value));
            self.space();
            if self.takes(b'}') {
                let spelled = self.text.get(start..self.at).filter(|_| self.bent <= start);
                return Ok(Json::Object(members.into_object(spelled)));
            }
            self.needs(b',')?;
        }
    }

    /// A text without escapes is where it was read from.
    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.needs(b'"')?;
        let run = self.run()?;
        if self.takes(b'"') {
            return Ok(Cow::Borrowed(run));
        }
        // Room for what is left of most texts, which would move as it grows.
        let mut out = String::with_capacity(run.len() + 64);
        out.push_str(run);
        loop {
            self.needs(b'\\')?;
            out.push(self.escaped()?);
            out.push_str(self.run()?);
            if self.takes(b'"') {
                return Ok(Cow::Owned(out));
            }
        }
    }

    /// What stands up to the next quote, backslash or control character, or the end.
    fn run(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        self.at += plain(self.bytes.get(start..).unwrap_or_default());
        // Both ends stand at an ASCII byte or at the end, so they are boundaries of characters.
        self.text.get(start..self.at).ok_or(Fault::Malformed)
    }

    fn escaped(&mut self) -> Result<char, Fault> {
        let byte = self.peek().ok_or(Fault::Malformed)?;
        self.at += 1;
        // RFC 8785 writes no slash so, and by number only the control characters that have no letter.
        if matches!(byte, b'/' | b'u') {
            self.bent = self.at;
        }
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.four_hex()?;
                let low = if (0xD800..0xDC00).contains(&high) {
                    self.needs(b'\\')?;
                    self.needs(b'u')?;
                    Some(self.four_hex()?)
                } else {
                    None
                };
                // A surrogate alone, or two that are no pair, is no character.
                char::decode_utf16([Some(high), low].into_iter().flatten())
                    .next()
                    .and_then(Result::ok)
                    .ok_or(Fault::Malformed)?
            }
            _ => return Err(Fault::Malformed),
        })
    }

    fn four_hex(&mut self) -> Result<u16, Fault> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Fault::Malformed)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Fault::Malformed);
        }
        self.at += 4;
        u16::from_str_radix(digits, 16).map_err(|_| Fault::Malformed)
    }

    fn number(&mut self) -> Result<Json<'a>, Fault> {
        let start = self.at;
        self.takes(b'-');
        if !self.takes(b'0') {
            self.digits()?;
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            let _ = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        let (number, is_canonical) = number::read(self.text.get(start..self.at).ok_or(Fault::Malformed)?)?;
        if !is_canonical {
            self.bent = self.at;
        }
        Ok(Json::Number(number))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Fault::Malformed) }
    }
}

/// The members of an object under way. While each name comes after the last, in the order of RFC 8785, none can be there
/// twice, and that is how most objects come. Otherwise few names are compared one by one, and many by a set.
struct Members<'a> {
    list: Vec<(Cow<'a, str>, Json<'a>)>,
    is_sorted: bool,
    names: Option<HashSet<Cow<'a, str>>>,
}

impl<'a> Members<'a> {
    const FEW: usize = 16;

    fn new() -> Self {
        Self { list: Vec::with_capacity(8), is_sorted: true, names: None }
    }

    /// Gives the name back, unless it was given before.
    fn admit(&mut self, name: Cow<'a, str>) -> Result<Cow<'a, str>, Fault> {
        let comes_after = self.list.last().is_none_or(|(last, _)| utf16_order(last, &name) == Ordering::Less);
        self.is_sorted &= comes_after;
        let is_new = if self.is_sorted {
            true
        } else if self.list.len() < Self::FEW {
            self.list.iter().all(|(other, _)| *other != name)
        } else {
            let list = &self.list;
            let names = self.names.get_or_insert_with(|| list.iter().map(|(other, _)| other.clone()).collect());
            names.insert(name.clone())
        };
        if is_new { Ok(name) } else { Err(Fault::DuplicateMember) }
    }

    fn into_object(self, spelled: Option<&'a str>) -> Object<'a> {
        if self.is_sorted { Object::from_sorted(self.list, spelled) } else { Object::from_unique(self.list) }
    }
}
