//! How a value that was returned as an error is recorded, whatever its type.
//!
//! The same ladder as for values: [`ErrorCode`] → `Error` → dereferences to `dyn Error` → `Display` → `Debug` → name.

use std::any::type_name;
use std::error::Error;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use super::bounded;
use super::capture::{Sink, discard};
use super::local;
use super::value;

/// An error that names its own code, by which errors are grouped.
///
/// ```
/// use agentops_core::ErrorCode;
///
/// #[derive(Debug)]
/// struct Refused { status: u16 }
///
/// impl std::fmt::Display for Refused {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         write!(f, "refused with {}", self.status)
///     }
/// }
///
/// impl ErrorCode for Refused {
///     fn error_code(&self) -> String {
///         self.status.to_string()
///     }
/// }
/// ```
pub trait ErrorCode: fmt::Display {
    /// Short and stable: `NotFound`, `429`, `E_TIMEOUT`.
    fn error_code(&self) -> String;
}

/// What is read off an error value on the caller's thread, to be written as one record.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) code: String,
    pub(crate) details: String,
    pub(crate) rust_type: String,
    pub(crate) chain: Vec<String>,
}

/// Takes what is secret out of an error's text, and of each address in it what stands before its host and behind its
/// path: whoever wrote it may have spelled that otherwise.
pub(crate) fn hide<'a>(text: &mut String, secrets: impl Iterator<Item = &'a str>) {
    for secret in secrets {
        if text.contains(secret) {
            *text = text.replace(secret, HIDDEN);
        }
    }
    let mut at = 0;
    while let Some(scheme) = text[at..].find("://") {
        at += scheme + "://".len();
        let address = &text[at..];
        let end = address.find(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '`'));
        let address = &address[..end.unwrap_or(address.len())];
        // Parentheses may be a part of it, and may stand around it.
        let address = address.trim_end_matches([')', ']', '}', ',', '.', ':', ';']);
        let path = address.find(['?', '#']).unwrap_or(address.len());
        let host = address[..path].find('/').unwrap_or(path);
        let user = address[..host].rfind('@').map_or(0, |sign| sign + 1);
        let end = at + address.len();
        if path < address.len() {
            text.replace_range(at + path..end, HIDDEN);
        }
        if user > 0 {
            text.replace_range(at..at + user, HIDDEN);
        }
    }
}

/// What stands where a secret was.
const HIDDEN: &str = "…";

/// How many sources are followed: a chain may be a circle.
pub(crate) const CHAIN: usize = 32;

impl Found {
    fn of<E: ?Sized>() -> Self {
        Self {
            rust_type: type_name::<E>().into(),
            ..Self::default()
        }
    }

    /// Takes out of the texts what nobody may read.
    fn hide(&mut self, secrets: &[Box<str>]) {
        for text in self.chain.iter_mut().chain([&mut self.details]) {
            hide(text, secrets.iter().map(|secret| &**secret));
        }
    }

    pub(crate) fn write(self, sink: &mut Sink<'_>) {
        sink.failed = true;
        let mut writer = sink.writer();
        for text in [&self.rust_type, &self.code, &self.details] {
            writer.format(format_args!("{text}"));
        }
        // A failing write is impossible: strings always serialise.
        let _ = writer.serialize(&self.chain);
    }
}

/// As [`of_error`], without what is secret in its texts.
pub(crate) fn of_error_without<E: Error + 'static>(
    error: &E,
    secrets: &[Box<str>],
    sink: &mut Sink<'_>,
) {
    read(Found::of::<E>(), sink, |found| {
        follow_owned(error, found);
        found.hide(secrets);
    });
}

