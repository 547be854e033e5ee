//! The file of single requests.

use std::io;

use super::fold::{Labels, PHASES};
use super::growing::Growing;
use super::reservoir::Kept;
use super::table::Table;
use crate::failure::FailureKind;
use crate::http::Evidence;
use crate::sample::Sample;

pub(super) fn write_samples(rows: &[Kept], file: &mut Growing, start_ns: i64, labels: &Labels<'_>) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let samples = || rows.iter().map(|row| &row.sample);
    let trace_ids: Vec<String> = samples()
        .map(|sample| {
            labels.traces.map_or_else(String::new, |traces| String::from_utf8_lossy(&traces.id_of(sample.origin.id)).into_owned())
        })
        .collect();
    let timings: Vec<String> = samples().map(written).collect();
    let table = Table::default().count("id", samples().map(|sample| sample.origin.id));
    let table = labels
        .named(table, labels.series, samples().map(|sample| sample.origin.series))
        .int32("vu", samples().map(|sample| i32::try_from(sample.origin.vu).unwrap_or(i32::MAX)))
        .count("iteration", samples().map(|sample| sample.origin.iteration))
        .int32("tenant", samples().map(|sample| sample.origin.tenant))
        .int64("intended_start_ns", samples().map(|sample| sample.origin.intended_start - start_ns))
        .int64("start_ns", samples().map(|sample| sample.origin.start - start_ns))
        .int64("end_ns", samples().map(|sample| sample.end - start_ns));
    let table = PHASES.iter().fold(table, |table, (name, phase)| table.int64(name, samples().map(|sample| phase(&sample.phases))));
    let table = table
        .int32("status", samples().map(|sample| i32::from(sample.status)))
        .text("kind", samples().map(|sample| sample.failure.map_or("", FailureKind::name)))
        .text("detail", samples().map(|sample| sample.detail.as_deref().unwrap_or("")))
        .count("bytes_sent", samples().map(|sample| sample.sent))
        .count("bytes_received", samples().map(|sample| sample.received))
        .text("trace_id", trace_ids.iter().map(String::as_str))
        .text("server_timing", timings.iter().map(String::as_str))
        .text("request", samples().map(|sample| evidence(sample).map_or("", |evidence| &evidence.request)))
        .text("response", samples().map(|sample| evidence(sample).map_or("", |evidence| &evidence.response)))
        .text("reason", rows.iter().map(|row| row.reason))
        .double("weight", rows.iter().map(|row| row.weight));
    file.add(table)
}

fn evidence(sample: &Sample) -> Option<&Evidence> {
    sample.extras.as_ref()?.evidence.as_ref()
}

/// The timings of a response as the app wrote them: milliseconds.
#[expect(clippy::cast_precision_loss, reason = "at most a day")]
fn written(sample: &Sample) -> String {
    let timings = sample.extras.iter().flat_map(|extras| &extras.timings);
    timings.map(|(name, ns)| format!("{name};dur={}", *ns as f64 / 1e6)).collect::<Vec<_>>().join(", ")
}
