//! Model calls that are put together by hand, one setter for each field.
//!
//! Knows the record's fields, not where it goes.

use std::time::Duration;

use serde_json::Value;

use super::{Completion, Cost, LlmCall, Message, Part, ToolRequest, Usage};

/// Setters of fields that are text.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident)*) => { $(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: impl Into<String>) -> Self {
            self.$name = Some($name.into());
            self
        }
    )* };
}

/// Setters of fields that are plain values.
macro_rules! values {
    ($($(#[$doc:meta])* $name:ident: $type:ty)*) => { $(
        $(#[$doc])*
        #[must_use]
        pub const fn $name(mut self, $name: $type) -> Self {
            self.$name = $name;
            self
        }
    )* };
}

impl LlmCall {
    /// A call of which nothing is known yet.
    ///
    /// ```
    /// use agentops_core::model::llm::{Completion, LlmCall, Message, ToolRequest, Usage};
    /// use serde_json::json;
    ///
    /// let grep = ToolRequest::new("grep", json!({"pattern": "fn main"})).id("call_1");
    /// let call = LlmCall::new()
    ///     .provider("acme")
    ///     .request_model("acme-large")
    ///     .parameter("temperature", 0.2)
    ///     .message(Message::new("user").text("Where is it?"))
    ///     .completion(Completion::new().tool_call(grep).finish_reason("tool_calls"))
    ///     .usage(Usage::new(1200, 40));
    /// assert_eq!(call.usage.map(|usage| usage.total), Some(1240));
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    texts! {
        /// Who runs the model: `openai`, `anthropic`.
        provider
        /// The model that was asked for.
        request_model
        /// The model that answered.
        model
        /// `chat`, `text_completion`, `embeddings`, …
        operation
        /// The provider's id of the answer.
        response_id
    }

    values! {
        /// Whether the answer was streamed.
        streaming: bool
    }

    /// Adds a message to the prompt.
    #[must_use]
    pub fn message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }

    /// Adds a message of nothing but text to the prompt.
    #[must_use]
    pub fn prompt(self, role: impl Into<String>, text: impl Into<String>) -> Self {
        self.message(Message::new(role).text(text))
    }

    /// Adds a choice to the answer.
    #[must_use]
    pub fn completion(mut self, completion: Completion) -> Self {
        self.completions.push(completion);
        self
    }

    /// Adds a choice of nothing but text to the answer.
    #[must_use]
    pub fn answer(self, text: impl Into<String>) -> Self {
        self.completion(Completion::new().text(text))
    }

    /// The tokens that it took.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// What it cost, where that is known better than by a price list.
    #[must_use]
    pub fn cost(mut self, cost: Cost) -> Self {
        self.cost = Some(cost);
        self
    }

    /// A parameter of the request: `temperature`, `max_tokens`.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// From the request to the first piece of the answer.
    #[must_use]
    pub fn time_to_first_token(mut self, time: Duration) -> Self {
        self.time_to_first_token = Some(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        self
    }

    /// Requests that were made for this call; 1 without a retry.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// This, with what another record knows where this one says nothing.
    #[must_use]
    pub(crate) fn over(self, other: Self) -> Self {
        let mut parameters = other.parameters;
        parameters.extend(self.parameters);
        Self {
            provider: self.provider.or(other.provider),
            request_model: self.request_model.or(other.request_model),
            model: self.model.or(other.model),
            operation: self.operation.or(other.operation),
            response_id: self.response_id.or(other.response_id),
            streaming: self.streaming || other.streaming,
            messages: said(self.messages, other.messages),
            completions: said(self.completions, other.completions),
            usage: self.usage.or(other.usage),
            cost: self.cost.or(other.cost),
            parameters,
            time_to_first_token: self.time_to_first_token.or(other.time_to_first_token),
            attempts: self.attempts.or(other.attempts),
            provider_error: self.provider_error.or(other.provider_error),
        }
    }
}

fn said<T>(own: Vec<T>, other: Vec<T>) -> Vec<T> {
    if own.is_empty() { other } else { own }
}

/// What messages and choices have in common.
macro_rules! speech {
    () => {
        /// Adds words.
        #[must_use]
        pub fn text(self, text: impl Into<String>) -> Self {
            self.part(Part::Text(text.into()))
        }

        /// Adds a piece of content.
        #[must_use]
        pub fn part(mut self, part: Part) -> Self {
            self.content.push(part);
            self
        }

        /// Adds a wish to have a tool called.
        #[must_use]
        pub fn tool_call(mut self, call: ToolRequest) -> Self {
            self.tool_calls.push(call);
            self
        }
    };
}

impl Message {
    /// An empty message of `system`, `user`, `assistant` or `tool`.
    #[must_use]
    pub fn new(role: impl Into<String>) -> Self {
        Self {
            role: role.into(),
            ..Self::default()
        }
    }

    speech! {}

    texts! {
        /// Who says it, where several share a role.
        name
        /// The request that a tool's message answers.
        tool_call_id
    }
}

impl Completion {
    /// An empty choice, of the assistant.
    #[must_use]
    pub fn new() -> Self {
        Self {
            role: "assistant".into(),
            ..Self::default()
        }
    }

    speech! {}

    texts! {
        /// Why it ended: `stop`, `length`, `tool_calls`, `content_filter`, …
        finish_reason
    }
}

impl ToolRequest {
    /// A wish to have a tool called with these arguments.
    #[must_use]
    pub fn new(name: impl Into<String>, arguments: impl Into<Value>) -> Self {
        Self {
            id: None,
            name: name.into(),
            arguments: arguments.into(),
        }
    }

    texts! {
        /// Ties the tool's answer to this request.
        id
    }
}

impl Usage {
    /// All tokens that went in, and all that came out; the total is their sum.
    #[must_use]
    pub fn new(input: u64, output: u64) -> Self {
        Self {
            input,
            output,
            total: input.saturating_add(output),
            ..Self::default()
        }
    }

    values! {
        /// Input that was read from the provider's cache.
        cache_read: u64
        /// Input that was written to the provider's cache.
        cache_write: u64
        /// What of that the cache keeps for an hour.
        cache_write_1h: u64
        /// Output that was thought rather than said.
        reasoning: u64
        /// Input that was sound.
        input_audio: u64
        /// Input that was sound, as far as it was read from the provider's cache.
        cache_read_audio: u64
        /// Output that was sound.
        output_audio: u64
        /// Searches of the web that the provider made for the call.
        web_searches: u64
        /// As the provider gave it.
        total: u64
        /// Counted by somebody else than the provider.
        estimated: bool
        /// Repeats what descendants said already.
        reported: bool
    }
}

impl Cost {
    /// An amount in nano-USD.
    #[must_use]
    pub fn new(total: i64) -> Self {
        Self {
            total,
            ..Self::default()
        }
    }

    /// What of it was for what went in, and what for what came out, in nano-USD.
    #[must_use]
    pub const fn split(mut self, input: i64, output: i64) -> Self {
        self.input = Some(input);
        self.output = Some(output);
        self
    }

    texts! {
        /// Where the price comes from.
        price_table
    }
}

#[cfg(all(test, feature = "record"))]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_goes_before_what_is_known_field_by_field() {
        let known = LlmCall::new()
            .provider("openai")
            .request_model("gpt-4o")
            .model("gpt-4o-2024-08-06")
            .operation("chat")
            .response_id("r1")
            .streaming(true)
            .prompt("user", "asked")
            .answer("answered")
            .usage(Usage::new(1, 2))
            .cost(Cost::new(5))
            .parameter("seed", 1)
            .parameter("n", 1)
            .time_to_first_token(Duration::from_nanos(3))
            .attempts(1);
        assert_eq!(LlmCall::new().over(known.clone()), known);
        assert_eq!(known.clone().over(LlmCall::new()), known);
        let said = LlmCall::new()
            .provider("azure")
            .answer("said")
            .usage(Usage::new(3, 4).reasoning(2))
            .parameter("n", 2);
        let both = said.over(known.clone());
        let expected = LlmCall {
            provider: Some("azure".into()),
            completions: vec![Completion::new().text("said")],
            usage: Some(Usage::new(3, 4).reasoning(2)),
            parameters: [("seed".into(), json!(1)), ("n".into(), json!(2))]
                .into_iter()
                .collect(),
            ..known
        };
        assert_eq!(both, expected);
    }
}
