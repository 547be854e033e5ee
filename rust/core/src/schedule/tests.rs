//! Open profiles as the scheduler asks them, whole and in shares.

use super::*;
use crate::clock::SECOND;
use crate::plan::{RateStage, Stage};
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;

fn arrivals(profile: &Profile) -> Arrivals {
    match Pace::new(profile, 7).unwrap() {
        Pace::Open(arrivals) => arrivals,
        Pace::Closed(..) => panic!("it is open"),
    }
}

fn constant(numerator: u64, denominator: u64, duration_ns: i64) -> Arrivals {
    arrivals(&Profile::ConstantRate { rate: (numerator, denominator), duration_ns, max_vus: 1 })
}

fn open_profiles() -> impl Strategy<Value = Profile> {
    let rate = || (0_u64..5_000, prop::sample::select(vec![1_u64, 3, 60]));
    let stages = prop::collection::vec((prop_oneof![Just(0), 1..SECOND], rate()), 1..4)
        .prop_map(|table| table.into_iter().map(|(duration_ns, target)| RateStage { duration_ns, target }).collect());
    let length = 1..SECOND;
    prop_oneof![
        (rate(), length.clone()).prop_map(|(rate, duration_ns)| Profile::ConstantRate { rate, duration_ns, max_vus: 9 }),
        (rate(), stages).prop_map(|(start, stages)| Profile::RampingRate { start, stages, max_vus: 9 }),
        (1..5_000_u64, length).prop_map(|(rate, duration_ns)| Profile::PoissonRate { rate: (rate, 3), duration_ns, max_vus: 9 }),
    ]
}

#[test]
fn three_events_per_second_start_at_whole_thirds() {
    let mut arrivals = constant(3, 1, SECOND);
    let starts: Vec<_> = (0..4).map(|k| arrivals.start_of(k)).collect();
    assert_eq!(starts, [Some(0), Some(333_333_333), Some(666_666_666), None]);
}

#[test]
fn an_event_on_the_end_boundary_does_not_start() {
    assert_eq!(constant(10, 1, SECOND).start_of(10), None);
}

#[test]
fn a_rate_of_zero_never_starts_anything() {
    assert_eq!(constant(0, 1, SECOND).start_of(0), None);
}

