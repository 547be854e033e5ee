//! Folds samples into rows per second and series, and rows into files.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use foldhash::fast::FixedState;

use super::Due;
use super::growing::Growing;
use super::measures::{Measures, Rows};
use super::names::{SeriesName, Tags};
use super::reservoir::Reservoir;
use super::samples::write_samples;
use super::table::Table;
use crate::clock::SECOND;
use crate::failure::FailureKind;
use crate::histogram::Histogram;
use crate::http::Traces;
use crate::plan::Metric;
use crate::sample::{IterationRecord, Outcome, Phases, Sample};

type Map<K, V> = HashMap<K, V, FixedState>;

/// Rows of one chunk. A row is a difference: the same key may come again in a later chunk.
#[derive(Default)]
pub(super) struct Chunk {
    http: Map<(i32, u32), HttpRow>,
    failures: Map<(i32, u32, FailureKind), u64>,
    timings: Map<(i32, u32, Box<str>), Histogram>,
    iterations: Map<(i32, u32, u32), IterationRow>,
    vus: Map<(i32, u32), i64>,
    checks: Map<(i32, u32), (u64, u64)>,
    measured: Rows,
    samples: Reservoir,
}

/// Where the rows go.
pub(super) struct Files {
    http: Growing,
    failures: Growing,
    server_timing: Growing,
    iterations: Growing,
    checks: Growing,
    custom: Growing,
    requests: Growing,
}

impl Files {
    /// Those of a run folder.
    pub(super) fn new(folder: &Path) -> Self {
        let series = folder.join("series");
        Self {
            http: Growing::new(&series, "http"),
            failures: Growing::new(&series, "failures"),
            server_timing: Growing::new(&series, "server_timing"),
            iterations: Growing::new(&series, "iterations"),
            checks: Growing::new(&series, "checks"),
            custom: Growing::new(&series, "custom"),
            requests: Growing::new(&folder.join("samples"), "requests"),
        }
    }
}

#[derive(Default)]
struct HttpRow {
    requests: u64,
    failures: u64,
    sent: u64,
    received: u64,
    connections: u64,
    resent: u64,
    service: Histogram,
    response: Histogram,
    phases: Phases,
}

#[derive(Default)]
struct IterationRow {
    due: u64,
    started: u64,
    completed: u64,
    failed: u64,
    errors: u64,
    dropped: u64,
    interrupted: u64,
    script_ns: i64,
    delay: Histogram,
    duration: Histogram,
}

/// Indexes resolved to names when rows are written.
pub(super) struct Labels<'a> {
    pub(super) scenarios: &'a [String],
    pub(super) scenario_tags: &'a [BTreeMap<String, String>],
    pub(super) metrics: &'a [Metric],
    pub(super) streams: &'a [String],
    pub(super) series: &'a [SeriesName],
    pub(super) checks: &'a [SeriesName],
    pub(super) measures: &'a [SeriesName],
    pub(super) traces: Option<Traces>,
}

impl Labels<'_> {
    fn scenario(&self, index: u32) -> &str {
        self.scenarios.get(index as usize).map_or("", String::as_str)
    }

    fn stream(&self, index: u32) -> &str {
        self.streams.get(index as usize).map_or("", String::as_str)
    }

    pub(super) fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == name)
    }

    /// The tags of a scenario with those of a series, which win.
    fn tags<'b>(&'b self, scenario: u32, own: &'b Tags) -> impl Iterator<Item = (&'b str, &'b str)> {
        let outer = self.scenario_tags.get(scenario as usize).into_iter().flatten();
        let outer = outer.filter(|(key, _)| !own.iter().any(|(other, _)| other == *key));
        outer.map(|(key, value)| (key.as_str(), value.as_str())).chain(own.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    }

    /// Scenario, group, name and tags of each row.
    pub(super) fn named<'b>(&'b self, table: Table, names: &'b [SeriesName], rows: impl Iterator<Item = u32> + Clone) -> Table {
        let name = |index: u32| names.get(index as usize);
        table
            .text("scenario", rows.clone().map(|row| name(row).map_or("", |name| self.scenario(name.scenario))))
            .text("group", rows.clone().map(|row| name(row).map_or("", |name| &name.group)))
            .text("name", rows.clone().map(|row| name(row).map_or("", |name| &name.name)))
            .map("tags", rows.map(|row| name(row).map_or_else(|| self.tags(u32::MAX, &[]), |name| self.tags(name.scenario, &name.tags))))
    }
}

/// The second of the load in which `ns` (since its start) lies.
fn second_of(ns: i64) -> i32 {
    i32::try_from(ns.div_euclid(SECOND)).unwrap_or(i32::MAX)
}

