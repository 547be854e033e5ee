//! Orders that change the load while it goes on.

use super::*;
use crate::plan::RateStage;
use proptest::prelude::*;

fn order(at_ns: i64, change: Change) -> Control {
    Control { at_ns, stream: None, change }
}

impl Rig {
    fn control(&self, at_ns: i64, change: Change) -> Result<Vec<String>, String> {
        self.scheduler.control(&order(at_ns, change)).map_err(|refused| refused.to_string())
    }

    /// Asks for `count` iterations that come later, in the name of VU 0.
    fn wait_for(&self, count: u64) {
        (0..count).for_each(|token| assert_eq!(self.scheduler.next(0, 0, token), Next::Wait));
    }

    /// How many events were due so far, dropped ones included.
    fn due(&self) -> u64 {
        let mut batch = Vec::new();
        self.records.take(&mut batch);
        let due = |record| if let Record::Due(due) = record { due.count } else { 0 };
        batch.into_iter().map(due).sum()
    }

    fn intended(&self, ns: i64) -> Vec<i64> {
        self.at(ns).into_iter().filter_map(|(_, start)| start).collect()
    }
}

#[test]
fn a_new_rate_begins_with_an_event_at_its_instant_and_holds_to_the_planned_end() {
    let rig = rig(ten_per_second());
    rig.wait_for(20);
    assert_eq!(rig.control(250_000_000, Change::Rate(4, 1)), Ok(vec!["one".to_owned()]));
    let [a, b, c] = [250_000_000, 500_000_000, 750_000_000];
    assert_eq!(rig.intended(SECOND), [0, TENTH, 2 * TENTH, a, b, c]);
    assert_eq!(rig.scheduler.next(0, 0, 99), Next::End);
}

#[test]
fn a_rate_can_be_raised_when_no_event_was_left() {
    let rig = rig(Profile::ConstantRate { rate: (1, 1), duration_ns: SECOND, max_vus: 2 });
    rig.wait_for(4);
    assert_eq!(rig.at(SECOND / 2), [(0, Some(0))]);
    rig.control(6 * TENTH, Change::Rate(5, 1)).unwrap();
    assert_eq!(rig.intended(SECOND - 1), [6 * TENTH, 8 * TENTH]);
}

#[test]
fn events_in_a_pause_are_neither_due_nor_dropped_and_shift_nothing() {
    let rig = rig(ten_per_second());
    rig.wait_for(3);
    rig.control(15 * TENTH / 10, Change::Hold).unwrap();
    assert_eq!(rig.intended(5 * TENTH), [0, TENTH]);
    rig.control(65 * TENTH / 10, Change::Release).unwrap();
    assert_eq!(rig.intended(SECOND), [7 * TENTH]);
    assert_eq!(rig.due(), 5, "two before the pause, three after it, of which nobody was free for two");
}

#[test]
fn a_vu_of_a_closed_stream_begins_nothing_in_a_pause_and_goes_on_after_it() {
    for profile in [
        Profile::ConstantVus { vus: 1, duration_ns: SECOND },
        shared(9, 1),
        Profile::PerVuIterations { iterations: 9, vus: 1, max_duration_ns: SECOND },
    ] {
        let rig = rig(profile);
        assert!(rig.starts(0, 0, 0).is_some());
        rig.control(TENTH, Change::Hold).unwrap();
        rig.ends(0, 2 * TENTH);
        assert_eq!(rig.scheduler.next(0, 0, 7), Next::Wait);
        assert_eq!(rig.at(5 * TENTH), []);
        rig.control(6 * TENTH, Change::Release).unwrap();
        assert_eq!(rig.at(8 * TENTH), [(7, Some(6 * TENTH))]);
    }
}

#[test]
fn a_pause_that_outlasts_the_load_ends_with_it() {
    let rig = rig(Profile::ConstantVus { vus: 1, duration_ns: SECOND });
    rig.control(0, Change::Hold).unwrap();
    assert_eq!(rig.scheduler.next(0, 0, 7), Next::Wait);
    assert_eq!(rig.at(SECOND), [(7, None)]);
}

