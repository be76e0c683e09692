//! Many threads at once: nothing is lost, nothing is mixed up.

use agentops::operation;
use agentops::testing::capture;

use crate::harness::{draw, memory, record_async, recorded};

#[operation]
fn work(thread: usize, turn: usize) -> usize {
    leaf(turn) + thread
}

#[operation(skip_all, capture_return = false)]
fn leaf(turn: usize) -> usize {
    turn
}

#[test]
fn sessions_on_many_threads_are_whole() {
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let turns = move || {
                (0..500).for_each(|turn| assert_eq!(work(thread, turn), turn + thread));
            };
            std::thread::spawn(move || capture(turns))
        })
        .collect();
    for (number, thread) in threads.into_iter().enumerate() {
        let trace = thread.join().expect("it runs");
        assert_eq!(trace.session.counts.spans, 1000, "thread {number}");
        assert_eq!(
            (trace.session.counts.open, trace.session.counts.dropped),
            (0, 0)
        );
        let turns: Vec<_> = trace
            .spans
            .iter()
            .filter(|span| span.name == "work")
            .collect();
        for (turn, span) in turns.iter().enumerate() {
            let input = span.input.as_ref().expect("it was captured");
            assert_eq!(
                (&input["thread"], &input["turn"]),
                (&number.into(), &turn.into())
            );
        }
        let children = trace.spans.iter().filter(|span| span.name == "leaf");
        assert!(
            children
                .zip(&turns)
                .all(|(leaf, work)| leaf.parent_id == Some(work.id))
        );
    }
}

#[test]
fn a_place_goes_along_to_another_thread() {
    let trace = capture(|| {
        let place = agentops::current_span().context();
        let thread = std::thread::Builder::new()
            .name("helper".into())
            .spawn(move || {
                let _span = agentops::span("there").start();
                elsewhere(place);
            });
        thread.expect("a thread starts").join().expect("it runs");
    });
    let expected = r#"OPERATION elsewhere
  OPERATION work {"thread":1,"turn":2} -> 3
    OPERATION leaf
"#;
    assert_eq!(trace.to_string(), expected);
    assert_eq!(
        trace
            .span("elsewhere")
            .thread
            .as_ref()
            .and_then(|thread| thread.name.as_deref()),
        Some("helper")
    );
}

#[operation(skip_all, parent = place)]
fn elsewhere(place: agentops::SpanContext) {
    let _ = place;
    work(1, 2);
}

/// Ends a span, and records another one, when its thread's locals are destroyed.
struct Late {
    open: Option<agentops::ManualSpan>,
}

impl Drop for Late {
    fn drop(&mut self) {
        work(7, 7);
        drop(self.open.take());
    }
}

thread_local! {
    static LATE: std::cell::RefCell<Late> = const { std::cell::RefCell::new(Late { open: None }) };
}

#[test]
fn spans_in_destructors_of_thread_locals_are_recorded() {
    memory();
    let thread = std::thread::spawn(|| {
        // Registered before the recorder's own locals, and so destroyed after them.
        LATE.with_borrow_mut(|late| {
            late.open = Some(agentops::span("until the thread ends").start());
            agentops::current_span().session_id().expect("it records")
        })
    });
    let trace = recorded(thread.join().expect("it runs"));
    let expected = "OPERATION work {\"thread\":7,\"turn\":7} -> 14\n  OPERATION leaf\n";
    assert_eq!(draw(&trace), expected);
    assert_eq!(
        (trace.session.counts.open, &*trace.spans[0].name),
        (0, "until the thread ends")
    );
}

#[test]
fn a_value_larger_than_the_ring_arrives_whole() {
    let text = "0123456789".repeat(6000);
    let trace = capture(|| drop(echo(&text)));
    let echo = trace.span("echo");
    assert_eq!(
        echo.output.as_ref().and_then(|output| output.as_str()),
        Some(&*text)
    );
    assert_eq!(
        echo.input.as_ref().and_then(|input| input["text"].as_str()),
        Some(&*text)
    );
}

#[operation]
fn echo(text: &str) -> String {
    text.into()
}

#[operation(skip_all, capture_return = false)]
fn asks_a_thread(n: usize) {
    let span = agentops::current_span();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            span.set_attribute("n", n);
            span.log(agentops::Level::Info, n);
        });
    });
}

#[test]
fn what_another_thread_says_of_a_span_is_kept() {
    let trace = capture(|| (0..50).for_each(asks_a_thread));
    assert_eq!(trace.spans.len(), 50);
    for (n, span) in trace.spans.iter().enumerate() {
        assert_eq!(
            (&span.attributes["n"], &*span.logs[0].message),
            (&n.into(), &*n.to_string())
        );
    }
}

#[test]
fn tasks_and_threads_of_their_own_take_their_place_along() {
    use agentops::prelude::*;

    let trace = record_async(async {
        let span = agentops::span("outer").start();
        let task = tokio::spawn(async { work(1, 1) }.in_current_span());
        let place = agentops::current_span().context();
        let thread = std::thread::spawn(move || place.in_scope(|| work(2, 2)));
        drop(span);
        assert_eq!(task.await.expect("it runs"), 2);
        assert_eq!(thread.join().expect("it runs"), 4);
    });
    let outline = "\
OPERATION outer
  OPERATION work
    OPERATION leaf
  OPERATION work
    OPERATION leaf
";
    assert_eq!(trace.outline(), outline);
}
