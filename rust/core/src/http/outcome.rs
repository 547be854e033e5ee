//! What comes of an attempt: another one, a redirect, or the end, which is recorded and handed to the script.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::desk::{BATCH, Desk, Outcome};
use super::evidence::Evidence;
use super::follow::follow;
use super::job::Job;
use super::message::Message;
use super::running::{Place, Request};
use super::server_timing::Timing;
use super::trace::{Fault, Marks, Trace};
use crate::clock::SECOND;
use crate::failure::FailureKind;
use crate::queue::{Completion, Exchange};
use crate::record::Record;
use crate::sample::{Extras, Sample};

/// The pause before the first retry; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Failures of one second that are described with their request and response.
const MOST_EVIDENCE: u32 = 200;
/// Statuses that say "later", so that a retry may help.
const TRY_LATER: [u16; 4] = [429, 502, 503, 504];

impl Desk {
    /// What comes of an attempt that stayed on a connection from `marks.begun` to `end`: another one, a redirect, or the end.
    pub(super) fn conclude(self: &Rc<Self>, mut request: Request, marks: &Marks, end: i64, outcome: Outcome) {
        request.trace.add(marks, end);
        let (status, message) = match outcome {
            Ok(answer) => answer,
            Err(fault) => return self.fail(request, end, fault),
        };
        if let Some(jar) = &request.job.jar {
            jar.keep(&message, &request.job.endpoint, &request.job.path);
        }
        match follow(&mut request.job, status, &message, &self.office.target) {
            None => {
                let failure = (!request.job.expects(status)).then(|| (FailureKind::Status, Some(excerpt(status, &message))));
                if failure.is_some() && TRY_LATER.contains(&status) && self.may_retry(&request) {
                    return self.retry(request, end, status, failure);
                }
                self.end(request, end, status, failure, message);
            }
            Some(Ok(())) => {
                let mut sample = request.trace.clone().sample_of(request.job.origin, end, status, None);
                sample.extras = extras(message.timings(), None);
                self.record(&request.job, sample);
                self.go_on(request, "(redirected)");
            }
            Some(Err(fault)) => self.end(request, end, status, Some((fault.kind, Some(fault.detail.into()))), message),
        }
    }

    pub(super) fn fail(self: &Rc<Self>, request: Request, end: i64, fault: Fault) {
        let failure = Some((fault.kind, Some(fault.detail.into())));
        if fault.kind != FailureKind::Timeout && fault.kind != FailureKind::TooLarge && self.may_retry(&request) {
            return self.retry(request, end, 0, failure);
        }
        self.end(request, end, 0, failure, Message::default());
    }

    fn may_retry(&self, request: &Request) -> bool {
        request.job.rules.as_ref().is_some_and(|rules| request.attempts < rules.retries && rules.inflow.is_none())
    }

    /// Records a failed attempt and makes another one after a pause.
    fn retry(self: &Rc<Self>, mut request: Request, end: i64, status: u16, failure: Option<(FailureKind, Option<Box<str>>)>) {
        let sample = request.trace.clone().sample_of(request.job.origin, end, status, failure);
        self.record(&request.job, sample);
        let (token, pause) = (request.job.token, FIRST_PAUSE * 2_u32.saturating_pow(u32::from(request.attempts)));
        request.attempts += 1;
        let desk = Rc::clone(self);
        let later = tokio::task::spawn_local(async move {
            tokio::time::sleep(pause).await;
            let request = desk.running.borrow_mut().take(token);
            if let Some(request) = request {
                desk.go_on(request, "(retried)");
            }
        });
        request.trace = Trace::new(end);
        request.place = Place::Later(later.abort_handle());
        self.running.borrow_mut().insert(request);
    }

    /// Sends what follows a request that was recorded: a sample of its own, in a series of its own.
    fn go_on(self: &Rc<Self>, mut request: Request, what: &str) {
        let now = self.now();
        let origin = &mut request.job.origin;
        origin.id = self.office.next_request.fetch_add(1, Ordering::Relaxed);
        (origin.start, origin.intended_start) = (now, now);
        origin.series = self.office.names.following(origin.series, what);
        self.dispatch(request.job, request.deadline, request.attempts);
    }

    pub(super) fn record(&self, job: &Job, sample: Sample) {
        if job.recorded {
            self.office.records.send(Record::Sample(sample));
        }
    }

    /// Whether one more failure of this second is described: an app that refuses everything must not slow the load down.
    fn may_keep_evidence(&self, now: i64) -> bool {
        let (second, kept) = self.evidence.get();
        let this = now / SECOND;
        let kept = if second == this { kept } else { 0 };
        self.evidence.set((this, kept + 1));
        kept < MOST_EVIDENCE
    }

    /// Records a request that ended, and hands it to the script, or to the VU without one.
    fn end(self: &Rc<Self>, request: Request, end: i64, status: u16, failure: Option<(FailureKind, Option<Box<str>>)>, message: Message) {
        let Request { job, trace, .. } = request;
        let evidence =
            failure.as_ref().filter(|_| job.recorded && self.may_keep_evidence(end)).map(|_| Evidence::of(&job, status, &message));
        let mut sample = trace.sample(&job, end, status, failure);
        sample.extras = extras(message.timings(), evidence);
        if let Some(drill) = &self.office.drill {
            return drill.ended(self, job, sample);
        }
        self.record(&job, sample.clone());
        let exchange = Arc::new(Exchange { sample, message });
        if let Some(inflow) = job.rules.as_ref().and_then(|rules| rules.inflow.as_ref()) {
            return inflow.end(exchange);
        }
        let completions = &self.office.completions;
        completions.add(Completion::Response(job.token, exchange));
        // A wake-up costs more than a request, and the thread signals before it sleeps in any case.
        if completions.len() >= BATCH {
            completions.signal();
        }
    }
}

fn extras(timings: Vec<Timing>, evidence: Option<Evidence>) -> Option<Box<Extras>> {
    (!timings.is_empty() || evidence.is_some()).then(|| Box::new(Extras { timings, evidence }))
}

/// The start of an unexpected response on one line, for whoever has to find out why.
fn excerpt(status: u16, message: &Message) -> Box<str> {
    let body = message.body();
    let start = String::from_utf8_lossy(body.get(..200).unwrap_or(body));
    let words: Vec<&str> = start.split_whitespace().collect();
    let told = if words.is_empty() { String::new() } else { format!(": {}", words.join(" ")) };
    format!("status {status}{told}").into()
}
