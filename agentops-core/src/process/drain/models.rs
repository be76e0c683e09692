//! What must hold between recording threads and the drainer: of rings that open, grow, close and are used again, and
//! of several rings that are read one after another. `.ci/loom` tries the orders in which they may run.

use loom::thread;

use super::*;
use crate::record::ring::{grow, leave, open};
use crate::sync::{Acquire, AtomicU64, Release};

/// What one pass found: the thread's id and the word, of one-word records.
type Found = Vec<(u64, u64)>;

struct Model {
    drainer: Drainer,
    out: Arc<Queue<Raw>>,
    requests: Arc<Requests>,
}

impl Model {
    fn new() -> Self {
        let out = Arc::new(Queue::new(RAW_LIMIT));
        let requests = Arc::<Requests>::default();
        Self {
            drainer: Drainer::new(out.clone(), Buffers::default(), requests.clone()),
            out,
            requests,
        }
    }

    fn pass(&mut self) -> Found {
        self.drainer.pass(true);
        let mut found = Vec::new();
        loop {
            match self.out.pop(Duration::MAX) {
                Some(Raw::Chunk(chunk)) => {
                    found.extend(chunk.words.iter().map(|word| (chunk.thread.id, *word)));
                }
                _ => return found,
            }
        }
    }
}

fn thread_of(id: u64) -> ThreadName {
    ThreadName { id, name: None }
}

/// What a thread does that records some words and ends.
fn live(id: u64, words: &[u64]) {
    let ring = open(thread_of(id));
    let mut head = ring.head();
    for word in words {
        head = ring.write(head, [*word], &[]);
    }
    leave(ring);
}

#[test]
fn a_ring_that_grows_and_closes_while_it_is_read_is_read_to_its_end() {
    loom::model(|| {
        let writer = thread::spawn(|| {
            let first = open(thread_of(7));
            first.write(first.head(), [1], &[]);
            let second = grow(first).expect("there is budget");
            let head = second.write(second.head(), [2], &[]);
            second.write(head, [3], &[]);
            leave(second);
        });
        let mut model = Model::new();
        let mut found = model.pass();
        found.append(&mut model.pass());
        writer.join().expect("it runs");
        found.append(&mut model.pass());
        assert_eq!(found, [(7, 1), (7, 2), (7, 3)]);
        assert_eq!(model.drainer.rings.len(), 0, "both segments are given back");
    });
}

#[test]
fn a_ring_that_is_used_again_is_the_new_threads() {
    loom::model(|| {
        let mut model = Model::new();
        live(1, &[10, 11]);
        let other = thread::spawn(|| live(2, &[20]));
        let mut found = model.pass();
        live(3, &[30]);
        found.append(&mut model.pass());
        other.join().expect("it runs");
        found.append(&mut model.pass());
        found.sort_unstable();
        assert_eq!(found, [(1, 10), (1, 11), (2, 20), (3, 30)]);
        assert_eq!(model.drainer.rings.len(), 0);
    });
}

#[test]
fn what_came_first_is_found_no_later_than_a_pass_after_what_followed_from_it() {
    const START: u64 = 1;
    const END: u64 = 2;
    loom::model(|| {
        let handed_over = Arc::new(AtomicU64::new(0));
        let mut model = Model::new();
        let starts = thread::spawn({
            let handed_over = handed_over.clone();
            move || {
                live(1, &[START]);
                handed_over.store(1, Release);
            }
        });
        let ends = thread::spawn(move || {
            if handed_over.load(Acquire) == 1 {
                live(2, &[END]);
            }
        });
        let passes = [model.pass(), model.pass()];
        starts.join().expect("it runs");
        ends.join().expect("it runs");
        let passes = [&passes[..], &[model.pass()]].concat();
        let at = |word| {
            passes
                .iter()
                .position(|found| found.iter().any(|found| found.1 == word))
        };
        let (start, end) = (at(START).expect("it is recorded"), at(END));
        assert!(end.is_none_or(|end| start <= end + 1), "{passes:?}");
    });
}

#[test]
fn a_flush_finds_all_that_was_recorded_before_it() {
    loom::model(|| {
        let mut model = Model::new();
        let requests = model.requests.clone();
        let recorded = Arc::new(AtomicU64::new(0));
        let recorder = thread::spawn({
            let recorded = recorded.clone();
            move || {
                live(1, &[10]);
                recorded.store(1, Release);
            }
        });
        let flusher = thread::spawn(move || {
            if recorded.load(Acquire) == 1 {
                requests.flush(Arc::default());
            }
        });
        let asked = !mem::take(&mut *lock(&model.requests.flushes)).is_empty();
        let found = model.pass();
        assert!(!asked || found == [(1, 10)]);
        recorder.join().expect("it runs");
        flusher.join().expect("it runs");
    });
}
