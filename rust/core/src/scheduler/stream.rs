//! Where one stream stands: which iterations it still has, and for whom.

use std::collections::{HashMap, VecDeque};

use super::choice::{Choice, stream_seed};
use super::{Iteration, Next};
use crate::plan::{Plan, Profile, StartAfter, Stream};
use crate::population::random::subkey;
use crate::queue::Token;
use crate::schedule::{Budget, Pace, Share, Starts, Unrepresentable, VuSteps};

/// One stream. Times with `_ns` are clock nanoseconds, lengths apart.
pub(super) struct StreamState {
    pub(super) kind: Kind,
    pub(super) start_after: StartAfter,
    pub(super) begin_ns: Option<i64>,
    pub(super) length_ns: i64,
    pub(super) graceful_stop_ns: i64,
    /// VUs that ask before the stream has begun.
    pub(super) parked: Vec<(u32, Token)>,
    index: u32,
    choice: Choice,
}

pub(super) enum Kind {
    Open(Open),
    Closed(Closed),
}

/// A stream whose events come whatever the answers.
pub(super) struct Open {
    pub(super) starts: Option<Starts>,
    pub(super) idle: VecDeque<Token>,
    /// Events for which a VU is being made.
    pub(super) awaited: VecDeque<Iteration>,
    share: Option<Share>,
    made: u64,
    most: u64,
}

/// A stream whose VUs loop.
pub(super) struct Closed {
    steps: VuSteps,
    budget: Budget,
    share: Option<Share>,
    ramp_down_ns: Option<i64>,
    plan_vus: u64,
    vus: Vec<ClosedVu>,
    begun: u64,
    ended: u64,
    /// When the last iteration of a budget ended; a stream without one ends as planned.
    end_ns: Option<i64>,
}

#[derive(Clone, Default)]
struct ClosedVu {
    iterations: u64,
    busy_since: Option<i64>,
    /// The end of the time in which it is active, when that is watched already.
    watched: Option<i64>,
}

impl StreamState {
    pub(super) fn new(plan: &Plan, stream: &Stream, index: u32) -> Result<Self, Unrepresentable> {
        let seed = stream_seed(plan, index.into());
        let pace = Pace::new(&stream.profile, subkey(seed, "arrivals"))?;
        let share = Share::of(plan.share, stream.profile.max_vus());
        let local = |total: u32| share.map_or(0, |share| share.of_first(total.into()));
        let (length_ns, vus) = (pace.end_ns(), stream.profile.max_vus());
        let kind = match pace {
            Pace::Open(arrivals) => Kind::Open(Open {
                starts: share.map(|share| Starts::new(arrivals, share)),
                idle: VecDeque::new(),
                awaited: VecDeque::new(),
                share,
                made: local(stream.pre_allocated_vus.unwrap_or(vus)).max(1),
                most: local(vus),
            }),
            Pace::Closed(steps, budget) => Kind::Closed(Closed {
                steps,
                budget,
                share,
                ramp_down_ns: match &stream.profile {
                    Profile::RampingVus { graceful_ramp_down_ns, .. } => Some(*graceful_ramp_down_ns),
                    _ => None,
                },
                plan_vus: vus.into(),
                vus: vec![ClosedVu::default(); usize::try_from(local(vus)).unwrap_or(0)],
                begun: 0,
                ended: 0,
                end_ns: None,
            }),
        };
        let choice = Choice::new(seed, &stream.mix);
        let (start_after, graceful_stop_ns) = (stream.start_after, stream.graceful_stop_ns);
        Ok(Self { kind, start_after, begin_ns: None, length_ns, graceful_stop_ns, parked: Vec::new(), index, choice })
    }

    /// When the profile ends at the latest; None before it is known when it begins.
    pub(super) fn planned_end_ns(&self) -> Option<i64> {
        Some(self.begin_ns?.saturating_add(self.length_ns))
    }

    /// When the load of this stream ended, or will end; None while that is open.
    pub(super) fn load_end_ns(&self) -> Option<i64> {
        if self.has_budget() { self.concluded_ns() } else { self.planned_end_ns() }
    }

