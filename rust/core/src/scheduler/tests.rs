//! The scheduler under a clock that the tests move by hand.

use super::choice::Choice;
use super::*;
use crate::clock::{ManualClock, SECOND};
use crate::plan::{Profile, Stage, StartAfter, Stream};
use crate::queue::Completion;
use crate::record::Records;

struct Rig {
    clock: Arc<ManualClock>,
    completions: Arc<CompletionQueue>,
    scheduler: Scheduler,
    records: Records,
}

/// A stream without graceful stop, all of whose VUs are there from the start.
fn stream(profile: Profile) -> Stream {
    let (start_after, pre_allocated_vus) = (StartAfter::default(), None);
    Stream { name: "one".into(), profile, mix: vec![(0, 1.0)], start_after, graceful_stop_ns: 0, pre_allocated_vus }
}

fn plan(streams: Vec<Stream>, share: (u32, u32)) -> Plan {
    Plan {
        drill: None,
        target: String::new(),
        allow: vec![],
        folder: "".into(),
        rng_seed: 1,
        scenario_tags: Vec::new(),
        metrics: Vec::new(),
        scenarios: vec!["one".into()],
        streams,
        share,
        request_timeout_ns: 1,
        http: crate::http::Settings::default(),
        user_agent: String::new(),
    }
}

fn rig_of(plan: &Plan) -> Rig {
    let clock = Arc::new(ManualClock::default());
    let completions = Arc::new(CompletionQueue::new().unwrap());
    let records = Records::default();
    let scheduler = Scheduler::new(plan, clock.clone(), completions.clone(), records.clone()).unwrap();
    scheduler.start(0);
    Rig { clock, completions, scheduler, records }
}

fn rig(profile: Profile) -> Rig {
    rig_of(&plan(vec![stream(profile)], (0, 1)))
}

impl Rig {
    /// Moves the clock and fires what is due.
    fn to(&self, ns: i64) -> Vec<Completion> {
        self.clock.set(ns);
        self.scheduler.fire(&mut self.scheduler.state.lock());
        std::iter::from_fn(|| self.completions.pop()).collect()
    }

    /// Moves the clock, fires what is due, and tells which token got what.
    fn at(&self, ns: i64) -> Vec<(Token, Option<i64>)> {
        let told = self.to(ns).into_iter().filter_map(|completion| match completion {
            Completion::Start(token, iteration) => Some((token, Some(iteration.intended_start))),
            Completion::End(token) | Completion::Resume(token) | Completion::Response(token, _) => Some((token, None)),
            Completion::Order(..) => None,
        });
        told.collect()
    }

    /// Moves the clock and tells what the scripts' side is to do.
    fn orders(&self, ns: i64) -> Vec<Order> {
        let order = |completion| match completion {
            Completion::Order(_, order) => Some(order),
            _ => None,
        };
        let mut orders: Vec<Order> = self.to(ns).into_iter().filter_map(order).collect();
        loop {
            self.scheduler.listen(99);
            match self.completions.pop().and_then(order) {
                Some(order) => orders.push(order),
                None => return orders,
            }
        }
    }

    /// A VU's question that is answered at once.
    fn starts(&self, stream: u32, vu: u32, ns: i64) -> Option<Iteration> {
        self.clock.set(ns);
        match self.scheduler.next(stream, vu, 1_000) {
            Next::Start(iteration) => {
                self.scheduler.count_busy(stream, 1);
                Some(iteration)
            }
            Next::Wait | Next::Rest | Next::End => None,
        }
    }

    fn ends(&self, stream: u32, ns: i64) {
        self.clock.set(ns);
        self.scheduler.count_busy(stream, -1);
    }

    fn dropped(&self) -> usize {
        self.dropped_at().into_iter().map(|(count, _)| count).sum()
    }

    fn dropped_at(&self) -> Vec<(usize, i64)> {
        let dropped = |record| match record {
            Record::Due(due) if due.dropped => Some((usize::try_from(due.count).unwrap(), due.at)),
            _ => None,
        };
        let mut batch = Vec::new();
        self.records.take(&mut batch);
        batch.into_iter().filter_map(dropped).collect()
    }
}

fn ten_per_second() -> Profile {
    Profile::ConstantRate { rate: (10, 1), duration_ns: SECOND, max_vus: 2 }
}

