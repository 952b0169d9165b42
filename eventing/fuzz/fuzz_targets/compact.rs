//! `cargo xtask soak fuzz compact`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eventing_fuzz::compact::check(data));
