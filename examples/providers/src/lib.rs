//! Clients of model providers, each in functions with a bare attribute, or with none where the client has spans.
//!
//! One module for each client. What stands in them is all that has to be written for a call to be understood: no module
//! names a message, a token or a price. `main.rs` makes a program of them, `tests/clients.rs` asserts what is recorded.

pub mod anthropic;
pub mod gemini;
pub mod http;
pub mod many;
pub mod ollama;
pub mod openai;
pub mod rigged;
pub mod weather;

use std::env;

use agentops_loopback::{KEY, Loopback};

/// Whatever goes wrong in a client.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Where a provider is, and what it is asked with.
#[derive(Clone)]
pub struct Endpoint {
    /// Without a slash at its end.
    pub base_url: String,
    /// The secret; empty where none is needed.
    pub key: String,
    /// The model's name.
    pub model: String,
}

/// The providers that there are a key or an address for.
#[derive(Clone, Default)]
pub struct Endpoints {
    /// `https://api.openai.com/v1`, and everything that speaks like it.
    pub openai: Option<Endpoint>,
    /// `https://api.anthropic.com`
    pub anthropic: Option<Endpoint>,
    /// `https://generativelanguage.googleapis.com/v1beta`
    pub gemini: Option<Endpoint>,
    /// `http://127.0.0.1:11434`
    pub ollama: Option<Endpoint>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.model, self.base_url)
    }
}

impl std::fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = [&self.openai, &self.anthropic, &self.gemini, &self.ollama];
        f.debug_list().entries(all.into_iter().flatten()).finish()
    }
}

impl Endpoints {
    /// Those that the environment names; none where it names none.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        Self::from_vars(|name| env::var(name).ok())
    }

    /// Those that some variables name.
    fn from_vars(var: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let var = |name: &str| var(name).filter(|value| !value.is_empty());
        let keyed = |name: &str, base_url: &str, model: &str| {
            let key = var(&format!("{name}_API_KEY"))?;
            let base_url = var(&format!("{name}_BASE_URL")).unwrap_or_else(|| base_url.into());
            Some(Endpoint {
                base_url: base_url.trim_end_matches('/').into(),
                key,
                model: var(&format!("{name}_MODEL")).unwrap_or_else(|| model.into()),
            })
        };
        let endpoints = Self {
            openai: keyed("OPENAI", "https://api.openai.com/v1", "gpt-4o-mini"),
            anthropic: keyed("ANTHROPIC", "https://api.anthropic.com", "claude-haiku-4-5"),
            gemini: keyed(
                "GEMINI",
                "https://generativelanguage.googleapis.com/v1beta",
                "gemini-2.5-flash",
            ),
            ollama: var("OLLAMA_HOST").map(|base_url| Endpoint {
                base_url,
                key: String::new(),
                model: var("OLLAMA_MODEL").unwrap_or_else(|| "llama3.2".into()),
            }),
        };
        let Self {
            openai,
            anthropic,
            gemini,
            ollama,
        } = &endpoints;
        let any = [openai, anthropic, gemini, ollama]
            .into_iter()
            .any(Option::is_some);
        any.then_some(endpoints)
    }

    /// All of them, played by a server on this machine.
    #[must_use]
    pub fn of(server: &Loopback) -> Self {
        // Anthropic's keys have 108 characters, and its client insists on it.
        let long = format!("{KEY:0<108}");
        server.accept_key(&long);
        let url = server.url();
        let endpoint = |path: &str, key: &str, model: &str| {
            Some(Endpoint {
                base_url: format!("{url}{path}"),
                key: key.into(),
                model: model.into(),
            })
        };
        Self {
            openai: endpoint("/v1", KEY, "gpt-4o-mini"),
            anthropic: endpoint("", &long, "claude-haiku-4-5"),
            gemini: endpoint("/v1beta", KEY, "gemini-2.5-flash"),
            ollama: endpoint("", "", "llama3.2"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(vars: &[(&str, &str)]) -> Option<String> {
        let var = |name: &str| {
            let found = vars.iter().find(|(named, _)| *named == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Some(format!("{:?}", Endpoints::from_vars(var)?))
    }

    #[test]
    fn a_key_is_all_that_a_provider_needs() {
        assert_eq!(endpoints(&[("OPENAI_API_KEY", "")]), None);
        assert_eq!(endpoints(&[("OPENAI_MODEL", "gpt-4o")]), None);
        assert_eq!(
            endpoints(&[("ANTHROPIC_API_KEY", "k")]).as_deref(),
            Some("[claude-haiku-4-5 at https://api.anthropic.com]")
        );
        let some = [
            ("OPENAI_API_KEY", "k"),
            ("OPENAI_BASE_URL", "https://api.groq.com/openai/v1/"),
            ("OPENAI_MODEL", "llama-3.3-70b-versatile"),
            ("OLLAMA_HOST", "http://127.0.0.1:11434"),
        ];
        assert_eq!(
            endpoints(&some).as_deref(),
            Some(
                "[llama-3.3-70b-versatile at https://api.groq.com/openai/v1, llama3.2 at http://127.0.0.1:11434]"
            )
        );
    }
}
