//! The desk of the engine's thread: it takes requests on, finds each a connection, and hands back what came of it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use foldhash::fast::FixedState;
use rustls::ClientConfig;
use tokio::task::AbortHandle;

use super::connect::connect;
use super::job::Job;
use super::message::Message;
use super::pool::{Host, Pool, Turn};
use super::trace::{Fault, Phase, Trace};
use super::wire::{Drive, OpenConnection, Wire};
use crate::clock::Clock;
use crate::failure::FailureKind;
use crate::queue::{Completion, CompletionQueue, Exchange, Token};
use crate::record::{Record, Records};

/// How many requests or responses wait at most for their turn to be handed to the other thread together.
pub(super) const BATCH: usize = 64;
/// Bytes read at once.
const INPUT: usize = 64 * 1024;

/// Settings of all connections.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Longest time for name, TCP and TLS together.
    pub connect_timeout: Duration,
}

pub(super) struct Desk {
    pub(super) clock: Arc<dyn Clock>,
    settings: Settings,
    tls: Arc<ClientConfig>,
    open_connections: Arc<AtomicI64>,
    completions: Arc<CompletionQueue>,
    records: Records,
    pools: RefCell<HashMap<u32, Pool, FixedState>>,
    running: RefCell<Running>,
    input: RefCell<Box<[u8]>>,
    output: RefCell<Vec<u8>>,
}

/// A request on its way.
struct Request {
    job: Box<Job>,
    trace: Trace,
    host: Rc<Host>,
    place: Place,
}

/// What a request waits for.
enum Place {
    /// A free connection.
    Waiting,
    /// A connection that this task makes.
    Connecting(AbortHandle),
    /// A response over this connection.
    On(Rc<Wire>),
}

/// Requests on their way, by token: its lower half is an index, so nothing is hashed.
#[derive(Default)]
struct Running(Vec<Option<Request>>);

impl Running {
    fn insert(&mut self, request: Request) {
        let index = index_of(request.job.token);
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.0.get_mut(index) {
            *slot = Some(request);
        }
    }

    fn get_mut(&mut self, token: Token) -> Option<&mut Request> {
        self.0.get_mut(index_of(token))?.as_mut().filter(|request| request.job.token == token)
    }

    fn take(&mut self, token: Token) -> Option<Request> {
        self.0.get_mut(index_of(token))?.take_if(|request| request.job.token == token)
    }

    fn tokens(&self, choose: impl Fn(&Job) -> bool) -> Vec<Token> {
        self.0.iter().flatten().filter(|request| choose(&request.job)).map(|request| request.job.token).collect()
    }
}

fn index_of(token: Token) -> usize {
    token as u32 as usize
}

