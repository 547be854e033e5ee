//! The recorder's thread.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use super::fold::{Chunk, Files, Labels};
use super::generator::{Observer, Usage, cores};
use super::growing::Growing;
use super::measures::Measures;
use super::names::{Names, Overflow};
use super::table::Table;
use super::tenants::Tenants;
use super::{Record, Records};
use crate::clock::{Clock, SECOND};
use crate::histogram::Histogram;
use crate::http::Traces;
use crate::plan::Plan;
use crate::sample::Outcome;
use crate::scheduler::Scheduler;
use crate::turns::give_way;

/// How often queued records are folded.
const TICK: Duration = Duration::from_millis(50);
/// Age at which a chunk is closed; with the time to write it, everything older than two seconds is on disk.
const CHUNK_NS: i64 = 1_500_000_000;

/// What a live view shows.
#[derive(Debug, Default, Clone)]
pub struct Progress {
    /// Nanoseconds since the start of the load; negative before it.
    pub elapsed_ns: i64,
    /// Events of open profiles that came due.
    pub due: u64,
    /// Iterations begun.
    pub started: u64,
    /// Iterations that ended well.
    pub completed: u64,
    /// Iterations that a failure of the app ended.
    pub failed: u64,
    /// Iterations that an exception ended.
    pub errors: u64,
    /// Events for which no VU was free.
    pub dropped: u64,
    /// Requests that ended.
    pub requests: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Check results that held.
    pub checks_passed: u64,
    /// Check results that did not.
    pub checks_failed: u64,
    /// VUs in an iteration.
    pub busy_vus: i64,
    /// Tenants that sent a request.
    pub tenants: u64,
    /// Response time in the last full second at p50, p95 and p99, in nanoseconds; -1 without a request.
    pub response_ns: [i64; 3],
    /// Start delay in the last full second at p99, in nanoseconds; -1 without a start.
    pub start_delay_p99_ns: i64,
    /// Share of a core that the scripts' thread used in the last second.
    pub loop_busy: f64,
    /// Share of a core that the engine's thread used in the last second.
    pub io_busy: f64,
}

/// (bucket, count) pairs of the last full second's histograms, so that those of several processes can be merged.
#[derive(Debug, Default, Clone)]
pub struct LastSecond {
    /// Response times.
    pub response: Vec<(u32, u64)>,
    /// Start delays.
    pub start_delay: Vec<(u32, u64)>,
}

/// What the recorder needs from the rest of the engine.
pub struct Recorder {
    /// The run's folder.
    pub folder: PathBuf,
    /// Names of streams and scenarios.
    pub plan: Plan,
    /// The engine's clock.
    pub clock: Arc<dyn Clock>,
    /// Start of the load, in clock nanoseconds.
    pub start_ns: Arc<AtomicI64>,
    /// Names of series and checks.
    pub names: Arc<Names>,
    /// What scripts measured themselves.
    pub measures: Arc<Measures>,
    /// Time from a response's arrival to the resumption of the script, since it was last taken.
    pub hand_over: Arc<Mutex<Histogram>>,
    /// Says how many VUs are busy.
    pub scheduler: Arc<Scheduler>,
    /// Makes the trace ids of requests.
    pub traces: Option<Traces>,
    /// Connections that are open now.
    pub open_connections: Arc<AtomicI64>,
    /// The thread that runs the scripts.
    pub loop_thread: Option<u64>,
    /// The thread that does the input and output.
    pub io_thread: Arc<AtomicU64>,
}

/// The running recorder.
pub struct RecorderHandle {
    thread: Mutex<Option<JoinHandle<()>>>,
    closing: Arc<AtomicBool>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    progress: Mutex<Progress>,
    last_second: Mutex<LastSecond>,
    fault: Mutex<Option<io::Error>>,
}

impl RecorderHandle {
    /// The newest figures.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.shared.progress.lock().clone()
    }

    /// The distributions that the times in `progress` were taken from.
    #[must_use]
    pub fn last_second(&self) -> LastSecond {
        self.shared.last_second.lock().clone()
    }

    /// Why the run folder could not be written, if so; from then on nothing more is.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.shared.fault.lock().as_ref().map(ToString::to_string)
    }

    /// Writes what is left and waits for the thread.
    pub fn finish(&self) {
        self.closing.store(true, Ordering::Release);
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

impl Recorder {
    /// Makes the sub-folders and starts the thread.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn spawn(self, records: Records) -> io::Result<RecorderHandle> {
        for part in ["series", "samples", "probes"] {
            std::fs::create_dir_all(self.folder.join(part))?;
        }
        let shared = Arc::new(Shared::default());
        let closing = Arc::new(AtomicBool::new(false));
        let (mine, stop) = (Arc::clone(&shared), Arc::clone(&closing));
        let thread = std::thread::Builder::new().name("tenantry-record".into()).spawn(move || {
            give_way();
            Recording::new(self, mine).run(&records, &stop);
        })?;
        Ok(RecorderHandle { thread: Mutex::new(Some(thread)), closing, shared })
    }
}

