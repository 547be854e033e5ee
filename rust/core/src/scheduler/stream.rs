//! Where one stream stands: which iterations it still has, and for whom.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::choice::{Choice, stream_seed};
use super::control::Change;
use super::{Iteration, Next};
use crate::plan::{Plan, Profile, StartAfter, Stream};
use crate::population::random::subkey;
use crate::queue::Token;
use crate::schedule::{Budget, Holds, Pace, Share, Starts, Unrepresentable, VuSteps};

/// One stream. Times with `_ns` are clock nanoseconds, lengths apart.
pub(super) struct StreamState {
    pub(super) name: String,
    /// The scenario that it runs, if there is but one.
    pub(super) scenario: Option<String>,
    pub(super) kind: Kind,
    pub(super) start_after: StartAfter,
    pub(super) begin_ns: Option<i64>,
    pub(super) length_ns: i64,
    pub(super) graceful_stop_ns: i64,
    /// VUs that ask before the stream has begun.
    pub(super) parked: Vec<(u32, Token)>,
    /// Stretches in which nothing begins, since the begin.
    pub(super) holds: Holds,
    /// Changes that are ordered, since the start of the load, until it is known when the stream begins.
    pub(super) changes: VecDeque<(i64, Change)>,
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
    is_over: bool,
}

/// A stream whose VUs loop.
pub(super) struct Closed {
    pub(super) steps: VuSteps,
    pub(super) budget: Budget,
    share: Option<Share>,
    ramp_down_ns: Option<i64>,
    pub(super) plan_vus: u64,
    /// VUs that wait for their turn.
    pub(super) waiting: BTreeMap<u32, Waiting>,
    vus: Vec<ClosedVu>,
    begun: u64,
    ended: u64,
    /// When the last iteration of a budget ended; a stream without one ends as planned.
    end_ns: Option<i64>,
}

/// A VU of a closed stream that waits.
pub(super) struct Waiting {
    pub(super) token: Token,
    /// Since when, counted from the begin.
    pub(super) since: i64,
    /// The alarm that ends it; None when it is not known whether the VU has another turn.
    pub(super) alarm: Option<u64>,
}

/// When a VU of a closed stream has its turn, counted from the begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    At(i64),
    /// When its stream is released.
    Held,
    /// Not as things are planned, but an order may change that.
    Unplanned,
    Never,
}

