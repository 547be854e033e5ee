//! Where the body of a response goes.

use std::sync::Arc;
use std::task::Waker;

use super::inflow::Inflow;
use super::job::Job;
use super::message::Message;
use super::reader::Malformed;

/// Where the body of a response goes: kept, counted only, or handed to the script while it comes in.
#[derive(Default)]
pub(super) struct Sink {
    message: Message,
    discard: bool,
    most: u64,
    length: u64,
    inflow: Option<Arc<Inflow>>,
}

impl Sink {
    /// As the request wants it.
    pub(super) fn of(job: &Job) -> Self {
        let Some(rules) = &job.rules else {
            return Self::default();
        };
        Self { discard: rules.discard, most: rules.most_body, inflow: rules.inflow.clone(), ..Self::default() }
    }

    /// Whether the body stays in memory.
    pub(super) fn keeps(&self) -> bool {
        !self.discard && self.inflow.is_none()
    }

    pub(super) fn begin(&mut self, head: Message) {
        self.message = head;
    }

    pub(super) fn put(&mut self, body: &[u8]) -> Result<(), Malformed> {
        self.length += body.len() as u64;
        if self.most > 0 && self.length > self.most {
            return Err(Malformed::TooLong(self.most));
        }
        if let Some(inflow) = &self.inflow {
            if !body.is_empty() {
                inflow.put(body);
            }
        } else if !self.discard {
            self.message.push(body);
        }
        Ok(())
    }

    pub(super) fn take(&mut self) -> Message {
        std::mem::take(&mut self.message)
    }

    /// The head, for whoever reads the body while it comes in.
    pub(super) fn head(&self) -> Message {
        self.message.clone()
    }

    /// Whether the script has so much to read that the connection must wait.
    pub(super) fn is_full(&self, waker: &Waker) -> bool {
        self.inflow.as_ref().is_some_and(|inflow| inflow.is_full(waker))
    }
}
