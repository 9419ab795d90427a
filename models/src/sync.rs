//! What threads share without a lock is made of these: the atomics of the model checker.

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// A cell that is written once. The model checker has none; what matters of one is who sees that it has been written.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    written: AtomicBool,
    value: std::sync::OnceLock<T>,
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self {
            written: AtomicBool::new(false),
            value: std::sync::OnceLock::new(),
        }
    }
}

impl<T> OnceLock<T> {
    pub(crate) fn get(&self) -> Option<&T> {
        let written = self.written.load(Ordering::Acquire);
        written.then(|| self.value.get()).flatten()
    }

    pub(crate) fn get_or_init(&self, value: impl FnOnce() -> T) -> &T {
        let value = self.value.get_or_init(value);
        self.written.store(true, Ordering::Release);
        value
    }
}
