//! What the targets have in common with the tests: the promises, in one place for both.

#[path = "../../tests/fuzz/promises/mod.rs"]
pub mod promises;
