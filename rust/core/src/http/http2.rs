//! HTTP/2 (RFC 9113): many requests at once over one connection. Framing and flow control are those of the `h2` crate.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderValue, Method, Request, Uri, Version};

use super::connect::Made;
use super::desk::Outcome;
use super::job::{Attempt, Body, Job};
use super::message::Message;
use super::sink::Sink;
use super::trace::{Fault, Marks};
use super::upload::Upload;
use super::wire::Stream;
use crate::clock::Clock;
use crate::failure::FailureKind;

/// What one stream, and one connection, may receive ahead of its reader.
const WINDOW: u32 = 4 * 1024 * 1024;

/// A connection after its handshakes: for one request at a time, or for many.
pub(super) enum Ready {
    /// With the time to the server and back, in nanoseconds.
    One(Stream, i64),
    Many(SendRequest<Bytes>, Pin<Box<Connection<Stream, Bytes>>>),
}

/// Begins HTTP/2 where it was agreed on.
pub(super) async fn shake_hands(made: Made) -> Result<Ready, Fault> {
    if !made.http2 {
        return Ok(Ready::One(made.stream, made.round_trip));
    }
    let mut builder = h2::client::Builder::new();
    builder.enable_push(false).initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let (sender, connection) = builder.handshake(made.stream).await.map_err(|error| fault(&error, false))?;
    Ok(Ready::Many(sender, Box::pin(connection)))
}

/// A request as it is sent over HTTP/2.
pub(super) struct Sending {
    request: Result<Request<()>, Fault>,
    body: Body,
    sink: Sink,
    announces: bool,
    pub(super) marks: Rc<Cell<Marks>>,
}

impl Sending {
    pub(super) fn new(job: &Job, attempt: &Attempt, marks: Rc<Cell<Marks>>) -> Self {
        let announces = job.rules.as_ref().is_some_and(|rules| rules.inflow.is_some());
        Self { request: request_of(job, attempt), body: job.body.clone(), sink: Sink::of(job), announces, marks }
    }

    /// Sends it and takes the response in; `announce` is told of its head if somebody reads it while it comes in.
    pub(super) async fn exchange(self, sender: SendRequest<Bytes>, clock: &dyn Clock, announce: impl FnOnce(u16, Message)) -> Outcome {
        let Self { request, body, mut sink, announces, marks } = self;
        let mut sender = sender.ready().await.map_err(|error| Fault { unseen: true, ..fault(&error, false) })?;
        let request = request?;
        let length = body.length();
        let head: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        marks.set(Marks { begun: clock.now_ns(), ..Marks::default() });
        let (response, stream) = sender.send_request(request, length == 0).map_err(|error| fault(&error, false))?;
        let note_sent = || {
            let now = marks.get();
            marks.set(Marks { last_write: clock.now_ns(), sent: head as u64 + length, ..now });
        };
        let mut response = std::pin::pin!(response);
        let early = if length > 0 {
            // A server may answer before it has read everything, and then refuse the rest.
            tokio::select! {
                biased;
                early = &mut response => Some(early),
                sent = send_body(stream, &body) => { sent?; None }
            }
        } else {
            None
        };
        note_sent();
        let response = match early {
            Some(early) => early,
            None => response.await,
        };
        let (head, incoming) = response.map_err(|error| fault(&error, false))?.into_parts();
        let received: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        note_received(&marks, received, clock);
        sink.begin(Message::from_fields(head.status, &head.headers));
        if announces {
            announce(head.status.as_u16(), sink.head());
        }
        receive(incoming, &mut sink, |bytes| note_received(&marks, bytes, clock)).await?;
        Ok((head.status.as_u16(), sink.take()))
    }
}

fn note_received(marks: &Cell<Marks>, bytes: usize, clock: &dyn Clock) {
    let now = marks.get();
    let first_read = if now.first_read == 0 { clock.now_ns() } else { now.first_read };
    marks.set(Marks { first_read, received: now.received + bytes as u64, reads: now.reads + 1, ..now });
}

