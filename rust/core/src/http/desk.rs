//! The desk of the engine's thread: it takes requests on, finds each a connection, and hands back what came of it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use foldhash::fast::FixedState;

use super::connect::Connector;
use super::drill::Drill;
use super::endpoint::Target;
use super::http2;
use super::job::{Attempt, Job};
use super::message::Message;
use super::pool::{Host, Link, Pool, Turn};
use super::resend::{Break, Course};
use super::running::{Place, Request, Running};
use super::trace::{Fault, Marks, Phase, Trace};
use super::traceparent::Traces;
use super::wire::{Drive, OpenConnection, Wire};
use crate::clock::Clock;
use crate::failure::FailureKind;
use crate::queue::{CompletionQueue, Exchange, Token};
use crate::record::{Names, Records};

/// How many requests or responses wait at most for their turn to be handed to the other thread together.
pub(super) const BATCH: usize = 64;
/// Bytes read at once.
const INPUT: usize = 64 * 1024;

/// What the desk needs from the rest of the engine.
pub(super) struct Office {
    pub(super) clock: Arc<dyn Clock>,
    /// When the thread last woke from waiting for sockets, in clock nanoseconds.
    pub(super) woke: Arc<AtomicI64>,
    pub(super) connector: Connector,
    pub(super) target: Target,
    pub(super) open_connections: Arc<AtomicI64>,
    pub(super) completions: Arc<CompletionQueue>,
    pub(super) records: Records,
    pub(super) names: Arc<Names>,
    pub(super) next_request: Arc<AtomicU64>,
    pub(super) traces: Option<Traces>,
    pub(super) drill: Option<Drill>,
}

pub(super) struct Desk {
    pub(super) office: Office,
    pools: RefCell<HashMap<u32, Pool, FixedState>>,
    pub(super) running: RefCell<Running>,
    input: RefCell<Box<[u8]>>,
    output: RefCell<Vec<u8>>,
    pub(super) evidence: Cell<(i64, u32)>,
}

/// How an attempt ended: with a response, or with a fault.
pub(super) type Outcome = Result<(u16, Message), Fault>;

impl Desk {
    pub(super) fn new(office: Office) -> Self {
        let (pools, running) = (RefCell::default(), RefCell::default());
        let (input, output) = (RefCell::new(vec![0; INPUT].into_boxed_slice()), RefCell::default());
        Self { office, pools, running, input, output, evidence: Cell::default() }
    }

    pub(super) fn now(&self) -> i64 {
        self.office.clock.now_ns()
    }

    /// Lends the buffer that all connections read into.
    pub(super) fn with_input<T>(&self, read: impl FnOnce(&mut [u8]) -> T) -> T {
        read(&mut self.input.borrow_mut())
    }

    /// Sends a request as soon as it has a connection.
    pub(super) fn take_on(self: &Rc<Self>, job: Box<Job>) {
        let deadline = Self::deadline_of(&job);
        self.dispatch(job, deadline, 0);
    }

    /// When the time of a new request will be up, in clock nanoseconds.
    pub(super) fn deadline_of(job: &Job) -> i64 {
        job.origin.start.saturating_add(i64::try_from(job.timeout.as_nanos()).unwrap_or(i64::MAX))
    }

    pub(super) fn dispatch(self: &Rc<Self>, job: Box<Job>, deadline: i64, attempts: u8) {
        let host = self.host_of(&job);
        let (trace, now) = (Trace::new(job.origin.start), job.origin.start);
        self.send(Request { job, trace, host, place: Place::Waiting, deadline, attempts }, now);
    }

    /// Sends a request over whatever connection it gets.
    fn send(self: &Rc<Self>, request: Request, now: i64) {
        let token = request.job.token;
        let turn = request.host.turn(token, now);
        self.running.borrow_mut().insert(Request { place: Place::Waiting, ..request });
        match turn {
            Turn::Over(wire) => self.begin(&wire, token),
            Turn::Share(link) => self.share(link, token, true),
            Turn::Connect => self.connect(token),
            Turn::Wait => true,
        };
    }

    fn host_of(&self, job: &Job) -> Rc<Host> {
        let settings = &self.office.connector.settings;
        let vu = if settings.shared_connections { 0 } else { job.origin.vu };
        self.pools.borrow_mut().entry(vu).or_default().host(&job.endpoint, settings)
    }

