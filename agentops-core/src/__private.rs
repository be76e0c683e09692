//! All that generated code may call. No part of the public interface: it changes with the macros, in any release.

use std::marker::PhantomData;

pub use std::borrow::Cow;

pub use crate::client::Main;
pub use crate::model::id::AgentId;
pub use crate::model::span::{Level, SpanKind as Kind};
pub use crate::record::agent::{
    Agent, AgentProbe, Ask, Identity, enter_agent, join_agent, start_agent, start_join_agent,
};
pub use crate::record::callsite::{Callsite, Meta};
pub use crate::record::capture::{Capture, Probe, Sink, computed, list, object, redacted};
pub use crate::record::context::SpanContext;
pub use crate::record::fault::Fault;
pub use crate::record::future::{
    InSpan, Instrumented, boxed, finish, in_late_span, in_span, instrument, instrument_with, later,
    settle,
};
pub use crate::record::outcome::Outcome;
pub use crate::record::returned::{
    Flow, Handing, Iterated, Returned, Streamed, called, handing, keep, promised, spoil, within,
};
pub use crate::record::said::{Said, Says};
pub use crate::record::span::{
    Entered, Recording, Started, enter, enter_bare, enter_session, exit, leave, link, parent,
    start, start_bare, start_session, under,
};

/// The ladders' traits, for method lookup alone.
pub mod ladder {
    pub use crate::record::agent::{IsAgent as _, IsReceiver as _};
    pub use crate::record::capture::{
        ViaCapture as _, ViaDebug as _, ViaName as _, ViaSerialize as _,
    };
    pub use crate::record::fault::{
        FaultCode as _, FaultDebug as _, FaultDeref as _, FaultDisplay as _, FaultError as _,
        FaultExit as _, FaultIo as _, FaultName as _,
    };
    pub use crate::record::outcome::{IsExit as _, IsResult as _, IsValue as _};
    pub use crate::record::returned::{
        ReturnsBox as _, ReturnsFuture as _, ReturnsIterator as _, ReturnsStream as _,
        ReturnsValue as _, TriesStream as _,
    };
}

/// The ladder of what fields say of an agent, which derives alone climb.
pub mod says {
    pub use crate::record::said::{
        SaysByDisplay as _, SaysById as _, SaysByStr as _, SaysNothing as _,
        SaysOptionByDisplay as _, SaysOptionByStr as _,
    };
}

/// Calls a closure as one that may be called once, which lets it give away what it borrows.
#[inline]
pub fn call_once<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Calls a closure whose argument's type follows from a value.
#[inline]
pub fn call_with<'a, T: ?Sized, R>(value: &'a T, f: impl FnOnce(&'a T) -> R) -> R {
    f(value)
}

/// The type of what is returned, where only inference can say it. Nothing but that.
#[derive(Debug)]
pub struct Expected<T>(PhantomData<fn() -> T>);

impl<T> Clone for Expected<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Expected<T> {}

impl<T> Expected<T> {
    #[inline(always)]
    #[expect(clippy::new_without_default, reason = "nobody asks for its default")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// Stands where it is never reached.
    pub fn never(self) -> T {
        unreachable!("a return that only says a type")
    }
}

/// Starts recording around `main`; a program that cannot be recorded runs all the same.
pub fn main_start(site: &'static Callsite) -> Main {
    begin(crate::config::builder().trace_name(site.meta.name), site)
}

/// As [`main_start`], where the name is the crate's and the environment may say another.
pub fn main_start_unnamed(site: &'static Callsite) -> Main {
    begin(crate::config::builder().crate_name(site.meta.name), site)
}

fn begin(builder: crate::config::Builder, site: &'static Callsite) -> Main {
    #[cfg(feature = "signals")]
    let builder = builder.handle_signals(true);
    Main::start(builder, site.meta.tags)
}

/// Ends the program's session with what `main` returned, and flushes.
pub fn main_finish(main: Main, end: &mut dyn FnMut(&mut Sink<'_>)) {
    let mut payload = Vec::new();
    let mut sink = Sink::new(&mut payload, false);
    end(&mut sink);
    let failed = sink.failed;
    main.finish(failed.then_some(&payload));
}