#[test]
fn a_stop_in_a_pause_releases_those_who_wait() {
    let rig = rig(Profile::ConstantVus { vus: 1, duration_ns: SECOND });
    rig.control(0, Change::Hold).unwrap();
    rig.scheduler.next(0, 0, 7);
    rig.scheduler.stop();
    assert_eq!(rig.at(TENTH), [(7, None)]);
    assert_eq!(rig.control(TENTH, Change::Release), Err("the run is ending: no more iterations start".into()));
}

#[test]
fn fewer_vus_let_the_others_rest_until_there_are_more_again() {
    let rig = rig(Profile::ConstantVus { vus: 3, duration_ns: SECOND });
    (0..3).for_each(|vu| assert!(rig.starts(0, vu, 0).is_some()));
    rig.control(TENTH, Change::Vus(1)).unwrap();
    rig.clock.set(2 * TENTH);
    assert_eq!(rig.scheduler.next(0, 1, 11), Next::Rest);
    assert_eq!(rig.scheduler.next(0, 2, 12), Next::Rest);
    assert!(rig.starts(0, 0, 2 * TENTH).is_some());
    assert_eq!(rig.orders(4 * TENTH), [], "running iterations go on");
    rig.control(5 * TENTH, Change::Vus(2)).unwrap();
    assert_eq!(rig.at(7 * TENTH), [(11, Some(5 * TENTH))]);
    assert_eq!(rig.at(SECOND), [(12, None)]);
}

#[test]
fn a_vu_that_the_ramp_took_away_for_good_can_be_asked_back() {
    let stages = vec![Stage { duration_ns: SECOND, target: 0 }, Stage { duration_ns: SECOND, target: 0 }];
    let rig = rig(Profile::RampingVus { start: 2, stages, graceful_ramp_down_ns: 0 });
    rig.clock.set(12 * TENTH);
    assert_eq!(rig.scheduler.next(0, 1, 5), Next::Rest);
    rig.control(15 * TENTH, Change::Vus(2)).unwrap();
    assert_eq!(rig.at(2 * SECOND - 1), [(5, Some(15 * TENTH))]);
}

#[test]
fn an_order_takes_a_vu_of_a_ramp_away_with_its_time_to_finish() {
    let stages = vec![Stage { duration_ns: 9 * SECOND, target: 2 }];
    let rig = rig(Profile::RampingVus { start: 2, stages, graceful_ramp_down_ns: SECOND });
    (0..2).for_each(|vu| assert!(rig.starts(0, vu, 0).is_some()));
    rig.control(SECOND, Change::Vus(1)).unwrap();
    assert_eq!(rig.orders(2 * SECOND - 1), []);
    assert_eq!(rig.orders(2 * SECOND), [Order::Interrupt { stream: 0, vu: 1 }]);
    rig.control(3 * SECOND, Change::Vus(2)).unwrap();
    assert_eq!(rig.scheduler.next(0, 1, 5), Next::Wait);
    assert_eq!(rig.at(3 * SECOND), [(5, Some(3 * SECOND))]);
    rig.control(4 * SECOND, Change::Vus(1)).unwrap();
    rig.control(45 * TENTH, Change::Vus(2)).unwrap();
    assert_eq!(rig.orders(8 * SECOND), [], "it is back before its time is over");
}

#[test]
fn an_order_before_the_begin_of_a_stream_holds_from_there() {
    let after = |profile, start_after| Stream { start_after, ..stream(profile) };
    let streams =
        vec![stream(shared(1, 1)), after(ten_per_second(), StartAfter::Stream(0)), after(ten_per_second(), StartAfter::DelayNs(SECOND))];
    let rig = rig_of(&plan(streams, (0, 1)));
    assert!(rig.starts(0, 0, 0).is_some());
    (0..9).for_each(|token| {
        rig.scheduler.next(1, 0, 100 + token);
        rig.scheduler.next(2, 0, 200 + token);
    });
    rig.control(TENTH, Change::Rate(2, 1)).unwrap();
    rig.ends(0, 3 * TENTH);
    let told = rig.at(2 * SECOND);
    let of = |least: Token| -> Vec<i64> {
        told.iter().filter(|told| (least..least + 100).contains(&told.0)).filter_map(|told| told.1).collect()
    };
    assert_eq!(of(100), [3 * TENTH, 8 * TENTH]);
    assert_eq!(of(200), [SECOND, SECOND + 5 * TENTH]);
}

