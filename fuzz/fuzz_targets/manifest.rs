//! Text to an engine's manifest.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vesalius_fuzz::manifest(bytes));