/// Reads an error with its users' code contained.
fn read(mut found: Found, sink: &mut Sink<'_>, fill: impl FnOnce(&mut Found)) {
    let quiet = local::Quiet::enter();
    if quiet.is_too_deep() {
        found.details.clone_from(&found.rust_type);
    } else if let Err(payload) = catch_unwind(AssertUnwindSafe(|| fill(&mut found))) {
        discard(payload);
        if found.details.is_empty() {
            found.details.clone_from(&found.rust_type);
        }
    }
    drop(quiet);
    if found.code.is_empty() {
        found.code = short_type(&found.rust_type).into();
    }
    found.write(sink);
}

/// Text with an end, however much is written: a little longer than is captured, so that what was cut is told from what
/// was not.
pub(crate) fn text(text: fmt::Arguments<'_>) -> String {
    let mut bytes = Vec::new();
    // Cut text is still the best there is.
    bounded::write(&mut bytes, value::captured().saturating_add(4), text);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Records an error that says where it comes from.
pub(crate) fn of_error<E: Error + 'static>(error: &E, sink: &mut Sink<'_>) {
    read(Found::of::<E>(), sink, |found| follow_owned(error, found));
}

/// Records what holds an error: a box, anyhow's, eyre's.
pub(crate) fn of_held<E: Deref>(error: &E, sink: &mut Sink<'_>)
where
    E::Target: DynError,
{
    read(Found::of::<E>(), sink, |found| {
        follow_owned(error.deref().as_error(), found);
    });
}

/// Records a value that can only be shown.
pub(crate) fn of_text<E: fmt::Display + ?Sized>(error: &E, sink: &mut Sink<'_>) {
    read(Found::of::<E>(), sink, |found| {
        found.details = text(format_args!("{error}"))
    });
}

/// As [`of_text`], without what is secret in it.
pub(crate) fn of_text_without<E: fmt::Display + ?Sized>(
    error: &E,
    secrets: &[Box<str>],
    sink: &mut Sink<'_>,
) {
    read(Found::of::<E>(), sink, |found| {
        found.details = text(format_args!("{error}"));
        found.hide(secrets);
    });
}

/// Records that there was an error of which nothing is known.
pub(crate) fn of_nothing(sink: &mut Sink<'_>) {
    read(Found::of::<()>(), sink, |found| {
        found.details = format!("{:?}", ())
    });
}

/// An error that borrows nothing may be an I/O error itself.
fn follow_owned(error: &(dyn Error + 'static), found: &mut Found) {
    follow(error, error.downcast_ref(), found);
}

fn follow<'e>(error: &(dyn Error + 'e), io: Option<&io::Error>, found: &mut Found) {
    found.details = text(format_args!("{error}"));
    let mut source = error.source();
    while let (Some(next), true) = (source, found.chain.len() < CHAIN) {
        found.chain.push(text(format_args!("{next}")));
        source = next.source();
    }
    found.code = code(error, io).unwrap_or_default();
}

/// The ladder below `ErrorCode`: an I/O kind anywhere in the chain, an HTTP status, the head of `Debug`.
fn code<'e>(error: &(dyn Error + 'e), io: Option<&io::Error>) -> Option<String> {
    let (mut io, mut link) = (io, error.source());
    for _ in 0..CHAIN {
        if let Some(io) = io {
            return Some(format!("{:?}", io.kind()));
        }
        let Some(this) = link else { break };
        (io, link) = (this.downcast_ref(), this.source());
    }
    let debug = text(format_args!("{error:?}"));
    http_status(&debug).or_else(|| leading_identifier(&debug))
}

