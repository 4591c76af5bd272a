//! Chance, passed in like time, so that a test can decide it.

/// A source of random numbers.
pub trait Entropy: Send + Sync {
    /// A number in `[0, 1)`, evenly spread.
    fn draw(&self) -> f64;
}
