//! The attributes of the `agentops` crate.
//!
//! Each entry point hands two token streams to a plain function and gives back what it answers.
//! They are documented where the facade re-exports them; nothing here knows a runtime type, only names in `__private`.

use proc_macro::TokenStream;

use crate::args::Word;

mod args;
mod check;
mod derive;
mod error;
mod expand;
mod item;
mod model;
mod runtime;
#[cfg(test)]
mod soup;

/// Opens a session for every call.
#[proc_macro_attribute]
pub fn session(arguments: TokenStream, item: TokenStream) -> TokenStream {
    annotate(Word::Session, arguments, item)
}

/// The same as `#[session]`, as AgentOps spells it.
#[proc_macro_attribute]
pub fn trace(arguments: TokenStream, item: TokenStream) -> TokenStream {
    annotate(Word::Trace, arguments, item)
}

/// Records calls as an agent's.
#[proc_macro_attribute]
pub fn agent(arguments: TokenStream, item: TokenStream) -> TokenStream {
    annotate(Word::Agent, arguments, item)
}

/// Records calls as a group of operations.
#[proc_macro_attribute]
pub fn workflow(arguments: TokenStream, item: TokenStream) -> TokenStream {
    annotate(Word::Workflow, arguments, item)
}

/// Records calls as a piece of work.
#[proc_macro_attribute]
pub fn operation(arguments: TokenStream, item: TokenStream) -> TokenStream {
    annotate(Word::Operation, arguments, item)
}

/// The same as `#[operation]`, and keeps its word.
#[proc_macro_attribute]
pub fn task(arguments: TokenStream, item: TokenStream) -> TokenStream {
    annotate(Word::Task, arguments, item)
}

/// Records calls as uses of a tool.
#[proc_macro_attribute]
pub fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    annotate(Word::Tool, arguments, item)
}

/// Records calls as calls of a model.
#[proc_macro_attribute]
pub fn llm(arguments: TokenStream, item: TokenStream) -> TokenStream {
    annotate(Word::Llm, arguments, item)
}

/// Records calls as checks of what goes in or comes out.
#[proc_macro_attribute]
pub fn guardrail(arguments: TokenStream, item: TokenStream) -> TokenStream {
    annotate(Word::Guardrail, arguments, item)
}

/// Records the functions of a module, and any item as `#[operation]` does.
#[proc_macro_attribute]
pub fn instrument(arguments: TokenStream, item: TokenStream) -> TokenStream {
    annotate(Word::Instrument, arguments, item)
}

/// Records the program as one session.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    annotate(Word::Main, arguments, item)
}

/// Leaves an item of an annotated block or module alone.
#[proc_macro_attribute]
pub fn skip(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::skip(&arguments.into(), item.into()).into()
}

/// Says who an agent is, from its fields.
#[proc_macro_derive(Agent, attributes(agentops))]
pub fn derive_agent(item: TokenStream) -> TokenStream {
    expand::derive::agent(item.into()).into()
}

/// Records a value field by field.
#[proc_macro_derive(Capture, attributes(agentops))]
pub fn derive_capture(item: TokenStream) -> TokenStream {
    expand::derive::capture(item.into()).into()
}

fn annotate(word: Word, arguments: TokenStream, item: TokenStream) -> TokenStream {
    if cfg!(feature = "enable") {
        expand::annotate(word, arguments.into(), item.into()).into()
    } else {
        expand::leave(word, arguments.into(), item.into()).into()
    }
}
