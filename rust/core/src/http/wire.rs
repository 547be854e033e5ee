//! One HTTP/1.1 connection: it carries one request after another and is driven by one task for all of them.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker, ready};

use http::Method;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::client::TlsStream;

use super::desk::Desk;
use super::job::{Attempt, Body, Job};
use super::message::Message;
use super::pool::Host;
use super::reader::{Progress, Reader};
use super::sink::Sink;
use super::trace::{Fault, Marks};
use super::upload::Upload;
use crate::clock::{Clock, MILLISECOND};
use crate::failure::FailureKind;
use crate::queue::Token;

/// A plain or encrypted byte stream.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Writes what the system takes at once; an encrypted stream only writes when its task runs.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.try_write(bytes),
            Self::Tls(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Whether the other side is silent, as it must be between two requests: it has neither closed the connection nor sent anything.
    /// Unless `ask` is set, that is what the system has told so far.
    fn is_silent(&self, ask: bool) -> bool {
        let tcp = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        };
        let found = if ask { SockRef::from(tcp).peek(&mut [MaybeUninit::uninit()]) } else { tcp.try_read(&mut [0]) };
        found.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Counts a connection as open while it lives.
pub(super) struct OpenConnection(Arc<AtomicI64>);

impl OpenConnection {
    pub(super) fn new(count: &Arc<AtomicI64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One connection of one VU.
pub(super) struct Wire {
    pub(super) host: Rc<Host>,
    /// How long it takes to the server and back, in nanoseconds.
    pub(super) round_trip: i64,
    task: AbortHandle,
    marks: Cell<Marks>,
    carried: Cell<u64>,
    state: RefCell<State>,
    _open: OpenConnection,
}

struct State {
    stream: Stream,
    current: Option<Token>,
    unsent: Vec<u8>,
    upload: Option<Upload>,
    flushing: bool,
    reader: Reader,
    announced: bool,
    waker: Option<Waker>,
}

/// What a wire came to when it was driven.
enum Event {
    Begun,
    Answered { reusable: bool },
    Broken(Fault),
}

impl Wire {
    /// A connection to `host` over `stream`, driven by `task`.
    pub(super) fn new(host: Rc<Host>, stream: Stream, round_trip: i64, task: AbortHandle, open: OpenConnection) -> Self {
        let state = RefCell::new(State {
            stream,
            current: None,
            unsent: Vec::new(),
            upload: None,
            flushing: false,
            reader: Reader::new(false, Sink::default()),
            announced: true,
            waker: None,
        });
        Self { host, round_trip, task, marks: Cell::default(), carried: Cell::new(0), state, _open: open }
    }

    /// Whether it may carry another request at `now`, as far as is known on this side. Only a connection that rested is worth a question
    /// to the system.
    pub(super) fn is_usable(&self, now: i64) -> bool {
        let rested = now - self.marks.get().first_read > MILLISECOND;
        self.state.borrow().stream.is_silent(rested)
    }

    /// Sends a request; the response, or the fault that comes instead, goes to the desk.
    pub(super) fn begin(&self, job: &Job, attempt: &Attempt, scratch: &mut Vec<u8>, clock: &dyn Clock) {
        let mut state = self.state.borrow_mut();
        scratch.clear();
        job.encode(attempt, scratch);
        let mut marks = Marks { begun: clock.now_ns(), ..Marks::default() };
        let sent = state.stream.try_write(scratch).unwrap_or(0);
        if sent > 0 {
            (marks.sent, marks.last_write) = (sent as u64, clock.now_ns());
        }
        self.marks.set(marks);
        self.carried.set(self.carried.get() + 1);
        state.current = Some(job.token);
        state.reader = Reader::new(job.method == Method::HEAD, Sink::of(job));
        state.announced = job.rules.as_ref().is_none_or(|rules| rules.inflow.is_none());
        state.upload = if let Body::Parts(parts) = &job.body { Some(Upload::new(Arc::clone(parts))) } else { None };
        if sent < scratch.len() || state.upload.is_some() {
            // A fault of the connection shows again when its task writes.
            state.unsent.extend_from_slice(scratch.get(sent..).unwrap_or_default());
            if let Some(waker) = &state.waker {
                waker.wake_by_ref();
            }
        }
    }

    /// When bytes of the current request passed.
    pub(super) fn marks(&self) -> Marks {
        self.marks.get()
    }

    /// How many requests it has carried.
    pub(super) fn carried(&self) -> u64 {
        self.carried.get()
    }

    /// The request that it carries now, which it forgets.
    pub(super) fn take_current(&self) -> Option<Token> {
        self.state.borrow_mut().current.take()
    }

    /// Status and response that have come.
    pub(super) fn take_answer(&self) -> (u16, Message) {
        self.state.borrow_mut().reader.take()
    }

    /// Status and head of a response whose body is still to come.
    pub(super) fn head(&self) -> (u16, Message) {
        let state = self.state.borrow();
        (state.reader.status().unwrap_or(0), state.reader.sink().head())
    }

    /// The request that it carries now.
    pub(super) fn current(&self) -> Option<Token> {
        self.state.borrow().current
    }

    /// Closes the connection.
    pub(super) fn close(&self) {
        self.task.abort();
    }

    fn poll_event(&self, cx: &mut Context<'_>, input: &mut [u8], clock: &dyn Clock) -> Poll<Event> {
        let state = &mut *self.state.borrow_mut();
        if state.waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        if let Poll::Ready(Err(error)) = self.poll_send(cx, state, clock) {
            return Poll::Ready(Event::Broken(self.fault(&error.to_string())));
        }
        loop {
            if !state.announced && state.reader.status().is_some() {
                state.announced = true;
                return Poll::Ready(Event::Begun);
            }
            if state.reader.sink().is_full(cx.waker()) {
                return Poll::Pending;
            }
            let mut buffer = ReadBuf::new(input);
            if let Err(error) = ready!(Pin::new(&mut state.stream).poll_read(cx, &mut buffer)) {
                return Poll::Ready(Event::Broken(self.fault(&error.to_string())));
            }
            let data = buffer.filled();
            if data.is_empty() {
                let answered = state.current.is_some() && state.reader.ends_by_close();
                let broken = || Event::Broken(self.fault("the connection was closed before the end of the response"));
                return Poll::Ready(if answered { Event::Answered { reusable: false } } else { broken() });
            }
            if state.current.is_none() {
                return Poll::Ready(Event::Broken(self.fault("the server sent something that was not asked for")));
            }
            self.note_received(data.len(), clock);
            match state.reader.feed(data) {
                Ok(Progress::More) => {}
                Ok(Progress::Whole { reusable }) => {
                    let sent = state.unsent.is_empty() && state.upload.is_none();
                    return Poll::Ready(Event::Answered { reusable: reusable && sent });
                }
                Err(malformed) => return Poll::Ready(Event::Broken(malformed.into())),
            }
        }
    }

    fn poll_send(&self, cx: &mut Context<'_>, state: &mut State, clock: &dyn Clock) -> Poll<io::Result<()>> {
        loop {
            if state.unsent.is_empty() {
                let Some(upload) = &mut state.upload else { break };
                match ready!(upload.poll_piece(cx))? {
                    Some(piece) => state.unsent.extend_from_slice(&piece),
                    None => state.upload = None,
                }
                continue;
            }
            let written = ready!(Pin::new(&mut state.stream).poll_write(cx, &state.unsent))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            state.unsent.drain(..written);
            state.flushing = true;
            let marks = self.marks.get();
            self.marks.set(Marks { sent: marks.sent + written as u64, last_write: clock.now_ns(), ..marks });
        }
        if state.flushing {
            ready!(Pin::new(&mut state.stream).poll_flush(cx))?;
            state.flushing = false;
        }
        Poll::Ready(Ok(()))
    }

    fn note_received(&self, bytes: usize, clock: &dyn Clock) {
        let marks = self.marks.get();
        let first_read = if marks.first_read == 0 { clock.now_ns() } else { marks.first_read };
        self.marks.set(Marks { first_read, received: marks.received + bytes as u64, reads: marks.reads + 1, ..marks });
    }

    fn fault(&self, what: &str) -> Fault {
        let kind = if self.marks.get().received > 0 { FailureKind::Truncated } else { FailureKind::Reset };
        Fault::new(kind, what)
    }
}

/// Drives a wire for as long as it lives.
pub(super) struct Drive {
    pub(super) wire: Rc<Wire>,
    pub(super) desk: Rc<Desk>,
}

impl Future for Drive {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { wire, desk } = &*self;
        loop {
            let event = ready!(desk.with_input(|input| wire.poll_event(cx, input, &*desk.office.clock)));
            match event {
                Event::Begun => {
                    let (status, head) = wire.head();
                    desk.begun(wire.current(), status, head);
                }
                Event::Answered { reusable } => {
                    desk.answered(wire, reusable);
                    if !reusable {
                        return Poll::Ready(());
                    }
                }
                Event::Broken(fault) => {
                    desk.broken(wire, fault);
                    return Poll::Ready(());
                }
            }
        }
    }
}
