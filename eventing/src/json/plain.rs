//! The search for the end of a run of text: eight bytes are looked at in one step, and since most bytes of a body are in
//! long runs (a signature has 3,227), 32 where a run goes on.

/// How many bytes come before the first that is a quote, a backslash or a control character.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let found = specials(u64::from_le_bytes(*word));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
        // Most texts are over by now; those that are not are long.
        if at == 32 {
            at += plain_blocks(bytes.get(at..).unwrap_or_default());
        }
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

/// How many bytes at the beginning are in whole blocks without a special one. All of a block is looked at, which the
/// compiler does at once.
#[cold]
#[inline(never)]
fn plain_blocks(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<32>();
    let is_plain = |block: &&[u8; 32]| block.iter().fold(0, |any, byte| any | u8::from(is_special(*byte))) == 0;
    blocks.iter().take_while(is_plain).count() * 32
}

#[allow(clippy::needless_bitwise_bool, reason = "without branches, a block is looked at at once")]
const fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// The top bit of each of the eight bytes that is special. From a byte below the subtrahend a borrow reaches its top bit;
/// a top bit that was set before is masked out. Bytes above the first special one may be told wrongly; the first is right.
const fn specials(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let below_quote = quote.wrapping_sub(ONES) & !quote;
    let below_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    (below_quote | below_backslash | below_space) & TOPS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one_by_one(bytes: &[u8]) -> usize {
        bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)).unwrap_or(bytes.len())
    }

    #[test]
    fn every_byte_is_found_or_passed_at_every_place() {
        for byte in 0..=255 {
            for at in 0..120 {
                for around in [b'a', 0x21, 0x7F, 0x80, 0xFF] {
                    let mut bytes = [around; 120];
                    if let Some(place) = bytes.get_mut(at) {
                        *place = byte;
                    }
                    assert_eq!(plain(&bytes), one_by_one(&bytes), "{byte} at {at} among {around}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn many_at_a_time_is_as_one_by_one(mut bytes in prop::collection::vec(0x5D_u8.., 0..200), rest in any::<[u8; 16]>()) {
            bytes.extend(rest);
            prop_assert_eq!(plain(&bytes), one_by_one(&bytes));
        }
    }
}
