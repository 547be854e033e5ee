//! What a plan would start and when, without starting anything.

use super::choice::{Choice, stream_seed};
use crate::plan::{Plan, StartAfter};
use crate::population::random::subkey;
use crate::schedule::{Pace, Share, Starts, Unrepresentable};

/// The intended starts and numbers of VUs of a plan, by the formulas that the scheduler follows.
pub struct Listing {
    streams: Vec<Listed>,
}

struct Listed {
    pace: Pace,
    choice: Choice,
    share: Option<Share>,
    begin_ns: i64,
}

impl Listing {
    /// The listing of the plan's own share.
    ///
    /// A stream that begins after one of a fixed number of iterations is listed as if that one took all of its time.
    ///
    /// # Errors
    /// When a rate or a length cannot be kept exactly.
    pub fn new(plan: &Plan) -> Result<Self, Unrepresentable> {
        let mut streams = Vec::with_capacity(plan.streams.len());
        for (stream, index) in plan.streams.iter().zip(0_u64..) {
            let seed = stream_seed(plan, index);
            streams.push(Listed {
                pace: Pace::new(&stream.profile, subkey(seed, "arrivals"))?,
                choice: Choice::new(seed, &stream.mix),
                share: Share::of(plan.share, stream.profile.max_vus()),
                begin_ns: 0,
            });
        }
        for _ in &plan.streams {
            // One more link of every chain of streams in each round.
            for (stream, index) in plan.streams.iter().zip(0..) {
                let begin = match stream.start_after {
                    StartAfter::DelayNs(delay) => delay,
                    StartAfter::Stream(other) => streams.get(other as usize).map_or(0, |other| other.begin_ns + other.pace.end_ns()),
                };
                if let Some(listed) = streams.get_mut(index) {
                    listed.begin_ns = begin;
                }
            }
        }
        Ok(Self { streams })
    }

    /// The intended starts of the iterations of an open stream that run `scenario`; none of a closed one.
    pub fn starts(&self, stream: u32, scenario: u32) -> impl Iterator<Item = i64> + use<> {
        let listed = self.streams.get(stream as usize);
        let found = listed.and_then(|listed| match &listed.pace {
            Pace::Open(arrivals) => Some((Starts::new(arrivals.clone(), listed.share?), listed.choice.clone(), listed.begin_ns)),
            Pace::Closed(..) => None,
        });
        found.into_iter().flat_map(move |(starts, choice, begin)| {
            starts.filter(move |&(number, _)| choice.scenario(number) == scenario).map(move |(_, at)| begin + at)
        })
    }

    /// When the number of VUs of a closed stream changes, and to what; None of an open one.
    #[must_use]
    pub fn vus(&self, stream: u32) -> Option<Vec<(i64, u64)>> {
        let listed = self.streams.get(stream as usize)?;
        match (&listed.pace, listed.share) {
            (Pace::Open(_), _) => None,
            (Pace::Closed(..), None) => Some(Vec::new()),
            (Pace::Closed(steps, _), Some(share)) => Some(steps.changes(share).map(|(at, count)| (listed.begin_ns + at, count)).collect()),
        }
    }
}
