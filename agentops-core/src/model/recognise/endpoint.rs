//! What the address of a request tells of a model call: that it is one, who runs the model, and which.
//!
//! For hooks that see a client's HTTP requests. Reads the host and the path alone, for keys travel in queries and
//! headers; what a body says goes before what its path says.

use std::borrow::Cow;

/// Where a request goes: scheme, user, query and fragment are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// Without a port.
    pub host: &'a str,
    /// Where the address has one.
    pub port: Option<u16>,
    /// With the slash that it begins with.
    pub path: &'a str,
}

/// What a path ends with where a model is called: with one segment, or with two.
const CALLS: [&str; 11] = [
    "/completions",
    "/embeddings",
    "/images/generations",
    "/images/edits",
    "/images/variations",
    "/audio/speech",
    "/audio/transcriptions",
    "/audio/translations",
    "/api/embed",
    "/v1/embed",
    "/v2/embed",
];

/// What a path ends with where a model is called, unless it is somebody else's word: messages are sent to people, too.
const WORDS: [&str; 7] = [
    "/messages",
    "/responses",
    "/complete",
    "/api/chat",
    "/api/generate",
    "/v1/chat",
    "/v2/chat",
];

/// What a path ends with where Bedrock calls the model that it names.
const INVOCATIONS: [&str; 4] = [
    "/converse",
    "/converse-stream",
    "/invoke",
    "/invoke-with-response-stream",
];

/// What a model is asked for in the paths of Gemini and Vertex AI, after a colon.
const METHODS: [(&str, &str); 7] = [
    ("generateContent", "generate_content"),
    ("streamGenerateContent", "generate_content"),
    ("embedContent", "embeddings"),
    ("batchEmbedContents", "embeddings"),
    ("rawPredict", "chat"),
    ("streamRawPredict", "chat"),
    ("predict", "generate_content"),
];

/// Segments of paths under which what looks like a call is none: messages of a stored thread, calls for later, counting.
const NO_CALLS: [&str; 8] = [
    "threads",
    "batches",
    "count_tokens",
    "input_tokens",
    "compact",
    "files",
    "fine_tuning",
    "conversations",
];

/// Hosts, or what they end with, and who runs the models there.
const PROVIDERS: [(&str, &str); 24] = [
    ("api.openai.com", "openai"),
    ("openai.azure.com", "azure.ai.openai"),
    ("cognitiveservices.azure.com", "azure.ai.openai"),
    ("services.ai.azure.com", "azure.ai.inference"),
    ("models.ai.azure.com", "azure.ai.inference"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("amazonaws.com", "aws.bedrock"),
    ("api.groq.com", "groq"),
    ("api.deepseek.com", "deepseek"),
    ("api.x.ai", "x_ai"),
    ("api.mistral.ai", "mistral_ai"),
    ("codestral.mistral.ai", "mistral_ai"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("openrouter.ai", "openrouter"),
    ("api.perplexity.ai", "perplexity"),
    ("api.together.xyz", "together"),
    ("api.together.ai", "together"),
    ("api.fireworks.ai", "fireworks"),
    ("api.cerebras.ai", "cerebras"),
    ("api.moonshot.ai", "moonshotai"),
    ("api.z.ai", "z_ai"),
];

impl<'a> Endpoint<'a> {
    /// Reads an address: `https://api.openai.com/v1/chat/completions`. `None` where it has no host.
    #[must_use]
    pub fn read(url: &'a str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let rest = &rest[..end];
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let place = authority.rsplit_once('@').map_or(authority, |(_, at)| at);
        let (host, port) = match place.rfind(':') {
            // The colons of an IPv6 address stand in brackets.
            Some(colon) if !place[colon..].contains(']') => {
                (&place[..colon], place[colon + 1..].parse().ok())
            }
            _ => (place, None),
        };
        (!host.is_empty()).then_some(Self { host, port, path })
    }

    /// Whether a model is called by posting there, whatever is posted.
    #[must_use]
    pub fn is_model_call(&self) -> bool {
        if self.is_no_model_call() {
            return false;
        }
        let path = self.path.trim_end_matches('/');
        let ends = |ends: &[&str]| ends.iter().any(|end| path.ends_with(end));
        self.method().is_some()
            || ends(&CALLS)
            || path.contains("/model/") && ends(&INVOCATIONS)
            || self.may_be_model_call() && self.provider().is_some()
    }

    /// Whether a model is called by posting there, if what is posted names one.
    #[must_use]
    pub fn may_be_model_call(&self) -> bool {
        let path = self.path.trim_end_matches('/');
        !self.is_no_model_call() && WORDS.iter().any(|word| path.ends_with(word))
    }

    /// Whether nothing that is posted there calls a model, whatever it looks like.
    #[must_use]
    pub fn is_no_model_call(&self) -> bool {
        self.path.split('/').any(|part| NO_CALLS.contains(&part))
    }

    /// Who runs the models there, where the host tells it.
    #[must_use]
    pub fn provider(&self) -> Option<&'static str> {
        let is_of = |known: &str| {
            let before = self.host.len().checked_sub(known.len());
            before.is_some_and(|at| {
                self.host.is_char_boundary(at)
                    && self.host[at..].eq_ignore_ascii_case(known)
                    && (at == 0 || matches!(self.host.as_bytes()[at - 1], b'.' | b'-'))
            })
        };
        let (known, provider) = PROVIDERS.iter().find(|(known, _)| is_of(known))?;
        // Much else runs there.
        let is_bedrock = || self.host.starts_with("bedrock");
        (*known != "amazonaws.com" || is_bedrock()).then_some(*provider)
    }

    /// The model, where the path names it: Gemini's, Vertex AI's, Bedrock's, and Azure's deployments.
    #[must_use]
    pub fn model(&self) -> Option<Cow<'a, str>> {
        let after = |part: &str| {
            let (_, rest) = self.path.split_once(part)?;
            rest.split('/').next()
        };
        let named = match self.method() {
            Some(_) => self
                .path
                .rsplit('/')
                .next()
                .and_then(|last| last.rsplit_once(':'))
                .map(|(model, _)| model),
            None => after("/deployments/").or_else(|| after("/model/")),
        };
        named.filter(|model| !model.is_empty()).map(decoded)
    }

    /// What is asked of the model, where the path tells it and bodies may not.
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.method().or_else(|| {
            let path = self.path.trim_end_matches('/');
            let embeds = ["/embeddings", "/embed"];
            if embeds.iter().any(|end| path.ends_with(end)) {
                return Some("embeddings");
            }
            path.ends_with("/chat/completions").then_some("chat")
        })
    }

    fn method(&self) -> Option<&'static str> {
        let last = self.path.rsplit('/').next()?;
        let (_, method) = last.rsplit_once(':')?;
        let known = METHODS.iter().find(|(name, _)| *name == method)?;
        Some(known.1)
    }
}

