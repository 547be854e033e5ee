//! Decides when each VU starts an iteration, and wakes it on an absolute clock.

mod choice;
mod control;
mod listing;
mod state;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

pub use control::{Change, Control, Refused};
pub use listing::Listing;

use crate::clock::Clock;
use crate::plan::Plan;
use crate::queue::{CompletionQueue, Token};
use crate::record::{Due, Record, Records};
use crate::schedule::Unrepresentable;
use crate::turns::go_first;
use state::State;

/// The start of one pass of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Iteration {
    /// Index of the stream.
    pub stream: u32,
    /// Index of the scenario.
    pub scenario: u32,
    /// Number in the stream, from 0; the same whatever part of the plan runs here. Closed profiles may leave numbers out.
    pub number: u64,
    /// When the schedule wants it, in clock nanoseconds.
    pub intended_start: i64,
    /// Whether a schedule (and not the end of the previous iteration) set that time.
    pub scheduled: bool,
}

/// The answer to a VU that asks what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Start now.
    Start(Iteration),
    /// A completion will come.
    Wait,
    /// A completion will come, but as things are planned it is that of the end.
    Rest,
    /// Nothing more.
    End,
}

/// What the scripts' side is to do while the load runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Make VU `vu` of an open stream: an iteration waits for it.
    Hire {
        /// Index of the stream.
        stream: u32,
        /// Index of the VU in the whole stream.
        vu: u32,
    },
    /// Interrupt the iteration of a VU that the ramp took away.
    Interrupt {
        /// Index of the stream.
        stream: u32,
        /// Index of the VU in the whole stream.
        vu: u32,
    },
    /// Interrupt everything that a stream still runs: its graceful stop is over.
    CutOff {
        /// Index of the stream.
        stream: u32,
    },
}

/// Paces all streams of a run.
pub struct Scheduler {
    clock: Arc<dyn Clock>,
    out: Out,
    busy: Vec<Gauge>,
    state: Mutex<State>,
    changed: Condvar,
}

/// Where the scheduler's decisions go.
struct Out {
    completions: Arc<CompletionQueue>,
    records: Records,
}

impl Out {
    /// Notes the fate of an event of an open stream.
    fn due(&self, iteration: &Iteration, dropped: bool) {
        let Iteration { stream, scenario, intended_start: at, .. } = *iteration;
        self.records.send(Record::Due(Due { stream, scenario, at, count: 1, due: true, dropped }));
    }
}

#[derive(Default)]
struct Gauge {
    begun: AtomicU64,
    now: AtomicI64,
    most: AtomicI64,
    /// Whether the stream ends with the last of a fixed number of iterations.
    limited: bool,
}

/// VUs in an iteration.
#[derive(Debug, Clone, Copy)]
pub struct Busy {
    /// Iterations begun since the start.
    pub begun: u64,
    /// At the moment.
    pub now: i64,
    /// At most, since it was last asked.
    pub most: i64,
}

