//! `nudged.toml`.