impl Chunk {
    /// Counts a request that ended. `start_ns` is the start of the load in clock nanoseconds.
    pub(super) fn request(&mut self, sample: &Sample, start_ns: i64) {
        let key = (second_of(sample.end - start_ns), sample.origin.series);
        let row = self.http.entry(key).or_default();
        row.requests += 1;
        row.sent += sample.sent;
        row.received += sample.received;
        row.connections += u64::from(sample.connected);
        row.resent += u64::from(sample.resent);
        row.service.record(sample.service_time());
        row.response.record(sample.response_time());
        row.phases.add(&sample.phases);
        for (name, ns) in sample.extras.iter().flat_map(|extras| &extras.timings) {
            self.timings.entry((key.0, key.1, name.clone())).or_default().record(*ns);
        }
        if let Some(kind) = sample.failure {
            row.failures += 1;
            *self.failures.entry((key.0, key.1, kind)).or_default() += 1;
        }
    }

    /// Counts a failed check on a request that was counted as fine.
    pub(super) fn check_failed(&mut self, sample: Sample, start_ns: i64) {
        let key = (second_of(sample.end - start_ns), sample.origin.series);
        self.http.entry(key).or_default().failures += 1;
        *self.failures.entry((key.0, key.1, FailureKind::Check)).or_default() += 1;
        self.samples.offer(sample);
    }

    pub(super) fn keep(&mut self, sample: Sample) {
        self.samples.offer(sample);
    }

    pub(super) fn due(&mut self, due: &Due, start_ns: i64) {
        let row = self.iterations.entry((second_of(due.at - start_ns), due.stream, due.scenario)).or_default();
        row.due += due.count * u64::from(due.due);
        row.dropped += due.count * u64::from(due.dropped);
    }

    pub(super) fn iteration(&mut self, record: &IterationRecord, start_ns: i64) {
        let key = |at: i64| (second_of(at - start_ns), record.stream, record.scenario);
        let begun = self.iterations.entry(key(record.start)).or_default();
        begun.started += 1;
        if record.scheduled {
            begun.delay.record(record.start - record.intended_start);
        }
        let ended = self.iterations.entry(key(record.end)).or_default();
        ended.script_ns += record.script;
        match record.outcome {
            Outcome::Completed => ended.completed += 1,
            Outcome::Failed => ended.failed += 1,
            Outcome::Error => ended.errors += 1,
            Outcome::Interrupted => ended.interrupted += 1,
        }
        if record.outcome != Outcome::Interrupted {
            ended.duration.record(record.end - record.start);
        }
    }

    pub(super) fn busy(&mut self, at: i64, stream: u32, vus: i64) {
        let most = self.vus.entry((second_of(at), stream)).or_default();
        *most = vus.max(*most);
    }

    pub(super) fn check(&mut self, at: i64, check: u32, passes: u64, fails: u64) {
        let counts = self.checks.entry((second_of(at), check)).or_default();
        *counts = (counts.0 + passes, counts.1 + fails);
    }

    pub(super) fn measured(&mut self, at: i64, measures: &Measures) {
        measures.take(second_of(at), &mut self.measured);
    }

    /// Adds everything to the files of the run folder.
    pub(super) fn write(self, files: &mut Files, start_ns: i64, labels: &Labels<'_>) -> io::Result<()> {
        write_http(self.http, &mut files.http, labels)?;
        write_failures(self.failures, &mut files.failures, labels)?;
        write_timings(self.timings, &mut files.server_timing, labels)?;
        write_iterations(self.iterations, &self.vus, &mut files.iterations, labels)?;
        write_checks(self.checks, &mut files.checks, labels)?;
        self.measured.write(&mut files.custom, start_ns, labels.measures, labels)?;
        let mut samples = self.samples;
        write_samples(&samples.take(), &mut files.requests, start_ns, labels)
    }
}

fn sorted<K: Ord + Copy, V>(map: Map<K, V>) -> (Vec<K>, Vec<V>) {
    let mut rows: Vec<(K, V)> = map.into_iter().collect();
    rows.sort_unstable_by_key(|(key, _)| *key);
    rows.into_iter().unzip()
}

fn write_http(rows: Map<(i32, u32), HttpRow>, file: &mut Growing, labels: &Labels<'_>) -> io::Result<()> {
    let (keys, mut rows) = sorted(rows);
    if keys.is_empty() {
        return Ok(());
    }
    let table = labels.named(Table::default().int32("second", keys.iter().map(|key| key.0)), labels.series, keys.iter().map(|key| key.1));
    let table = table
        .count("requests", rows.iter().map(|row| row.requests))
        .count("failures", rows.iter().map(|row| row.failures))
        .count("bytes_sent", rows.iter().map(|row| row.sent))
        .count("bytes_received", rows.iter().map(|row| row.received))
        .count("connections", rows.iter().map(|row| row.connections))
        .count("resent", rows.iter().map(|row| row.resent));
    let table = PHASES.iter().fold(table, |table, (name, phase)| table.int64(name, rows.iter().map(|row| phase(&row.phases))));
    let (mut service, mut response): (Vec<_>, Vec<_>) = rows.iter_mut().map(|row| (&mut row.service, &mut row.response)).unzip();
    let table = table
        .histogram(["service_sum_ns", "service_max_ns", "service_buckets", "service_counts"], &mut service)
        .histogram(["response_sum_ns", "response_max_ns", "response_buckets", "response_counts"], &mut response);
    file.add(table)
}

