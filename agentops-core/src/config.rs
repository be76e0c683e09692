//! What the recorder is told: by code, else by the environment, else by default.

use std::path::PathBuf;

use crate::client::{self, Guard};
use crate::error::Error;
use crate::export::SpanExporter;
use crate::export::spool::Spool;
use crate::model::event::Resource;
use crate::model::options::{self, Lookup, Unparsable};
use crate::model::span::Level;
use crate::monitor::host;
use crate::record::session::AutomaticSession;

/// Describes how to record; [`init`](Builder::init) starts it. See [`builder`].
#[derive(Default)]
#[must_use = "nothing is recorded before `init()`"]
pub struct Builder {
    home: Option<PathBuf>,
    service_name: Option<String>,
    project: Option<String>,
    trace_name: Option<String>,
    /// What the automatic session is called where nobody says.
    crate_name: Option<String>,
    default_tags: Option<Vec<String>>,
    auto_start_session: Option<bool>,
    capture_content: Option<bool>,
    busy_time: Option<bool>,
    min_level: Option<Level>,
    env_data_opt_out: Option<bool>,
    disabled: Option<bool>,
    #[cfg(feature = "signals")]
    handle_signals: bool,
    #[cfg(feature = "tracing")]
    install_tracing: bool,
    exporters: Vec<Box<dyn SpanExporter>>,
    spool: bool,
}

/// Everything decided.
pub(crate) struct Config {
    pub(crate) resource: Resource,
    pub(crate) automatic: AutomaticSession,
    pub(crate) capture_content: bool,
    pub(crate) busy_time: bool,
    pub(crate) min_level: Level,
    pub(crate) disabled: bool,
    #[cfg(feature = "signals")]
    pub(crate) handle_signals: bool,
    #[cfg(feature = "tracing")]
    pub(crate) install_tracing: bool,
    pub(crate) exporters: Vec<Box<dyn SpanExporter>>,
}

impl Config {
    /// For tests that look at what was recorded: all there is, for nobody else, whatever the environment says.
    pub(crate) fn for_tests() -> Self {
        Self {
            resource: Resource {
                service: program(),
                pid: Some(u64::from(std::process::id())),
                host: host::host(),
                ..Resource::default()
            },
            automatic: AutomaticSession::Over,
            capture_content: true,
            busy_time: true,
            min_level: Level::Trace,
            disabled: false,
            #[cfg(feature = "signals")]
            handle_signals: false,
            #[cfg(feature = "tracing")]
            install_tracing: false,
            exporters: Vec::new(),
        }
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

    /// Whether arguments, return values, prompts and answers are recorded; `AGENTOPS_CAPTURE_CONTENT`, else yes.
    pub fn capture_content(mut self, on: bool) -> Self {
        self.capture_content = Some(on);
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
    /// A program that handles these signals itself should leave this off. Unix only.
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

    /// Starts recording, until the guard is dropped.
    ///
    /// # Errors
    ///
    /// Where recording has been started already, or where an environment variable says something that it cannot say.
    /// A home that cannot be written to is no error: what is recorded stays in memory, and one warning says so.
    pub fn init(self) -> Result<Guard, Error> {
        client::start(self.decide(&|name: &str| std::env::var_os(name))?)
    }

    fn decide(self, env: &impl Lookup) -> Result<Config, Error> {
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
        let resource = Resource {
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
        let mut exporters = self.exporters;
        if exporters.is_empty() || self.spool {
            let home = self.home.or_else(|| options::home(|name: &str| env(name)));
            exporters.push(Box::new(home.map_or_else(Spool::nowhere, Spool::at)));
        }
        Ok(Config {
            resource,
            automatic,
            capture_content: switch(self.capture_content, "capture_content")?.unwrap_or(true),
            busy_time: switch(self.busy_time, "busy_time")?.unwrap_or(true),
            min_level: min_level(self.min_level, env)?,
            disabled: switch(self.disabled, "disabled")?.unwrap_or(false),
            #[cfg(feature = "signals")]
            handle_signals: self.handle_signals,
            #[cfg(feature = "tracing")]
            install_tracing: self.install_tracing,
            exporters,
        })
    }
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
            _ => None,
        };
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
        assert!(config.capture_content && !config.disabled);
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
    fn a_variable_that_makes_no_sense_is_an_error() {
        let env = |name: &str| (name == "AGENTOPS_MIN_LEVEL").then(|| "loud".into());
        let error = builder().decide(&env).err().expect("it is refused");
        assert_eq!(
            error.to_string(),
            "AGENTOPS_MIN_LEVEL is \"loud\"; it expects trace, debug, info, warn or error"
        );
    }
}
