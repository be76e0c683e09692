//! What a model call cost, by public price lists.
//!
//! Completes the record that the recogniser filled: a cost that the provider reported is kept, models that run on
//! this machine cost nothing, and everything else is looked up in the data of the `genai-prices` crate. Names are
//! brought into a form that the data knows, but never into another model's name: what is not known stays unpriced.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use genai_prices::{Calculator, PriceCalculation, PriceRequest, Usage as Amounts, UsageKey};
use serde_json::Value;

use super::llm::{Cost, LlmCall, Usage};
use super::time::UnixNanos;

/// What a call cost, in nano-USD rounded half up; `None` where that is not known, which is never the same as zero.
///
/// A cost that the call carries already is kept. Prices are those in effect at `at`, of the model that answered,
/// else of the one that was asked for, for the `service_tier` among the parameters.
#[must_use]
pub fn price(call: &LlmCall, at: UnixNanos) -> Option<Cost> {
    if call.cost.is_some() {
        return call.cost.clone();
    }
    let usage = call.usage?;
    let provider = call.provider.as_deref();
    if provider.is_some_and(is_local) {
        let nothing = Some(0);
        return Some(Cost {
            total: 0,
            input: nothing,
            output: nothing,
            price_table: Some(LOCAL.into()),
        });
    }
    // What Azure is asked for is a deployment, whose name says nothing of the model behind it.
    let deployment = provider.is_some_and(|provider| table_id(provider) == "azure");
    let asked_for = call.request_model.as_deref().filter(|_| !deployment);
    let models = [call.model.as_deref(), asked_for];
    let listing = models
        .into_iter()
        .flatten()
        .find_map(|model| find(model, provider))?;
    let tier = call.parameters.get("service_tier").and_then(Value::as_str);
    Some(listing.prices(usage.input, at, tier)?.apply(usage))
}

/// What a model costs at `at`, for prompts of ordinary size; `None` where it is not known under any name, or not sold by the token.
#[must_use]
pub fn known(model: &str, provider: Option<&str>, at: UnixNanos) -> Option<UnitPrices> {
    find(model, provider)?.prices(0, at, None)
}

/// Prices of one model, in nano-USD for a million tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitPrices {
    /// The provider, as the table calls it.
    pub provider: String,
    /// The model, as the table calls it.
    pub model: String,
    /// The table and its version.
    pub table: String,
    /// What goes in.
    pub input: u64,
    /// What goes in and was cached.
    pub cache_read: u64,
    /// What goes in and is cached from now on.
    pub cache_write: u64,
    /// What comes out.
    pub output: u64,
    /// What comes out and was thought rather than said.
    pub reasoning: u64,
    /// For each call, whatever its size, in nano-USD.
    pub call: u64,
}

/// The data that prices come from.
const TABLE: &str = "genai-prices 0.2.1";

/// The price of what runs on this machine.
const LOCAL: &str = "local";

/// Providers that run models on this machine. An address would prove nothing: a gateway may stand there.
const LOCAL_PROVIDERS: [&str; 7] = [
    "ollama",
    "llama.cpp",
    "llamacpp",
    "llama_cpp",
    "mistral.rs",
    "mistralrs",
    "mistral_rs",
];

/// Marks of an OpenRouter name that choose a way to the same model.
const NEUTRAL_TAGS: [&str; 5] = ["beta", "exacto", "floor", "nitro", "thinking"];

/// Words that make another model of a name. The data matches some families by a mere part of the name, so each of
/// these must be in the name that was found as well.
const VARIANTS: [&str; 20] = [
    "audio", "distill", "flash", "haiku", "image", "large", "lite", "max", "medium", "micro",
    "mini", "nano", "opus", "pro", "realtime", "small", "sonnet", "tiny", "tts", "turbo",
];

/// Steps of a path that name no provider.
const PATH_STEPS: [&str; 3] = ["accounts", "models", "publishers"];

/// Where Bedrock answers from, before the seller's name.
const BEDROCK_REGIONS: [&str; 8] = ["apac", "au", "ca", "eu", "global", "jp", "us", "us-gov"];

/// Who sells models on Bedrock, where a name starts with the seller.
const BEDROCK_VENDORS: [&str; 14] = [
    "ai21",
    "amazon",
    "anthropic",
    "cohere",
    "deepseek",
    "google",
    "luma",
    "meta",
    "minimax",
    "mistral",
    "moonshot",
    "openai",
    "qwen",
    "writer",
];

