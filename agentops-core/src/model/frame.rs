//! The spool's file format: a header, then frames that each carry one thing and a checksum.
//!
//! The spool's exporter appends frames; whoever reads a spool, finished or still growing, gets [`Event`]s. Knows
//! nothing of files, and of what frames carry only what [`wire`] makes of it.
//!
//! ```text
//! file   = b"AGENTOPS" version:u32 frame*
//! frame  = len:u32 crc32:u32 kind:u8 payload          len and crc32 cover kind and payload; all little-endian
//! span   = count:varint number:varint{count} OTLP     the message is the shared pieces so numbered, then the rest
//! shared = number:varint OTLP                         part of an OTLP span; only for later frames of the same file
//! ```

use std::collections::HashMap;
use std::fmt;

use super::event::{Event, Loss, LossCause, Resource};
use super::wire::proto::{take_varint, varint};
use super::wire::{self, WireError};

/// What a spool file starts with.
pub const MAGIC: [u8; 8] = *b"AGENTOPS";
/// The format that we write, and the newest that we read. A new kind of frame is a new format.
pub const VERSION: u32 = 1;
/// How long the header is.
pub const HEADER_LEN: usize = 12;
/// How long a frame's kind and payload may be together, and what a span may grow to with its shared pieces.
pub const MAX_FRAME: usize = 64 << 20;

/// Bytes before a frame's kind: its length and its checksum.
pub const HEAD_LEN: usize = 8;
/// How many bytes may be checked while looking for where frames go on after damage, over the whole file.
///
/// Damage that happens takes next to none of it; a file that was made to look like frames everywhere must not take
/// time by the square of its size.
const SEARCH: usize = 1 << 30;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// An OTLP `Resource`; always the first frame.
    Resource = 0,
    /// A span that ended.
    Span = 1,
    /// A span that started and has not ended.
    Pending = 2,
    /// An OTLP `LogRecord`.
    Log = 3,
    /// A sign of life.
    Heartbeat = 4,
    /// An account of what was lost.
    Loss = 5,
    /// Facts of a session.
    Session = 6,
    /// A piece of OTLP span that later frames refer to by number.
    Shared = 7,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Resource,
        Self::Span,
        Self::Pending,
        Self::Log,
        Self::Heartbeat,
        Self::Loss,
        Self::Session,
        Self::Shared,
    ];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// Appends what a file starts with.
pub fn header(buf: &mut Vec<u8>) {
    buf.extend_from_slice(&MAGIC);
    buf.extend_from_slice(&VERSION.to_le_bytes());
}

/// Appends a frame whose payload is `parts` one after the other.
///
/// # Errors
///
/// Where the payload is longer than a frame may be; the buffer is then as it was.
pub fn append(buf: &mut Vec<u8>, kind: Kind, parts: &[&[u8]]) -> Result<(), TooLong> {
    append_with(buf, kind, |buf| {
        parts.iter().for_each(|part| buf.extend_from_slice(part))
    })
}

/// Appends a frame whose payload `write` appends to the buffer, touching nothing before it.
///
/// # Errors
///
/// Where the payload is longer than a frame may be; the buffer is then as it was.
pub fn append_with(
    buf: &mut Vec<u8>,
    kind: Kind,
    write: impl FnOnce(&mut Vec<u8>),
) -> Result<(), TooLong> {
    let start = buf.len();
    buf.extend_from_slice(&[0; HEAD_LEN]);
    buf.push(kind as u8);
    write(buf);
    let body = &buf[start + HEAD_LEN..];
    let Some(len) = u32::try_from(body.len())
        .ok()
        .filter(|len| *len as usize <= MAX_FRAME)
    else {
        buf.truncate(start);
        return Err(TooLong);
    };
    let crc = crc32fast::hash(body);
    buf[start..start + 4].copy_from_slice(&len.to_le_bytes());
    buf[start + 4..start + HEAD_LEN].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

/// Appends a span, ended or pending: the shared pieces that it refers to, then what is its own.
///
/// # Errors
///
/// Where the payload is longer than a frame may be; the buffer is then as it was.
pub fn append_span(
    buf: &mut Vec<u8>,
    kind: Kind,
    refs: &[u32],
    otlp: &[u8],
) -> Result<(), TooLong> {
    append_span_with(buf, kind, refs, |buf| buf.extend_from_slice(otlp))
}

/// As [`append_span`], where `write` appends the span's own part, touching nothing before it.
///
/// # Errors
///
/// Where the payload is longer than a frame may be; the buffer is then as it was.
#[inline]
pub fn append_span_with(
    buf: &mut Vec<u8>,
    kind: Kind,
    refs: &[u32],
    write: impl FnOnce(&mut Vec<u8>),
) -> Result<(), TooLong> {
    append_with(buf, kind, |buf| {
        varint(buf, refs.len() as u64);
        refs.iter().for_each(|&number| varint(buf, number.into()));
        write(buf);
    })
}

/// Appends a piece of OTLP span that later frames of the same file refer to by `number`.
///
/// # Errors
///
/// Where the piece is longer than a frame may be; the buffer is then as it was.
pub fn append_shared(buf: &mut Vec<u8>, number: u32, piece: &[u8]) -> Result<(), TooLong> {
    append_with(buf, Kind::Shared, |buf| {
        varint(buf, number.into());
        buf.extend_from_slice(piece);
    })
}

/// More than [`MAX_FRAME`] in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Why a file cannot be read as a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// It starts with something else.
    NotASpool,
    /// A newer version of agentops wrote it.
    Newer {
        /// The file's format.
        found: u32,
        /// The newest format that this version reads.
        supported: u32,
    },
    /// It ends within its header: its writer died there, or has yet to go on.
    Truncated,
}

