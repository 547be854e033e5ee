//! One request and its response over one connection.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use rustls::ClientConfig;

use super::client::{Job, Shared};
use super::connect::connect;
use super::pool::Permit;
use super::wire::Wire;
use crate::clock::Clock;
use crate::failure::FailureKind;
use crate::queue::Exchange;
use crate::sample::{Phases, Sample};

/// Why a request did not end with a response.
pub(super) struct Fault {
    kind: FailureKind,
    detail: String,
}

impl Fault {
    pub(super) fn new(kind: FailureKind, detail: String) -> Self {
        Self { kind, detail }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Blocked,
    Dns,
    Connect,
    Tls,
    Transfer,
}

/// Where the time of a request went so far.
pub(super) struct Trace {
    clock: Arc<dyn Clock>,
    phase: Cell<Phase>,
    since: Cell<i64>,
    phases: Cell<Phases>,
    connected: Cell<bool>,
    bytes: Cell<(u64, u64)>,
}

impl Trace {
    pub(super) fn new(clock: Arc<dyn Clock>, start: i64) -> Self {
        Self {
            clock,
            phase: Cell::new(Phase::Blocked),
            since: Cell::new(start),
            phases: Cell::default(),
            connected: Cell::new(false),
            bytes: Cell::default(),
        }
    }

    /// Ends the current phase and begins another.
    pub(super) fn enter(&self, next: Phase) {
        let now = self.clock.now_ns();
        let passed = now - self.since.replace(now);
        let mut phases = self.phases.get();
        match self.phase.replace(next) {
            Phase::Blocked => phases.blocked += passed,
            Phase::Dns => phases.dns += passed,
            Phase::Connect => phases.connect += passed,
            Phase::Tls => phases.tls += passed,
            Phase::Transfer => phases.send += passed,
        }
        self.phases.set(phases);
        self.connected.set(self.connected.get() || next == Phase::Dns);
    }

    /// Splits the time on the wire by what the connection noted, and counts its bytes.
    fn transferred(&self, wire: &Wire) {
        let begun = self.since.get();
        self.enter(Phase::Blocked);
        let end = self.since.get();
        let marks = &wire.marks;
        let written = if marks.last_write.get() == 0 { end } else { marks.last_write.get().clamp(begun, end) };
        let read = if marks.first_read.get() == 0 { end } else { marks.first_read.get().clamp(written, end) };
        let mut phases = self.phases.get();
        phases.send += written - end;
        phases.wait += read - written;
        phases.receive += end - read;
        self.phases.set(phases);
        let (sent, received) = self.bytes.get();
        self.bytes.set((sent + marks.sent.get(), received + marks.received.get()));
    }

