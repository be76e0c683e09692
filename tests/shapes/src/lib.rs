//! Every shape of item that attributes must survive: compiled without a warning, run, and looked at in the trace.
//!
//! Two packages share these sources: edition 2024, and edition 2021 with the dependency renamed. A module holds one
//! family of shapes, and each shape a test that asserts what the item still does, and the span that it left.

#![deny(warnings, clippy::all, clippy::pedantic, clippy::nursery)]

#[cfg(all(test, not(feature = "renamed")))]
use agentops as runtime;
#[cfg(all(test, feature = "renamed"))]
use telemetry as runtime;

#[cfg(test)]
mod agents;
#[cfg(test)]
mod async_traits;
#[cfg(test)]
mod auto_traits;
#[cfg(test)]
mod blocks;
#[cfg(test)]
mod borrows;
#[cfg(test)]
mod captures;
#[cfg(test)]
mod coercions;
#[cfg(test)]
mod control_flow;
#[cfg(test)]
mod drop_order;
// Neither can be read as the other edition, in which `cargo fmt` looks at them, too.
#[cfg(all(test, feature = "renamed"))]
#[rustfmt::skip]
mod edition_2021;
#[cfg(all(test, not(feature = "renamed")))]
#[rustfmt::skip]
mod edition_2024;
#[cfg(test)]
mod fallible;
#[cfg(test)]
mod futures;
#[cfg(test)]
mod generics;
#[cfg(test)]
mod items;
#[cfg(test)]
mod iterators;
pub mod lints;
#[cfg(test)]
mod modules;
#[cfg(test)]
mod never;
#[cfg(test)]
mod opaque;
#[cfg(test)]
mod panics;
#[cfg(test)]
mod patterns;
#[cfg(test)]
mod receivers;
#[cfg(test)]
mod returned_futures;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod traits;
#[cfg(test)]
mod watch;

/// Runs `work` under a capture: gives back `returned`, and leaves `trace`, in which this crate is called `shapes`.
#[cfg(test)]
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "so are literals written")]
pub(crate) fn check<R: PartialEq + std::fmt::Debug>(
    work: impl FnOnce() -> R,
    returned: R,
    trace: &str,
) {
    let (value, recorded) = runtime::testing::capture_with(work);
    assert_eq!(value, returned);
    let recorded = recorded
        .to_string()
        .replace(env!("CARGO_CRATE_NAME"), "shapes");
    assert_eq!(recorded.trim_end(), trace);
}

/// Polls a future until it is ready, which other threads may have to see to.
#[cfg(test)]
pub(crate) fn block_on<F: std::future::Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}

/// How many items the sources annotate that are built in this edition.
#[test]
fn at_least_250_items_are_annotated() -> std::io::Result<()> {
    const WORDS: [&str; 10] = [
        "session",
        "trace",
        "agent",
        "workflow",
        "operation",
        "task",
        "tool",
        "llm",
        "guardrail",
        "instrument",
    ];
    let other = if cfg!(feature = "renamed") {
        "edition_2024.rs"
    } else {
        "edition_2021.rs"
    };
    let is_attribute = |line: &&str| {
        let attribute = line.trim_start().strip_prefix("#[").unwrap_or_default();
        let path = attribute.split([']', '(']).next().unwrap_or_default();
        path.rsplit("::")
            .next()
            .is_some_and(|word| WORDS.contains(&word))
    };
    let mut count = 0;
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../src"))? {
        let file = file?;
        if file.file_name() != other {
            let source = std::fs::read_to_string(file.path())?;
            count += source.lines().filter(is_attribute).count();
        }
    }
    println!("{count} items are annotated");
    assert!(count >= 250, "{count} items are annotated");
    Ok(())
}