/// What is left at the end of a file that cannot be read: most often a frame that its writer did not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// Where it starts in the file.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
}

/// Reads a whole spool file.
///
/// Frames that are damaged are skipped and counted: a reader gives what there is.
#[derive(Debug)]
pub struct Reader<'a> {
    follower: Follower,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks the header, and reads the resource where it is in its place.
    ///
    /// # Errors
    ///
    /// Where the bytes are not a spool, or a newer one than this version reads.
    pub fn new(file: &'a [u8]) -> Result<Self, HeaderError> {
        let mut follower = Follower::new();
        let mut rest = file;
        follower.start(&mut rest)?;
        if let Next::Frame(frame) = next_frame(rest)
            && frame.kind == Some(Kind::Resource)
        {
            follower.take(&frame);
            follower.advance(&mut rest, frame.len);
        }
        Ok(Self { follower, rest })
    }

    /// Who recorded; `None` where that frame is damaged.
    #[must_use]
    pub fn resource(&self) -> Option<&Resource> {
        self.follower.resource()
    }

    /// Frames that were skipped so far: damaged ones, and spans that refer to a shared piece that is not there.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.follower.damaged()
    }

    /// How far it was read, in bytes from the start of the file.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.follower.offset()
    }

    /// After the last event: what could not be read at the end.
    #[must_use]
    pub fn tail(&self) -> Option<Tail> {
        let bytes = self.rest.len() as u64;
        (bytes > 0).then_some(Tail {
            offset: self.follower.offset,
            bytes,
        })
    }
}

impl Iterator for Reader<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.follower.step(&mut self.rest, true)
    }
}

/// Reads a spool file piece by piece, while it grows.
///
/// It keeps what later frames need (the shared pieces, the resource) and where it stands; the caller keeps the file:
///
/// ```
/// # use agentops_core::model::frame::{self, Follower, HeaderError, Kind};
/// # let mut file = Vec::new();
/// # frame::header(&mut file);
/// # frame::append(&mut file, Kind::Resource, &[]).unwrap();
/// let mut follower = Follower::new();
/// // Each time that the file has grown: all bytes from where the follower stands.
/// let bytes = &file[follower.offset() as usize..];
/// for event in follower.feed(bytes)? {
///     // …
/// }
/// assert_eq!(follower.offset(), file.len() as u64);
/// # Ok::<(), HeaderError>(())
/// ```
///
/// A frame that is not all there is waited for: where the offset does not move and the file is longer, the caller
/// gives more at once, up to [`MAX_FRAME`] and a few bytes.
#[derive(Debug)]
pub struct Follower {
    offset: u64,
    /// Events of frames before this were told already.
    from: u64,
    resource: Option<Resource>,
    shared: HashMap<u32, Box<[u8]>>,
    damaged: u64,
    search: usize,
    /// The span at hand, put together.
    joined: Vec<u8>,
}

impl Default for Follower {
    fn default() -> Self {
        Self::new()
    }
}

impl Follower {
    /// Starts at the beginning of a file.
    #[must_use]
    pub fn new() -> Self {
        Self::resume(0)
    }