fn write_failures(rows: Map<(i32, u32, FailureKind), u64>, file: &mut Growing, labels: &Labels<'_>) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = rows.into_iter().collect();
    let table = Table::default().int32("second", rows.iter().map(|(key, _)| key.0));
    let table = labels
        .named(table, labels.series, rows.iter().map(|(key, _)| key.1))
        .text("kind", rows.iter().map(|(key, _)| key.2.name()))
        .count("count", rows.iter().map(|(_, count)| *count));
    file.add(table)
}

fn write_timings(rows: Map<(i32, u32, Box<str>), Histogram>, file: &mut Growing, labels: &Labels<'_>) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
    let table = Table::default().int32("second", rows.iter().map(|(key, _)| key.0));
    let table = labels
        .named(table, labels.series, rows.iter().map(|(key, _)| key.1))
        .text("metric", rows.iter().map(|(key, _)| &*key.2))
        .count("count", rows.iter().map(|(_, times)| times.total()));
    let mut times: Vec<_> = rows.iter_mut().map(|(_, times)| times).collect();
    file.add(table.histogram(["sum_ns", "max_ns", "buckets", "counts"], &mut times))
}

/// The gauge of busy VUs stands on rows of its own, without a scenario.
fn write_iterations(
    rows: Map<(i32, u32, u32), IterationRow>,
    vus: &Map<(i32, u32), i64>,
    file: &mut Growing,
    labels: &Labels<'_>,
) -> io::Result<()> {
    let (mut keys, mut rows) = sorted(rows);
    let mut gauges = vec![0; keys.len()];
    for (&(second, stream), &most) in vus {
        keys.push((second, stream, u32::MAX));
        rows.push(IterationRow::default());
        gauges.push(most);
    }
    if keys.is_empty() {
        return Ok(());
    }
    let table = Table::default()
        .int32("second", keys.iter().map(|key| key.0))
        .text("stream", keys.iter().map(|key| labels.stream(key.1)))
        .text("scenario", keys.iter().map(|key| labels.scenario(key.2)))
        .map("tags", keys.iter().map(|key| labels.tags(key.2, &[])))
        .count("due", rows.iter().map(|row| row.due))
        .count("started", rows.iter().map(|row| row.started))
        .count("completed", rows.iter().map(|row| row.completed))
        .count("failed", rows.iter().map(|row| row.failed))
        .count("errors", rows.iter().map(|row| row.errors))
        .count("dropped", rows.iter().map(|row| row.dropped))
        .count("interrupted", rows.iter().map(|row| row.interrupted))
        .int64("script_ns", rows.iter().map(|row| row.script_ns))
        .int64("vus", gauges.iter().copied());
    let (mut delay, mut duration): (Vec<_>, Vec<_>) = rows.iter_mut().map(|row| (&mut row.delay, &mut row.duration)).unzip();
    let table = table
        .histogram(["delay_sum_ns", "delay_max_ns", "delay_buckets", "delay_counts"], &mut delay)
        .histogram(["duration_sum_ns", "duration_max_ns", "duration_buckets", "duration_counts"], &mut duration);
    file.add(table)
}

fn write_checks(rows: Map<(i32, u32), (u64, u64)>, file: &mut Growing, labels: &Labels<'_>) -> io::Result<()> {
    let (keys, rows) = sorted(rows);
    if keys.is_empty() {
        return Ok(());
    }
    let table = labels
        .named(Table::default().int32("second", keys.iter().map(|key| key.0)), labels.checks, keys.iter().map(|key| key.1))
        .count("passes", rows.iter().map(|row| row.0))
        .count("fails", rows.iter().map(|row| row.1));
    file.add(table)
}

pub(super) type PhaseColumn = (&'static str, fn(&Phases) -> i64);

pub(super) const PHASES: [PhaseColumn; 7] = [
    ("blocked_ns", |phases| phases.blocked),
    ("dns_ns", |phases| phases.dns),
    ("connect_ns", |phases| phases.connect),
    ("tls_ns", |phases| phases.tls),
    ("send_ns", |phases| phases.send),
    ("wait_ns", |phases| phases.wait),
    ("receive_ns", |phases| phases.receive),
];
