//! VUs without a script: an iteration is one request, and the next one begins where the response ends, on the same thread.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderName, HeaderValue, Method};

use super::desk::Desk;
use super::endpoint::{Endpoint, Target, TargetError};
use super::job::{Body, Headers, Job, Rules};
use crate::clock::Clock;
use crate::plan::Plan;
use crate::queue::{Completion, CompletionQueue, Token};
use crate::record::{Names, Record, Records};
use crate::sample::{IterationRecord, Origin, Outcome, Sample};
use crate::scheduler::{Iteration, Next, Order, Scheduler};

/// The only stream and the only scenario of a drill.
const STREAM: u32 = 0;
const SCENARIO: u32 = 0;
/// The token under which orders of the scheduler come; no VU has it.
const ORDERS: Token = Token::MAX;

/// Why a drill cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// A URL leads nowhere.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The method is none.
    #[error("{0:?} is not an HTTP method")]
    Method(String),
    /// A header is none.
    #[error("{0:?}: {1:?} is not a header that HTTP allows")]
    Header(String, String),
}

/// What a drill needs from the rest of the engine.
pub struct DrillParts {
    /// Time of the run.
    pub clock: Arc<dyn Clock>,
    /// Says when iterations start; what it has to say goes to `inbox`.
    pub scheduler: Arc<Scheduler>,
    /// From the scheduler to the VUs.
    pub inbox: Arc<CompletionQueue>,
    /// Where the end of the last VU is told.
    pub completions: Arc<CompletionQueue>,
    /// Where samples go.
    pub records: Records,
    /// The number of the next request.
    pub next_request: Arc<AtomicU64>,
}

/// VUs that send the same requests again and again. Made anywhere, used on the engine's thread.
pub struct Drill {
    parts: DrillParts,
    shots: Vec<Shot>,
    method: Method,
    headers: Arc<Headers>,
    body: Bytes,
    expect: Box<[u16]>,
    timeout: Duration,
    redirects: u8,
    crew: RefCell<Crew>,
}

/// Where one of the requests goes.
struct Shot {
    endpoint: Arc<Endpoint>,
    path: Arc<str>,
    series: u32,
}

/// The VUs. The scheduler gives each start to one of its tokens; whoever rested the shortest takes it, so that no more connections are
/// opened than are needed at once.
struct Crew {
    vus: Vec<Vu>,
    resting: Vec<usize>,
    at_work: usize,
    turn: usize,
    waiter: Option<Token>,
}

#[derive(Default)]
struct Vu {
    job: Option<Box<Job>>,
    current: Option<Current>,
}

/// An iteration that runs: the token that it came with, and when it began.
struct Current {
    token: Token,
    iteration: Iteration,
    start: i64,
}

impl Drill {
    /// The drill of `plan`; None when scripts do the work.
    ///
    /// # Errors
    /// When a URL, the method or a header is none.
    pub fn new(plan: &Plan, target: &Target, names: &Names, parts: DrillParts) -> Result<Option<Self>, DrillError> {
        let (Some(drill), Some(stream)) = (&plan.drill, plan.streams.first()) else {
            return Ok(None);
        };
        let method = Method::from_bytes(drill.method.as_bytes()).map_err(|_| DrillError::Method(drill.method.clone()))?;
        let shot = |(url, name): &(String, String)| {
            let (endpoint, path) = target.resolve(url)?;
            Ok(Shot { endpoint, path, series: names.series(SCENARIO, "", name, &[]) })
        };
        let vus = stream.profile.max_vus() as usize;
        Ok(Some(Self {
            shots: drill.urls.iter().map(shot).collect::<Result<_, TargetError>>()?,
            method,
            headers: Arc::new(headers_of(plan, &drill.headers)?),
            body: Bytes::from(drill.body.clone()),
            expect: drill.expect.clone().into(),
            timeout: Duration::from_nanos(plan.request_timeout_ns),
            redirects: plan.http.redirects,
            crew: RefCell::new(Crew {
                vus: (0..vus).map(|_| Vu::default()).collect(),
                resting: (0..vus).rev().collect(),
                at_work: vus,
                turn: 0,
                waiter: None,
            }),
            parts,
        }))
    }