    /// Starts at the beginning of a file whose events were told up to `offset`, an earlier follower's
    /// [`offset`](Self::offset).
    ///
    /// It reads what is before for the resource and the shared pieces only, and decodes nothing else there.
    #[must_use]
    pub fn resume(offset: u64) -> Self {
        Self {
            offset: 0,
            from: offset,
            resource: None,
            shared: HashMap::new(),
            damaged: 0,
            search: SEARCH,
            joined: Vec::new(),
        }
    }

    /// Where the first byte that was not used yet stands in the file.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Who recorded, once it was read.
    #[must_use]
    pub fn resource(&self) -> Option<&Resource> {
        self.resource.as_ref()
    }

    /// Frames that were skipped so far, those before the offset resumed from included.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Reads on, in `bytes` that start at the [`offset`](Self::offset).
    ///
    /// What the iterator has not reached when it is dropped is not used.
    ///
    /// # Errors
    ///
    /// Where the file is not a spool, or a newer one than this version reads. [`HeaderError::Truncated`] may pass.
    pub fn feed<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Events<'a>, HeaderError> {
        self.events(bytes, false)
    }

    /// As [`feed`](Self::feed), of a file that will not grow any more: what follows an unfinished frame is looked
    /// for, and what is left then is a [`Tail`].
    ///
    /// # Errors
    ///
    /// As those of [`feed`](Self::feed).
    pub fn finish<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Events<'a>, HeaderError> {
        self.events(bytes, true)
    }

    fn events<'a>(&'a mut self, bytes: &'a [u8], last: bool) -> Result<Events<'a>, HeaderError> {
        let mut rest = bytes;
        if self.offset == 0 {
            self.start(&mut rest)?;
        }
        Ok(Events {
            follower: self,
            rest,
            last,
        })
    }

    fn start(&mut self, rest: &mut &[u8]) -> Result<(), HeaderError> {
        check_header(rest)?;
        self.advance(rest, HEADER_LEN);
        Ok(())
    }

    fn advance(&mut self, rest: &mut &[u8], by: usize) {
        *rest = &rest[by..];
        self.offset += by as u64;
    }

    /// The next event in `rest`, which starts at the offset; `None` where nothing more can be read from it.
    fn step(&mut self, rest: &mut &[u8], last: bool) -> Option<Event> {
        loop {
            let skip = match next_frame(rest) {
                Next::Frame(frame) => {
                    let event = self.take(&frame);
                    self.advance(rest, frame.len);
                    if event.is_some() {
                        return event;
                    }
                    continue;
                }
                Next::None => return None,
                Next::Unfinished if !last => return None,
                Next::Damaged { len } if follows(&rest[len..]) => {
                    // It may be the length that is damaged, and reach over frames that are whole.
                    self.search(&rest[..len]).unwrap_or(len)
                }
                Next::Damaged { .. } | Next::Unfinished => self.search(rest)?,
            };
            self.damaged += 1;
            self.advance(rest, skip);
        }
    }

    /// How far it is to the next frame that is whole.
    fn search(&mut self, bytes: &[u8]) -> Option<usize> {
        for at in 1..bytes.len() {
            let Some(len) = claimed_len(&bytes[at..]) else {
                continue;
            };
            self.search = self.search.checked_sub(len)?;
            if matches!(next_frame(&bytes[at..]), Next::Frame(_)) {
                return Some(at);
            }
        }
        None
    }

    /// Uses a frame; what cannot be used is counted.
    fn take(&mut self, frame: &Frame<'_>) -> Option<Event> {
        let told = self.offset < self.from;
        let taken = match frame.kind {
            Some(Kind::Resource) => wire::decode_resource(frame.payload).map(|resource| {
                self.resource = Some(resource);
                None
            }),
            Some(Kind::Shared) => self
                .keep(frame.payload)
                .map(|()| None)
                .ok_or(WireError::MALFORMED),
            Some(_) if told => Ok(None),
            Some(Kind::Span) => self.span(frame.payload, false).map(Some),
            Some(Kind::Pending) => self.span(frame.payload, true).map(Some),
            Some(Kind::Log) => wire::decode_log(frame.payload).map(|record| {
                let wire::LogRecord {
                    session, span, log, ..
                } = record;
                Some(Event::Log { session, span, log })
            }),
            Some(Kind::Heartbeat) => {
                wire::decode_heartbeat(frame.payload).map(|beat| Some(Event::Heartbeat(beat)))
            }
            Some(Kind::Loss) => {
                wire::decode_loss(frame.payload).map(|loss| Some(Event::Loss(loss)))
            }
            Some(Kind::Session) => {
                wire::decode_facts(frame.payload).map(|facts| Some(Event::Session(Box::new(facts))))
            }
            None => Err(WireError::MALFORMED),
        };
        taken.unwrap_or_else(|_| {
            self.damaged += 1;
            None
        })
    }

    fn keep(&mut self, mut payload: &[u8]) -> Option<()> {
        let number = take_number(&mut payload)?;
        self.shared.insert(number, payload.into());
        Some(())
    }

    fn span(&mut self, payload: &[u8], pending: bool) -> Result<Event, WireError> {
        let whole = self.join(payload).ok_or(WireError::MALFORMED)?;
        if pending && !whole {
            return Err(WireError::MALFORMED);
        }
        if !whole {
            let (session, time) = wire::span_remains(&self.joined)?;
            self.damaged += 1;
            return Ok(Event::Loss(Loss {
                time,
                session,
                cause: LossCause::Damaged,
                count: 1,
            }));
        }
        let mut span = Box::new(wire::decode_span(&self.joined)?);
        if pending {
            (span.open, span.end) = (true, None);
        }
        Ok(if span.open {
            Event::SpanStarted(span)
        } else {
            Event::SpanEnded(span)
        })
    }

    /// Puts a span together: whether all pieces that it refers to are there; `None` where it grows out of all
    /// proportion.
    fn join(&mut self, mut payload: &[u8]) -> Option<bool> {
        self.joined.clear();
        let mut whole = true;
        for _ in 0..take_varint(&mut payload)? {
            let Some(piece) = self.shared.get(&take_number(&mut payload)?) else {
                whole = false;
                continue;
            };
            if self.joined.len() + piece.len() > MAX_FRAME {
                return None;
            }
            self.joined.extend_from_slice(piece);
        }
        self.joined.extend_from_slice(payload);
        Some(whole)
    }
}

