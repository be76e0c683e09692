//! The words of many spans, as bytes: each word with the spans that it is in, and where in them.
//!
//! A segment is a list of runs in order of their term and their first span, in blocks of which each is read by itself. A
//! run is a term's place in some spans, one after another. [`Builder`] makes segments of texts, [`Merge`] makes one of
//! several, mostly without looking into runs; [`find`] and [`docs`] read them. Knows no store: `search` keeps blocks.

use std::hash::BuildHasher as _;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::{fold, varint};

/// A block is closed before it is longer, so that it fits a page of the database with its key.
const BLOCK: usize = 8_000;

/// A run is ended where it is as long, so that some spans can be read without all that have the term.
const RUN: usize = 4_000;

/// So much of a term tells it from others.
const TERM: usize = 64;

/// Some of a segment's runs, the first of which is of this term, and begins with this span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) term: Vec<u8>,
    pub(super) row: i64,
    pub(super) bytes: Vec<u8>,
}

/// The spans from the first to the last that a term is in.
///
/// Its bytes are the positions in the first, each as the distance from the one before, twice, and one more where another
/// follows; then the distance to the next span, and its positions.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) first: i64,
    last: i64,
    bytes: &'a [u8],
}

/// Shows the terms of a text in their order: what stands between other signs than letters and digits, in small letters.
pub(super) fn terms(text: &str, mut show: impl FnMut(&[u8])) {
    let mut show = |term: &[u8]| show(&term[..term.len().min(TERM)]);
    let bytes = text.as_bytes();
    let mut folded = String::new();
    let (mut start, mut at) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        match CLASSES[usize::from(byte)] {
            Class::Plain => at += 1,
            Class::Between => {
                if start < at {
                    show(&bytes[start..at]);
                }
                at += 1;
                start = at;
            }
            Class::Other => {
                folded.clear();
                let mut rest = text[start..].char_indices();
                let end = rest.find(|(_, c)| {
                    let ends = !c.is_alphanumeric();
                    if !ends {
                        folded.extend(fold::small(*c));
                    }
                    ends
                });
                if !folded.is_empty() {
                    show(folded.as_bytes());
                }
                at = end.map_or(bytes.len(), |(end, c)| start + end + c.len_utf8());
                start = at;
            }
        }
    }
    if start < at {
        show(&bytes[start..at]);
    }
}

/// What a byte says of the letter that it begins.
#[derive(Clone, Copy)]
enum Class {
    /// A small letter or a digit, which is as it is.
    Plain,
    /// No part of a term.
    Between,
    /// To be looked at as a letter.
    Other,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Between; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'0'..=b'9' => Class::Plain,
            b'A'..=b'Z' | 0x80.. => Class::Other,
            _ => Class::Between,
        };
        byte += 1;
    }
    classes
};

/// Gathers the terms of texts, fewer than 65,000 at once, each of as many terms. Keeps its memory for the next.
#[derive(Debug, Default)]
pub(super) struct Builder {
    rows: Vec<i64>,
    /// All terms, one behind the other, and where each ends.
    terms: Vec<u8>,
    ends: Vec<u32>,
    known: HashTable<u32>,
    hasher: RandomState,
    /// What was found: the term, and where.
    found: Vec<(u32, Found)>,
    /// The same by term, where those of each end, and terms in their order with how they begin.
    by_term: Vec<Found>,
    ends_of: Vec<u32>,
    order: Vec<(u64, u32)>,
}

/// A term's place in a text.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    text: u16,
    position: u16,
}