struct Recording {
    engine: Recorder,
    shared: Arc<Shared>,
    chunk: Chunk,
    chunk_started: i64,
    files: Files,
    generator: Growing,
    tenants: Tenants,
    progress: Progress,
    response: Histogram,
    start_delay: Histogram,
    observer: Observer,
    next_second: i64,
    probes: Vec<(i32, Usage, Histogram, i64)>,
    events: Vec<(i64, String, String)>,
    events_changed: bool,
}

impl Recording {
    fn new(engine: Recorder, shared: Arc<Shared>) -> Self {
        let observer = Observer::new(engine.loop_thread, Some(engine.io_thread.load(Ordering::Acquire)));
        Self {
            chunk_started: engine.clock.now_ns(),
            files: Files::new(&engine.folder),
            generator: Growing::new(&engine.folder.join("probes"), "generator"),
            engine,
            shared,
            chunk: Chunk::default(),
            tenants: Tenants::default(),
            progress: Progress { response_ns: [-1; 3], start_delay_p99_ns: -1, ..Progress::default() },
            response: Histogram::default(),
            start_delay: Histogram::default(),
            observer,
            next_second: SECOND,
            probes: Vec::new(),
            events: Vec::new(),
            events_changed: false,
        }
    }

    fn run(mut self, records: &Records, closing: &AtomicBool) {
        let mut batch = Vec::new();
        loop {
            let last = closing.load(Ordering::Acquire);
            let start_ns = self.engine.start_ns.load(Ordering::Acquire);
            records.take(&mut batch);
            batch.drain(..).for_each(|record| self.fold(record, start_ns));
            let now = self.engine.clock.now_ns();
            self.tick(now - start_ns);
            if last || now - self.chunk_started >= CHUNK_NS {
                self.close_chunk(now, start_ns);
            }
            if last {
                return;
            }
            std::thread::sleep(TICK);
        }
    }

    fn fold(&mut self, record: Record, start_ns: i64) {
        match record {
            Record::Sample(sample) => {
                self.progress.requests += 1;
                self.progress.failures += u64::from(sample.failure.is_some());
                self.response.record(sample.response_time());
                self.tenants.record(&sample);
                self.chunk.request(&sample, start_ns);
                self.chunk.keep(sample);
            }
            Record::CheckFailed(sample) => {
                self.progress.failures += 1;
                self.tenants.amend(&sample);
                self.chunk.check_failed(sample, start_ns);
            }
            Record::Iteration(record) => {
                match record.outcome {
                    Outcome::Completed => self.progress.completed += 1,
                    Outcome::Failed => self.progress.failed += 1,
                    Outcome::Error => self.progress.errors += 1,
                    Outcome::Interrupted => {}
                }
                if record.scheduled {
                    self.start_delay.record(record.start - record.intended_start);
                }
                self.chunk.iteration(&record, start_ns);
            }
            Record::Due(due) => {
                self.progress.due += due.count * u64::from(due.due);
                self.progress.dropped += due.count * u64::from(due.dropped);
                self.chunk.due(&due, start_ns);
            }
            Record::Event(at, kind, text) => {
                self.events.push((at - start_ns, kind, text));
                self.events_changed = true;
            }
        }
    }

    /// Gauges, counts of checks and, once a second, the figures of that second. `at` is since the start of the load.
    fn tick(&mut self, at: i64) {
        let busy = self.engine.scheduler.busy();
        if at >= 0 {
            (0_u32..).zip(&busy).for_each(|(stream, vus)| self.chunk.busy(at, stream, vus.most));
        }
        for (check, passes, fails) in self.engine.names.take_checks() {
            self.progress.checks_passed += passes;
            self.progress.checks_failed += fails;
            self.chunk.check(at.max(0), check, passes, fails);
        }
        self.chunk.measured(at.max(0), &self.engine.measures);
        for (what, overflow) in self.engine.names.take_overflows() {
            if let Some(overflow) = overflow {
                self.warn_of(at, what, &overflow);
            }
        }
        self.progress.started = busy.iter().map(|vus| vus.begun).sum();
        self.progress.busy_vus = busy.iter().map(|vus| vus.now).sum();
        self.progress.elapsed_ns = at;
        self.progress.tenants = self.tenants.len() as u64;
        if at >= self.next_second {
            self.close_second(at);
        }
        self.shared.progress.lock().clone_from(&self.progress);
    }

