//! The recorder: a thread that turns flat samples into the run folder's files and the figures of the live view.

mod fold;
mod generator;
mod growing;
mod measures;
mod names;
mod recorder;
mod reservoir;
mod samples;
mod table;
mod tenants;

pub use generator::this_thread;
pub use measures::Measures;
pub use names::{Names, Overflow, SeriesName, Tags};
pub use recorder::{LastSecond, Progress, Recorder, RecorderHandle};

use std::sync::Arc;

use parking_lot::Mutex;

use crate::sample::{IterationRecord, Sample};

/// One fact of a run.
#[derive(Debug)]
pub enum Record {
    /// A request ended.
    Sample(Sample),
    /// A check failed on a response that was counted as fine before.
    CheckFailed(Sample),
    /// An iteration ended.
    Iteration(IterationRecord),
    /// Iterations came due or were dropped.
    Due(Due),
    /// Something worth a mark on the time line: when (clock nanoseconds), kind and text.
    Event(i64, String, String),
}

/// Iterations that a schedule wanted, or that were dropped.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// Index of the stream.
    pub stream: u32,
    /// Index of the scenario.
    pub scenario: u32,
    /// When, in clock nanoseconds.
    pub at: i64,
    /// How many.
    pub count: u64,
    /// Whether they are events of an open profile.
    pub due: bool,
    /// Whether they were never started, for want of a VU.
    pub dropped: bool,
}

/// The way to the recorder from any thread. Sending never wakes it.
#[derive(Debug, Clone, Default)]
pub struct Records(Arc<Mutex<Vec<Record>>>);

impl Records {
    /// Hands over one record.
    pub fn send(&self, record: Record) {
        self.0.lock().push(record);
    }

    /// Hands over several records at once.
    pub fn send_all<const N: usize>(&self, records: [Record; N]) {
        self.0.lock().extend(records);
    }

    /// Exchanges all records so far for `batch`, which is empty; its memory serves for the next ones.
    pub fn take(&self, batch: &mut Vec<Record>) {
        std::mem::swap(&mut *self.0.lock(), batch);
    }
}
