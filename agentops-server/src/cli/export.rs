//! `agentops export`: one session, written out.
//!
//! Pieces go where they are wanted as they are made. Knows nothing of what is in them.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use super::progress::Progress;
use super::{Failure, Output, Recorded};
use crate::query::{self, Export, ExportError, Format};

/// Write a session out
///
/// As JSON or OTLP, which can be read in again, or as a table.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  agentops export last > session.json
  agentops export 6a7e8c90 --format csv --output spans.csv
  agentops export last --format otlp | curl -sf --data-binary @- \\
      -H 'content-type: application/x-protobuf' http://collector:4318/v1/traces")]
pub(super) struct Args {
    /// The session: `last`, its id, or how the id starts or ends
    #[arg(value_name = "ID")]
    id: String,

    /// What to write: `json`, with everything; `otlp`, protobuf for other programs; `csv`, a row for each span
    #[arg(long, value_name = "FORMAT", default_value = "json", value_parser = format)]
    format: Format,

    /// Write to this file instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn format(text: &str) -> Result<Format, String> {
    text.parse()
        .map_err(|()| format!("it is one of {}", Format::NAMES.join(", ")))
}

pub(super) fn run(args: &Args, recorded: &Recorded, output: &mut Output) -> Result<(), Failure> {
    let store = &recorded.store;
    let missing = |why| super::show::explain(why, &args.id, recorded);
    let id = match query::resolve(store, &args.id)? {
        Ok(id) => id,
        Err(why) => return Err(missing(why)?),
    };
    let Some(mut export) = Export::of(store, id, args.format)? else {
        return Err(missing(query::Unresolved::Unknown)?);
    };
    if args.output.is_none() && args.format == Format::Otlp && io::stdout().is_terminal() {
        return Err(Failure::told(
            "OTLP is not for terminals",
            "name a file with --output, or pipe it to a program",
        ));
    }
    let mut file = match &args.output {
        None => None,
        Some(path) => Some(File::create(path).map_err(|error| {
            Failure::told(
                format!("failed to write {}: {error}", path.display()),
                "name a file that can be written with --output",
            )
        })?),
    };
    let mut progress = Progress::new("exporting");
    loop {
        let piece = match export.next(store) {
            Ok(Some(piece)) => piece,
            Ok(None) => return Ok(()),
            Err(ExportError::Store(error)) => return Err(error.into()),
            Err(ExportError::Deleted) => {
                return Err(Failure::told(
                    "the session was deleted while it was written; what was written is not whole",
                    "`agentops sessions` lists what there is",
                ));
            }
        };
        match &mut file {
            Some(file) => file.write_all(&piece).map_err(Failure::Write)?,
            None => output.out.write_all(&piece).map_err(Failure::Write)?,
        }
        let (all, done) = export.progress();
        progress.at(done as u64, all as u64);
    }
}