impl Builder {
    /// Adds the text of a span, which is behind all that were added.
    pub(super) fn add(&mut self, row: i64, text: &str) {
        let text_number = self.rows.len() as u16;
        self.rows.push(row);
        let Self {
            terms: all,
            ends,
            known,
            hasher,
            found,
            ..
        } = self;
        let mut position = 0_u16;
        terms(text, |term| {
            let hash = hasher.hash_one(term);
            let is_term = |&number: &u32| all[place(ends, number)] == *term;
            let term = match known.find(hash, is_term) {
                Some(&number) => number,
                None => {
                    let new = ends.len() as u32;
                    all.extend_from_slice(term);
                    ends.push(all.len() as u32);
                    let hash_of = |&number: &u32| hasher.hash_one(&all[place(ends, number)]);
                    known.insert_unique(hash, new, hash_of);
                    new
                }
            };
            let place = Found {
                text: text_number,
                position,
            };
            found.push((term, place));
            position = position.saturating_add(1);
        });
    }

    /// How many spans there are, from which to which, and the segment of all of them; it begins anew.
    pub(super) fn finish(&mut self) -> Option<(usize, Range<i64>, Vec<Block>)> {
        let (&first, &last) = self.rows.first().zip(self.rows.last())?;
        let (count, blocks) = (self.rows.len(), self.blocks(first));
        self.rows.clear();
        self.terms.clear();
        self.ends.clear();
        self.known.clear();
        self.found.clear();
        Some((count, first..last + 1, blocks))
    }

    fn blocks(&mut self, base: i64) -> Vec<Block> {
        let Self {
            rows,
            terms,
            ends,
            found,
            by_term,
            ends_of,
            order,
            ..
        } = self;
        let term = |number: u32| &terms[place(ends, number)];
        ends_of.clear();
        ends_of.resize(ends.len(), 0);
        for (term, _) in &*found {
            ends_of[*term as usize] += 1;
        }
        let mut all = 0;
        for end in &mut *ends_of {
            all += *end;
            *end = all - *end;
        }
        by_term.clear();
        by_term.resize(found.len(), Found::default());
        for (term, one) in &*found {
            let at = &mut ends_of[*term as usize];
            by_term[*at as usize] = *one;
            *at += 1;
        }
        // Most are told apart by how they begin.
        let head = |number: u32| {
            let mut head = [0; 8];
            head.iter_mut()
                .zip(term(number))
                .for_each(|(to, from)| *to = *from);
            u64::from_be_bytes(head)
        };
        order.clear();
        order.extend((0..ends.len() as u32).map(|number| (head(number), number)));
        order.sort_unstable_by(|(a, one), (b, other)| {
            a.cmp(b).then_with(|| term(*one).cmp(term(*other)))
        });
        let mut blocks = Blocks::new(base);
        for &(_, number) in &*order {
            blocks.term(term(number));
            let mut found = by_term[place(ends_of, number)].iter().peekable();
            while let Some(first) = found.next() {
                let run = blocks.span(rows[usize::from(first.text)]);
                let mut one = first;
                let mut before = 0;
                loop {
                    let next = found.next_if(|next| next.text == one.text);
                    let step = u64::from(one.position - before);
                    varint::put(run, step << 1 | u64::from(next.is_some()));
                    before = one.position;
                    match next {
                        Some(next) => one = next,
                        None => break,
                    }
                }
            }
        }
        blocks.finish()
    }
}

/// Where a term, or what is of it, is among all of them.
fn place(ends: &[u32], number: u32) -> Range<usize> {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] };
    start as usize..ends[number] as usize
}

/// Writes a segment: terms in their order, and of each its runs in theirs.
struct Blocks {
    base: i64,
    done: Vec<Block>,
    /// The term that is written.
    term: Vec<u8>,
    /// What of it is not in a block yet.
    first: i64,
    last: i64,
    run: Vec<u8>,
    block: Vec<u8>,
    /// Where the open block begins, and the last term in it.
    begins: (Vec<u8>, i64),
    before: Vec<u8>,
}

impl Blocks {
    fn new(base: i64) -> Self {
        Self {
            base,
            done: Vec::new(),
            term: Vec::new(),
            first: 0,
            last: 0,
            run: Vec::new(),
            block: Vec::with_capacity(BLOCK),
            begins: (Vec::new(), 0),
            before: Vec::new(),
        }
    }

    fn term(&mut self, term: &[u8]) {
        self.end_run();
        self.term.clear();
        self.term.extend_from_slice(term);
    }

