//! What a run came to, for the line that it ends with.

use crate::model::rollup::Running;
use crate::sync::{AtomicBool, AtomicU64, Relaxed};

/// Counted by the processor, read at the end.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    spans: AtomicU64,
    /// In nano-USD.
    cost: AtomicU64,
    priced: AtomicBool,
    /// Something is missing from it.
    partial: AtomicBool,
}

impl Totals {
    pub(crate) fn add_spans(&self, count: u64) {
        self.spans.fetch_add(count, Relaxed);
    }

    /// What spans cost that are beneath no other.
    pub(crate) fn add_cost(&self, sum: &Running) {
        match sum.cost().map(u64::try_from) {
            Some(Ok(cost)) => {
                self.cost.fetch_add(cost, Relaxed);
                self.priced.store(true, Relaxed);
            }
            Some(Err(_)) => self.partial.store(true, Relaxed),
            None => {}
        }
        if sum.is_partial() {
            self.partial.store(true, Relaxed);
        }
    }

    pub(crate) fn spans(&self) -> u64 {
        self.spans.load(Relaxed)
    }

    /// All of it in nano-USD, counted as a session's is; `None` unless all has a price.
    pub(crate) fn cost(&self) -> Option<i64> {
        let known = self.priced.load(Relaxed) && !self.partial.load(Relaxed);
        known.then(|| i64::try_from(self.cost.load(Relaxed)).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::llm::{Cost, LlmCall, Usage};
    use crate::model::rollup::Share;
    use crate::model::span::{SpanKind, Status};

    fn of(call: &LlmCall) -> Running {
        let share = Share::new(SpanKind::Llm, Some(call), None, Status::Ok, false);
        Running::default().beneath(&share)
    }

    #[test]
    fn money_is_never_guessed() {
        let totals = Totals::default();
        assert_eq!(totals.cost(), None);
        totals.add_cost(&Running::default());
        assert_eq!(totals.cost(), None, "nothing was paid for");
        let used = LlmCall::new().usage(Usage::new(1, 1));
        totals.add_cost(&of(&used.clone().cost(Cost::new(7))));
        assert_eq!(totals.cost(), Some(7));
        totals.add_cost(&of(&used));
        assert_eq!(totals.cost(), None);
    }
}
