//! Counts what is in a spool, from the format's description alone.
//!
//! It shares no code with the recorder or the reader: frames and their checksums are read here, spans by another
//! implementation of OTLP, and payloads are worked out again from the number that each span carries. It goes through
//! a file in one pass, and keeps a few bytes for each span.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use opentelemetry_proto::tonic::common::v1::{KeyValue, KeyValueList, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::payload;

const SPAN: u8 = 1;
const PENDING: u8 = 2;
const LOSS: u8 = 5;
const SHARED: u8 = 7;
/// Longer than a frame may be.
const TOO_LONG: u32 = (64 << 20) + 1;

/// What there is in a spool.
#[derive(Debug, Default)]
pub struct Report {
    /// Spool files.
    pub files: u64,
    /// Whole frames.
    pub frames: u64,
    /// Frames whose checksum is wrong, and spans that refer to a piece which is not there.
    pub damaged: u64,
    /// Bytes at the ends of files that are no whole frame.
    pub torn: u64,
    /// Spans that ended, without the sessions' own.
    pub spans: u64,
    /// The sessions' own spans that ended.
    pub own: u64,
    /// Ended spans whose id was there already.
    pub duplicates: u64,
    /// Spans that started and did not end, without the sessions' own.
    pub pending: u64,
    /// Spans whose input or output is not what their number says.
    pub wrong: u64,
    /// What the recorder says that it lost.
    pub told: u64,
    /// The sum of all span ids, mixed: the same set of ids has the same sum.
    pub ids: u64,
    /// Numbers that spans carry.
    pub numbers: Numbers,
    /// By session: how many spans, the lowest and the highest number.
    pub sessions: BTreeMap<String, (u64, u64, u64)>,
    seen: HashSet<u64>,
    begun: HashSet<u64>,
}

/// A set of numbers, one bit each.
#[derive(Debug, Default)]
pub struct Numbers {
    bits: Vec<u64>,
    twice: u64,
}

impl Numbers {
    fn insert(&mut self, n: u64) {
        let (at, bit) = ((n / 64) as usize, 1 << (n % 64));
        if at >= self.bits.len() {
            self.bits.resize(at + 1, 0);
        }
        self.twice += u64::from(self.bits[at] & bit != 0);
        self.bits[at] |= bit;
    }

    /// Whether a span carries this number.
    #[must_use]
    pub fn contains(&self, n: u64) -> bool {
        let word = self.bits.get((n / 64) as usize).copied().unwrap_or(0);
        word >> (n % 64) & 1 == 1
    }

    /// How many different numbers there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bits
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How often a number came once more.
    #[must_use]
    pub fn twice(&self) -> u64 {
        self.twice
    }
}

/// Counts all spool files below a home.
///
/// # Errors
///
/// Where a file cannot be read, or is not of the format that is described.
pub fn check(home: &Path) -> io::Result<Report> {
    let mut report = Report::default();
    for entry in std::fs::read_dir(home.join("spool"))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "agentops")
        {
            report.files += 1;
            report.file(&mut BufReader::with_capacity(1 << 16, File::open(&path)?))?;
        }
    }
    report.pending = report.begun.difference(&report.seen).count() as u64;
    Ok(report)
}

