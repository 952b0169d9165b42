//! The search for the end of a run of text: most bytes of a body are in long runs (a signature has 3,227), so eight are
//! looked at in one step.

/// How many bytes come before the first that is a quote, a backslash or a control character.
pub(super) fn plain(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let skipped = words.iter().take_while(|word| !has_special(u64::from_le_bytes(**word))).count() * 8;
    let rest = bytes.get(skipped..).unwrap_or_default();
    skipped + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1F)
}

/// Whether one of the eight bytes is special. From a byte below the subtrahend a borrow reaches its top bit; a top bit
/// that was set before is masked out. Bytes above the first special one may be told wrongly, but then there is one.
const fn has_special(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let below_quote = quote.wrapping_sub(ONES) & !quote;
    let below_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    (below_quote | below_backslash | below_space) & TOPS != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one_by_one(bytes: &[u8]) -> usize {
        bytes.iter().position(|byte| is_special(*byte)).unwrap_or(bytes.len())
    }

    #[test]
    fn every_byte_is_found_or_passed_at_every_place() {
        for byte in 0..=255 {
            for at in 0..24 {
                for around in [b'a', 0x21, 0x7F, 0x80, 0xFF] {
                    let mut bytes = [around; 24];
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
        fn eight_at_a_time_is_as_one_by_one(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(plain(&bytes), one_by_one(&bytes));
        }
    }
}