/// Events of the bytes that a [`Follower`] was fed with.
#[derive(Debug)]
pub struct Events<'a> {
    follower: &'a mut Follower,
    rest: &'a [u8],
    last: bool,
}

impl Events<'_> {
    /// Who recorded, once it was read.
    #[must_use]
    pub fn resource(&self) -> Option<&Resource> {
        self.follower.resource()
    }

    /// After the last event: what could not be read, or not yet.
    #[must_use]
    pub fn tail(&self) -> Option<Tail> {
        let bytes = self.rest.len() as u64;
        (bytes > 0).then_some(Tail {
            offset: self.follower.offset,
            bytes,
        })
    }
}

impl Iterator for Events<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.follower.step(&mut self.rest, self.last)
    }
}

/// The frames in bytes that this process wrote itself, each as its kind and its payload.
#[cfg(feature = "record")]
pub(crate) fn frames(mut bytes: &[u8]) -> impl Iterator<Item = (Kind, &[u8])> {
    std::iter::from_fn(move || {
        let len = le_u32(bytes.get(..4)?) as usize;
        let body = bytes.get(HEAD_LEN..HEAD_LEN + len)?;
        bytes = &bytes[HEAD_LEN + len..];
        Some((Kind::from_byte(*body.first()?)?, &body[1..]))
    })
}

/// A span frame's payload as the numbers of the pieces that it refers to, and what is its own.
#[cfg(feature = "record")]
pub(crate) fn split_span(mut payload: &[u8]) -> Option<(Vec<u32>, &[u8])> {
    let count = take_varint(&mut payload)?;
    let refs: Option<Vec<u32>> = (0..count).map(|_| take_number(&mut payload)).collect();
    Some((refs?, payload))
}

/// What stands at the front of some bytes.
enum Next<'a> {
    Frame(Frame<'a>),
    /// A frame of which not all is there.
    Unfinished,
    /// No frame, or one whose checksum is wrong; it says that it is so long, or 0 where it cannot be.
    Damaged {
        len: usize,
    },
    None,
}

struct Frame<'a> {
    /// `None` where no kind has this number.
    kind: Option<Kind>,
    payload: &'a [u8],
    /// The length of all of it.
    len: usize,
}

fn next_frame(bytes: &[u8]) -> Next<'_> {
    if bytes.is_empty() {
        return Next::None;
    }
    let Some((head, rest)) = bytes.split_at_checked(HEAD_LEN) else {
        return Next::Unfinished;
    };
    let (len, crc) = (le_u32(&head[..4]), le_u32(&head[4..]));
    let len = len as usize;
    if len == 0 || len > MAX_FRAME {
        return Next::Damaged { len: 0 };
    }
    let Some(body) = rest.get(..len) else {
        return Next::Unfinished;
    };
    if crc32fast::hash(body) != crc {
        return Next::Damaged {
            len: HEAD_LEN + len,
        };
    }
    Next::Frame(Frame {
        kind: Kind::from_byte(body[0]),
        payload: &body[1..],
        len: HEAD_LEN + len,
    })
}

