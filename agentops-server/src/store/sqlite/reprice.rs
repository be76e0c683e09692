//! Prices that come later: model calls without a cost are looked at again once the list of prices is another one.
//!
//! What has a cost keeps it, whoever said it. Spans are looked at in pieces, in their order, so that others can write in
//! between; sums follow as for any other change.

use agentops_core::model::id::SessionId;
use agentops_core::model::pricing;
use agentops_core::model::rollup::Entry;
use agentops_core::model::wire;
use rusqlite::{Connection, params};

use super::read;
use super::thin::Counted;
use super::write::Writer;
use crate::store::StoreError;

/// How many spans are looked at in one transaction.
const CHUNK: i64 = 100;

/// Whether there may be a price for something that has none.
pub(super) fn lags(conn: &Connection) -> Result<bool, StoreError> {
    let list = i64::from(pricing::installed().fingerprint());
    Ok(read::meta(conn, "prices")? != list || read::meta(conn, "repriced")? >= 0)
}

struct Unpriced {
    row: i64,
    session: SessionId,
    dict: i64,
    bytes: Vec<u8>,
}

impl Writer {
    /// Looks at some calls without a cost again.
    pub(super) fn reprice_some(&mut self) -> Result<(), StoreError> {
        let list = i64::from(pricing::installed().fingerprint());
        if read::meta(&self.conn, "prices")? != list {
            set(&self.conn, "prices", list)?;
            set(&self.conn, "repriced", 0)?;
        }
        let from = read::meta(&self.conn, "repriced")?;
        let unpriced = unpriced(&self.conn, from)?;
        // Whatever comes from now on is priced as it comes.
        let reached = unpriced.last().map_or(-1, |last| last.row);
        set(&self.conn, "repriced", reached)?;
        let mut changed = Vec::new();
        for found in unpriced {
            if self.reprice(&found)? && !changed.contains(&found.session) {
                changed.push(found.session);
            }
        }
        if !changed.is_empty() {
            self.advance()?;
        }
        for session in changed {
            self.settle(session, false)?;
        }
        Ok(())
    }

    /// Whether a call has a price now.
    fn reprice(&mut self, found: &Unpriced) -> Result<bool, StoreError> {
        let whole = self.unpacker.unpack(&self.conn, found.dict, &found.bytes);
        // What does not read back is told of where it is asked for.
        let Some(mut span) = whole.ok().and_then(|whole| wire::decode_span(&whole).ok()) else {
            return Ok(false);
        };
        let start = span.start;
        let Some(call) = &mut span.llm else {
            return Ok(false);
        };
        call.cost = pricing::price(call, start);
        if call.cost.is_none() {
            return Ok(false);
        }
        let packed = self.packer.own().pack(&wire::encode_span(&span))?;
        if self.remembered(found.session)?.is_none() {
            return Ok(false);
        }
        let Self {
            memory,
            rolls,
            conn,
            ..
        } = self;
        let Some(known) = memory.get(found.session) else {
            return Ok(false);
        };
        let Some(at) = known.place(span.id) else {
            return Ok(false);
        };
        let thin = &mut known.spans[at];
        if !known.hidden {
            rolls.change(known.project.0, thin, thin.counted, Counted::default());
        }
        thin.counted = Counted::default();
        let entry = Entry::from(&span);
        (thin.cost, thin.is_cost_estimated) = (entry.cost, entry.is_cost_estimated);
        let flags = read::flags(thin);
        conn.prepare_cached("UPDATE span SET cost = ?2, flags = ?3, counted = 0 WHERE id = ?1")?
            .execute(params![found.row, thin.cost, flags])?;
        conn.prepare_cached("UPDATE payload SET dict = ?2, z = ?3 WHERE id = ?1")?
            .execute(params![found.row, packed.dict, packed.bytes])?;
        Ok(true)
    }
}

fn set(conn: &Connection, key: &str, value: i64) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE meta SET value = ?2 WHERE key = ?1")?
        .execute(params![key, value])?;
    Ok(())
}

fn unpriced(conn: &Connection, from: i64) -> Result<Vec<Unpriced>, StoreError> {
    let mut ask = conn.prepare_cached(
        "SELECT span.id, session.key, dict, z
         FROM span JOIN payload ON payload.id = span.id JOIN session ON session.id = span.session
         WHERE span.id > ?1 AND span.cost IS NULL AND span.input IS NOT NULL ORDER BY span.id LIMIT ?2",
    )?;
    let rows = ask.query_map([from, CHUNK], |row| {
        Ok(Unpriced {
            row: row.get(0)?,
            session: SessionId(u128::from_be_bytes(row.get(1)?)),
            dict: row.get(2)?,
            bytes: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
