//! Where all streams of a run stand, and what is due next. Times are clock nanoseconds.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::stream::{Kind, StreamState, Turn, Waiting};
use super::{Iteration, Next, Order, Out};
use crate::plan::{Plan, StartAfter};
use crate::queue::{Completion, Token};
use crate::record::{Due, Record};
use crate::schedule::Unrepresentable;

pub(super) struct State {
    pub(super) closed: bool,
    /// Whether something comes earlier than the scheduler's thread knew when it went to sleep.
    pub(super) hurried: bool,
    pub(super) streams: Vec<StreamState>,
    pub(super) start_ns: Option<i64>,
    /// When the latest order takes effect, since the start.
    pub(super) latest_ns: i64,
    stopping: bool,
    alarms: BinaryHeap<Reverse<Alarm>>,
    sequence: u64,
    orders: VecDeque<Order>,
    listener: Option<Token>,
}

/// Ordered by time, then by the order in which they were set.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Alarm {
    at: i64,
    sequence: u64,
    call: Call,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    /// A pause is over.
    Resume(Token),
    /// A VU of a closed stream has its turn.
    Start { stream: u32, vu: u32 },
    /// A stream has no more time.
    Conclude(u32),
    /// The graceful stop of a stream is over.
    CutOff(u32),
    /// A VU that the ramp took away at `gone`, counted from the begin, had its time to finish.
    RampedDown { stream: u32, vu: u32, gone: i64 },
}

impl State {
    pub(super) fn new(plan: &Plan) -> Result<Self, Unrepresentable> {
        let streams = plan.streams.iter().zip(0_u32..).map(|(stream, index)| StreamState::new(plan, stream, index));
        Ok(Self {
            closed: false,
            hurried: false,
            streams: streams.collect::<Result<_, _>>()?,
            start_ns: None,
            latest_ns: 0,
            stopping: false,
            alarms: BinaryHeap::new(),
            sequence: 0,
            orders: VecDeque::new(),
            listener: None,
        })
    }

    pub(super) fn start(&mut self, at: i64, now: i64, out: &Out) {
        self.start_ns = Some(at);
        self.begin_streams(now, out);
    }

    /// Begins every stream of which it is known by now when it begins.
    fn begin_streams(&mut self, now: i64, out: &Out) {
        while let Some((index, begin)) = self.next_begin() {
            let Some(stream) = self.streams.get_mut(index as usize) else {
                return;
            };
            stream.begin_ns = Some(begin);
            let (end, grace) = (begin.saturating_add(stream.length_ns), stream.graceful_stop_ns);
            let parked = std::mem::take(&mut stream.parked);
            if let Some(start) = self.start_ns {
                // An order was checked when it came.
                let _ = stream.make_changes(begin - start);
            }
            self.set_alarm(end, Call::Conclude(index));
            self.set_alarm(end.saturating_add(grace), Call::CutOff(index));
            self.hurried = true;
            for (vu, token) in parked {
                match self.next(index, vu, token, now, out) {
                    Next::Start(iteration) => out.completions.push(Completion::Start(token, iteration)),
                    Next::End => out.completions.push(Completion::End(token)),
                    Next::Wait | Next::Rest => {}
                }
            }
        }
    }

    fn next_begin(&self) -> Option<(u32, i64)> {
        let start = self.start_ns?;
        (0_u32..).zip(&self.streams).filter(|(_, stream)| stream.begin_ns.is_none()).find_map(|(index, stream)| match stream.start_after {
            StartAfter::DelayNs(delay) => Some((index, start.saturating_add(delay))),
            StartAfter::Stream(other) => Some((index, self.streams.get(other as usize)?.load_end_ns()?)),
        })
    }

    pub(super) fn next(&mut self, index: u32, vu: u32, token: Token, now: i64, out: &Out) -> Next {
        let Some(stream) = self.streams.get_mut(index as usize).filter(|_| !self.stopping) else {
            return Next::End;
        };
        let Some(begin) = stream.begin_ns else {
            stream.parked.push((vu, token));
            return Next::Wait;
        };
        match &mut stream.kind {
            Kind::Open(open) => {
                let next = open.next(token);
                if let Next::Start(iteration) = &next {
                    out.due(iteration, false);
                }
                return next;
            }
            Kind::Closed(closed) => closed.free(vu),
        }
        let since = (now - begin).max(0);
        match stream.turn(vu, since) {
            Turn::At(at) if begin.saturating_add(at) <= now => self.begin_iteration(index, vu, now, false).map_or(Next::End, Next::Start),
            Turn::Never => {
                // The thread may not have come to it yet, and nobody may be left by then.
                if stream.has_budget() && stream.planned_end_ns().is_some_and(|end| end <= now) {
                    self.conclude(index, now, out);
                }
                Next::End
            }
            turn => {
                self.wait(index, vu, Waiting { token, since, alarm: None }, turn);
                if turn == Turn::Unplanned { Next::Rest } else { Next::Wait }
            }
        }
    }