    /// Where the positions in a span go, which is behind all others of its term.
    fn span(&mut self, row: i64) -> &mut Vec<u8> {
        if self.run.len() >= RUN {
            self.end_run();
        }
        if self.run.is_empty() {
            self.first = row;
        } else {
            varint::put(&mut self.run, distance(self.last, row));
        }
        self.last = row;
        &mut self.run
    }

    /// Adds a run, which is behind all others of its term.
    fn run(&mut self, first: i64, last: i64, bytes: &[u8]) {
        if self.run.len() + bytes.len() > RUN {
            self.end_run();
        }
        self.span(first).extend_from_slice(bytes);
        self.last = last;
    }

    fn end_run(&mut self) {
        if self.run.is_empty() {
            return;
        }
        if !self.block.is_empty() && self.block.len() + self.term.len() + self.run.len() > BLOCK {
            self.end_block();
        }
        if self.block.is_empty() {
            self.begins = (self.term.clone(), self.first);
            self.before.clear();
        }
        let pairs = self.before.iter().zip(&self.term);
        let shared = pairs.take_while(|(a, b)| a == b).count();
        let rest = &self.term[shared..];
        for number in [shared as u64, rest.len() as u64] {
            varint::put(&mut self.block, number);
        }
        self.block.extend_from_slice(rest);
        for number in [
            distance(self.base, self.first),
            distance(self.first, self.last),
            self.run.len() as u64,
        ] {
            varint::put(&mut self.block, number);
        }
        self.block.extend_from_slice(&self.run);
        self.run.clear();
        self.before.clone_from(&self.term);
    }

    fn end_block(&mut self) {
        if self.block.is_empty() {
            return;
        }
        let (term, row) = std::mem::take(&mut self.begins);
        self.done.push(Block {
            term,
            row,
            bytes: self.block.clone(),
        });
        self.block.clear();
    }

    fn finish(mut self) -> Vec<Block> {
        self.end_run();
        self.end_block();
        self.done
    }
}

fn distance(from: i64, to: i64) -> u64 {
    to.wrapping_sub(from) as u64
}

/// Reads the runs of a segment, block by block.
struct Reader {
    base: i64,
    block: Vec<u8>,
    at: usize,
    /// Where that block begins; `None` before the first.
    begins: Option<(Vec<u8>, i64)>,
    term: Vec<u8>,
    /// The run that it is at, and where its bytes are in the block; `None` behind the last.
    run: Option<(i64, i64, Range<usize>)>,
}

impl Reader {
    fn new(base: i64) -> Self {
        Self {
            base,
            block: Vec::new(),
            at: 0,
            begins: None,
            term: Vec::new(),
            run: None,
        }
    }

    /// To the next; `None` where there is something that cannot be read.
    fn next<E>(
        &mut self,
        mut fetch: impl FnMut(Option<&(Vec<u8>, i64)>) -> Result<Option<Block>, E>,
    ) -> Result<Option<()>, E> {
        while self.at >= self.block.len() {
            let Some(block) = fetch(self.begins.as_ref())? else {
                self.run = None;
                return Ok(Some(()));
            };
            self.begins = Some((block.term, block.row));
            self.block = block.bytes;
            self.at = 0;
            self.term.clear();
        }
        Ok(self.read())
    }

    fn read(&mut self) -> Option<()> {
        let mut rest = &self.block[self.at..];
        let (shared, suffix) = term(&mut rest)?;
        if shared > self.term.len() {
            return None;
        }
        self.term.truncate(shared);
        self.term.extend_from_slice(suffix);
        let Run { first, last, bytes } = run(&mut rest, self.base)?;
        self.at = self.block.len() - rest.len();
        self.run = Some((first, last, self.at - bytes.len()..self.at));
        Some(())
    }
}

/// How much of a term is that of the one before, and the rest of it.
fn term<'a>(bytes: &mut &'a [u8]) -> Option<(usize, &'a [u8])> {
    let shared = usize::try_from(varint::take(bytes)?).ok()?;
    Some((shared, take(bytes)?))
}

