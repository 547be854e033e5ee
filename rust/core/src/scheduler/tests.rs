//! The scheduler under a clock that the tests move by hand.

use super::*;
use crate::clock::{ManualClock, SECOND};
use crate::plan::{Profile, Stream};
use crate::record::Records;
use std::sync::mpsc::Receiver;

struct Rig {
    clock: Arc<ManualClock>,
    completions: Arc<CompletionQueue>,
    scheduler: Scheduler,
    records: Receiver<Record>,
}

fn rig(profile: Profile) -> Rig {
    let clock = Arc::new(ManualClock::default());
    let completions = Arc::new(CompletionQueue::new().unwrap());
    let (records, inbox) = Records::channel();
    let stream = Stream { name: "one".into(), profile, mix: vec![(0, 1.0)] };
    let plan = Plan {
        target: String::new(),
        allow: vec![],
        folder: "".into(),
        rng_seed: 1,
        scenario_tags: Vec::new(),
        metrics: Vec::new(),
        scenarios: vec!["one".into()],
        streams: vec![stream],
        request_timeout_ns: 1,
        connect_timeout_ns: 1,
        user_agent: String::new(),
    };
    let scheduler = Scheduler::new(&plan, clock.clone(), completions.clone(), records);
    scheduler.start(0);
    Rig { clock, completions, scheduler, records: inbox }
}

impl Rig {
    /// Moves the clock, fires what is due, and tells which token got what.
    fn at(&self, ns: i64) -> Vec<(Token, Option<i64>)> {
        self.clock.set(ns);
        self.scheduler.fire(&mut self.scheduler.state.lock());
        std::iter::from_fn(|| self.completions.pop())
            .map(|completion| match completion {
                Completion::Start(token, iteration) => (token, Some(iteration.intended_start)),
                Completion::End(token) | Completion::Resume(token) | Completion::Response(token, _) => (token, None),
            })
            .collect()
    }

    fn dropped(&self) -> usize {
        self.records.try_iter().filter(|record| matches!(record, Record::Due(due) if due.dropped)).count()
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
