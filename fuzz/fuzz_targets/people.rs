//! A people file: CSV, references, or an export.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nudged_fuzz::promises;

fuzz_target!(|text: &str| promises::people::file(text));