    /// Whether it may end before its time, with the last of a fixed number of iterations.
    pub(super) fn has_budget(&self) -> bool {
        matches!(&self.kind, Kind::Closed(Closed { budget: Budget::Shared(_) | Budget::PerVu(_), .. }))
    }

    /// Whether all of a fixed number of iterations are in other shares, which alone know when they have ended.
    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(&self.kind, Kind::Closed(closed) if closed.vus.is_empty()) && self.has_budget()
    }

    fn concluded_ns(&self) -> Option<i64> {
        match &self.kind {
            Kind::Closed(closed) => closed.end_ns,
            Kind::Open(_) => None,
        }
    }

    /// The next event of an open stream, in clock nanoseconds.
    pub(super) fn next_arrival(&self) -> Option<i64> {
        match &self.kind {
            Kind::Open(open) => open.starts.as_ref()?.head()?.checked_add(self.begin_ns?),
            Kind::Closed(_) => None,
        }
    }

    /// Takes the next event of an open stream.
    pub(super) fn take_arrival(&mut self) -> Option<Iteration> {
        let (begin, Kind::Open(open)) = (self.begin_ns?, &mut self.kind) else {
            return None;
        };
        let (number, at) = open.starts.as_mut()?.next()?;
        Some(self.iteration(number, begin + at, true))
    }

    /// The next iteration of VU `vu` of a closed stream, which has its turn.
    pub(super) fn take_turn(&mut self, vu: u32, intended_start: i64, scheduled: bool) -> Option<Iteration> {
        let Kind::Closed(closed) = &mut self.kind else {
            return None;
        };
        let number = closed.take(vu, intended_start)?;
        Some(self.iteration(number, intended_start, scheduled))
    }

    fn iteration(&self, number: u64, intended_start: i64, scheduled: bool) -> Iteration {
        Iteration { stream: self.index, scenario: self.choice.scenario(number), number, intended_start, scheduled }
    }

    /// Ends a stream of a fixed number of iterations at `at`; tells how many of each scenario had not begun.
    pub(super) fn conclude(&mut self, at: i64) -> HashMap<u32, u64> {
        let Kind::Closed(closed) = &mut self.kind else {
            return HashMap::new();
        };
        closed.end_ns = Some(at);
        let mut unstarted = HashMap::new();
        match self.choice.only() {
            Some(only) => _ = unstarted.insert(only, closed.left()),
            None => closed.unstarted().for_each(|number| *unstarted.entry(self.choice.scenario(number)).or_default() += 1),
        }
        unstarted.retain(|_, count| *count > 0);
        unstarted
    }

    /// Everybody who waits for an iteration.
    pub(super) fn take_waiting(&mut self) -> Vec<Token> {
        let parked = std::mem::take(&mut self.parked).into_iter().map(|(_, token)| token);
        match &mut self.kind {
            Kind::Open(open) => {
                open.awaited.clear();
                parked.chain(std::mem::take(&mut open.idle)).collect()
            }
            Kind::Closed(_) => parked.collect(),
        }
    }

    /// Takes a VU that gave up waiting out of those that wait.
    pub(super) fn forget(&mut self, token: Token) {
        self.parked.retain(|&(_, waiting)| waiting != token);
        if let Kind::Open(open) = &mut self.kind {
            open.idle.retain(|&waiting| waiting != token);
        }
    }
}

impl Open {
    /// What a free VU gets: an event that waits for one, else a place among the idle ones.
    pub(super) fn next(&mut self, token: Token) -> Next {
        if let Some(iteration) = self.awaited.pop_front() {
            return Next::Start(iteration);
        }
        if self.is_over() {
            return Next::End;
        }
        self.idle.push_back(token);
        Next::Wait
    }

    /// Whether there are no more events.
    pub(super) fn is_over(&self) -> bool {
        self.starts.as_ref().is_none_or(|starts| starts.head().is_none())
    }

