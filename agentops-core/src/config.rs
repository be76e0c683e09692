//! What the recorder is told: by code, else by the environment, else by default.

use std::path::PathBuf;

use crate::client::{self, Guard};
use crate::error::Error;
use crate::export::spool::Spool;
use crate::export::{OverflowTo, SpanExporter};
use crate::model::event::Resource;
#[cfg(feature = "pricing")]
use crate::model::options::PricesFile;
use crate::model::options::{self, Lookup, Unparsable};
#[cfg(feature = "pricing")]
use crate::model::pricing::PriceList;
use crate::model::span::Level;
use crate::monitor::host;
use crate::process::redact::{Redact, Redactor, Rules};
use crate::record::session::AutomaticSession;
use crate::record::value;

/// Describes how to record; [`init`](Builder::init) starts it. See [`builder`].
///
/// # What is redacted
///
/// Secrets are replaced by `[redacted]` before anything is written or sent: in inputs, outputs, attributes, logs,
/// errors and panics, messages and parameters of model calls, and in names, tags and all else that is said of sessions,
/// spans and agents. First model calls are recognised, then secrets are taken out, then what is too long is cut: what a
/// call took is known whatever is redacted, and no secret is cut in half and left.
///
/// **By name.** What stands under one of these is replaced whole, whatever its type. Names are found as whole words,
/// in any case and however they are joined ([`redact_keys`](Self::redact_keys) adds to them): `access key`, `api key`,
/// `authorization`, `cookie`, `credential`, `encryption key`, `jwt`, `passcode`, `passphrase`, `passwd`, `password`,
/// `private key`, `pwd`, `secret`, `signing key`, and most of them in the plural; and `token`, where it is the last word
/// or goes on with `value`, `string`, `text`, `data`, `header` or `raw`, and does not follow a word that counts tokens or
/// tells one of many (`max`, `prompt`, `total`, `per`, `first`, `eos`, …).
///
/// **By form**, anywhere in a text, where a word begins. Only the secret itself is replaced.
///
/// | secret | what is looked for | from |
/// |---|---|---|
/// | OpenAI, Anthropic and those like them | `sk-` and 16 of `A-Za-z0-9_-` after `sk-ant-`, `sk-proj-`, `sk-svcacct-`, `sk-admin-`, `sk-or-`; else a piece without dashes of 8 with a digit, or of 24, must be among them | their keys |
/// | AWS | `AKIA`, `ASIA` and 16 of `A-Z0-9` | IAM identifiers |
/// | GitHub | `ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_`, `github_pat_` and 20 of `A-Za-z0-9_` | GitHub's token formats |
/// | Slack | `xoxa-`, `xoxb-`, `xoxd-`, `xoxe-`, `xoxp-`, `xoxr-`, `xoxs-`, `xapp-` and 10 of `A-Za-z0-9_-` | Slack's token types |
/// | Google | `AIza` and 30 of `A-Za-z0-9_-` | Google Cloud's API keys |
/// | GitLab, Hugging Face, Groq, npm, xAI, Stripe | `glpat-` and 20, `hf_`, `gsk_`, `npm_` and 30, `xai-` and 40, `sk_live_`, `sk_test_`, `rk_live_`, `rk_test_`, `whsec_` and 16 | their keys |
/// | bearer tokens | `Bearer ` and 16 of `A-Za-z0-9-._~+/=` with a digit among them | RFC 6750 |
/// | HTTP credentials | what follows `Authorization` and `Basic`, `Bearer`, `Token` or `ApiKey`, to the next space, quote, comma or semicolon | RFC 9110, 7617 |
/// | JSON Web Tokens | `eyJ…`, a dot, 8 of `A-Za-z0-9_-`, a dot, and what follows; the first part is 8 long at least | RFC 7515, 7516 |
/// | private keys | from `-----BEGIN … PRIVATE KEY…-----` to the end of its END line, or of the text | RFC 7468 |
/// | passwords in URLs | what is between the first colon and the last `@` of `scheme://user:password@host` | RFC 3986 |
///
/// Lengths are the least. Text that begins with `{` or `[` is read as JSON, as far as it is: names count in it too.
/// In other text (what `Debug` prints, for one) they count before a colon and a text in quotes: `password: "…"`,
/// `"api_key": Some("…")`; not before numbers, and not in prose. In keys of maps secrets are known by their form only.
///
/// **By place**: [`redact_pointers`](Self::redact_pointers). **By your own code**: [`redact`](Self::redact). By type:
/// [`opaque!`](crate::opaque) and [`Capture`](crate::Capture), which take effect before a value is even looked at.
#[derive(Default)]
#[must_use = "nothing is recorded before `init()`"]
pub struct Builder {
    home: Option<PathBuf>,
    spool_limit: Option<u64>,
    service_name: Option<String>,
    project: Option<String>,
    trace_name: Option<String>,
    /// What the automatic session is called where nobody says.
    crate_name: Option<String>,
    default_tags: Option<Vec<String>>,
    auto_start_session: Option<bool>,
    capture_content: Option<bool>,
    redaction: Rules,
    redact_defaults: Option<bool>,
    string_limit: Option<usize>,
    collection_limit: Option<usize>,
    busy_time: Option<bool>,
    min_level: Option<Level>,
    estimate_usage: Option<bool>,
    env_data_opt_out: Option<bool>,
    disabled: Option<bool>,
    #[cfg(feature = "signals")]
    handle_signals: bool,
    #[cfg(feature = "tracing")]
    install_tracing: bool,
    exporters: Vec<Box<dyn SpanExporter>>,
    spool: bool,
    overflow: Option<Overflow>,
    overflow_limit: Option<u64>,
    #[cfg(feature = "pricing")]
    prices: Option<PathBuf>,
}

