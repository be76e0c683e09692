//! genai, one client for many providers: a call and a stream.

use agentops::{agent, llm};
use futures_util::{Stream, StreamExt as _};
use genai::adapter::AdapterKind;
use genai::chat::{ChatOptions, ChatRequest, ChatResponse, ChatStreamEvent};
use genai::resolver::{AuthData, Endpoint as Address, ServiceTargetResolver};
use genai::{Client, ModelIden, ServiceTarget};

use crate::{Endpoint, Error};

/// A client of it, for an endpoint that speaks as OpenAI does.
///
/// # Errors
///
/// Where genai finds none of its parts.
pub fn client(endpoint: &Endpoint) -> Result<Client, Error> {
    let (url, key) = (format!("{}/", endpoint.base_url), endpoint.key.clone());
    let resolver = ServiceTargetResolver::from_resolver_fn(move |target: ServiceTarget| {
        Ok(ServiceTarget {
            endpoint: Address::from_owned(url.clone()),
            auth: AuthData::from_single(key.clone()),
            model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
        })
    });
    Ok(Client::builder()
        .with_service_target_resolver(resolver)
        .build()?)
}

/// A call.
#[llm]
pub async fn chat(
    client: &Client,
    model: &str,
    request: ChatRequest,
) -> genai::Result<ChatResponse> {
    client.exec_chat(model, request, None).await
}

/// A call that is answered piece by piece. What genai returns holds the stream in a field: the stream is what goes on,
/// and a signature that says `impl Stream` has it recorded.
#[llm]
pub async fn stream(
    client: &Client,
    model: &str,
    request: ChatRequest,
    options: ChatOptions,
) -> genai::Result<impl Stream<Item = genai::Result<ChatStreamEvent>> + Unpin + use<>> {
    Ok(client
        .exec_chat_stream(model, request, Some(&options))
        .await?
        .stream)
}

/// Asks once in one piece, and once in many.
///
/// # Errors
///
/// Those of the client.
#[agent(name = "reporter, by genai")]
pub async fn reporter(endpoint: &Endpoint, text: &str) -> Result<String, Error> {
    let client = client(endpoint)?;
    let request = ChatRequest::from_user(text).with_system("Be brief.");
    let draft = chat(&client, &endpoint.model, request.clone()).await?;
    let again = ChatRequest::from_user(draft.first_text().unwrap_or_default());
    // Without it genai does not ask the provider what was used.
    let options = ChatOptions::default().with_capture_usage(true);
    let mut stream = stream(&client, &endpoint.model, again, options).await?;
    let mut text = String::new();
    while let Some(event) = stream.next().await {
        if let ChatStreamEvent::Chunk(piece) = event? {
            text.push_str(&piece.content);
        }
    }
    Ok(text)
}
