//! A schedule file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nudged_fuzz::promises;

fuzz_target!(|text: &str| promises::schedule::file(text));
