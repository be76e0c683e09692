//! Spool files that nobody wrote: damaged, cut, spliced, grown in pieces; what can be read of them is in the store once,
//! and is what a look at the whole file finds.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use agentops_core::model::event::{Event, Loss, LossCause};
use agentops_core::model::frame::{self, Kind};
use agentops_core::model::json;
use agentops_core::model::trace::Traces;
use agentops_core::model::wire;
use agentops_server::home::Home;
use agentops_server::ingest::spool::Importer;
use agentops_server::query;
use agentops_server::store::Store;
use agentops_server::store::sqlite::{Durability, Sqlite};

use super::{Input, Numbers, damage, rounds};
use crate::seed::{self, BAD};

/// What a recorder writes for some events.
fn file(events: &[Event]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::header(&mut bytes);
    let resource = wire::encode_resource(&seed::resource("shop"));
    frame::append(&mut bytes, Kind::Resource, &[&resource]).expect("it fits");
    for (number, event) in (1..).zip(events) {
        let mut put = |kind, payload: &[u8]| {
            frame::append(&mut bytes, kind, &[payload]).expect("it fits");
        };
        match event {
            Event::SpanEnded(span) | Event::SpanStarted(span) => {
                let kind = if span.open { Kind::Pending } else { Kind::Span };
                let whole = wire::encode_span(span);
                // Every other in two pieces, of which others could use the first.
                let cut = fields(&whole);
                let (shared, own) = whole.split_at(if number % 2 == 0 { cut } else { 0 });
                let refs = if shared.is_empty() {
                    &[][..]
                } else {
                    &[number]
                };
                if !shared.is_empty() {
                    frame::append_shared(&mut bytes, number, shared).expect("it fits");
                }
                frame::append_span(&mut bytes, kind, refs, own).expect("it fits");
            }
            Event::Log { session, span, log } => {
                put(
                    Kind::Log,
                    &wire::encode_log(log, *session, session.trace(), *span),
                );
            }
            Event::Session(facts) => put(Kind::Session, &wire::encode_facts(facts)),
            Event::Loss(loss) => put(Kind::Loss, &wire::encode_loss(loss)),
            _ => {}
        }
    }
    bytes
}

/// Where the second field of a message begins: its first is the id of the trace, of 16 bytes.
fn fields(message: &[u8]) -> usize {
    18.min(message.len())
}

/// What a look at the whole file finds, session by session.
fn whole(bytes: &[u8]) -> Option<Vec<String>> {
    let mut reader = frame::Reader::new(bytes).ok()?;
    let mut traces = Traces::default();
    while let Some(event) = reader.next() {
        let resource = reader.resource().cloned().unwrap_or_default();
        traces.apply(&resource, event);
    }
    // A file whose process is gone: what has not ended is lost.
    let ids: Vec<_> = traces
        .finish()
        .iter()
        .map(|trace| trace.session.facts.id)
        .collect();
    let mut traces = Traces::default();
    let mut reader = frame::Reader::new(bytes).ok()?;
    while let Some(event) = reader.next() {
        let resource = reader.resource().cloned().unwrap_or_default();
        traces.apply(&resource, event);
    }
    ids.into_iter().for_each(|id| traces.mark_lost(id));
    let mut all: Vec<String> = traces
        .finish()
        .iter()
        .map(|trace| json::to_string(trace, true))
        .collect();
    all.sort();
    Some(all)
}

/// The same of the store that an importer fills while the file grows.
fn grown(home: &Home, bytes: &[u8], numbers: &mut Numbers) -> Vec<String> {
    let database = home.path().join("agentops.db");
    for suffix in ["", "-wal", "-shm"] {
        _ = fs::remove_file(format!("{}{suffix}", database.display()));
    }
    let store = Sqlite::open(&database, Durability::Process).expect("a store");
    let path = home.spool().join(format!(
        "fuzz-1795323600000-{}-0.agentops",
        std::process::id()
    ));
    let lock = File::create(home.spool().join(format!(
        "fuzz-1795323600000-{}-0.agentops.lock",
        std::process::id()
    )));
    let lock = lock.expect("a lock");
    lock.lock().expect("nobody else has it");
    let mut spool = File::create(&path).expect("a file");
    let mut importer = Importer::new(home)
        .expect("a lock")
        .expect("nobody imports");
    let mut rest = bytes;
    for _ in 0..numbers.below(4) {
        let (now, then) = rest.split_at(numbers.below(rest.len() + 1));
        spool.write_all(now).expect("it is written");
        rest = then;
        step(&mut importer, &store);
        if numbers.below(4) == 0 {
            // Another goes on where this one was.
            drop(importer);
            importer = Importer::new(home)
                .expect("a lock")
                .expect("nobody imports");
        }
    }
    spool.write_all(rest).expect("it is written");
    // A process that another test just starts may have it open for a moment more.
    lock.unlock().expect("it was held");
    drop((spool, lock));
    for _ in 0..3 {
        step(&mut importer, &store);
    }
    _ = fs::remove_file(path);
    let everything = agentops_server::store::Wanted {
        limit: 10_000,
        foreign: true,
        ..Default::default()
    };
    let sessions = store.sessions(&everything).expect("an answer").sessions;
    let mut all: Vec<String> = sessions
        .iter()
        .map(|session| {
            let trace = query::trace(&store, session.facts.id).expect("an answer");
            json::to_string(&trace.expect("it is there"), true)
        })
        .collect();
    all.sort();
    all
}

fn step(importer: &mut Importer, store: &Sqlite) {
    importer
        .step(store, &mut |batch| store.commit(batch).map(drop))
        .expect("the store works");
}

#[test]
fn any_file_is_read_as_far_as_it_can_be() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-spool");
    _ = fs::remove_dir_all(&path);
    fs::create_dir_all(path.join("spool")).expect("a home");
    let home = Home::at(path.clone());
    let mut lossy = seed::bad();
    lossy.push(Event::Loss(Loss {
        time: seed::START,
        session: Some(BAD),
        cause: LossCause::Write,
        count: 3,
    }));
    let files = [
        file(&seed::good()),
        file(&lossy),
        file(&seed::live()),
        file(&seed::foreign()),
    ];
    rounds("spool files", 40, |numbers| {
        let input = numbers.of(&files).clone();
        let input = match numbers.below(4) {
            0 => input,
            _ => damage(input, &files, numbers),
        };
        let told = Input(input.escape_ascii().to_string());
        let found = grown(&home, &input, numbers);
        assert_eq!(found, whole(&input).unwrap_or_default());
        drop(told);
    });
    fs::remove_dir_all(path).expect("it can be removed");
}
