//! Ollama's own API: chats, completions and embeddings, whole or as a stream of JSON lines.
//!
//! Its requests look like OpenAI's, so that only marks of its own tell them apart: `options`, `keep_alive`, `think`,
//! images beside the content. Its answers have `done`. What Ollama answers in OpenAI's manner is read as OpenAI's.

use serde_json::{Map, Value, json};

use super::{Seen, count, given, is_nonsense, nearest, openai, owned, text};
use crate::model::llm::{Completion, LlmCall, Message, Part, ToolRequest, Usage};

type Fields = Map<String, Value>;

/// What of a request is a parameter beside its `options`, all of which are.
const PARAMETERS: [&str; 10] = [
    "dimensions",
    "format",
    "keep_alive",
    "logprobs",
    "raw",
    "shift",
    "think",
    "tools",
    "top_logprobs",
    "truncate",
];

/// Recognises a chat, a completion or an embedding by its request, its response, or both.
pub(super) fn call(seen: &Seen<'_>) -> Option<LlmCall> {
    let answer = seen.response.and_then(Answer::find);
    let request = seen
        .request
        .and_then(|request| Request::find(request, answer.as_ref()));
    let answer = match (answer, &request, seen.response) {
        (None, None, _) => return None,
        (None, Some(_), _) if !seen.by_request => return None,
        (None, Some(_), Some(response)) => Answer {
            completions: words(response).into_iter().collect(),
            ..Answer::default()
        },
        (answer, ..) => answer.unwrap_or_default(),
    };
    let asked = request.as_ref().map(Request::call).unwrap_or_default();
    let operation = answer
        .operation
        .or(request.as_ref().map(|request| request.operation))
        .unwrap_or_default();
    Some(LlmCall {
        provider: Some("ollama".into()),
        operation: Some(operation.name().into()),
        model: answer.model,
        streaming: answer.streamed || request.is_some_and(|request| request.streams()),
        completions: answer.completions,
        usage: answer.usage,
        ..asked
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Operation {
    #[default]
    Chat,
    Completion,
    Embedding,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completion => "text_completion",
            Self::Embedding => "embeddings",
        }
    }
}

/// What was asked.
struct Request<'a> {
    body: &'a Fields,
    operation: Operation,
}

impl<'a> Request<'a> {
    /// A request by its own marks; beside an answer of Ollama's, by what it asks for.
    fn find(value: &'a Value, answer: Option<&Answer>) -> Option<Self> {
        nearest(value, |value| {
            let body = value.as_object()?;
            let operation = operation(body)?;
            let fits = answer.map_or_else(
                || text(body, "model").is_some() && is_own(body, operation),
                |answer| answer.operation == Some(operation),
            );
            fits.then_some(Self { body, operation })
        })
    }

    fn streams(&self) -> bool {
        self.body.get("stream") == Some(&Value::Bool(true))
    }

    fn call(&self) -> LlmCall {
        let mut parameters = given(Some(self.body), &PARAMETERS);
        let options = self.body.get("options").and_then(Value::as_object);
        let options = options.into_iter().flatten();
        let options = options.filter(|(_, value)| !value.is_null());
        parameters.extend(options.map(|(name, value)| (name.clone(), value.clone())));
        LlmCall {
            request_model: owned(self.body, "model").or_else(|| owned(self.body, "model_name")),
            messages: self.messages(),
            parameters,
            ..LlmCall::default()
        }
    }

