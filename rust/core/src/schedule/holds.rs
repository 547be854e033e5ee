//! Stretches of a profile in which nothing begins.

/// Stretches in the order of their times; the last one may have no end yet.
#[derive(Debug, Clone, Default)]
pub struct Holds(Vec<(i64, i64)>);

/// The end of a stretch that goes on.
const OPEN: i64 = i64::MAX;

impl Holds {
    /// Begins a stretch at `ns`, unless one goes on.
    pub fn begin(&mut self, ns: i64) {
        if !self.is_open() {
            self.0.push((ns, OPEN));
        }
    }

    /// Ends the stretch that goes on at `ns`, which is outside it.
    pub fn end(&mut self, ns: i64) {
        if let Some((_, end)) = self.0.last_mut().filter(|(_, end)| *end == OPEN) {
            *end = ns;
        }
    }

    /// Whether `ns` is in a stretch.
    #[must_use]
    pub fn contains(&self, ns: i64) -> bool {
        self.0.iter().any(|&(begin, end)| begin <= ns && ns < end)
    }

    /// The first moment from `ns` on outside all stretches; None when the last one begins before and goes on.
    #[must_use]
    pub fn free_from(&self, ns: i64) -> Option<i64> {
        let free = self.0.iter().fold(ns, |at, &(begin, end)| if begin <= at { at.max(end) } else { at });
        (free < OPEN).then_some(free)
    }

    /// Whether the last stretch goes on.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.last().is_some_and(|&(_, end)| end == OPEN)
    }
}
