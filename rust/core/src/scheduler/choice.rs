//! Which scenario of a mix an iteration runs.

use crate::plan::Plan;
use crate::population::random::draw;

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
        let point = (draw(self.seed ^ draw(number, 0), 0) >> 11) as f64 / (1_u64 << 53) as f64;
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
    draw(plan.rng_seed ^ draw(index, 0), 0)
}
