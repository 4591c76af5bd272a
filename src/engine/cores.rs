//! Pure work on many items, shared out between the machine's cores.

use std::thread;

/// For fewer items than this a thread would cost more than it saves.
const WORTHWHILE: usize = 16;

/// `work` for every item, in their order.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if items.len() < WORTHWHILE || cores == 1 {
        return items.iter().map(work).collect();
    }
    let mut parts = items.chunks(items.len().div_ceil(cores));
    let own = parts.next().unwrap_or_default();
    let work = &work;
    thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<_>>())).collect();
        let mut done: Vec<R> = own.iter().map(work).collect();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                // What panicked there panics here, as it would have on one core.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_order_stays() {
        for count in [0, 1, 15, 16, 17, 1001] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(super::map(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
    }
}
