//! What `wildcard` and `cidr` hold.

use super::{PatternError, Position};
use std::net::IpAddr;

/// Checks a text in which `*` stands for any characters, and `\*` and `\\` for themselves.
pub(super) fn wildcard(at: Position<'_>, glob: &str) -> Result<(), PatternError> {
    let mut characters = glob.chars().enumerate().peekable();
    while let Some((number, character)) = characters.next() {
        let following = characters.peek().map(|(_, following)| *following);
        match (character, following) {
            ('*', Some('*')) => {
                let problem = format!("has two '*' side by side, at character {number}: one stands for any characters");
                return Err(at.error(problem));
            }
            ('\\', Some('*' | '\\')) => drop(characters.next()),
            ('\\', _) => {
                let problem = format!(
                    "has a '\\' that escapes nothing, at character {number}: '\\*' is a star and '\\\\' a backslash"
                );
                return Err(at.error(problem));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a text is like this one, in which `*` stands for any characters.
pub(super) fn is_like(glob: &str, text: &str) -> bool {
    let pieces = pieces(glob);
    let Some((first, rest)) = pieces.split_first() else { return text.is_empty() };
    let Some((last, between)) = rest.split_last() else { return text == first };
    let Some(mut left) = text.strip_prefix(first.as_str()) else { return false };
    for piece in between {
        // The first place leaves the most for those that follow.
        let Some(at) = left.find(piece.as_str()) else { return false };
        left = left.get(at + piece.len()..).unwrap_or_default();
    }
    left.ends_with(last.as_str())
}

/// What stands between the stars.
fn pieces(glob: &str) -> Vec<String> {
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    let mut characters = glob.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => pieces.push(std::mem::take(&mut piece)),
            '\\' => piece.extend(characters.next()),
            other => piece.push(other),
        }
    }
    pieces.push(piece);
    pieces
}

/// Checks a block of addresses.
pub(super) fn cidr(at: Position<'_>, block: &str) -> Result<(), PatternError> {
    let Some((address, bits)) = block.split_once('/') else {
        return Err(at.error(format!("{block:?} is not a block of addresses, such as \"10.0.0.0/8\"")));
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return Err(at.error(format!("{address:?} is not an address of IPv4 or IPv6")));
    };
    let most = if address.is_ipv4() { 31 } else { 127 };
    match bits.parse::<u8>() {
        Ok(bits) if bits <= most => Ok(()),
        _ => Err(at.error(format!(
            "{bits:?} is not a number of bits from 0 to {most}; for a single address, write the address itself"
        ))),
    }
}
