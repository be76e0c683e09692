//! Money in answers.

use agentops_core::model::json;
use serde::{Serialize, Serializer};

/// Money, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Nano-USD; `None` where nothing has a price.
    pub known: Option<i64>,
    /// Something is missing from it.
    pub partial: bool,
    /// Some of it comes of tokens that were estimated.
    pub estimated: bool,
}

/// Nano-USD, written as everywhere.
pub(super) struct Usd(pub(super) i64);

impl Spent {
    pub(super) fn add(&mut self, cost: Option<i64>) {
        if let Some(cost) = cost {
            self.known = Some(self.known.unwrap_or(0).saturating_add(cost));
        }
    }
}

impl Serialize for Spent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View {
            usd: Option<Usd>,
            partial: bool,
            estimated: bool,
        }
        View {
            usd: self.known.map(Usd),
            partial: self.partial,
            estimated: self.estimated,
        }
        .serialize(serializer)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::usd(self.0).serialize(serializer)
    }
}
