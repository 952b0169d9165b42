//! The checks that are fuzzed, over their seeds: made of the vectors, and whatever was found and mended.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unreachable_pub, dead_code, reason = "the modules are those of another crate")]

#[path = "../fuzz/src/body.rs"]
mod body;
#[path = "../fuzz/src/canonical.rs"]
mod canonical;
#[path = "../fuzz/src/compact.rs"]
mod compact;
#[path = "../fuzz/src/event.rs"]
mod event;
#[path = "../fuzz/src/grant.rs"]
mod grant;
#[path = "../fuzz/src/key_set.rs"]
mod key_set;
#[path = "../fuzz/src/keys.rs"]
mod keys;

fn over_seeds(name: &str, check: fn(&[u8])) {
    let folder = format!("{}eventing/fuzz/seeds/{name}", env!("QSL_WORKSPACE"));
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 2, "{folder} has seeds");
    for path in paths {
        let data = std::fs::read(&path).unwrap();
        // A check that fails says what, and this where.
        let held = std::panic::catch_unwind(|| check(&data));
        assert!(held.is_ok(), "{}", path.display());
        // Cut short and with bytes gone, each seed is many.
        for cut in [data.len() / 3, data.len() / 2, data.len().saturating_sub(1)] {
            check(&data[..cut]);
        }
    }
}

#[test]
fn body() {
    over_seeds("body", body::check);
}

#[test]
fn canonical() {
    over_seeds("canonical", canonical::check);
}

#[test]
fn compact() {
    over_seeds("compact", compact::check);
}

#[test]
fn event() {
    over_seeds("event", event::check);
}

#[test]
fn grant() {
    over_seeds("grant", grant::check);
    // A good grant is what the check says it is, so it is no file.
    for purpose in [eventing::grant::Purpose::Redrive, eventing::grant::Purpose::Replay] {
        grant::check(&[b"!", &grant::expected(purpose)[..]].concat());
    }
}

#[test]
fn key_set() {
    over_seeds("key_set", key_set::check);
}
