//! Fuzzes `properties/site.rs`, which says what the input is and what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightysix_fuzz::site::hold(data));