/// A run, as it stands behind its term.
fn run<'a>(bytes: &mut &'a [u8], base: i64) -> Option<Run<'a>> {
    let first = base.checked_add_unsigned(varint::take(bytes)?)?;
    let last = first.checked_add_unsigned(varint::take(bytes)?)?;
    let bytes = take(bytes)?;
    Some(Run { first, last, bytes })
}

/// Bytes with their number before them.
fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint::take(bytes)?).ok()?;
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

/// A segment to be put together with others, from its first span to its last.
pub(super) struct Input {
    pub(super) id: i64,
    pub(super) rows: Range<i64>,
    /// What of its spans is not to be found in it any more.
    pub(super) gone: Vec<i64>,
}

/// One of the segments that are made one, and how far it is read.
struct Source {
    input: Input,
    reader: Reader,
    /// Which of those that are gone were in it.
    met: Vec<bool>,
    /// The spans of the run that it is at, unless whole runs are taken, and at which of them it is.
    docs: Vec<(i64, Range<usize>)>,
    at: usize,
}

impl Source {
    fn new(input: Input) -> Self {
        Self {
            reader: Reader::new(input.rows.start),
            met: vec![false; input.gone.len()],
            input,
            docs: Vec::new(),
            at: 0,
        }
    }

    /// The term that it is at; `None` behind the last.
    fn term(&self) -> Option<&[u8]> {
        self.reader.run.is_some().then_some(&self.reader.term)
    }

    fn is_at(&self, term: &[u8]) -> bool {
        self.term() == Some(term)
    }

    /// The span that it is at, where whole runs are not taken.
    fn row(&self) -> Option<i64> {
        Some(self.docs.get(self.at)?.0)
    }

    /// To the next run; `None` where there is something that cannot be read.
    fn next_run<E>(
        &mut self,
        follow: bool,
        mut fetch: impl FnMut(i64, Option<&(Vec<u8>, i64)>) -> Result<Option<Block>, E>,
    ) -> Result<Option<()>, E> {
        let read = self.reader.next(|begins| fetch(self.input.id, begins))?;
        (self.docs, self.at) = (Vec::new(), 0);
        Ok(read.and_then(|()| {
            if let Some((first, last, place)) = self.reader.run.clone()
                && !follow
            {
                let bytes = &self.reader.block[place];
                self.docs = docs(&Run { first, last, bytes })?;
            }
            Some(())
        }))
    }

    /// The bytes of the run that it is at.
    fn run(&self) -> Option<Run<'_>> {
        let (first, last, place) = self.reader.run.clone()?;
        let bytes = &self.reader.block[place];
        Some(Run { first, last, bytes })
    }

    /// What that says of the span that it is at.
    fn positions(&self) -> Option<&[u8]> {
        let (_, place) = self.docs.get(self.at)?;
        Some(&self.run()?.bytes[place.clone()])
    }

    /// Whether a span that is in it is not to be found in it any more.
    fn is_gone(&mut self, row: i64) -> bool {
        let gone = self.input.gone.binary_search(&row);
        if let Ok(gone) = gone {
            self.met[gone] = true;
        }
        gone.is_ok()
    }
}

/// Makes one segment of several, some blocks at a time.
pub(super) struct Merge {
    sources: Vec<Source>,
    /// The spans of each are behind those of the one before: whole runs follow one another, and are not looked into.
    follow: bool,
    has_begun: bool,
    blocks: Option<Blocks>,
}

