//! The load engine of tenantry. It knows nothing of Python: it takes a plan, drives connections and clocks, and writes samples.
#![deny(unsafe_code)]

pub mod clock;
pub mod engine;
pub mod failure;
pub mod histogram;
pub mod http;
pub mod plan;
pub mod population;
pub mod queue;
pub mod record;
pub mod sample;
pub mod schedule;
pub mod scheduler;
pub mod stored;
mod tls;
mod turns;
