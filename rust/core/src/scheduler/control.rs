//! Orders that change the load while it goes on. They take effect at an instant of the load, so that all shares of a plan follow them alike.

use serde::Deserialize;

use super::state::State;
use super::stream::{Closed, Kind, Open, StreamState};
use crate::schedule::{Budget, Unrepresentable, check_rate};

/// What is to change, in which streams, and when.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Control {
    /// Nanoseconds since the start of the load. One that is not after that of an earlier order counts as the same.
    pub at_ns: i64,
    /// The name of a stream, or of the only scenario that it runs; None for every one that it fits.
    #[serde(default)]
    pub stream: Option<String>,
    /// What is to change.
    pub change: Change,
}

/// A change of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Events of an open stream come at this rate (a fraction per second) until its end.
    Rate(u64, u64),
    /// A closed stream has this many VUs until its end.
    Vus(u64),
    /// No iteration starts; events are not due.
    Hold,
    /// Iterations start again.
    Release,
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No stream has this name.
    #[error("there is no load profile {0:?} in this run; there are: {1}")]
    Unknown(String, String),
    /// No stream takes it, for these reasons.
    #[error("{0}")]
    Unfit(String),
    /// The rate cannot be kept.
    #[error(transparent)]
    Rate(#[from] Unrepresentable),
    /// The run ends.
    #[error("the run is ending: no more iterations start")]
    Ending,
}

impl State {
    /// Lets `order` take effect, and tells the names of the streams that it concerns.
    pub(super) fn control(&mut self, order: &Control) -> Result<Vec<String>, Refused> {
        if self.is_stopping() {
            return Err(Refused::Ending);
        }
        if let Change::Rate(numerator @ 1.., denominator) = order.change {
            check_rate((numerator, denominator))?;
        }
        let chosen = self.chosen(order)?;
        self.latest_ns = self.latest_ns.max(order.at_ns);
        let start = self.start_ns;
        for &index in &chosen {
            let Some(stream) = self.streams.get_mut(index as usize) else {
                continue;
            };
            stream.changes.push_back((self.latest_ns, order.change));
            if let (Some(start), Some(begin)) = (start, stream.begin_ns) {
                stream.make_changes(begin - start)?;
                self.replan(index);
            }
        }
        self.hurried = true;
        Ok(chosen.iter().filter_map(|&index| Some(self.streams.get(index as usize)?.name.clone())).collect())
    }

    /// The indexes of the streams that an order is for.
    fn chosen(&self, order: &Control) -> Result<Vec<u32>, Refused> {
        let is_asked = |stream: &StreamState, name: &String| *name == stream.name || stream.scenario.as_ref() == Some(name);
        let asked = (0..).zip(&self.streams).filter(|(_, stream)| order.stream.as_ref().is_none_or(|name| is_asked(stream, name)));
        let asked: Vec<(u32, &StreamState)> = asked.collect();
        if let (true, Some(name)) = (asked.is_empty(), &order.stream) {
            let known: Vec<&str> = self.streams.iter().map(|stream| stream.name.as_str()).collect();
            return Err(Refused::Unknown(name.clone(), known.join(", ")));
        }
        let at = self.start_ns.map(|start| start.saturating_add(order.at_ns.max(self.latest_ns)));
        let (mut fit, mut reasons) = (Vec::new(), Vec::new());
        for (index, stream) in asked {
            match stream.refuses(order.change, at) {
                None => fit.push(index),
                Some(reason) => reasons.push(format!("{} {reason}", stream.name)),
            }
        }
        if fit.is_empty() { Err(Refused::Unfit(reasons.join("; "))) } else { Ok(fit) }
    }
}

impl StreamState {
    /// Why this stream cannot take the change at `at` (clock), if so; what follows its name in a sentence.
    fn refuses(&self, change: Change, at: Option<i64>) -> Option<String> {
        if self.load_end_ns().is_some_and(|end| at.is_some_and(|at| at >= end)) {
            return Some("has ended, or ends before that".into());
        }
        let fixed = "has a fixed number of iterations: only pause, resume and stop can change it";
        match (change, &self.kind) {
            (Change::Rate(..) | Change::Vus(_), Kind::Closed(closed)) if closed.budget != Budget::Unlimited => Some(fixed.into()),
            (Change::Rate(..), Kind::Closed(_)) => Some("has virtual users that loop, and no rate: use vus".into()),
            (Change::Rate(0, _), _) => Some("cannot have a rate of zero: use pause".into()),
            (Change::Vus(_), Kind::Open(_)) => Some("has a rate, and as many virtual users as that needs: use rate".into()),
            (Change::Vus(0), _) => Some("cannot have no virtual users: use pause".into()),
            (Change::Vus(vus), Kind::Closed(closed)) if vus > closed.plan_vus => {
                Some(format!("has at most {} virtual users: give its load profile more in the workload", closed.plan_vus))
            }
            (Change::Hold, _) if self.is_held() => Some("is paused already".into()),
            (Change::Release, _) if !self.is_held() => Some("is not paused".into()),
            _ => None,
        }
    }

    /// Whether the last order of its kind was to hold.
    fn is_held(&self) -> bool {
        let last = self.changes.iter().rev().find(|(_, change)| matches!(change, Change::Hold | Change::Release));
        last.map_or(self.holds.is_open(), |(_, change)| *change == Change::Hold)
    }

    /// Makes the changes that were ordered. The stream begins `begin_ns` after the start of the load; what was ordered before holds from there.
    pub(super) fn make_changes(&mut self, begin_ns: i64) -> Result<(), Unrepresentable> {
        while let Some((at_ns, change)) = self.changes.pop_front() {
            let at = (at_ns - begin_ns).max(0);
            match (change, &mut self.kind) {
                (Change::Rate(numerator, denominator), Kind::Open(Open { starts: Some(starts), .. })) => {
                    starts.set_rate(at, (numerator, denominator))?;
                }
                (Change::Vus(vus), Kind::Closed(Closed { steps, .. })) => steps.set_vus(at, u32::try_from(vus).unwrap_or(u32::MAX)),
                (Change::Hold, _) => self.holds.begin(at),
                (Change::Release, _) => self.holds.end(at),
                (Change::Rate(..) | Change::Vus(_), _) => {}
            }
        }
        Ok(())
    }
}