impl Merge {
    /// The newest last: of a span that is in several the newest counts.
    pub(super) fn new(mut inputs: Vec<Input>) -> Self {
        for input in &mut inputs {
            input.gone.sort_unstable();
        }
        let pairs = inputs.windows(2);
        let follow = pairs
            .clone()
            .all(|two| two[0].rows.end <= two[1].rows.start)
            && inputs.iter().all(|input| input.gone.is_empty());
        let base = inputs.iter().map(|input| input.rows.start).min();
        Self {
            sources: inputs.into_iter().map(Source::new).collect(),
            follow,
            has_begun: false,
            blocks: Some(Blocks::new(base.unwrap_or(0))),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.blocks.is_none()
    }

    /// How many spans were left out so far: not all that are gone were in the segments that they are gone from.
    pub(super) fn left_out(&self) -> usize {
        let met = self.sources.iter().flat_map(|source| &source.met);
        met.filter(|met| **met).count()
    }

    /// The next blocks, some more than `most`; `None` where a block cannot be read. `fetch` gives the block of a segment
    /// that is behind one that begins so, or the first.
    pub(super) fn next<E>(
        &mut self,
        most: usize,
        mut fetch: impl FnMut(i64, Option<&(Vec<u8>, i64)>) -> Result<Option<Block>, E>,
    ) -> Result<Option<Vec<Block>>, E> {
        let Some(mut blocks) = self.blocks.take() else {
            return Ok(Some(Vec::new()));
        };
        let follow = self.follow;
        if !std::mem::replace(&mut self.has_begun, true) {
            for source in &mut self.sources {
                if source.next_run(follow, &mut fetch)?.is_none() {
                    return Ok(None);
                }
            }
        }
        loop {
            let Some(least) = self.sources.iter().filter_map(Source::term).min() else {
                return Ok(Some(blocks.finish()));
            };
            let term = least.to_vec();
            blocks.term(&term);
            // A term may be in so many spans that it alone would take long.
            while blocks.done.len() < most {
                let mut here = self.sources.iter_mut().filter(|one| one.is_at(&term));
                if follow {
                    let Some(source) = here.next() else { break };
                    if let Some(Run { first, last, bytes }) = source.run() {
                        blocks.run(first, last, bytes);
                    }
                    if source.next_run(follow, &mut fetch)?.is_none() {
                        return Ok(None);
                    }
                    continue;
                }
                let Some(row) = here.filter_map(|source| source.row()).min() else {
                    break;
                };
                let mut newest = None;
                for (at, source) in self.sources.iter_mut().enumerate() {
                    if source.is_at(&term) && source.row() == Some(row) && !source.is_gone(row) {
                        newest = Some(at);
                    }
                }
                if let Some(positions) = newest.and_then(|at| self.sources[at].positions()) {
                    blocks.run(row, row, positions);
                }
                for source in &mut self.sources {
                    if !source.is_at(&term) || source.row() != Some(row) {
                        continue;
                    }
                    source.at += 1;
                    if source.row().is_none() && source.next_run(follow, &mut fetch)?.is_none() {
                        return Ok(None);
                    }
                }
            }
            if blocks.done.len() >= most {
                let done = std::mem::take(&mut blocks.done);
                self.blocks = Some(blocks);
                return Ok(Some(done));
            }
        }
    }
}

/// The last run of a term in a block that begins with this span or before it. The outer `None` is a block that cannot be
/// read.
pub(super) fn find<'a>(
    mut block: &'a [u8],
    base: i64,
    wanted: &[u8],
    row: i64,
) -> Option<Option<Run<'a>>> {
    // How long the last term was, and how much of what is wanted it begins with: it is before that, or is that.
    let (mut length, mut common) = (0, 0);
    let mut found = None;
    while !block.is_empty() {
        let (shared, suffix) = term(&mut block)?;
        if shared > length {
            return None;
        }
        length = shared + suffix.len();
        let run = run(&mut block, base)?;
        if shared < common {
            break;
        }
        if shared == common {
            let pairs = suffix.iter().zip(&wanted[common..]);
            let same = pairs.take_while(|(one, other)| one == other).count();
            common += same;
            match (suffix.get(same), wanted.get(common)) {
                (None, None) if run.first <= row => found = Some(run),
                (None, Some(_)) => {}
                (Some(one), Some(other)) if one < other => {}
                _ => break,
            }
        }
    }
    Some(found)
}

