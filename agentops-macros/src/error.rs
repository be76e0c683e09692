//! The mistakes found in one use of an attribute.
//!
//! Every stage adds to the list and carries on, so that all of them are shown in one build, beside the item as the user wrote it.
//! Knows nothing of what counts as a mistake.

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Error;

#[derive(Default)]
pub(crate) struct Errors {
    found: Vec<Error>,
    deferred: bool,
}

impl Errors {
    /// Adds a mistake, shown at `place`.
    pub(crate) fn at(&mut self, place: impl ToTokens, message: impl Display) {
        self.found.push(Error::new_spanned(place, message));
    }

    /// Adds mistakes that were found together.
    pub(crate) fn push(&mut self, error: Error) {
        self.found.extend(error);
    }

    /// Notes a mistake in an attribute that stays on the item and will report it in its own expansion.
    pub(crate) fn defer(&mut self, other: &Errors) {
        self.deferred |= !other.is_empty();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty() && !self.deferred
    }

    /// All mistakes, and the item beside them, so that its users do not fail as well.
    pub(crate) fn beside(self, item: TokenStream) -> TokenStream {
        let mut tokens: TokenStream = self.found.iter().map(Error::to_compile_error).collect();
        tokens.extend(item);
        tokens
    }

    #[cfg(test)]
    pub(crate) fn messages(&self) -> Vec<String> {
        self.found.iter().map(ToString::to_string).collect()
    }
}