    /// The earliest deadline of a request that begins from now on, in clock nanoseconds.
    pub(super) fn next_deadline(&self) -> i64 {
        self.parts.clock.now_ns().saturating_add(i64::try_from(self.timeout.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Waits until the scheduler has something to say.
    pub(super) async fn came(&self) {
        self.parts.inbox.came().await;
    }

    /// Lets all VUs work; `token` is completed when the last one has ended.
    pub(super) fn begin(&self, desk: &Rc<Desk>, token: Token) {
        let vus = {
            let mut crew = self.crew.borrow_mut();
            crew.waiter = Some(token);
            crew.vus.len() as u64
        };
        self.parts.scheduler.listen(ORDERS);
        (0..vus).for_each(|token| self.ask(desk, token));
    }

    /// Carries out what the scheduler has said since the last call.
    pub(super) fn attend(&self, desk: &Rc<Desk>) {
        self.parts.inbox.acknowledge();
        while let Some(completion) = self.parts.inbox.pop() {
            match completion {
                Completion::Start(token, iteration) => self.fire(desk, token, iteration),
                Completion::End(_) => self.retire(desk),
                Completion::Order(_, order) => {
                    if matches!(order, Order::CutOff { .. }) {
                        self.cut_off(desk);
                    }
                    self.parts.scheduler.listen(ORDERS);
                }
                Completion::Response(..) | Completion::Resume(_) => {}
            }
        }
    }

    fn ask(&self, desk: &Rc<Desk>, token: Token) {
        match self.parts.scheduler.next(STREAM, token as u32, token) {
            Next::Start(iteration) => self.fire(desk, token, iteration),
            Next::Wait | Next::Rest => {}
            Next::End => self.retire(desk),
        }
    }

    fn fire(&self, desk: &Rc<Desk>, token: Token, iteration: Iteration) {
        let start = if iteration.scheduled { self.parts.clock.now_ns() } else { iteration.intended_start };
        let Some(job) = self.next_job(Current { token, iteration, start }) else {
            return;
        };
        self.parts.scheduler.count_busy(STREAM, 1);
        desk.take_on(job);
    }

    /// The next request in turn, of the VU that rested the shortest.
    fn next_job(&self, current: Current) -> Option<Box<Job>> {
        let crew = &mut *self.crew.borrow_mut();
        let place = crew.resting.pop()?;
        let vu = crew.vus.get_mut(place)?;
        let shot = self.shots.get(crew.turn)?;
        crew.turn = (crew.turn + 1) % self.shots.len();
        let mut job = vu.job.take().unwrap_or_else(|| Box::new(self.job(place, shot)));
        if self.shots.len() > 1 {
            (job.endpoint, job.path, job.origin.series) = (Arc::clone(&shot.endpoint), Arc::clone(&shot.path), shot.series);
        }
        job.origin.id = self.parts.next_request.fetch_add(1, Ordering::Relaxed);
        job.origin.iteration = current.iteration.number;
        (job.origin.intended_start, job.origin.start) = (current.iteration.intended_start, current.start);
        vu.current = Some(current);
        Some(job)
    }

    fn job(&self, place: usize, shot: &Shot) -> Job {
        let vu = u32::try_from(place + 1).unwrap_or(u32::MAX);
        Job {
            token: place as Token,
            endpoint: Arc::clone(&shot.endpoint),
            method: self.method.clone(),
            path: Arc::clone(&shot.path),
            headers: Arc::clone(&self.headers),
            own_headers: Vec::new(),
            body: Body::Bytes(self.body.clone()),
            origin: Origin { id: 0, series: shot.series, vu, iteration: 0, tenant: -1, intended_start: 0, start: 0 },
            timeout: self.timeout,
            expect: self.expect.clone(),
            recorded: true,
            jar: None,
            rules: Some(Box::new(Rules { discard: true, ..Rules::default() })),
            redirects: self.redirects,
        }
    }

    /// A request has ended, and its iteration with it: on to the next one.
    pub(super) fn ended(&self, desk: &Rc<Desk>, job: Box<Job>, sample: Sample) {
        let place = job.token as usize;
        let outcome = if sample.failure.is_some() { Outcome::Failed } else { Outcome::Completed };
        // A redirect may have made it another one.
        let kept = (self.redirects == 0).then_some(job);
        let Some(current) = self.rest(place, kept) else {
            return;
        };
        let token = current.token;
        self.parts.records.send_all([Record::Iteration(iteration_record(&current, sample.end, outcome)), Record::Sample(sample)]);
        self.parts.scheduler.count_busy(STREAM, -1);
        self.ask(desk, token);
    }

    /// Ends all iterations that run, and their VUs.
    pub(super) fn cut_off(&self, desk: &Rc<Desk>) {
        let vus = self.crew.borrow().vus.len();
        for place in 0..vus {
            let Some(current) = self.rest(place, None) else {
                continue;
            };
            desk.cancel(place as Token, false);
            let end = self.parts.clock.now_ns();
            self.parts.records.send_all([Record::Iteration(iteration_record(&current, end, Outcome::Interrupted))]);
            self.parts.scheduler.count_busy(STREAM, -1);
            self.retire(desk);
        }
    }

    /// Lets a VU rest; returns the iteration that it ran.
    fn rest(&self, place: usize, job: Option<Box<Job>>) -> Option<Current> {
        let crew = &mut *self.crew.borrow_mut();
        let vu = crew.vus.get_mut(place)?;
        let current = vu.current.take()?;
        vu.job = job;
        crew.resting.push(place);
        Some(current)
    }

    /// Counts a VU that has nothing more to do; after the last one connections are closed, and whoever waits is told.
    fn retire(&self, desk: &Rc<Desk>) {
        let (vus, waiter) = {
            let crew = &mut *self.crew.borrow_mut();
            crew.at_work = crew.at_work.saturating_sub(1);
            if crew.at_work > 0 {
                return;
            }
            (crew.vus.len(), crew.waiter.take())
        };
        (1..=vus).for_each(|vu| desk.forget(u32::try_from(vu).unwrap_or(u32::MAX)));
        if let Some(token) = waiter {
            self.parts.completions.push(Completion::End(token));
        }
    }
}

fn headers_of(plan: &Plan, given: &[(String, String)]) -> Result<Headers, DrillError> {
    let fault = |name: &str, value: &str| DrillError::Header(name.to_owned(), value.to_owned());
    let agent = HeaderValue::try_from(&plan.user_agent).map_err(|_| fault(USER_AGENT.as_str(), &plan.user_agent))?;
    let mut headers = vec![(USER_AGENT, agent), (ACCEPT, HeaderValue::from_static("*/*"))];
    for (name, value) in given {
        let header = (HeaderName::try_from(name), HeaderValue::try_from(value));
        let (Ok(known), Ok(text)) = header else {
            return Err(fault(name, value));
        };
        headers.push((known, text));
    }
    Ok(Headers::new(headers))
}

fn iteration_record(current: &Current, end: i64, outcome: Outcome) -> IterationRecord {
    let Iteration { stream, scenario, intended_start, scheduled, .. } = current.iteration;
    IterationRecord { stream, scenario, intended_start, start: current.start, end, outcome, scheduled, script: 0 }
}