fn is_local(provider: &str) -> bool {
    LOCAL_PROVIDERS
        .iter()
        .any(|local| provider.eq_ignore_ascii_case(local))
}

/// An entry of the table, by names that lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listing {
    provider: String,
    model: String,
    /// The name was a fine-tuned model's, and only what it was made from has a price.
    base_only: bool,
}

impl Listing {
    /// Prices for a call with this much input, on which some prices depend, at this tier of service.
    ///
    /// The table works in floating point, so it is only asked for unit prices, and those are whole numbers again
    /// once they are counted in nano-USD for a million tokens.
    fn prices(&self, input: u64, at: UnixNanos, tier: Option<&str>) -> Option<UnitPrices> {
        const MILLION: f64 = 1e6;
        let input = input.max(1) as f64;
        let ask = |output: f64, part: Option<(UsageKey, f64)>| {
            let amounts = [
                (UsageKey::INPUT_TOKENS, input),
                (UsageKey::OUTPUT_TOKENS, output),
            ];
            self.ask(&amounts.into_iter().chain(part).collect(), at, tier)
        };
        let unit = |price: f64, tokens: f64| (price / tokens * MILLION * 1e9).round() as u64;

        let plain = ask(MILLION, None)?;
        let read = ask(0.0, Some((UsageKey::CACHE_READ_TOKENS, input)))?;
        let write = ask(0.0, Some((UsageKey::CACHE_WRITE_TOKENS, input)))?;
        let thought = ask(MILLION, Some((UsageKey::OUTPUT_REASONING_TOKENS, MILLION)))?;
        let call = self.ask(&NO_AMOUNTS, at, tier)?;
        let prices = UnitPrices {
            provider: plain.provider_id,
            model: plain.model_id,
            table: if self.base_only {
                format!("{TABLE}, base model")
            } else {
                TABLE.into()
            },
            input: unit(plain.input_price, input),
            cache_read: unit(read.input_price, input),
            cache_write: unit(write.input_price, input),
            output: unit(plain.output_price, MILLION),
            reasoning: unit(thought.output_price, MILLION),
            call: (call.total_price * 1e9).round() as u64,
        };
        // The table has zeros for what is free, and nothing for what is sold by the hour or the page.
        let sold_by_token = prices.input != 0 || prices.output != 0;
        (sold_by_token || self.model.ends_with(":free")).then_some(prices)
    }

    fn ask(
        &self,
        amounts: &Amounts,
        at: UnixNanos,
        tier: Option<&str>,
    ) -> Option<PriceCalculation> {
        let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(at);
        let mut request = PriceRequest::new(&self.model, amounts)
            .with_provider_id(&self.provider)
            .with_timestamp(at);
        request
            .price_context
            .extend(tier.map(|tier| ("service_tier", tier)));
        Calculator::bundled().calculate(&request).ok()
    }
}

impl UnitPrices {
    fn apply(&self, usage: Usage) -> Cost {
        let of = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let cache_read = usage.cache_read.min(usage.input);
        let cache_write = usage.cache_write.min(usage.input - cache_read);
        let reasoning = usage.reasoning.min(usage.output);
        let input = of(usage.input - cache_read - cache_write, self.input)
            + of(cache_read, self.cache_read)
            + of(cache_write, self.cache_write);
        let output = of(usage.output - reasoning, self.output) + of(reasoning, self.reasoning);
        let call = of(1_000_000, self.call);
        Cost {
            total: round(input + output + call),
            input: Some(round(input)),
            output: Some(round(output)),
            price_table: Some(self.table.clone()),
        }
    }
}

/// Millionths of a nano-USD in whole nano-USD, half a one counting as one.
fn round(millionths: u128) -> i64 {
    i64::try_from((millionths + 500_000) / 1_000_000).unwrap_or(i64::MAX)
}

/// Finds a model under any of its names, once: a name that is not in the table costs milliseconds.
fn find(model: &str, provider: Option<&str>) -> Option<Listing> {
    type Found = HashMap<(String, Option<String>), Option<Listing>>;
    static FOUND: LazyLock<Mutex<Found>> = LazyLock::new(Mutex::default);
    /// Names come from outside, so that there is no end to them.
    const CAPACITY: usize = 4096;
    const LONGEST: usize = 256;

    if model.len() > LONGEST {
        return None;
    }
    let key = (model.to_owned(), provider.map(str::to_owned));
    let lock = || FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = lock().get(&key) {
        return found.clone();
    }
    let listing = look_up(model, provider);
    let mut found = lock();
    if found.len() >= CAPACITY {
        found.clear();
    }
    found.insert(key, listing.clone());
    listing
}

