//! What a run came to, for the line that it ends with.

use crate::sync::{AtomicBool, AtomicU64, Relaxed};

/// Counted by the processor, read at the end.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    spans: AtomicU64,
    /// In nano-USD.
    cost: AtomicU64,
    priced: AtomicBool,
    unpriced: AtomicBool,
}

impl Totals {
    pub(crate) fn add_spans(&self, count: u64) {
        self.spans.fetch_add(count, Relaxed);
    }

    /// `None`: a model call whose price is not known.
    pub(crate) fn add_cost(&self, nano_usd: Option<i64>) {
        match nano_usd.map(u64::try_from) {
            Some(Ok(cost)) => {
                self.cost.fetch_add(cost, Relaxed);
                self.priced.store(true, Relaxed);
            }
            _ => self.unpriced.store(true, Relaxed),
        }
    }

    pub(crate) fn spans(&self) -> u64 {
        self.spans.load(Relaxed)
    }

    /// All of it in nano-USD; `None` unless every model call has a price.
    pub(crate) fn cost(&self) -> Option<i64> {
        let known = self.priced.load(Relaxed) && !self.unpriced.load(Relaxed);
        known.then(|| i64::try_from(self.cost.load(Relaxed)).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_never_guessed() {
        let totals = Totals::default();
        assert_eq!(totals.cost(), None);
        totals.add_cost(Some(7));
        assert_eq!(totals.cost(), Some(7));
        totals.add_cost(None);
        assert_eq!(totals.cost(), None);
    }
}
