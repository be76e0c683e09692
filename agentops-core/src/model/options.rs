//! Every option: its name, its variables, its default. What a variable says is read here; who asks is not known here.

use std::ffi::OsString;
use std::path::PathBuf;

/// One option, as documentation and `doctor` list it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionInfo {
    /// The builder's method.
    pub name: &'static str,
    /// Environment variables, the first that is set counts.
    pub variables: &'static [&'static str],
    /// What holds where nobody says anything.
    pub default: &'static str,
    /// What it does.
    pub purpose: &'static str,
}

/// Every option there is.
pub const ALL: &[OptionInfo] = &[
    OptionInfo {
        name: "home",
        variables: &["AGENTOPS_HOME"],
        default: "the platform's data directory",
        purpose: "where sessions are kept on this machine",
    },
    OptionInfo {
        name: "spool_limit",
        variables: &["AGENTOPS_SPOOL_LIMIT"],
        default: "4 GiB",
        purpose: "how much is kept on this machine, in bytes or as `512M` or `4G`; the oldest is removed first",
    },
    OptionInfo {
        name: "service_name",
        variables: &["AGENTOPS_SERVICE_NAME", "OTEL_SERVICE_NAME"],
        default: "the program's file name",
        purpose: "the program, as sessions show it",
    },
    OptionInfo {
        name: "project",
        variables: &["AGENTOPS_PROJECT"],
        default: "default",
        purpose: "the project that sessions belong to",
    },
    OptionInfo {
        name: "trace_name",
        variables: &["AGENTOPS_TRACE_NAME"],
        default: "the crate's name under `#[agentops::main]`, else the service name",
        purpose: "the name of the automatic session",
    },
    OptionInfo {
        name: "default_tags",
        variables: &["AGENTOPS_DEFAULT_TAGS"],
        default: "none",
        purpose: "tags of the automatic session; separated by commas in the variable",
    },
    OptionInfo {
        name: "auto_start_session",
        variables: &["AGENTOPS_AUTO_START_SESSION"],
        default: "true",
        purpose: "one session for all that runs outside any; off for servers, where each such span gets its own",
    },
    OptionInfo {
        name: "capture_content",
        variables: &[
            "AGENTOPS_CAPTURE_CONTENT",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        ],
        default: "true",
        purpose: "whether inputs, outputs, messages, log texts and what errors say are recorded",
    },
    OptionInfo {
        name: "redact_keys",
        variables: &["AGENTOPS_REDACT_KEYS"],
        default: "none",
        purpose: "more names of what is secret; separated by commas in the variable, which adds to the code's",
    },
    OptionInfo {
        name: "redact_defaults",
        variables: &["AGENTOPS_REDACT_DEFAULTS"],
        default: "true",
        purpose: "whether names and forms of secrets that are known are looked for",
    },
    OptionInfo {
        name: "redact_pointers",
        variables: &[],
        default: "none",
        purpose: "places in inputs and outputs that nobody may see, as JSON pointers",
    },
    OptionInfo {
        name: "redact",
        variables: &[],
        default: "none",
        purpose: "a closure that is asked about every value",
    },
    OptionInfo {
        name: "string_limit",
        variables: &["AGENTOPS_STRING_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
        default: "65536",
        purpose: "bytes of a string that are kept; 1 MiB in model calls, unless this is more",
    },
    OptionInfo {
        name: "collection_limit",
        variables: &["AGENTOPS_COLLECTION_LIMIT"],
        default: "10000",
        purpose: "elements of a collection that are kept",
    },
    OptionInfo {
        name: "busy_time",
        variables: &["AGENTOPS_BUSY_TIME"],
        default: "true",
        purpose: "whether the time inside polls of async functions is measured",
    },
    OptionInfo {
        name: "min_level",
        variables: &["AGENTOPS_MIN_LEVEL"],
        default: "trace",
        purpose: "spans below this level are not recorded: trace, debug, info, warn or error",
    },
    OptionInfo {
        name: "env_data_opt_out",
        variables: &["AGENTOPS_ENV_DATA_OPT_OUT"],
        default: "false",
        purpose: "leaves the host out of what is recorded",
    },
    OptionInfo {
        name: "overflow",
        variables: &["AGENTOPS_OVERFLOW"],
        default: "wait",
        purpose: "what a thread does that makes spans faster than they are taken: wait for a moment, or drop them",
    },
    OptionInfo {
        name: "overflow_limit",
        variables: &["AGENTOPS_OVERFLOW_LIMIT"],
        default: "1 GiB",
        purpose: "bytes that may wait on disk for each exporter but the spool",
    },
    OptionInfo {
        name: "prices",
        variables: &["AGENTOPS_PRICES"],
        default: "`prices.json` in the directory `agentops` of the platform's configuration",
        purpose: "a file with prices of your own; for programs with the feature `pricing`, and for the `agentops` command",
    },
    OptionInfo {
        name: "estimate_usage",
        variables: &["AGENTOPS_ESTIMATE_USAGE"],
        default: "false",
        purpose: "estimates the tokens of streams that nobody counted, from the length of their texts, and marks them",
    },
    OptionInfo {
        name: "disabled",
        variables: &["AGENTOPS_DISABLED", "OTEL_SDK_DISABLED"],
        default: "false",
        purpose: "records nothing",
    },
];

/// The options' table for documentation, as Markdown.
#[must_use]
pub fn table() -> String {
    let mut table =
        String::from("| option | environment | default | what it does |\n|---|---|---|---|\n");
    for option in ALL {
        let variables: Vec<_> = option
            .variables
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let row = [
            format!("`{}`", option.name),
            if variables.is_empty() {
                "in code alone".into()
            } else {
                variables.join(", ")
            },
            option.default.into(),
            option.purpose.into(),
        ];
        table.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    table
}

/// A value that an option cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unparsable {
    /// The variable.
    pub variable: &'static str,
    /// What it says.
    pub value: String,
    /// What it may say.
    pub expected: &'static str,
}

/// A way to look up a variable.
pub trait Lookup: Fn(&str) -> Option<OsString> {}
impl<F: Fn(&str) -> Option<OsString>> Lookup for F {}

/// The first of an option's variables that is set, as text, with its name.
pub fn text(env: &impl Lookup, option: &str) -> Option<(&'static str, String)> {
    let variables = ALL.iter().find(|info| info.name == option)?.variables;
    variables.iter().find_map(|name| {
        let value = env(name)?.to_string_lossy().trim().to_owned();
        (!value.is_empty()).then_some((*name, value))
    })
}

/// A switch. AgentOps' and OpenTelemetry's spellings both count.
///
/// # Errors
///
/// Where the variable says something else.
pub fn switch(env: &impl Lookup, option: &str) -> Result<Option<bool>, Unparsable> {
    let Some((variable, value)) = text(env, option) else {
        return Ok(None);
    };
    match &*value.to_ascii_lowercase() {
        "true" | "1" | "t" | "yes" | "on" => Ok(Some(true)),
        "false" | "0" | "f" | "no" | "off" => Ok(Some(false)),
        _ => Err(Unparsable {
            variable,
            value,
            expected: "true or false",
        }),
    }
}

/// A whole number.
///
/// # Errors
///
/// Where the variable says something else.
pub fn number(env: &impl Lookup, option: &str) -> Result<Option<usize>, Unparsable> {
    let Some((variable, value)) = text(env, option) else {
        return Ok(None);
    };
    let number = value.parse().map(Some);
    number.map_err(|_| Unparsable {
        variable,
        value,
        expected: "a whole number",
    })
}

/// A number of bytes: digits, and `K`, `M` or `G` for powers of 1024, with or without `B` or `iB`.
///
/// # Errors
///
/// Where the variable says something else.
pub fn bytes(env: &impl Lookup, option: &str) -> Result<Option<u64>, Unparsable> {
    let Some((variable, value)) = text(env, option) else {
        return Ok(None);
    };
    parse_bytes(&value).map(Some).ok_or(Unparsable {
        variable,
        value,
        expected: "a number of bytes, such as 536870912, 512M or 4G",
    })
}

fn parse_bytes(value: &str) -> Option<u64> {
    let end = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (digits, unit) = value.split_at(end);
    let shift = match &*unit.trim_start().to_ascii_lowercase() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Words separated by commas.
pub fn words(env: &impl Lookup, option: &str) -> Option<Vec<String>> {
    let (_, value) = text(env, option)?;
    Some(
        value
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(Into::into)
            .collect(),
    )
}

/// A file with prices of the user's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricesFile {
    /// Where it is.
    pub path: PathBuf,
    /// Somebody named it, so that its absence is a mistake.
    pub chosen: bool,
}

/// The price table that `agentops prices update` keeps: `agentops/price-table.json` where the platform keeps
/// configuration. `None` where that is not known.
pub fn price_table(env: impl Lookup) -> Option<PathBuf> {
    Some(configuration(&env)?.join("price-table.json"))
}

/// The file with prices: `AGENTOPS_PRICES`, else `agentops/prices.json` where the platform keeps configuration.
///
/// `None` where neither is known.
pub fn prices(env: impl Lookup) -> Option<PricesFile> {
    let chosen = env("AGENTOPS_PRICES").filter(|value| !value.is_empty());
    if let Some(path) = chosen.map(PathBuf::from) {
        return Some(PricesFile { path, chosen: true });
    }
    Some(PricesFile {
        path: configuration(&env)?.join("prices.json"),
        chosen: false,
    })
}

/// The directory `agentops` where the platform keeps configuration.
fn configuration(env: &impl Lookup) -> Option<PathBuf> {
    let set = |name: &str| {
        env(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = || set("HOME");
    let base = if cfg!(target_os = "windows") {
        set("APPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        let xdg = set("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
        xdg.or_else(|| home().map(|home| home.join(".config")))
    };
    base.map(|base| base.join("agentops"))
}

/// The directory that sessions are kept in: `AGENTOPS_HOME`, else the platform's data directory.
///
/// `None` where neither is known.
pub fn home(env: impl Lookup) -> Option<PathBuf> {
    let set = |name: &str| {
        env(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("AGENTOPS_HOME").or_else(|| data_directory(set))
}

// Written for macOS and Windows, compiled on Linux only so far.
fn data_directory(set: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let home = || set("HOME");
    let base = if cfg!(target_os = "windows") {
        set("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        // The XDG Base Directory Specification: a relative path there is to be ignored.
        let xdg = set("XDG_DATA_HOME").filter(|path| path.is_absolute());
        xdg.or_else(|| home().map(|home| home.join(".local/share")))
    };
    base.map(|base| base.join("agentops"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &'static [(&'static str, &'static str)]) -> impl Lookup {
        |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into())
        }
    }

    #[test]
    fn the_home_is_where_the_platform_keeps_data() {
        assert_eq!(
            home(env(&[("AGENTOPS_HOME", "/x"), ("HOME", "/h")])),
            Some("/x".into())
        );
        if cfg!(target_os = "linux") {
            assert_eq!(
                home(env(&[("HOME", "/h")])),
                Some("/h/.local/share/agentops".into())
            );
            assert_eq!(
                home(env(&[("XDG_DATA_HOME", "/d"), ("HOME", "/h")])),
                Some("/d/agentops".into())
            );
            assert_eq!(
                home(env(&[("XDG_DATA_HOME", "d"), ("HOME", "/h")])),
                Some("/h/.local/share/agentops".into())
            );
        }
        assert_eq!(home(env(&[])), None);
    }

    #[test]
    fn prices_are_where_somebody_says_or_where_configuration_is() {
        let path = |env| prices(env).map(|file| (file.path, file.chosen));
        assert_eq!(
            path(env(&[("AGENTOPS_PRICES", "p.json"), ("HOME", "/h")])),
            Some(("p.json".into(), true))
        );
        if cfg!(target_os = "linux") {
            let beside = Some(("/h/.config/agentops/prices.json".into(), false));
            assert_eq!(path(env(&[("HOME", "/h")])), beside);
            let table = price_table(env(&[("AGENTOPS_PRICES", "p.json"), ("HOME", "/h")]));
            assert_eq!(table, Some("/h/.config/agentops/price-table.json".into()));
        }
        assert_eq!(prices(env(&[])), None);
    }

    #[test]
    fn the_first_variable_that_is_set_counts() {
        let both = env(&[("AGENTOPS_SERVICE_NAME", " "), ("OTEL_SERVICE_NAME", "b")]);
        assert_eq!(
            text(&both, "service_name"),
            Some(("OTEL_SERVICE_NAME", "b".into()))
        );
        assert_eq!(
            switch(&env(&[("AGENTOPS_DISABLED", "YES")]), "disabled"),
            Ok(Some(true))
        );
        assert!(switch(&env(&[("AGENTOPS_DISABLED", "maybe")]), "disabled").is_err());
        let tags = env(&[("AGENTOPS_DEFAULT_TAGS", "a, b,,c")]);
        assert_eq!(
            words(&tags, "default_tags"),
            Some(vec!["a".into(), "b".into(), "c".into()])
        );
    }

    #[test]
    fn bytes_have_units() {
        for (said, expected) in [
            ("4096", Some(4096)),
            ("512M", Some(512 << 20)),
            ("4 GiB", Some(4 << 30)),
            ("1kb", Some(1024)),
            ("", None),
            ("M", None),
            ("-1", None),
            ("1.5G", None),
            ("18446744073709551615G", None),
        ] {
            assert_eq!(parse_bytes(said), expected, "{said}");
        }
    }

    #[test]
    fn every_option_has_a_row() {
        assert_eq!(table().lines().count(), ALL.len() + 2);
    }
}
