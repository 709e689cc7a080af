//! Doing one thing to many values on all processors.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;

/// A file or package of a repository takes so little time that fewer than these are not worth a thread.
pub const SMALL: usize = 8;

/// The results of `work` on each value, in order. Fewer values than `worth_a_thread` are not worth one.
pub fn map<T: Sync, R: Send>(values: &[T], worth_a_thread: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    // Asking costs as much as reading some files.
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    let processors = *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, usize::from));
    map_on(processors.min(values.len() / worth_a_thread.max(1)), values, work)
}

/// The results of `work` on each value, in order, by this many threads: for work that waits for others.
pub fn map_on<T: Sync, R: Send>(threads: usize, values: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = threads.min(values.len());
    if threads < 2 {
        return values.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(values.len()));
    let share = || {
        let mut own = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(value) = values.get(at) else { break };
            own.push((at, work(value)));
        }
        // A poisoned lock means that another thread panicked, which the scope passes on.
        if let Ok(mut results) = results.lock() {
            results.append(&mut own);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(share);
        }
        share();
    });
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_values() {
        let values: Vec<u32> = (0..1000).collect();
        let squares = map(&values, SMALL, |value| value * value);
        assert_eq!(squares, values.iter().map(|value| value * value).collect::<Vec<_>>());
    }
}
