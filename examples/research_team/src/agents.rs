//! The team: a planner, two researchers at once, a writer, and a guardrail over what the writer says.
//!
//! `research` is the whole order of work; each agent below it is a prompt, a choice of tools and one annotated method.
//! The attributes are all that tracing takes: without them these are the same functions.

use std::fmt;

use agentops::Level;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionMessageToolCalls, ChatCompletionRequestAssistantMessage,
    ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
    ChatCompletionRequestToolMessage, ChatCompletionRequestUserMessage,
};
use serde::Serialize;

use crate::citations::{CitationError, check_citations};
use crate::model::{Model, message, streaming};
use crate::tools::{SourceTree, definitions};

const MAX_ROUNDS: usize = 8;

/// Answers a question about a source tree, or says why the answer was not let through.
#[agentops::workflow(skip(model, tree))]
pub async fn research(model: &Model, tree: &SourceTree, question: &str) -> Result<String, Error> {
    let planner = Planner {
        model: model.clone(),
        tree: tree.clone(),
    };
    let writer = Writer {
        model: model.clone(),
    };

    let plan = planner.plan(question).await?;
    let notes = gather(model, tree, question, &plan).await?;
    let answer = writer.write(question, &notes).await?;
    check_citations(tree, &answer)?;
    Ok(answer)
}

/// What each researcher is to look for.
#[derive(Debug, Default, Serialize)]
pub struct Plan {
    code: Vec<String>,
    docs: Vec<String>,
}

/// The lines that the researchers found, each as `path:line: text`.
#[derive(Debug, Serialize)]
pub struct Notes {
    code: String,
    docs: String,
}

/// Lets both researchers work at once.
#[agentops::task(skip(model, tree))]
async fn gather(
    model: &Model,
    tree: &SourceTree,
    question: &str,
    plan: &Plan,
) -> Result<Notes, Error> {
    let code = CodeResearcher {
        model: model.clone(),
        tree: tree.code(),
    };
    let docs = DocsResearcher {
        model: model.clone(),
        tree: tree.docs(),
    };
    let (code, docs) = tokio::join!(
        code.search(question, &plan.code),
        docs.search(question, &plan.docs)
    );
    Ok(Notes {
        code: code?,
        docs: docs?,
    })
}

struct Planner {
    model: Model,
    tree: SourceTree,
}

#[agentops::agent(name = "planner", role = "says what to look for")]
impl Planner {
    async fn plan(&self, question: &str) -> Result<Plan, Error> {
        let prompt = "You plan research in a source tree. Call `outline` to see its files. Then reply with two lines: \
                      `code:` the names to look for in the code, and `docs:` the words to look for in the documents, \
                      each separated by commas, the most telling first, at most four.";
        let reply = converse(&self.model, &self.tree, &["outline"], prompt, question).await?;
        let plan = Plan::parse(&reply);
        if plan.code.is_empty() || plan.docs.is_empty() {
            agentops::current_span().log(
                Level::Warn,
                "the plan leaves a researcher with the bare question",
            );
        }
        Ok(plan)
    }
}

struct CodeResearcher {
    model: Model,
    tree: SourceTree,
}

#[agentops::agent(name = "code_researcher", role = "finds the lines of code that answer")]
impl CodeResearcher {
    async fn search(&self, question: &str, names: &[String]) -> Result<String, Error> {
        let prompt = "You find the lines of Rust code that answer a question. Search for the names, read around the \
                      best hits, and follow the modules they name. Then reply with at most eight of the lines that \
                      the tools gave you, unchanged, each as `path:line: text`, the most telling first.";
        let tools = ["grep", "read_file", "open_module"];
        converse(
            &self.model,
            &self.tree,
            &tools,
            prompt,
            &assignment(question, names),
        )
        .await
    }
}

struct DocsResearcher {
    model: Model,
    tree: SourceTree,
}

#[agentops::agent(name = "docs_researcher", role = "finds what the documents say")]
impl DocsResearcher {
    async fn search(&self, question: &str, words: &[String]) -> Result<String, Error> {
        let prompt = "You find what the documents of a source tree say about a question. Search for the words and \
                      read around the best hits. Then reply with at most four of the lines that the tools gave you, \
                      unchanged, each as `path:line: text`, the most telling first.";
        converse(
            &self.model,
            &self.tree,
            &["grep", "read_file"],
            prompt,
            &assignment(question, words),
        )
        .await
    }
}

struct Writer {
    model: Model,
}

