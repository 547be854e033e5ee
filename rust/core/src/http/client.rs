//! The engine's thread: takes jobs, performs requests, hands back completions.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use foldhash::fast::FixedState;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body_util::Full;
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, LocalSet};

use super::connect::tls_config;
use super::deadlines::Deadlines;
use super::endpoint::Endpoint;
use super::exchange::{Fault, Trace, failed, perform};
use super::pool::Pool;
use crate::clock::Clock;
use crate::failure::FailureKind;
use crate::queue::{Completion, CompletionQueue, Exchange, Token};
use crate::record::{Record, Records, this_thread};
use crate::sample::Origin;

/// How many requests or responses wait at most for their turn to be handed to the other thread together.
const BATCH: usize = 64;

/// A request to send.
#[derive(Debug)]
pub struct Job {
    /// The awaitable that waits for it.
    pub token: Token,
    /// Where it goes.
    pub endpoint: Arc<Endpoint>,
    /// What is asked.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// Headers that many requests share.
    pub headers: Arc<HeaderMap>,
    /// Headers of this request alone; they replace shared ones of the same name.
    pub own_headers: Vec<(HeaderName, HeaderValue)>,
    /// What is sent.
    pub body: Bytes,
    /// Who sends it, and when.
    pub origin: Origin,
    /// Longest time for the whole of it.
    pub timeout: Duration,
    /// Statuses that are no failure; empty for 200 to 399.
    pub expect: Box<[u16]>,
    /// Whether it belongs to the measured load.
    pub recorded: bool,
}

impl Job {
    fn deadline(&self) -> i64 {
        self.origin.start.saturating_add(i64::try_from(self.timeout.as_nanos()).unwrap_or(i64::MAX))
    }

    pub(super) fn request(&self) -> http::Request<Full<Bytes>> {
        let mut request = http::Request::new(Full::new(self.body.clone()));
        request.method_mut().clone_from(&self.method);
        request.uri_mut().clone_from(&self.uri);
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        for (name, value) in &self.own_headers {
            headers.insert(name, value.clone());
        }
        request
    }

    pub(super) fn expects(&self, status: u16) -> bool {
        if self.expect.is_empty() { (200..400).contains(&status) } else { self.expect.contains(&status) }
    }
}

/// Settings of all connections.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Longest time for name, TCP and TLS together.
    pub connect_timeout: Duration,
}

/// What all requests of the thread share.
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Settings,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) open_connections: Arc<AtomicI64>,
    pools: RefCell<HashMap<u32, Rc<Pool>, FixedState>>,
    running: RefCell<HashMap<Token, Running, FixedState>>,
    ending: RefCell<HashMap<Token, Ending, FixedState>>,
    completions: Arc<CompletionQueue>,
    records: Records,
}

/// How to end a request that is on its way, and when.
struct Running {
    task: AbortHandle,
    deadline: i64,
}

/// Why a request is dropped in the middle, when the script did not just give up on it.
enum Ending {
    /// The run ends: that is no failure of the app.
    Interrupted,
    /// Its time is up.
    TimedOut,
}

impl Shared {
    pub(super) fn pool(&self, vu: u32) -> Rc<Pool> {
        Rc::clone(self.pools.borrow_mut().entry(vu).or_default())
    }

    /// Ends the requests whose time is up at `now`; returns the earliest deadline of the others.
    pub(super) fn end_overdue(&self, now: i64) -> Option<i64> {
        let mut running = self.running.borrow_mut();
        let mut ending = self.ending.borrow_mut();
        running.retain(|token, request| {
            let overdue = request.deadline <= now;
            if overdue {
                ending.insert(*token, Ending::TimedOut);
                request.task.abort();
            }
            !overdue
        });
        running.values().map(|request| request.deadline).min()
    }

    /// Records a request that ended, and hands it to the script.
    fn end(&self, job: &Job, exchange: Exchange) {
        if job.recorded {
            self.records.send(Record::Sample(exchange.sample.clone()));
        }
        self.hand_over(Completion::Response(job.token, Arc::new(exchange)));
    }

    /// Wakes the scripts' thread for several completions at once: a wake-up costs more than a request, and the thread signals
    /// before it sleeps in any case.
    fn hand_over(&self, completion: Completion) {
        self.completions.add(completion);
        if self.completions.len() >= BATCH {
            self.completions.signal();
        }
    }
}

/// Commands on their way; held back while more are coming.
struct Outbox {
    sender: Option<UnboundedSender<Command>>,
    held: Option<Vec<Command>>,
}

impl Outbox {
    fn put(&mut self, command: Command) {
        match &mut self.held {
            Some(held) if held.len() + 1 < BATCH => held.push(command),
            _ => {
                self.flush();
                self.send(command);
            }
        }
    }

    fn flush(&mut self) {
        let mut held = self.held.take();
        held.iter_mut().flat_map(|held| held.drain(..)).for_each(|command| self.send(command));
        self.held = held;
    }

    fn send(&self, command: Command) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(command);
        }
    }
}

enum Command {
    Send(Box<Job>),
    Cancel(Token, bool),
    Forget(u32),
}

