//! Time as an interface: the engine asks a [`Clock`], tests hand it one that they move by hand.

use std::sync::atomic::{AtomicI64, Ordering};

/// Nanoseconds in a millisecond.
pub const MILLISECOND: i64 = 1_000_000;
/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;

/// A monotonic clock in nanoseconds since an origin of its own.
pub trait Clock: Send + Sync + 'static {
    /// Nanoseconds since the clock's origin; never goes back.
    fn now_ns(&self) -> i64;
}

/// The machine's monotonic clock: the same in all of its processes.
#[derive(Debug, Clone, Copy, Default)]
pub struct MonotonicClock;

impl Clock for MonotonicClock {
    fn now_ns(&self) -> i64 {
        system_ns()
    }
}

/// Nine readings belong to every request, so this is plain arithmetic on what the system gives.
fn system_ns() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * SECOND + now.tv_nsec
}

/// A clock that stands still until it is told the time.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Sets the time to `ns` since the origin.
    pub fn set(&self, ns: i64) {
        self.0.store(ns, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}
