//! The HTTP/1.1 client: connections owned by each VU, every request measured in phases.

mod chunked;
mod client;
mod connect;
mod deadlines;
mod desk;
mod endpoint;
mod job;
mod message;
mod pool;
mod reader;
mod trace;
mod wire;

pub use client::Client;
pub use desk::Settings;
pub use endpoint::{Endpoint, Target, TargetError};
pub use job::{Headers, Job};
pub use message::Message;