    /// The index of one more VU; None when there are all.
    pub(super) fn hire(&mut self) -> Option<u32> {
        if self.made >= self.most {
            return None;
        }
        let index = self.share?.number(self.made);
        self.made += 1;
        u32::try_from(index).ok()
    }
}

impl Closed {
    fn vu(&mut self, vu: u32) -> Option<&mut ClosedVu> {
        let place = self.share?.local(vu.into());
        self.vus.get_mut(usize::try_from(place).ok()?)
    }

    /// VU `vu` is free at `at` (since the begin): when is its turn? None when it has no more.
    pub(super) fn turn(&mut self, vu: u32, at: i64) -> Option<i64> {
        let state = self.vu(vu)?;
        state.busy_since = None;
        let done = state.iterations;
        let used_up = match self.budget {
            Budget::Unlimited => false,
            Budget::Shared(_) => self.left() == 0,
            Budget::PerVu(iterations) => done >= iterations,
        };
        if used_up || self.end_ns.is_some() { None } else { self.steps.active_from(vu, at) }
    }

    /// The number of the iteration that VU `vu` begins at `at`; None when none is left.
    ///
    /// VUs with iterations of their own number them in rows: so a VU runs the same scenarios in every run, whatever the others do.
    fn take(&mut self, vu: u32, at: i64) -> Option<u64> {
        if self.budget != Budget::Unlimited && (self.left() == 0 || self.end_ns.is_some()) {
            return None;
        }
        let (share, begun, row) = (self.share?, self.begun, self.plan_vus);
        let state = self.vu(vu)?;
        let own = state.iterations;
        state.iterations += 1;
        state.busy_since = Some(at);
        self.begun += 1;
        Some(match self.budget {
            Budget::Shared(_) => share.number(begun),
            _ => own.saturating_mul(row).saturating_add(vu.into()),
        })
    }

    /// How many iterations this share has in all.
    fn total(&self) -> u64 {
        match self.budget {
            Budget::Unlimited => u64::MAX,
            Budget::Shared(iterations) => self.share.map_or(0, |share| share.of_first(iterations)),
            Budget::PerVu(iterations) => iterations.saturating_mul(self.vus.len() as u64),
        }
    }

    /// How many of them have not begun.
    fn left(&self) -> u64 {
        self.total() - self.begun
    }

    /// Counts one that ended; tells whether it was the last of all.
    pub(super) fn count_ended(&mut self) -> bool {
        self.ended += 1;
        self.end_ns.is_none() && self.ended == self.total()
    }

    /// The numbers of the iterations that have not begun.
    fn unstarted(&self) -> Box<dyn Iterator<Item = u64> + '_> {
        let Some(share) = self.share else {
            return Box::new(std::iter::empty());
        };
        match self.budget {
            Budget::Unlimited => Box::new(std::iter::empty()),
            Budget::Shared(_) => Box::new((self.begun..self.total()).map(move |local| share.number(local))),
            Budget::PerVu(iterations) => Box::new((0_u64..).zip(&self.vus).flat_map(move |(place, vu)| {
                (vu.iterations..iterations).map(move |own| own.saturating_mul(self.plan_vus).saturating_add(share.number(place)))
            })),
        }
    }

    /// When the ramp takes VU `vu`, busy from `at` on, away for good, with its time to finish; None when that is known already.
    pub(super) fn watch(&mut self, vu: u32, at: i64) -> Option<(i64, i64)> {
        let (grace, gone) = (self.ramp_down_ns?, self.steps.inactive_from(vu, at)?);
        (self.vu(vu)?.watched.replace(gone) != Some(gone)).then_some((gone, gone.saturating_add(grace)))
    }

    /// Whether VU `vu` still runs an iteration from before `gone` (clock), and is not back at `at` (since the begin).
    pub(super) fn outstays(&mut self, vu: u32, gone: i64, at: i64) -> bool {
        let away = self.steps.active_from(vu, at) != Some(at);
        away && self.vu(vu).is_some_and(|state| state.busy_since.is_some_and(|since| since < gone))
    }
}
