//! RFC 8785: one spelling for one value. Numbers are written as ECMAScript does, by `ryu-js`.

use super::plain::plain;
use super::{Json, Object};

pub(super) fn to_bytes(json: &Json) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(json, &mut out);
    out
}

/// Of members in their order.
pub(super) fn object_to_bytes<'j>(members: impl IntoIterator<Item = (&'j str, &'j Json<'j>)>) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write_object(members, &mut out);
    out
}

pub(super) fn is(json: &Json, bytes: &[u8]) -> bool {
    let mut expected = Expected { rest: Some(bytes) };
    write(json, &mut expected);
    expected.rest.is_some_and(<[u8]>::is_empty)
}

/// Where the spelling goes.
trait Out {
    fn put(&mut self, bytes: &[u8]);
}

impl Out for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// What must come yet; nothing more once something else came.
struct Expected<'a> {
    rest: Option<&'a [u8]>,
}

impl Out for Expected<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.rest = self.rest.and_then(|rest| rest.strip_prefix(bytes));
    }
}

fn write(json: &Json, out: &mut impl Out) {
    match json {
        Json::Null => out.put(b"null"),
        Json::Bool(true) => out.put(b"true"),
        Json::Bool(false) => out.put(b"false"),
        Json::Number(number) => write_number(*number, out),
        Json::String(text) => write_string(text, out),
        Json::Array(elements) => {
            out.put(b"[");
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    out.put(b",");
                }
                write(element, out);
            }
            out.put(b"]");
        }
        Json::Object(Object { spelled: Some(text), .. }) => out.put(text.as_bytes()),
        Json::Object(object) => write_object(object.iter(), out),
    }
}

fn write_object<'j>(members: impl IntoIterator<Item = (&'j str, &'j Json<'j>)>, out: &mut impl Out) {
    out.put(b"{");
    for (at, (name, value)) in members.into_iter().enumerate() {
        if at > 0 {
            out.put(b",");
        }
        write_string(name, out);
        out.put(b":");
        write(value, out);
    }
    out.put(b"}");
}

fn write_number(number: f64, out: &mut impl Out) {
    // Small integers, as most numbers are, have one spelling in every language.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what does not come back is not taken")]
    let integer = number as u32;
    if f64::from(integer).to_bits() == number.to_bits() {
        write_integer(integer, out);
    } else {
        out.put(ryu_js::Buffer::new().format(number).as_bytes());
    }
}

fn write_integer(mut integer: u32, out: &mut impl Out) {
    let mut digits = [b'0'; 10];
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        // A remainder of ten fits any integer.
        *digit += u8::try_from(integer % 10).unwrap_or_default();
        integer /= 10;
        length += 1;
        if integer == 0 {
            break;
        }
    }
    out.put(digits.get(digits.len() - length..).unwrap_or_default());
}

fn write_string(text: &str, out: &mut impl Out) {
    out.put(b"\"");
    let mut rest = text.as_bytes();
    // What needs no escape is copied in runs.
    loop {
        let (run, escaped) = rest.split_at_checked(plain(rest)).unwrap_or((rest, &[]));
        out.put(run);
        let Some((byte, after)) = escaped.split_first() else { break };
        write_escape(*byte, out);
        rest = after;
    }
    out.put(b"\"");
}

fn write_escape(byte: u8, out: &mut impl Out) {
    let short = match byte {
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        0..=0x1F => {
            out.put(format!("\\u{byte:04x}").as_bytes());
            return;
        }
        _ => byte,
    };
    out.put(&[b'\\', short]);
}
