//! What the engine is asked to do: plain data, read once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::http::Settings;

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
    /// Which part of the load is this process's: a place (from 0), and how many parts there are.
    #[serde(default = "whole")]
    pub share: (u32, u32),
    /// What VUs send when no script does.
    #[serde(default)]
    pub drill: Option<Drill>,
    /// Longest time for one request.
    pub request_timeout_ns: u64,
    /// What holds for all connections.
    #[serde(default)]
    pub http: Settings,
    /// The `user-agent` header.
    pub user_agent: String,
}

/// Requests that VUs send again and again, one an iteration, the URLs in turn.
#[derive(Debug, Clone, Deserialize)]
pub struct Drill {
    /// The method of all.
    pub method: String,
    /// Absolute URLs, each with the name of its series.
    pub urls: Vec<(String, String)>,
    /// Header fields of all.
    pub headers: Vec<(String, String)>,
    /// The body of all.
    pub body: Vec<u8>,
    /// Statuses that are no failure; empty for 200 to 399.
    pub expect: Vec<u16>,
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

fn whole() -> (u32, u32) {
    (0, 1)
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
    /// When its profile begins.
    #[serde(default)]
    pub start_after: StartAfter,
    /// How long iterations may go on after the end of the profile.
    #[serde(default)]
    pub graceful_stop_ns: i64,
    /// How many VUs of an open profile are made before the load; all of them when it is not said.
    #[serde(default)]
    pub pre_allocated_vus: Option<u32>,
}

/// When a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartAfter {
    /// So many nanoseconds after the start of the load.
    DelayNs(i64),
    /// When the load of the stream with this index has ended.
    Stream(u32),
}

impl Default for StartAfter {
    fn default() -> Self {
        Self::DelayNs(0)
    }
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
        /// How long a VU that the ramp takes away may go on with its iteration.
        #[serde(default)]
        graceful_ramp_down_ns: i64,
    },
    /// A fixed number of iterations, which all VUs take from.
    SharedIterations {
        /// How many.
        iterations: u64,
        /// How many VUs.
        vus: u32,
        /// How long at most; what has not started by then is dropped.
        max_duration_ns: i64,
    },
    /// A fixed number of iterations for each VU.
    PerVuIterations {
        /// How many for each.
        iterations: u64,
        /// How many VUs.
        vus: u32,
        /// How long at most; what has not started by then is dropped.
        max_duration_ns: i64,
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
    /// Iterations started at a rate that changes linearly within each stage.
    RampingRate {
        /// Numerator and denominator of the events per second at the start.
        start: (u64, u64),
        /// Length and rate at the end of each stage.
        stages: Vec<RateStage>,
        /// How many VUs may be busy at once.
        max_vus: u32,
    },
    /// Iterations started at random, at a fixed rate on average.
    PoissonRate {
        /// Numerator and denominator of the events per second.
        rate: (u64, u64),
        /// How long.
        duration_ns: i64,
        /// How many VUs may be busy at once.
        max_vus: u32,
    },
}

/// One stage of a ramp of rates.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct RateStage {
    /// Its length.
    pub duration_ns: i64,
    /// Numerator and denominator of the events per second at its end.
    pub target: (u64, u64),
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
            Self::ConstantVus { vus, .. } | Self::SharedIterations { vus, .. } | Self::PerVuIterations { vus, .. } => *vus,
            Self::RampingVus { start, stages, .. } => stages.iter().map(|stage| stage.target).max().unwrap_or(0).max(*start),
            Self::ConstantRate { max_vus, .. } | Self::RampingRate { max_vus, .. } | Self::PoissonRate { max_vus, .. } => *max_vus,
        }
    }
}
