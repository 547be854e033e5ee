//! When a request goes over another connection without the script being told: only if the server closed a kept connection while the
//! request was on its way to it. `docs/http.md` has the reasons.

use super::trace::Marks;
use crate::clock::MILLISECOND;
use crate::failure::FailureKind;

/// A closure that crossed the request is noticed one round trip after the request began; more allows for a network that varies.
const ROUND_TRIPS: i64 = 3;
/// And at least this long after, in nanoseconds: a round trip may be shorter than it takes to close a connection.
const SHORTEST: i64 = MILLISECOND;

/// How a connection broke under a request.
pub(super) struct Break {
    pub(super) kind: FailureKind,
    /// Whether it had carried another request before.
    pub(super) reused: bool,
    /// When bytes of the request passed.
    pub(super) marks: Marks,
    /// When the engine's thread woke to find it broken, in clock nanoseconds. What the thread did before it got to it does not count.
    pub(super) woke: i64,
    /// How long the connection takes to the server and back, in nanoseconds.
    pub(super) round_trip: i64,
}

/// What becomes of the request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// It failed.
    Fails,
    /// Nothing of it was sent: it goes over another connection.
    Moves,
    /// The server cannot have seen it: it is sent again.
    Repeats,
}

impl Break {
    /// What becomes of a request that may be sent twice, or not (RFC 9110, section 9.2.2).
    pub(super) fn course(&self, repeatable: bool) -> Course {
        let race = self.woke - self.marks.begun <= SHORTEST.max(self.round_trip.saturating_mul(ROUND_TRIPS));
        match (self.reused && self.kind == FailureKind::Reset, self.marks.sent) {
            (false, _) => Course::Fails,
            (true, 0) => Course::Moves,
            (true, _) if repeatable && race => Course::Repeats,
            (true, _) => Course::Fails,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closure_that_crossed_the_request_lets_it_be_sent_again() {
        let begun = 7_000 * MILLISECOND;
        let found = |change: &dyn Fn(&mut Break), repeatable: bool| {
            let marks = Marks { begun, last_write: begun + 10, sent: 80, ..Marks::default() };
            let mut found = Break { kind: FailureKind::Reset, reused: true, marks, woke: begun + 50_000, round_trip: 40_000 };
            change(&mut found);
            found.course(repeatable)
        };
        let after = |ns: i64, round_trip: i64| found(&|broken| (broken.woke, broken.round_trip) = (begun + ns, round_trip), true);

        assert_eq!(found(&|_| (), true), Course::Repeats, "it crossed the request");
        assert_eq!(found(&|_| (), false), Course::Fails, "a POST is not sent twice");
        assert_eq!(found(&|broken| broken.marks.sent = 0, false), Course::Moves, "of this POST nothing was sent");
        assert_eq!(found(&|broken| broken.reused = false, true), Course::Fails, "a new connection was never idle");
        assert_eq!(found(&|broken| broken.kind = FailureKind::Truncated, true), Course::Fails, "the response had begun");
        assert_eq!(found(&|broken| broken.woke = begun - 1, true), Course::Repeats, "the thread has been busy since");

        assert_eq!(after(MILLISECOND, 0), Course::Repeats);
        assert_eq!(after(MILLISECOND + 1, 0), Course::Fails, "the server had time to read it");
        assert_eq!(after(60 * MILLISECOND, 20 * MILLISECOND), Course::Repeats, "a server far away");
        assert_eq!(after(60 * MILLISECOND + 1, 20 * MILLISECOND), Course::Fails);
    }
}
