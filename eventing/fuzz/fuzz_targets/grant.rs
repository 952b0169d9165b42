//! `cargo xtask soak fuzz grant`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eventing_fuzz::grant::check(data));
