//! What must hold of where orphans go while sessions open and end; `.ci/loom` tries the orders in which threads run.

use std::sync::Arc;

use loom::thread;

use super::*;

static SITE: Callsite = Callsite::new(Meta::new(
    SpanKind::Tool,
    "orphan",
    "m",
    "orphan",
    &[],
    false,
));

fn session(number: u128) -> Context {
    Context {
        span: number as u64,
        scope: number as u64,
        session: number,
        trace: number,
    }
}

/// Where a thread's orphans go now.
fn home(local: &Local) -> u128 {
    let home = orphan(local, &SITE).expect("there is an automatic session");
    home.0.session
}

const AUTOMATIC: u128 = 1;
const EXPLICIT: u128 = 2;

fn with_an_automatic_session(open: &[u128]) {
    let mut registry = lock(&REGISTRY);
    registry.automatic = Some(session(AUTOMATIC));
    registry.automatic_session = AutomaticSession::Named {
        name: String::new(),
        tags: Vec::new(),
    };
    let open = open.iter().map(|number| Open {
        context: session(*number),
        captured: false,
    });
    registry.open = open.collect();
}

#[test]
fn no_orphan_joins_a_session_that_is_known_to_have_ended() {
    loom::model(|| {
        with_an_automatic_session(&[EXPLICIT]);
        let ended = Arc::new(AtomicU64::new(0));
        let ends = thread::spawn({
            let ended = ended.clone();
            move || {
                closed(EXPLICIT);
                ended.store(1, Release);
            }
        });
        let local = Local::new();
        for _ in 0..2 {
            let known = ended.load(Acquire) == 1;
            let home = home(&local);
            assert!(home == AUTOMATIC || home == EXPLICIT && !known);
        }
        ends.join().expect("it runs");
        assert_eq!(home(&local), AUTOMATIC);
    });
}

#[test]
fn two_threads_agree_in_the_end() {
    loom::model(|| {
        with_an_automatic_session(&[EXPLICIT, 3]);
        let other = thread::spawn(|| {
            let local = Local::new();
            let before = home(&local);
            closed(3);
            assert_eq!((before, home(&local)), (AUTOMATIC, EXPLICIT));
        });
        let local = Local::new();
        let before = home(&local);
        assert!(before == AUTOMATIC || before == EXPLICIT);
        other.join().expect("it runs");
        assert_eq!(home(&local), EXPLICIT);
    });
}
