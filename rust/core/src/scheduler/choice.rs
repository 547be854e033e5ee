//! Which scenario of a mix an iteration runs.

use crate::plan::Plan;

/// A weighted choice of scenarios that depends on nothing but a number.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    seed: u64,
    cumulative: Vec<(f64, u32)>,
}

impl Choice {
    pub(super) fn new(seed: u64, mix: &[(u32, f64)]) -> Self {
        let total: f64 = mix.iter().map(|(_, weight)| weight).sum();
        let mut sum = 0.0;
        let cumulative = mix
            .iter()
            .map(|&(scenario, weight)| {
                sum += weight / total;
                (sum, scenario)
            })
            .collect();
        Self { seed, cumulative }
    }

    pub(super) fn scenario(&self, number: u64) -> u32 {
        if let Some(only) = self.only() {
            return only;
        }
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let point = (mix64(self.seed ^ mix64(number)) >> 11) as f64 / (1_u64 << 53) as f64;
        let chosen = self.cumulative.iter().find(|(bound, _)| point < *bound).or(self.cumulative.last());
        chosen.map_or(0, |(_, scenario)| *scenario)
    }

    /// The scenario, when there is no choice.
    pub(super) fn only(&self) -> Option<u32> {
        match self.cumulative.as_slice() {
            [(_, only)] => Some(*only),
            _ => None,
        }
    }
}

/// What all random choices of stream `index` depend on.
pub(super) fn stream_seed(plan: &Plan, index: u64) -> u64 {
    mix64(plan.rng_seed ^ mix64(index))
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
fn mix64(value: u64) -> u64 {
    let z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