/// The length that a whole frame of a known kind would have here, its checksum aside.
fn claimed_len(bytes: &[u8]) -> Option<usize> {
    let len = le_u32(bytes.get(..4)?) as usize;
    Kind::from_byte(*bytes.get(HEAD_LEN)?)?;
    (len > 0 && len <= bytes.len() - HEAD_LEN).then_some(len)
}

/// Whether these bytes go on as the file should, so that the length before them can be believed.
fn follows(bytes: &[u8]) -> bool {
    matches!(next_frame(bytes), Next::Frame(_) | Next::None)
}

fn check_header(file: &[u8]) -> Result<(), HeaderError> {
    let seen = file.len().min(MAGIC.len());
    if file[..seen] != MAGIC[..seen] {
        return Err(HeaderError::NotASpool);
    }
    match file.get(MAGIC.len()..HEADER_LEN).map(le_u32) {
        None => Err(HeaderError::Truncated),
        Some(0) => Err(HeaderError::NotASpool),
        Some(found) if found > VERSION => Err(HeaderError::Newer {
            found,
            supported: VERSION,
        }),
        Some(_) => Ok(()),
    }
}

/// The number in the first four bytes, of which there are four.
fn le_u32(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .take(4)
        .rev()
        .fold(0, |number, &byte| number << 8 | u32::from(byte))
}

fn take_number(bytes: &mut &[u8]) -> Option<u32> {
    u32::try_from(take_varint(bytes)?).ok()
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the frame is longer than {MAX_FRAME} bytes")
    }
}

impl std::error::Error for TooLong {}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotASpool => f.write_str("not a spool file"),
            Self::Newer { found, supported } => {
                write!(
                    f,
                    "format {found} of a newer agentops; this version reads up to {supported}"
                )
            }
            Self::Truncated => f.write_str("cut short within the header"),
        }
    }
}

