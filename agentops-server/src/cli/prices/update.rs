//! `agentops prices update`: takes a newer price table, from a file or from the web.
//!
//! The table is read as it will be read later, and only then put in the place of the one before, whole or not at all.
//! Knows how a file is fetched, not what a price is.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentops_core::model::llm::Prices;
use agentops_core::model::options;
use agentops_core::model::pricing::{self, PriceList};
use agentops_core::model::tree::text::plural;
use serde_json::json;

use super::{Failure, Output, now};
use crate::cli::variable;

/// Take a newer price table, from a file or from the web, and say what it changes
///
/// It goes before the table that is built in; prices of your own go before both, and are left as they are.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("table").required(true).args(["file", "url"]))]
#[command(after_help = "\
A table is JSON: the data of genai-prices (its new_data/v2/data.json), or
  {\"openai/gpt-4o\": {\"input\": 2.5, \"output\": 10.0, \"cache_read\": 1.25}}
in USD for a million tokens. It is kept as price-table.json in the directory
agentops for configuration (on Linux ~/.config); remove that file to go back to
the table that is built in. Proxies are taken from HTTPS_PROXY and ALL_PROXY.

Examples:
  agentops prices update --url
  agentops prices update --url https://prices.example.com/data.json
  agentops prices update data.json")]
pub(super) struct Args {
    /// The table
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// Fetch it from here; without a URL from where genai-prices publishes its newest edition
    #[arg(
        long,
        value_name = "URL",
        num_args = 0..=1,
        default_missing_value = pricing::NEWEST_TABLE
    )]
    url: Option<String>,

    /// Answer with JSON
    #[arg(long)]
    json: bool,
}

/// More than any table has, and less than any machine.
const LARGEST: u64 = 64 << 20;

/// For all of it: whoever waits longer has no network.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a table says that the one before did not.
#[derive(Debug, PartialEq, Eq)]
struct Changes {
    added: usize,
    changed: usize,
    removed: usize,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<(), Failure> {
    let path = options::price_table(variable).ok_or_else(|| {
        Failure::told(
            "there is no directory for configuration",
            "set HOME, or XDG_CONFIG_HOME to the directory that the table is to be kept in",
        )
    })?;
    let (bytes, from) = match (&args.url, &args.file) {
        (Some(url), _) => (fetch(url)?, url.clone()),
        (None, file) => {
            let file = file.as_deref().unwrap_or(Path::new(""));
            let bytes = fs::read(file).map_err(|error| {
                Failure::told(
                    format!("failed to read {}: {error}", file.display()),
                    "name a file with a price table, or fetch the newest one: `agentops prices update --url`",
                )
            })?;
            (bytes, file.display().to_string())
        }
    };
    let newer = PriceList::default().with_table(&bytes).map_err(|why| {
        Failure::told(
            format!("{from} is no price table: {why}"),
            "nothing was changed; `agentops prices update --help` says what a table looks like",
        )
    })?;
    // What cannot be read counts for nothing, and has been warned of.
    let (before, _) = PriceList::default().with_table_file(&path, fs::read(&path));
    let at = now();
    let models = newer.models(at);
    let changes = Changes::between(&before.models(at), &models);
    replace(&path, &bytes).map_err(|error| {
        Failure::told(
            format!("failed to write {}: {error}", path.display()),
            "nothing was changed; make its directory one that you may write to",
        )
    })?;
    if args.json {
        return output.json(&json!({
            "price_table": newer.table(),
            "before": before.table(),
            "path": path,
            "models": models.len(),
            "added": changes.added,
            "changed": changes.changed,
            "removed": changes.removed,
        }));
    }
    output.text(&format!(
        "{}: {} with a price, {} added, {} changed, {} removed since {}\nkept as {}; a server that runs takes it when it is started again\n",
        newer.table(),
        plural(models.len() as u64, "model"),
        changes.added,
        changes.changed,
        changes.removed,
        before.table(),
        path.display(),
    ))
}

impl Changes {
    fn between(before: &BTreeMap<String, Prices>, after: &BTreeMap<String, Prices>) -> Self {
        let missing = |from: &BTreeMap<String, Prices>, in_: &BTreeMap<String, Prices>| {
            in_.keys().filter(|name| !from.contains_key(*name)).count()
        };
        let differs = |(name, prices): &(&String, &Prices)| {
            before.get(*name).is_some_and(|before| before != *prices)
        };
        Self {
            added: missing(before, after),
            changed: after.iter().filter(differs).count(),
            removed: missing(after, before),
        }
    }
}

fn fetch(url: &str) -> Result<Vec<u8>, Failure> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .user_agent(concat!("agentops/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent();
    let body = agent.get(url).call().and_then(|mut answer| {
        let body = answer.body_mut().with_config().limit(LARGEST);
        body.read_to_vec()
    });
    body.map_err(|error| {
        Failure::told(
            format!("failed to fetch {url}: {error}"),
            "nothing was changed; fetch it by other means, and name the file: `agentops prices update FILE`",
        )
    })
}

/// Puts a file in the place of another, of which readers see either all or nothing.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let written = write_whole(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // It may not even be there; what went wrong is what is told.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
