//! Decides when each VU starts an iteration, and wakes it on an absolute clock.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::clock::Clock;
use crate::plan::Plan;
use crate::queue::{Completion, CompletionQueue, Token};
use crate::record::{Due, Record, Records};
use crate::schedule::{Arrivals, Pace, VuSteps};

/// The start of one pass of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Iteration {
    /// Index of the stream.
    pub stream: u32,
    /// Index of the scenario.
    pub scenario: u32,
    /// Number in the stream, from 0.
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
    /// Nothing more.
    End,
}

/// Paces all streams of a run.
pub struct Scheduler {
    clock: Arc<dyn Clock>,
    completions: Arc<CompletionQueue>,
    records: Records,
    busy: Vec<Gauge>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct Gauge {
    begun: AtomicU64,
    now: AtomicI64,
    most: AtomicI64,
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

struct State {
    start_ns: i64,
    stopping: bool,
    closed: bool,
    streams: Vec<StreamState>,
    timers: BinaryHeap<Reverse<Timer>>,
    sequence: u64,
}

/// Ordered by time, then by the order in which they were set.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    at: i64,
    sequence: u64,
    token: Token,
    start: Option<(u32, u32)>,
}

struct StreamState {
    kind: StreamKind,
    choice: Choice,
    next_number: u64,
}

enum StreamKind {
    Open { arrivals: Arrivals, idle: VecDeque<Token> },
    Closed(VuSteps),
}

/// A weighted choice of scenarios that depends on nothing but a number.
struct Choice {
    seed: u64,
    cumulative: Vec<(f64, u32)>,
}

impl Choice {
    fn new(seed: u64, mix: &[(u32, f64)]) -> Self {
        let total: f64 = mix.iter().map(|(_, weight)| weight).sum();
        let mut sum = 0.0;
        let cumulative = mix
            .iter()
            .map(|&(scenario, weight)| {
                sum += weight / total;
                (sum, scenario)
            })
            .collect();
        Self { seed, cumulative }
    }