impl Desk {
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        settings: Settings,
        tls: Arc<ClientConfig>,
        open_connections: Arc<AtomicI64>,
        completions: Arc<CompletionQueue>,
        records: Records,
    ) -> Self {
        let (pools, running) = (RefCell::default(), RefCell::default());
        let (input, output) = (RefCell::new(vec![0; INPUT].into_boxed_slice()), RefCell::default());
        Self { clock, settings, tls, open_connections, completions, records, pools, running, input, output }
    }

    /// Lends the buffer that all connections read into.
    pub(super) fn with_input<T>(&self, read: impl FnOnce(&mut [u8]) -> T) -> T {
        read(&mut self.input.borrow_mut())
    }

    /// Sends a request as soon as it has a connection.
    pub(super) fn take_on(self: &Rc<Self>, job: Box<Job>) {
        let token = job.token;
        let host = self.pools.borrow_mut().entry(job.origin.vu).or_default().host(&job.endpoint);
        let turn = host.turn(token);
        let trace = Trace::new(job.origin.start);
        self.running.borrow_mut().insert(Request { job, trace, host, place: Place::Waiting });
        match turn {
            Turn::Over(wire) => self.begin(&wire, token),
            Turn::Connect => self.connect(token),
            Turn::Wait => true,
        };
    }

    /// Sends a request over `wire`; false when it has ended meanwhile.
    fn begin(&self, wire: &Rc<Wire>, token: Token) -> bool {
        let mut running = self.running.borrow_mut();
        let Some(request) = running.get_mut(token) else {
            return false;
        };
        request.place = Place::On(Rc::clone(wire));
        wire.begin(&request.job, &mut self.output.borrow_mut(), &*self.clock);
        true
    }

    /// Makes a connection for a request; false when it has ended meanwhile.
    fn connect(self: &Rc<Self>, token: Token) -> bool {
        let mut running = self.running.borrow_mut();
        let Some(request) = running.get_mut(token) else {
            return false;
        };
        let making = make_wire(Rc::clone(self), Rc::clone(&request.host), token);
        request.place = Place::Connecting(tokio::task::spawn_local(making).abort_handle());
        true
    }

    /// Ends the current phase of a request that has no connection yet.
    pub(super) fn enter(&self, token: Token, phase: Phase) {
        if let Some(request) = self.running.borrow_mut().get_mut(token) {
            request.trace.enter(phase, self.clock.now_ns());
        }
    }

    /// A response is whole.
    pub(super) fn answered(self: &Rc<Self>, wire: &Rc<Wire>, reusable: bool) {
        let (status, message) = wire.take_answer();
        let marks = wire.marks();
        let request = wire.take_current().and_then(|token| self.running.borrow_mut().take(token));
        // What came in one read was whole when its first byte came.
        let end = if marks.reads > 1 { self.clock.now_ns() } else { marks.first_read };
        if reusable {
            self.reuse(wire);
        } else {
            wire.host.leave();
            self.serve_waiting(&wire.host);
        }
        if let Some(mut request) = request {
            request.trace.add(&marks, end);
            let failure = (!request.job.expects(status)).then(|| (FailureKind::Status, Some(excerpt(status, &message))));
            self.end(request, end, status, failure, message);
        }
    }

    fn reuse(&self, wire: &Rc<Wire>) {
        while let Some(token) = wire.host.next_waiting() {
            if self.begin(wire, token) {
                return;
            }
        }
        wire.host.keep(wire);
    }

    /// A connection is of no more use.
    pub(super) fn broken(self: &Rc<Self>, wire: &Rc<Wire>, fault: Fault) {
        wire.host.forget(wire);
        wire.host.leave();
        if let Some(mut request) = wire.take_current().and_then(|token| self.running.borrow_mut().take(token)) {
            let (marks, now) = (wire.marks(), self.clock.now_ns());
            request.trace.add(&marks, now);
            // The server had closed a kept connection while the request was on its way: as browsers do, it goes over a new one.
            let stale = fault.kind == FailureKind::Reset && wire.carried() > 1;
            if stale && (marks.sent == 0 || request.job.is_idempotent()) {
                let token = request.job.token;
                request.host.enter();
                self.running.borrow_mut().insert(request);
                self.connect(token);
            } else {
                self.fail(request, now, fault);
            }
        }
        self.serve_waiting(&wire.host);
    }

    /// Gives the right to a connection, which has become free, to the next request.
    fn serve_waiting(self: &Rc<Self>, host: &Rc<Host>) {
        while let Some(token) = host.next_waiting() {
            if self.connect(token) {
                host.enter();
                return;
            }
        }
    }

    /// Takes a request away from whatever it waits for; its connection is closed.
    fn withdraw(self: &Rc<Self>, token: Token) -> Option<(Request, i64)> {
        let mut request = self.running.borrow_mut().take(token)?;
        let now = self.clock.now_ns();
        match std::mem::replace(&mut request.place, Place::Waiting) {
            Place::Waiting => return Some((request, now)),
            Place::Connecting(task) => task.abort(),
            Place::On(wire) => {
                request.trace.add(&wire.marks(), now);
                wire.take_current();
                wire.close();
            }
        }
        request.host.leave();
        self.serve_waiting(&request.host);
        Some((request, now))
    }

    /// Ends a request that nobody waits for any more; it is a failure if it is `recorded`.
    pub(super) fn cancel(self: &Rc<Self>, token: Token, recorded: bool) {
        if let Some((request, now)) = self.withdraw(token)
            && recorded
            && request.job.recorded
        {
            let sample = request.trace.sample(&request.job, now, 0, Some((FailureKind::Cancelled, None)));
            self.records.send(Record::Sample(sample));
        }
    }

    /// Ends the requests whose time is up at `now`; returns the earliest deadline of the others.
    pub(super) fn end_overdue(self: &Rc<Self>, now: i64) -> Option<i64> {
        let overdue = self.running.borrow().tokens(|job| job.deadline() <= now);
        for token in overdue {
            if let Some((request, now)) = self.withdraw(token) {
                let fault = Fault::new(FailureKind::Timeout, format!("no response within {:?}", request.job.timeout));
                self.fail(request, now, fault);
            }
        }
        self.running.borrow().0.iter().flatten().map(|request| request.job.deadline()).min()
    }

    /// Closes the connections of a VU that has ended.
    pub(super) fn forget(&self, vu: u32) {
        self.pools.borrow_mut().remove(&vu);
    }

    /// Ends everything.
    pub(super) fn close(self: &Rc<Self>) {
        let all = self.running.borrow().tokens(|_| true);
        all.into_iter().for_each(|token| self.cancel(token, true));
        self.pools.borrow_mut().clear();
    }

    fn fail(&self, request: Request, end: i64, fault: Fault) {
        self.end(request, end, 0, Some((fault.kind, Some(fault.detail.into()))), Message::default());
    }

    /// Records a request that ended, and hands it to the script.
    fn end(&self, request: Request, end: i64, status: u16, failure: Option<(FailureKind, Option<Box<str>>)>, message: Message) {
        let Request { job, trace, .. } = request;
        let sample = trace.sample(&job, end, status, failure);
        if job.recorded {
            self.records.send(Record::Sample(sample.clone()));
        }
        self.completions.add(Completion::Response(job.token, Arc::new(Exchange { sample, message })));
        // A wake-up costs more than a request, and the thread signals before it sleeps in any case.
        if self.completions.len() >= BATCH {
            self.completions.signal();
        }
    }
}

