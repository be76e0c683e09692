//! gemini-rust: a call and a stream. Its spans of `tracing` say what was used, but not what was said: the attribute
//! does, and the call counts once.

#![expect(
    deprecated,
    reason = "most programs still use `generateContent`, for which gemini-rust names a successor"
)]

use agentops::{agent, llm};
use futures_util::StreamExt as _;
use gemini_rust::{ClientError, Gemini, GenerationResponse, GenerationStream};

use crate::{Endpoint, Error};

/// A client of it.
///
/// # Errors
///
/// Where the key or the address is none.
pub fn client(endpoint: &Endpoint) -> Result<Gemini, Error> {
    let base_url = format!("{}/", endpoint.base_url).parse()?;
    let model = format!("models/{}", endpoint.model);
    Ok(Gemini::with_model_and_base_url(
        &endpoint.key,
        model,
        base_url,
    )?)
}

/// A call.
#[llm]
pub async fn generate(client: &Gemini, prompt: &str) -> Result<GenerationResponse, ClientError> {
    client
        .generate_content()
        .with_user_message(prompt)
        .execute()
        .await
}

/// A call that is answered piece by piece.
#[llm]
pub async fn stream(client: &Gemini, prompt: &str) -> Result<GenerationStream, ClientError> {
    client
        .generate_content()
        .with_user_message(prompt)
        .execute_stream()
        .await
}

/// Asks once in one piece, and once in many.
///
/// # Errors
///
/// Those of the client.
#[agent(name = "guide, by gemini-rust")]
pub async fn guide(endpoint: &Endpoint, text: &str) -> Result<String, Error> {
    let client = client(endpoint)?;
    let first = generate(&client, text).await?;
    let mut stream = stream(&client, &first.text()).await?;
    let mut text = String::new();
    while let Some(piece) = stream.next().await {
        text.push_str(&piece?.text());
    }
    Ok(text)
}
