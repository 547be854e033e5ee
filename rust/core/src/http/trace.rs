//! Where the time of a request goes.

use super::job::Job;
use crate::failure::FailureKind;
use crate::sample::{Origin, Phases, Sample};

/// Why a request did not end with a response.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: FailureKind,
    pub(super) detail: String,
    /// Whether it is certain that the server has not looked at the request.
    pub(super) unseen: bool,
}

impl Fault {
    pub(super) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), unseen: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Blocked,
    Dns,
    Connect,
    Tls,
}

/// When bytes of a request and its response passed over a connection, in clock nanoseconds (0: not yet), how many, and how often.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Marks {
    pub(super) begun: i64,
    pub(super) last_write: i64,
    pub(super) first_read: i64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) reads: u32,
}

/// Where the time of a request went so far.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    phase: Phase,
    since: i64,
    phases: Phases,
    connected: bool,
    sent: u64,
    received: u64,
    pub(super) resent: u32,
}

impl Trace {
    /// The trace of a request that waits since `start`.
    pub(super) fn new(start: i64) -> Self {
        Self { phase: Phase::Blocked, since: start, phases: Phases::default(), connected: false, sent: 0, received: 0, resent: 0 }
    }

    /// Ends the current phase at `now` and begins another.
    pub(super) fn enter(&mut self, next: Phase, now: i64) {
        let passed = now - self.since;
        match self.phase {
            Phase::Blocked => self.phases.blocked += passed,
            Phase::Dns => self.phases.dns += passed,
            Phase::Connect => self.phases.connect += passed,
            Phase::Tls => self.phases.tls += passed,
        }
        self.connected |= next == Phase::Dns;
        (self.phase, self.since) = (next, now);
    }

    /// Adds a stay on a connection that ended at `end`; if nothing was written or read yet, the time counts for what was waited for.
    pub(super) fn add(&mut self, marks: &Marks, end: i64) {
        if marks.begun == 0 {
            return self.enter(Phase::Blocked, end.max(self.since));
        }
        self.enter(Phase::Blocked, marks.begun.min(end));
        let written = if marks.last_write == 0 { end } else { marks.last_write.min(end) };
        let read = if marks.first_read == 0 { end } else { marks.first_read.clamp(written, end) };
        self.phases.send += written - self.since;
        self.phases.wait += read - written;
        self.phases.receive += end - read;
        self.sent += marks.sent;
        self.received += marks.received;
        self.since = end;
    }

    /// The sample of a request that ends now, at `end`.
    pub(super) fn sample(self, job: &Job, end: i64, status: u16, failure: Option<(FailureKind, Option<Box<str>>)>) -> Sample {
        self.sample_of(job.origin, end, status, failure)
    }

    /// The same for a request that has become another one since.
    pub(super) fn sample_of(mut self, origin: Origin, end: i64, status: u16, failure: Option<(FailureKind, Option<Box<str>>)>) -> Sample {
        self.enter(Phase::Blocked, end.max(self.since));
        let (failure, detail) = failure.map_or((None, None), |(kind, detail)| (Some(kind), detail));
        let (phases, connected) = (self.phases, self.connected);
        Sample {
            origin,
            end: self.since,
            phases,
            status,
            failure,
            detail,
            sent: self.sent,
            received: self.received,
            resent: self.resent,
            connected,
            extras: None,
        }
    }
}
