//! The data directory: where programs record, and where the store is.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use agentops_core::model::options;

/// The variable that selects the data directory.
const HOME: &str = "AGENTOPS_HOME";

/// The data directory, and who chose it.
#[derive(Debug, Clone)]
pub struct Home {
    path: PathBuf,
    /// By the environment, so that its absence is a mistake.
    chosen: bool,
}

/// Why there is no data directory.
#[derive(Debug)]
pub enum HomeError {
    /// The environment names no place for data.
    None,
    /// The chosen directory does not exist.
    Missing(PathBuf),
    /// Something stands where the directory should be.
    NoDirectory { path: PathBuf, chosen: bool },
    /// The directory cannot be read.
    Unreadable { path: PathBuf, error: io::Error },
    /// Nothing can be written there.
    Unwritable { path: PathBuf, error: io::Error },
}

impl Home {
    /// The data directory that the environment selects.
    pub fn from_env() -> Result<Self, HomeError> {
        let env = |key: &str| std::env::var_os(key).filter(|value| !value.is_empty());
        let path = options::home(env).ok_or(HomeError::None)?;
        Ok(Self {
            path,
            chosen: env(HOME).is_some(),
        })
    }

    /// A data directory that somebody named.
    pub fn at(path: PathBuf) -> Self {
        Self { path, chosen: true }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where programs record.
    pub fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// Makes it where it is missing, for its owner alone.
    pub fn make(&self) -> Result<(), HomeError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&self.path)
            .map_err(|error| HomeError::unwritable(self.path.clone(), error))
    }

    /// Checks that it can be read from; one that nobody chose may be missing.
    pub fn check(&self) -> Result<(), HomeError> {
        let path = &self.path;
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(HomeError::NoDirectory {
                path: path.clone(),
                chosen: self.chosen,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.chosen => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(HomeError::Missing(path.clone()))
            }
            Err(error) => Err(HomeError::Unreadable {
                path: path.clone(),
                error,
            }),
        }
    }
}

impl HomeError {
    pub fn unreadable(path: PathBuf, error: io::Error) -> Self {
        Self::Unreadable { path, error }
    }

    pub fn unwritable(path: PathBuf, error: io::Error) -> Self {
        Self::Unwritable { path, error }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::None => "set AGENTOPS_HOME to the directory that your programs record into",
            Self::Missing(_) | Self::NoDirectory { chosen: true, .. } => {
                "set AGENTOPS_HOME to the directory that your programs record into, or unset it for the default one"
            }
            Self::NoDirectory { chosen: false, .. } => {
                "move it away, or set AGENTOPS_HOME to another directory, here and for your programs"
            }
            Self::Unreadable { .. } => {
                "what a program records can be read only by the user that ran it: check owner and permissions"
            }
            Self::Unwritable { .. } => {
                "the store is kept there: make it writable, or set AGENTOPS_HOME to another directory"
            }
        }
    }
}

impl fmt::Display for HomeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("the environment names no directory for data"),
            Self::Missing(path) => write!(
                f,
                "AGENTOPS_HOME is {}, which does not exist",
                path.display()
            ),
            Self::NoDirectory { path, chosen: true } => write!(
                f,
                "AGENTOPS_HOME is {}, which is not a directory",
                path.display()
            ),
            Self::NoDirectory { path, .. } => write!(f, "{} is not a directory", path.display()),
            Self::Unreadable { path, error } => {
                write!(f, "failed to read {}: {error}", path.display())
            }
            Self::Unwritable { path, error } => {
                write!(f, "{} cannot be written to: {error}", path.display())
            }
        }
    }
}