/// What a thread does that makes records faster than they can be taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// It waits for a moment, for as long as the threads behind the recorder get on; nothing is lost.
    #[default]
    Wait,
    /// It goes on at once; spans that found no room are counted, and each loss is told with its session.
    Drop,
}

/// Everything decided.
pub(crate) struct Config {
    pub(crate) resource: Resource,
    pub(crate) automatic: AutomaticSession,
    pub(crate) capture_content: bool,
    pub(crate) redactor: Redactor,
    pub(crate) string_limit: usize,
    pub(crate) collection_limit: usize,
    pub(crate) busy_time: bool,
    pub(crate) min_level: Level,
    pub(crate) estimate_usage: bool,
    pub(crate) disabled: bool,
    #[cfg(feature = "signals")]
    pub(crate) handle_signals: bool,
    #[cfg(feature = "tracing")]
    pub(crate) install_tracing: bool,
    pub(crate) exporters: Vec<Box<dyn SpanExporter>>,
    pub(crate) overflow: Overflow,
    pub(crate) overflow_to: OverflowTo,
    #[cfg(feature = "pricing")]
    pub(crate) prices: PriceList,
}

/// Bytes that may wait on disk for one exporter.
const OVERFLOW_LIMIT: u64 = 1 << 30;

impl Config {
    /// For tests that look at what was recorded: all there is, for nobody else, whatever the environment says.
    pub(crate) fn for_tests() -> Result<Self, Error> {
        let mut config = builder().decide(&|_: &str| None)?;
        config.automatic = AutomaticSession::Over;
        config.exporters.clear();
        Ok(config)
    }
}

/// Starts to describe how to record.
///
/// What is not said in code comes from the environment, and from defaults last.
///
/// ```no_run
/// let guard = agentops_core::builder().default_tags(["nightly"]).init()?;
/// # drop(guard);
/// # Ok::<(), agentops_core::Error>(())
/// ```
pub fn builder() -> Builder {
    Builder::default()
}

impl Builder {
    /// Where sessions are kept on this machine; `AGENTOPS_HOME`.
    pub fn home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// How many bytes all that is kept on this machine may have together; `AGENTOPS_SPOOL_LIMIT`, else 4 GiB.
    ///
    /// The oldest is removed first, and how many spans that were is said by `agentops sessions`.
    pub fn spool_limit(mut self, bytes: u64) -> Self {
        self.spool_limit = Some(bytes);
        self
    }

