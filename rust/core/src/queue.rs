//! What the engine hands back to the scripts' thread: many completions, one wake-up.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_queue::SegQueue;
use tokio::sync::Notify;

use crate::http::Message;
use crate::sample::Sample;
use crate::scheduler::{Iteration, Order};

/// Names one awaitable of the scripts' thread; the engine only carries it.
pub type Token = u64;

/// A request that ended, well or not.
#[derive(Debug)]
pub struct Exchange {
    /// What was measured.
    pub sample: Sample,
    /// The response; empty when none came.
    pub message: Message,
}

/// One thing that an awaitable was waiting for.
#[derive(Debug)]
pub enum Completion {
    /// A request ended.
    Response(Token, Arc<Exchange>),
    /// A VU is to start an iteration.
    Start(Token, Iteration),
    /// A VU has nothing more to do.
    End(Token),
    /// A pause is over.
    Resume(Token),
    /// The scripts' side is to do something.
    Order(Token, Order),
}

/// Completions from every engine thread to the one that runs the scripts.
#[derive(Debug)]
pub struct CompletionQueue {
    queue: SegQueue<Completion>,
    signalled: AtomicBool,
    wake: Wake,
    task: Option<Notify>,
}

impl CompletionQueue {
    /// An empty queue.
    ///
    /// # Errors
    /// When the system has no file descriptor left.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { queue: SegQueue::new(), signalled: AtomicBool::new(false), wake: Wake::new()?, task: None })
    }

    /// An empty queue that wakes a task of the engine in place of the scripts' thread.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    pub fn for_task() -> std::io::Result<Self> {
        Ok(Self { task: Some(Notify::new()), ..Self::new()? })
    }

    /// Waits until there may be something to [`pop`](Self::pop), in the task that the queue is for; elsewhere for ever.
    pub async fn came(&self) {
        match &self.task {
            Some(task) => task.notified().await,
            None => std::future::pending().await,
        }
    }

    /// The descriptor that becomes readable when there is something to [`pop`](Self::pop).
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.wake.reader().as_fd().as_raw_fd()
    }

    /// Adds one completion and wakes the reader unless it is already woken.
    pub fn push(&self, completion: Completion) {
        self.queue.push(completion);
        self.signal();
    }

    /// Adds one completion of several; whoever adds them signals when it has no more at hand.
    pub fn add(&self, completion: Completion) {
        self.queue.push(completion);
    }

    /// Wakes the reader.
    pub fn signal(&self) {
        if !self.signalled.swap(true, Ordering::SeqCst) {
            match &self.task {
                Some(task) => task.notify_one(),
                None => self.wake.raise(),
            }
        }
    }

    /// Lets the reader be woken again; to be called before popping.
    pub fn acknowledge(&self) {
        if self.task.is_none() {
            self.wake.lower();
        }
        // A plain store could become visible after the pops that follow it; a completion pushed in between would wake nobody.
        self.signalled.swap(false, Ordering::SeqCst);
    }

    /// The oldest completion, if any.
    #[must_use]
    pub fn pop(&self) -> Option<Completion> {
        self.queue.pop()
    }

    /// How many completions wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// An eventfd where there is one, a pipe elsewhere.
#[derive(Debug)]
struct Wake {
    reader: OwnedFd,
    #[cfg(not(target_os = "linux"))]
    writer: OwnedFd,
}

#[cfg(target_os = "linux")]
impl Wake {
    fn new() -> std::io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self { reader: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    fn writer(&self) -> &OwnedFd {
        &self.reader
    }
}

#[cfg(not(target_os = "linux"))]
impl Wake {
    fn new() -> std::io::Result<Self> {
        let (reader, writer) = rustix::pipe::pipe()?;
        for end in [&reader, &writer] {
            rustix::io::ioctl_fionbio(end, true)?;
        }
        Ok(Self { reader, writer })
    }

    fn writer(&self) -> &OwnedFd {
        &self.writer
    }
}

impl Wake {
    fn reader(&self) -> &OwnedFd {
        &self.reader
    }

    fn raise(&self) {
        // A full descriptor is a readable one: nothing to do about an error.
        let _ = rustix::io::write(self.writer(), &1_u64.to_ne_bytes());
    }

    fn lower(&self) {
        let _ = rustix::io::read(&self.reader, &mut [0_u8; 8]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn readable(queue: &CompletionQueue) -> bool {
        let mut fds = [PollFd::new(queue.wake.reader(), PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
    }

    #[test]
    fn many_pushes_are_one_wake_up_and_none_is_lost() {
        let queue = CompletionQueue::new().unwrap();
        assert!(!readable(&queue));
        (0..1000).for_each(|token| queue.push(Completion::End(token)));
        assert!(readable(&queue));
        queue.acknowledge();
        assert!(!readable(&queue));
        assert_eq!(std::iter::from_fn(|| queue.pop()).count(), 1000);
    }
}