impl Scheduler {
    /// A scheduler for all streams of `plan`, not yet started.
    ///
    /// # Errors
    /// When a rate or a length of the plan cannot be kept exactly.
    pub fn new(plan: &Plan, clock: Arc<dyn Clock>, completions: Arc<CompletionQueue>, records: Records) -> Result<Self, Unrepresentable> {
        let state = State::new(plan)?;
        let busy = state.streams.iter().map(|stream| Gauge { limited: stream.has_budget(), ..Gauge::default() }).collect();
        Ok(Self { clock, out: Out { completions, records }, busy, state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Fixes the start of the load, in clock nanoseconds.
    pub fn start(&self, at: i64) {
        self.with_state(|state, now| state.start(at, now, &self.out));
    }

    /// What VU `vu` (index in the whole stream) of `stream` is to do; with [`Next::Wait`] and [`Next::Rest`], `token` gets a completion later.
    pub fn next(&self, stream: u32, vu: u32, token: Token) -> Next {
        self.with_state(|state, now| state.next(stream, vu, token, now, &self.out))
    }

    /// Completes `token` at `at`, in clock nanoseconds.
    pub fn pause(&self, token: Token, at: i64) {
        self.with_state(|state, _| state.pause(token, at));
    }

    /// Completes `token` with the next [`Order`].
    pub fn listen(&self, token: Token) {
        self.with_state(|state, _| state.listen(token, &self.out));
    }

    /// Takes the token of a VU that gave up waiting out of those that wait, so that no event is handed to it.
    pub fn forget(&self, stream: u32, token: Token) {
        if let Some(stream) = self.state.lock().streams.get_mut(stream as usize) {
            stream.forget(token);
        }
    }

    /// Starts no more iterations; VUs that wait for one are told that the run has ended. Running ones have their graceful stop from now.
    pub fn stop(&self) {
        self.with_state(|state, now| state.stop(now, &self.out));
    }

    /// Changes the load while it goes on; tells the names of the streams that are concerned.
    ///
    /// # Errors
    /// When no stream takes the order; nothing is changed then.
    pub fn control(&self, order: &Control) -> Result<Vec<String>, Refused> {
        self.with_state(|state, _| state.control(order))
    }

    /// Nanoseconds from the start of the load to the end of its last stream; None before the start.
    #[must_use]
    pub fn load_end(&self) -> Option<i64> {
        self.state.lock().load_end()
    }

    /// Ends the thread in [`run`](Self::run).
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_one();
    }

    /// Counts a VU of `stream` as busy (1) or idle again (-1).
    pub fn count_busy(&self, stream: u32, change: i64) {
        if let Some(busy) = self.busy.get(stream as usize) {
            let now = busy.now.fetch_add(change, Ordering::Relaxed) + change;
            busy.begun.fetch_add(u64::from(change > 0), Ordering::Relaxed);
            busy.most.fetch_max(now, Ordering::Relaxed);
            if busy.limited && change < 0 {
                self.with_state(|state, now| state.iteration_ended(stream, now, &self.out));
            }
        }
    }

    /// How many VUs of each stream are in an iteration, and the most there were since the last call.
    #[must_use]
    pub fn busy(&self) -> Vec<Busy> {
        let take = |gauge: &Gauge| {
            let now = gauge.now.load(Ordering::Relaxed);
            Busy { begun: gauge.begun.load(Ordering::Relaxed), now, most: gauge.most.swap(now, Ordering::Relaxed) }
        };
        self.busy.iter().map(take).collect()
    }

    /// Fires events until [`close`](Self::close); the body of the scheduler's thread.
    pub fn run(&self) {
        go_first();
        // Linux delays a sleeping thread by up to 50 microseconds unless told otherwise.
        #[cfg(target_os = "linux")]
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        let mut state = self.state.lock();
        while !state.closed {
            match self.fire(&mut state) {
                Some(at) => {
                    let wait = (at - self.clock.now_ns()).max(0).unsigned_abs();
                    self.changed.wait_for(&mut state, Duration::from_nanos(wait));
                }
                None => self.changed.wait(&mut state),
            }
        }
    }

    /// Fires everything that is due and tells when the next event is.
    fn fire(&self, state: &mut MutexGuard<'_, State>) -> Option<i64> {
        loop {
            let now = self.clock.now_ns();
            let next = state.next_event();
            if next.is_none_or(|next| next > now) {
                state.hurried = false;
                return next;
            }
            // What came due before the end of a stream starts, however late the thread wakes.
            state.fire_arrivals(now, &self.out);
            state.fire_alarms(now, &self.out);
        }
    }

    /// Does something to the state, and wakes the thread if it has to look again earlier than it knew.
    fn with_state<T>(&self, act: impl FnOnce(&mut State, i64) -> T) -> T {
        let now = self.clock.now_ns();
        let mut state = self.state.lock();
        let result = act(&mut state, now);
        if std::mem::take(&mut state.hurried) {
            self.changed.notify_one();
        }
        result
    }
}

#[cfg(test)]
mod tests;