fn look_up(model: &str, provider: Option<&str>) -> Option<Listing> {
    let model = model.trim();
    let provider = provider
        .map(table_id)
        .filter(|provider| !provider.is_empty() && provider != "litellm");
    if provider
        .as_deref()
        .is_some_and(|provider| !is_in_table(provider))
    {
        return None;
    }
    let provider = match provider.as_deref() {
        None if model.starts_with("ft:") => Some("openai"),
        None if is_bedrock(model) => Some("aws"),
        None if is_anybodys(model) => return None,
        provider => provider,
    };
    in_table(model, provider).or_else(|| {
        let base = model.strip_prefix("ft:")?.split(':').next()?;
        Some(Listing {
            base_only: true,
            ..in_table(base, provider)?
        })
    })
}

/// Tries the name as it is, then without each step of the path before it, and all of these without revisions.
fn in_table(model: &str, provider: Option<&str>) -> Option<Listing> {
    let (mut provider, mut rest) = (provider, model);
    loop {
        let mut name = Some(rest);
        while let Some(tried) = name {
            if let Some(listing) = matching(tried, provider) {
                return Some(listing);
            }
            name = without_revision(tried);
        }
        let (step, after) = rest.split_once('/')?;
        rest = after;
        // Who passes requests on sells at the price of whoever the path names; everybody else at their own.
        match provider {
            None | Some("openrouter") if is_in_table(step) => provider = Some(step),
            None if !PATH_STEPS.contains(&step) => return None,
            _ => {}
        }
    }
}

/// The entry that the table has for just this name, unless it is another model's.
fn matching(model: &str, provider: Option<&str>) -> Option<Listing> {
    let mut request = PriceRequest::new(model, &NO_AMOUNTS);
    request.provider_id = provider;
    let found = Calculator::bundled().calculate(&request).ok()?;
    let listing = Listing {
        provider: found.provider_id,
        model: model.to_owned(),
        base_only: false,
    };
    is_same_model(model, &found.model_id).then_some(listing)
}

static NO_AMOUNTS: Amounts = Amounts::new();

fn is_in_table(provider: &str) -> bool {
    Calculator::bundled()
        .find_provider(Some(provider), None)
        .is_ok_and(|found| found.is_some())
}

/// The table's id of a provider whom GenAI conventions or usage call otherwise; it knows the other names itself.
fn table_id(provider: &str) -> String {
    let provider = provider.trim().to_ascii_lowercase();
    let id = match provider.as_str() {
        "aws" | "aws.bedrock" => "aws",
        "fireworks_ai" => "fireworks",
        "x_ai" => "x-ai",
        "z_ai" => "zai",
        other if other.starts_with("azure") => "azure",
        other if other.starts_with("gcp.") => "google",
        _ => return provider,
    };
    id.to_owned()
}

/// Whether a name is one of Bedrock's: `anthropic.claude-…`, `eu.anthropic.claude-…`, or an ARN.
fn is_bedrock(model: &str) -> bool {
    let mut parts = model.split('.');
    let first = parts.next().unwrap_or_default();
    let vendor = if BEDROCK_REGIONS.contains(&first) {
        parts.next().unwrap_or_default()
    } else {
        first
    };
    model.starts_with("arn:aws") || (BEDROCK_VENDORS.contains(&vendor) && parts.next().is_some())
}

/// Whether a name is spelt as Ollama (`deepseek-r1:7b`) or Hugging Face (`mistralai/Mistral-7B-v0.3`) do. These are
/// weights that anybody runs; the price of whoever is best known for them would be a guess.
fn is_anybodys(model: &str) -> bool {
    match model.split_once('/') {
        None => model.contains(':'),
        Some((_, name)) => name.bytes().any(|b| b.is_ascii_uppercase()),
    }
}

