//! The loops that act.
