//! `cargo xtask soak fuzz canonical`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eventing_fuzz::canonical::check(data));
