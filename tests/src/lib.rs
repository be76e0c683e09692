//! What the integration tests, the programs that they run and the scripts beside them share: see `integration/`.

pub mod checker;
pub mod payload;

/// The pages of the facade's guide, whose examples need more than the facade depends on.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../../docs/attributes.md")]
    mod attributes {}
    #[doc = include_str!("../../docs/coming-from-tracing.md")]
    mod coming_from_tracing {}
}