    fn scenario(&self, number: u64) -> u32 {
        if let [(_, only)] = self.cumulative.as_slice() {
            return *only;
        }
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let point = (mix64(self.seed ^ mix64(number)) >> 11) as f64 / (1_u64 << 53) as f64;
        let chosen = self.cumulative.iter().find(|(bound, _)| point < *bound).or(self.cumulative.last());
        chosen.map_or(0, |(_, scenario)| *scenario)
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
fn mix64(value: u64) -> u64 {
    let z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Scheduler {
    /// A scheduler for all streams of `plan`, not yet started.
    #[must_use]
    pub fn new(plan: &Plan, clock: Arc<dyn Clock>, completions: Arc<CompletionQueue>, records: Records) -> Self {
        let streams = plan.streams.iter().zip(0_u64..).map(|(stream, index)| StreamState {
            kind: match Pace::from(&stream.profile) {
                Pace::Open(arrivals) => StreamKind::Open { arrivals, idle: VecDeque::new() },
                Pace::Closed(steps) => StreamKind::Closed(steps),
            },
            choice: Choice::new(mix64(plan.rng_seed ^ mix64(index)), &stream.mix),
            next_number: 0,
        });
        let state = State {
            start_ns: i64::MAX,
            stopping: false,
            closed: false,
            streams: streams.collect(),
            timers: BinaryHeap::new(),
            sequence: 0,
        };
        let busy = plan.streams.iter().map(|_| Gauge::default()).collect();
        Self { clock, completions, records, busy, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Fixes the start of the load, in clock nanoseconds. To be called before any VU asks for its [`next`](Self::next) iteration.
    pub fn start(&self, at: i64) {
        self.state.lock().start_ns = at;
        self.changed.notify_one();
    }

    /// What VU `vu` (index in its stream) of `stream` is to do; with [`Next::Wait`], `token` gets a completion later.
    pub fn next(&self, stream: u32, vu: u32, token: Token) -> Next {
        let now = self.clock.now_ns();
        let mut state = self.state.lock();
        let next = state.next(stream, vu, token, now);
        if next == Next::Wait {
            self.wake_for_new_timer(&state);
        }
        next
    }

    /// Completes `token` at `at`, in clock nanoseconds.
    pub fn pause(&self, token: Token, at: i64) {
        let mut state = self.state.lock();
        state.set_timer(at, token, None);
        self.wake_for_new_timer(&state);
    }

    /// Takes the token of a VU that gave up waiting out of the idle ones, so that no event is handed to it.
    pub fn forget(&self, stream: u32, token: Token) {
        if let Some(StreamState { kind: StreamKind::Open { idle, .. }, .. }) = self.state.lock().streams.get_mut(stream as usize) {
            idle.retain(|&waiting| waiting != token);
        }
    }

    /// Starts no more iterations; VUs that wait for one are told that the run has ended.
    pub fn stop(&self) {
        let ended = self.state.lock().stop();
        ended.into_iter().for_each(|token| self.completions.push(Completion::End(token)));
        self.changed.notify_one();
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
            let next = state.next_event()?;
            if next > now {
                return Some(next);
            }
            state.fire_timers(now, &self.completions);
            state.fire_arrivals(now, &self.completions, &self.records);
        }
    }

    /// The thread sleeps until the earliest event it knew of; an earlier one has to wake it.
    fn wake_for_new_timer(&self, state: &State) {
        if state.timers.peek().is_some_and(|Reverse(timer)| timer.sequence == state.sequence) {
            self.changed.notify_one();
        }
    }
}

impl State {
    fn next(&mut self, stream: u32, vu: u32, token: Token, now: i64) -> Next {
        let (start_ns, stopping) = (self.start_ns, self.stopping);
        let Some(state) = self.streams.get_mut(stream as usize) else {
            return Next::End;
        };
        if stopping {
            return Next::End;
        }
        match &mut state.kind {
            StreamKind::Open { arrivals, idle } => {
                if arrivals.start_of(state.next_number).is_none() {
                    return Next::End;
                }
                idle.push_back(token);
                Next::Wait
            }
            StreamKind::Closed(steps) => match steps.active_from(vu, (now - start_ns).max(0)) {
                None => Next::End,
                Some(at) if start_ns + at <= now => Next::Start(state.iteration(stream, now, false)),
                Some(at) => {
                    self.set_timer(start_ns + at, token, Some((stream, vu)));
                    Next::Wait
                }
            },
        }
    }

    fn set_timer(&mut self, at: i64, token: Token, start: Option<(u32, u32)>) {
        self.sequence += 1;
        self.timers.push(Reverse(Timer { at, sequence: self.sequence, token, start }));
    }

    fn next_event(&self) -> Option<i64> {
        let timer = self.timers.peek().map(|Reverse(timer)| timer.at);
        let arrival = self.streams.iter().filter_map(|stream| stream.next_arrival(self.start_ns)).min();
        timer.into_iter().chain(arrival.filter(|_| !self.stopping)).min()
    }

    fn fire_timers(&mut self, now: i64, completions: &CompletionQueue) {
        while let Some(Reverse(timer)) = self.timers.peek()
            && timer.at <= now
        {
            let Some(Reverse(timer)) = self.timers.pop() else {
                return;
            };
            let started = timer.start.and_then(|(stream, _)| {
                let state = self.streams.get_mut(stream as usize)?;
                Some(state.iteration(stream, timer.at, true))
            });
            completions.push(started.map_or(Completion::Resume(timer.token), |iteration| Completion::Start(timer.token, iteration)));
        }
    }

    fn fire_arrivals(&mut self, now: i64, completions: &CompletionQueue, records: &Records) {
        if self.stopping {
            return;
        }
        let start_ns = self.start_ns;
        for (state, stream) in self.streams.iter_mut().zip(0_u32..) {
            while let Some(at) = state.next_arrival(start_ns)
                && at <= now
            {
                let iteration = state.iteration(stream, at, true);
                let StreamKind::Open { idle, .. } = &mut state.kind else {
                    break;
                };
                let vu = idle.pop_front();
                records.send(Record::Due(Due { stream, scenario: iteration.scenario, at, dropped: vu.is_none() }));
                if let Some(token) = vu {
                    completions.push(Completion::Start(token, iteration));
                }
            }
            state.release_idle_at_end(completions);
        }
    }

    /// Marks the run as stopping and returns the tokens that wait for an iteration.
    fn stop(&mut self) -> Vec<Token> {
        self.stopping = true;
        let mut ended: Vec<Token> = self.streams.iter_mut().flat_map(StreamState::take_idle).collect();
        let (starts, pauses): (Vec<_>, Vec<_>) = self.timers.drain().partition(|Reverse(timer)| timer.start.is_some());
        self.timers = pauses.into();
        ended.extend(starts.into_iter().map(|Reverse(timer)| timer.token));
        ended
    }
}

impl StreamState {
    fn iteration(&mut self, stream: u32, intended_start: i64, scheduled: bool) -> Iteration {
        let number = self.next_number;
        self.next_number += 1;
        Iteration { stream, scenario: self.choice.scenario(number), number, intended_start, scheduled }
    }

    fn next_arrival(&self, start_ns: i64) -> Option<i64> {
        match &self.kind {
            StreamKind::Open { arrivals, .. } => arrivals.start_of(self.next_number)?.checked_add(start_ns),
            StreamKind::Closed(_) => None,
        }
    }

    fn take_idle(&mut self) -> VecDeque<Token> {
        match &mut self.kind {
            StreamKind::Open { idle, .. } => std::mem::take(idle),
            StreamKind::Closed(_) => VecDeque::new(),
        }
    }

    /// After the last event nobody needs to wait for another.
    fn release_idle_at_end(&mut self, completions: &CompletionQueue) {
        if let StreamKind::Open { arrivals, .. } = &self.kind
            && arrivals.start_of(self.next_number).is_none()
        {
            self.take_idle().into_iter().for_each(|token| completions.push(Completion::End(token)));
        }
    }
}

#[cfg(test)]
mod tests;
