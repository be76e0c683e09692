//! The libraries, each of which records the same calls in the form that its own documentation gives them.
//!
//! A library has a module; its functions are annotated there, and a macro writes the loops around them, so that they
//! are the same for all. Every exporter encodes OTLP protobuf and hands the bytes to the receiver.

mod agentops;
mod fastrace;
mod none;
mod opentelemetry;
mod otlp;
mod tracing_layer;
mod tracing_opentelemetry;

/// How a library is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// As it comes.
    Default,
    /// So that it loses less, by the options that it has for it.
    Tuned,
    /// AgentOps with `busy_time(false)`.
    NoBusyTime,
    /// AgentOps whose exporter makes whole OTLP requests of its batches.
    Requests,
}

/// Records calls. Spans are recorded in a loop, `spans` of them.
pub trait Library: Sync {
    /// Starts it, exporting to the receiver.
    fn start(&self, setting: Setting);
    /// Asks it to export what was recorded.
    fn flush(&self);
    /// Ends it as its documentation says that a program should; how many more spans it took to have all of them.
    fn finish(&self) -> usize;
    /// Runs `body` as part of a trace.
    fn root(&self, body: &mut dyn FnMut());
    /// How many spans a root is.
    fn root_spans(&self) -> usize;
    /// A call without values.
    fn bare(&self, spans: u32);
    /// A call with three arguments and a return value, in the form that is the library's own.
    fn args(&self, spans: u32);
    /// The same as JSON, made on the calling thread; in AgentOps' own form for AgentOps.
    fn json(&self, spans: u32);
    /// An async call that is polled once.
    fn one_poll(&self, spans: u32);
    /// An async call that is polled ten times.
    fn ten_polls(&self, spans: u32);
    /// Traces of a hundred spans, their roots included.
    fn traces(&self, spans: u32);
}

/// A library and how it is set up, as `fastrace` or `fastrace:tuned`.
pub fn named(name: &str) -> (&'static dyn Library, Setting) {
    let (name, setting) = name.split_once(':').unwrap_or((name, ""));
    let setting = match setting {
        "" => Setting::Default,
        "tuned" => Setting::Tuned,
        "no-busy-time" => Setting::NoBusyTime,
        "requests" => Setting::Requests,
        other => panic!("no setting is called {other}"),
    };
    let library: &dyn Library = match name {
        "none" => &none::None,
        "agentops" => &agentops::Agentops,
        "fastrace" => &fastrace::Fastrace,
        "tracing-layer" => &tracing_layer::TracingLayer,
        "tracing-opentelemetry" => &tracing_opentelemetry::TracingOpentelemetry,
        "opentelemetry" => &opentelemetry::Opentelemetry,
        other => panic!("no library is called {other}"),
    };
    (library, setting)
}

/// The loops around a module's functions.
macro_rules! loops {
    () => {
        fn bare(&self, spans: u32) {
            for n in 0..spans {
                let _ = std::hint::black_box(bare(n.into()));
            }
        }

        fn args(&self, spans: u32) {
            let filter = &*crate::work::FILTER;
            for _ in 0..spans {
                let answer = args(
                    crate::work::QUERY,
                    std::hint::black_box(filter),
                    crate::work::LIMIT,
                );
                let _ = std::hint::black_box(answer);
            }
        }

        fn json(&self, spans: u32) {
            let filter = &*crate::work::FILTER;
            for _ in 0..spans {
                let answer = json(
                    crate::work::QUERY,
                    std::hint::black_box(filter),
                    crate::work::LIMIT,
                );
                let _ = std::hint::black_box(answer);
            }
        }

        fn one_poll(&self, spans: u32) {
            for n in 0..spans {
                let _ = std::hint::black_box(crate::work::block_on(waits(n.into(), 0)));
            }
        }

        fn ten_polls(&self, spans: u32) {
            for n in 0..spans {
                let _ = std::hint::black_box(crate::work::block_on(waits(n.into(), 9)));
            }
        }

        fn traces(&self, spans: u32) {
            for _ in 0..spans / 100 {
                trace();
            }
        }
    };
}
use loops;
