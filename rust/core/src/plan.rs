//! What the engine is asked to do: plain data, read once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// A whole run as the engine sees it.
#[derive(Debug, Clone, Deserialize)]
pub struct Plan {
    /// Base URL that relative URLs of requests are joined to.
    pub target: String,
    /// Hosts other than the target and this machine that scenarios may send requests to.
    #[serde(default)]
    pub allow: Vec<String>,
    /// The run folder, which exists.
    pub folder: PathBuf,
    /// Makes the choice of scenarios reproducible.
    pub rng_seed: u64,
    /// Names of the scenarios; streams refer to them by index.
    pub scenarios: Vec<String>,
    /// Tags of the scenarios, in the same order; none where it is shorter.
    #[serde(default)]
    pub scenario_tags: Vec<BTreeMap<String, String>>,
    /// What scripts measure themselves.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// Load profiles, side by side.
    pub streams: Vec<Stream>,
    /// Longest time for one request.
    pub request_timeout_ns: u64,
    /// Longest time for one connection, TLS included.
    pub connect_timeout_ns: u64,
    /// The `user-agent` header.
    pub user_agent: String,
}

/// A metric that scripts fill.
#[derive(Debug, Clone, Deserialize)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// `counter`, `gauge`, `rate` or `trend`.
    pub kind: String,
    /// What its values are counted in; only told on.
    pub unit: String,
}

/// One load profile over a weighted mix of scenarios.
#[derive(Debug, Clone, Deserialize)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// When iterations start, and how many VUs there are.
    pub profile: Profile,
    /// Indexes of scenarios with their weights.
    pub mix: Vec<(u32, f64)>,
}

/// A load profile.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Profile {
    /// A fixed number of VUs, each starting its next iteration when the last one ends.
    ConstantVus {
        /// How many.
        vus: u32,
        /// How long.
        duration_ns: i64,
    },
    /// A number of VUs that changes linearly within each stage.
    RampingVus {
        /// How many at the start.
        start: u32,
        /// Length and number of VUs at the end of each stage.
        stages: Vec<Stage>,
    },
    /// Iterations started at a fixed rate, whatever the answers.
    ConstantRate {
        /// Numerator and denominator of the events per second.
        rate: (u64, u64),
        /// How long.
        duration_ns: i64,
        /// How many VUs may be busy at once.
        max_vus: u32,
    },
}

/// One stage of a ramp.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Stage {
    /// Its length.
    pub duration_ns: i64,
    /// The number of VUs at its end.
    pub target: u32,
}

impl Profile {
    /// How many VUs it ever needs at once.
    #[must_use]
    pub fn max_vus(&self) -> u32 {
        match self {
            Self::ConstantVus { vus, .. } => *vus,
            Self::RampingVus { start, stages } => stages.iter().map(|stage| stage.target).max().unwrap_or(0).max(*start),
            Self::ConstantRate { max_vus, .. } => *max_vus,
        }
    }
}