    fn attempt(&self, job: &Job) -> Attempt {
        let connector = &self.office.connector;
        let whole_url = connector.names_whole_url(&job.endpoint);
        Attempt {
            traceparent: self.office.traces.as_ref().map(|traces| traces.parent_of(job.origin.id)),
            whole_url,
            proxy_authorization: connector.proxy_authorization.clone().filter(|_| whole_url),
            close: !connector.settings.keep_alive,
        }
    }

    /// Sends a request over `wire`; false when it has ended meanwhile.
    fn begin(&self, wire: &Rc<Wire>, token: Token) -> bool {
        let mut running = self.running.borrow_mut();
        let Some(request) = running.get_mut(token) else {
            return false;
        };
        request.place = Place::On(Rc::clone(wire));
        wire.begin(&request.job, &self.attempt(&request.job), &mut self.output.borrow_mut(), &*self.office.clock);
        true
    }

    /// Sends a request over a connection that several share, the first of them or a later one; false when it has ended meanwhile.
    fn share(self: &Rc<Self>, link: Link, token: Token, later: bool) -> bool {
        let mut running = self.running.borrow_mut();
        let Some(request) = running.get_mut(token) else {
            return false;
        };
        let marks = Rc::new(Cell::new(Marks::default()));
        let sending = http2::Sending::new(&request.job, &self.attempt(&request.job), Rc::clone(&marks));
        let task = tokio::task::spawn_local(exchange(Rc::clone(self), link, sending, (token, later)));
        request.place = Place::Shared(task.abort_handle(), marks);
        true
    }

    /// Makes a connection for a request; false when it has ended meanwhile.
    fn connect(self: &Rc<Self>, token: Token) -> bool {
        let mut running = self.running.borrow_mut();
        let Some(request) = running.get_mut(token) else {
            return false;
        };
        let making = make_connection(Rc::clone(self), Rc::clone(&request.host), request.job.origin.vu, token);
        request.place = Place::Connecting(tokio::task::spawn_local(making).abort_handle());
        true
    }

    /// Ends the current phase of a request that has no connection yet.
    fn enter(&self, token: Token, phase: Phase) {
        if let Some(request) = self.running.borrow_mut().get_mut(token) {
            request.trace.enter(phase, self.now());
        }
    }

    /// The head of a response is there whose body the script reads while it comes in.
    pub(super) fn begun(&self, token: Option<Token>, status: u16, head: Message) {
        let mut running = self.running.borrow_mut();
        let Some(request) = token.and_then(|token| running.get_mut(token)) else {
            return;
        };
        let job = &request.job;
        if let Some(inflow) = job.rules.as_ref().and_then(|rules| rules.inflow.as_ref()) {
            let failure = (!job.expects(status)).then_some((FailureKind::Status, None));
            let sample = Trace::new(job.origin.start).sample(job, self.now(), status, failure);
            inflow.put_head(Exchange { sample, message: head });
        }
    }

    /// A response is whole.
    pub(super) fn answered(self: &Rc<Self>, wire: &Rc<Wire>, reusable: bool) {
        let answer = wire.take_answer();
        let marks = wire.marks();
        let request = wire.take_current().and_then(|token| self.running.borrow_mut().take(token));
        // What came in one read was whole when its first byte came.
        let end = if marks.reads > 1 { self.now() } else { marks.first_read };
        if reusable && self.office.connector.settings.keep_alive {
            self.reuse(wire);
        } else {
            wire.close();
            wire.host.leave();
            self.serve_waiting(&wire.host);
        }
        if let Some(request) = request {
            self.conclude(request, &marks, end, Ok(answer));
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
            let (marks, now) = (wire.marks(), self.now());
            let woke = self.office.woke.load(Ordering::Relaxed);
            let broken = Break { kind: fault.kind, reused: wire.carried() > 1, marks, woke, round_trip: wire.round_trip };
            match broken.course(request.job.is_idempotent()) {
                Course::Fails => self.conclude(request, &marks, now, Err(fault)),
                course => {
                    request.trace.add(&marks, now);
                    request.trace.resent += u32::from(course == Course::Repeats);
                    self.connect_anew(request);
                }
            }
        }
        self.serve_waiting(&wire.host);
    }

