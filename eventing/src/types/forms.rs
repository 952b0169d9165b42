//! The forms of the words, each a predicate over text.

pub(super) fn is_source(text: &str) -> bool {
    text.strip_prefix("qsl.").is_some_and(|name| {
        name.len() <= 63
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    })
}

pub(super) fn is_detail_type(text: &str) -> bool {
    fn is_name(text: &str) -> bool {
        text.len() <= 63
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_alphanumeric())
    }
    fn is_version(text: &str) -> bool {
        text.strip_prefix('v').is_some_and(|digits| {
            (1..=4).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
        })
    }
    let mut parts = text.split('.');
    text.len() <= 128
        && parts.next().is_some_and(is_name)
        && parts.next().is_some_and(is_name)
        && parts.next().is_some_and(is_version)
        && parts.next().is_none()
}

pub(super) fn is_resource(text: &str) -> bool {
    fn is_segment(text: &str) -> bool {
        (1..=63).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    }
    let Some(rest) = text.strip_prefix("urn:qsl:") else {
        return false;
    };
    let mut parts = rest.splitn(3, ':');
    parts.next().is_some_and(is_segment)
        && parts.next().is_some_and(is_segment)
        && parts.next().is_some_and(|id| (1..=256).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
}

pub(super) fn is_correlation_id(text: &str) -> bool {
    has_characters(text, 1, 128)
}

pub(super) fn is_event_id(text: &str) -> bool {
    has_characters(text, 1, 64)
}

pub(super) fn is_kid(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
}

pub(super) fn is_jti(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
        })
}

pub(super) fn is_queue_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        ["arn", partition, "sqs", region, account, name] => {
            !partition.is_empty()
                && !region.is_empty()
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && is_queue_name(name)
        }
        _ => false,
    }
}

fn is_queue_name(text: &str) -> bool {
    let stem = text.strip_suffix(".fifo").unwrap_or(text);
    !stem.is_empty() && text.len() <= 80 && stem.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn has_characters(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.chars().take(most + 1).count())
}