/// The name without the last mark that says which edition of the same model it is: a date, `-latest`, `@…`.
///
/// A single digit is no such mark, for `claude-opus-4-1` is another model than `claude-opus-4`.
fn without_revision(name: &str) -> Option<&str> {
    const EDITIONS: [&str; 5] = ["-20##-##-##", "-20######", "-####", "-00#", "-latest"];
    if let Some((model, _)) = name.rsplit_once('@') {
        return Some(model);
    }
    if let Some((model, tag)) = name.rsplit_once(':') {
        return NEUTRAL_TAGS.contains(&tag).then_some(model);
    }
    EDITIONS.iter().find_map(|edition| {
        let cut = name.len().checked_sub(edition.len())?;
        let fits = |(byte, like): (u8, u8)| byte == like || (like == b'#' && byte.is_ascii_digit());
        name.bytes()
            .skip(cut)
            .zip(edition.bytes())
            .all(fits)
            .then(|| &name[..cut])
    })
}

/// Whether the sizes and variants that a name tells are those of the model that was found for it.
fn is_same_model(name: &str, found: &str) -> bool {
    let (name, found) = (name.to_ascii_lowercase(), found.to_ascii_lowercase());
    let words = |text| str::split(text, |c: char| !c.is_ascii_alphanumeric());
    let tells = |word: &&str| VARIANTS.contains(word) || is_size(word);
    words(&name)
        .filter(tells)
        .all(|word| words(&found).any(|other| other == word))
}

