//! The HTTP/1.1 client: connections owned by each VU, every request measured in phases.

mod client;
mod connect;
mod deadlines;
mod endpoint;
mod exchange;
mod pool;
mod wire;

pub use client::{Client, Job, Settings};
pub use endpoint::{Endpoint, Target, TargetError};