    /// Lets a VU of a closed stream wait for its turn.
    fn wait(&mut self, index: u32, vu: u32, mut waiting: Waiting, turn: Turn) {
        let begin = self.streams.get(index as usize).and_then(|stream| stream.begin_ns);
        if let (Some(begin), Turn::At(at)) = (begin, turn) {
            waiting.alarm = Some(self.set_alarm(begin.saturating_add(at), Call::Start { stream: index, vu }));
        }
        if let Some(Kind::Closed(closed)) = self.streams.get_mut(index as usize).map(|stream| &mut stream.kind) {
            closed.waiting.insert(vu, waiting);
        }
    }

    /// Plans anew when the VUs of a closed stream that wait have their turn, and when the ramp takes those away that do not.
    pub(super) fn replan(&mut self, index: u32) {
        let Some(stream) = self.streams.get_mut(index as usize) else {
            return;
        };
        let (Some(begin), Kind::Closed(closed)) = (stream.begin_ns, &mut stream.kind) else {
            return;
        };
        let (waiting, busy) = (std::mem::take(&mut closed.waiting), closed.busy());
        let taken: Vec<_> = busy.into_iter().filter_map(|(vu, since)| Some((vu, closed.watch(vu, since)?))).collect();
        let turns: Vec<_> = waiting.into_iter().map(|(vu, waiting)| (vu, stream.turn(vu, waiting.since), waiting)).collect();
        for (vu, (gone, deadline)) in taken {
            self.set_alarm(begin.saturating_add(deadline), Call::RampedDown { stream: index, vu, gone });
        }
        for (vu, turn, waiting) in turns {
            self.wait(index, vu, Waiting { alarm: None, ..waiting }, turn);
        }
    }

    fn begin_iteration(&mut self, index: u32, vu: u32, at: i64, scheduled: bool) -> Option<Iteration> {
        let stream = self.streams.get_mut(index as usize)?;
        let iteration = stream.take_turn(vu, at, scheduled)?;
        let (begin, Kind::Closed(closed)) = (stream.begin_ns?, &mut stream.kind) else {
            return None;
        };
        if let Some((gone, deadline)) = closed.watch(vu, (at - begin).max(0)) {
            self.set_alarm(begin.saturating_add(deadline), Call::RampedDown { stream: index, vu, gone });
        }
        Some(iteration)
    }

    /// Counts an iteration of a stream that has a fixed number of them as ended.
    pub(super) fn iteration_ended(&mut self, index: u32, now: i64, out: &Out) {
        let last = match self.streams.get_mut(index as usize).map(|stream| &mut stream.kind) {
            Some(Kind::Closed(closed)) => closed.count_ended(),
            _ => false,
        };
        if last {
            self.conclude(index, now, out);
        }
    }

    /// Ends the load of a stream, and tells those who wait; of a fixed number of iterations, those that have not begun are dropped.
    fn conclude(&mut self, index: u32, now: i64, out: &Out) {
        let Some(stream) = self.streams.get_mut(index as usize) else {
            return;
        };
        for token in stream.take_waiting() {
            out.completions.push(Completion::End(token));
        }
        if stream.load_end_ns().is_some() {
            return;
        }
        let end = stream.planned_end_ns().map_or(now, |planned| planned.min(now));
        for (scenario, count) in stream.conclude(end) {
            out.records.send(Record::Due(Due { stream: index, scenario, at: end - 1, count, due: false, dropped: true }));
        }
        if !self.stopping {
            self.begin_streams(now, out);
        }
    }

    pub(super) fn pause(&mut self, token: Token, at: i64) {
        self.set_alarm(at, Call::Resume(token));
    }

    fn set_alarm(&mut self, at: i64, call: Call) -> u64 {
        self.hurried |= self.alarms.peek().is_none_or(|Reverse(first)| at < first.at);
        self.sequence += 1;
        self.alarms.push(Reverse(Alarm { at, sequence: self.sequence, call }));
        self.sequence
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping
    }

    pub(super) fn next_event(&self) -> Option<i64> {
        let alarm = self.alarms.peek().map(|Reverse(alarm)| alarm.at);
        let arrival = self.streams.iter().filter_map(StreamState::next_arrival).min();
        alarm.into_iter().chain(arrival.filter(|_| !self.stopping)).min()
    }

