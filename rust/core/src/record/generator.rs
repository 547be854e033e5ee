//! Observes the load process itself: who says that the app was slow must show that the generator was not.

use std::fs;
use std::time::Instant;

/// What the process used in one stretch of time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) loop_busy: f64,
    pub(super) io_busy: f64,
    pub(super) process_cpu_s: f64,
    pub(super) rss_bytes: u64,
}

/// Reads the process's own counters; `NaN` where the system has none.
pub(super) struct Observer {
    loop_thread: Option<u64>,
    io_thread: Option<u64>,
    last: Instant,
    loop_ns: f64,
    io_ns: f64,
    process_s: f64,
}

impl Observer {
    pub(super) fn new(loop_thread: Option<u64>, io_thread: Option<u64>) -> Self {
        let mut observer = Self { loop_thread, io_thread, last: Instant::now(), loop_ns: 0.0, io_ns: 0.0, process_s: 0.0 };
        observer.usage();
        observer
    }

    /// What was used since the last call.
    pub(super) fn usage(&mut self) -> Usage {
        let (loop_ns, io_ns, process_s) = (thread_cpu_ns(self.loop_thread), thread_cpu_ns(self.io_thread), process_cpu_s());
        let wall_ns = self.last.elapsed().as_secs_f64() * 1e9;
        let usage = Usage {
            loop_busy: (loop_ns - self.loop_ns) / wall_ns,
            io_busy: (io_ns - self.io_ns) / wall_ns,
            process_cpu_s: process_s - self.process_s,
            rss_bytes: resident_bytes(),
        };
        (self.last, self.loop_ns, self.io_ns, self.process_s) = (Instant::now(), loop_ns, io_ns, process_s);
        usage
    }
}

/// How many cores this process may use.
#[expect(clippy::cast_precision_loss, reason = "a small number")]
pub(super) fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64)
}

/// The kernel's number of the calling thread, where it can be read back by that number.
#[must_use]
pub fn this_thread() -> Option<u64> {
    #[cfg(target_os = "linux")]
    return u64::try_from(rustix::thread::gettid().as_raw_nonzero().get()).ok();
    #[cfg(not(target_os = "linux"))]
    None
}

fn thread_cpu_ns(thread: Option<u64>) -> f64 {
    let read = thread.and_then(|thread| fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok());
    read.and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "CPU seconds of one process")]
fn process_cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * u64::try_from(rustix::param::page_size()).unwrap_or(4096)
}
