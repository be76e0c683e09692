//! What must hold of the queue and of tickets in whatever order threads run; `.ci/loom` tries them all.
//!
//! Here nobody's time is ever up, so whoever was not woken hangs, and that is found.

use std::sync::Arc;

use loom::thread;

use super::*;
use crate::process::ticket::Ticket;

#[derive(Debug, PartialEq)]
struct Item(usize);

impl Weighed for Item {
    fn weight(&self) -> usize {
        10
    }
}

fn pop_all(queue: &Queue<Item>) -> Vec<usize> {
    let mut popped = Vec::new();
    while !queue.is_done() {
        popped.extend(queue.pop(Duration::MAX).map(|Item(number)| number));
    }
    popped
}

#[test]
fn a_full_queue_is_waited_for_and_loses_nothing() {
    loom::model(|| {
        let queue = Arc::new(Queue::new(10));
        let writer = thread::spawn({
            let queue = queue.clone();
            move || {
                assert!(queue.push_waiting(Item(1)));
                assert!(queue.push_waiting(Item(2)));
                assert!(queue.push_waiting(Item(3)));
                queue.close();
            }
        });
        assert_eq!(pop_all(&queue), [1, 2, 3]);
        writer.join().expect("it runs");
    });
}

#[test]
fn two_writers_wait_for_one_reader() {
    loom::model(|| {
        let queue = Arc::new(Queue::new(10));
        let write = |number| {
            let queue = queue.clone();
            thread::spawn(move || assert!(queue.push_waiting(Item(number))))
        };
        let writers = [write(1), write(2)];
        let mut popped = Vec::new();
        while popped.len() < 2 {
            popped.extend(queue.pop(Duration::MAX).map(|Item(number)| number));
        }
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
        for writer in writers {
            writer.join().expect("it runs");
        }
    });
}

#[test]
fn closing_wakes_all_who_wait() {
    loom::model(|| {
        let queue = Arc::new(Queue::new(10));
        assert!(queue.push_waiting(Item(1)));
        let writer = thread::spawn({
            let queue = queue.clone();
            move || queue.push_waiting(Item(2))
        });
        let closer = thread::spawn({
            let queue = queue.clone();
            move || queue.close()
        });
        let taken = writer.join().expect("it runs");
        closer.join().expect("it runs");
        assert!(!taken, "nobody made room");
        assert_eq!(pop_all(&queue), [1]);
    });
}

#[test]
fn a_ticket_is_done_when_all_are() {
    loom::model(|| {
        let ticket = Arc::new(Ticket::default());
        let done = |well| {
            let ticket = ticket.clone();
            move || ticket.done(well)
        };
        let (one, other) = (done(true), done(true));
        let issuer = thread::spawn({
            let ticket = ticket.clone();
            move || {
                ticket.expect(2);
                one();
                let worker = thread::spawn(other);
                worker.join().expect("it runs");
            }
        });
        assert!(ticket.wait(Duration::MAX));
        issuer.join().expect("it runs");
    });
}
