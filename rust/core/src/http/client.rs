//! The engine's thread of sockets, and the way to it.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::LocalSet;

use super::connect::Connector;
use super::deadlines::Deadlines;
use super::desk::{BATCH, Desk, Office};
use super::drill::Drill;
use super::endpoint::{Endpoint, Target, TargetError};
use super::job::Job;
use super::settings::Settings;
use super::tls::tls_config;
use super::traceparent::Traces;
use crate::clock::Clock;
use crate::queue::{CompletionQueue, Token};
use crate::record::{Names, Records, this_thread};
use crate::tls::TlsError;
use crate::turns::go_first;

/// Commands on their way to the thread.
#[derive(Default)]
struct Mailbox {
    inner: Mutex<Commands>,
    came: Notify,
}

#[derive(Default)]
struct Commands {
    waiting: Vec<Command>,
    held: bool,
    closed: bool,
}

enum Command {
    Send(Box<Job>),
    Cancel(Token, bool),
    Forget(u32),
    Drill(Token),
    CutOff,
}

impl Mailbox {
    fn put(&self, command: Command) {
        let mut inner = self.inner.lock();
        inner.waiting.push(command);
        let wake = !inner.held || inner.waiting.len().is_multiple_of(BATCH);
        drop(inner);
        if wake {
            self.came.notify_one();
        }
    }

    fn hold(&self, held: bool) {
        let mut inner = self.inner.lock();
        inner.held = held;
        let wake = !held && !inner.waiting.is_empty();
        drop(inner);
        if wake {
            self.came.notify_one();
        }
    }

    fn close(&self) {
        self.inner.lock().closed = true;
        self.came.notify_one();
    }

    /// Exchanges all commands so far for `batch`, which is empty; false when no more will come.
    fn take(&self, batch: &mut Vec<Command>) -> bool {
        let mut inner = self.inner.lock();
        std::mem::swap(&mut inner.waiting, batch);
        !inner.closed
    }
}

/// What the thread needs from the rest of the engine.
pub struct Parts {
    /// Time of the run.
    pub clock: Arc<dyn Clock>,
    /// What holds for all connections.
    pub settings: Settings,
    /// Where requests may go.
    pub target: Target,
    /// Where responses go.
    pub completions: Arc<CompletionQueue>,
    /// Where samples go.
    pub records: Records,
    /// Names of series.
    pub names: Arc<Names>,
    /// The number of the next request.
    pub next_request: Arc<AtomicU64>,
    /// Makes a `traceparent` for every request.
    pub traces: Option<Traces>,
    /// VUs without a script.
    pub drill: Option<Drill>,
}