/// Connects, sends the request that the connection is made for, and drives the connection to its end.
async fn make_wire(desk: Rc<Desk>, host: Rc<Host>, token: Token) {
    let limit = desk.settings.connect_timeout;
    let made = tokio::time::timeout(limit, connect(&host.endpoint, &desk.tls, |phase| desk.enter(token, phase))).await;
    let made = made.unwrap_or_else(|_| Err(Fault::new(FailureKind::ConnectTimeout, format!("no connection within {limit:?}"))));
    let task = desk.running.borrow_mut().get_mut(token).and_then(|request| match &request.place {
        Place::Connecting(task) => Some(task.clone()),
        _ => None,
    });
    // Whoever withdraws the request meanwhile also aborts this task.
    let Some(task) = task else { return };
    match made {
        Ok(stream) => {
            let wire = Rc::new(Wire::new(host, stream, task, OpenConnection::new(&desk.open_connections)));
            desk.begin(&wire, token);
            Drive { wire, desk }.await;
        }
        Err(fault) => {
            host.leave();
            let request = desk.running.borrow_mut().take(token);
            if let Some(request) = request {
                desk.fail(request, desk.clock.now_ns(), fault);
            }
            desk.serve_waiting(&host);
        }
    }
}

/// The start of an unexpected response, for whoever has to find out why.
fn excerpt(status: u16, message: &Message) -> Box<str> {
    let body = message.body();
    let start = body.get(..200).unwrap_or(body);
    format!("status {status}: {}", String::from_utf8_lossy(start)).into()
}