    fn warn_of(&mut self, at: i64, what: &str, overflow: &Overflow) {
        let scenario = self.engine.plan.scenarios.get(overflow.scenario as usize).map_or("setup", String::as_str);
        let text = format!(
            "no further {what} are told apart: scenario {scenario} alone has {} names, such as {}; new ones count as (other). \
             Give requests a template, vu.get(\"/pets/{{id}}\", id=...), or a name",
            overflow.names,
            overflow.examples.join(", ")
        );
        self.events.push((at, "folded".into(), text));
        self.events_changed = true;
    }

    fn close_second(&mut self, at: i64) {
        let usage = self.observer.usage();
        let second = i32::try_from(self.next_second / SECOND - 1).unwrap_or(i32::MAX);
        self.next_second = (at.div_euclid(SECOND) + 1) * SECOND;
        self.progress.response_ns = [0.5, 0.95, 0.99].map(|q| self.response.quantile_ns(q).unwrap_or(-1));
        self.progress.start_delay_p99_ns = self.start_delay.quantile_ns(0.99).unwrap_or(-1);
        (self.progress.loop_busy, self.progress.io_busy) = (usage.loop_busy, usage.io_busy);
        let (mut response, mut start_delay) = (std::mem::take(&mut self.response), std::mem::take(&mut self.start_delay));
        *self.shared.last_second.lock() = LastSecond { response: response.buckets().to_vec(), start_delay: start_delay.buckets().to_vec() };
        let hand_over = std::mem::take(&mut *self.engine.hand_over.lock());
        let open = self.engine.open_connections.load(Ordering::Relaxed);
        self.probes.push((second, usage, hand_over, open));
    }

    fn close_chunk(&mut self, now: i64, start_ns: i64) {
        let chunk = std::mem::take(&mut self.chunk);
        let probes = std::mem::take(&mut self.probes);
        self.chunk_started = now;
        if self.shared.fault.lock().is_some() {
            return;
        }
        if let Err(error) = self.write(chunk, probes, start_ns) {
            *self.shared.fault.lock() = Some(error);
        }
    }

    fn write(&mut self, chunk: Chunk, probes: Vec<(i32, Usage, Histogram, i64)>, start_ns: i64) -> io::Result<()> {
        let (series, checks) = (self.engine.names.all_series(), self.engine.names.all_checks());
        let streams: Vec<String> = self.engine.plan.streams.iter().map(|stream| stream.name.clone()).collect();
        let measures = self.engine.measures.names();
        let labels = Labels {
            traces: self.engine.traces,
            scenarios: &self.engine.plan.scenarios,
            scenario_tags: &self.engine.plan.scenario_tags,
            metrics: &self.engine.plan.metrics,
            streams: &streams,
            series: &series,
            checks: &checks,
            measures: &measures,
        };
        chunk.write(&mut self.files, start_ns, &labels)?;
        write_probes(probes, &mut self.generator)?;
        self.tenants.write(&self.engine.folder.join("tenants.parquet"))?;
        if std::mem::take(&mut self.events_changed) {
            write_events(&self.events, &self.engine.folder.join("events.parquet"))?;
        }
        Ok(())
    }
}

fn write_probes(mut rows: Vec<(i32, Usage, Histogram, i64)>, file: &mut Growing) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let table = Table::default()
        .int32("second", rows.iter().map(|row| row.0))
        .double("loop_busy", rows.iter().map(|row| row.1.loop_busy))
        .double("io_busy", rows.iter().map(|row| row.1.io_busy))
        .double("process_cpu_s", rows.iter().map(|row| row.1.process_cpu_s))
        .count("rss_bytes", rows.iter().map(|row| row.1.rss_bytes))
        .double("cores", rows.iter().map(|_| cores()))
        .int64("open_connections", rows.iter().map(|row| row.3));
    let mut hand_over: Vec<_> = rows.iter_mut().map(|row| &mut row.2).collect();
    file.add(table.histogram(["hand_over_sum_ns", "hand_over_max_ns", "hand_over_buckets", "hand_over_counts"], &mut hand_over))
}

fn write_events(rows: &[(i64, String, String)], path: &Path) -> io::Result<()> {
    Table::default()
        .int64("at_ns", rows.iter().map(|row| row.0))
        .text("kind", rows.iter().map(|row| row.1.as_str()))
        .text("text", rows.iter().map(|row| row.2.as_str()))
        .write(path)
}
