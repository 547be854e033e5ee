//! The flat record of one request; every figure of a run derives from these.

use crate::failure::FailureKind;
use crate::http::{Evidence, Timing};

/// How long each phase of a request took, in nanoseconds; together they are its service time.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    /// From the script's call until a connection is free or begins to be made.
    pub blocked: i64,
    /// Resolving the host name.
    pub dns: i64,
    /// The TCP handshake.
    pub connect: i64,
    /// The TLS handshake.
    pub tls: i64,
    /// Writing the request.
    pub send: i64,
    /// From the last byte written to the first byte of the response.
    pub wait: i64,
    /// Reading the response.
    pub receive: i64,
}

/// What is known of a request before it is sent.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// Number of the request in the run.
    pub id: u64,
    /// Index of its series.
    pub series: u32,
    /// Number of the virtual user.
    pub vu: u32,
    /// Number of the iteration in its stream.
    pub iteration: u64,
    /// Index of the tenant, or -1.
    pub tenant: i32,
    /// When the schedule wanted it, in clock nanoseconds.
    pub intended_start: i64,
    /// When the script asked for it, in clock nanoseconds.
    pub start: i64,
}

/// One request, done.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Who asked for it, and when.
    pub origin: Origin,
    /// When the last byte of the response came, or when it failed, in clock nanoseconds.
    pub end: i64,
    /// Where the time went.
    pub phases: Phases,
    /// The HTTP status, or 0 when no response came.
    pub status: u16,
    /// Why it failed, if it did.
    pub failure: Option<FailureKind>,
    /// A few words on the failure.
    pub detail: Option<Box<str>>,
    /// Bytes written and read, above TLS.
    pub sent: u64,
    /// Bytes read, above TLS.
    pub received: u64,
    /// How often it was sent again because the server had closed the connection that it went over.
    pub resent: u32,
    /// Whether a connection was made for it.
    pub connected: bool,
    /// What most requests do not have.
    pub extras: Option<Box<Extras>>,
}

/// What most requests do not have.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    /// What the app says of where its time went.
    pub timings: Vec<Timing>,
    /// What is kept of a failed request.
    pub evidence: Option<Evidence>,
}

impl Sample {
    /// End minus start, in nanoseconds.
    #[must_use]
    pub fn service_time(&self) -> i64 {
        self.end - self.origin.start
    }

    /// End minus intended start, in nanoseconds.
    #[must_use]
    pub fn response_time(&self) -> i64 {
        self.end - self.origin.intended_start
    }
}

/// How an iteration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// To its last line.
    Completed,
    /// By a failure of the app.
    Failed,
    /// By an exception of the script.
    Error,
    /// By the end of the run.
    Interrupted,
}

/// One pass of a scenario, done.
#[derive(Debug, Clone, Copy)]
pub struct IterationRecord {
    /// Index of the stream.
    pub stream: u32,
    /// Index of the scenario.
    pub scenario: u32,
    /// When the schedule wanted it.
    pub intended_start: i64,
    /// When the script began.
    pub start: i64,
    /// When the script ended.
    pub end: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether a schedule (and not the end of the previous iteration) set its intended start.
    pub scheduled: bool,
    /// How long its script ran, from being resumed until it waited again, in nanoseconds.
    pub script: i64,
}

impl Phases {
    /// Adds another request's phases to these.
    pub fn add(&mut self, other: &Self) {
        self.blocked += other.blocked;
        self.dns += other.dns;
        self.connect += other.connect;
        self.tls += other.tls;
        self.send += other.send;
        self.wait += other.wait;
        self.receive += other.receive;
    }
}