#[test]
fn every_order_that_a_stream_cannot_follow_is_refused_with_a_reason() {
    let named = |name: &str, profile| Stream { name: name.into(), ..stream(profile) };
    let vus = Profile::ConstantVus { vus: 5, duration_ns: SECOND };
    let streams = vec![named("browse", ten_per_second()), named("loop", vus), named("buy", shared(5, 2))];
    let rig = rig_of(&plan(streams, (0, 1)));
    let refused = |stream: Option<&str>, change| {
        let order = Control { at_ns: 0, stream: stream.map(str::to_owned), change };
        rig.scheduler.control(&order).map_err(|refused| refused.to_string())
    };
    for (stream, change, reason) in [
        ("browse", Change::Vus(3), "browse has a rate, and as many virtual users as that needs: use rate"),
        ("loop", Change::Rate(3, 1), "loop has virtual users that loop, and no rate: use vus"),
        ("loop", Change::Vus(6), "loop has at most 5 virtual users: give its load profile more in the workload"),
        ("loop", Change::Vus(0), "loop cannot have no virtual users: use pause"),
        ("browse", Change::Rate(0, 1), "browse cannot have a rate of zero: use pause"),
        ("buy", Change::Vus(1), "buy has a fixed number of iterations: only pause, resume and stop can change it"),
        ("buy", Change::Rate(1, 1), "buy has a fixed number of iterations: only pause, resume and stop can change it"),
        ("buy", Change::Release, "buy is not paused"),
        ("sell", Change::Hold, "there is no load profile \"sell\" in this run; there are: browse, loop, buy"),
    ] {
        assert_eq!(refused(Some(stream), change), Err(reason.to_owned()));
    }
    assert!(refused(Some("browse"), Change::Rate(u64::MAX, 1)).unwrap_err().contains("too high or too fine"));
    assert_eq!(refused(Some("one"), Change::Rate(7, 2)), Ok(vec!["browse".to_owned()]), "by the scenario's name as well");
    assert_eq!(refused(None, Change::Rate(7, 2)), Ok(vec!["browse".to_owned()]), "those that it fits");
    assert_eq!(refused(None, Change::Vus(9)).unwrap_err().matches(';').count(), 2, "a reason for each stream");
    assert_eq!(refused(Some("loop"), Change::Hold), Ok(vec!["loop".to_owned()]));
    assert_eq!(refused(Some("loop"), Change::Hold), Err("loop is paused already".to_owned()));
    assert_eq!(refused(None, Change::Hold), Ok(vec!["browse".to_owned(), "buy".to_owned()]));
    rig.to(SECOND);
    let late = Control { at_ns: SECOND, stream: Some("browse".into()), change: Change::Rate(1, 1) };
    assert_eq!(rig.scheduler.control(&late).unwrap_err().to_string(), "browse has ended, or ends before that");
}

fn open_profiles() -> impl Strategy<Value = Profile> {
    let (duration_ns, max_vus) = (2 * SECOND, 60);
    let stages = prop::collection::vec((prop_oneof![Just(0), 1..SECOND], (0_u64..90, 1..4_u64)), 1..4)
        .prop_map(|table| table.into_iter().map(|(duration_ns, target)| RateStage { duration_ns, target }).collect::<Vec<_>>());
    prop_oneof![
        (1_u64..90, 1..4_u64).prop_map(move |rate| Profile::ConstantRate { rate, duration_ns, max_vus }),
        (1_u64..90, 1..4_u64).prop_map(move |rate| Profile::PoissonRate { rate, duration_ns, max_vus }),
        stages.prop_map(move |stages| Profile::RampingRate { start: (20, 1), stages, max_vus }),
    ]
}

/// Orders at moments of a load of two seconds, each given a little before it takes effect.
fn orders() -> impl Strategy<Value = Vec<(i64, Change)>> {
    let change = prop_oneof![
        3 => (1_u64..120, 1..4_u64).prop_map(|(numerator, denominator)| Change::Rate(numerator, denominator)),
        3 => (1_u64..8).prop_map(Change::Vus),
        2 => Just(Change::Hold),
        2 => Just(Change::Release),
    ];
    prop::collection::vec((0..2 * SECOND, change), 0..7).prop_map(|mut orders| {
        orders.sort_by_key(|(at, _)| *at);
        orders
    })
}

