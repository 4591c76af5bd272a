//! new → start → stop.
