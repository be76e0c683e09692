//! Whether a returned value is an error: by its type, never by how its type is spelled.
//!
//! Aliases of `Result`, swapped parameters and look-alikes are told apart by method lookup, as values are.

use std::convert::Infallible;
use std::process::ExitCode;

/// A returned value.
#[derive(Debug)]
pub struct Outcome<'a, T: ?Sized>(pub &'a T);

/// A real `Result`.
pub trait IsResult {
    /// What it holds if it is fine.
    type Value: ?Sized;
    /// What it holds if it is not.
    type Error: ?Sized;
    /// Its two sides.
    fn agentops_outcome(&self) -> Result<&Self::Value, &Self::Error>;
}

impl<T, E> IsResult for &Outcome<'_, Result<T, E>> {
    type Value = T;
    type Error = E;
    #[inline]
    fn agentops_outcome(&self) -> Result<&T, &E> {
        self.0.as_ref()
    }
}

/// What a program exits with: fine where it is [`ExitCode::SUCCESS`].
///
/// Found by one reference more than a `Result` needs, and so after it: a type that is still to be inferred is a `Result`.
pub trait IsExit {
    /// Its two sides.
    fn agentops_outcome(&self) -> Result<&ExitCode, &ExitCode>;
}

impl IsExit for &&Outcome<'_, ExitCode> {
    fn agentops_outcome(&self) -> Result<&ExitCode, &ExitCode> {
        if *self.0 == ExitCode::SUCCESS {
            Ok(self.0)
        } else {
            Err(self.0)
        }
    }
}

/// Anything else: always fine.
pub trait IsValue {
    /// The value.
    type Value: ?Sized;
    /// It itself.
    fn agentops_outcome(&self) -> Result<&Self::Value, &Infallible>;
}

impl<T: ?Sized> IsValue for Outcome<'_, T> {
    type Value = T;
    #[inline]
    fn agentops_outcome(&self) -> Result<&T, &Infallible> {
        Ok(self.0)
    }
}

#[cfg(test)]
#[expect(
    clippy::needless_borrow,
    reason = "the references are the ladder, as in generated code"
)]
mod tests {
    use super::*;

    type Swapped<E, T> = std::result::Result<T, E>;

    #[test]
    fn only_real_results_can_fail() {
        let swapped: Swapped<&str, u8> = Err("no");
        assert_eq!((&&Outcome(&swapped)).agentops_outcome(), Err(&"no"));
        let code = ExitCode::from(3);
        assert_eq!((&&Outcome(&code)).agentops_outcome(), Err(&code));
        assert!((&&Outcome(&ExitCode::SUCCESS)).agentops_outcome().is_ok());
        assert_eq!((&&Outcome(&Some(1))).agentops_outcome(), Ok(&Some(1)));
    }
}