/// What a share of an open profile starts under orders: numbers and intended starts.
fn started(profile: &Profile, share: (u32, u32), orders: &[(i64, Change)]) -> Vec<(u64, i64)> {
    let rig = rig_of(&plan(vec![stream(profile.clone())], share));
    (0..600).for_each(|token| _ = rig.scheduler.next(0, 0, token));
    let ends = orders.iter().map(|&(at, change)| (at - at.min(TENTH), Some((at, change)))).chain([(3 * SECOND, None)]);
    let mut found = Vec::new();
    for (now, order) in ends {
        found.extend(rig.to(now).into_iter().filter_map(|told| match told {
            Completion::Start(_, iteration) => Some((iteration.number, iteration.intended_start)),
            _ => None,
        }));
        if let Some((at, change)) = order {
            let _ = rig.control(at, change);
        }
    }
    assert_eq!(rig.due(), found.len() as u64, "every event that was due was started, and no other");
    found
}

/// The numbers of VUs that a share has at each of many moments under orders.
fn active(profile: &Profile, share: (u32, u32), orders: &[(i64, Change)]) -> Vec<usize> {
    let rig = rig_of(&plan(vec![stream(profile.clone())], share));
    for &(at, change) in orders {
        let _ = rig.control(at, change);
    }
    let mut state = rig.scheduler.state.lock();
    let vus: Vec<u32> = (0..profile.max_vus()).filter(|vu| vu % share.1.min(profile.max_vus()) == share.0).collect();
    let moments = (0..40).map(|step| step * SECOND / 20);
    let stream = state.streams.first_mut().unwrap();
    moments.map(|at| vus.iter().filter(|&&vu| stream.turn(vu, at) == stream::Turn::At(at)).count()).collect()
}

/// The same by hand: what the last orders before a moment say.
fn expected(steps: &[(i64, u64)], orders: &[(i64, Change)], most: u64) -> Vec<usize> {
    let at_moment = |at: i64| {
        let mut count = steps.iter().rev().find(|step| step.0 <= at).map_or(0, |step| step.1);
        let mut held = false;
        for &(_, change) in orders.iter().filter(|order| order.0 <= at) {
            match change {
                Change::Vus(vus) if vus <= most => count = vus,
                Change::Hold => held = true,
                Change::Release => held = false,
                Change::Vus(_) | Change::Rate(..) => {}
            }
        }
        if held { 0 } else { usize::try_from(count).unwrap() }
    };
    (0..40).map(|step| at_moment(step * SECOND / 20)).collect()
}

proptest! {
    #[test]
    fn the_shares_of_an_open_profile_under_orders_are_the_whole_under_the_same(profile in open_profiles(), orders in orders(), count in 2_u32..5) {
        let whole = started(&profile, (0, 1), &orders);
        let mut together: Vec<_> = (0..count).flat_map(|index| started(&profile, (index, count), &orders)).collect();
        together.sort_unstable();
        prop_assert!(whole.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
        prop_assert_eq!(together, whole);
    }

    #[test]
    fn a_closed_profile_has_at_every_moment_what_the_last_orders_say_also_in_shares(
        (start, a, b) in (0_u32..7, 0_u32..7, 1_u32..7), orders in orders(), count in 2_u32..5,
    ) {
        let stages = vec![Stage { duration_ns: SECOND, target: a }, Stage { duration_ns: SECOND, target: b }];
        let profile = Profile::RampingVus { start, stages, graceful_ramp_down_ns: 0 };
        let steps = Listing::new(&plan(vec![stream(profile.clone())], (0, 1))).unwrap().vus(0).unwrap();
        let whole = active(&profile, (0, 1), &orders);
        prop_assert_eq!(&whole, &expected(&steps, &orders, profile.max_vus().into()));
        let parts: Vec<_> = (0..count).map(|index| active(&profile, (index, count), &orders)).collect();
        let sums: Vec<usize> = (0..40).map(|moment| parts.iter().map(|part| part[moment]).sum()).collect();
        prop_assert_eq!(sums, whole);
    }
}