    fn connect_anew(self: &Rc<Self>, request: Request) {
        let token = request.job.token;
        request.host.enter();
        self.running.borrow_mut().insert(request);
        self.connect(token);
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

    /// Takes a request away from whatever it waits for; its connection is closed unless others share it.
    fn withdraw(self: &Rc<Self>, token: Token) -> Option<(Request, i64)> {
        let mut request = self.running.borrow_mut().take(token)?;
        let now = self.now();
        match std::mem::replace(&mut request.place, Place::Waiting) {
            Place::Waiting => return Some((request, now)),
            Place::Later(task) => {
                task.abort();
                return Some((request, now));
            }
            Place::Shared(task, marks) => {
                task.abort();
                request.trace.add(&marks.get(), now);
                return Some((request, now));
            }
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
        {
            let sample = request.trace.sample(&request.job, now, 0, Some((FailureKind::Cancelled, None)));
            self.record(&request.job, sample);
        }
    }

    /// Ends the requests whose time is up at `now`; returns the earliest deadline of the others.
    pub(super) fn end_overdue(self: &Rc<Self>, now: i64) -> Option<i64> {
        let overdue = self.running.borrow().overdue(now);
        for token in overdue {
            if let Some((request, now)) = self.withdraw(token) {
                let fault = Fault::new(FailureKind::Timeout, format!("no response within {:?}", request.job.timeout));
                self.fail(request, now, fault);
            }
        }
        self.running.borrow().earliest_deadline()
    }

    /// Closes the connections of a VU that has ended.
    pub(super) fn forget(&self, vu: u32) {
        if !self.office.connector.settings.shared_connections {
            self.pools.borrow_mut().remove(&vu);
        }
    }

    /// Ends everything.
    pub(super) fn close(self: &Rc<Self>) {
        let all = self.running.borrow().overdue(i64::MAX);
        all.into_iter().for_each(|token| self.cancel(token, true));
        self.pools.borrow_mut().clear();
    }
}

/// Connects, sends the request that the connection is made for, and drives the connection to its end.
async fn make_connection(desk: Rc<Desk>, host: Rc<Host>, vu: u32, token: Token) {
    let connector = &desk.office.connector;
    let limit = Duration::from_nanos(connector.settings.connect_timeout_ns);
    let connecting = connector.connect(&host.endpoint, vu, &*desk.office.clock, |phase| desk.enter(token, phase));
    let made = tokio::time::timeout(limit, async { http2::shake_hands(connecting.await?).await }).await;
    let made = made.unwrap_or_else(|_| Err(Fault::new(FailureKind::ConnectTimeout, format!("no connection within {limit:?}"))));
    let task = desk.running.borrow_mut().get_mut(token).and_then(|request| match &request.place {
        Place::Connecting(task) => Some(task.clone()),
        _ => None,
    });
    // Whoever withdraws the request meanwhile also aborts this task.
    let Some(task) = task else { return };
    let open = OpenConnection::new(&desk.office.open_connections);
    match made {
        Ok(http2::Ready::One(stream, round_trip)) => {
            host.learn(None);
            let wire = Rc::new(Wire::new(host, stream, round_trip, task, open));
            desk.begin(&wire, token);
            Drive { wire, desk }.await;
        }
        Ok(http2::Ready::Many(sender, connection)) => {
            let link = Link { sender, task };
            let id = link.task.id();
            host.learn(Some(link.clone()));
            desk.share(link.clone(), token, false);
            while let Some(next) = host.next_waiting() {
                desk.share(link.clone(), next, true);
            }
            drop(link);
            let _ = connection.await;
            if host.retire(id) {
                desk.serve_waiting(&host);
            }
        }
        Err(fault) => {
            drop(open);
            host.leave();
            let request = desk.running.borrow_mut().take(token);
            if let Some(request) = request {
                let now = desk.now();
                desk.fail(request, now, fault);
            }
            desk.serve_waiting(&host);
        }
    }
}

/// One request over a connection that several share.
async fn exchange(desk: Rc<Desk>, link: Link, sending: http2::Sending, (token, later): (Token, bool)) {
    let marks = Rc::clone(&sending.marks);
    let announce = |status, head| desk.begun(Some(token), status, head);
    let outcome = sending.exchange(link.sender, &*desk.office.clock, announce).await;
    let request = desk.running.borrow_mut().take(token);
    let Some(mut request) = request else { return };
    let (marks, now) = (marks.get(), desk.now());
    match outcome {
        // A server that looks at no request at all must not be asked for ever: the first one of a connection fails.
        Err(fault) if fault.unseen && later => {
            request.host.retire(link.task.id());
            request.trace.add(&marks, now);
            request.trace.resent += u32::from(marks.begun > 0);
            desk.send(request, now);
        }
        outcome => desk.conclude(request, &marks, now, outcome),
    }
}
