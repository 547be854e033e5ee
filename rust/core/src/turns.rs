//! How soon a thread gets a core that others use as well.

/// The shortest slice that Linux gives. A thread that wants little at a time interrupts those that want more: three milliseconds, mostly.
const SLICE_NS: u64 = 100_000;

/// Has this thread go before others, for it has little to do at a time, and that at once.
pub(crate) fn go_first() {
    ask(0, SLICE_NS);
}

/// Has this thread let others go first: what it does takes longer than a start may be late.
pub(crate) fn give_way() {
    ask(10, 0);
}

/// Changes nothing where it is refused: then all wait for their turn alike. Before Linux 6.12 there are no slices of one's own.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no crate has this call")]
fn ask(nicer: i32, slice_ns: u64) {
    let size = u32::try_from(size_of::<libc::sched_attr>()).unwrap_or_default();
    // SAFETY: plain calls about the calling thread; the kernel reads `size` bytes of `wanted`, which lives until it has.
    unsafe {
        if libc::sched_getscheduler(0) != libc::SCHED_OTHER {
            return;
        }
        let wanted = libc::sched_attr {
            size,
            sched_policy: 0,
            sched_flags: 0,
            sched_nice: (libc::getpriority(libc::PRIO_PROCESS, 0) + nicer).min(19),
            sched_priority: 0,
            sched_runtime: slice_ns,
            sched_deadline: 0,
            sched_period: 0,
        };
        libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0);
    }
}

#[cfg(not(target_os = "linux"))]
fn ask(_nicer: i32, _slice_ns: u64) {}
