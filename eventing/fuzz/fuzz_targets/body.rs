//! `cargo xtask soak fuzz body`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eventing_fuzz::body::check(data));
