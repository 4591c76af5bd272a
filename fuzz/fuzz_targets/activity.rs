//! What Teams tells, or another bot forwards.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nudged_fuzz::promises;

fuzz_target!(|body: &[u8]| {
    let _ = promises::activity::told(body);
});
