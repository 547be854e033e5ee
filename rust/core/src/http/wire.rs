//! One connection, and the moments at which bytes passed through it.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::Clock;

/// When bytes of the current request passed, in clock nanoseconds (0: not yet), and how many.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) last_write: Cell<i64>,
    pub(super) first_read: Cell<i64>,
    pub(super) sent: Cell<u64>,
    pub(super) received: Cell<u64>,
}

impl Marks {
    pub(super) fn reset(&self) {
        self.last_write.set(0);
        self.first_read.set(0);
        self.sent.set(0);
        self.received.set(0);
    }
}

/// A plain or encrypted byte stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// A stream that notes when bytes pass.
struct Marked {
    stream: Box<dyn Stream>,
    marks: Rc<Marks>,
    clock: Arc<dyn Clock>,
}

impl AsyncRead for Marked {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let read = buffer.filled().len() - before;
        if read > 0 {
            if self.marks.first_read.get() == 0 {
                self.marks.first_read.set(self.clock.now_ns());
            }
            self.marks.received.set(self.marks.received.get() + read as u64);
        }
        polled
    }
}

impl AsyncWrite for Marked {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.mark_written(&polled);
        polled
    }

    // Requests are small: one buffer and a plain send cost the kernel less than a gathered write.
    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Marked {
    fn mark_written(&self, polled: &Poll<std::io::Result<usize>>) {
        if let Poll::Ready(Ok(written)) = polled {
            self.marks.last_write.set(self.clock.now_ns());
            self.marks.sent.set(self.marks.sent.get() + *written as u64);
        }
    }
}

type Driver = Connection<TokioIo<Marked>, Full<Bytes>>;

/// An HTTP/1.1 connection that is driven by whoever waits for it, not by a task of its own: one wake-up a response, not two.
pub(super) struct Wire {
    pub(super) sender: SendRequest<Full<Bytes>>,
    pub(super) marks: Rc<Marks>,
    driver: Pin<Box<Driver>>,
    ended: bool,
    _open: OpenConnection,
}

/// Counts a connection as open while it lives.
struct OpenConnection(Arc<AtomicI64>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Wire {
    pub(super) async fn new(stream: Box<dyn Stream>, clock: Arc<dyn Clock>, open: Arc<AtomicI64>) -> hyper::Result<Self> {
        let marks = Rc::new(Marks::default());
        let marked = Marked { stream, marks: Rc::clone(&marks), clock };
        let (sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(marked)).await?;
        open.fetch_add(1, Ordering::Relaxed);
        Ok(Self { sender, marks, driver: Box::pin(driver), ended: false, _open: OpenConnection(open) })
    }

    /// Moves bytes. The connection's own error also reaches whoever waits for the response, so it is not returned here.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.ended {
            self.ended = self.driver.as_mut().poll(cx).is_ready();
        }
    }

    /// Whether the other side has closed it, as far as is known.
    pub(super) fn has_ended(&self) -> bool {
        self.ended || self.sender.is_closed()
    }
}
