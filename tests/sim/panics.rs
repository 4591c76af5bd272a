//! A panic anywhere in a run is a violation, whoever it befalls. A daemon goes on when one of its tasks panics, so what a
//! panic says, on some page of a long log, would be all there is of it.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

thread_local! {
    /// A run has one thread for all that it does in virtual time.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// From now on panics are counted.
pub(crate) fn count() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            told(panic);
        }));
    });
    PANICS.set(0);
}

/// How many there have been on this thread since it was told to count.
pub(crate) fn counted() -> u64 {
    PANICS.get()
}
