//! Open profiles as the scheduler asks them, whole and in shares.

use super::*;
use crate::clock::SECOND;
use crate::plan::{RateStage, Stage};
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