/// The way to the engine's thread.
pub struct Client {
    commands: Mutex<Outbox>,
    thread: Mutex<Option<JoinHandle<()>>>,
    open_connections: Arc<AtomicI64>,
    thread_id: Arc<AtomicU64>,
}

impl Client {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left, or no TLS.
    pub fn spawn(clock: Arc<dyn Clock>, settings: Settings, completions: Arc<CompletionQueue>, records: Records) -> std::io::Result<Self> {
        let (commands, inbox) = unbounded_channel();
        let waiting = Arc::clone(&completions);
        let before_sleep = move || {
            if !waiting.is_empty() {
                waiting.signal();
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().on_thread_park(before_sleep).build()?;
        let tls = tls_config().map_err(std::io::Error::other)?;
        let open_connections = Arc::new(AtomicI64::new(0));
        let thread_id = Arc::new(AtomicU64::new(0));
        let (open, id) = (Arc::clone(&open_connections), Arc::clone(&thread_id));
        let thread = std::thread::Builder::new().name("tenantry-io".into()).spawn(move || {
            id.store(this_thread().unwrap_or(0), Ordering::Release);
            let (pools, running, ending) = (RefCell::default(), RefCell::default(), RefCell::default());
            let shared = Shared { clock, settings, tls, open_connections: open, pools, running, ending, completions, records };
            let shared = Rc::new(shared);
            LocalSet::new().block_on(&runtime, serve(inbox, shared));
        })?;
        let commands = Mutex::new(Outbox { sender: Some(commands), held: None });
        Ok(Self { commands, thread: Mutex::new(Some(thread)), open_connections, thread_id })
    }

    /// Sends a request; its token gets a completion.
    pub fn send(&self, job: Job) {
        self.command(Command::Send(Box::new(job)));
    }

    /// Aborts a request: its connection is closed and no completion comes. It is a failure if it is `recorded`.
    pub fn cancel(&self, token: Token, recorded: bool) {
        self.command(Command::Cancel(token, recorded));
    }

    /// Closes the connections of a VU that has ended.
    pub fn forget(&self, vu: u32) {
        self.command(Command::Forget(vu));
    }

    fn command(&self, command: Command) {
        self.commands.lock().put(command);
    }

    /// Lets commands wait for each other until [`release`](Self::release), a few at a time.
    pub fn hold(&self) {
        self.commands.lock().held.get_or_insert_default();
    }

    /// Sends the commands that were held back.
    pub fn release(&self) {
        let mut commands = self.commands.lock();
        commands.flush();
        commands.held = None;
    }

    /// Connections that are open now.
    #[must_use]
    pub fn open_connections(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.open_connections)
    }

    /// The number under which the system knows the thread; 0 when unknown.
    #[must_use]
    pub fn thread_id(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.thread_id)
    }

    /// Aborts what is running, closes all connections and ends the thread.
    pub fn close(&self) {
        self.commands.lock().sender.take();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

async fn serve(mut inbox: UnboundedReceiver<Command>, shared: Rc<Shared>) {
    let mut deadlines = Deadlines::new(Rc::clone(&shared));
    loop {
        let command = tokio::select! {
            biased;
            command = inbox.recv() => command,
            () = deadlines.passed() => {
                deadlines.enforce();
                continue;
            }
        };
        let Some(command) = command else { return };
        match command {
            Command::Send(job) => {
                let (token, deadline) = (job.token, job.deadline());
                let task = tokio::task::spawn_local(run(Request::new(job, &shared))).abort_handle();
                shared.running.borrow_mut().insert(token, Running { task, deadline });
                deadlines.expect(deadline);
            }
            Command::Cancel(token, recorded) => {
                if let Some(request) = shared.running.borrow_mut().remove(&token) {
                    if !recorded {
                        shared.ending.borrow_mut().insert(token, Ending::Interrupted);
                    }
                    request.task.abort();
                }
            }
            Command::Forget(vu) => {
                shared.pools.borrow_mut().remove(&vu);
            }
        }
    }
}

async fn run(mut request: Request) {
    let exchange = perform(&request.job, &request.shared, &request.trace).await;
    request.done = true;
    request.shared.running.borrow_mut().remove(&request.job.token);
    request.shared.end(&request.job, exchange);
}

/// A request from the moment it is taken on. One that is dropped before it is done, even before it has begun, is ended here: its time is
/// up, the script gave up on it, or the run ends.
struct Request {
    job: Box<Job>,
    trace: Trace,
    shared: Rc<Shared>,
    done: bool,
}

impl Request {
    fn new(job: Box<Job>, shared: &Rc<Shared>) -> Self {
        let trace = Trace::new(Arc::clone(&shared.clock), job.origin.start);
        Self { job, trace, shared: Rc::clone(shared), done: false }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let ending = self.shared.ending.borrow_mut().remove(&self.job.token);
        match ending {
            Some(Ending::Interrupted) => {}
            Some(Ending::TimedOut) => {
                let fault = Fault::new(FailureKind::Timeout, format!("no response within {:?}", self.job.timeout));
                self.shared.end(&self.job, failed(&self.job, &self.trace, fault));
            }
            None if self.job.recorded => {
                let sample = self.trace.sample(&self.job, 0, Some((FailureKind::Cancelled, None)));
                self.shared.records.send(Record::Sample(sample));
            }
            None => {}
        }
    }
}
