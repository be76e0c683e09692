//! `agentops doctor`: what is configured and from where, what works, what was lost, and what goes unobserved.
//!
//! Looks at the environment, the data directory and the project around the working directory, and changes nothing but
//! what every command does: it takes in the spool.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use agentops_core::model::options;
use agentops_core::model::pricing;
use agentops_core::model::tree::text;
use serde::Serialize;

use super::{DATABASE, Failure, Output, Recorded, readable};
use crate::ingest::spool::Importer;
use crate::store::{Store, Wanted};

/// Say what is configured, what was lost, and what goes unobserved
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Answer with JSON
    #[arg(long)]
    json: bool,
}

/// All that there is to say.
#[derive(Debug, Serialize)]
struct Report {
    data: Data,
    settings: Vec<Setting>,
    /// Variables that begin as ours do and mean nothing.
    unknown_variables: Vec<String>,
    price_table: String,
    lost: BTreeMap<&'static str, u64>,
    clients: Vec<Client>,
}

#[derive(Debug, Serialize)]
struct Data {
    home: PathBuf,
    chosen_by: &'static str,
    database_bytes: u64,
    sessions: u64,
    spans: u64,
    spool_files: usize,
    followed_by_server: bool,
}

#[derive(Debug, Serialize)]
struct Setting {
    option: &'static str,
    variable: &'static str,
    value: String,
}

/// A model client that the project around depends on.
#[derive(Debug, Serialize)]
struct Client {
    name: String,
    version: String,
    /// Something that records it is in the project, too.
    hooked: bool,
    advice: &'static str,
}

/// A crate that talks to models, what hooks it, and what to write.
struct Known {
    name: &'static str,
    hook: Option<&'static str>,
    advice: &'static str,
}

const fn known(name: &'static str, hook: Option<&'static str>, advice: &'static str) -> Known {
    Known { name, hook, advice }
}

/// What the README's table says of each client, in short.
const CLIENTS: &[Known] = &[
    known(
        "async-openai",
        Some("agentops-async-openai"),
        "Client::new().with_http_service(agentops_async_openai::service()), or #[agentops::llm] on your function",
    ),
    known(
        "rig-core",
        Some("agentops-rig"),
        ".connect(agentops_rig::recorded(http)), or agentops::layer() in your subscriber",
    ),
    known(
        "genai",
        None,
        "#[agentops::llm] on your function, or genai's feature `otel` and agentops::layer()",
    ),
    known("ollama-rs", None, "#[agentops::llm] on your function"),
    known("misanthropic", None, "#[agentops::llm] on your function"),
    known(
        "anthropic-ai-sdk",
        None,
        "#[agentops::llm] on your function",
    ),
    known(
        "gemini-rust",
        None,
        "#[agentops::llm] on your function, or agentops::layer()",
    ),
    known(
        "langchain-rust",
        None,
        "agentops::layer() in your subscriber",
    ),
    known(
        "mistralai-client",
        None,
        "#[agentops::llm] on your function",
    ),
    known("openai-api-rs", None, "#[agentops::llm] on your function"),
    known("openai_dive", None, "#[agentops::llm] on your function"),
    known(
        "aws-sdk-bedrockruntime",
        None,
        "current_span().record_llm(…) by hand: its types do not serialise",
    ),
    known(
        "reqwest-middleware",
        Some("agentops-reqwest"),
        ".with(agentops_reqwest::recorder()) where it talks to a model",
    ),
];

pub(super) fn run(args: &Args, output: &mut Output) -> Result<(), Failure> {
    let recorded = readable()?;
    let report = look(&recorded)?;
    if args.json {
        return output.json(&report);
    }
    output.text(&told(&report))
}

fn look(recorded: &Recorded) -> Result<Report, Failure> {
    let env = |key: &str| std::env::var_os(key);
    let totals = recorded.store.totals(&Wanted {
        foreign: true,
        ..Wanted::default()
    })?;
    let home = recorded.home.path().to_owned();
    let size = |name: &str| std::fs::metadata(home.join(name)).map_or(0, |found| found.len());
    let data = Data {
        chosen_by: match env("AGENTOPS_HOME") {
            Some(value) if !value.is_empty() => "AGENTOPS_HOME",
            _ => "the platform",
        },
        database_bytes: size(DATABASE) + size(&format!("{DATABASE}-wal")),
        sessions: totals.sessions,
        spans: totals.spans,
        spool_files: Importer::sizes(&recorded.home).map_or(0, |files| files.len()),
        followed_by_server: Importer::runs(&recorded.home),
        home,
    };
    let settings = options::ALL.iter().filter_map(|option| {
        let (variable, value) = options::text(&env, option.name)?;
        Some(Setting {
            option: option.name,
            variable,
            value,
        })
    });
    Ok(Report {
        data,
        settings: settings.collect(),
        unknown_variables: unknown_variables(),
        price_table: pricing::installed().table().to_owned(),
        lost: recorded.store.losses()?,
        clients: clients(),
    })
}

