//! The `Authorization` header of a stranger, and the claims of a token.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|shown: &[u8]| nudged::adapter::endpoint::fuzzed::whatever_is_shown(shown));