impl Report {
    /// What speaks against `0..count` being there, each once and with its own payload; without payloads, so many spans.
    #[must_use]
    pub fn faults(&self, count: u64, numbered: bool) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |what: &str, found: u64, expected: u64| {
            if found != expected {
                faults.push(format!("{what}: {found}, not {expected}"));
            }
        };
        expect("spans", self.spans, count);
        if numbered {
            let there = (0..count).filter(|n| self.numbers.contains(*n)).count() as u64;
            expect("numbers that are there", there, count);
            expect("different numbers", self.numbers.len(), count);
            expect("numbers that came once more", self.numbers.twice, 0);
        }
        expect("duplicate ids", self.duplicates, 0);
        expect("wrong payloads", self.wrong, 0);
        expect("spans that did not end", self.pending, 0);
        expect("losses told", self.told, 0);
        expect("damaged frames", self.damaged, 0);
        expect("torn bytes", self.torn, 0);
        faults
    }

    fn file(&mut self, file: &mut impl Read) -> io::Result<()> {
        let mut header = [0; 12];
        if read(file, &mut header)? < header.len() {
            self.torn += 1;
            return Ok(());
        }
        if header != *b"AGENTOPS\x01\0\0\0" {
            return Err(io::Error::other("not a spool file of version 1"));
        }
        let (mut shared, mut body) = (HashMap::new(), Vec::new());
        loop {
            let mut head = [0; 8];
            let there = read(file, &mut head)?;
            if there < head.len() {
                self.torn += there as u64;
                return Ok(());
            }
            let [length, crc] = [0, 4]
                .map(|at| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
            if length == 0 || length >= TOO_LONG {
                self.torn += head.len() as u64 + io::copy(file, &mut io::sink())?;
                return Ok(());
            }
            body.resize(length as usize, 0);
            let there = read(file, &mut body)?;
            if there < body.len() {
                self.torn += (head.len() + there) as u64;
                return Ok(());
            }
            if crc32(&body) != crc {
                self.damaged += 1;
                continue;
            }
            self.frames += 1;
            if self.frame(body[0], &body[1..], &mut shared).is_none() {
                self.damaged += 1;
            }
        }
    }

    fn frame(
        &mut self,
        kind: u8,
        mut payload: &[u8],
        shared: &mut HashMap<u64, Vec<u8>>,
    ) -> Option<()> {
        match kind {
            SHARED => {
                let number = varint(&mut payload)?;
                shared.insert(number, payload.to_vec());
            }
            SPAN | PENDING => {
                let mut message = Vec::new();
                for _ in 0..varint(&mut payload)? {
                    message.extend_from_slice(shared.get(&varint(&mut payload)?)?);
                }
                message.extend_from_slice(payload);
                self.span(&Span::decode(&*message).ok()?, kind == PENDING)?;
            }
            LOSS => {
                let list = KeyValueList::decode(payload).ok()?;
                self.told += number(&list.values, "agentops.loss.count")?;
            }
            _ => {}
        }
        Some(())
    }

    fn span(&mut self, span: &Span, pending: bool) -> Option<()> {
        let id = u64::from_be_bytes(span.span_id.as_slice().try_into().ok()?);
        if text(&span.attributes, "agentops.span.kind") == Some("session") {
            self.own += u64::from(!pending);
            return Some(());
        }
        if pending {
            self.begun.insert(id);
            return Some(());
        }
        self.spans += 1;
        if !self.seen.insert(id) {
            self.duplicates += 1;
        }
        self.ids = self.ids.wrapping_add(payload::mix(id));
        let session = text(&span.attributes, "agentops.session.id")?;
        let input = text(&span.attributes, "agentops.entity.input");
        let n = input.and_then(numbered);
        if let Some(n) = n {
            self.numbers.insert(n);
            let output = text(&span.attributes, "agentops.entity.output");
            let right = input == Some(&*payload::input(n)) && output == Some(&*payload::output(n));
            self.wrong += u64::from(!right);
        }
        let n = n.unwrap_or(0);
        let block = match self.sessions.get_mut(session) {
            Some(block) => block,
            None => self
                .sessions
                .entry(session.to_owned())
                .or_insert((0, u64::MAX, 0)),
        };
        *block = (block.0 + 1, block.1.min(n), block.2.max(n));
        Some(())
    }
}

impl fmt::Display for Report {
    /// On one line, as `key=value`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "files={} frames={} spans={} numbers={} duplicates={} wrong={} pending={} told={} damaged={} torn={} \
             sessions={} ids={:016x}",
            self.files,
            self.frames,
            self.spans,
            self.numbers.len(),
            self.duplicates + self.numbers.twice,
            self.wrong,
            self.pending,
            self.told,
            self.damaged,
            self.torn,
            self.sessions.len(),
            self.ids
        )
    }
}

/// As many bytes as there are, up to the buffer's length.
fn read(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut there = 0;
    while there < buffer.len() {
        match file.read(&mut buffer[there..])? {
            0 => break,
            more => there += more,
        }
    }
    Ok(there)
}

/// Takes a varint from the front.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (number, rest) = bytes.split_at(length);
    *bytes = rest;
    Some(
        number
            .iter()
            .rev()
            .fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f)),
    )
}

/// The checksum of zip and PNG, bit by bit through a table.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let (mut crc, mut bit) = (byte as u32, 0);
            while bit < 8 {
                crc = (crc >> 1) ^ ((crc & 1) * 0xedb8_8320);
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| {
        crc >> 8 ^ TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize]
    })
}

/// The number that an input starts with.
fn numbered(input: &str) -> Option<u64> {
    let digits = input.strip_prefix("{\"n\":")?;
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    digits[..end].parse().ok()
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    // The later of two counts.
    let pair = attributes.iter().rev().find(|pair| pair.key == key)?;
    pair.value.as_ref()?.value.as_ref()
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn number(attributes: &[KeyValue], key: &str) -> Option<u64> {
    match value(attributes, key)? {
        Value::IntValue(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn whatever_is_missing_or_too_much_is_a_fault() {
        let mut report = Report::default();
        assert!(report.faults(0, true).is_empty());
        (0..10)
            .filter(|n| *n != 3)
            .for_each(|n| report.numbers.insert(n));
        report.spans = 10;
        report.numbers.insert(4);
        assert_eq!(
            report.faults(10, true),
            [
                "numbers that are there: 9, not 10",
                "different numbers: 9, not 10",
                "numbers that came once more: 1, not 0"
            ]
        );
        assert!(report.faults(10, false).is_empty());
    }
}