    /// The sample of a request that ends now.
    pub(super) fn sample(&self, job: &Job, status: u16, failure: Option<(FailureKind, Option<Box<str>>)>) -> Sample {
        self.enter(Phase::Blocked);
        let (failure, detail) = failure.map_or((None, None), |(kind, detail)| (Some(kind), detail));
        let (sent, received) = self.bytes.get();
        Sample {
            origin: job.origin,
            end: self.since.get(),
            phases: self.phases.get(),
            status,
            failure,
            detail,
            sent,
            received,
            connected: self.connected.get(),
        }
    }
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// Sends a job's request and waits for the whole response.
pub(super) async fn perform(job: &Job, shared: &Shared, trace: &Trace) -> Exchange {
    match attempt(job, shared, trace).await {
        Ok(answer) => {
            let failure = (!job.expects(answer.status)).then(|| (FailureKind::Status, Some(excerpt(&answer))));
            Exchange { sample: trace.sample(job, answer.status, failure), headers: answer.headers, body: answer.body }
        }
        Err(fault) => failed(job, trace, fault),
    }
}

/// The exchange of a request that ends now without a response.
pub(super) fn failed(job: &Job, trace: &Trace, fault: Fault) -> Exchange {
    let sample = trace.sample(job, 0, Some((fault.kind, Some(fault.detail.into()))));
    Exchange { sample, headers: HeaderMap::new(), body: Bytes::new() }
}

/// The start of an unexpected response, for whoever has to find out why.
fn excerpt(answer: &Answer) -> Box<str> {
    let start = answer.body.get(..200).unwrap_or(&answer.body);
    format!("status {}: {}", answer.status, String::from_utf8_lossy(start)).into()
}

async fn attempt(job: &Job, shared: &Shared, trace: &Trace) -> Result<Answer, Fault> {
    let (permit, idle) = shared.pool(job.origin.vu).acquire(&job.endpoint).await;
    if let Some(wire) = alive(idle, &permit).await {
        match transfer(wire, permit, job, trace).await {
            Attempt::Done(answer) => return answer,
            Attempt::Stale(permit) => return Box::pin(fresh(permit, job, shared, trace)).await,
        }
    }
    // Rare and large: kept out of the task that every request allocates.
    Box::pin(fresh(permit, job, shared, trace)).await
}

/// The first idle connection that the other side has not closed.
async fn alive(mut idle: Option<Wire>, permit: &Permit) -> Option<Wire> {
    while let Some(mut wire) = idle {
        driven(&mut wire, |_, _| Poll::Ready(())).await;
        if !wire.has_ended() {
            return Some(wire);
        }
        idle = permit.idle();
    }
    None
}

async fn fresh(permit: Permit, job: &Job, shared: &Shared, trace: &Trace) -> Result<Answer, Fault> {
    let wire = tokio::time::timeout(shared.settings.connect_timeout, open(job, shared, &shared.tls, trace));
    let timed_out = |_| Err(Fault::new(FailureKind::ConnectTimeout, format!("no connection within {:?}", shared.settings.connect_timeout)));
    let wire = wire.await.unwrap_or_else(timed_out)?;
    match transfer(wire, permit, job, trace).await {
        Attempt::Done(answer) => answer,
        Attempt::Stale(_) => Err(Fault::new(FailureKind::Reset, "the connection was closed before a response".to_owned())),
    }
}

async fn open(job: &Job, shared: &Shared, tls: &Arc<ClientConfig>, trace: &Trace) -> Result<Wire, Fault> {
    let stream = connect(&job.endpoint, tls, trace).await?;
    let wire = Wire::new(stream, Arc::clone(&shared.clock), Arc::clone(&shared.open_connections)).await;
    wire.map_err(|error| Fault::new(FailureKind::Connect, error.to_string()))
}

enum Attempt {
    Done(Result<Answer, Fault>),
    /// The other side had closed an idle connection while the request was on its way: as browsers do, it may go over a new one.
    Stale(Permit),
}

async fn transfer(mut wire: Wire, permit: Permit, job: &Job, trace: &Trace) -> Attempt {
    trace.enter(Phase::Transfer);
    wire.marks.reset();
    let answer = talk(&mut wire, job.request()).await;
    trace.transferred(&wire);
    match answer {
        Ok(answer) => {
            if !wire.has_ended() && wire.sender.is_ready() {
                permit.keep(wire);
            }
            Attempt::Done(Ok(answer))
        }
        Err(error) => {
            let silent = wire.marks.received.get() == 0;
            let unsent = wire.marks.sent.get() == 0;
            let closed = matches!(error.kind, FailureKind::Reset);
            if silent && closed && (unsent || is_idempotent(&job.method)) { Attempt::Stale(permit) } else { Attempt::Done(Err(error)) }
        }
    }
}

/// RFC 9110, section 9.2.2.
fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

async fn talk(wire: &mut Wire, request: Request<Full<Bytes>>) -> Result<Answer, Fault> {
    driven(wire, |wire, cx| wire.sender.poll_ready(cx)).await.map_err(|error| fault(&error, false))?;
    let mut response = pin!(wire.sender.send_request(request));
    let response = driven(wire, |_, cx| response.as_mut().poll(cx)).await.map_err(|error| fault(&error, wire.marks.received.get() > 0))?;
    let (head, body) = response.into_parts();
    let body = collect(wire, body).await.map_err(|error| fault(&error, true))?;
    // The connection is free again only after it has seen the end of the response.
    driven(wire, |_, _| Poll::Ready(())).await;
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

/// Polls `wait` and the connection that it depends on, in one task.
async fn driven<T>(wire: &mut Wire, mut wait: impl FnMut(&mut Wire, &mut std::task::Context<'_>) -> Poll<T>) -> T {
    poll_fn(|cx| {
        wire.drive(cx);
        wait(wire, cx)
    })
    .await
}

async fn collect(wire: &mut Wire, body: Incoming) -> hyper::Result<Bytes> {
    let mut body = pin!(body);
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = driven(wire, |_, cx| body.as_mut().poll_frame(cx)).await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

fn fault(error: &hyper::Error, answering: bool) -> Fault {
    let kind = if error.is_parse() {
        FailureKind::Malformed
    } else if answering && (error.is_incomplete_message() || io_cause(error).is_some()) {
        FailureKind::Truncated
    } else if answering {
        FailureKind::Malformed
    } else {
        FailureKind::Reset
    };
    Fault::new(kind, describe(error))
}

fn io_cause(error: &hyper::Error) -> Option<&std::io::Error> {
    std::error::Error::source(error).and_then(|source| source.downcast_ref())
}

/// The error with its causes.
fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