#[agentops::agent(name = "writer", role = "writes the answer")]
impl Writer {
    async fn write(&self, question: &str, notes: &Notes) -> Result<String, Error> {
        let prompt = "You answer a question about a source tree from the notes of two researchers, and from nothing \
                      else. Name the place of everything you say as `path:line`. Quote a line only unchanged, on a \
                      line of its own, as `path:line: text`.";
        let task = format!(
            "{question}\n\nFrom the code:\n{}\n\nFrom the documents:\n{}",
            notes.code, notes.docs
        );
        let messages = [system(prompt), user(&task)];
        let response = self
            .model
            .chat_stream(streaming(self.model.request(&messages, &[])))
            .await?;
        Ok(message(response).content.unwrap_or_default())
    }
}

/// Why there is no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The model could not be asked, or did not answer.
    Model(OpenAIError),
    /// The guardrail stopped the answer.
    Citation(CitationError),
}

impl Plan {
    fn parse(reply: &str) -> Plan {
        let listed = |label: &str| {
            let line = reply
                .lines()
                .find_map(|line| line.trim().strip_prefix(label))
                .unwrap_or_default();
            let names = line
                .split(',')
                .map(|name| name.trim().trim_matches('`').to_owned());
            names.filter(|name| !name.is_empty()).collect()
        };
        Plan {
            code: listed("code:"),
            docs: listed("docs:"),
        }
    }
}

/// Talks with the model until it answers in words, running the tools that it calls on the way.
async fn converse(
    model: &Model,
    tree: &SourceTree,
    tools: &[&str],
    prompt: &str,
    task: &str,
) -> Result<String, Error> {
    let mut messages = vec![system(prompt), user(task)];
    let offered = definitions(tools);
    for round in 1.. {
        // In the last round no tools are offered, which leaves the model nothing but to answer.
        let offered = if round < MAX_ROUNDS {
            offered.as_slice()
        } else {
            &[]
        };
        let reply = message(model.chat(model.request(&messages, offered)).await?);
        let calls = reply.tool_calls.unwrap_or_default();
        if calls.is_empty() || offered.is_empty() {
            return Ok(reply.content.unwrap_or_default());
        }
        messages.push(assistant(reply.content, calls.clone()));
        messages.extend(calls.iter().filter_map(|call| answer(tree, call)));
    }
    unreachable!("the last round returns")
}

/// Runs one tool call. A tool that fails is told to the model, which may know another way.
fn answer(
    tree: &SourceTree,
    call: &ChatCompletionMessageToolCalls,
) -> Option<ChatCompletionRequestMessage> {
    let ChatCompletionMessageToolCalls::Function(call) = call else {
        return None;
    };
    let result = tree.call(&call.function.name, &call.function.arguments);
    let content = result.unwrap_or_else(|error| format!("error: {error}"));
    Some(
        ChatCompletionRequestToolMessage {
            content: content.into(),
            tool_call_id: call.id.clone(),
        }
        .into(),
    )
}

fn assignment(question: &str, names: &[String]) -> String {
    format!("{question}\n\nLook for: {}", names.join(", "))
}

fn system(text: &str) -> ChatCompletionRequestMessage {
    ChatCompletionRequestSystemMessage::from(text).into()
}

fn user(text: &str) -> ChatCompletionRequestMessage {
    ChatCompletionRequestUserMessage::from(text).into()
}

fn assistant(
    content: Option<String>,
    calls: Vec<ChatCompletionMessageToolCalls>,
) -> ChatCompletionRequestMessage {
    let content = content.map(Into::into);
    ChatCompletionRequestAssistantMessage {
        content,
        tool_calls: Some(calls),
        ..Default::default()
    }
    .into()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Model(error) => write!(f, "the model did not answer: {error}"),
            Error::Citation(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // What they say is said above already.
            Error::Model(error) => error.source(),
            Error::Citation(error) => error.source(),
        }
    }
}

impl From<OpenAIError> for Error {
    fn from(error: OpenAIError) -> Error {
        Error::Model(error)
    }
}

impl From<CitationError> for Error {
    fn from(error: CitationError) -> Error {
        Error::Citation(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_from_a_reply() {
        let plan = Plan::parse("Here it is.\n code: `Ring`, spool ,\ndocs: the ring");
        assert_eq!(plan.code, ["Ring", "spool"]);
        assert_eq!(plan.docs, ["the ring"]);
        assert!(Plan::parse("I do not know.").code.is_empty());
    }
}
