//! What the server counts of itself, and how `/metrics` says it.
//!
//! Whoever takes something in or turns it away counts it here by cause, so that no loss is silent. Knows nothing of what
//! was counted.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where the steps of a histogram end, in microseconds.
const STEPS: [u64; 11] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
];

/// Counts since the server began.
#[derive(Debug, Default)]
pub struct Stats {
    /// Requests by route and status.
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    /// What was turned away or shortened: of what, and why.
    refused: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    /// Events that were committed, by what they are.
    ingested: Mutex<BTreeMap<&'static str, u64>>,
    /// Bytes of requests, as they came.
    received: AtomicU64,
    /// The same, decompressed.
    decoded: AtomicU64,
    commits: Histogram,
}

/// What is true now rather than counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Now {
    /// Requests that wait to be committed.
    pub waiting: usize,
    /// Bytes of the store; `None` where it does not say.
    pub store: Option<u64>,
}

#[derive(Debug, Default)]
struct Histogram {
    steps: [AtomicU64; STEPS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Stats {
    /// A request was answered.
    pub fn request(&self, route: &str, status: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        match requests.get_mut(&(route.to_owned(), status)) {
            Some(count) => *count += 1,
            None => drop(requests.insert((route.to_owned(), status), 1)),
        }
    }

    /// Something was not taken, or not all of it.
    pub fn refused(&self, what: &'static str, cause: &'static str, count: u64) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry((what, cause)).or_default() += count;
    }

    /// Something is durable.
    pub fn ingested(&self, what: &'static str, count: u64) {
        let mut ingested = self.ingested.lock().unwrap_or_else(PoisonError::into_inner);
        *ingested.entry(what).or_default() += count;
    }

    /// A body came.
    pub fn body(&self, received: usize, decoded: usize) {
        self.received.fetch_add(received as u64, Ordering::Relaxed);
        self.decoded.fetch_add(decoded as u64, Ordering::Relaxed);
    }

    /// A commit took that long.
    pub fn commit(&self, took: Duration) {
        self.commits.add(took);
    }

    /// All of it, as Prometheus reads it.
    pub fn text(&self, now: Now) -> String {
        let mut text = String::new();
        // A string takes whatever is written to it.
        _ = self.write(&mut text, now);
        text
    }

    fn write(&self, out: &mut String, now: Now) -> fmt::Result {
        head(
            out,
            "agentops_http_requests_total",
            "counter",
            "Requests by route and status.",
        )?;
        for ((route, status), count) in lock(&self.requests).iter() {
            let route = label(route);
            writeln!(
                out,
                "agentops_http_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}"
            )?;
        }
        head(
            out,
            "agentops_ingested_total",
            "counter",
            "What came over HTTP and is durable, repetitions included.",
        )?;
        for (what, count) in lock(&self.ingested).iter() {
            writeln!(out, "agentops_ingested_total{{what=\"{what}\"}} {count}")?;
        }
        head(
            out,
            "agentops_refused_total",
            "counter",
            "What was turned away or shortened, by cause.",
        )?;
        for ((what, cause), count) in lock(&self.refused).iter() {
            writeln!(
                out,
                "agentops_refused_total{{what=\"{what}\",cause=\"{cause}\"}} {count}"
            )?;
        }
        for (name, help, bytes) in [
            (
                "agentops_received_bytes_total",
                "Bytes of bodies, as they came.",
                &self.received,
            ),
            (
                "agentops_decoded_bytes_total",
                "Bytes of bodies, decompressed.",
                &self.decoded,
            ),
        ] {
            head(out, name, "counter", help)?;
            writeln!(out, "{name} {}", bytes.load(Ordering::Relaxed))?;
        }
        self.commits.write(
            out,
            "agentops_commit_seconds",
            "How long commits of requests took.",
        )?;
        head(
            out,
            "agentops_commit_queue",
            "gauge",
            "Requests that wait to be committed.",
        )?;
        writeln!(out, "agentops_commit_queue {}", now.waiting)?;
        if let Some(bytes) = now.store {
            head(
                out,
                "agentops_store_bytes",
                "gauge",
                "How large the store is.",
            )?;
            writeln!(out, "agentops_store_bytes {bytes}")?;
        }
        Ok(())
    }
}

impl Histogram {
    fn add(&self, took: Duration) {
        let micros = took.as_micros() as u64;
        for (step, end) in self.steps.iter().zip(STEPS) {
            if micros <= end {
                step.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn write(&self, out: &mut String, name: &str, help: &str) -> fmt::Result {
        head(out, name, "histogram", help)?;
        for (step, end) in self.steps.iter().zip(STEPS) {
            let end = end as f64 / 1e6;
            let count = step.load(Ordering::Relaxed);
            writeln!(out, "{name}_bucket{{le=\"{end}\"}} {count}")?;
        }
        let count = self.count.load(Ordering::Relaxed);
        let seconds = self.micros.load(Ordering::Relaxed) as f64 / 1e6;
        writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}")?;
        writeln!(out, "{name}_sum {seconds}\n{name}_count {count}")
    }
}

fn lock<T>(counts: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_as_prometheus_has_them() {
        let stats = Stats::default();
        stats.request("/v1/traces", 200);
        stats.request("/v1/traces", 200);
        stats.request("a\"b", 404);
        stats.refused("spans", "no_valid_id", 3);
        stats.ingested("spans", 7);
        stats.body(10, 100);
        stats.commit(Duration::from_millis(3));
        let text = stats.text(Now {
            waiting: 2,
            store: Some(4096),
        });
        for line in [
            "# TYPE agentops_http_requests_total counter",
            "agentops_http_requests_total{route=\"/v1/traces\",status=\"200\"} 2",
            "agentops_http_requests_total{route=\"a\\\"b\",status=\"404\"} 1",
            "agentops_ingested_total{what=\"spans\"} 7",
            "agentops_refused_total{what=\"spans\",cause=\"no_valid_id\"} 3",
            "agentops_received_bytes_total 10",
            "agentops_decoded_bytes_total 100",
            "agentops_commit_seconds_bucket{le=\"0.0025\"} 0",
            "agentops_commit_seconds_bucket{le=\"0.005\"} 1",
            "agentops_commit_seconds_bucket{le=\"+Inf\"} 1",
            "agentops_commit_seconds_sum 0.003",
            "agentops_commit_queue 2",
            "agentops_store_bytes 4096",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