/// Variables that somebody set for us and that nobody reads: a misspelt name is silent elsewhere.
fn unknown_variables() -> Vec<String> {
    let known = |name: &str| {
        options::ALL
            .iter()
            .any(|option| option.variables.contains(&name))
    };
    let mut unknown: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("AGENTOPS_") && !known(name))
        .collect();
    unknown.sort();
    unknown
}

/// The model clients in the lock file of the project around.
fn clients() -> Vec<Client> {
    let Ok(here) = std::env::current_dir() else {
        return Vec::new();
    };
    let lock = here.ancestors().map(|dir| dir.join("Cargo.lock"));
    let Some(packages) = lock.filter_map(|path| packages(&path)).next() else {
        return Vec::new();
    };
    let is_there = |name: &str| packages.iter().any(|(package, _)| package == name);
    let found = packages.iter().filter_map(|(name, version)| {
        let known = CLIENTS.iter().find(|known| known.name == name)?;
        Some(Client {
            name: name.clone(),
            version: version.clone(),
            hooked: known.hook.is_some_and(is_there),
            advice: known.advice,
        })
    });
    found.collect()
}

/// The names and versions in a lock file: what cargo writes is one `name` and one `version` to a line.
fn packages(path: &Path) -> Option<Vec<(String, String)>> {
    let text = std::fs::read_to_string(path).ok()?;
    let value = |line: &str, key: &str| {
        let value = line
            .strip_prefix(key)?
            .strip_prefix(" = \"")?
            .strip_suffix('"')?;
        Some(value.to_owned())
    };
    let mut packages = Vec::new();
    let mut name = None;
    for line in text.lines() {
        if let Some(found) = value(line, "name") {
            name = Some(found);
        } else if let Some(version) = value(line, "version") {
            packages.extend(name.take().map(|name| (name, version)));
        }
    }
    Some(packages)
}

fn told(report: &Report) -> String {
    let data = &report.data;
    let mut lines = vec![
        field(
            "data",
            &format!("{} (from {})", data.home.display(), data.chosen_by),
        ),
        field(
            "",
            &format!(
                "{}, {}, {}",
                text::plural(data.sessions, "session"),
                text::plural(data.spans, "span"),
                bytes(data.database_bytes)
            ),
        ),
        field(
            "spool",
            &match (data.spool_files, data.followed_by_server) {
                (0, _) => "all of it is in the store".to_owned(),
                (files, true) => format!(
                    "{}, followed by a server",
                    text::plural(files as u64, "file")
                ),
                (files, false) => format!(
                    "{} of programs that run, or that cannot be read",
                    text::plural(files as u64, "file")
                ),
            },
        ),
        field("prices", &report.price_table),
    ];
    let mut label = "settings";
    for setting in &report.settings {
        let value = text::clean(&setting.value);
        lines.push(field(
            label,
            &format!("{} = {value}   ({})", setting.option, setting.variable),
        ));
        label = "";
    }
    if report.settings.is_empty() {
        lines.push(field(
            label,
            "none in the environment: defaults, and what the code says",
        ));
    }
    for variable in &report.unknown_variables {
        lines.push(field(
            "unknown",
            &format!("{} means nothing; is it misspelt?", text::clean(variable)),
        ));
    }
    if report.lost.is_empty() {
        lines.push(field("lost", "nothing"));
    }
    let mut label = "lost";
    for (cause, count) in &report.lost {
        lines.push(field(label, &format!("{count} by {cause}")));
        label = "";
    }
    let mut label = "clients";
    for client in &report.clients {
        let name = format!("{} {}", client.name, client.version);
        let state = match client.hooked {
            true => "its hook is in the project".to_owned(),
            false => format!("not seen by itself: {}", client.advice),
        };
        lines.push(field(label, &format!("{name}: {state}")));
        label = "";
    }
    lines.push(String::new());
    lines.join("\n")
}

fn field(name: &str, value: &str) -> String {
    format!("{name:<10}{value}")
}

fn bytes(count: u64) -> String {
    match count {
        0..1_024 => format!("{count} bytes"),
        1_024..1_048_576 => format!("{} KiB", count >> 10),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", count as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", count as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_files_are_read() {
        let dir = std::env::temp_dir().join(format!("agentops-doctor-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("it can be made");
        let path = dir.join("Cargo.lock");
        let lock = "version = 4\n\n[[package]]\nname = \"genai\"\nversion = \"0.7.2\"\nsource = \"x\"\n\n\
                    [[package]]\nname = \"mine\"\nversion = \"0.1.0\"\n";
        std::fs::write(&path, lock).expect("it can be written");
        let expected = [("genai", "0.7.2"), ("mine", "0.1.0")];
        let expected = expected.map(|(name, version)| (name.to_owned(), version.to_owned()));
        assert_eq!(packages(&path), Some(expected.to_vec()));
        assert_eq!(packages(&dir.join("none")), None);
        std::fs::remove_dir_all(&dir).expect("it can be removed");
    }

    #[test]
    fn sizes_are_told_in_what_people_count_in() {
        for (count, told) in [
            (7, "7 bytes"),
            (2_048, "2 KiB"),
            (3 << 20, "3.0 MiB"),
            (5 << 30, "5.0 GiB"),
        ] {
            assert_eq!(bytes(count), told);
        }
    }
}