/// The spans of a run, and where their positions are in its bytes; `None` where it cannot be read.
pub(super) fn docs(run: &Run<'_>) -> Option<Vec<(i64, Range<usize>)>> {
    let mut docs = Vec::new();
    let mut rest = run.bytes;
    let mut row = run.first;
    loop {
        let start = run.bytes.len() - rest.len();
        while varint::take(&mut rest)? & 1 == 1 {}
        docs.push((row, start..run.bytes.len() - rest.len()));
        if rest.is_empty() {
            return Some(docs);
        }
        row = row.checked_add_unsigned(varint::take(&mut rest)?)?;
    }
}

impl Run<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes
    }
}

/// The positions that a term has in a span.
pub(super) fn positions(mut bytes: &[u8]) -> Vec<u64> {
    let mut positions = Vec::new();
    let mut position = 0_u64;
    while let Some(step) = varint::take(&mut bytes) {
        position = position.saturating_add(step >> 1);
        positions.push(position);
    }
    positions
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Where each word is, told by looking at each text.
    type Places = BTreeMap<(Vec<u8>, i64), Vec<u64>>;

    fn places(texts: &BTreeMap<i64, String>) -> Places {
        let mut places = Places::new();
        for (row, text) in texts {
            let words = text.split(|c: char| !c.is_alphanumeric());
            let words = words.filter(|word| !word.is_empty()).map(|word| {
                let folded: String = word.chars().flat_map(char::to_lowercase).collect();
                folded.as_bytes()[..folded.len().min(TERM)].to_vec()
            });
            for (at, word) in (0..).zip(words) {
                places.entry((word, *row)).or_default().push(at);
            }
        }
        places
    }

    fn built(texts: &BTreeMap<i64, String>) -> Option<(Range<i64>, Vec<Block>)> {
        let mut builder = Builder::default();
        // Of what was before nothing is left.
        builder.add(0, "what was before");
        builder.finish();
        for (row, text) in texts {
            builder.add(*row, text);
        }
        let (count, rows, blocks) = builder.finish()?;
        assert_eq!(count, texts.len());
        Some((rows, blocks))
    }

    /// The same, read back word by word and span by span.
    fn read(base: i64, blocks: &[Block], wanted: &Places) -> Places {
        let mut read = Places::new();
        for (term, row) in wanted.keys() {
            let place = blocks.partition_point(|block| (&block.term, block.row) <= (term, *row));
            let Some(block) = place.checked_sub(1).map(|place| &blocks[place]) else {
                continue;
            };
            let Some(run) = find(&block.bytes, base, term, *row).unwrap() else {
                continue;
            };
            for (found, place) in docs(&run).unwrap() {
                if found == *row {
                    read.insert((term.clone(), *row), positions(&run.bytes()[place]));
                }
            }
        }
        read
    }

    /// What is made of several, and the first of all their spans.
    fn merged(
        parts: Vec<(Range<i64>, Vec<Block>, Vec<i64>)>,
        most: usize,
    ) -> Option<(i64, Vec<Block>)> {
        let base = parts.iter().map(|(rows, ..)| rows.start).min()?;
        let (mut inputs, mut blocks) = (Vec::new(), Vec::new());
        for (id, (rows, of_it, gone)) in (0..).zip(parts) {
            inputs.push(Input { id, rows, gone });
            blocks.push(of_it);
        }
        let mut merge = Merge::new(inputs);
        let mut all = Vec::new();
        while !merge.is_over() {
            let next = merge.next(most, |id, begins| {
                let of_it: &Vec<Block> = &blocks[id as usize];
                let behind = |block: &&Block| {
                    begins.is_none_or(|(term, row)| (&block.term, block.row) > (term, *row))
                };
                Ok::<_, ()>(of_it.iter().find(behind).cloned())
            });
            let next = next.ok()??;
            assert!(next.len() <= most + 3, "{} at once", next.len());
            all.extend(next);
        }
        Some((base, all))
    }

    fn count(rows: &Range<i64>, blocks: &[Block]) -> usize {
        let mut count = 0;
        let mut reader = Reader::new(rows.start);
        let mut left = blocks.iter().cloned();
        loop {
            reader.next(|_| Ok::<_, ()>(left.next())).unwrap().unwrap();
            let Some((first, last, place)) = reader.run.clone() else {
                return count;
            };
            let bytes = &reader.block[place];
            let docs = docs(&Run { first, last, bytes }).unwrap();
            assert_eq!(docs.last().unwrap().0, last);
            count += docs.len();
        }
    }

    fn texts() -> impl Strategy<Value = BTreeMap<i64, String>> {
        let word = prop_oneof![
            "[a-e]{1,2}",
            "[A-Za-z0-9_é漢ß. ]{1,12}",
            Just("İstanbul ΣΑΣ ".to_owned()),
            "x{60,70}",
        ];
        let text = prop::collection::vec(word, 0..40).prop_map(|words| words.join(" "));
        prop::collection::btree_map(1..5_000_i64, text, 0..12)
    }

    proptest! {
        #[test]
        fn what_was_built_is_found_where_it_is(texts in texts()) {
            let expected = places(&texts);
            let Some((rows, blocks)) = built(&texts) else {
                prop_assert!(texts.is_empty());
                return Ok(());
            };
            prop_assert_eq!(&read(rows.start, &blocks, &expected), &expected);
            prop_assert_eq!(count(&rows, &blocks), expected.len());
        }

        #[test]
        fn segments_made_one_say_what_each_said(
            parts in prop::collection::vec(texts(), 1..5),
            gone in prop::collection::vec(1..5_000_i64, 0..20),
            follow: bool,
            most in 1..4_usize,
        ) {
            let mut expected = BTreeMap::new();
            let mut inputs = Vec::new();
            for (at, part) in (0..).zip(parts) {
                let step = if follow { at * 10_000 } else { 0 };
                let part: BTreeMap<i64, String> =
                    part.into_iter().map(|(row, text)| (row + step, text)).collect();
                let Some((rows, blocks)) = built(&part) else { continue };
                let gone = if follow { Vec::new() } else { gone.clone() };
                inputs.push((rows, blocks, gone.clone()));
                for (place, positions) in places(&part) {
                    if !gone.contains(&place.1) {
                        expected.insert(place, positions);
                    }
                }
            }
            prop_assume!(!inputs.is_empty());
            let (base, blocks) = merged(inputs, most).unwrap();
            prop_assert_eq!(&read(base, &blocks, &expected), &expected);
            prop_assert_eq!(count(&(base..base), &blocks), expected.len());
        }

        #[test]
        fn no_bytes_make_reading_fail(bytes: Vec<u8>, other: Vec<u8>, word: Vec<u8>, row: i64, base: i64) {
            if let Some(Some(run)) = find(&bytes, base, &word, row) {
                _ = docs(&run);
            }
            _ = positions(&bytes);
            let parts = [bytes, other].map(|bytes| {
                let block = Block { term: word.clone(), row, bytes };
                (base..row, vec![block], vec![row])
            });
            _ = merged(parts.into(), 1);
        }
    }

    #[test]
    fn long_runs_are_in_parts_and_blocks_fit_a_page() {
        let text = "alpha beta ".repeat(400);
        let texts: BTreeMap<i64, String> = (1..=300).map(|row| (row, text.clone())).collect();
        let (rows, blocks) = built(&texts).unwrap();
        assert!(blocks.len() > 20);
        assert!(blocks.iter().all(|block| block.bytes.len() <= BLOCK + TERM));
        let expected = places(&texts);
        assert_eq!(read(rows.start, &blocks, &expected), expected);
        let halves = [1..=150, 151..=300].map(|rows| {
            let texts = rows.map(|row| (row, text.clone())).collect();
            let (rows, blocks) = built(&texts).unwrap();
            (rows, blocks, Vec::new())
        });
        let (base, merged) = merged(halves.into(), 2).unwrap();
        assert_eq!(read(base, &merged, &expected), expected);
    }
}
