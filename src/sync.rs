//! What threads share without a lock is made of these. `models` puts those of a model checker in their place, and tries
//! every order in which the threads may run and see each other's writes.

pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