    fn messages(&self) -> Vec<Message> {
        let user = |content| Message {
            role: "user".into(),
            content,
            ..Message::default()
        };
        match self.operation {
            Operation::Chat => messages(self.body)
                .into_iter()
                .flatten()
                .filter_map(message)
                .collect(),
            Operation::Completion => {
                let system = owned(self.body, "system").map(|system| Message {
                    role: "system".into(),
                    content: vec![Part::Text(system)],
                    ..Message::default()
                });
                let prompt = owned(self.body, "prompt").map(Part::Text);
                let suffix = text(self.body, "suffix")
                    .map(|suffix| Part::Other(json!({"type": "suffix", "suffix": suffix})));
                let prompt = prompt.into_iter().chain(suffix).chain(images(self.body));
                system.into_iter().chain([user(prompt.collect())]).collect()
            }
            Operation::Embedding => {
                let inputs = match self.body.get("input").or_else(|| self.body.get("prompt")) {
                    Some(Value::Array(inputs)) => inputs.as_slice(),
                    Some(one) => std::slice::from_ref(one),
                    None => &[],
                };
                let inputs = inputs.iter().filter_map(Value::as_str);
                inputs
                    .map(|input| user(vec![Part::Text(input.into())]))
                    .collect()
            }
        }
    }
}

/// What a body asks for; nobody says it, but each has a field that the others do not have.
fn operation(body: &Fields) -> Option<Operation> {
    if messages(body).is_some() {
        Some(Operation::Chat)
    } else if body.contains_key("input") {
        Some(Operation::Embedding)
    } else if body.get("prompt").is_some_and(Value::is_string) {
        Some(Operation::Completion)
    } else {
        None
    }
}

fn messages(body: &Fields) -> Option<&Vec<Value>> {
    let messages = body.get("messages")?.as_array()?;
    let first = messages.first()?.as_object()?;
    text(first, "role").map(|_| messages)
}

/// Whether a request can be nobody else's.
fn is_own(body: &Fields, operation: Operation) -> bool {
    let is = |key: &str, read: fn(&Value) -> bool| body.get(key).is_some_and(read);
    let is_own_message = |message: &Value| {
        message.get("images").is_some_and(Value::is_array)
            || message.get("tool_name").is_some_and(Value::is_string)
            || matches!(
                message.get("thinking"),
                Some(Value::Null | Value::String(_))
            )
    };
    is("keep_alive", |value| value.is_string() || value.is_i64())
        || is("think", |value| value.is_boolean() || value.is_string())
        || is("options", |options| {
            OPTIONS.iter().any(|option| options.get(option).is_some())
        })
        || operation == Operation::Embedding && is("truncate", Value::is_boolean)
        || operation == Operation::Chat
            // Images may come late, but what a client always writes comes with the first message.
            && messages(body).is_some_and(|messages| messages.iter().take(MARKED).any(is_own_message))
}

/// How many messages are looked at for a mark.
const MARKED: usize = 16;

/// What only Ollama has for options, and what it has for them in common with others.
const OPTIONS: [&str; 14] = [
    "min_p",
    "num_batch",
    "num_ctx",
    "num_gpu",
    "num_keep",
    "num_predict",
    "num_thread",
    "repeat_last_n",
    "repeat_penalty",
    "seed",
    "stop",
    "temperature",
    "top_k",
    "top_p",
];

fn message(value: &Value) -> Option<Message> {
    let fields = value.as_object()?;
    let said = said(fields);
    Some(Message {
        role: text(fields, "role")?.to_ascii_lowercase(),
        name: owned(fields, "tool_name"),
        content: said.content,
        tool_calls: said.tool_calls,
        tool_call_id: owned(fields, "tool_call_id"),
    })
}

/// What a message says, of a prompt or of an answer: thoughts, words, images and wishes.
fn said(message: &Fields) -> Completion {
    let thoughts = owned(message, "thinking").map(Part::Reasoning);
    let content = match message.get("content") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => (!text.is_empty()).then(|| Part::Text(text.clone())),
        Some(other) => Some(Part::Other(other.clone())),
    };
    let tools = message.get("tool_calls").and_then(Value::as_array);
    Completion {
        role: text(message, "role")
            .unwrap_or("assistant")
            .to_ascii_lowercase(),
        content: thoughts
            .into_iter()
            .chain(content)
            .chain(images(message))
            .collect(),
        tool_calls: tools
            .into_iter()
            .flatten()
            .filter_map(tool_request)
            .collect(),
        finish_reason: None,
    }
}

/// Images are base64 and no more; here they get a name.
fn images(fields: &Fields) -> impl Iterator<Item = Part> {
    let images = fields.get("images").and_then(Value::as_array);
    let images = images.into_iter().flatten();
    images.map(|image| Part::Other(json!({"type": "image", "image": image})))
}

