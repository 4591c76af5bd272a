//! The guard against "cancel everything": a disk that is not mounted, a checkout that stops in the middle and a wrong
//! directory look like files that somebody removed.

use crate::port::reload::Guard;

/// Fewer schedules than this go unasked, as long as any file is left: whoever has three and removes one means it.
pub(super) const A_HANDFUL: usize = 5;

/// Of so many schedules one may go without being asked for: a fifth.
const ONE_OF: usize = 5;

/// Whether so many that go of so many that were are too many at once.
pub(super) fn is_too_many(going: usize, of: usize, every_file_is_gone: bool) -> bool {
    going > 0 && (every_file_is_gone || (going >= A_HANDFUL && going * ONE_OF > of))
}

/// What is said of each file that goes on for it.
pub(super) fn words(guard: &Guard) -> String {
    format!(
        "this would take away {} of {} schedules at once, as if a disk were not mounted, so they go on; if it is meant, \
         say `nudged reload --prune`",
        guard.schedules.len(),
        guard.of
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_fifth_and_a_handful_is_too_many() {
        let check = |going, of, expect| assert_eq!(is_too_many(going, of, false), expect, "{going} of {of}");
        check(0, 100, false);
        check(4, 4, false);
        check(5, 25, false);
        check(5, 24, true);
        check(20, 100, false);
        check(21, 100, true);
        // Where nothing at all can be seen there is no number that is too small.
        assert!(is_too_many(1, 1, true));
        assert!(!is_too_many(0, 0, true));
    }
}