/// Why the thread cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The system refused a thread or a descriptor.
    #[error(transparent)]
    System(#[from] std::io::Error),
    /// A file of the TLS settings is not what it should be.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The proxy is no URL.
    #[error("proxy: {0}")]
    Proxy(#[from] TargetError),
}

/// The way to the engine's thread.
pub struct Client {
    mailbox: Arc<Mailbox>,
    thread: Mutex<Option<JoinHandle<()>>>,
    open_connections: Arc<AtomicI64>,
    thread_id: Arc<AtomicU64>,
}

impl Client {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left, a file of the settings is not what it should be, or the proxy is no URL.
    pub fn spawn(parts: Parts) -> Result<Self, ClientError> {
        let mailbox = Arc::new(Mailbox::default());
        let mail = Arc::clone(&mailbox);
        let waiting = Arc::clone(&parts.completions);
        let before_sleep = move || {
            if !waiting.is_empty() {
                waiting.signal();
            }
        };
        let woke = Arc::new(AtomicI64::new(0));
        let (clock, waking) = (Arc::clone(&parts.clock), Arc::clone(&woke));
        let after_sleep = move || waking.store(clock.now_ns(), Ordering::Relaxed);
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().on_thread_park(before_sleep).on_thread_unpark(after_sleep).build()?;
        let tls = tls_config(&parts.settings)?;
        let proxy = parts.settings.proxy.as_deref().map(Endpoint::parse).transpose()?;
        let connector = Connector::new(parts.settings, tls, proxy);
        let open_connections = Arc::new(AtomicI64::new(0));
        let thread_id = Arc::new(AtomicU64::new(0));
        let (open, id) = (Arc::clone(&open_connections), Arc::clone(&thread_id));
        let thread = std::thread::Builder::new().name("tenantry-io".into()).spawn(move || {
            go_first();
            id.store(this_thread().unwrap_or(0), Ordering::Release);
            let desk = Rc::new(Desk::new(Office {
                clock: parts.clock,
                woke,
                connector,
                target: parts.target,
                open_connections: open,
                completions: parts.completions,
                records: parts.records,
                names: parts.names,
                next_request: parts.next_request,
                traces: parts.traces,
                drill: parts.drill,
            }));
            LocalSet::new().block_on(&runtime, serve(mail, desk));
        })?;
        Ok(Self { mailbox, thread: Mutex::new(Some(thread)), open_connections, thread_id })
    }

    /// Sends a request; its token gets a completion.
    pub fn send(&self, job: Job) {
        self.mailbox.put(Command::Send(Box::new(job)));
    }

    /// Aborts a request: its connection is closed and no completion comes. It is a failure if it is `recorded`.
    pub fn cancel(&self, token: Token, recorded: bool) {
        self.mailbox.put(Command::Cancel(token, recorded));
    }

    /// Closes the connections of a VU that has ended.
    pub fn forget(&self, vu: u32) {
        self.mailbox.put(Command::Forget(vu));
    }

    /// Lets the VUs without a script work; `token` gets a completion when the last one has ended.
    pub fn drill(&self, token: Token) {
        self.mailbox.put(Command::Drill(token));
    }

    /// Ends the VUs without a script, with the requests that they wait for.
    pub fn cut_off(&self) {
        self.mailbox.put(Command::CutOff);
    }

    /// Lets commands wait for each other until [`release`](Self::release), a few at a time.
    pub fn hold(&self) {
        self.mailbox.hold(true);
    }

    /// Sends the commands that were held back.
    pub fn release(&self) {
        self.mailbox.hold(false);
    }

    /// Whether the thread has ended although nobody closed it: nothing will be answered any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.lock().as_ref().is_some_and(JoinHandle::is_finished)
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
        self.mailbox.close();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

async fn serve(mailbox: Arc<Mailbox>, desk: Rc<Desk>) {
    let mut deadlines = Deadlines::new(Rc::clone(&desk));
    let mut commands = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            biased;
            () = mailbox.came.notified() => {}
            () = deadlines.passed() => {
                deadlines.enforce();
                continue;
            }
            () = came(desk.office.drill.as_ref()) => {
                if let Some(drill) = &desk.office.drill {
                    deadlines.expect(drill.next_deadline());
                    drill.attend(&desk);
                }
                continue;
            }
        }
        let open = mailbox.take(&mut commands);
        for command in commands.drain(..) {
            match command {
                Command::Send(job) => {
                    deadlines.expect(Desk::deadline_of(&job));
                    desk.take_on(job);
                }
                Command::Cancel(token, recorded) => desk.cancel(token, recorded),
                Command::Forget(vu) => desk.forget(vu),
                Command::Drill(token) => {
                    if let Some(drill) = &desk.office.drill {
                        deadlines.expect(drill.next_deadline());
                        drill.begin(&desk, token);
                    }
                }
                Command::CutOff => {
                    if let Some(drill) = &desk.office.drill {
                        drill.cut_off(&desk);
                    }
                }
            }
        }
        if !open {
            return desk.close();
        }
    }
}

/// Waits for word from the scheduler; for ever where no VU listens on this thread.
async fn came(drill: Option<&Drill>) {
    match drill {
        Some(drill) => drill.came().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    use crate::http::job::Body;
    use crate::sample::Origin;

    /// A clock that breaks whoever reads it, as a fault of ours would.
    struct Bomb;

    impl Clock for Bomb {
        fn now_ns(&self) -> i64 {
            panic!("on purpose");
        }
    }

    #[test]
    fn a_thread_that_broke_off_is_noticed() {
        let completions = Arc::new(CompletionQueue::new().unwrap());
        let target = Target::parse("http://127.0.0.1:9", &[]).unwrap();
        let (endpoint, path) = target.resolve("/").unwrap();
        let parts = Parts {
            clock: Arc::new(Bomb),
            settings: Settings::default(),
            target,
            completions,
            records: Records::default(),
            names: Arc::default(),
            next_request: Arc::default(),
            traces: None,
            drill: None,
        };
        let client = Client::spawn(parts).unwrap();
        assert!(!client.has_ended());
        let origin = Origin { id: 0, series: 0, vu: 1, iteration: 0, tenant: -1, intended_start: 0, start: 0 };
        client.send(Job {
            token: 0,
            endpoint,
            method: http::Method::GET,
            path,
            headers: Arc::default(),
            own_headers: Vec::new(),
            body: Body::Bytes(bytes::Bytes::new()),
            origin,
            timeout: Duration::from_secs(1),
            expect: Box::default(),
            recorded: true,
            jar: None,
            rules: None,
            redirects: 0,
        });
        let begun = Instant::now();
        while !client.has_ended() {
            assert!(begun.elapsed() < Duration::from_secs(20), "nobody noticed");
            std::thread::yield_now();
        }
    }
}
