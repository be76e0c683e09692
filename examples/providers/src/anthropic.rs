//! misanthropic, a client of Anthropic's: a call and a stream.

use agentops::{agent, llm};
use futures_util::{Stream, StreamExt as _};
use misanthropic::prompt::message::Role;
use misanthropic::stream::{self, Delta, Event};
use misanthropic::{Client, Prompt, client, response};

use crate::{Endpoint, Error};

/// A client of it.
///
/// # Errors
///
/// Where the key or the address is none.
pub fn client(endpoint: &Endpoint) -> Result<Client, Error> {
    Ok(Client::new(endpoint.key.clone())?.base_url(&*endpoint.base_url)?)
}

/// A call.
#[llm]
pub async fn message(client: &Client, prompt: &Prompt) -> Result<response::Message, client::Error> {
    client.message(prompt).await
}

/// A call that is answered piece by piece. The client's stream is a struct: a signature that says `impl Stream` has it
/// recorded.
#[llm]
pub async fn stream(
    client: &Client,
    prompt: &Prompt,
) -> Result<impl Stream<Item = Result<Event, stream::Error>> + Unpin + use<>, client::Error> {
    client.stream(prompt).await
}

/// A question.
///
/// # Errors
///
/// None that a question of one turn can have.
pub fn question(model: &str, text: &str) -> Result<Prompt, Error> {
    let prompt = Prompt::default()
        .model(model.to_owned())
        .system("Be brief.");
    Ok(prompt.messages([(Role::User, text.to_owned())])?)
}

/// Asks once in one piece, and once in many.
///
/// # Errors
///
/// Those of the client.
#[agent(name = "editor, by misanthropic")]
pub async fn editor(endpoint: &Endpoint, text: &str) -> Result<String, Error> {
    let client = client(endpoint)?;
    let draft = message(&client, &question(&endpoint.model, text)?).await?;
    let again = question(&endpoint.model, &format!("Shorten: {draft}"))?;
    let mut stream = stream(&client, &again).await?;
    let mut text = String::new();
    while let Some(event) = stream.next().await {
        if let Event::ContentBlockDelta {
            delta: Delta::Text { text: piece },
            ..
        } = event?
        {
            text.push_str(&piece);
        }
    }
    Ok(text)
}
