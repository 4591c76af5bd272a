//! What a schedule is ([`model`] and [`when`]) and how it is read from a file ([`parse`]).

pub mod model;
pub mod parse;
pub mod when;
