//! Every shape of item that attributes must survive: compiled without a warning, run, and looked at in the trace.
//!
//! Two packages share these sources: edition 2024, and edition 2021 with the dependency renamed. A module holds one
//! family of shapes, and each shape a test that asserts what the item still does, and the span that it left.

#![deny(warnings, clippy::all, clippy::pedantic, clippy::nursery)]

#[cfg(not(feature = "renamed"))]
use agentops as runtime;
#[cfg(feature = "renamed")]
use telemetry as runtime;

#[cfg(test)]
mod auto_traits;
#[cfg(test)]
mod drop_order;
#[cfg(test)]
mod futures;
#[cfg(test)]
mod receivers;
#[cfg(test)]
mod watch;

/// Polls a future until it is ready.
#[cfg(test)]
pub(crate) fn block_on<F: std::future::Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut task) {
            return output;
        }
    }
}