#[test]
fn events_that_are_late_start_at_once_and_keep_their_own_times() {
    let rig = rig(ten_per_second());
    (0..3).for_each(|token| assert_eq!(rig.scheduler.next(0, 0, token), Next::Wait));
    assert_eq!(rig.at(250_000_000), [(0, Some(0)), (1, Some(100_000_000)), (2, Some(200_000_000))]);
    assert_eq!(rig.dropped(), 0);
}

#[test]
fn an_event_without_a_free_vu_is_dropped_and_the_next_one_still_starts() {
    let rig = rig(ten_per_second());
    assert_eq!(rig.at(0), []);
    assert_eq!(rig.dropped(), 1);
    rig.scheduler.next(0, 0, 7);
    assert_eq!(rig.at(100_000_000), [(7, Some(100_000_000))]);
}

#[test]
fn a_vu_that_gave_up_waiting_is_handed_no_event() {
    let rig = rig(ten_per_second());
    rig.scheduler.next(0, 0, 1);
    rig.scheduler.next(0, 1, 2);
    rig.scheduler.forget(0, 1);
    assert_eq!(rig.at(0), [(2, Some(0))]);
}

#[test]
fn after_the_last_event_everybody_is_told_that_it_is_over() {
    let rig = rig(ten_per_second());
    (0..12).for_each(|token| {
        rig.scheduler.next(0, 0, token);
    });
    let told = rig.at(2 * SECOND);
    assert_eq!(told.iter().filter(|(_, start)| start.is_some()).count(), 10);
    assert_eq!(told[10..], [(10, None), (11, None)]);
    assert_eq!(rig.scheduler.next(0, 0, 99), Next::End);
}

#[test]
fn a_stop_releases_those_who_wait_and_starts_nobody_else() {
    let rig = rig(ten_per_second());
    rig.scheduler.next(0, 0, 1);
    rig.scheduler.stop();
    assert_eq!(rig.at(SECOND / 2), [(1, None)]);
    assert_eq!(rig.dropped(), 0);
}

#[test]
fn a_vu_of_a_closed_profile_starts_at_once_while_it_is_active() {
    let rig = rig(Profile::ConstantVus { vus: 1, duration_ns: SECOND });
    rig.clock.set(SECOND / 3);
    let Next::Start(iteration) = rig.scheduler.next(0, 0, 1) else { panic!("it is active") };
    assert_eq!((iteration.intended_start, iteration.scheduled), (SECOND / 3, false));
    rig.clock.set(SECOND);
    assert_eq!(rig.scheduler.next(0, 0, 2), Next::End);
}

#[test]
fn a_pause_ends_at_its_time_even_after_a_stop() {
    let rig = rig(ten_per_second());
    rig.scheduler.pause(5, SECOND);
    rig.scheduler.stop();
    assert_eq!(rig.at(SECOND - 1), []);
    assert_eq!(rig.at(SECOND), [(5, None)]);
}

#[test]
fn a_mix_depends_on_the_number_alone_and_follows_its_weights() {
    let choice = Choice::new(42, &[(0, 3.0), (1, 0.0), (2, 1.0)]);
    let drawn: Vec<u32> = (0..40_000).map(|number| choice.scenario(number)).collect();
    assert!(
        drawn.iter().eq(&(0..40_000).map(|number| Choice::new(42, &[(0, 3.0), (1, 0.0), (2, 1.0)]).scenario(number)).collect::<Vec<_>>())
    );
    let share = drawn.iter().filter(|&&scenario| scenario == 2).count();
    assert!((9_500..10_500).contains(&share), "{share}: 10,000 expected, five standard deviations are 433");
    assert!(!drawn.contains(&1));
}

const TENTH: i64 = SECOND / 10;

fn shared(iterations: u64, vus: u32) -> Profile {
    Profile::SharedIterations { iterations, vus, max_duration_ns: SECOND }
}

