//! What there is to be asked about: every session under one data directory.
//!
//! Filled from the spool each time it is opened, and held in memory; a database can stand here later, behind the same
//! questions in `query`. Knows where data is, not what it is wanted for.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use agentops_core::model::options;
use agentops_core::model::trace::Trace;

use crate::ingest::spool::{self, Problem};

/// The variable that selects the data directory.
const HOME: &str = "AGENTOPS_HOME";

/// The data directory, and who chose it.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    /// By the environment, so that its absence is a mistake.
    chosen: bool,
}

/// All sessions, and what could not be read of them.
#[derive(Debug)]
pub(crate) struct Store {
    spool: PathBuf,
    traces: Vec<Trace>,
    removed: u64,
    problems: Vec<Problem>,
}

/// Why there is nothing to be asked about.
#[derive(Debug)]
pub(crate) enum Error {
    /// The environment names no place for data.
    NoHome,
    /// The chosen directory does not exist.
    Missing(PathBuf),
    /// Something stands where the directory should be.
    NoDirectory { path: PathBuf, chosen: bool },
    /// The directory cannot be read.
    Unreadable { path: PathBuf, error: io::Error },
}

/// The data directory that the environment selects.
pub(crate) fn home() -> Result<Home, Error> {
    let env = |key: &str| std::env::var_os(key).filter(|value| !value.is_empty());
    let path = options::home(env).ok_or(Error::NoHome)?;
    Ok(Home {
        path,
        chosen: env(HOME).is_some(),
    })
}

impl Store {
    /// Reads all that programs recorded under `home`.
    pub(crate) fn open(home: &Home) -> Result<Self, Error> {
        let path = &home.path;
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                return Err(Error::NoDirectory {
                    path: path.clone(),
                    chosen: home.chosen,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !home.chosen => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Missing(path.clone()));
            }
            Err(error) => {
                return Err(Error::Unreadable {
                    path: path.clone(),
                    error,
                });
            }
        }
        let spool = path.join("spool");
        let read = spool::read(&spool).map_err(|error| Error::Unreadable {
            path: spool.clone(),
            error,
        })?;
        Ok(Self {
            spool,
            traces: read.traces,
            removed: read.removed,
            problems: read.problems,
        })
    }

    /// Every session, newest first.
    pub(crate) fn traces(&self) -> &[Trace] {
        &self.traces
    }

    /// How many spans of older sessions were removed to keep the spool within its limit.
    pub(crate) fn removed(&self) -> u64 {
        self.removed
    }

    /// Whether there is no session at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    /// What could not be read.
    pub(crate) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Where sessions were looked for.
    pub(crate) fn looked_in(&self) -> &Path {
        &self.spool
    }
}

impl Error {
    /// What to do about it.
    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::NoHome => "set AGENTOPS_HOME to the directory that your programs record into",
            Self::Missing(_) | Self::NoDirectory { chosen: true, .. } => {
                "set AGENTOPS_HOME to the directory that your programs record into, or unset it for the default one"
            }
            Self::NoDirectory { chosen: false, .. } => {
                "move it away, or set AGENTOPS_HOME to another directory, here and for your programs"
            }
            Self::Unreadable { .. } => {
                "what a program records can be read only by the user that ran it: check owner and permissions"
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHome => f.write_str("the environment names no directory for data"),
            Self::Missing(path) => write!(
                f,
                "AGENTOPS_HOME is {}, which does not exist",
                path.display()
            ),
            Self::NoDirectory { path, chosen: true } => {
                write!(
                    f,
                    "AGENTOPS_HOME is {}, which is not a directory",
                    path.display()
                )
            }
            Self::NoDirectory { path, .. } => write!(f, "{} is not a directory", path.display()),
            Self::Unreadable { path, error } => {
                write!(f, "failed to read {}: {error}", path.display())
            }
        }
    }
}
