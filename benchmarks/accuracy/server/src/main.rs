//! An HTTP server that delays its answers by known amounts and tells when each request came and went.
//!
//! `GET /constant/?k=7` and the other [`Kind`]s answer late, or not at all; `k` is the number that the client gives its request, without it
//! requests are numbered as they come.
//! `GET /truth` answers one line `k arrival sent` for each request since the last such question, in nanoseconds of the monotonic clock:
//! when its last byte had been read, and when the first byte of its answer was about to be written. One thread per connection, absolute
//! sleeps.
//!
//! `accuracy-server probe PORT COUNT` is the least that a client can do: it asks `/constant/` so many times on one connection, and prints
//! how long each took in nanoseconds, from before the write to after the read. What it adds to the server's truth is the system's.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec, clock_gettime};

const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;
const LONGEST_HEAD: usize = 16 * 1024;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";

/// How answers are delayed.
#[derive(Clone, Copy)]
enum Kind {
    /// 5 ms.
    Constant,
    /// 2 ms, every eighth 40 ms: no quantile of the tables lies at the jump.
    Bimodal,
    /// Bounded Pareto: from 1 ms to 1 s with a shape of 1.2.
    Heavy,
    /// 2 ms; but from 5 to 6 s after the first request, and every 10 s again, nothing is answered.
    Stall,
    /// 2 ms; every twentieth connection is then reset in place of an answer.
    Reset,
}

/// Requests since the last question for the truth, and when the first of them came.
#[derive(Default)]
struct Truth {
    first_ns: Option<i64>,
    unnumbered: u64,
    seen: Vec<(u64, i64, i64)>,
}

impl Truth {
    /// The number of a request, and when the first one came.
    fn place(&mut self, given: Option<u64>, arrival: i64) -> (u64, i64) {
        let first = *self.first_ns.get_or_insert(arrival);
        let number = given.unwrap_or(self.unnumbered);
        self.unnumbered += u64::from(given.is_none());
        (number, first)
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["probe", port, count] => probe(port.parse().unwrap_or_default(), count.parse().unwrap_or_default()),
        _ => listen(),
    }
}

fn probe(port: u16, count: u64) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let mut answer = vec![0_u8; OK.len()];
    for number in 0..count {
        let request = format!("GET /constant/?k={number} HTTP/1.1\r\nhost: x\r\n\r\n");
        let start = now_ns();
        stream.write_all(request.as_bytes())?;
        stream.read_exact(&mut answer)?;
        writeln!(io::stdout(), "{}", now_ns() - start)?;
    }
    Ok(())
}

fn listen() -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?.port())?;
    let truth = Arc::new(Mutex::new(Truth::default()));
    for stream in listener.incoming() {
        let (stream, truth) = (stream?, Arc::clone(&truth));
        std::thread::Builder::new().stack_size(128 * 1024).spawn(move || {
            // A sleeping thread is else woken up to 50 microseconds late.
            let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
            // The client went away: there is nobody to tell.
            let _ = serve(stream, &truth);
        })?;
    }
    Ok(())
}

fn serve(mut stream: TcpStream, truth: &Mutex<Truth>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(LONGEST_HEAD);
    while let Some(path) = read_request(&mut stream, &mut buffer)? {
        let arrival = now_ns();
        let Some(kind) = kind_of(&path) else {
            answer_truth(&mut stream, truth)?;
            continue;
        };
        let given = path.split_once("k=").and_then(|(_, number)| number.parse().ok());
        let (number, first) = lock(truth).place(given, arrival);
        sleep_until(due_ns(kind, number, arrival, first));
        let sent = now_ns();
        if matches!(kind, Kind::Reset) && number % 20 == 7 {
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            lock(truth).seen.push((number, arrival, sent));
            return Ok(());
        }
        stream.write_all(OK)?;
        lock(truth).seen.push((number, arrival, sent));
    }
    Ok(())
}

/// The path of the next request, None at the end of the connection. Requests have no bodies and do not overlap.
fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<String>> {
    buffer.clear();
    let mut chunk = [0_u8; 4096];
    while !buffer.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut chunk)?;
        if count == 0 || buffer.len() > LONGEST_HEAD {
            return Ok(None);
        }
        buffer.extend(chunk.iter().take(count));
    }
    let line = buffer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).split(' ').nth(1).map(str::to_owned))
}

fn kind_of(path: &str) -> Option<Kind> {
    match path.split('/').nth(1)? {
        "constant" => Some(Kind::Constant),
        "bimodal" => Some(Kind::Bimodal),
        "heavy" => Some(Kind::Heavy),
        "stall" => Some(Kind::Stall),
        "reset" => Some(Kind::Reset),
        _ => None,
    }
}

fn due_ns(kind: Kind, number: u64, arrival: i64, first: i64) -> i64 {
    match kind {
        Kind::Constant => arrival + 5 * MS,
        Kind::Bimodal => arrival + if number.is_multiple_of(8) { 40 * MS } else { 2 * MS },
        Kind::Heavy => arrival + pareto_ns(number),
        Kind::Reset => arrival + 2 * MS,
        Kind::Stall => {
            let phase = (arrival - first) % (10 * SECOND);
            let stalled = if (5 * SECOND..6 * SECOND).contains(&phase) { 6 * SECOND - phase } else { 0 };
            arrival + stalled + 2 * MS
        }
    }
}

/// The inverse of the distribution function at a number between 0 and 1 that depends on the request alone.
fn pareto_ns(number: u64) -> i64 {
    let (low, high, shape) = (1e6_f64, 1e9_f64, 1.2_f64);
    // splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let uniform = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
    (low / (1.0 - uniform * (1.0 - (low / high).powf(shape))).powf(1.0 / shape)) as i64
}

fn answer_truth(stream: &mut TcpStream, truth: &Mutex<Truth>) -> io::Result<()> {
    let told = std::mem::take(&mut *lock(truth));
    let lines: Vec<String> = told.seen.iter().map(|(number, arrival, sent)| format!("{number} {arrival} {sent}\n")).collect();
    let body = lines.concat();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn lock(truth: &Mutex<Truth>) -> std::sync::MutexGuard<'_, Truth> {
    truth.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now_ns() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * SECOND + now.tv_nsec
}

fn sleep_until(at: i64) {
    let at = Timespec { tv_sec: at / SECOND, tv_nsec: at % SECOND };
    while clock_nanosleep_absolute(ClockId::Monotonic, &at).is_err() {}
}