#[derive(Clone, Default)]
struct ClosedVu {
    iterations: u64,
    /// Counted from the begin.
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
                is_over: false,
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
                waiting: BTreeMap::new(),
                vus: vec![ClosedVu::default(); usize::try_from(local(vus)).unwrap_or(0)],
                begun: 0,
                ended: 0,
                end_ns: None,
            }),
        };
        let choice = Choice::new(seed, &stream.mix);
        let scenario = choice.only().and_then(|only| plan.scenarios.get(only as usize)).cloned();
        let (start_after, graceful_stop_ns) = (stream.start_after, stream.graceful_stop_ns);
        Ok(Self {
            name: stream.name.clone(),
            scenario,
            kind,
            start_after,
            begin_ns: None,
            length_ns,
            graceful_stop_ns,
            parked: Vec::new(),
            holds: Holds::default(),
            changes: VecDeque::new(),
            index,
            choice,
        })
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

    /// Takes the next event of an open stream that is due by `now`, in clock nanoseconds; those that are held are not.
    pub(super) fn take_arrival(&mut self, now: i64) -> Option<Iteration> {
        let begin = self.begin_ns?;
        while self.next_arrival().is_some_and(|at| at <= now) {
            let Kind::Open(open) = &mut self.kind else {
                return None;
            };
            let (number, at) = open.starts.as_mut()?.next()?;
            if !self.holds.contains(at) {
                return Some(self.iteration(number, begin + at, true));
            }
        }
        None
    }

    /// When VU `vu` of a closed stream, free since `since` (from the begin), has its turn.
    pub(super) fn turn(&mut self, vu: u32, since: i64) -> Turn {
        let Kind::Closed(closed) = &mut self.kind else {
            return Turn::Never;
        };
        if closed.is_done(vu) || since >= closed.steps.end_ns() {
            return Turn::Never;
        }
        let mut at = since;
        while let Some(active) = closed.steps.active_from(vu, at) {
            match self.holds.free_from(active) {
                Some(free) if free == active => return Turn::At(active),
                Some(free) => at = free,
                None => return Turn::Held,
            }
        }
        Turn::Unplanned
    }

    /// The next iteration of VU `vu` of a closed stream, which has its turn.
    pub(super) fn take_turn(&mut self, vu: u32, intended_start: i64, scheduled: bool) -> Option<Iteration> {
        let Kind::Closed(closed) = &mut self.kind else {
            return None;
        };
        let number = closed.take(vu, intended_start - self.begin_ns?)?;
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

    /// Everybody who waits for an iteration, now that none will come any more.
    pub(super) fn take_waiting(&mut self) -> Vec<Token> {
        let parked = std::mem::take(&mut self.parked).into_iter().map(|(_, token)| token);
        match &mut self.kind {
            Kind::Open(open) => {
                open.is_over = true;
                parked.chain(std::mem::take(&mut open.idle)).collect()
            }
            Kind::Closed(closed) => parked.chain(std::mem::take(&mut closed.waiting).into_values().map(|waiting| waiting.token)).collect(),
        }
    }

    /// Takes a VU that gave up waiting out of those that wait.
    pub(super) fn forget(&mut self, token: Token) {
        self.parked.retain(|&(_, waiting)| waiting != token);
        match &mut self.kind {
            Kind::Open(open) => open.idle.retain(|&waiting| waiting != token),
            Kind::Closed(closed) => closed.waiting.retain(|_, waiting| waiting.token != token),
        }
    }
}

impl Open {
    /// What a free VU gets: an event that waits for one, else a place among the idle ones.
    pub(super) fn next(&mut self, token: Token) -> Next {
        if let Some(iteration) = self.awaited.pop_front() {
            return Next::Start(iteration);
        }
        // Until its end the rate may be changed, also when no event is left as things are.
        if self.is_over || self.starts.is_none() {
            return Next::End;
        }
        self.idle.push_back(token);
        Next::Wait
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

    /// Notes that VU `vu` has no iteration any more.
    pub(super) fn free(&mut self, vu: u32) {
        if let Some(state) = self.vu(vu) {
            state.busy_since = None;
        }
    }

    /// Whether VU `vu` has no more iterations.
    fn is_done(&mut self, vu: u32) -> bool {
        let Some(state) = self.vu(vu) else {
            return true;
        };
        let done = state.iterations;
        let used_up = match self.budget {
            Budget::Unlimited => false,
            Budget::Shared(_) => self.left() == 0,
            Budget::PerVu(iterations) => done >= iterations,
        };
        used_up || self.end_ns.is_some()
    }

    /// The number of the iteration that VU `vu` begins at `at` (since the begin); None when none is left.
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
        let (grace, gone) = (self.ramp_down_ns?, self.steps.inactive_from(vu, at));
        let before = std::mem::replace(&mut self.vu(vu)?.watched, gone);
        gone.filter(|_| before != gone).map(|gone| (gone, gone.saturating_add(grace)))
    }

    /// The VUs of this share that are in an iteration, and since when.
    pub(super) fn busy(&self) -> Vec<(u32, i64)> {
        let number = |place: u64| self.share.and_then(|share| u32::try_from(share.number(place)).ok());
        (0..).zip(&self.vus).filter_map(|(place, vu)| Some((number(place)?, vu.busy_since?))).collect()
    }

    /// Whether VU `vu` still runs an iteration from before `gone`, when it was taken away, and is not back at `at`.
    pub(super) fn outstays(&mut self, vu: u32, gone: i64, at: i64) -> bool {
        let away = self.steps.active_from(vu, at) != Some(at);
        away && self.vu(vu).is_some_and(|state| state.watched == Some(gone) && state.busy_since.is_some_and(|since| since < gone))
    }
}
