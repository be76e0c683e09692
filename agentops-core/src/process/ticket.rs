//! A promise that something has gone all the way through.

use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, lock};

/// Counts those who still have to say that they are done.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    /// Who waits does not care for exporters.
    ends_before_exporters: bool,
    left: Mutex<Left>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Left {
    waiting_for: usize,
    failed: bool,
    issued: bool,
    /// Whoever waited waits no longer.
    given_up: bool,
}

impl Ticket {
    /// A ticket that is done when the processor has let go of all that came before, wherever it goes from there.
    pub(crate) fn before_exporters() -> Self {
        Self {
            ends_before_exporters: true,
            ..Self::default()
        }
    }

    pub(crate) fn ends_before_exporters(&self) -> bool {
        self.ends_before_exporters
    }

    /// Says how many have to be done. Until then nobody is.
    pub(crate) fn expect(&self, how_many: usize) {
        let mut left = lock(&self.left);
        left.waiting_for = how_many;
        left.issued = true;
        self.changed.notify_all();
    }

    /// One of them is done; `well` if all that came before the ticket was kept.
    pub(crate) fn done(&self, well: bool) {
        let mut left = lock(&self.left);
        left.waiting_for = left.waiting_for.saturating_sub(1);
        left.failed |= !well;
        self.changed.notify_all();
    }

    /// Whether there is somebody to hear of it.
    pub(crate) fn is_awaited(&self) -> bool {
        !lock(&self.left).given_up
    }

    /// Waits until all are done. `false`: the time was up, or one of them failed.
    pub(crate) fn wait(&self, patience: Duration) -> bool {
        // Longer than a clock can say is for ever, or as good as that.
        let start = Instant::now();
        let mut left = lock(&self.left);
        while !left.issued || left.waiting_for > 0 {
            let rest = patience.saturating_sub(start.elapsed());
            if rest.is_zero() {
                left.given_up = true;
                return false;
            }
            let (again, _) = self
                .changed
                .wait_timeout(left, rest)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            left = again;
        }
        !left.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_waits_for_all_and_for_nobody_for_ever() {
        let ticket = Ticket::default();
        assert!(!ticket.wait(Duration::ZERO));
        ticket.expect(2);
        ticket.done(true);
        assert!(!ticket.wait(Duration::ZERO));
        ticket.done(true);
        assert!(ticket.wait(Duration::ZERO) && ticket.wait(Duration::MAX));
        let failed = Ticket::default();
        failed.expect(1);
        failed.done(false);
        assert!(!failed.wait(Duration::ZERO));
    }
}
