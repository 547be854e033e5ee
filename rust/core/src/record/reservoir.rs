//! Which single requests are kept: failures, the slowest, and a uniform share of the rest.

use crate::failure::FailureKind;
use crate::sample::Sample;

const MOST_FAILURES: usize = 1000;
const SLOWEST: usize = 10;
const UNIFORM: usize = 100;

/// A request that is kept, why, and how many it stands for.
pub(super) struct Kept {
    pub(super) sample: Sample,
    pub(super) reason: &'static str,
    pub(super) weight: f64,
}

/// The requests kept of one chunk of time.
pub(super) struct Reservoir {
    failures: Vec<Sample>,
    slowest: Vec<Sample>,
    uniform: Vec<Sample>,
    offered: u64,
    random: u64,
}

impl Default for Reservoir {
    fn default() -> Self {
        Self { failures: Vec::new(), slowest: Vec::new(), uniform: Vec::new(), offered: 0, random: 0x9E37_79B9_7F4A_7C15 }
    }
}

impl Reservoir {
    pub(super) fn offer(&mut self, sample: Sample) {
        if sample.failure.is_some() {
            if self.failures.len() < MOST_FAILURES {
                self.failures.push(sample);
            }
        } else if self.slowest.len() < SLOWEST {
            self.slowest.push(sample);
        } else {
            let displaced = self.displace(sample);
            self.offer_uniform(displaced);
        }
    }

    /// Puts `sample` among the slowest if it belongs there; returns the one that does not.
    fn displace(&mut self, sample: Sample) -> Sample {
        match self.slowest.iter_mut().min_by_key(|kept| kept.response_time()) {
            Some(least) if least.response_time() < sample.response_time() => std::mem::replace(least, sample),
            _ => sample,
        }
    }

    /// Algorithm R (Vitter 1985) over everything that is neither a failure nor among the slowest.
    fn offer_uniform(&mut self, sample: Sample) {
        self.offered += 1;
        if self.uniform.len() < UNIFORM {
            self.uniform.push(sample);
            return;
        }
        let place = usize::try_from(self.next_random() % self.offered).unwrap_or(usize::MAX);
        if let Some(kept) = self.uniform.get_mut(place) {
            *kept = sample;
        }
    }

    /// Xorshift (Marsaglia 2003): which requests are kept need not be reproducible, only even.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// Empties the reservoir.
    pub(super) fn take(&mut self) -> Vec<Kept> {
        #[expect(clippy::cast_precision_loss, reason = "a count of one chunk")]
        let weight = self.offered as f64 / self.uniform.len().max(1) as f64;
        self.offered = 0;
        // A failed check says more of a request that was counted before, so it stands for none.
        let stands_for = |sample: &Sample| if sample.failure == Some(FailureKind::Check) { 0.0 } else { 1.0 };
        let one = |reason| move |sample| Kept { weight: stands_for(&sample), sample, reason };
        let failures = std::mem::take(&mut self.failures).into_iter().map(one("failure"));
        let slowest = std::mem::take(&mut self.slowest).into_iter();
        let uniform = std::mem::take(&mut self.uniform).into_iter().map(|sample| Kept { sample, reason: "uniform", weight });
        failures.chain(slowest.map(one("slow"))).chain(uniform).collect()
    }
}
