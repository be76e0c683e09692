//! Without the feature `enable` attributes give their items back untouched, and nothing of a program is recorded.

use std::time::Duration;

use agentops::export::Memory;
use agentops::testing::capture_with;

#[agentops::session(name = "run", tags = ["nightly"])]
fn run(question: &str) -> Result<String, Refused> {
    Librarian { answered: 0 }.answer(question)
}

#[agentops::agent(name = "head librarian")]
#[derive(agentops::Capture)]
struct Librarian {
    #[agentops(state)]
    answered: usize,
}

#[agentops::agent(role = "answers")]
impl Librarian {
    fn answer(&self, question: &str) -> Result<String, Refused> {
        allowed(question)?;
        Ok(ask(&format!(
            "{question} {}",
            count("a b c") + self.answered
        )))
    }

    #[agentops::skip]
    fn name(&self) -> &'static str {
        "librarian"
    }
}

#[agentops::guardrail(spec = "input")]
fn allowed(question: &str) -> Result<(), Refused> {
    if question.is_empty() {
        return Err(Refused);
    }
    Ok(())
}

#[agentops::tool(cost = 0.01, description = "counts words", returns(words = |n| *n))]
fn count(text: &str) -> usize {
    text.split(' ').count()
}

#[agentops::llm(model = "gpt-4o-mini", provider = "openai")]
fn ask(prompt: &str) -> String {
    prompt.to_uppercase()
}

#[agentops::operation]
async fn later<T: Clone>(value: &T) -> T {
    std::future::ready(value.clone()).await
}

#[agentops::instrument(level = "debug")]
mod shelves {
    //! What is in a module comes back, too.

    pub(super) struct Shelf(pub(super) usize);

    impl Shelf {
        pub(super) fn room(&self) -> usize {
            free(self.0)
        }

        #[agentops::tool(name = "its own")]
        pub(super) fn books(&self) -> usize {
            self.0
        }
    }

    #[agentops::skip]
    fn free(taken: usize) -> usize {
        10 - taken
    }
}

#[agentops::agent]
impl Iterator for Librarian {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        Some(self.name())
    }
}

#[derive(Debug, PartialEq)]
struct Refused;

mod program {
    #[agentops::main]
    pub(super) fn main() -> Result<(), &'static str> {
        super::run("in main").map(drop).map_err(|_| "refused")
    }
}

#[test]
fn an_annotated_program_works_and_leaves_no_trace() {
    let memory = Memory::new();
    let guard = agentops::builder()
        .exporter(memory.clone())
        .init()
        .expect("nothing else was initialised");

    assert_eq!(run("how many?"), Ok("HOW MANY? 3".into()));
    assert_eq!(run(""), Err(Refused));
    let librarian = Librarian { answered: 1 };
    assert_eq!(librarian.name(), "librarian");
    assert_eq!(
        agentops::Agent::name(&librarian),
        "head librarian",
        "it is an agent all the same"
    );
    assert_eq!(program::main(), Ok(()));
    assert_eq!(poll_once(later(&7)), 7);
    assert_eq!(shelves::Shelf(4).room() + shelves::Shelf(4).books(), 10);
    assert_eq!(Librarian { answered: 1 }.next(), Some("librarian"));

    assert!(agentops::flush(Duration::from_secs(5)));
    assert_eq!(memory.traces().len(), 0);
    drop(guard);

    let (answer, trace) = capture_with(|| run("how many?"));
    assert_eq!(answer, Ok("HOW MANY? 3".into()));
    assert!(trace.spans.is_empty() && trace.nested.is_empty());
    let (room, trace) = capture_with(|| shelves::Shelf(4).room());
    assert_eq!(room, 6);
    assert!(trace.spans.is_empty());
}

fn poll_once<F: Future>(future: F) -> F::Output {
    use std::task::{Context, Poll, Waker};
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is ready at once"),
    }
}
