//! The HTTP client: connections owned by each VU, every request measured in phases.

mod chunked;
mod client;
pub mod codings;
mod connect;
mod cookies;
mod deadlines;
mod desk;
mod dns;
mod drill;
mod endpoint;
mod follow;
mod http2;
mod inflow;
mod job;
mod message;
mod pool;
mod reader;
mod running;
mod settings;
mod sink;
mod tls;
mod trace;
mod traceparent;
mod upload;
mod wire;

pub use client::{Client, ClientError, Parts};
pub use cookies::Jar;
pub use drill::{Drill, DrillError, DrillParts};
pub use endpoint::{Endpoint, Target, TargetError};
pub use inflow::{Inflow, Piece};
pub use job::{Body, Headers, Job, Rules};
pub use message::Message;
pub use settings::{Family, Settings, Version};
pub use tls::TlsError;
pub use traceparent::Traces;
pub use upload::Part;