    pub(super) fn fire_alarms(&mut self, now: i64, out: &Out) {
        while self.alarms.peek().is_some_and(|Reverse(alarm)| alarm.at <= now) {
            if let Some(Reverse(alarm)) = self.alarms.pop() {
                self.answer(alarm, now, out);
            }
        }
    }

    fn answer(&mut self, alarm: Alarm, now: i64, out: &Out) {
        match alarm.call {
            Call::Resume(token) => out.completions.push(Completion::Resume(token)),
            Call::Start { stream, vu } => {
                if let Some(token) = self.wake(stream, vu, alarm.sequence) {
                    let iteration = self.begin_iteration(stream, vu, alarm.at, true);
                    out.completions.push(iteration.map_or(Completion::End(token), |iteration| Completion::Start(token, iteration)));
                }
            }
            Call::Conclude(stream) => self.conclude(stream, now, out),
            Call::CutOff(stream) => self.order(Order::CutOff { stream }, out),
            Call::RampedDown { stream, vu, gone } => {
                if let Some(StreamState { kind: Kind::Closed(closed), begin_ns: Some(begin), .. }) = self.streams.get_mut(stream as usize)
                    && closed.outstays(vu, gone, now - *begin)
                {
                    self.order(Order::Interrupt { stream, vu }, out);
                }
            }
        }
    }

    pub(super) fn fire_arrivals(&mut self, now: i64, out: &Out) {
        if self.stopping {
            return;
        }
        let mut orders = Vec::new();
        for (stream, index) in self.streams.iter_mut().zip(0_u32..) {
            while let Some(iteration) = stream.take_arrival(now) {
                let Kind::Open(open) = &mut stream.kind else {
                    break;
                };
                if let Some(token) = open.idle.pop_front() {
                    out.due(&iteration, false);
                    out.completions.push(Completion::Start(token, iteration));
                } else if let Some(vu) = open.hire() {
                    open.awaited.push_back(iteration);
                    orders.push(Order::Hire { stream: index, vu });
                } else {
                    out.due(&iteration, true);
                }
            }
        }
        orders.into_iter().for_each(|order| self.order(order, out));
    }

    /// The token of a VU of a closed stream whose turn comes by this alarm; None when it waits for another one by now.
    fn wake(&mut self, index: u32, vu: u32, alarm: u64) -> Option<Token> {
        let Kind::Closed(closed) = &mut self.streams.get_mut(index as usize)?.kind else {
            return None;
        };
        closed.waiting.get(&vu).filter(|waiting| waiting.alarm == Some(alarm))?;
        closed.waiting.remove(&vu).map(|waiting| waiting.token)
    }

    /// Gives the scripts' side an order, now or when it asks next.
    fn order(&mut self, order: Order, out: &Out) {
        match self.listener.take() {
            Some(token) => out.completions.push(Completion::Order(token, order)),
            None => self.orders.push_back(order),
        }
    }

    /// Completes `token` with the next order.
    pub(super) fn listen(&mut self, token: Token, out: &Out) {
        match self.orders.pop_front() {
            Some(order) => out.completions.push(Completion::Order(token, order)),
            None => self.listener = Some(token),
        }
    }

    /// Starts no more iterations, tells those who wait for one, and lets the running ones go on for their graceful stop.
    pub(super) fn stop(&mut self, now: i64, out: &Out) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        let waiting: Vec<Token> = self.streams.iter_mut().flat_map(StreamState::take_waiting).collect();
        waiting.into_iter().for_each(|token| out.completions.push(Completion::End(token)));
        for Reverse(alarm) in std::mem::take(&mut self.alarms) {
            match alarm.call {
                Call::Start { .. } | Call::Conclude(_) => {}
                _ => self.alarms.push(Reverse(alarm)),
            }
        }
        for index in 0_u32.. {
            let Some(stream) = self.streams.get(index as usize) else {
                break;
            };
            let grace = stream.graceful_stop_ns;
            self.set_alarm(now.saturating_add(grace), Call::CutOff(index));
        }
        self.hurried = true;
    }

    /// Nanoseconds from the start of the load to the moment at which the load of the last stream ended, or will end at the latest.
    pub(super) fn load_end(&self) -> Option<i64> {
        let end_of = |stream: &StreamState| stream.load_end_ns().or_else(|| stream.planned_end_ns().filter(|_| !stream.is_elsewhere()));
        let start = self.start_ns?;
        Some(self.streams.iter().filter_map(end_of).max().map_or(0, |end| end - start))
    }
}
