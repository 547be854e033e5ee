//! Time-outs of whole requests: one timer for all of them, since a timer for each costs more than the rest of its bookkeeping.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::desk::Desk;

/// A time-out that means never.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Wakes when the earliest deadline may have passed.
pub(super) struct Deadlines {
    desk: Rc<Desk>,
    next: i64,
    timer: Pin<Box<Sleep>>,
}

impl Deadlines {
    pub(super) fn new(desk: Rc<Desk>) -> Self {
        Self { desk, next: i64::MAX, timer: Box::pin(sleep(FOREVER)) }
    }

    /// Takes a new deadline (clock nanoseconds) into account. Most are later than the one that is waited for: nothing to do.
    pub(super) fn expect(&mut self, deadline: i64) {
        if deadline < self.next {
            self.next = deadline;
            let left = deadline.saturating_sub(self.desk.now()).max(0).unsigned_abs();
            self.timer.as_mut().reset(Instant::now() + Duration::from_nanos(left).min(FOREVER));
        }
    }

    /// Waits until the earliest deadline.
    pub(super) async fn passed(&mut self) {
        self.timer.as_mut().await;
    }

    /// Ends what is overdue and waits for the earliest deadline of the rest.
    pub(super) fn enforce(&mut self) {
        let earliest = self.desk.end_overdue(self.desk.now());
        self.next = i64::MAX;
        self.timer.as_mut().reset(Instant::now() + FOREVER);
        if let Some(earliest) = earliest {
            self.expect(earliest);
        }
    }
}
