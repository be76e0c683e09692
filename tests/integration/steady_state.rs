//! What recording costs the caller when it has run for a while: no allocation.

use agentops::{operation, start_session, tool};

use crate::harness::memory;

#[operation(skip_all, capture_return = false)]
fn bare(n: u64) -> u64 {
    std::hint::black_box(n)
}

#[tool]
fn with_values(n: u64, name: &str, ratio: f64) -> u64 {
    std::hint::black_box(n + name.len() as u64 + ratio as u64)
}

#[operation]
async fn later(n: u64) -> u64 {
    std::hint::black_box(n)
}

/// Polls a future that is always ready, without a box.
fn now<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut task) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => unreachable!("nothing in it waits"),
    }
}

/// A ring grows from 16 to 512 KiB while the drainer is behind: five times at most, and never again.
const GROWTHS: usize = 5;

#[test]
fn recording_allocates_nothing_on_the_callers_thread() {
    memory();
    let session = start_session("steady");
    session.in_scope(|| {
        let round = || {
            for n in 0..200 {
                bare(n);
                with_values(n, "a name", 0.5);
                now(later(n));
            }
        };
        // The ring is opened, and the buffer gets its size.
        round();
        let rounds = (0..200).map(|_| allocation_counter::measure(round).count_total);
        let allocating: Vec<_> = rounds.filter(|allocations| *allocations > 0).collect();
        assert!(allocating.len() <= GROWTHS, "{allocating:?}");
    });
    session.end(agentops::EndState::Success);
}

struct Shown(u64);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "shown {}", self.0)
    }
}

#[test]
fn an_event_allocates_nothing_either() {
    use tracing_subscriber::prelude::*;

    memory();
    let session = start_session("steady events");
    let round = || {
        for n in 0..100_u64 {
            tracing::info!(n, ratio = 0.5, name = "a name", "turn");
            tracing::warn!(value = ?Shown(n), large = i128::from(n), "turn {n} of {}", 100);
            tracing::debug!(n, "below the level");
        }
    };
    let measured = || {
        round();
        let rounds = (0..100).map(|_| allocation_counter::measure(round).count_total);
        let allocating: Vec<_> = rounds.filter(|allocations| *allocations > 0).collect();
        assert!(allocating.len() <= GROWTHS, "{allocating:?}");
    };
    let subscriber = tracing_subscriber::registry().with(agentops::layer());
    tracing::subscriber::with_default(subscriber, || {
        session.in_scope(measured);
        // Outside every session nothing is recorded, at no price either.
        measured();
    });
    session.end(agentops::EndState::Success);
}

#[test]
fn spans_of_tracing_that_mean_nothing_here_allocate_nothing() {
    use tracing_subscriber::prelude::*;

    memory();
    let session = start_session("steady spans");
    let round = || {
        for n in 0..100_u64 {
            let span =
                tracing::info_span!("request", n, path = "/", status = tracing::field::Empty);
            span.in_scope(|| span.record("status", 200));
        }
    };
    let subscriber = tracing_subscriber::registry().with(agentops::layer());
    tracing::subscriber::with_default(subscriber, || {
        session.in_scope(|| {
            round();
            assert_eq!(allocation_counter::measure(round).count_total, 0);
        });
    });
    session.end(agentops::EndState::Success);
}