impl std::error::Error for HeaderError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::event::{Heartbeat, Loss, LossCause};
    use crate::model::id::{SessionId, SpanId, TraceId};
    use crate::model::session::SessionFacts;
    use crate::model::span::{Level, Log, Span};
    use crate::model::wire::put;
    use crate::model::wire::tests::full_span;

    fn resource() -> Resource {
        Resource {
            service: "research_team".into(),
            ..Resource::default()
        }
    }

    fn log() -> Log {
        Log {
            time: 1,
            level: Level::Info,
            target: "t".into(),
            message: "m".into(),
            attributes: Default::default(),
        }
    }

    fn facts() -> SessionFacts {
        SessionFacts {
            id: SessionId(1),
            trace_id: TraceId(1),
            ..SessionFacts::default()
        }
    }

    fn loss() -> Loss {
        Loss {
            time: 1,
            session: None,
            cause: LossCause::RingFull,
            count: 2,
        }
    }

    /// A span in two shared pieces and a rest of its own.
    fn shared_span(id: u64) -> ([Vec<u8>; 2], Vec<u8>, Span) {
        let (mut callsite, mut scope, mut own) = (Vec::new(), Vec::new(), Vec::new());
        put::entity(
            &mut callsite,
            crate::model::span::SpanKind::Tool,
            "grep",
            None,
        );
        put::session(&mut scope, SessionId(5));
        put::ids(&mut own, TraceId(5), SpanId(id), None);
        put::times(&mut own, 10, 20);
        let span = wire::decode_span(&[&callsite[..], &scope, &own].concat()).unwrap();
        ([callsite, scope], own, span)
    }

    /// A file with a frame of every kind, where each frame starts, and what it tells.
    fn file() -> (Vec<u8>, Vec<usize>, Vec<Event>) {
        let ([callsite, scope], own, span) = shared_span(6);
        let open = Span {
            open: true,
            end: None,
            ..full_span()
        };
        let mut buf = Vec::new();
        header(&mut buf);
        let mut starts = Vec::new();
        let mut frame = |write: &dyn Fn(&mut Vec<u8>) -> Result<(), TooLong>| {
            starts.push(buf.len());
            write(&mut buf).unwrap();
        };
        frame(&|buf| append(buf, Kind::Resource, &[&wire::encode_resource(&resource())]));
        frame(&|buf| append(buf, Kind::Session, &[&wire::encode_facts(&facts())]));
        frame(&|buf| append_shared(buf, 300, &callsite));
        frame(&|buf| append_shared(buf, 0, &scope));
        frame(&|buf| append_span(buf, Kind::Pending, &[], &wire::encode_span(&open)));
        frame(&|buf| append_span(buf, Kind::Span, &[300, 0], &own));
        let log_bytes = wire::encode_log(&log(), SessionId(1), TraceId(1), SpanId(2));
        let (front, back) = log_bytes.split_at(9);
        frame(&|buf| append(buf, Kind::Log, &[front, back]));
        frame(&|buf| {
            append(
                buf,
                Kind::Heartbeat,
                &[&wire::encode_heartbeat(&Heartbeat::default())],
            )
        });
        frame(&|buf| append(buf, Kind::Loss, &[&wire::encode_loss(&loss())]));
        frame(&|buf| append_span(buf, Kind::Span, &[], &wire::encode_span(&full_span())));
        let events = vec![
            Event::Session(Box::new(facts())),
            Event::SpanStarted(Box::new(open)),
            Event::SpanEnded(Box::new(span)),
            Event::Log {
                session: SessionId(1),
                span: SpanId(2),
                log: log(),
            },
            Event::Heartbeat(Heartbeat::default()),
            Event::Loss(loss()),
            Event::SpanEnded(Box::new(full_span())),
        ];
        (buf, starts, events)
    }

    fn read(file: &[u8]) -> (Vec<Event>, u64, Option<Tail>) {
        let (events, _, damaged, tail) = read_damaged(file);
        (events, damaged, tail)
    }

    /// With what the reader itself counts as lost, apart.
    fn read_damaged(file: &[u8]) -> (Vec<Event>, Vec<Loss>, u64, Option<Tail>) {
        let mut reader = Reader::new(file).unwrap();
        let (mut events, mut losses) = (Vec::new(), Vec::new());
        for event in reader.by_ref() {
            match event {
                Event::Loss(loss) if loss.cause == LossCause::Damaged => losses.push(loss),
                event => events.push(event),
            }
        }
        (events, losses, reader.damaged(), reader.tail())
    }

    /// Whether `some` are among `all`, in the same order.
    fn is_part_of(some: &[Event], all: &[Event]) -> bool {
        let mut all = all.iter();
        some.iter().all(|event| all.any(|other| other == event))
    }

    #[test]
    fn a_frame_of_every_kind_comes_back() {
        let (file, _, events) = file();
        assert_eq!(Reader::new(&file).unwrap().resource(), Some(&resource()));
        assert_eq!(read(&file), (events, 0, None));
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let mut buf = Vec::new();
        header(&mut buf);
        append_span(&mut buf, Kind::Span, &[1, 200], b"xyz").unwrap();
        let body = [1, 2, 1, 200, 1, b'x', b'y', b'z'];
        let crc = crc32fast::hash(&body).to_le_bytes();
        assert_eq!(
            buf,
            [&b"AGENTOPS\x01\0\0\0\x08\0\0\0"[..], &crc, &body].concat()
        );
    }

    #[test]
    fn other_files_are_refused() {
        let (file, ..) = file();
        let refused = |bytes: &[u8]| Reader::new(bytes).err();
        assert_eq!(refused(b""), Some(HeaderError::Truncated));
        assert_eq!(refused(&file[..11]), Some(HeaderError::Truncated));
        assert_eq!(refused(b"{}"), Some(HeaderError::NotASpool));
        assert_eq!(refused(b"SQLite format 3\0"), Some(HeaderError::NotASpool));
        let mut newer = file;
        newer[8] = 2;
        assert_eq!(
            refused(&newer),
            Some(HeaderError::Newer {
                found: 2,
                supported: 1
            })
        );
    }

    #[test]
    fn a_file_cut_anywhere_gives_what_is_whole_and_reports_its_tail() {
        let (file, starts, events) = file();
        for len in HEADER_LEN..file.len() {
            let (told, damaged, tail) = read(&file[..len]);
            assert!(events.starts_with(&told), "{len}");
            assert_eq!(damaged, 0, "{len}");
            let torn = starts
                .iter()
                .copied()
                .filter(|start| *start <= len)
                .max()
                .unwrap_or(HEADER_LEN);
            let expected = Tail {
                offset: torn as u64,
                bytes: (len - torn) as u64,
            };
            assert_eq!(tail, (torn < len).then_some(expected), "{len}");
        }
    }

    #[test]
    fn a_flipped_bit_costs_one_frame() {
        let (file, starts, events) = file();
        // Every bit of what frames start with, and of the rest one in eight.
        let is_head = |at: usize| {
            starts
                .iter()
                .any(|start| (*start..start + HEAD_LEN + 1).contains(&at))
        };
        for bit in HEADER_LEN * 8..file.len() * 8 {
            if !is_head(bit / 8) && bit % 8 != bit / 8 % 8 {
                continue;
            }
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let (told, damaged, tail) = read(&flipped);
            assert!(is_part_of(&told, &events), "{bit}");
            assert!(told.len() + 1 >= events.len(), "{bit}");
            let last = bit / 8 >= *starts.last().unwrap();
            assert!(damaged > 0 || last && tail.is_some(), "{bit}");
        }
    }

    #[test]
    fn a_span_without_its_shared_piece_is_counted() {
        let ([callsite, _], own, _) = shared_span(6);
        let mut buf = Vec::new();
        header(&mut buf);
        append(&mut buf, Kind::Resource, &[]).unwrap();
        append_span(&mut buf, Kind::Span, &[7], &own).unwrap();
        append_shared(&mut buf, 7, &callsite).unwrap();
        append_span(&mut buf, Kind::Span, &[7, 8], &own).unwrap();
        append_span(&mut buf, Kind::Span, &[7], &own).unwrap();
        let (events, losses, damaged, tail) = read_damaged(&buf);
        assert_eq!((events.len(), damaged, tail), (1, 2, None));
        // The session stood in another piece, and has its trace's number.
        let loss = Loss {
            time: 20,
            session: Some(SessionId(5)),
            cause: LossCause::Damaged,
            count: 1,
        };
        assert_eq!(losses, [loss.clone(), loss]);
    }

    #[test]
    fn a_damaged_frame_that_takes_others_for_its_own_costs_only_itself() {
        let ([callsite, scope], own, _) = shared_span(6);
        let mut buf = Vec::new();
        header(&mut buf);
        append_shared(&mut buf, 1, &callsite).unwrap();
        append_shared(&mut buf, 2, &scope).unwrap();
        let mut starts = Vec::new();
        for _ in 0..4 {
            starts.push(buf.len());
            append_span(&mut buf, Kind::Span, &[1, 2], &own).unwrap();
        }
        // As long as two frames and a half, and as two and three whole ones.
        for (extra, frames) in [
            (20, 0),
            (starts[1] - starts[0], 1),
            (starts[2] - starts[0], 2),
        ] {
            let mut damaged = buf.clone();
            let len = le_u32(&buf[starts[0]..]) as usize + extra;
            damaged[starts[0]..starts[0] + 4].copy_from_slice(&(len as u32).to_le_bytes());
            let (events, count, tail) = read(&damaged);
            assert_eq!((events.len(), count, tail), (3, 1, None), "{frames}");
        }
    }

    #[test]
    fn a_span_cannot_grow_without_end() {
        let mut buf = Vec::new();
        header(&mut buf);
        append_shared(&mut buf, 1, &vec![0; 1 << 20]).unwrap();
        append_span(&mut buf, Kind::Span, &vec![1; 1 << 20], &[]).unwrap();
        assert_eq!(read(&buf), (vec![], 1, None));
    }

    #[test]
    fn more_than_a_frame_holds_is_not_written() {
        let mut buf = vec![1];
        let part = vec![0; MAX_FRAME];
        assert_eq!(append(&mut buf, Kind::Log, &[&part]), Err(TooLong));
        assert_eq!(append(&mut buf, Kind::Log, &[&part[1..]]), Ok(()));
        assert_eq!(buf.len(), 1 + HEAD_LEN + MAX_FRAME);
    }

    #[test]
    fn a_growing_file_is_followed_byte_by_byte() {
        let (file, _, events) = file();
        let mut follower = Follower::new();
        let mut told = Vec::new();
        for len in 0..=file.len() {
            match follower.feed(&file[follower.offset() as usize..len]) {
                Ok(more) => told.extend(more),
                Err(error) => assert_eq!((error, len < HEADER_LEN), (HeaderError::Truncated, true)),
            }
        }
        assert_eq!(
            (told, follower.damaged(), follower.resource()),
            (events, 0, Some(&resource()))
        );
        assert_eq!(follower.offset(), file.len() as u64);
    }

    #[test]
    fn a_follower_resumes_where_another_stood() {
        let (file, starts, events) = file();
        for &stop in &starts {
            let mut first = Follower::new();
            let mut told: Vec<_> = first.feed(&file[..stop]).unwrap().collect();
            let mut second = Follower::resume(first.offset());
            told.extend(second.feed(&file).unwrap());
            assert_eq!(told, events, "{stop}");
        }
    }

    #[test]
    fn what_the_caller_left_is_told_again() {
        let (file, _, events) = file();
        let mut follower = Follower::new();
        let first = follower.feed(&file).unwrap().next();
        let rest = &file[follower.offset() as usize..];
        let told: Vec<_> = first
            .into_iter()
            .chain(follower.feed(rest).unwrap())
            .collect();
        assert_eq!(told, events);
    }

    #[test]
    fn an_unfinished_frame_is_waited_for_until_the_file_is_done() {
        let (mut file, starts, events) = file();
        // A length that reaches far beyond the end, as if most of the frame were still to come.
        file[starts[6] + 2] = 0x10;
        let mut follower = Follower::new();
        let mut told: Vec<_> = follower.feed(&file).unwrap().collect();
        assert_eq!((told.len(), follower.offset()), (3, starts[6] as u64));
        let mut rest = follower.finish(&file[starts[6]..]).unwrap();
        told.extend(rest.by_ref());
        assert_eq!(rest.tail(), None);
        assert_eq!(follower.damaged(), 1);
        assert!(is_part_of(&told, &events) && told.len() == events.len() - 1);
    }

    #[test]
    fn a_file_of_zeros_after_a_crash_is_a_tail() {
        let (mut file, _, events) = file();
        let len = file.len();
        file.resize(len + 100_000, 0);
        assert_eq!(
            read(&file),
            (
                events,
                0,
                Some(Tail {
                    offset: len as u64,
                    bytes: 100_000
                })
            )
        );
    }

    /// Spans of one length, half of them of one callsite and half of another; where each frame is.
    fn many() -> (Vec<u8>, Vec<std::ops::Range<usize>>) {
        let mut buf = Vec::new();
        header(&mut buf);
        let mut frames = Vec::new();
        let ([callsite, scope], ..) = shared_span(1);
        for (number, piece) in [(1, &callsite), (2, &callsite), (3, &scope)] {
            let start = buf.len();
            append_shared(&mut buf, number, piece).unwrap();
            frames.push(start..buf.len());
        }
        for id in 0..40 {
            let (_, own, _) = shared_span(id + 1);
            let start = buf.len();
            append_span(&mut buf, Kind::Span, &[1 + id as u32 % 2, 3], &own).unwrap();
            frames.push(start..buf.len());
        }
        (buf, frames)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn any_bytes_after_a_header_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let mut file = Vec::new();
            header(&mut file);
            file.extend_from_slice(&bytes);
            read(&file);
        }

        #[test]
        fn bytes_that_change_cost_what_they_hit(
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), 1..=255_u8), 1..12),
            heads in any::<bool>(),
        ) {
            let (mut file, frames) = many();
            let mut hit = vec![false; frames.len()];
            let mut changed = std::collections::HashMap::new();
            for (index, by) in changes {
                let frame = index.index(frames.len());
                // Lengths are what a reader stumbles over.
                let within = if heads { 4 } else { frames[frame].len() };
                let at = frames[frame].start + index.index(frames[frame].len() * 31) % within;
                changed.entry(at).or_insert((frame, by));
            }
            for (at, (frame, by)) in changed {
                file[at] ^= by;
                hit[frame] = true;
            }
            let (events, losses, damaged, tail) = read_damaged(&file);
            let told: Vec<u64> = events.iter().filter_map(|event| match event {
                Event::SpanEnded(span) => Some(span.id.0),
                _ => None,
            }).collect();
            let whole = (0..40).filter(|id| !hit[3 + id]);
            let (kept, bereft): (Vec<_>, Vec<_>) = whole.partition(|id| !hit[id % 2] && !hit[2]);
            let kept: Vec<u64> = kept.into_iter().map(|id| id as u64 + 1).collect();
            prop_assert_eq!(told, kept);
            prop_assert_eq!(losses.len(), bereft.len());
            prop_assert!(losses.iter().all(|loss| loss.session == Some(SessionId(5))));
            prop_assert!(damaged > 0 || tail.is_some());
        }

        #[test]
        fn any_payload_in_a_good_frame_is_read(kind in 0..8_usize, payload in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut file = Vec::new();
            header(&mut file);
            append(&mut file, Kind::ALL[kind], &[&payload]).unwrap();
            prop_assert_eq!(read(&file).2, None);
        }
    }
}
