//! `cargo xtask soak fuzz key_set`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eventing_fuzz::key_set::check(data));