fn request_of(job: &Job, attempt: &Attempt) -> Result<Request<()>, Fault> {
    let refused = |error: &dyn std::fmt::Display| Fault::new(FailureKind::Malformed, format!("HTTP/2 cannot carry the request: {error}"));
    let scheme = if job.endpoint.tls { "https" } else { "http" };
    let authority = job.endpoint.authority.to_str().map_err(|error| refused(&error))?;
    let path = if job.method == Method::OPTIONS && &*job.path == "/*" { "*" } else { &job.path };
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build().map_err(|error| refused(&error))?;
    let mut request = Request::new(());
    (*request.method_mut(), *request.uri_mut(), *request.version_mut()) = (job.method.clone(), uri, Version::HTTP_2);
    // Fields of the connection have no place in HTTP/2, and the authority is one of the request line's.
    let fits = |name: &str| !["host", "connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"].contains(&name);
    for (name, value) in job.shared().filter(|(name, _)| fits(name.as_str())) {
        request.headers_mut().append(name, value.clone());
    }
    let mut wrong = None;
    job.varying(attempt, |name, value| match HeaderValue::from_bytes(value) {
        Ok(value) if fits(name.as_str()) => {
            request.headers_mut().append(name, value);
        }
        Ok(_) => {}
        Err(error) => wrong = Some(refused(&error)),
    });
    wrong.map_or(Ok(request), Err)
}

async fn send_body(mut stream: SendStream<Bytes>, body: &Body) -> Result<(), Fault> {
    match body {
        Body::Bytes(bytes) => send_piece(&mut stream, bytes.clone()).await?,
        Body::Parts(parts) => {
            let mut upload = Upload::new(Arc::clone(parts));
            let unread = |error: std::io::Error| Fault::new(FailureKind::Reset, format!("the body cannot be read: {error}"));
            while let Some(piece) = poll_fn(|cx| upload.poll_piece(cx)).await.map_err(unread)? {
                send_piece(&mut stream, piece).await?;
            }
        }
    }
    stream.send_data(Bytes::new(), true).map_err(|error| fault(&error, false))
}

/// Sends as much at a time as the server's window allows.
async fn send_piece(stream: &mut SendStream<Bytes>, mut piece: Bytes) -> Result<(), Fault> {
    while !piece.is_empty() {
        stream.reserve_capacity(piece.len());
        let room = poll_fn(|cx| stream.poll_capacity(cx)).await;
        let room =
            room.ok_or_else(|| Fault::new(FailureKind::Reset, "the server refused the body"))?.map_err(|error| fault(&error, false))?;
        let now = piece.split_to(room.min(piece.len()));
        stream.send_data(now, false).map_err(|error| fault(&error, false))?;
    }
    Ok(())
}

async fn receive(mut body: RecvStream, sink: &mut Sink, note: impl Fn(usize)) -> Result<(), Fault> {
    loop {
        poll_fn(|cx| if sink.is_full(cx.waker()) { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }).await;
        let Some(piece) = body.data().await else {
            return Ok(());
        };
        let piece = piece.map_err(|error| fault(&error, true))?;
        note(piece.len());
        sink.put(&piece)?;
        body.flow_control().release_capacity(piece.len()).map_err(|error| fault(&error, true))?;
    }
}

fn fault(error: &h2::Error, answering: bool) -> Fault {
    let closed = error.is_io() || error.is_remote();
    let kind = match (closed, answering) {
        (true, true) => FailureKind::Truncated,
        (true, false) => FailureKind::Reset,
        (false, _) => FailureKind::Malformed,
    };
    // RFC 9113, section 6.8: streams above the last one that the server names were not looked at.
    let unseen = !answering && error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR);
    Fault { unseen, ..Fault::new(kind, error.to_string()) }
}