fn tool_request(call: &Value) -> Option<ToolRequest> {
    let function = call.get("function")?.as_object()?;
    Some(ToolRequest {
        id: owned(call.as_object()?, "id"),
        name: owned(function, "name").unwrap_or_default(),
        arguments: openai::arguments(function.get("arguments")),
    })
}

// The answer.

/// What a response tells.
#[derive(Default)]
struct Answer {
    operation: Option<Operation>,
    model: Option<String>,
    streamed: bool,
    completions: Vec<Completion>,
    usage: Option<Usage>,
}

impl Answer {
    fn find(response: &Value) -> Option<Self> {
        nearest(response, as_stream)
            .or_else(|| nearest(response, as_response))
            .or_else(|| nearest(response, as_embeddings))
    }

    /// Reads responses in the order in which they came: one, or the lines of a stream.
    fn of<'a>(lines: impl Iterator<Item = &'a Fields>) -> Self {
        let mut answer = Self::default();
        let mut whole = Line::default();
        for line in lines {
            if answer.model.is_none() {
                answer.model = owned(line, "model");
            }
            // A last line may have nothing but counts.
            answer.operation = answer.operation.or(line_operation(line));
            answer.usage = usage(line).or(answer.usage);
            whole.push(line);
        }
        answer.completions.push(whole.finish());
        answer
    }
}

fn line_operation(line: &Fields) -> Option<Operation> {
    if line.get("message").is_some_and(Value::is_object) {
        Some(Operation::Chat)
    } else if line.get("response").is_some_and(Value::is_string) {
        Some(Operation::Completion)
    } else {
        None
    }
}

/// `{"model": …, "message": …, "done": true}`, or with `response` in place of the message.
fn as_response(value: &Value) -> Option<Answer> {
    let line = as_line(value).filter(|line| line_operation(line).is_some())?;
    Some(Answer::of([line].into_iter()))
}

/// Lines of a stream, and errors among them; a client may hand them out several at a time.
fn as_stream(value: &Value) -> Option<Answer> {
    fn inside(item: &Value) -> &[Value] {
        match item.get("Ok").unwrap_or(item) {
            Value::Array(lines) => lines,
            one => std::slice::from_ref(one),
        }
    }
    let items = value.as_array()?;
    let lines = || items.iter().flat_map(inside).filter_map(as_line);
    let first = lines().next()?;
    line_operation(first)?;
    // Whole answers in a row are not one answer.
    let is_stream = first.get("done") == Some(&Value::Bool(false)) || items.len() == 1;
    is_stream.then(|| Answer {
        streamed: true,
        ..Answer::of(lines())
    })
}

fn as_line(value: &Value) -> Option<&Fields> {
    let line = value.as_object()?;
    let is_line = line.get("done").is_some_and(Value::is_boolean) && text(line, "model").is_some();
    is_line.then_some(line)
}

/// A line, or all of them together.
#[derive(Default)]
struct Line {
    role: Option<String>,
    thoughts: String,
    words: String,
    others: Vec<Part>,
    tool_calls: Vec<ToolRequest>,
    finish_reason: Option<String>,
}

impl Line {
    fn push(&mut self, line: &Fields) {
        self.finish_reason = owned(line, "done_reason").or(self.finish_reason.take());
        if let Some(Value::Object(message)) = line.get("message") {
            let said = said(message);
            self.role.get_or_insert(said.role);
            self.tool_calls.extend(said.tool_calls);
            for part in said.content {
                match part {
                    Part::Text(more) => self.push_words(line, &more),
                    Part::Reasoning(more) => self.thoughts.push_str(&more),
                    other => self.others.push(other),
                }
            }
        } else {
            self.words
                .push_str(text(line, "response").unwrap_or_default());
            self.thoughts
                .push_str(text(line, "thinking").unwrap_or_default());
        }
    }

