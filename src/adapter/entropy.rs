//! The random numbers of the machine.

use rand::RngExt;

use crate::port::entropy::Entropy;

/// The machine's own source of chance.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    fn draw(&self) -> f64 {
        rand::rng().random()
    }
}
