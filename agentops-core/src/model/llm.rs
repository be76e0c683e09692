//! A model call: what was asked, what was answered, what it took.
//!
//! One typed record for every provider; the recogniser fills it, prices complete it, the wire carries it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod build;

/// One call of a model.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct LlmCall {
    /// Who runs the model, as GenAI conventions spell it: `openai`, `anthropic`.
    pub provider: Option<String>,
    /// The model that was asked for.
    pub request_model: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// `chat`, `text_completion`, `embeddings`, …
    pub operation: Option<String>,
    /// The provider's id of the answer.
    pub response_id: Option<String>,
    /// Whether the answer was streamed.
    pub streaming: bool,
    /// What went in.
    pub messages: Vec<Message>,
    /// What came out, one for each choice.
    pub completions: Vec<Completion>,
    /// Tokens; `None` where nobody counted.
    pub usage: Option<Usage>,
    /// What it cost; `None` where it is not known.
    pub cost: Option<Cost>,
    /// Request parameters as given: `temperature`, `max_tokens`.
    pub parameters: Map<String, Value>,
    /// From the request to the first piece of the answer, in nanoseconds.
    pub time_to_first_token: Option<u64>,
    /// Requests that were made for this call; 1 without a retry.
    pub attempts: Option<u32>,
    /// What the provider said was wrong, instead of an answer or in the midst of one.
    pub provider_error: Option<ProviderError>,
}

impl LlmCall {
    /// Whether what it cost was computed from tokens that were estimated.
    #[must_use]
    pub fn is_cost_estimated(&self) -> bool {
        let priced = self.cost.as_ref().is_some_and(|cost| cost.prices.is_some());
        priced && self.usage.is_some_and(|usage| usage.estimated)
    }
}

/// One message of a prompt.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Message {
    /// `system`, `user`, `assistant`, `tool`.
    pub role: String,
    /// Who says it, where several share a role.
    pub name: Option<String>,
    /// Its parts, in order.
    pub content: Vec<Part>,
    /// Tools that an assistant's message asks for.
    pub tool_calls: Vec<ToolRequest>,
    /// The request that a tool's message answers.
    pub tool_call_id: Option<String>,
}

/// One choice of an answer.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Completion {
    /// `assistant`, nearly always.
    pub role: String,
    /// Its parts, in order.
    pub content: Vec<Part>,
    /// Tools that it asks for.
    pub tool_calls: Vec<ToolRequest>,
    /// `stop`, `length`, `tool_calls`, `content_filter`, …
    pub finish_reason: Option<String>,
}

/// A piece of content.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Part {
    /// Words.
    Text(String),
    /// What the model thought before it spoke.
    Reasoning(String),
    /// Why the model would not answer.
    Refusal(String),
    /// An image, sound, file or anything else, as the provider wrote it.
    Other(Value),
}

/// A model's wish to have a tool called.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ToolRequest {
    /// Ties the tool's answer to this request.
    pub id: Option<String>,
    /// The tool.
    pub name: String,
    /// JSON where it parses, else the text as it came.
    pub arguments: Value,
}

/// Tokens of one call. Cached tokens are part of `input`, reasoning is part of `output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Usage {
    /// All tokens that went in.
    pub input: u64,
    /// All tokens that came out.
    pub output: u64,
    /// Input that was read from the provider's cache.
    pub cache_read: u64,
    /// Input that was written to the provider's cache.
    pub cache_write: u64,
    /// What of that the cache keeps for an hour, which some providers sell apart.
    pub cache_write_1h: u64,
    /// Output that was thought rather than said.
    pub reasoning: u64,
    /// Input that was heard rather than read.
    pub input_audio: u64,
    /// Input that was heard, as far as it was read from the provider's cache.
    pub cache_read_audio: u64,
    /// Output that was spoken rather than written.
    pub output_audio: u64,
    /// Searches of the web that the provider made for the call.
    pub web_searches: u64,
    /// As the provider gave it, else the sum of input and output.
    pub total: u64,
    /// Counted by us, not by the provider.
    pub estimated: bool,
    /// Repeats what descendants said already; shown, not summed.
    pub reported: bool,
}

/// What a provider says of a call that it refused or could not finish.
///
/// ```
/// use agentops_core::model::recognise::recognise;
/// use serde_json::json;
///
/// let body = json!({"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}});
/// let request = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]});
/// let error = recognise(Some(&request), Some(&body)).unwrap().provider_error.unwrap();
/// assert_eq!(error.code.as_deref(), Some("rate_limit_exceeded"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ProviderError {
    /// The HTTP status, where the error tells it.
    pub status: Option<u16>,
    /// The provider's code: `rate_limit_exceeded`, `RESOURCE_EXHAUSTED`.
    pub code: Option<String>,
    /// The provider's class of errors: `invalid_request_error`, `overloaded_error`.
    pub kind: Option<String>,
    /// What it says.
    pub message: String,
    /// How long to wait before the next attempt, in nanoseconds.
    pub retry_after: Option<u64>,
}

/// What one call cost, in nano-USD.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Cost {
    /// All of it.
    pub total: i64,
    /// For what went in, where it is known apart.
    pub input: Option<i64>,
    /// For what came out, where it is known apart.
    pub output: Option<i64>,
    /// Where the price comes from: a table and its version, `provider`, or `local`.
    pub price_table: Option<String>,
    /// The prices that were applied, of input, output and what else there was of the call, so that the sum can be
    /// explained when the table is another one.
    pub prices: Option<Prices>,
}

/// Unit prices of one model, in nano-USD for a million tokens.
///
/// What has no price of its own is `None`, and costs what the whole costs that it is part of: what is read from a cache
/// costs what `input` does, what a cache keeps for an hour what it costs to write to it, and so on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Prices {
    /// Provider and model, as the table calls them: `openai/gpt-4o`.
    pub model: String,
    /// What goes in.
    pub input: u64,
    /// What comes out.
    pub output: u64,
    /// What is read from the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// What is written to the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// What is written to the cache for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    /// What comes out and was thought rather than said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// Sound that goes in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_audio: Option<u64>,
    /// Sound that is read from the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read_audio: Option<u64>,
    /// Sound that comes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_audio: Option<u64>,
    /// Each call, whatever its size, in nano-USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u64>,
    /// Each search of the web, in nano-USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_search: Option<u64>,
}
