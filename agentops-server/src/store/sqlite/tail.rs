//! What the spans that came last say in words: the index, and those who search beyond it, need not read them back.
//!
//! It only saves reading: whatever is not here is in the store. Filled once a commit is durable; where somebody else
//! has written since, it says so by its commit being behind theirs. ASCII is in small letters, as the index has it.

use std::collections::VecDeque;
use std::sync::Arc;

/// How many bytes are kept at most; of what is beyond the oldest go.
const MOST: usize = 32 << 20;

/// Rows that follow one another.
#[derive(Debug, Default)]
pub(super) struct Tail {
    first: i64,
    spans: VecDeque<Arc<str>>,
    bytes: usize,
    /// The last commit that is in it.
    sequence: i64,
}

impl Tail {
    /// What a commit has brought, by row.
    pub(super) fn extend(&mut self, sequence: i64, came: impl Iterator<Item = (i64, Arc<str>)>) {
        self.sequence = sequence;
        for (row, span) in came {
            let next = self.first + self.spans.len() as i64;
            if self.spans.is_empty() || row > next {
                self.clear();
                self.first = row;
            } else if row < next {
                // It changed; where it is not here it is read anyway.
                let at = usize::try_from(row - self.first).ok();
                if let Some(there) = at.and_then(|at| self.spans.get_mut(at)) {
                    self.bytes = self.bytes - there.len() + span.len();
                    *there = span;
                }
                continue;
            }
            self.bytes += span.len();
            self.spans.push_back(span);
        }
        while self.bytes > MOST {
            self.drop_first();
        }
    }

    /// The last commit that it knows of.
    pub(super) fn sequence(&self) -> i64 {
        self.sequence
    }

    /// Those from a row on, some at most.
    pub(super) fn from(&self, row: i64, limit: usize) -> Vec<(i64, Arc<str>)> {
        let rows = (self.first..).zip(&self.spans);
        let skip = usize::try_from(row - self.first).unwrap_or(0);
        rows.skip(skip)
            .take(limit)
            .map(|(row, span)| (row, span.clone()))
            .collect()
    }

    /// Rows up to this one are indexed.
    pub(super) fn indexed(&mut self, row: i64) {
        while !self.spans.is_empty() && self.first <= row {
            self.drop_first();
        }
    }

    pub(super) fn clear(&mut self) {
        self.spans.clear();
        self.bytes = 0;
    }

    fn drop_first(&mut self) {
        self.bytes -= self.spans.pop_front().map_or(0, |span| span.len());
        self.first += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(tail: &Tail) -> Vec<(i64, Arc<str>)> {
        tail.from(0, usize::MAX)
    }

    fn came(rows: &[(i64, &str)]) -> Vec<(i64, Arc<str>)> {
        let rows = rows.iter();
        rows.map(|(row, span)| (*row, (*span).into())).collect()
    }

    #[test]
    fn rows_that_follow_one_another_are_kept_until_they_are_indexed() {
        let mut tail = Tail::default();
        tail.extend(1, came(&[(4, "a"), (5, "b")]).into_iter());
        tail.extend(2, came(&[(5, "c"), (6, "d"), (1, "x")]).into_iter());
        assert_eq!(tail.sequence(), 2);
        assert_eq!(rows(&tail), came(&[(4, "a"), (5, "c"), (6, "d")]));
        tail.indexed(5);
        assert_eq!(rows(&tail), came(&[(6, "d")]));
        assert!(tail.from(7, 1).is_empty());
        assert_eq!(tail.from(0, 1), came(&[(6, "d")]));
        tail.extend(3, came(&[(9, "e")]).into_iter());
        assert_eq!(rows(&tail), came(&[(9, "e")]));
    }

    #[test]
    fn the_oldest_go_where_there_is_too_much() {
        let mut tail = Tail::default();
        let half: Arc<str> = "x".repeat(MOST / 2).into();
        tail.extend(1, (1..=4).map(|row| (row, half.clone())));
        assert_eq!(
            tail.from(0, usize::MAX).first().map(|(row, _)| *row),
            Some(3)
        );
        assert_eq!(tail.bytes, MOST);
    }
}