/// A status that an HTTP client's error shows of itself: `status: 429`, `status_code: 503`.
fn http_status(debug: &str) -> Option<String> {
    let at = ["status: ", "status_code: ", "status: StatusCode("]
        .into_iter()
        .find_map(|mark| Some(debug.find(mark)? + mark.len()))?;
    let digits: String = debug[at..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    (digits.len() == 3 && matches!(digits.as_bytes()[0], b'4' | b'5')).then_some(digits)
}

/// `NotFound { path: … }` is `NotFound`.
fn leading_identifier(debug: &str) -> Option<String> {
    let end = debug
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(debug.len());
    let head = &debug[..end];
    head.starts_with(|c: char| c.is_alphabetic())
        .then(|| head.into())
}

/// `my::module::Error<T>` is `Error`.
pub(crate) fn short_type(path: &str) -> &str {
    let plain = path
        .trim_start_matches(['&', ' '])
        .trim_start_matches("mut ");
    let plain = plain.split('<').next().unwrap_or(plain);
    plain.rsplit("::").next().unwrap_or(plain)
}

/// An error value on the ladder.
#[derive(Debug)]
pub struct Fault<'a, E: ?Sized>(pub &'a E);

/// First rung.
pub trait FaultCode {
    /// Records the error.
    fn agentops_fault(&self, sink: &mut Sink<'_>);
}

impl<E: ErrorCode + ?Sized> FaultCode for &&&&&Fault<'_, E> {
    #[cold]
    fn agentops_fault(&self, sink: &mut Sink<'_>) {
        read(Found::of::<E>(), sink, |found| {
            found.details = text(format_args!("{}", self.0));
            found.code = self.0.error_code();
        });
    }
}

/// Between the first rung and the second: the error that has a kind, which cannot be looked for where an error may
/// borrow. On a rung with another, a type that does not exist would be taken for both.
pub trait FaultIo {
    /// Records the error.
    fn agentops_fault(&self, sink: &mut Sink<'_>);
}

impl FaultIo for &&&&&&Fault<'_, io::Error> {
    #[cold]
    fn agentops_fault(&self, sink: &mut Sink<'_>) {
        of_error(self.0, sink);
    }
}

/// Beside the fourth rung: what a program exits with, which says its number in `Debug` alone.
pub trait FaultExit {
    /// Records the error.
    fn agentops_fault(&self, sink: &mut Sink<'_>);
}

impl FaultExit for &&Fault<'_, ExitCode> {
    #[cold]
    fn agentops_fault(&self, sink: &mut Sink<'_>) {
        read(Found::of::<ExitCode>(), sink, |found| {
            let debug = format!("{:?}", self.0);
            let number: String = debug.chars().filter(char::is_ascii_digit).collect();
            found.details = format!("exit code {number}");
        });
    }
}

/// Second rung.
pub trait FaultError {
    /// Records the error.
    fn agentops_fault(&self, sink: &mut Sink<'_>);
}

impl<E: Error> FaultError for &&&&Fault<'_, E> {
    #[cold]
    fn agentops_fault(&self, sink: &mut Sink<'_>) {
        read(Found::of::<E>(), sink, |found| follow(self.0, None, found));
    }
}

/// A trait object that is an error.
pub trait DynError {
    /// The plainest form of it.
    fn as_error(&self) -> &(dyn Error + 'static);
}

impl DynError for dyn Error + 'static {
    fn as_error(&self) -> &(dyn Error + 'static) {
        self
    }
}

impl DynError for dyn Error + Send + 'static {
    fn as_error(&self) -> &(dyn Error + 'static) {
        self
    }
}

impl DynError for dyn Error + Send + Sync + 'static {
    fn as_error(&self) -> &(dyn Error + 'static) {
        self
    }
}

