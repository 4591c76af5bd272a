//! A text or a card.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nudged_fuzz::promises;

fuzz_target!(|text: &str| {
    if text.trim_start().starts_with('{') && !text.trim_start().starts_with("{{") {
        promises::content::card(text);
    } else {
        promises::content::text(text);
    }
});