/// `70b`, `8x7b`.
fn is_size(word: &str) -> bool {
    let number = word.strip_suffix(['b', 'm']).unwrap_or_default();
    number.starts_with(|c: char| c.is_ascii_digit())
        && number.bytes().all(|b| b.is_ascii_digit() || b == b'x')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T05:00:00Z, after every change of prices that the table has announced so far.
    const NOW: UnixNanos = 1_795_323_600_000_000_000;

    fn call(provider: &str, model: &str, usage: Usage) -> LlmCall {
        let provider = Some(provider.to_owned()).filter(|provider| !provider.is_empty());
        LlmCall {
            provider,
            model: Some(model.to_owned()),
            usage: Some(usage),
            ..LlmCall::default()
        }
    }

    fn usage(input: u64, output: u64) -> Usage {
        Usage {
            input,
            output,
            total: input.saturating_add(output),
            ..Usage::default()
        }
    }

    fn total(provider: &str, model: &str, usage: Usage) -> Option<i64> {
        price(&call(provider, model, usage), NOW).map(|cost| cost.total)
    }

    #[test]
    fn the_table_is_the_one_that_is_built_in() {
        let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock");
        let lock = std::fs::read_to_string(lock).unwrap_or_default();
        let (name, version) = TABLE.split_once(' ').unwrap();
        assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"")));
    }

    /// List prices in USD for a million tokens, in and out.
    #[test]
    fn models_are_found_under_the_names_that_they_go_by() {
        for (provider, model, input, output) in [
            ("openai", "gpt-4o-mini", 0.15, 0.60),
            ("", "gpt-4o-mini-2024-07-18", 0.15, 0.60),
            ("openai", "gpt-4o", 2.50, 10.00),
            ("openai", "gpt-4o-2024-05-13", 5.00, 15.00),
            ("openai", "gpt-4o-2027-01-31", 2.50, 10.00),
            ("openai", "gpt-4.1-20270131", 2.00, 8.00),
            ("openai", "openai/gpt-4o", 2.50, 10.00),
            ("", "openai/gpt-4o-mini", 0.15, 0.60),
            ("litellm", "openai/gpt-4o-mini", 0.15, 0.60),
            ("openrouter", "openai/gpt-4o-mini:nitro", 0.15, 0.60),
            (
                "openrouter",
                "meta-llama/llama-3.3-70b-instruct:free",
                0.0,
                0.0,
            ),
            ("azure.ai.openai", "gpt-4o-mini-2024-07-18", 0.15, 0.60),
            ("", "ft:gpt-4o-mini-2024-07-18:acme::abc", 0.30, 1.20),
            ("openai", "ft:gpt-4.1-2025-04-14:acme::abc", 2.00, 8.00),
            ("anthropic", "claude-3-5-haiku-latest", 0.80, 4.00),
            ("", "anthropic/claude-3-haiku", 0.25, 1.25),
            ("gcp.vertex_ai", "claude-3-haiku@20240307", 0.25, 1.25),
            ("", "models/gemini-2.5-flash", 0.30, 2.50),
            ("gcp.gemini", "gemini-2.5-flash-002", 0.30, 2.50),
            (
                "",
                "publishers/google/models/gemini-2.5-flash-lite",
                0.10,
                0.40,
            ),
            ("", "anthropic.claude-3-haiku-20240307-v1:0", 0.25, 1.25),
            ("", "eu.amazon.nova-lite-v1:0", 0.06, 0.24),
            (
                "aws.bedrock",
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                3.30,
                16.50,
            ),
            ("groq", "llama-3.3-70b-versatile", 0.59, 0.79),
            ("groq", "openai/gpt-oss-120b", 0.15, 0.60),
            ("mistral_ai", "mistral-large-latest", 2.00, 6.00),
        ] {
            let prices = known(
                model,
                Some(provider).filter(|provider| !provider.is_empty()),
                NOW,
            );
            let nano = |usd: f64| (usd * 1e9).round() as u64;
            let expected = Some((nano(input), nano(output)));
            assert_eq!(
                prices.map(|prices| (prices.input, prices.output)),
                expected,
                "{provider} {model}"
            );
        }
    }

    #[test]
    fn no_model_takes_the_price_of_another() {
        for (provider, model) in [
            ("openai", "gpt-4o-nano"),
            ("", "gpt-4o-mini-vision"),
            ("openai", "gpt-6"),
            ("openai", "gpt-4.1.5"),
            ("openai", "my-own-model"),
            ("", "my-own-model"),
            ("", ""),
            ("anthropic", "claude-opus-9-1"),
            ("deepseek", "deepseek-r1-distill-llama-70b"),
            ("", "deepseek-r1:7b"),
            ("", "deepseek-r1:latest"),
            ("", "mistralai/Mistral-7B-Instruct-v0.2"),
            ("", "unsloth/deepseek-r1"),
            ("vllm", "gpt-4o-mini"),
            ("groq", "gpt-4o-mini"),
            ("openai", "whisper-1"),
            ("github-copilot", "gpt-4o"),
        ] {
            assert_eq!(
                total(provider, model, usage(1000, 1000)),
                None,
                "{provider} {model}"
            );
        }
    }

    #[test]
    fn a_call_is_priced_to_the_nano_usd() {
        let cost = price(&call("openai", "gpt-4o-mini", usage(1_000, 500)), NOW).unwrap();
        // 1,000 × 0.15 + 500 × 0.60 USD for a million tokens.
        assert_eq!(
            (cost.total, cost.input, cost.output),
            (450_000, Some(150_000), Some(300_000))
        );
        assert_eq!(cost.price_table.as_deref(), Some("genai-prices 0.2.1"));
    }

    #[test]
    fn cached_tokens_are_part_of_the_input() {
        let cached = Usage {
            cache_read: 600,
            ..usage(1_000, 0)
        };
        // 400 × 0.15 + 600 × 0.075.
        assert_eq!(total("openai", "gpt-4o-mini", cached), Some(105_000));
        let written = Usage {
            cache_read: 200,
            cache_write: 300,
            ..usage(1_000, 100)
        };
        // Claude 3 Haiku: 500 × 0.25 + 200 × 0.03 + 300 × 0.30 + 100 × 1.25.
        assert_eq!(
            total("anthropic", "claude-3-haiku-20240307", written),
            Some(346_000)
        );
        let more_than_all = Usage {
            cache_read: 5_000,
            cache_write: 5_000,
            ..usage(1_000, 0)
        };
        assert_eq!(total("openai", "gpt-4o-mini", more_than_all), Some(75_000));
    }

    #[test]
    fn reasoning_is_part_of_the_output() {
        let thought = Usage {
            reasoning: 400,
            ..usage(0, 500)
        };
        // o3-mini: 500 × 4.40, thought or said.
        assert_eq!(total("openai", "o3-mini", thought), Some(2_200_000));
        // sonar-deep-research: 100 × 8 + 400 × 3.
        assert_eq!(
            total("perplexity", "sonar-deep-research", thought),
            Some(2_000_000)
        );
    }

    #[test]
    fn prices_depend_on_the_size_of_the_prompt_and_on_the_call() {
        let (short, long) = (usage(200_000, 1_000), usage(200_001, 1_000));
        // gemini-2.5-pro: 1.25 and 10, above 200,000 tokens 2.50 and 15.
        assert_eq!(total("google", "gemini-2.5-pro", short), Some(260_000_000));
        assert_eq!(total("google", "gemini-2.5-pro", long), Some(515_002_500));
        // sonar: 1 and 1, and 0.012 USD a call.
        let cost = price(&call("perplexity", "sonar", usage(1_000, 1_000)), NOW).unwrap();
        let tokens = cost.input.unwrap() + cost.output.unwrap();
        assert!(cost.total > tokens, "{cost:?}");
    }

    #[test]
    fn a_tier_of_service_has_prices_of_its_own() {
        let mut call = call("openai", "gpt-5", usage(1_000, 100));
        let mut at_tier = |tier: &str| {
            call.parameters.insert("service_tier".into(), tier.into());
            price(&call, NOW).map(|cost| cost.total)
        };
        // 1.25 and 10, half of it for `flex`, twice of it for `priority`.
        assert_eq!(at_tier("default"), Some(2_250_000));
        assert_eq!(at_tier("flex"), Some(1_125_000));
        assert_eq!(at_tier("priority"), Some(4_500_000));
        assert_eq!(at_tier("unheard of"), Some(2_250_000));
    }

    #[test]
    fn halves_are_rounded_up_and_nothing_drifts() {
        let prices = UnitPrices {
            input: 37_500_000,
            output: 500_000,
            ..known("gpt-4o", None, NOW).unwrap()
        };
        let cost = prices.apply(usage(1, 1));
        // 37.5 and half a nano-USD: each part is rounded, and the total on its own.
        assert_eq!(
            (cost.input, cost.output, cost.total),
            (Some(38), Some(1), 38)
        );
        assert_eq!(
            prices.apply(usage(3_000_000_000_001, 0)).total,
            112_500_000_000_038
        );
        assert_eq!(
            prices.apply(usage(u64::MAX, u64::MAX)).input,
            Some(i64::MAX)
        );
    }

    #[test]
    fn the_model_that_answered_comes_first() {
        let mut both = call("openai", "gpt-4o-mini-2024-07-18", usage(1_000, 0));
        both.request_model = Some("gpt-4o".into());
        assert_eq!(price(&both, NOW).map(|cost| cost.total), Some(150_000));
        both.model = Some("router-choice".into());
        assert_eq!(price(&both, NOW).map(|cost| cost.total), Some(2_500_000));
        both.provider = Some("azure.ai.openai".into());
        assert_eq!(price(&both, NOW), None, "a deployment may have any name");
    }

    #[test]
    fn what_the_provider_says_wins() {
        let said = Cost {
            total: 7,
            price_table: Some("provider".into()),
            ..Cost::default()
        };
        let mut call = call("openai", "gpt-4o", usage(1_000, 0));
        call.cost = Some(said.clone());
        assert_eq!(price(&call, NOW), Some(said));
    }

    #[test]
    fn local_models_cost_nothing_and_say_so() {
        for provider in ["ollama", "Ollama", "llama.cpp", "mistral.rs"] {
            let cost = price(&call(provider, "gpt-oss:20b", usage(1_000, 1_000)), NOW).unwrap();
            assert_eq!(
                (cost.total, cost.price_table.as_deref()),
                (0, Some("local"))
            );
        }
    }

    #[test]
    fn without_usage_there_is_no_cost() {
        let silent = LlmCall {
            usage: None,
            ..call("ollama", "llama3", usage(0, 0))
        };
        assert_eq!(price(&silent, NOW), None);
    }

    #[test]
    fn only_the_base_of_a_fine_tuned_model_may_have_a_price() {
        let table = |model| known(model, Some("openai"), NOW).map(|prices| prices.table);
        assert_eq!(
            table("ft:gpt-4o-mini-2024-07-18:acme::abc").as_deref(),
            Some("genai-prices 0.2.1")
        );
        assert_eq!(
            table("ft:gpt-4.1-2025-04-14:acme::abc").as_deref(),
            Some("genai-prices 0.2.1, base model")
        );
    }

    #[test]
    fn revisions_are_cut_one_at_a_time() {
        assert_eq!(without_revision("gpt-4o-2024-08-06"), Some("gpt-4o"));
        assert_eq!(
            without_revision("claude-3-haiku-20240307"),
            Some("claude-3-haiku")
        );
        assert_eq!(
            without_revision("gemini-2.0-flash-001"),
            Some("gemini-2.0-flash")
        );
        assert_eq!(without_revision("claude-opus-4-1"), None);
        assert_eq!(without_revision("x:free"), None);
        assert_eq!(without_revision("é-0613"), Some("é"));
        assert_eq!(without_revision("ééééé"), None);
    }
}
