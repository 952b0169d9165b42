//! `cargo xtask soak fuzz event`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eventing_fuzz::event::check(data));