proptest! {
    #[test]
    fn constant_rate_is_exact_after_any_number_of_events(n in 1_u64..1_000_000, d in 1_u64..1_000, k in 0_u64..1_000_000_000) {
        let found = constant(n, d, i64::MAX).start_of(k);
        let exact = u128::from(k) * 1_000_000_000 * u128::from(d) / u128::from(n);
        prop_assert_eq!(found, i64::try_from(exact).ok().filter(|&ns| ns < i64::MAX));
    }

    #[test]
    fn the_shares_of_an_open_profile_put_together_are_the_whole(profile in open_profiles(), count in 1_u32..12) {
        let of = |index: u32, count: u32| {
            let share = Share::of((index, count), profile.max_vus());
            share.map_or(Vec::new(), |share| Starts::new(arrivals(&profile), share).collect::<Vec<_>>())
        };
        let mut together: Vec<_> = (0..count).flat_map(|index| of(index, count)).collect();
        together.sort_unstable();
        let whole = of(0, 1);
        prop_assert!(whole.iter().map(|event| event.0).eq(0..whole.len() as u64), "events are numbered from 0");
        prop_assert!(whole.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        prop_assert_eq!(together, whole);
    }

    #[test]
    fn the_shares_of_a_closed_profile_add_up_at_every_moment(
        start in 0_u32..20, a in 0_u32..20, b in 0_u32..20, la in 0_i64..50, lb in 1_i64..50, count in 1_u32..8
    ) {
        let steps = VuSteps::ramp(start, &[Stage { duration_ns: la, target: a }, Stage { duration_ns: lb, target: b }]);
        let most = start.max(a).max(b);
        let at = |share: Share, t: i64| steps.changes(share).filter(|change| change.0 <= t).last().map_or(0, |change| change.1);
        for t in 0..=la + lb {
            let sum: u64 = (0..count).filter_map(|index| Share::of((index, count), most)).map(|share| at(share, t)).sum();
            prop_assert_eq!(sum, Share::of((0, 1), most).map_or(0, |whole| at(whole, t)));
            let active: usize = (0..most).filter(|&vu| steps.active_from(vu, t) == Some(t)).count();
            prop_assert_eq!(sum, active as u64);
        }
    }

    #[test]
    fn every_unit_is_in_exactly_one_share(total in 0_u64..500, count in 1_u32..20, vus in 1_u32..20) {
        let shares: Vec<Share> = (0..count).filter_map(|index| Share::of((index, count), vus)).collect();
        let mut units: Vec<u64> = shares.iter().flat_map(|share| (0..share.of_first(total)).map(|local| share.number(local))).collect();
        prop_assert!(shares.iter().all(|share| (0..9).all(|local| share.local(share.number(local)) == local)));
        units.sort_unstable();
        prop_assert!(units.into_iter().eq(0..total));
    }
}

/// Changes of the rate at moments of the first second.
fn changes() -> impl Strategy<Value = Vec<(i64, (u64, u64))>> {
    prop::collection::vec((0..SECOND, (1_u64..400, prop::sample::select(vec![1_u64, 3, 7, 60]))), 1..6).prop_map(|mut changes| {
        changes.sort_by_key(|(at, _)| *at);
        changes
    })
}

fn changed(profile: &Profile, changes: &[(i64, (u64, u64))]) -> Arrivals {
    let mut found = arrivals(profile);
    changes.iter().for_each(|&(at, rate)| found.set_rate(at, rate).unwrap());
    found
}

fn all(mut arrivals: Arrivals) -> Vec<i64> {
    (0..).map_while(|k| arrivals.start_of(k)).collect()
}

fn ratio(numerator: impl Into<BigInt>, denominator: impl Into<BigInt>) -> BigRational {
    BigRational::new(numerator.into(), denominator.into())
}

/// What a profile of constant or ramping rate starts under changes: its own events before the first of them, then from each on
/// whole periods, until the next or the end.
fn by_hand(profile: &Profile, changes: &[(i64, (u64, u64))]) -> Vec<i64> {
    let plain = arrivals(profile);
    let end = plain.end_ns();
    let until = |index: usize| changes.get(index).map_or(end, |(at, _)| *at).min(end);
    let mut found: Vec<i64> = all(plain).into_iter().filter(|&ns| ns < until(0)).collect();
    for (index, &(at, (numerator, denominator))) in changes.iter().enumerate() {
        let period = ratio(SECOND, 1) * ratio(denominator, numerator);
        let events = (0..).map(|k| (ratio(at, 1) + ratio(k, 1) * &period).floor().to_integer());
        found.extend(events.map(|ns| i64::try_from(ns).unwrap()).take_while(|&ns| ns < until(index + 1)));
    }
    found
}

/// The integral of the rate of a random profile up to `ns`.
fn integral(rate: (u64, u64), changes: &[(i64, (u64, u64))], ns: i64) -> BigRational {
    let ends = changes.iter().map(|(at, _)| *at).chain([i64::MAX]);
    let pieces = std::iter::once((0, rate)).chain(changes.iter().copied()).zip(ends);
    let area = |((from, (numerator, denominator)), to): ((i64, (u64, u64)), i64)| {
        ratio((ns.min(to) - from).max(0), SECOND) * ratio(numerator, denominator)
    };
    pieces.map(area).sum()
}

proptest! {
    #[test]
    fn a_changed_rate_is_that_of_exact_fractions(profile in open_profiles(), changes in changes()) {
        prop_assume!(!matches!(profile, Profile::PoissonRate { .. }));
        prop_assert_eq!(all(changed(&profile, &changes)), by_hand(&profile, &changes));
    }

    #[test]
    fn random_arrivals_under_changes_are_where_the_integral_reaches_the_same_draws(rate in (1_u64..400, 1_u64..60), changes in changes()) {
        let profile = Profile::PoissonRate { rate, duration_ns: SECOND, max_vus: 9 };
        // At one event per second the integral up to an event is its time.
        let mut draws = arrivals(&Profile::PoissonRate { rate: (1, 1), duration_ns: i64::MAX, max_vus: 9 });
        let found = all(changed(&profile, &changes));
        // Draws are told to a nanosecond here, and a mean gap is rounded to a millionth of one.
        let close = ratio(1, 100_000_000);
        for (k, &ns) in (0..).zip(&found) {
            let drawn = ratio(draws.start_of(k).unwrap(), SECOND);
            prop_assert!(integral(rate, &changes, ns) <= &drawn + &close);
            prop_assert!(integral(rate, &changes, ns + 1) >= &drawn - &close);
        }
        let after = ratio(draws.start_of(found.len() as u64).unwrap(), SECOND);
        prop_assert!(integral(rate, &changes, SECOND) <= after + close, "every event before the end is there");
    }

    #[test]
    fn changes_while_events_are_taken_are_the_same_as_before_the_first(profile in open_profiles(), changes in changes(), index in 0_u32..4) {
        let share = Share::of((index, 4), profile.max_vus()).unwrap();
        let expected: Vec<_> = Starts::new(changed(&profile, &changes), share).collect();
        let mut starts = Starts::new(arrivals(&profile), share);
        let mut found = Vec::new();
        for &(at, rate) in &changes {
            found.extend(std::iter::from_fn(|| starts.head().filter(|&ns| ns < at).and_then(|_| starts.next())));
            starts.set_rate(at, rate).unwrap();
        }
        found.extend(starts);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_hold_contains_a_moment_exactly_when_its_next_free_moment_is_later(mut bounds in prop::collection::vec(0_i64..50, 0..8), ns in 0_i64..60) {
        bounds.sort_unstable();
        let mut holds = Holds::default();
        for (index, &bound) in bounds.iter().enumerate() {
            if index % 2 == 0 { holds.begin(bound) } else { holds.end(bound) }
        }
        let is_held = |ns: i64| bounds.iter().filter(|&&bound| bound <= ns).count() % 2 == 1;
        prop_assert_eq!(holds.contains(ns), is_held(ns));
        prop_assert_eq!(holds.free_from(ns), (ns..70).find(|&ns| !is_held(ns)));
        prop_assert_eq!(holds.is_open(), bounds.len() % 2 == 1);
    }
}
