//! VUs without a script, from a plan to the records of its run folder, against a server that counts.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail where they stand")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tenantry_core::engine::{Engine, EngineError};
use tenantry_core::plan::Plan;
use tenantry_core::queue::Completion;

/// Answers every request on every connection with 200, and counts them.
fn server() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let count = Arc::clone(&count);
            std::thread::spawn(move || answer(stream.unwrap(), &count));
        }
    });
    (port, served)
}

fn answer(mut stream: TcpStream, count: &AtomicUsize) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    for _ in lines.map_while(Result::ok).filter(String::is_empty) {
        count.fetch_add(1, Ordering::SeqCst);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").unwrap();
    }
}

fn plan(port: u16, folder: &Path, profile: &str, method: &str) -> Plan {
    let text = format!(
        r#"{{"target": "http://127.0.0.1:{port}", "folder": "{}", "rng_seed": 1, "scenarios": ["quick"], "user_agent": "test",
            "request_timeout_ns": 5000000000,
            "streams": [{{"name": "quick", "profile": {profile}, "mix": [[0, 1.0]], "graceful_stop_ns": 5000000000}}],
            "drill": {{"method": "{method}", "urls": [["http://127.0.0.1:{port}/a", "GET /a"]], "headers": [], "body": [], "expect": []}}}}"#,
        folder.display()
    );
    serde_json::from_str(&text).unwrap()
}

/// Lets the VUs work to their end; returns how many requests the engine has recorded.
fn carry_out(plan: Plan) -> u64 {
    let engine = Engine::new(plan, None).unwrap();
    // A little ahead: an event that is due before there is a virtual user would rightly be dropped.
    engine.start(Duration::from_millis(100));
    engine.client.drill(7);
    let give_up = Instant::now() + Duration::from_secs(30);
    while !matches!(engine.completions.pop(), Some(Completion::End(7))) {
        assert!(Instant::now() < give_up, "the last virtual user never ended");
        std::thread::yield_now();
    }
    engine.finish();
    engine.progress().requests
}

#[test]
fn a_fixed_number_of_requests_is_sent_exactly() {
    let (folder, (port, served)) = (tempfile::tempdir().unwrap(), server());
    let profile = r#"{"kind": "shared_iterations", "iterations": 500, "vus": 9, "max_duration_ns": 60000000000}"#;
    assert_eq!(carry_out(plan(port, folder.path(), profile, "GET")), 500);
    assert_eq!(served.load(Ordering::SeqCst), 500);
}

#[test]
fn every_event_of_a_rate_is_sent() {
    let (folder, (port, served)) = (tempfile::tempdir().unwrap(), server());
    let profile = r#"{"kind": "constant_rate", "rate": [1000, 1], "duration_ns": 300000000, "max_vus": 400}"#;
    assert_eq!(carry_out(plan(port, folder.path(), profile, "GET")), 300);
    assert_eq!(served.load(Ordering::SeqCst), 300);
}

#[test]
fn what_is_no_method_is_refused_before_anything_is_sent() {
    let (folder, (port, served)) = (tempfile::tempdir().unwrap(), server());
    let profile = r#"{"kind": "constant_vus", "vus": 1, "duration_ns": 1000000000}"#;
    assert!(matches!(Engine::new(plan(port, folder.path(), profile, "GE T"), None), Err(EngineError::Drill(_))));
    assert_eq!(served.load(Ordering::SeqCst), 0);
}