    /// The program, as sessions show it; `AGENTOPS_SERVICE_NAME`, `OTEL_SERVICE_NAME`, else the program's file name.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// The project that sessions belong to; `AGENTOPS_PROJECT`, else `default`.
    pub fn project(mut self, project: impl Into<String>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// The automatic session's name; `AGENTOPS_TRACE_NAME`, else the service name.
    pub fn trace_name(mut self, name: impl Into<String>) -> Self {
        self.trace_name = Some(name.into());
        self
    }

    pub(crate) fn crate_name(mut self, name: &str) -> Self {
        self.crate_name = Some(name.into());
        self
    }

    /// Tags of the automatic session; `AGENTOPS_DEFAULT_TAGS`, separated by commas.
    pub fn default_tags(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.default_tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// Whether all that runs outside any session shares one; `AGENTOPS_AUTO_START_SESSION`, else yes.
    ///
    /// Servers turn it off: there each span outside a session gets a session of its own, never another tenant's.
    pub fn auto_start_session(mut self, on: bool) -> Self {
        self.auto_start_session = Some(on);
        self
    }

    /// Whether content is recorded; `AGENTOPS_CAPTURE_CONTENT`, else yes.
    ///
    /// Content is what programs and models say: inputs, outputs, messages of model calls, messages and fields of logs,
    /// and what errors and panics say of themselves, with their causes and backtraces. Without it there are still
    /// names, kinds, times and tags; models, tokens, costs, parameters and finish reasons; codes and types of errors;
    /// and what was attached by hand: attributes, also those of `attributes(…)` and `returns(…)`, and reasons.
    pub fn capture_content(mut self, on: bool) -> Self {
        self.capture_content = Some(on);
        self
    }

    /// More names of what is secret, beside [those known](#what-is-redacted); `AGENTOPS_REDACT_KEYS`, separated by
    /// commas, adds to these.
    ///
    /// A name is found as whole words, however they are joined: `credit card` is `creditCard`, `CREDIT_CARD`,
    /// `x-credit-card-number` and `creditcard`, and no part of `creditcards`. Whatever stands under such a name is
    /// `"[redacted]"`: an argument, an attribute, a key of an object or a map at any depth, also within JSON text.
    pub fn redact_keys(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.redaction.keys.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Whether names and forms of secrets that are [known](#what-is-redacted) are looked for;
    /// `AGENTOPS_REDACT_DEFAULTS`, else yes.
    pub fn redact_defaults(mut self, on: bool) -> Self {
        self.redact_defaults = Some(on);
        self
    }

    /// Places in the input or the output of spans that nobody may see, as JSON pointers (RFC 6901):
    /// `/input/card/number`, `/output/0/ssn`, `/output`. `*` stands for any one key or index: `/input/*/iban`.
    ///
    /// Where what they point at is JSON text, they go on in it. One that is no pointer is refused by [`init`](Self::init).
    pub fn redact_pointers(
        mut self,
        pointers: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.redaction
            .pointers
            .extend(pointers.into_iter().map(Into::into));
        self
    }

    /// Asks about every text, number and boolean that was recorded, and puts something else in its place where it says
    /// so. See [`Redact`].
    ///
    /// It runs on a thread of the recorder's, never on the program's, and before secrets are looked for by their form.
    /// It may be asked twice about one value: when a span is still open, and when it has ended. Where it panics the value
    /// is `"[redacted]"`; what it records itself is not recorded. While it works the program goes on; a program that has
    /// recorded more than fits in between waits for it, for as long as each call takes less than 100 ms.
    pub fn redact(mut self, ask: impl Fn(&mut Redact<'_>) + Send + 'static) -> Self {
        self.redaction.closure = Some(Box::new(ask));
        self
    }

    /// How many bytes of a string are kept; `AGENTOPS_STRING_LIMIT`, `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else 64 KiB.
    ///
    /// In model calls it is 1 MiB, unless this is more; names, keys and codes keep 256 bytes, unless this is more. What is
    /// cut shows as `{"$truncated": {"bytes": 70000}, "text": "…"}`.
    pub fn string_limit(mut self, bytes: usize) -> Self {
        self.string_limit = Some(bytes);
        self
    }

    /// How many elements of a collection are kept; `AGENTOPS_COLLECTION_LIMIT`, else 10 000.
    ///
    /// Never fewer than 32, and in model calls never fewer than 10 000: among them stands what the call took.
    /// Where there are more, `"$truncated": {"bytes": null}` stands in their place.
    pub fn collection_limit(mut self, elements: usize) -> Self {
        self.collection_limit = Some(elements);
        self
    }

    /// Whether the time inside polls is measured; `AGENTOPS_BUSY_TIME`, else yes. Costs two readings of the clock for
    /// each poll but the first and the last.
    pub fn busy_time(mut self, on: bool) -> Self {
        self.busy_time = Some(on);
        self
    }

    /// Spans below this level are not recorded; `AGENTOPS_MIN_LEVEL`, else all are.
    pub fn min_level(mut self, level: Level) -> Self {
        self.min_level = Some(level);
        self
    }

    /// Estimates the tokens of streams that end without a count; `AGENTOPS_ESTIMATE_USAGE`, else no, and then their
    /// usage and their cost are not known.
    ///
    /// The rule is one of thumb, *four letters to a token*: a letter of ASCII counts a quarter of a token, one that takes
    /// two bytes in UTF-8 a half, any other a whole one, and each message of the prompt four tokens more. All of what was
    /// asked and answered counts, with the tools that were offered and called. It is no tokenizer, and does not know the
    /// model: beside OpenAI's (`cl100k_base`, `o200k_base`) it came out
    /// between 10 % too low and 24 % too high on English, German, Chinese, Japanese, source text and JSON, and up to 85 %
    /// too high on Russian.
    ///
    /// What is estimated says so: `usage.estimated` is true, a cost that comes of it is `estimated`, too, and so is the
    /// session's; in trees it has a `~`. Not estimated is a call that a provider has counted even in part; one with
    /// pictures, sound or files in it; one of which the prompt is not known, or the answer was too long to be kept; and
    /// any that was not streamed.
    ///
    /// ```no_run
    /// let guard = agentops_core::builder().estimate_usage(true).init()?;
    /// # drop(guard);
    /// # Ok::<(), agentops_core::Error>(())
    /// ```
    pub fn estimate_usage(mut self, on: bool) -> Self {
        self.estimate_usage = Some(on);
        self
    }

    /// Leaves the host out of what is recorded; `AGENTOPS_ENV_DATA_OPT_OUT`.
    pub fn env_data_opt_out(mut self, opt_out: bool) -> Self {
        self.env_data_opt_out = Some(opt_out);
        self
    }

    /// Records nothing; `AGENTOPS_DISABLED`, `OTEL_SDK_DISABLED`.
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = Some(disabled);
        self
    }

    /// Whether SIGINT and SIGTERM end the sessions that are open before the program dies of them; not by default.
    ///
    /// A program that handles these signals itself should leave this off, and so should one that forks: its forks would
    /// hear them and not die. Unix only.
    #[cfg(feature = "signals")]
    pub fn handle_signals(mut self, on: bool) -> Self {
        self.handle_signals = on;
        self
    }

    /// Makes [`layer`](crate::layer) hear the whole program: as its `tracing` subscriber, and as the logger of `log`.
    /// Without this nothing global is ever installed.
    ///
    /// For programs that have neither. Where there is a subscriber already it stays, one warning says so, and recording
    /// starts all the same: add the layer to it instead. A logger that is there already stays, too. What is installed
    /// stays for as long as the program runs, and does nothing while nothing is recorded.
    #[cfg(feature = "tracing")]
    pub fn install_tracing(mut self) -> Self {
        self.install_tracing = true;
        self
    }

    /// Where to send what was recorded. Called again it adds another; not called, it is the spool on this machine.
    pub fn exporter(mut self, exporter: impl SpanExporter + 'static) -> Self {
        self.exporters.push(Box::new(exporter));
        self
    }

    /// Adds the spool to the exporters that are named: sessions stay readable with the `agentops` command.
    pub fn spool(mut self) -> Self {
        self.spool = true;
        self
    }

    /// What happens where spans are made faster than they can be recorded; `AGENTOPS_OVERFLOW`, `wait` or `drop`, else
    /// the thread that makes them waits for a moment.
    ///
    /// ```no_run
    /// use agentops_core::{Overflow, builder};
    ///
    /// let guard = builder().overflow(Overflow::Drop).init()?;
    /// # drop(guard);
    /// # Ok::<(), agentops_core::Error>(())
    /// ```
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = Some(overflow);
        self
    }

    /// Bytes that may wait on disk for an exporter that is slow or away; `AGENTOPS_OVERFLOW_LIMIT`, else 1 GiB.
    ///
    /// They wait below the home, in files without a name that the system removes with the process. Where there is no
    /// room left either, inputs and outputs are left out first, then whole spans, and all of it is counted.
    pub fn overflow_limit(mut self, bytes: u64) -> Self {
        self.overflow_limit = Some(bytes);
        self
    }

    /// A file with prices of your own, which come before those that are built in; `AGENTOPS_PRICES`, else
    /// `agentops/prices.json` in the platform's configuration directory, where that exists.
    ///
    /// It is JSON: what a million tokens of each model cost in USD,
    /// `{"my-model": {"input": 1.0, "output": 2.0, "cache_read": 0.1, "cache_write": 1.25}}`, or a whole table in the
    /// format of `genai-prices`. A file that cannot be used is said once, and none of it counts. The `agentops` command
    /// prices what the program did not: give it the same file. A newer table that `agentops prices update` has taken is
    /// read in either case, and comes after it.
    ///
    /// ```no_run
    /// let guard = agentops_core::builder().prices("prices.json").init()?;
    /// # drop(guard);
    /// # Ok::<(), agentops_core::Error>(())
    /// ```
    #[cfg(feature = "pricing")]
    pub fn prices(mut self, file: impl Into<PathBuf>) -> Self {
        self.prices = Some(file.into());
        self
    }

    /// Starts recording, until the guard is dropped.
    ///
    /// # Errors
    ///
    /// Where recording has been started already, or where an environment variable says something that it cannot say.
    /// A home that cannot be written to is no error: what is recorded stays in memory, and one warning says so.
    pub fn init(self) -> Result<Guard, Error> {
        client::start(self.decide(&|name: &str| std::env::var_os(name))?)
    }

    fn decide(mut self, env: &impl Lookup) -> Result<Config, Error> {
        let switch = |said: Option<bool>, option| match said {
            Some(said) => Ok(Some(said)),
            None => options::switch(env, option),
        };
        let text =
            |said: Option<String>, option| said.or_else(|| Some(options::text(env, option)?.1));
        let service = text(self.service_name, "service_name").unwrap_or_else(program);
        let automatic = if switch(self.auto_start_session, "auto_start_session")?.unwrap_or(true) {
            let name = text(self.trace_name, "trace_name")
                .or(self.crate_name)
                .unwrap_or_else(|| service.clone());
            let tags = self
                .default_tags
                .or_else(|| options::words(env, "default_tags"))
                .unwrap_or_default();
            AutomaticSession::Named { name, tags }
        } else {
            AutomaticSession::Off
        };
        let opt_out = switch(self.env_data_opt_out, "env_data_opt_out")?.unwrap_or(false);
        let mut resource = Resource {
            service,
            project: text(self.project, "project").unwrap_or_default(),
            service_version: None,
            pid: (!opt_out).then(|| u64::from(std::process::id())),
            host: if opt_out {
                host::anonymous()
            } else {
                host::host()
            },
        };
        let bytes = |said: Option<u64>, option| match said {
            Some(said) => Ok(Some(said)),
            None => options::bytes(env, option),
        };
        let mut exporters = self.exporters;
        let home = self.home.or_else(|| options::home(|name: &str| env(name)));
        let overflow_to = OverflowTo {
            directory: home
                .as_ref()
                .map_or_else(std::env::temp_dir, |home| home.join("overflow")),
            limit: bytes(self.overflow_limit, "overflow_limit")?.unwrap_or(OVERFLOW_LIMIT),
        };
        if exporters.is_empty() || self.spool {
            let mut spool = home.map_or_else(Spool::nowhere, Spool::at);
            if let Some(limit) = bytes(self.spool_limit, "spool_limit")? {
                spool = spool.limit(limit);
            }
            exporters.push(Box::new(spool));
        }
        let number = |said: Option<usize>, option, default| match said {
            Some(said) => Ok(said),
            None => options::number(env, option).map(|said| said.unwrap_or(default)),
        };
        let string_limit = number(self.string_limit, "string_limit", value::STRING_LIMIT)?;
        let capture_content = switch(self.capture_content, "capture_content")?.unwrap_or(true);
        // A name that the environment adds is one that somebody wants hidden, whatever the code says.
        self.redaction
            .keys
            .extend(options::words(env, "redact_keys").unwrap_or_default());
        let redactor = Redactor::new(Rules {
            defaults: switch(self.redact_defaults, "redact_defaults")?.unwrap_or(true),
            content: capture_content,
            string_limit,
            ..self.redaction
        })?;
        redactor.resource(&mut resource);
        Ok(Config {
            resource,
            automatic,
            capture_content,
            redactor,
            string_limit,
            collection_limit: number(
                self.collection_limit,
                "collection_limit",
                value::COLLECTION_LIMIT,
            )?,
            busy_time: switch(self.busy_time, "busy_time")?.unwrap_or(true),
            estimate_usage: switch(self.estimate_usage, "estimate_usage")?.unwrap_or(false),
            min_level: min_level(self.min_level, env)?,
            disabled: switch(self.disabled, "disabled")?.unwrap_or(false),
            #[cfg(feature = "signals")]
            handle_signals: self.handle_signals,
            #[cfg(feature = "tracing")]
            install_tracing: self.install_tracing,
            exporters,
            overflow: overflow(self.overflow, env)?,
            overflow_to,
            #[cfg(feature = "pricing")]
            prices: prices(self.prices, env),
        })
    }
}

/// A file that is wrong is no reason not to record.
#[cfg(feature = "pricing")]
#[expect(
    clippy::print_stderr,
    reason = "there is nobody else to tell, and the program runs on"
)]
fn prices(said: Option<PathBuf>, env: &impl Lookup) -> PriceList {
    let said = said.map(|path| PricesFile { path, chosen: true });
    let (mut list, mut warnings) = (PriceList::default(), [None, None]);
    if let Some(file) = said.or_else(|| options::prices(env)) {
        (list, warnings[0]) = PriceList::with_file(&file, std::fs::read(&file.path));
    }
    if let Some(path) = options::price_table(env) {
        (list, warnings[1]) = list.with_table_file(&path, std::fs::read(&path));
    }
    for warning in warnings.into_iter().flatten() {
        eprintln!("agentops: {warning}");
    }
    list
}

fn min_level(said: Option<Level>, env: &impl Lookup) -> Result<Level, Unparsable> {
    if let Some(said) = said {
        return Ok(said);
    }
    let Some((variable, value)) = options::text(env, "min_level") else {
        return Ok(Level::Trace);
    };
    value.parse().map_err(|_| Unparsable {
        variable,
        value,
        expected: "trace, debug, info, warn or error",
    })
}

fn overflow(said: Option<Overflow>, env: &impl Lookup) -> Result<Overflow, Unparsable> {
    if let Some(said) = said {
        return Ok(said);
    }
    match options::text(env, "overflow") {
        None => Ok(Overflow::Wait),
        Some((_, value)) if value.eq_ignore_ascii_case("wait") => Ok(Overflow::Wait),
        Some((_, value)) if value.eq_ignore_ascii_case("drop") => Ok(Overflow::Drop),
        Some((variable, value)) => Err(Unparsable {
            variable,
            value,
            expected: "wait or drop",
        }),
    }
}

/// The program's file name, without directories and endings.
fn program() -> String {
    let path = std::env::current_exe()
        .ok()
        .or_else(|| std::env::args_os().next().map(PathBuf::from));
    let stem = path.and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    stem.unwrap_or_else(|| "unknown".into())
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("exporters", &self.exporters.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_comes_before_the_environment_and_that_before_defaults() {
        let env = |name: &str| match name {
            "AGENTOPS_SERVICE_NAME" => Some("from env".into()),
            "OTEL_SERVICE_NAME" => Some("from otel".into()),
            "AGENTOPS_DEFAULT_TAGS" => Some("a,b".into()),
            "AGENTOPS_ESTIMATE_USAGE" => Some("1".into()),
            _ => None,
        };
        let quiet = builder().estimate_usage(false).decide(&env);
        assert!(!quiet.expect("it is decided").estimate_usage);
        let nobody = builder().decide(&|_: &str| None);
        assert!(!nobody.expect("it is decided").estimate_usage);
        let config = builder()
            .trace_name("from code")
            .decide(&env)
            .expect("it is decided");
        assert_eq!(config.resource.service, "from env");
        let expected = AutomaticSession::Named {
            name: "from code".into(),
            tags: vec!["a".into(), "b".into()],
        };
        assert_eq!(config.automatic, expected);
        assert!(config.capture_content && !config.disabled && config.estimate_usage);
        assert_eq!(config.overflow, Overflow::Wait);
        assert!(config.resource.host.sdk.is_some());
    }

    #[test]
    fn opting_out_leaves_the_host_out() {
        let config = builder()
            .env_data_opt_out(true)
            .decide(&|_: &str| None)
            .expect("it is decided");
        assert_eq!(
            (config.resource.host.hostname, config.resource.pid),
            (None, None)
        );
    }

    #[test]
    fn limits_and_names_come_from_both_sides() {
        let env = |name: &str| match name {
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT" => Some("100".into()),
            "AGENTOPS_COLLECTION_LIMIT" => Some("7".into()),
            _ => None,
        };
        let config = builder().decide(&env).expect("it is decided");
        assert_eq!((config.string_limit, config.collection_limit), (100, 7));
        let config = builder()
            .string_limit(5)
            .decide(&env)
            .expect("it is decided");
        assert_eq!(config.string_limit, 5);
        let env = |name: &str| (name == "AGENTOPS_STRING_LIMIT").then(|| "much".into());
        let error = builder().decide(&env).err().expect("it is refused");
        assert_eq!(
            error.to_string(),
            "AGENTOPS_STRING_LIMIT is \"much\"; it expects a whole number"
        );
    }

    #[test]
    fn a_secret_is_no_name_for_a_program() {
        let config = builder()
            .service_name("x sk-0123456789abcdef")
            .decide(&|_: &str| None)
            .expect("it is decided");
        assert_eq!(config.resource.service, "x [redacted]");
    }

    #[test]
    fn a_pointer_that_is_none_is_refused() {
        for pointer in ["", "input", "/a~", "/a~2b"] {
            let error = builder().redact_pointers([pointer]).decide(&|_: &str| None);
            let error = error.err().expect("it is refused");
            assert!(error.is_option(), "{error}");
        }
    }

    #[test]
    fn a_variable_that_makes_no_sense_is_an_error() {
        let env = |name: &str| (name == "AGENTOPS_MIN_LEVEL").then(|| "loud".into());
        let error = builder().decide(&env).err().expect("it is refused");
        assert_eq!(
            error.to_string(),
            "AGENTOPS_MIN_LEVEL is \"loud\"; it expects trace, debug, info, warn or error"
        );
    }

    #[test]
    fn overflow_is_a_choice() {
        let env = |name: &str| match name {
            "AGENTOPS_OVERFLOW" => Some("Drop".into()),
            "AGENTOPS_OVERFLOW_LIMIT" => Some("1000".into()),
            "AGENTOPS_HOME" => Some("home".into()),
            _ => None,
        };
        let config = builder().decide(&env).expect("it is decided");
        let expected = OverflowTo {
            directory: PathBuf::from("home").join("overflow"),
            limit: 1000,
        };
        assert_eq!(
            (config.overflow, config.overflow_to),
            (Overflow::Drop, expected)
        );
        let said = builder().overflow(Overflow::Wait).decide(&env);
        assert_eq!(
            said.map(|config| config.overflow).ok(),
            Some(Overflow::Wait)
        );
        for variable in ["AGENTOPS_OVERFLOW", "AGENTOPS_OVERFLOW_LIMIT"] {
            let env = |name: &str| (name == variable).then(|| "a lot".into());
            assert!(builder().decide(&env).is_err(), "{variable}");
        }
    }
}
