//! When iterations start. All times are nanoseconds since the start of the stream, from closed formulas on whole numbers.

mod poisson;
mod ramp;
mod share;
mod vus;
mod wide;

pub use share::Share;
pub use vus::VuSteps;

use crate::clock::SECOND;
use crate::plan::Profile;
use poisson::Poisson;
use ramp::Ramp;

/// A rate or a length that whole numbers of this size cannot hold exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate of the load profile is too high or too fine, or the profile is too long, to be kept exactly")]
pub struct Unrepresentable;

/// The intended starts of an open profile.
#[derive(Debug, Clone)]
pub struct Arrivals(Formula);

#[derive(Debug, Clone)]
enum Formula {
    Constant { rate: (u64, u64), duration_ns: i64 },
    Ramp(Ramp),
    Poisson(Poisson),
}

impl Arrivals {
    /// The intended start of event `k` (from 0); None from the end of the profile on. Fastest when asked in order.
    #[must_use]
    pub fn start_of(&mut self, k: u64) -> Option<i64> {
        match &mut self.0 {
            Formula::Constant { rate: (numerator, denominator), duration_ns } => {
                let elapsed = u128::from(k) * u128::from(SECOND.unsigned_abs());
                let ns = elapsed.checked_mul((*denominator).into())?.checked_div((*numerator).into())?;
                i64::try_from(ns).ok().filter(|ns| ns < duration_ns)
            }
            Formula::Ramp(ramp) => ramp.start_of(k),
            Formula::Poisson(poisson) => poisson.start_of(k),
        }
    }

    fn end_ns(&self) -> i64 {
        match &self.0 {
            Formula::Constant { duration_ns, .. } => *duration_ns,
            Formula::Ramp(ramp) => ramp.end_ns(),
            Formula::Poisson(poisson) => poisson.duration_ns(),
        }
    }
}

/// The events of an open profile that belong to one share, in order.
#[derive(Debug, Clone)]
pub struct Starts {
    arrivals: Arrivals,
    share: Share,
    taken: u64,
    head: Option<i64>,
}

impl Starts {
    /// The events of `arrivals` that are in `share`.
    #[must_use]
    pub fn new(mut arrivals: Arrivals, share: Share) -> Self {
        let head = arrivals.start_of(share.number(0));
        Self { arrivals, share, taken: 0, head }
    }

    /// The next event's intended start; None after the last one.
    #[must_use]
    pub fn head(&self) -> Option<i64> {
        self.head
    }
}

impl Iterator for Starts {
    /// The event's number in the whole profile (from 0), and its intended start.
    type Item = (u64, i64);

    fn next(&mut self) -> Option<Self::Item> {
        let event = (self.share.number(self.taken), self.head?);
        self.taken += 1;
        self.head = self.arrivals.start_of(self.share.number(self.taken));
        Some(event)
    }
}

/// How many iterations a closed profile has; without a limit it goes on until its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// As many as fit.
    Unlimited,
    /// So many, which all VUs take from.
    Shared(u64),
    /// So many for each VU.
    PerVu(u64),
}

/// How a profile paces its iterations.
#[derive(Debug, Clone)]
pub enum Pace {
    /// Events at given times, whatever the answers.
    Open(Arrivals),
    /// VUs that loop while they are active.
    Closed(VuSteps, Budget),
}

impl Pace {
    /// The pace of `profile`; `key` makes the events of a random one reproducible.
    ///
    /// # Errors
    /// When a rate or a length cannot be kept exactly.
    pub fn new(profile: &Profile, key: u64) -> Result<Self, Unrepresentable> {
        Ok(match profile {
            Profile::ConstantVus { vus, duration_ns } => Self::Closed(VuSteps::constant(*vus, *duration_ns), Budget::Unlimited),
            Profile::RampingVus { start, stages, .. } => Self::Closed(VuSteps::ramp(*start, stages), Budget::Unlimited),
            Profile::SharedIterations { iterations, vus, max_duration_ns } => {
                Self::Closed(VuSteps::constant(*vus, *max_duration_ns), Budget::Shared(*iterations))
            }
            Profile::PerVuIterations { iterations, vus, max_duration_ns } => {
                Self::Closed(VuSteps::constant(*vus, *max_duration_ns), Budget::PerVu(*iterations))
            }
            Profile::ConstantRate { rate, duration_ns, .. } => {
                Self::Open(Arrivals(Formula::Constant { rate: *rate, duration_ns: *duration_ns }))
            }
            Profile::RampingRate { start, stages, .. } => Self::Open(Arrivals(Formula::Ramp(Ramp::new(*start, stages)?))),
            Profile::PoissonRate { rate, duration_ns, .. } => {
                Self::Open(Arrivals(Formula::Poisson(Poisson::new(*rate, *duration_ns, key)?)))
            }
        })
    }

    /// When the profile ends, at the latest.
    #[must_use]
    pub fn end_ns(&self) -> i64 {
        match self {
            Self::Open(arrivals) => arrivals.end_ns(),
            Self::Closed(steps, _) => steps.end_ns(),
        }
    }
}

#[cfg(test)]
mod tests;
