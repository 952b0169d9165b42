//! Keys for people: a line each.

use crds::signing_key::{KeyState, KeyStatus};
use jiff::{SignedDuration, Timestamp};

use super::Shown;
use crate::table::{Table, word};

const HEAD: [&str; 8] = ["NAMESPACE", "SIGNINGKEY", "BUS", "SOURCES", "KID", "ALGORITHM", "STATE", "WHAT IT DOES"];

/// The table.
pub(super) fn of(keys: &[Shown], now: Timestamp) -> Table<8> {
    let mut table = Table::new(HEAD);
    keys.iter().flat_map(|shown| rows(shown, now)).for_each(|row| table.row(row));
    table
}

/// A line for each key; for a SigningKey without any, one that says why.
fn rows(shown: &Shown, now: Timestamp) -> Vec<[String; 8]> {
    let row = |kid: &str, algorithm: &str, state: &str, does: &str| {
        let Shown { namespace, name, bus, sources, .. } = shown;
        [namespace, name, bus, &sources.join(","), kid, algorithm, state, does].map(str::to_owned)
    };
    if shown.keys.is_empty() {
        return vec![row("-", "-", "-", &format!("no key yet{}", trouble(shown)))];
    }
    let line = |key: &KeyStatus| {
        let does = match key.state {
            KeyState::Pending => format!("signs {}", when(key.not_before.0, now)),
            KeyState::Active => format!("signs; {}{}", rotation(shown, now), trouble(shown)),
            KeyState::Accepted => "what it signed verifies".to_owned(),
            KeyState::Retired => "what it signed in time verifies, however late it is read".to_owned(),
            KeyState::Revoked => "nothing it signed verifies".to_owned(),
        };
        row(&key.kid, &word(&key.algorithm), &word(&key.state), &does)
    };
    shown.keys.iter().map(line).collect()
}

fn rotation(shown: &Shown, now: Timestamp) -> String {
    match shown.next_rotation_time {
        None => "no rotation is planned".to_owned(),
        Some(at) if at <= now => format!("the next should have taken over {}", when(at, now)),
        Some(at) => format!("the next takes over {}", when(at, now)),
    }
}

/// What the reader should know before believing the rest.
fn trouble(shown: &Shown) -> String {
    let not_ready = shown.ready.as_ref().filter(|ready| ready.status != "True");
    match (not_ready, shown.up_to_date) {
        (Some(ready), _) => format!("; not ready: {} ({})", ready.message, ready.reason),
        (None, false) => "; the operator has not seen the present spec yet".to_owned(),
        (None, true) => String::new(),
    }
}

/// `in 3 d`, `in 4 h`, `2 min ago`: the largest unit that is at least two of.
fn when(at: Timestamp, now: Timestamp) -> String {
    let away = at.duration_since(now);
    let span = away.abs();
    let of = |unit: SignedDuration| span.as_secs() / unit.as_secs();
    let (days, hours, minutes) =
        (of(SignedDuration::from_hours(24)), of(SignedDuration::from_hours(1)), of(SignedDuration::from_mins(1)));
    let text = match (days, hours, minutes) {
        (2.., _, _) => format!("{days} d"),
        (_, 2.., _) => format!("{hours} h"),
        (_, _, 2..) => format!("{minutes} min"),
        _ => format!("{} s", span.as_secs()),
    };
    if away.is_negative() { format!("{text} ago") } else { format!("in {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap_or_default()
    }

    #[test]
    fn times_are_told_in_the_largest_unit_of_which_there_are_two() {
        for (second, told) in [
            (0, "in 0 s"),
            (119, "in 119 s"),
            (120, "in 2 min"),
            (7_199, "in 119 min"),
            (7_200, "in 2 h"),
            (172_799, "in 47 h"),
            (172_800, "in 2 d"),
            (-30, "30 s ago"),
            (-90_000, "25 h ago"),
        ] {
            assert_eq!(when(at(second), at(0)), told, "{second}");
        }
    }
}
