//! What can go wrong where a user is there to hear it: at `init`.

use std::fmt;

use crate::model::options::Unparsable;

/// Why recording could not be started.
///
/// Only `init` returns it. Whatever goes wrong later costs spans, never the program, and is counted.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Twice,
    Option(Unparsable),
    Thread(std::io::Error),
}

impl Error {
    pub(crate) fn twice() -> Self {
        Self { kind: Kind::Twice }
    }

    pub(crate) fn thread(error: std::io::Error) -> Self {
        Self {
            kind: Kind::Thread(error),
        }
    }

    /// Whether recording had been started already, and goes on.
    #[must_use]
    pub fn is_already_initialised(&self) -> bool {
        matches!(self.kind, Kind::Twice)
    }

    /// Whether an option says something that it cannot say.
    #[must_use]
    pub fn is_option(&self) -> bool {
        matches!(self.kind, Kind::Option(_))
    }
}

impl From<Unparsable> for Error {
    fn from(unparsable: Unparsable) -> Self {
        Self {
            kind: Kind::Option(unparsable),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Twice => f.write_str(
                "agentops is initialised already; keep the first guard, and call `init` once",
            ),
            Kind::Option(Unparsable {
                variable,
                value,
                expected,
            }) => {
                write!(f, "{variable} is {value:?}; it expects {expected}")
            }
            Kind::Thread(_) => f.write_str("agentops could not start its threads"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Thread(error) => Some(error),
            _ => None,
        }
    }
}
