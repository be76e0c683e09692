//! Remembers what a panic said, so that the spans it unwinds can say so.
//!
//! The hook is chained before the program's own, which still prints. It is silent only about panics in users' code
//! that runs for our sake (a `Debug` that is being captured), because the program would not have run it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::Once;

use crate::record::local;

/// What the last panic on this thread said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Panic {
    pub(crate) message: String,
    pub(crate) location: String,
    pub(crate) backtrace: Option<String>,
}

thread_local! {
    static LAST: RefCell<Panic> = const { RefCell::new(Panic { message: String::new(), location: String::new(), backtrace: None }) };
}

/// Chains the hook; once, however often it is called. While the thread unwinds nobody may: that would abort the program.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    if std::thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if local::is_capturing() {
                return;
            }
            if local::recording() {
                remember(info);
            }
            before(info);
        }));
    });
}

fn remember(info: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let panic = Panic {
        message: message(info),
        location: info.location().map(ToString::to_string).unwrap_or_default(),
        backtrace: (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string()),
    };
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = panic;
        }
    });
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a value that is no text").to_owned()
}

/// What the panic that is going on says.
pub(crate) fn last() -> Panic {
    LAST.try_with(|last| {
        last.try_borrow()
            .map(|last| last.clone())
            .unwrap_or_default()
    })
    .unwrap_or_default()
}