/// Third rung: boxed errors, anyhow's, eyre's.
pub trait FaultDeref {
    /// Records the error.
    fn agentops_fault(&self, sink: &mut Sink<'_>);
}

impl<E: Deref> FaultDeref for &&&Fault<'_, E>
where
    E::Target: DynError,
{
    #[cold]
    fn agentops_fault(&self, sink: &mut Sink<'_>) {
        of_held(self.0, sink);
    }
}

/// Fourth rung.
pub trait FaultDisplay {
    /// Records the error.
    fn agentops_fault(&self, sink: &mut Sink<'_>);
}

impl<E: fmt::Display + ?Sized> FaultDisplay for &&Fault<'_, E> {
    #[cold]
    fn agentops_fault(&self, sink: &mut Sink<'_>) {
        of_text(self.0, sink);
    }
}

/// Fifth rung.
pub trait FaultDebug {
    /// Records the error.
    fn agentops_fault(&self, sink: &mut Sink<'_>);
}

impl<E: fmt::Debug + ?Sized> FaultDebug for &Fault<'_, E> {
    #[cold]
    fn agentops_fault(&self, sink: &mut Sink<'_>) {
        read(Found::of::<E>(), sink, |found| {
            found.details = text(format_args!("{:?}", self.0));
            found.code = leading_identifier(&found.details).unwrap_or_default();
        });
    }
}

/// Last rung.
pub trait FaultName {
    /// Records the error.
    fn agentops_fault(&self, sink: &mut Sink<'_>);
}

impl<E: ?Sized> FaultName for Fault<'_, E> {
    #[cold]
    fn agentops_fault(&self, sink: &mut Sink<'_>) {
        read(Found::of::<E>(), sink, |found| {
            found.details = type_name::<E>().into()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::to_json;
    use super::*;

    macro_rules! fault {
        ($error:expr) => {{
            let mut bytes = Vec::new();
            (&&&&&&Fault(&$error)).agentops_fault(&mut Sink::new(&mut bytes, false));
            read_back(&bytes)
        }};
    }

    fn read_back(bytes: &[u8]) -> (String, String, Vec<String>) {
        let mut values = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let mut text = Vec::new();
            at += to_json(&bytes[at..], &mut text);
            values.push(serde_json::from_slice::<serde_json::Value>(&text).expect("it is JSON"));
        }
        let text = |at: usize| values[at].as_str().expect("text").to_owned();
        let chain = values[3].as_array().expect("a chain");
        (
            text(1),
            text(2),
            chain
                .iter()
                .map(|link| link.as_str().unwrap_or_default().into())
                .collect(),
        )
    }

    #[derive(Debug)]
    enum Failure {
        Lookup(io::Error),
    }
    impl fmt::Display for Failure {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot look it up")
        }
    }
    impl Error for Failure {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            let Self::Lookup(source) = self;
            Some(source)
        }
    }
    #[derive(Debug)]
    struct Plain;
    struct Bare;

    #[test]
    fn errors_may_borrow() {
        let text = String::from("taken");
        let poisoned = std::sync::PoisonError::new(text.as_str());
        let (code, details, chain) = fault!(poisoned);
        assert_eq!((code.as_str(), chain.len()), ("PoisonError", 0));
        assert!(details.contains("poisoned"), "{details}");
    }

    #[test]
    fn each_error_gives_what_its_type_allows() {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "no such file");
        assert_eq!(
            fault!(missing()),
            ("NotFound".into(), "no such file".into(), vec![])
        );
        let lookup = || Failure::Lookup(missing());
        let expected = (
            "NotFound".into(),
            "cannot look it up".into(),
            vec!["no such file".into()],
        );
        assert_eq!(fault!(lookup()), expected);
        assert_eq!(
            fault!(Box::<dyn Error + Send + Sync>::from(lookup())),
            expected
        );
        assert_eq!(fault!(Box::<dyn Error>::from(lookup())), expected);
        assert_eq!(
            fault!("just text"),
            ("str".into(), "just text".into(), vec![])
        );
        assert_eq!(fault!(Plain), ("Plain".into(), "Plain".into(), vec![]));
        assert_eq!(fault!(Bare).0, "Bare");
        assert_eq!(
            fault!(ExitCode::from(3)),
            ("ExitCode".into(), "exit code 3".into(), vec![])
        );
    }

    #[test]
    fn a_status_is_found_where_a_client_shows_one() {
        assert_eq!(
            http_status("Api { status: 429, body: .. }"),
            Some("429".into())
        );
        assert_eq!(http_status("Api { status: 200 }"), None);
        assert_eq!(http_status("Api { count: 429 }"), None);
    }
}