#[test]
fn shared_iterations_are_begun_exactly_as_often_as_asked_and_then_the_load_is_over() {
    let rig = rig(shared(5, 2));
    let numbers: Vec<u64> = (0..5).map(|k| rig.starts(0, k % 2, i64::from(k) * 10).unwrap().number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    assert_eq!(rig.scheduler.next(0, 0, 1), Next::End);
    assert_eq!(rig.scheduler.load_end(), Some(SECOND), "as long as one runs, it may take all of its time");
    (0..5).for_each(|k| rig.ends(0, TENTH + k));
    assert_eq!(rig.scheduler.load_end(), Some(TENTH + 4));
    rig.to(2 * SECOND);
    assert_eq!(rig.dropped(), 0);
}

#[test]
fn iterations_that_have_not_begun_at_the_end_are_dropped_in_its_last_moment() {
    let rig = rig(shared(50, 2));
    (0..3).for_each(|k| assert!(rig.starts(0, 0, k).is_some()));
    assert_eq!(rig.scheduler.load_end(), Some(SECOND));
    assert!(rig.starts(0, 1, SECOND).is_none(), "no VU begins one on the end boundary, even before the thread wakes");
    assert_eq!(rig.dropped_at(), [(47, SECOND - 1)]);
    rig.to(SECOND);
    assert_eq!(rig.dropped(), 0, "nothing is dropped twice");
}

#[test]
fn every_vu_has_its_own_iterations_and_numbers_do_not_depend_on_who_is_faster() {
    let rig = rig(Profile::PerVuIterations { iterations: 3, vus: 4, max_duration_ns: SECOND });
    let of = |vu: u32| -> Vec<u64> { std::iter::from_fn(|| rig.starts(0, vu, 5)).map(|iteration| iteration.number).collect() };
    assert_eq!(of(2), [2, 6, 10]);
    assert_eq!(of(0), [0, 4, 8]);
    rig.to(SECOND);
    assert_eq!(rig.dropped(), 6);
}

#[test]
fn a_stopped_run_drops_nothing_that_a_longer_one_might_have_begun() {
    let rig = rig(shared(50, 2));
    rig.starts(0, 0, 5);
    rig.scheduler.stop();
    rig.to(2 * SECOND);
    assert_eq!(rig.dropped(), 0);
    assert_eq!(rig.scheduler.next(0, 0, 1), Next::End);
}

#[test]
fn a_stream_with_a_delay_begins_that_much_later() {
    let mut late = stream(Profile::ConstantRate { rate: (10, 1), duration_ns: SECOND, max_vus: 2 });
    late.start_after = StartAfter::DelayNs(5 * SECOND);
    let rig = rig_of(&plan(vec![late], (0, 1)));
    assert_eq!(rig.scheduler.next(0, 0, 1), Next::Wait);
    assert_eq!(rig.at(4 * SECOND), []);
    assert_eq!(rig.at(5 * SECOND), [(1, Some(5 * SECOND))]);
    assert_eq!(rig.scheduler.load_end(), Some(6 * SECOND));
}

#[test]
fn a_stream_begins_when_the_load_of_another_has_ended() {
    let after = |profile, other| Stream { start_after: StartAfter::Stream(other), ..stream(profile) };
    let streams = vec![after(shared(1, 1), 1), stream(ten_per_second()), after(Profile::ConstantVus { vus: 1, duration_ns: SECOND }, 0)];
    let rig = rig_of(&plan(streams, (0, 1)));
    assert_eq!(rig.scheduler.next(0, 0, 10), Next::Wait);
    assert_eq!(rig.scheduler.next(2, 0, 20), Next::Wait);
    assert_eq!(rig.at(SECOND - 1), []);
    assert_eq!(rig.at(SECOND), [(10, Some(SECOND))], "a rate ends as planned");
    rig.scheduler.count_busy(0, 1);
    assert_eq!(rig.at(SECOND + TENTH), []);
    rig.ends(0, SECOND + TENTH);
    assert_eq!(rig.at(SECOND + TENTH), [(20, Some(SECOND + TENTH))], "a number of iterations ends with the last of them");
    assert_eq!(rig.scheduler.load_end(), Some(2 * SECOND + TENTH));
}

#[test]
fn a_stop_releases_those_whose_stream_has_not_begun() {
    let after = Stream { start_after: StartAfter::Stream(0), ..stream(Profile::ConstantVus { vus: 1, duration_ns: SECOND }) };
    let rig = rig_of(&plan(vec![stream(shared(1, 1)), after], (0, 1)));
    assert!(rig.starts(0, 0, 0).is_some());
    assert_eq!(rig.scheduler.next(1, 0, 20), Next::Wait);
    rig.scheduler.stop();
    assert_eq!(rig.at(TENTH), [(20, None)]);
    rig.ends(0, 2 * TENTH);
    assert_eq!(rig.at(3 * TENTH), []);
    assert_eq!(rig.scheduler.load_end(), Some(2 * TENTH));
}

#[test]
fn a_share_without_a_vu_of_a_stream_does_not_wait_for_its_end() {
    let streams = vec![stream(shared(5, 1)), stream(Profile::ConstantVus { vus: 4, duration_ns: TENTH })];
    let rig = rig_of(&plan(streams, (1, 2)));
    assert!(rig.starts(0, 0, 0).is_none() && rig.starts(1, 3, 0).is_some());
    assert_eq!(rig.scheduler.load_end(), Some(TENTH));
}

#[test]
fn a_vu_is_made_for_an_event_that_finds_none_and_only_then_events_are_dropped() {
    let mut open = stream(Profile::ConstantRate { rate: (10, 1), duration_ns: SECOND, max_vus: 3 });
    open.pre_allocated_vus = Some(1);
    let rig = rig_of(&plan(vec![open], (0, 1)));
    rig.scheduler.next(0, 0, 1);
    assert_eq!(rig.at(0), [(1, Some(0))]);
    assert_eq!(rig.orders(2 * TENTH), [Order::Hire { stream: 0, vu: 1 }, Order::Hire { stream: 0, vu: 2 }]);
    assert_eq!(rig.orders(3 * TENTH), []);
    assert_eq!(rig.dropped_at(), [(1, 3 * TENTH)], "three are all there may be");
    assert_eq!(rig.starts(0, 1, 35 * TENTH / 10).unwrap().intended_start, TENTH, "the new VU takes the event that waited, late");
    assert_eq!(rig.starts(0, 0, 36 * TENTH / 10).unwrap().intended_start, 2 * TENTH, "whoever is free first takes the next");
    assert_eq!(rig.scheduler.next(0, 2, 3), Next::Wait);
    assert_eq!(rig.at(4 * TENTH), [(3, Some(4 * TENTH))]);
    assert_eq!(rig.dropped(), 0);
}

fn two_down_to_none_and_up_again() -> Stream {
    let stages = [(10, 0), (0, 2), (10, 2)].map(|(s, target)| Stage { duration_ns: s * SECOND, target });
    stream(Profile::RampingVus { start: 2, stages: stages.into(), graceful_ramp_down_ns: 3 * SECOND })
}

#[test]
fn a_vu_that_the_ramp_took_away_has_its_time_to_finish_and_is_interrupted_then() {
    let rig = rig_of(&plan(vec![two_down_to_none_and_up_again()], (0, 1)));
    assert!(rig.starts(0, 1, 0).is_some(), "it is taken away one nanosecond later");
    assert!(rig.starts(0, 0, 0).is_some(), "and this one after five seconds");
    assert_eq!(rig.orders(3 * SECOND), []);
    assert_eq!(rig.orders(3 * SECOND + 1), [Order::Interrupt { stream: 0, vu: 1 }]);
    assert_eq!(rig.scheduler.next(0, 0, 5), Next::Start(Iteration { number: 2, ..rig_iteration(3 * SECOND + 1) }));
    assert_eq!(rig.orders(8 * SECOND + 1), [Order::Interrupt { stream: 0, vu: 0 }]);
    assert_eq!(rig.scheduler.next(0, 0, 6), Next::Wait);
    assert_eq!(rig.at(10 * SECOND), [(6, Some(10 * SECOND))], "it comes back with the next stage");
}

fn rig_iteration(at: i64) -> Iteration {
    Iteration { stream: 0, scenario: 0, number: 0, intended_start: at, scheduled: false }
}

#[test]
fn a_vu_that_is_back_before_its_time_is_over_is_not_interrupted() {
    let mut down = two_down_to_none_and_up_again();
    if let Profile::RampingVus { graceful_ramp_down_ns, .. } = &mut down.profile {
        *graceful_ramp_down_ns = 5 * SECOND;
    }
    let rig = rig_of(&plan(vec![down], (0, 1)));
    assert!(rig.starts(0, 0, 4 * SECOND).is_some());
    assert_eq!(rig.orders(12 * SECOND), []);
}

#[test]
fn what_still_runs_is_cut_off_when_the_graceful_stop_is_over() {
    let with_grace = Stream { graceful_stop_ns: 2 * SECOND, ..stream(Profile::ConstantVus { vus: 1, duration_ns: SECOND }) };
    let rig = rig_of(&plan(vec![with_grace.clone()], (0, 1)));
    rig.starts(0, 0, 0);
    assert_eq!(rig.orders(3 * SECOND - 1), []);
    assert_eq!(rig.orders(3 * SECOND), [Order::CutOff { stream: 0 }]);
    let stopped = rig_of(&plan(vec![with_grace], (0, 1)));
    stopped.starts(0, 0, 0);
    stopped.clock.set(TENTH);
    stopped.scheduler.stop();
    assert_eq!(stopped.orders(TENTH + 2 * SECOND), [Order::CutOff { stream: 0 }], "after an early stop it counts from there");
}

/// What a share begins when every VU asks again and again: the VUs, the numbers of the iterations, and how many are dropped.
fn begun(profile: &Profile, share: (u32, u32), turns: u64) -> Vec<(u32, u64)> {
    let rig = rig_of(&plan(vec![stream(profile.clone())], share));
    let mine = |vu: &u32| vu % share.1.min(profile.max_vus()) == share.0;
    let turn = |_| (0..profile.max_vus()).filter(mine).collect::<Vec<_>>();
    (0..turns).flat_map(turn).filter_map(|vu| Some((vu, rig.starts(0, vu, SECOND / 2)?.number))).collect()
}

#[test]
fn the_shares_of_closed_profiles_begin_exactly_what_the_whole_would() {
    let profiles = [
        shared(23, 7),
        Profile::PerVuIterations { iterations: 3, vus: 7, max_duration_ns: SECOND },
        Profile::ConstantVus { vus: 7, duration_ns: SECOND },
        Profile::RampingVus { start: 3, stages: vec![Stage { duration_ns: SECOND, target: 7 }], graceful_ramp_down_ns: 0 },
    ];
    for profile in &profiles {
        let sorted = |mut numbers: Vec<u64>| {
            numbers.sort_unstable();
            numbers
        };
        let whole = sorted(begun(profile, (0, 1), 4).into_iter().map(|(_, number)| number).collect());
        for count in [2, 3, 7, 10] {
            let parts: Vec<_> = (0..count).flat_map(|index| begun(profile, (index, count), 4)).collect();
            assert_eq!(sorted(parts.iter().map(|(_, number)| *number).collect()), whole, "{profile:?} in {count}");
        }
    }
}

#[test]
fn a_listing_tells_the_starts_and_the_steps_that_the_scheduler_follows() {
    let mut mixed = stream(Profile::PoissonRate { rate: (200, 1), duration_ns: SECOND, max_vus: 1 });
    mixed.mix = vec![(0, 1.0), (1, 2.0)];
    mixed.start_after = StartAfter::Stream(1);
    let plan = plan(vec![mixed, stream(shared(5, 3))], (0, 1));
    let listing = Listing::new(&plan).unwrap();
    let rig = rig_of(&plan);
    rig.to(SECOND);
    let mut expected = vec![Vec::new(), Vec::new()];
    for token in 0.. {
        rig.scheduler.next(0, 0, token);
        let Some(next) = rig.scheduler.state.lock().next_event().filter(|&at| at < 2 * SECOND) else { break };
        if let Some(Completion::Start(_, iteration)) = rig.to(next).into_iter().find(|told| matches!(told, Completion::Start(..))) {
            expected[iteration.scenario as usize].push(iteration.intended_start);
        }
    }
    assert!(expected.iter().all(|starts| starts.len() > 30));
    assert_eq!([0, 1].map(|scenario| listing.starts(0, scenario).collect::<Vec<_>>()).to_vec(), expected);
    assert_eq!(listing.vus(0), None);
    assert_eq!(listing.vus(1), Some(vec![(0, 3), (SECOND, 0)]));
    assert_eq!(listing.starts(1, 0).count(), 0);
}

mod control;
