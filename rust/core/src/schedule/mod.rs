//! When iterations start. All times are nanoseconds since the start of the stream, from closed formulas on whole numbers.

mod arrivals;
mod holds;
mod poisson;
mod ramp;
mod share;
mod vus;
mod wide;

pub use arrivals::{Arrivals, Starts};
pub use holds::Holds;
pub use share::Share;
pub use vus::VuSteps;

use crate::plan::Profile;
use poisson::Poisson;
use ramp::Ramp;

/// A rate or a length that whole numbers of this size cannot hold exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate of the load profile is too high or too fine, or the profile is too long, to be kept exactly")]
pub struct Unrepresentable;

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

/// Tells whether events at `rate` can be kept exactly, random ones included.
///
/// # Errors
/// When they cannot.
pub fn check_rate(rate: (u64, u64)) -> Result<(), Unrepresentable> {
    Poisson::new(rate, 0, 0).map(drop)
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
            Profile::ConstantRate { rate, duration_ns, .. } => Self::Open(Arrivals::constant(*rate, *duration_ns)),
            Profile::RampingRate { start, stages, .. } => Self::Open(Arrivals::ramp(Ramp::new(*start, stages)?)),
            Profile::PoissonRate { rate, duration_ns, .. } => Self::Open(Arrivals::poisson(Poisson::new(*rate, *duration_ns, key)?)),
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
