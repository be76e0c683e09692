//! ollama-rs: a call and a stream, of a model that runs on this machine.

use agentops::{agent, llm};
use futures_util::StreamExt as _;
use ollama_rs::Ollama;
use ollama_rs::error::OllamaError;
use ollama_rs::generation::chat::request::ChatMessageRequest;
use ollama_rs::generation::chat::{ChatMessage, ChatMessageResponse, ChatMessageResponseStream};

use crate::{Endpoint, Error};

/// A client of it.
///
/// # Errors
///
/// Where the address is none.
pub fn client(endpoint: &Endpoint) -> Result<Ollama, Error> {
    Ok(Ollama::try_new(&*endpoint.base_url)?)
}

/// A call.
#[llm]
pub async fn chat(
    client: &Ollama,
    request: ChatMessageRequest,
) -> Result<ChatMessageResponse, OllamaError> {
    client.send_chat_messages(request).await
}

/// A call that is answered piece by piece.
#[llm]
pub async fn stream(
    client: &Ollama,
    request: ChatMessageRequest,
) -> Result<ChatMessageResponseStream, OllamaError> {
    client.send_chat_messages_stream(request).await
}

/// A question.
#[must_use]
pub fn question(model: &str, text: &str) -> ChatMessageRequest {
    let messages = vec![
        ChatMessage::system("Answer as a translator would.".into()),
        ChatMessage::user(text.into()),
    ];
    ChatMessageRequest::new(model.into(), messages)
}

/// Asks once in one piece, and once in many.
///
/// # Errors
///
/// Those of the client.
#[agent(name = "translator, by ollama-rs")]
pub async fn translator(endpoint: &Endpoint, text: &str) -> Result<String, Error> {
    let client = client(endpoint)?;
    let first = chat(&client, question(&endpoint.model, text)).await?;
    let mut stream = stream(&client, question(&endpoint.model, &first.message.content)).await?;
    let mut text = String::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|()| "the answer broke off")?;
        text.push_str(&piece.message.content);
    }
    Ok(text)
}
