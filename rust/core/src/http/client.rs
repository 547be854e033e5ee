//! The engine's thread of sockets, and the way to it.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use super::connect::tls_config;
use super::deadlines::Deadlines;
use super::desk::{BATCH, Desk, Settings};
use super::job::Job;
use crate::clock::Clock;
use crate::queue::{CompletionQueue, Token};
use crate::record::{Records, this_thread};

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
            let desk = Rc::new(Desk::new(clock, settings, tls, open, completions, records));
            LocalSet::new().block_on(&runtime, serve(inbox, desk));
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

async fn serve(mut inbox: UnboundedReceiver<Command>, desk: Rc<Desk>) {
    let mut deadlines = Deadlines::new(Rc::clone(&desk));
    let mut commands = Vec::with_capacity(BATCH);
    loop {
        let came = tokio::select! {
            biased;
            came = inbox.recv_many(&mut commands, BATCH) => came,
            () = deadlines.passed() => {
                deadlines.enforce();
                continue;
            }
        };
        if came == 0 {
            return desk.close();
        }
        for command in commands.drain(..) {
            match command {
                Command::Send(job) => {
                    deadlines.expect(job.deadline());
                    desk.take_on(job);
                }
                Command::Cancel(token, recorded) => desk.cancel(token, recorded),
                Command::Forget(vu) => desk.forget(vu),
            }
        }
    }
}