    /// With a history, `ollama-rs` says in the last line all that it has put together.
    fn push_words(&mut self, line: &Fields, more: &str) {
        let is_last = line.get("done") == Some(&Value::Bool(true));
        let rest = more
            .strip_prefix(self.words.as_str())
            .filter(|_| is_last)
            .unwrap_or(more);
        self.words.push_str(rest);
    }

    fn finish(self) -> Completion {
        let some = |text: String, part: fn(String) -> Part| (!text.is_empty()).then(|| part(text));
        let thoughts = some(self.thoughts, Part::Reasoning).into_iter();
        let words = some(self.words, Part::Text);
        Completion {
            role: self.role.unwrap_or("assistant".into()),
            content: thoughts.chain(words).chain(self.others).collect(),
            tool_calls: self.tool_calls,
            finish_reason: self.finish_reason,
        }
    }
}

/// Vectors that are but lists of numbers, which nobody else answers under this name with nothing beside them or with
/// these counts.
fn as_embeddings(value: &Value) -> Option<Answer> {
    let head = value.as_object()?;
    let is_vector = |value: &Value| {
        let first = value.as_array().and_then(|vector| vector.first());
        first.is_some_and(Value::is_number)
    };
    let first = head.get("embeddings").and_then(Value::as_array)?.first();
    let is_own = head.len() == 1 || head.contains_key("load_duration") || usage(head).is_some();
    (first.is_some_and(is_vector) && is_own).then(|| Answer {
        operation: Some(Operation::Embedding),
        model: owned(head, "model"),
        usage: usage(head),
        ..Answer::default()
    })
}

/// What a function answers that was given a request of Ollama's and returns the message, or its text.
fn words(response: &Value) -> Option<Completion> {
    let message = nearest(response, |value| {
        let message = value.as_object()?;
        (text(message, "role") == Some("assistant")).then(|| said(message))
    });
    message.or_else(|| openai::as_words(response))
}

