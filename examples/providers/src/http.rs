//! No client at all: reqwest and JSON.

use agentops::{agent, llm};
use serde_json::{Value, json};

use crate::{Endpoint, Error};

/// Sends a body.
#[llm]
pub async fn post(endpoint: &Endpoint, body: Value) -> Result<Value, reqwest::Error> {
    let url = format!("{}/chat/completions", endpoint.base_url);
    let request = reqwest::Client::new().post(url).bearer_auth(&endpoint.key);
    request
        .json(&body)
        .send()
        .await?
        .error_for_status()?
        .json()
        .await
}

/// Asks for one line.
///
/// # Errors
///
/// Those of reqwest.
#[agent(name = "headline_writer, by reqwest")]
pub async fn headline_writer(endpoint: &Endpoint, text: &str) -> Result<String, Error> {
    let body = json!({
        "model": endpoint.model,
        "temperature": 0.2,
        "messages": [
            {"role": "system", "content": "Answer in one line."},
            {"role": "user", "content": text},
        ],
    });
    let answer = post(endpoint, body).await?;
    let text = answer["choices"][0]["message"]["content"].as_str();
    Ok(text.unwrap_or_default().into())
}
