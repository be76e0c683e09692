//! Sums of all sessions, kept between questions: a session is counted again only once it has changed.
//!
//! Lists stand above such sums, and would otherwise take the longer the more sessions there are. Follows the numbers of
//! commits that sessions carry, so that it agrees with any state of the store that is asked. Whatever is filtered is not
//! its concern.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension};

use super::read::{self, VISIBLE};
use crate::store::{StoreError, Totals};

/// How many sessions are remembered: some 40 MB.
const MOST: usize = 500_000;

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The commit that it is as of; `None` before the first question.
    sequence: Option<i64>,
    /// There were too many to be remembered: they are not counted in vain at each question.
    gave_up: bool,
    shares: HashMap<i64, Share, RandomState>,
    /// What programs of ours recorded, and what only others did.
    ours: Sums,
    foreign: Sums,
}

/// What one session adds.
#[derive(Debug)]
struct Share {
    is_foreign: bool,
    is_running: bool,
    has_failed: bool,
    is_partial: bool,
    spans: i64,
    tokens: i64,
    cost: Option<i64>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    sessions: i64,
    running: i64,
    failed: i64,
    partial: i64,
    spans: i128,
    tokens: i128,
    /// How many have a cost, and what they cost.
    priced: i64,
    cost: i128,
}

impl Ledger {
    /// The sums of all sessions as the connection sees them; `None` where it sees an older state than the last who
    /// asked, or there are too many.
    pub(super) fn totals(
        &mut self,
        conn: &Connection,
        foreign: bool,
    ) -> Result<Option<Totals>, StoreError> {
        if self.gave_up {
            return Ok(None);
        }
        let sequence = read::sequence(conn)?;
        let purged: Option<i64> = conn
            .prepare_cached("SELECT value FROM meta WHERE key = 'purged'")?
            .query_row([], |row| row.get(0))
            .optional()?;
        match self.sequence {
            Some(seen) if seen > sequence => return Ok(None),
            // One that was counted may be gone without a word.
            Some(seen) if purged.is_some_and(|purged| purged > seen) => *self = Self::default(),
            _ => {}
        }
        let counted = self.count_changed(conn);
        if counted.is_err() || self.shares.len() > MOST {
            *self = Self {
                gave_up: counted.is_ok(),
                ..Self::default()
            };
            return counted.map(|()| None);
        }
        self.sequence = Some(sequence);
        Ok(Some(match foreign {
            true => self.ours.and(self.foreign).totals(),
            false => self.ours.totals(),
        }))
    }

    /// Counts the sessions that changed, until there are too many.
    fn count_changed(&mut self, conn: &Connection) -> Result<(), StoreError> {
        let mut ask = conn.prepare_cached(&format!(
            "SELECT id, {VISIBLE}, foreign_only, state = 0, end_state IS 1, partial, spans, total, cost
             FROM session WHERE seq > ?1"
        ))?;
        let mut rows = ask.query([self.sequence.unwrap_or(-1)])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if let Some(share) = self.shares.remove(&id) {
                self.sums(share.is_foreign).add(&share, -1);
            }
            if !row.get::<_, bool>(1)? {
                continue;
            }
            let share = Share {
                is_foreign: row.get(2)?,
                is_running: row.get(3)?,
                has_failed: row.get(4)?,
                is_partial: row.get(5)?,
                spans: row.get(6)?,
                tokens: row.get(7)?,
                cost: row.get(8)?,
            };
            self.sums(share.is_foreign).add(&share, 1);
            self.shares.insert(id, share);
            if self.shares.len() > MOST {
                break;
            }
        }
        Ok(())
    }

    fn sums(&mut self, is_foreign: bool) -> &mut Sums {
        match is_foreign {
            true => &mut self.foreign,
            false => &mut self.ours,
        }
    }
}

impl Sums {
    fn add(&mut self, share: &Share, sign: i64) {
        let count = |is: bool| if is { sign } else { 0 };
        let wide = i128::from(sign);
        self.sessions += sign;
        self.running += count(share.is_running);
        self.failed += count(share.has_failed);
        self.partial += count(share.is_partial);
        self.spans += wide * i128::from(share.spans);
        self.tokens += wide * i128::from(share.tokens);
        self.priced += count(share.cost.is_some());
        self.cost += wide * i128::from(share.cost.unwrap_or(0));
    }

    fn and(self, other: Self) -> Self {
        Self {
            sessions: self.sessions + other.sessions,
            running: self.running + other.running,
            failed: self.failed + other.failed,
            partial: self.partial + other.partial,
            spans: self.spans + other.spans,
            tokens: self.tokens + other.tokens,
            priced: self.priced + other.priced,
            cost: self.cost + other.cost,
        }
    }

    fn totals(self) -> Totals {
        let whole = |sum: i128| u64::try_from(sum.max(0)).unwrap_or(u64::MAX);
        Totals {
            sessions: self.sessions.unsigned_abs(),
            running: self.running.unsigned_abs(),
            failed: self.failed.unsigned_abs(),
            spans: whole(self.spans),
            tokens: whole(self.tokens),
            cost: (self.priced > 0).then(|| {
                let most = i128::from(i64::MAX);
                i64::try_from(self.cost.clamp(-most, most)).unwrap_or(i64::MAX)
            }),
            partial: self.partial > 0,
        }
    }
}