/// Counts of a last line; what a cache had of the prompt is not counted at all.
fn usage(line: &Fields) -> Option<Usage> {
    let number = |key: &str| count(line.get(key));
    let (input, output) = (number("prompt_eval_count"), number("eval_count"));
    let is_said = input.is_some() || output.is_some();
    if !is_said || is_nonsense(line, &["prompt_eval_count", "eval_count"]) {
        return None;
    }
    let (input, output) = (input.unwrap_or_default(), output.unwrap_or_default());
    Some(Usage {
        input,
        output,
        total: input.saturating_add(output),
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::recognise::recognise;

    fn said(text: &str) -> Vec<Part> {
        vec![Part::Text(text.into())]
    }

    fn answer(text: &str) -> Value {
        json!({"model": "llama3.2", "message": {"role": "assistant", "content": text}, "done": true, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2})
    }

    #[test]
    fn requests_are_known_by_their_own_marks_only() {
        let provider = |more: Value| {
            let mut request =
                json!({"model": "llama3.2", "messages": [{"role": "user", "content": "x"}]});
            let fields = more.as_object().cloned().unwrap_or_default();
            request.as_object_mut().unwrap().extend(fields);
            recognise(Some(&request), None).unwrap().provider
        };
        for own in [
            json!({"options": {"num_ctx": 8192}}),
            json!({"keep_alive": -1}),
            json!({"keep_alive": "5m"}),
            json!({"think": false}),
            json!({"messages": [{"role": "user", "content": "x", "images": ["aGk="]}]}),
            json!({"messages": [{"role": "user", "content": "x", "thinking": null}]}),
            json!({"messages": [{"role": "tool", "content": "x", "tool_name": "t"}]}),
        ] {
            assert_eq!(provider(own.clone()).as_deref(), Some("ollama"), "{own}");
        }
        for anybodys in [
            json!({}),
            json!({"stream": true, "temperature": 0.5}),
            json!({"options": {"retries": 3}}),
            json!({"options": null, "think": null, "keep_alive": null}),
            json!({"format": "json"}),
        ] {
            assert_eq!(provider(anybodys.clone()), None, "{anybodys}");
        }
    }

    #[test]
    fn what_another_answers_stays_its_own() {
        let request = json!({"model": "qwen3", "messages": [{"role": "user", "content": "x"}], "think": false});
        let completion = json!({"model": "qwen3", "choices": [{"message": {"role": "assistant", "content": "So."}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}});
        let call = recognise(Some(&request), Some(&completion)).unwrap();
        assert_eq!(call.provider, None);
        assert!(call.usage.is_some());
        for other in [
            json!({"done": true}),
            json!({"done": true, "message": {"role": "assistant", "content": "x"}}),
            json!({"model": "m", "response": "x"}),
            json!({"model": "m", "done": "yes", "response": "x"}),
            json!({"model": "m", "done": true, "message": "finished"}),
            json!([{"model": "m", "done": true}]),
            json!({"embeddings": []}),
            json!({"embeddings": [[0.5]], "texts": ["x"]}),
            json!({"embeddings": {"float": [[0.5]]}}),
        ] {
            assert_eq!(recognise(Some(&other), None), None, "{other}");
            assert_eq!(recognise(None, Some(&other)), None, "{other}");
        }
    }

    #[test]
    fn an_answer_tells_what_the_request_does_not() {
        for arguments in [
            json!({"model": "llama3.2", "messages": [{"role": "user", "content": "Why?"}]}),
            json!({"request": {"model": "llama3.2", "messages": [{"role": "user", "content": "Why?"}]}}),
            json!({"model": "llama3.2", "history": [{"role": "user", "content": "Why?"}]}),
            json!({"model": "llama3.2", "prompt": "Why?"}),
        ] {
            for response in [
                answer("So."),
                json!({"inner": answer("So.")}),
                json!([answer("So."), 3]),
            ] {
                let call = recognise(Some(&arguments), Some(&response)).unwrap();
                assert_eq!(call.provider.as_deref(), Some("ollama"), "{arguments}");
                assert_eq!(
                    call.request_model.as_deref(),
                    Some("llama3.2"),
                    "{arguments}"
                );
                assert_eq!(call.messages[0].content, said("Why?"), "{arguments}");
                assert_eq!(call.completions[0].content, said("So."), "{arguments}");
                assert_eq!(call.usage.map(|usage| usage.total), Some(5));
                assert!(!call.streaming);
            }
        }
    }

    #[test]
    fn a_message_or_its_text_answers_a_request_of_its_own() {
        let request = json!({"model": "llama3.2", "messages": [{"role": "user", "content": "Why?"}], "options": {"seed": 1}});
        for response in [
            json!("So."),
            json!({"role": "assistant", "content": "So."}),
            json!([{"role": "assistant", "content": "So."}, 3]),
        ] {
            let call = recognise(Some(&request), Some(&response)).unwrap();
            assert_eq!(call.completions[0].content, said("So."), "{response}");
            assert_eq!(call.usage, None);
        }
    }

    #[test]
    fn lines_of_a_stream_may_come_several_at_a_time_and_end_early() {
        let line = |text: &str| json!({"model": "m", "response": text, "done": false});
        let last = json!({"model": "m", "done": true, "eval_count": 2});
        let read = |response: Value| recognise(None, Some(&response)).unwrap();
        let call = read(
            json!([{"Ok": [line("a"), line("b")]}, {"Err": "reset"}, {"Ok": [line("c"), last]}]),
        );
        assert_eq!(call.completions[0].content, said("abc"));
        assert_eq!(
            call.usage.map(|usage| (usage.input, usage.output)),
            Some((0, 2))
        );
        assert_eq!(call.operation.as_deref(), Some("text_completion"));
        let call = read(json!([line("a"), {"error": "out of memory"}]));
        assert_eq!(
            (call.completions[0].content.as_slice(), call.usage),
            (&said("a")[..], None)
        );
        assert!(call.streaming);
    }

    #[test]
    fn several_answers_are_not_one() {
        let call = recognise(None, Some(&json!([answer("a"), answer("b")]))).unwrap();
        assert_eq!(call.completions[0].content, said("a"));
        assert!(!call.streaming);
    }
}