/// A segment of a path as it was before it was written into one: the names of Amazon's models have colons.
fn decoded(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return segment.into();
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        let byte = match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).map_or_else(|_| segment.into(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_without_what_is_secret() {
        #[track_caller]
        fn check(url: &str, host: &str, port: Option<u16>, path: &str) {
            assert_eq!(Endpoint::read(url), Some(Endpoint { host, port, path }));
        }
        check("https://a.b/c?key=1#d", "a.b", None, "/c");
        check("https://a.b?key=1", "a.b", None, "");
        check("http://me:secret@a.b:81/c/d", "a.b", Some(81), "/c/d");
        check("http://[::1]:81/c", "[::1]", Some(81), "/c");
        check("http://[::1]/c", "[::1]", None, "/c");
        check("http://a.b:/c", "a.b", None, "/c");
        for url in ["", "a.b/c", "https://", "https:///c", "file:///etc"] {
            assert_eq!(Endpoint::read(url), None, "{url}");
        }
    }

    #[test]
    fn paths_tell_calls() {
        for (url, model, operation) in [
            ("https://h/v1/chat/completions", None, Some("chat")),
            ("https://api.openai.com/v1/responses", None, None),
            ("https://api.anthropic.com/v1/messages", None, None),
            ("https://h/v1/embeddings/", None, Some("embeddings")),
            (
                "https://r.openai.azure.com/openai/deployments/mine/chat/completions?api-version=1",
                Some("mine"),
                Some("chat"),
            ),
            (
                "https://h/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=k",
                Some("gemini-2.5-flash"),
                Some("generate_content"),
            ),
            (
                "https://h/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/converse",
                Some("us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
                None,
            ),
            (
                "https://h/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse-stream",
                Some("anthropic.claude-3-5-sonnet-20240620-v1:0"),
                None,
            ),
            (
                "https://h/v1/publishers/anthropic/models/claude-3-5-sonnet-v2%4020241022:rawPredict",
                Some("claude-3-5-sonnet-v2@20241022"),
                Some("chat"),
            ),
            (
                "https://h/deployments/100%25%20%mine%f/completions",
                Some("100% %mine%f"),
                None,
            ),
            ("https://h/deployments/%ff/completions", Some("%ff"), None),
            ("https://h/model/m/invoke", Some("m"), None),
        ] {
            let endpoint = Endpoint::read(url).unwrap();
            assert!(endpoint.is_model_call(), "{url}");
            assert_eq!(
                (endpoint.model().as_deref(), endpoint.operation()),
                (model, operation),
                "{url}"
            );
        }
        for url in [
            "https://h/v1/models",
            "https://h/v1/files",
            "https://h/v1/threads/t/messages",
            "https://h/v1/messages/batches",
            "https://h/v1/messages/count_tokens",
            "https://h/v1/responses/r/cancel",
            "https://h/v1beta/models/m:countTokens",
            "https://h/invoke",
            "https://h/converse",
            "https://h",
        ] {
            let endpoint = Endpoint::read(url).unwrap();
            assert!(!endpoint.is_model_call(), "{url}");
            assert!(!endpoint.may_be_model_call(), "{url}");
        }
        for url in [
            "https://discord.com/api/v10/channels/1/messages",
            "https://h/v1/messages",
            "https://h/v1/responses",
            "https://h/tasks/17/complete",
            "http://h:11434/api/chat",
        ] {
            let endpoint = Endpoint::read(url).unwrap();
            assert!(!endpoint.is_model_call(), "{url}");
            assert!(endpoint.may_be_model_call(), "{url}");
        }
    }

    #[test]
    fn hosts_tell_providers() {
        for (host, provider) in [
            ("api.openai.com", Some("openai")),
            ("eu.api.openai.com", Some("openai")),
            ("API.Groq.com", Some("groq")),
            ("mine.openai.azure.com", Some("azure.ai.openai")),
            ("us-east5-aiplatform.googleapis.com", Some("gcp.vertex_ai")),
            (
                "bedrock-runtime.us-east-1.amazonaws.com",
                Some("aws.bedrock"),
            ),
            ("sagemaker.us-east-1.amazonaws.com", None),
            ("notapi.openai.com.example.org", None),
            ("fakeopenrouter.ai", None),
            ("127.0.0.1", None),
            ("ä", None),
        ] {
            let path = "/";
            let port = None;
            assert_eq!(Endpoint { host, port, path }.provider(), provider, "{host}");
        }
    }
}
