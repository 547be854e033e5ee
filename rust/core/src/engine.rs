//! All parts of the engine, put together for one run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{Clock, MonotonicClock};
use crate::histogram::Histogram;
use crate::http::{Client, ClientError, Drill, DrillError, DrillParts, Parts, Target, TargetError, Traces};
use crate::plan::Plan;
use crate::queue::CompletionQueue;
use crate::record::{LastSecond, Measures, Names, Progress, Record, Recorder, RecorderHandle, Records};
use crate::schedule::Unrepresentable;
use crate::scheduler::Scheduler;
use crate::turns::go_first;

/// Why an engine cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The target is no URL.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The settings of connections are wrong.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What VUs without a script send is no request.
    #[error(transparent)]
    Drill(#[from] DrillError),
    /// The load profiles cannot be kept exactly.
    #[error(transparent)]
    Profile(#[from] Unrepresentable),
    /// The system refused a thread, a descriptor or a file.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// A running engine: scheduler, client and recorder, each on its thread.
pub struct Engine {
    /// Time of this run.
    pub clock: Arc<dyn Clock>,
    /// Where requests go.
    pub target: Target,
    /// What came back.
    pub completions: Arc<CompletionQueue>,
    /// When iterations start.
    pub scheduler: Arc<Scheduler>,
    /// Sends requests.
    pub client: Client,
    /// Names of series and checks.
    pub names: Arc<Names>,
    /// What scripts measure themselves.
    pub measures: Arc<Measures>,
    records: Records,
    recorder: RecorderHandle,
    scheduling: Mutex<Option<JoinHandle<()>>>,
    hand_over: Arc<Mutex<Histogram>>,
    start_ns: Arc<AtomicI64>,
    next_request: Arc<AtomicU64>,
}

impl Engine {
    /// Starts the threads; no load begins before [`start`](Self::start). `loop_thread` is the thread that runs the scripts,
    /// which is this one.
    ///
    /// # Errors
    /// When the target is no URL, or the system refuses a thread, a descriptor or the run folder.
    pub fn new(plan: Plan, loop_thread: Option<u64>) -> Result<Self, EngineError> {
        let target = Target::parse(&plan.target, &plan.allow)?;
        let traces = plan.http.traceparent.then(|| Traces::new(run_entropy()));
        let clock: Arc<dyn Clock> = Arc::new(MonotonicClock);
        let completions = Arc::new(CompletionQueue::new()?);
        let records = Records::default();
        let names = Arc::new(Names::default());
        let measures = Arc::new(Measures::new(&plan.metrics));
        let hand_over = Arc::default();
        let start_ns = Arc::new(AtomicI64::new(i64::MAX / 2));
        // Who runs the VUs hears when they start: the scripts' thread, or the one that sends.
        let inbox = if plan.drill.is_some() { Arc::new(CompletionQueue::for_task()?) } else { Arc::clone(&completions) };
        let scheduler = Arc::new(Scheduler::new(&plan, Arc::clone(&clock), Arc::clone(&inbox), records.clone())?);
        // Numbers of their own for the requests of each share.
        let next_request = Arc::new(AtomicU64::new(u64::from(plan.share.0) << 40));
        let drill = DrillParts {
            clock: Arc::clone(&clock),
            scheduler: Arc::clone(&scheduler),
            inbox,
            completions: Arc::clone(&completions),
            records: records.clone(),
            next_request: Arc::clone(&next_request),
        };
        let drill = Drill::new(&plan, &target, &names, drill)?;
        let client = Client::spawn(Parts {
            clock: Arc::clone(&clock),
            settings: plan.http.clone(),
            target: target.clone(),
            completions: Arc::clone(&completions),
            records: records.clone(),
            names: Arc::clone(&names),
            next_request: Arc::clone(&next_request),
            traces,
            drill,
        })?;
        let recorder = Recorder {
            folder: plan.folder.clone(),
            plan,
            clock: Arc::clone(&clock),
            start_ns: Arc::clone(&start_ns),
            names: Arc::clone(&names),
            measures: Arc::clone(&measures),
            hand_over: Arc::clone(&hand_over),
            scheduler: Arc::clone(&scheduler),
            traces,
            open_connections: client.open_connections(),
            loop_thread,
            io_thread: client.thread_id(),
        };
        let recorder = recorder.spawn(records.clone())?;
        let pacer = Arc::clone(&scheduler);
        let thread = std::thread::Builder::new().name("tenantry-pace".into()).spawn(move || pacer.run())?;
        let scheduling = Mutex::new(Some(thread));
        go_first();
        Ok(Self {
            clock,
            target,
            completions,
            scheduler,
            client,
            names,
            measures,
            records,
            recorder,
            scheduling,
            hand_over,
            start_ns,
            next_request,
        })
    }

    /// Fixes the start of the load `lead` from now and returns it in clock nanoseconds.
    pub fn start(&self, lead: Duration) -> i64 {
        let at = self.clock.now_ns() + i64::try_from(lead.as_nanos()).unwrap_or(0);
        self.start_at(at);
        at
    }

    /// Fixes the start of the load, in clock nanoseconds.
    pub fn start_at(&self, at: i64) {
        self.start_ns.store(at, Ordering::Release);
        self.scheduler.start(at);
    }

    /// A number for the next request.
    pub fn next_request(&self) -> u64 {
        self.next_request.fetch_add(1, Ordering::Relaxed)
    }

    /// Nanoseconds since the start of the load; negative before it.
    #[must_use]
    pub fn load_ns(&self) -> i64 {
        self.clock.now_ns() - self.start_ns.load(Ordering::Acquire)
    }

    /// Counts the time from a response's arrival to the resumption of the script.
    pub fn hand_over(&self, ns: i64) {
        self.hand_over.lock().record(ns);
    }

    /// Hands a fact to the recorder.
    pub fn record(&self, record: Record) {
        self.records.send(record);
    }

    /// The newest figures.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.recorder.progress()
    }

    /// The distributions that the times in [`progress`](Self::progress) were taken from.
    #[must_use]
    pub fn last_second(&self) -> LastSecond {
        self.recorder.last_second()
    }

    /// Why the run folder could not be written, if so.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.recorder.fault()
    }

    /// Whether a thread of the engine has broken off, so that nothing will be answered any more.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.client.has_ended()
    }

    /// Ends all threads and writes what is left. Calling it again does nothing.
    pub fn finish(&self) {
        self.scheduler.close();
        if let Some(thread) = self.scheduling.lock().take() {
            let _ = thread.join();
        }
        self.client.close();
        self.recorder.finish();
    }
}

/// A number that no two runs are likely to share.
fn run_entropy() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX) ^ u64::from(std::process::id()).rotate_right(16)
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.finish();
    }
}
