//! What must hold of one segment in whatever order its two threads run; `.ci/loom` tries them all.

use std::sync::Arc;

use loom::thread;

use super::*;

/// A record that can be told from all others, and of which every word belongs to it.
fn record(number: u64) -> [u64; 3] {
    [number, number * 10, number * 100]
}

/// The numbers of all records in `words`, each of which must be whole.
fn numbers(words: &[u64]) -> Vec<u64> {
    let (records, rest) = words.as_chunks::<3>();
    assert_eq!(rest, [0; 0], "a record is published at once");
    let number = |words: &[u64; 3]| {
        assert_eq!(*words, record(words[0]));
        words[0]
    };
    records.iter().map(number).collect()
}

/// Writes once there is room.
fn write(segment: &Segment, head: u64, number: u64) -> u64 {
    while !segment.has_room(head, 3) {
        thread::yield_now();
    }
    segment.write(head, record(number), &[])
}

#[test]
fn every_record_is_read_once_whole_and_in_order_also_around_the_end() {
    loom::model(|| {
        let segment = Arc::new(Segment::new(4));
        let writer = thread::spawn({
            let segment = segment.clone();
            move || {
                let head = write(&segment, 0, 1);
                let head = write(&segment, head, 2);
                write(&segment, head, 3);
            }
        });
        let mut read = Vec::new();
        while read.len() < 9 {
            if segment.has_news() {
                segment.drain(&mut read);
            } else {
                thread::yield_now();
            }
        }
        writer.join().expect("it runs");
        assert_eq!(numbers(&read), [1, 2, 3]);
        assert!(!segment.has_news());
    });
}

#[test]
fn a_payload_in_a_box_is_there_when_its_record_is() {
    loom::model(|| {
        let segment = Arc::new(Segment::new(16));
        let writer = thread::spawn({
            let segment = segment.clone();
            move || {
                segment.put_box(b"one");
                let head = segment.write(0, record(1), &[]);
                segment.put_box(b"two");
                segment.write(head, record(2), &[]);
            }
        });
        let (mut read, mut boxes) = (Vec::new(), VecDeque::new());
        for _ in 0..2 {
            boxes.append(&mut segment.drain(&mut read).boxes);
            assert!(boxes.len() >= numbers(&read).len());
        }
        writer.join().expect("it runs");
        boxes.append(&mut segment.drain(&mut read).boxes);
        assert_eq!(numbers(&read), [1, 2]);
        assert_eq!(boxes, [Box::from(*b"one"), Box::from(*b"two")]);
        assert!(segment.has_room_for_box(BOXED_LIMIT));
    });
}

#[test]
fn boxes_that_were_read_make_room_for_others() {
    loom::model(|| {
        let segment = Arc::new(Segment::new(16));
        segment.put_box(&[0; BOXED_LIMIT]);
        let head = segment.write(0, record(1), &[]);
        let writer = thread::spawn({
            let segment = segment.clone();
            move || {
                while !segment.has_room_for_box(1) {
                    thread::yield_now();
                }
                segment.put_box(&[1]);
                segment.write(head, record(2), &[]);
            }
        });
        let mut read = Vec::new();
        let first = segment.drain(&mut read).boxes;
        writer.join().expect("it runs");
        let rest = segment.drain(&mut read).boxes;
        assert_eq!((numbers(&read), first.len() + rest.len()), (vec![1, 2], 2));
    });
}

#[test]
fn an_end_beside_a_full_ring_is_found_no_earlier_than_a_pass_before_its_start() {
    loom::model(|| {
        let segment = Arc::new(Segment::new(4));
        let writer = thread::spawn({
            let segment = segment.clone();
            move || {
                let head = segment.write(0, record(1), &[]);
                assert!(!segment.has_room(head, 3) || segment.tail() > 0);
                segment.side().ends.push(record(1));
            }
        });
        let mut passes = Vec::new();
        let mut pass = || {
            let mut words = Vec::new();
            let ends = if segment.has_news() || segment.has_ends() {
                segment.drain(&mut words).ends
            } else {
                Vec::new()
            };
            passes.push((numbers(&words).len(), ends.len()));
        };
        pass();
        pass();
        writer.join().expect("it runs");
        pass();
        let at = |found: fn(&(usize, usize)) -> usize| {
            let all: usize = passes.iter().map(found).sum();
            assert_eq!(all, 1, "neither is lost, and neither is read twice");
            passes.iter().position(|pass| found(pass) == 1)
        };
        let (start, end) = (at(|pass| pass.0), at(|pass| pass.1));
        assert!(start <= end.map(|end| end + 1), "{passes:?}");
    });
}
