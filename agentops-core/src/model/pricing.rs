//! What a model call cost, by price lists.
//!
//! Completes the record that the recogniser filled: a cost that the provider reported is kept, the user's own prices
//! come next, models that run on this machine cost nothing, and everything else is looked up in the data of the
//! `genai-prices` crate. Names are brought into a form that a list knows, but never into another model's name: what is
//! not known stays unpriced. Reads no file; who has one brings its text.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::Hash;
use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use genai_prices::{Calculator, PriceCalculation, PriceRequest, Usage as Amounts, UsageKey};
use serde::Deserialize;
use serde_json::Value;

use super::llm::{Cost, LlmCall, Prices, Usage};
use super::options::PricesFile;
use super::time::UnixNanos;

/// What a call cost, by the prices of this process; see [`PriceList::price`].
#[must_use]
pub fn price(call: &LlmCall, at: UnixNanos) -> Option<Cost> {
    installed().price(call, at)
}

/// Makes a list the one that [`price`] asks from now on.
pub fn install(list: PriceList) {
    *lock(&INSTALLED) = Arc::new(list);
}

/// The list that [`price`] asks.
#[must_use]
pub fn installed() -> Arc<PriceList> {
    lock(&INSTALLED).clone()
}

static INSTALLED: LazyLock<Mutex<Arc<PriceList>>> = LazyLock::new(Mutex::default);

/// Prices: the table that is built in, before it one that is newer, and before both the user's own. Remembers what it
/// was asked.
#[derive(Debug, Default)]
pub struct PriceList {
    own: Option<Own>,
    newer: Option<Own>,
    found: Mutex<HashMap<Asked, Option<Arc<Listing>>>>,
    units: Mutex<HashMap<Moment, Sizes>>,
}

/// A model's name, and its provider's.
type Asked = (String, Option<String>);

/// Why a list of the user's own cannot be read.
#[derive(Debug)]
pub struct Unreadable(String);

/// What a model costs, and where that is from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Quote {
    /// The name that the price was found under: what was asked for, without what names no model.
    pub name: String,
    /// A table and its version, what was made of the name where that is more than its form, or `local`, or `free`.
    pub table: String,
    /// The prices.
    pub prices: Prices,
}

/// How a call is served, which some prices depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms<'a> {
    /// Tokens of the prompt.
    pub input: u64,
    /// `default`, `flex`, `priority`, `batch`, as the provider calls it.
    pub tier: Option<&'a str>,
}

/// The data that prices come from.
const TABLE: &str = "genai-prices 0.2.1";

/// Where the newest edition of that data is published, in the format that [`PriceList::with_table`] takes.
pub const NEWEST_TABLE: &str = genai_prices::REMOTE_DATA_URL;

/// The price of what runs on this machine.
const LOCAL: &str = "local";

/// The price of what is given away.
const FREE: &str = "free";

/// Names from outside that are looked for at all.
const LONGEST: usize = 256;

/// Names from outside that are remembered: there is no end to them.
const CAPACITY: usize = 4096;

/// Forms of one name that are looked for: each that is in no table costs milliseconds.
const ATTEMPTS: usize = 12;

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

/// Words at the end of a name that make no other model of it: how far it is, and how its weights are stored.
///
/// Only these are cut to come to a shorter name. What any other word means is for the provider to say, and a price that
/// was guessed would be worse than none.
const NEUTRAL_WORDS: [&str; 12] = [
    "preview", "beta", "stable", "maas", "fp8", "fp16", "bf16", "int4", "int8", "awq", "gptq",
    "gguf",
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

impl PriceList {
    /// The table that is built in, and before it prices of the user's own.
    ///
    /// A list in JSON has one of two forms: an array in the format of `genai-prices` (its `data.json`, version 2), or
    /// an object that tells for each model what a million tokens cost in USD. Its keys are names of models, with the
    /// provider before them where that matters: `my-model`, `openai/gpt-4o`. Such a price holds for all editions of a
    /// model (`gpt-4o-2024-08-06`), whatever the tier of service and the size of the prompt.
    ///
    /// ```
    /// use agentops_core::model::pricing::{PriceList, Terms};
    ///
    /// let own = br#"{"my-model": {"input": 1.0, "output": 2.0, "cache_read": 0.1, "cache_write": 1.25}}"#;
    /// let list = PriceList::with_own(own)?;
    /// let quote = list.quote("my-model", None, Terms::default(), 0).expect("it is in the list");
    /// assert_eq!(quote.prices.output, 2_000_000_000);
    /// # Ok::<(), agentops_core::model::pricing::Unreadable>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where it has neither form. None of it counts then.
    pub fn with_own(json: &[u8]) -> Result<Self, Unreadable> {
        Ok(Self {
            own: Some(Own::read("prices.json", json)?),
            ..Self::default()
        })
    }

    /// The list with a newer table before the one that is built in: for models that both know, the newer one counts.
    ///
    /// It has one of the forms that [`with_own`](Self::with_own) takes. What the user's own prices say, and that models
    /// on this machine cost nothing, goes before it.
    ///
    /// # Errors
    ///
    /// Where it has neither form, or no model in it.
    pub fn with_table(mut self, json: &[u8]) -> Result<Self, Unreadable> {
        let newer = Own::read("price-table.json", json)?;
        if newer.is_empty() {
            return Err(Unreadable("there is no model in it".into()));
        }
        self.newer = Some(newer);
        (self.found, self.units) = Default::default();
        Ok(self)
    }

    /// As [`with_table`](Self::with_table), from a file, which need not be there; and the one warning where it is there
    /// and cannot be used.
    #[must_use]
    pub fn with_table_file(
        self,
        path: &Path,
        contents: io::Result<Vec<u8>>,
    ) -> (Self, Option<Unreadable>) {
        let newer = match contents {
            Ok(json) => Self::default().with_table(&json),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (self, None),
            Err(error) => Err(Unreadable(error.to_string())),
        };
        match newer {
            Ok(Self { newer, .. }) => (Self { newer, ..self }, None),
            Err(Unreadable(why)) => {
                let path = path.display();
                let warning = format!(
                    "the price table {path} is not used: {why}; `agentops prices update` replaces it"
                );
                (self, Some(Unreadable(warning)))
            }
        }
    }

    /// What the tables are called and which versions of them they are: the one that counts first, and what it is before.
    #[must_use]
    pub fn table(&self) -> &str {
        self.newer.as_ref().map_or(TABLE, |newer| &newer.name)
    }

    /// Differs where a list may have other prices.
    #[must_use]
    pub fn fingerprint(&self) -> u32 {
        let name = |own: &Option<Own>| {
            own.as_ref()
                .map_or_else(String::new, |own| own.name.clone())
        };
        let parts = [name(&self.own), name(&self.newer), TABLE.to_owned()];
        crc32fast::hash(parts.join("\n").as_bytes())
    }

    /// What every model in the tables costs at `at`, for a short prompt and no tier of service; by provider and name, as
    /// the tables have them.
    #[must_use]
    pub fn models(&self, at: UnixNanos) -> BTreeMap<String, Prices> {
        let mut all = models(Calculator::bundled(), &Source::BuiltIn, at);
        if let Some(newer) = &self.newer {
            all.extend(newer.short.clone());
            if let Some(table) = &newer.table {
                all.extend(models(table, &Source::Newer, at));
            }
        }
        all
    }

    /// The list with prices from a file, and the one warning where that cannot be used: then none of it counts.
    ///
    /// A file that nobody chose need not be there.
    #[must_use]
    pub fn with_file(
        file: &PricesFile,
        contents: io::Result<Vec<u8>>,
    ) -> (Self, Option<Unreadable>) {
        let list = match contents {
            Ok(json) => Self::with_own(&json),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !file.chosen => {
                return (Self::default(), None);
            }
            Err(error) => Err(Unreadable(error.to_string())),
        };
        match list {
            Ok(list) => (list, None),
            Err(Unreadable(why)) => {
                let path = file.path.display();
                let warning = format!("no prices are taken from {path}: {why}");
                (Self::default(), Some(Unreadable(warning)))
            }
        }
    }

    /// What a call cost, in nano-USD; `None` where that is not known, which is never the same as zero.
    ///
    /// A cost that the call carries already is kept. Prices are those in effect at `at`, of the model that answered,
    /// else of the one that was asked for, for the `service_tier` among the parameters. Input, output and total are
    /// each rounded to whole nano-USD, half a one up.
    #[must_use]
    pub fn price(&self, call: &LlmCall, at: UnixNanos) -> Option<Cost> {
        if call.cost.is_some() {
            return call.cost.clone();
        }
        let usage = call.usage?;
        let provider = call.provider.as_deref();
        // What Azure is asked for is a deployment, whose name says nothing of the model behind it.
        let deployment = provider.is_some_and(|provider| table_id(provider) == "azure");
        let asked_for = call.request_model.as_deref().filter(|_| !deployment);
        let terms = Terms {
            input: usage.input,
            tier: call.parameters.get("service_tier").and_then(Value::as_str),
        };
        let names = [call.model.as_deref(), asked_for];
        // What runs on this machine needs no name.
        let nameless = names.iter().all(Option::is_none).then_some("");
        let mut names = names.into_iter().flatten().chain(nameless);
        let quote = names.find_map(|name| self.quote(name, provider, terms, at))?;
        Some(quote.apply(usage))
    }

    /// What a model costs at `at`; `None` where it is not known under any name, or not sold by the token.
    #[must_use]
    pub fn quote(
        &self,
        model: &str,
        provider: Option<&str>,
        terms: Terms<'_>,
        at: UnixNanos,
    ) -> Option<Arc<Quote>> {
        let listing = self.find(model, provider)?;
        let (own, newer) = (self.own.as_ref(), self.newer.as_ref());
        let (calculator, table) = match &listing.source {
            Source::Fixed(quote) => return Some(quote.clone()),
            Source::Own => (own?.table.as_ref()?, own?.name.as_str()),
            Source::Newer => (newer?.table.as_ref()?, newer?.name.as_str()),
            Source::BuiltIn => (Calculator::bundled(), TABLE),
        };
        let moment = Moment {
            listing: listing.clone(),
            quarter: at / QUARTER,
            tier: terms.tier.map(str::to_owned),
        };
        let ask = |input: u64| {
            let at = moment.quarter * QUARTER;
            let quote = listing.quote(calculator, table, Terms { input, ..terms }, at);
            quote.map(Arc::new)
        };
        let size = terms.input.clamp(1, LARGE);
        let known = lock(&self.units).get(&moment).cloned();
        let mut known = known.unwrap_or_else(|| {
            let ends = Sizes(vec![(1, ask(1)), (LARGE, ask(LARGE))]);
            remember(&self.units, moment.clone(), ends.clone());
            ends
        });
        if let Some(quote) = known.find(size) {
            return quote;
        }
        let quote = ask(size);
        known.learn(size, quote.clone());
        remember(&self.units, moment, known);
        quote
    }

    /// Finds a model under any of its names, once: a name that is not in the table costs milliseconds.
    fn find(&self, model: &str, provider: Option<&str>) -> Option<Arc<Listing>> {
        if model.len() > LONGEST || provider.is_some_and(|provider| provider.len() > LONGEST) {
            return None;
        }
        let asked = (model.to_owned(), provider.map(str::to_owned));
        if let Some(found) = lock(&self.found).get(&asked) {
            return found.clone();
        }
        let model = model.trim();
        let (own, newer) = (self.own.as_ref(), self.newer.as_ref());
        let listing = own
            .and_then(|own| own.look_up(&Source::Own, model, provider))
            .or_else(|| for_nothing(model, provider))
            .or_else(|| newer?.look_up(&Source::Newer, model, provider))
            .or_else(|| look_up(Calculator::bundled(), &Source::BuiltIn, model, provider))
            .map(Arc::new);
        remember(&self.found, asked, listing.clone());
        listing
    }
}

impl Quote {
    fn apply(&self, usage: Usage) -> Cost {
        let of = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let prices = &self.prices;
        let read = prices.cache_read.unwrap_or(prices.input);
        let write = prices.cache_write.unwrap_or(prices.input);
        // Parts are no more than the whole, whatever was reported.
        let cache_read = usage.cache_read.min(usage.input);
        let cache_write = usage.cache_write.min(usage.input - cache_read);
        let kept = usage.cache_write_1h.min(cache_write);
        let fresh = usage.input - cache_read - cache_write;
        // What was heard and is not fresh was in the cache, also where nobody says so.
        let unsaid = usage.input_audio.saturating_sub(fresh + cache_write);
        let heard_before = usage.cache_read_audio.max(unsaid);
        let heard_before = heard_before.min(usage.input_audio).min(cache_read);
        let heard = (usage.input_audio - heard_before).min(fresh);
        let reasoning = usage.reasoning.min(usage.output);
        let spoken = usage.output_audio.min(usage.output - reasoning);
        let input = of(fresh - heard, prices.input)
            + of(heard, prices.input_audio.unwrap_or(prices.input))
            + of(cache_read - heard_before, read)
            + of(heard_before, prices.cache_read_audio.unwrap_or(read))
            + of(cache_write - kept, write)
            + of(kept, prices.cache_write_1h.unwrap_or(write));
        let output = of(usage.output - reasoning - spoken, prices.output)
            + of(spoken, prices.output_audio.unwrap_or(prices.output))
            + of(reasoning, prices.reasoning.unwrap_or(prices.output));
        let call = of(MILLION, prices.call.unwrap_or_default());
        let searches = of(usage.web_searches, prices.web_search.unwrap_or_default());
        let searches = searches.saturating_mul(MILLION.into());
        Cost {
            total: round((input + output + call).saturating_add(searches)),
            input: Some(round(input)),
            output: Some(round(output)),
            price_table: Some(self.table.clone()),
            prices: (!prices.model.is_empty()).then(|| Prices {
                model: prices.model.clone(),
                input: prices.input,
                output: prices.output,
                cache_read: prices.cache_read.filter(|_| cache_read > 0),
                cache_write: prices.cache_write.filter(|_| cache_write > 0),
                cache_write_1h: prices.cache_write_1h.filter(|_| kept > 0),
                reasoning: prices.reasoning.filter(|_| reasoning > 0),
                input_audio: prices.input_audio.filter(|_| heard > 0),
                cache_read_audio: prices.cache_read_audio.filter(|_| heard_before > 0),
                output_audio: prices.output_audio.filter(|_| spoken > 0),
                call: prices.call,
                web_search: prices.web_search.filter(|_| usage.web_searches > 0),
            }),
        }
    }

    /// What costs nothing, and why; there are no unit prices to be told.
    fn nothing(name: &str, why: &str) -> Self {
        Self {
            name: name.into(),
            table: why.into(),
            prices: Prices::default(),
        }
    }
}

/// Millionths of a nano-USD in whole nano-USD, half a one counting as one.
fn round(millionths: u128) -> i64 {
    i64::try_from(millionths.saturating_add(500_000) / 1_000_000).unwrap_or(i64::MAX)
}

/// The unit of unit prices.
const MILLION: u64 = 1_000_000;

/// A quarter of an hour: where prices depend on the time of day, they change with one.
const QUARTER: u64 = 15 * 60 * 1_000_000_000;

/// A prompt larger than any step between prices.
const LARGE: u64 = 100_000_000;

/// An entry of a list, by names that lead to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Listing {
    source: Source,
    provider: String,
    model: String,
    /// It is not quite the model that was asked for.
    likeness: Option<Likeness>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Source {
    BuiltIn,
    Newer,
    Own,
    /// It costs the same at all times.
    Fixed(Arc<Quote>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Likeness {
    /// The name was a fine-tuned model's, and only what it was made from has a price.
    Base,
    /// Only a shorter name has a price.
    Shorter,
}

/// When, and on which terms, an entry is asked for its prices.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Moment {
    listing: Arc<Listing>,
    quarter: u64,
    tier: Option<String>,
}

/// What is known of prices by the size of the prompt: the smallest and the largest size of each price that was met.
///
/// From one size to a larger one a price may change, but not change back: what holds for two holds between them.
#[derive(Debug, Clone)]
struct Sizes(Vec<(u64, Option<Arc<Quote>>)>);

impl Sizes {
    fn find(&self, size: u64) -> Option<Option<Arc<Quote>>> {
        let next = self.0.partition_point(|(known, _)| *known < size);
        let (above, quote) = self.0.get(next)?;
        let agreed = *above == size || self.0.get(next.checked_sub(1)?)?.1 == *quote;
        agreed.then(|| quote.clone())
    }

    fn learn(&mut self, size: u64, quote: Option<Arc<Quote>>) {
        let next = self.0.partition_point(|(known, _)| *known < size);
        self.0.insert(next, (size, quote));
        let same = |at: usize| self.0.get(at).map(|(_, quote)| quote);
        let between = |at: &usize| same(at - 1) == same(*at) && same(*at) == same(at + 1);
        if let Some(at) = (1..self.0.len()).find(between) {
            self.0.remove(at);
        }
    }
}

impl Listing {
    /// Prices for a call on these terms.
    ///
    /// The table works in floating point, so it is only asked for unit prices, and those are whole numbers again
    /// once they are counted in nano-USD for a million tokens.
    fn quote(
        &self,
        calculator: &Calculator,
        table: &str,
        terms: Terms<'_>,
        at: UnixNanos,
    ) -> Option<Quote> {
        let input = terms.input.max(1) as f64;
        let output = MILLION as f64;
        let ask = |parts: &[(UsageKey, f64)]| {
            let whole = [
                (UsageKey::INPUT_TOKENS, input),
                (UsageKey::OUTPUT_TOKENS, output),
            ];
            let amounts = whole.into_iter().chain(parts.iter().cloned()).collect();
            self.ask(calculator, &amounts, terms.tier, at)
        };
        let unit = |price: f64, tokens: f64| (price / tokens * 1e6 * 1e9).round() as u64;
        let beside = |of: &PriceCalculation| {
            ((of.total_price - of.input_price - of.output_price) * 1e9).round() as u64
        };

        let plain = ask(&[])?;
        let read = ask(&[
            (UsageKey::CACHE_READ_TOKENS, input),
            (UsageKey::OUTPUT_REASONING_TOKENS, output),
        ])?;
        let write = ask(&[
            (UsageKey::CACHE_WRITE_TOKENS, input),
            (UsageKey::OUTPUT_AUDIO_TOKENS, output),
        ])?;
        let kept = ask(&[
            (UsageKey::CACHE_WRITE_TOKENS, input),
            (UsageKey::CACHE_WRITE_1H_TOKENS, input),
        ])?;
        let heard = ask(&[
            (UsageKey::INPUT_AUDIO_TOKENS, input),
            (UsageKey::WEB_SEARCHES, 1.0),
        ])?;
        let heard_before = ask(&[
            (UsageKey::CACHE_READ_TOKENS, input),
            (UsageKey::INPUT_AUDIO_TOKENS, input),
            (UsageKey::CACHE_AUDIO_READ_TOKENS, input),
        ])?;

        let (whole_in, whole_out) = (
            unit(plain.input_price, input),
            unit(plain.output_price, output),
        );
        // The table has zeros for what is free, and nothing for what is sold by the hour or the page.
        if whole_in == 0 && whole_out == 0 {
            return None;
        }
        let part = |price: u64, whole: u64| (price != whole).then_some(price);
        let part_in = |of: &PriceCalculation| part(unit(of.input_price, input), whole_in);
        let part_out = |of: &PriceCalculation| part(unit(of.output_price, output), whole_out);
        let (cache_read, cache_write) = (part_in(&read), part_in(&write));
        let heard_before = unit(heard_before.input_price, input);
        let kept = unit(kept.input_price, input);
        let call = beside(&plain);
        Some(Quote {
            name: self.model.clone(),
            table: match self.likeness {
                Some(Likeness::Base) => format!("{table}, base model"),
                Some(Likeness::Shorter) => format!("{table}, as {}", self.model),
                None => table.into(),
            },
            prices: Prices {
                model: format!("{}/{}", plain.provider_id, plain.model_id),
                input: whole_in,
                output: whole_out,
                cache_read,
                cache_write,
                cache_write_1h: part(kept, cache_write.unwrap_or(whole_in)),
                reasoning: part_out(&read),
                input_audio: part_in(&heard),
                cache_read_audio: part(heard_before, cache_read.unwrap_or(whole_in)),
                output_audio: part_out(&write),
                call: part(call, 0),
                web_search: part(beside(&heard).saturating_sub(call), 0),
            },
        })
    }

    fn ask(
        &self,
        calculator: &Calculator,
        amounts: &Amounts,
        tier: Option<&str>,
        at: UnixNanos,
    ) -> Option<PriceCalculation> {
        let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(at);
        let mut request = PriceRequest::new(&self.model, amounts)
            .with_provider_id(&self.provider)
            .with_timestamp(at);
        // Providers call it a tier of service, the table a way of processing.
        let key = if tier == Some("batch") {
            "processing"
        } else {
            "service_tier"
        };
        request.price_context.extend(tier.map(|tier| (key, tier)));
        calculator.calculate(&request).ok()
    }
}

/// The user's own prices.
#[derive(Debug)]
struct Own {
    /// What they are called, and which version of them it is.
    name: String,
    /// By name in lower case.
    short: HashMap<String, Prices>,
    table: Option<Calculator>,
}

/// What a million tokens cost, in USD.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Short {
    input: f64,
    output: f64,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
    cache_write_1h: Option<f64>,
    reasoning: Option<f64>,
    input_audio: Option<f64>,
    cache_read_audio: Option<f64>,
    output_audio: Option<f64>,
    /// For each, not for a million of them.
    call: Option<f64>,
    web_search: Option<f64>,
}

impl Own {
    fn read(name: &str, json: &[u8]) -> Result<Self, Unreadable> {
        let unreadable = |error: &dyn fmt::Display| Unreadable(error.to_string());
        let (mut short, mut table) = (HashMap::new(), None);
        if json.trim_ascii_start().starts_with(b"[") {
            table = Some(Calculator::from_json(json).map_err(|error| unreadable(&error))?);
        } else {
            let models: HashMap<String, Short> =
                serde_json::from_slice(json).map_err(|error| unreadable(&error))?;
            for (name, prices) in models {
                let name = name.trim().to_ascii_lowercase();
                let prices = prices.read(&name)?;
                short.insert(name, prices);
            }
        }
        Ok(Self {
            name: format!("{name} {:08x}", crc32fast::hash(json)),
            short,
            table,
        })
    }

    fn is_empty(&self) -> bool {
        let mut models = self.table.iter().flat_map(|table| table.providers());
        self.short.is_empty() && models.all(|provider| provider.models().next().is_none())
    }

    fn look_up(&self, source: &Source, model: &str, provider: Option<&str>) -> Option<Listing> {
        let table = self.table.as_ref();
        table
            .and_then(|table| look_up(table, source, model, provider))
            .or_else(|| self.in_short(model, provider))
    }

    fn in_short(&self, model: &str, provider: Option<&str>) -> Option<Listing> {
        if self.short.is_empty() {
            return None;
        }
        let given = provider.map(|provider| provider.trim().to_ascii_lowercase());
        let id = provider.map(table_id);
        let ways = forms(model, id.as_deref(), |_| true);
        ways.into_iter().find_map(|form| {
            let name = form.name.to_ascii_lowercase();
            let sellers = [given.as_deref(), form.provider];
            let among = sellers.into_iter().flatten();
            let mut keys = among
                .map(|seller| format!("{seller}/{name}"))
                .chain([name.clone()]);
            let prices = keys.find_map(|key| self.short.get(&key))?.clone();
            let quote = Quote {
                name,
                table: self.name.clone(),
                prices,
            };
            Some(Listing::fixed(quote))
        })
    }
}

impl Short {
    fn read(self, name: &str) -> Result<Prices, Unreadable> {
        /// More than anybody asks, and far from where numbers end.
        const HIGHEST: f64 = 1e9;
        let nano = |usd: f64| {
            if (0.0..=HIGHEST).contains(&usd) {
                Ok((usd * 1e9).round() as u64)
            } else {
                Err(Unreadable(format!("{usd} is no price of {name}")))
            }
        };
        let maybe = |usd: Option<f64>| usd.map(nano).transpose();
        Ok(Prices {
            model: name.into(),
            input: nano(self.input)?,
            output: nano(self.output)?,
            cache_read: maybe(self.cache_read)?,
            cache_write: maybe(self.cache_write)?,
            cache_write_1h: maybe(self.cache_write_1h)?,
            reasoning: maybe(self.reasoning)?,
            input_audio: maybe(self.input_audio)?,
            cache_read_audio: maybe(self.cache_read_audio)?,
            output_audio: maybe(self.output_audio)?,
            call: maybe(self.call)?,
            web_search: maybe(self.web_search)?,
        })
    }
}

impl Listing {
    fn fixed(quote: Quote) -> Self {
        Self {
            provider: String::new(),
            model: quote.name.clone(),
            source: Source::Fixed(Arc::new(quote)),
            likeness: None,
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::error::Error for Unreadable {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps an answer. Names come from outside, so that there is no end to them: what is full begins anew.
fn remember<K: Eq + Hash, V>(answers: &Mutex<HashMap<K, V>>, question: K, answer: V) {
    let mut answers = lock(answers);
    if answers.len() >= CAPACITY {
        answers.clear();
    }
    answers.insert(question, answer);
}

/// What runs on this machine, and what OpenRouter gives away. Some of what Ollama offers runs at Ollama's, by its tag.
fn for_nothing(model: &str, provider: Option<&str>) -> Option<Listing> {
    let is_local = |provider: &str| {
        let mut locals = LOCAL_PROVIDERS.iter();
        locals.any(|local| provider.trim().eq_ignore_ascii_case(local))
    };
    let tag = model.rsplit_once(':').map(|(_, tag)| tag);
    let is_elsewhere = || tag.is_some_and(|tag| tag == "cloud" || tag.ends_with("-cloud"));
    let router = provider.map_or_else(|| model.contains('/'), |it| table_id(it) == "openrouter");
    let why = match provider {
        Some(provider) if is_local(provider) && !is_elsewhere() => LOCAL,
        _ if router && model.ends_with(":free") => FREE,
        _ => return None,
    };
    Some(Listing::fixed(Quote::nothing(model, why)))
}

/// What all models of a table cost.
fn models(table: &Calculator, source: &Source, at: UnixNanos) -> BTreeMap<String, Prices> {
    let all = table.providers().flat_map(|provider| {
        let by = provider.id();
        provider.models().map(move |model| (by, model.id()))
    });
    let priced = all.filter_map(|(provider, model)| {
        let listing = Listing {
            source: source.clone(),
            provider: provider.into(),
            model: model.into(),
            likeness: None,
        };
        let terms = Terms {
            input: 1,
            tier: None,
        };
        let prices = listing.quote(table, "", terms, at)?.prices;
        // One whose name another's rule takes is sold under that one's.
        (prices.model == format!("{provider}/{model}")).then(|| (prices.model.clone(), prices))
    });
    priced.collect()
}

/// Finds a model in a table.
fn look_up(
    table: &Calculator,
    source: &Source,
    model: &str,
    provider: Option<&str>,
) -> Option<Listing> {
    let knows = |provider: &str| {
        let found = table.find_provider(Some(provider), None);
        found.is_ok_and(|found| found.is_some())
    };
    let provider = provider
        .map(table_id)
        .filter(|provider| !provider.is_empty() && provider != "litellm");
    if provider.as_deref().is_some_and(|provider| !knows(provider)) {
        return None;
    }
    let provider = match provider.as_deref() {
        None if model.starts_with("ft:") => Some("openai"),
        None if is_bedrock(model) => Some("aws"),
        None if is_anybodys(model) => return None,
        provider => provider,
    };
    // Vertex names the project and the place before it.
    let model = model.find("publishers/").map_or(model, |at| &model[at..]);
    let ways = forms(model, provider, knows);
    ways.into_iter().find_map(|form| {
        let provider = seller(table, form)?;
        // OpenAI gives these weights away and serves them to nobody; who speaks as OpenAI does is taken for it.
        if provider == "openai" && form.name.starts_with("gpt-oss") && *source != Source::Own {
            return None;
        }
        Some(Listing {
            source: source.clone(),
            provider,
            model: form.name.to_owned(),
            likeness: form.likeness,
        })
    })
}

/// Who sells the model that the table has for just this name, unless it is another model's.
fn seller(table: &Calculator, form: Form<'_>) -> Option<String> {
    let found = in_table(table, form)?;
    let is_listed = || {
        let Some(other) = with_another_trial(form.name) else {
            return true;
        };
        // A rule that takes any word in its place does not know this one.
        let taken = in_table(
            table,
            Form {
                name: &other,
                ..form
            },
        );
        taken.is_none_or(|taken| taken.model_id != found.model_id)
    };
    (is_same_model(form.name, &found.model_id) && is_listed()).then_some(found.provider_id)
}

fn in_table(table: &Calculator, form: Form<'_>) -> Option<PriceCalculation> {
    let mut request = PriceRequest::new(form.name, &NO_AMOUNTS);
    request.provider_id = form.provider;
    table.calculate(&request).ok()
}

/// The name of an experimental model, with a word in place of `exp` that no model has; what is tried out has no price
/// of its own, and may become another model than its name says.
fn with_another_trial(name: &str) -> Option<String> {
    let is_trial = |word: &&str| ["exp", "experimental"].contains(word);
    let mut words = name.split('-');
    words.clone().any(|word| is_trial(&word)).then(|| {
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| {
            let word = if is_trial(&word) { "unlisted" } else { word };
            name + "-" + word
        })
    })
}

static NO_AMOUNTS: Amounts = Amounts::new();

/// A name to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form<'a> {
    name: &'a str,
    provider: Option<&'a str>,
    likeness: Option<Likeness>,
}

/// The forms of a name, in the order in which they are looked for: as it is, then without each step of the path before
/// it, and all of these without editions; a model of Bedrock also without its region, a fine-tuned one as its base.
fn forms<'a>(
    model: &'a str,
    provider: Option<&'a str>,
    knows: impl Fn(&str) -> bool,
) -> Vec<Form<'a>> {
    let mut forms = Vec::new();
    let whole = Form {
        name: model,
        provider,
        likeness: None,
    };
    steps(whole, &knows, &mut forms);
    if provider == Some("aws") {
        let name = model.rsplit('/').next().unwrap_or(model);
        let (region, rest) = name.split_once('.').unwrap_or_default();
        if BEDROCK_REGIONS.contains(&region) {
            editions(
                Form {
                    name: rest,
                    likeness: Some(Likeness::Shorter),
                    ..whole
                },
                &mut forms,
            );
        }
    }
    if let Some(base) = model
        .strip_prefix("ft:")
        .and_then(|rest| rest.split(':').next())
    {
        editions(
            Form {
                name: base,
                likeness: Some(Likeness::Base),
                ..whole
            },
            &mut forms,
        );
    }
    forms.truncate(ATTEMPTS);
    forms
}

fn steps<'a>(whole: Form<'a>, knows: &impl Fn(&str) -> bool, forms: &mut Vec<Form<'a>>) {
    let mut form = whole;
    while forms.len() < ATTEMPTS {
        editions(form, forms);
        let Some((step, after)) = form.name.split_once('/') else {
            return;
        };
        form.name = after;
        // Who passes requests on sells at the price of whoever the path names; everybody else at their own.
        match form.provider {
            None | Some("openrouter") if knows(step) => form.provider = Some(step),
            None if !PATH_STEPS.contains(&step) => return,
            _ => {}
        }
    }
}

fn editions<'a>(form: Form<'a>, forms: &mut Vec<Form<'a>>) {
    let mut form = Some(form);
    while let Some(next) = form {
        forms.push(next);
        let cut = |word: Option<Likeness>| {
            move |name| Form {
                name,
                likeness: next.likeness.or(word),
                ..next
            }
        };
        form = without_revision(next.name)
            .map(cut(None))
            .or_else(|| without_word(next.name).map(cut(Some(Likeness::Shorter))));
    }
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
    const EDITIONS: [&str; 8] = [
        "-20##-##-##",
        "-20######",
        "-##-20##",
        "-##-##",
        "-####",
        "-00#",
        "-latest",
        "-v#:#",
    ];
    if let Some((model, _)) = name.rsplit_once('@') {
        return Some(model);
    }
    let tagged = name.rsplit_once(':');
    if let Some((model, _)) = tagged.filter(|(_, tag)| NEUTRAL_TAGS.contains(tag)) {
        return Some(model);
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

/// The name without a word at its end that makes no other model of it.
fn without_word(name: &str) -> Option<&str> {
    let (model, word) = name.rsplit_once('-')?;
    let neutral = NEUTRAL_WORDS
        .iter()
        .any(|neutral| word.eq_ignore_ascii_case(neutral));
    (neutral && !model.is_empty()).then_some(model)
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

    fn quote(model: &str, provider: Option<&str>) -> Option<Quote> {
        let quote = PriceList::default().quote(model, provider, Terms::default(), NOW)?;
        Some(Quote::clone(&quote))
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

    /// Provider, model, and list prices in USD for a million tokens, in and out.
    const GOLDEN: &str = "
        openai           gpt-4o-mini                                   0.15 0.60
        -                gpt-4o-mini-2024-07-18                        0.15 0.60
        openai           gpt-4o                                        2.50 10.00
        openai           gpt-4o-2024-05-13                             5.00 15.00
        openai           gpt-4o-2027-01-31                             2.50 10.00
        openai           gpt-4.1-20270131                              2.00 8.00
        openai           gpt-4                                         30.00 60.00
        openai           gpt-4-turbo                                   10.00 30.00
        openai           gpt-3.5-turbo-0125                            0.50 1.50
        openai           gpt-5                                         1.25 10.00
        openai           gpt-5-mini-2025-08-07                         0.25 2.00
        openai           gpt-5-pro                                     15.00 120.00
        openai           gpt-5-chat-latest                             1.25 10.00
        openai           o3                                            2.00 8.00
        openai           o4-mini-2025-04-16                            1.10 4.40
        openai           text-embedding-3-small                        0.02 0.00
        openai           gpt-4o-realtime-preview                       5.00 20.00
        openai           openai/gpt-4o                                 2.50 10.00
        -                openai/gpt-4o-mini                            0.15 0.60
        litellm          openai/gpt-4o-mini                            0.15 0.60
        -                ft:gpt-4o-mini-2024-07-18:acme::abc           0.30 1.20
        openai           ft:gpt-3.5-turbo-0125:acme:note:abc           3.00 6.00
        openai           ft:gpt-4.1-2025-04-14:acme::abc               2.00 8.00
        azure.ai.openai  gpt-4o-mini-2024-07-18                        0.15 0.60
        azure            gpt-4.1                                       2.00 8.00
        azure.ai.inference Phi-4                                         0.125 0.50
        anthropic        claude-3-5-haiku-latest                       0.80 4.00
        anthropic        claude-sonnet-4-5                             3.00 15.00
        anthropic        claude-opus-4-1-20250805                      15.00 75.00
        anthropic        claude-haiku-4-5-20251001                     1.00 5.00
        -                claude-3-7-sonnet-latest                      3.00 15.00
        -                anthropic/claude-3-haiku                      0.25 1.25
        gcp.vertex_ai    claude-3-haiku@20240307                       0.25 1.25
        gcp.vertex_ai    publishers/anthropic/models/claude-sonnet-4-5@20250929 3.00 15.00
        -                models/gemini-2.5-flash                       0.30 2.50
        gcp.gemini       gemini-2.5-flash-002                          0.30 2.50
        gcp.gen_ai       gemini-2.5-pro                                1.25 10.00
        google           gemini-2.0-flash                              0.10 0.40
        -                publishers/google/models/gemini-2.5-flash-lite 0.10 0.40
        -                projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro 1.25 10.00
        -                anthropic.claude-3-haiku-20240307-v1:0        0.25 1.25
        -                eu.amazon.nova-lite-v1:0                      0.06 0.24
        -                amazon.nova-pro-v1:0                          0.80 3.20
        aws.bedrock      us.anthropic.claude-sonnet-4-5-20250929-v1:0  3.30 16.50
        aws.bedrock      global.anthropic.claude-sonnet-4-5-20250929-v1:0 3.00 15.00
        aws.bedrock      anthropic.claude-3-5-sonnet-20241022-v2:0     3.00 15.00
        aws.bedrock      apac.anthropic.claude-3-5-sonnet-20240620-v1:0 3.00 15.00
        aws.bedrock      us.meta.llama3-3-70b-instruct-v1:0            0.72 0.72
        -                arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-5-haiku-20241022-v1:0 0.80 4.00
        groq             llama-3.3-70b-versatile                       0.59 0.79
        groq             llama-3.1-8b-instant                          0.05 0.08
        groq             openai/gpt-oss-120b                           0.15 0.60
        deepseek         deepseek-chat                                 0.27 1.10
        deepseek         deepseek-reasoner                             0.55 2.19
        x_ai             grok-4                                        3.00 15.00
        xai              grok-3-mini                                   0.30 0.50
        -                grok-3                                        3.00 15.00
        mistral_ai       mistral-large-latest                          2.00 6.00
        mistral_ai       mistral-small-latest                          0.15 0.60
        mistral          codestral-2508                                0.30 0.90
        mistral          open-mistral-nemo                             0.15 0.15
        cohere           command-r-plus-08-2024                        2.50 10.00
        cohere           command-a-03-2025                             2.50 10.00
        cohere           command-r7b-12-2024                           0.0375 0.15
        perplexity       sonar-pro                                     3.00 15.00
        openrouter       openai/gpt-4o                                 2.50 10.00
        openrouter       openai/gpt-4o-mini:nitro                      0.15 0.60
        openrouter       anthropic/claude-sonnet-4                     3.00 15.00
        openrouter       google/gemini-2.5-flash                       0.30 2.50
        openrouter       deepseek/deepseek-chat-v3-0324                0.29 1.14
        openrouter       meta-llama/llama-3.3-70b-instruct:free        0.00 0.00
        -                acme/unheard-of:free                          0.00 0.00
        together_ai      meta-llama/Llama-3.3-70B-Instruct-Turbo       0.88 0.88
        cerebras         llama3.1-8b                                   0.10 0.10
        moonshot_ai      kimi-k2-0905-preview                          0.60 2.50
        voyageai         voyage-3-large                                0.18 0.00
        ollama           llama3.2:latest                               0.00 0.00
        llama.cpp        gpt-4o                                        0.00 0.00
        mistral.rs       anything                                      0.00 0.00
        aws.bedrock      mistral.mistral-large-2407-v1:0               unpriced
        openai           gpt-4o-nano                                   unpriced
        -                gpt-4o-mini-vision                            unpriced
        openai           gpt-4x                                        unpriced
        openai           gpt-6                                         unpriced
        openai           gpt-4.1.5                                     unpriced
        openai           my-own-model                                  unpriced
        -                my-own-model                                  unpriced
        -                my-own-model:free                             unpriced
        -                my-gpt-4o                                     unpriced
        anthropic        claude-opus-9-1                               unpriced
        deepseek         deepseek-r1-distill-llama-70b                 unpriced
        -                deepseek-r1:7b                                unpriced
        -                mistralai/Mistral-7B-Instruct-v0.2            unpriced
        vllm             gpt-4o-mini                                   unpriced
        groq             gpt-4o-mini                                   unpriced
        openai           whisper-1                                     unpriced
        github-copilot   gpt-4o                                        unpriced
        -                deepseek-r1:latest                            unpriced
        -                unsloth/deepseek-r1                           unpriced
        openai           gpt-oss-120b                                  unpriced
        -                gpt-oss-20b                                   unpriced
        -                openai/gpt-oss-120b                           unpriced
        gcp.gemini       gemini-2.5-pro-exp-03-25                      unpriced
        gcp.gemini       gemini-2.5-flash-exp                          unpriced
        gcp.gemini       gemini-2.0-flash-exp                          0.10 0.40
    ";

    #[test]
    fn models_are_found_under_the_names_that_they_go_by() {
        let list = PriceList::default();
        for line in GOLDEN.trim().lines() {
            let mut words = line.split_whitespace();
            let mut next = || words.next();
            let provider = next().filter(|provider| *provider != "-");
            let model = next().unwrap();
            let nano = |usd: &str| (usd.parse::<f64>().unwrap() * 1e9).round() as u64;
            let expected = next().filter(|price| *price != "unpriced").map(nano);
            let expected = expected.map(|input| (input, nano(next().unwrap())));
            let quote = list.quote(model, provider, Terms::default(), NOW);
            let prices = quote.map(|quote| (quote.prices.input, quote.prices.output));
            assert_eq!(prices, expected, "{line}");
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
    fn a_batch_has_prices_of_its_own() {
        let mut call = call("anthropic", "claude-sonnet-4-5", usage(1_000, 100));
        call.parameters
            .insert("service_tier".into(), "batch".into());
        // Half of 3 and 15.
        assert_eq!(price(&call, NOW).map(|cost| cost.total), Some(2_250_000));
    }

    #[test]
    fn parts_have_prices_of_their_own() {
        let kept = Usage {
            cache_write: 500,
            cache_write_1h: 400,
            web_searches: 2,
            ..usage(1_000, 0)
        };
        // Claude Sonnet 4.5: 500 × 3 + 100 × 3.75 + 400 × 6, and 2 × 0.01 USD.
        let cost = price(&call("anthropic", "claude-sonnet-4-5", kept), NOW).unwrap();
        assert_eq!((cost.input, cost.total), (Some(4_275_000), 24_275_000));
        let sound = Usage {
            input_audio: 300,
            output_audio: 50,
            ..usage(1_000, 100)
        };
        // 700 × 5 + 300 × 40, 50 × 20 + 50 × 80.
        assert_eq!(
            total("openai", "gpt-4o-realtime-preview", sound),
            Some(20_500_000)
        );
        let heard_again = Usage {
            cache_read: 200,
            cache_read_audio: 150,
            ..sound
        };
        // 650 × 5 + 150 × 40, of the cache 50 and 150 × 2.50, 50 × 20 + 50 × 80.
        assert_eq!(
            total("openai", "gpt-4o-realtime-preview", heard_again),
            Some(14_750_000)
        );
        let all_sound = Usage {
            cache_read: 800,
            input_audio: 900,
            ..usage(1_000, 0)
        };
        // Gemini 2.5 Flash: of 900 that were heard 200 at most are fresh, and 100 are words; 200 × 1, of the cache
        // 700 × 0.10 and 100 × 0.03.
        assert_eq!(
            total("google", "gemini-2.5-flash", all_sound),
            Some(273_000)
        );
        // A model without a price for sound hears it at its price for words.
        assert_eq!(total("openai", "gpt-4o-mini", sound), Some(210_000));
    }

    #[test]
    fn prices_depend_on_the_day_and_the_hour() {
        let at = |text: &str| {
            let time = chrono::DateTime::parse_from_rfc3339(text).unwrap();
            let at = u64::try_from(time.timestamp_nanos_opt().unwrap()).unwrap();
            let list = PriceList::default();
            let quote = list.quote("deepseek-chat", Some("deepseek"), Terms::default(), at);
            quote.unwrap().prices.input
        };
        assert_eq!(at("2026-11-22T16:29:59Z"), 270_000_000);
        assert_eq!(at("2026-11-22T16:30:00Z"), 135_000_000);
    }

    #[test]
    fn a_cost_explains_itself() {
        let cached = Usage {
            cache_read: 5,
            ..usage(10, 1)
        };
        let cost = price(&call("openai", "openai/gpt-4o-2024-08-06", cached), NOW).unwrap();
        let prices = cost.prices.unwrap();
        assert_eq!(prices.web_search, None, "it made no search");
        assert_eq!(
            (
                &*prices.model,
                prices.input,
                prices.output,
                prices.cache_read
            ),
            (
                "openai/gpt-4o",
                2_500_000_000,
                10_000_000_000,
                Some(1_250_000_000)
            )
        );
        let local = price(&call("ollama", "llama3", usage(10, 1)), NOW).unwrap();
        assert_eq!(local.prices, None);
    }

    #[test]
    fn ones_own_prices_come_first() {
        let json = br#"{
            "my-model": {"input": 1, "output": 2, "cache_read": 0.1, "call": 0.5},
            "openai/gpt-4o": {"input": 2.0, "output": 8.0},
            "Qwen3:8b": {"input": 0.05, "output": 0.05}
        }"#;
        let list = PriceList::with_own(json).unwrap();
        let of = |provider: &str, model: &str| {
            let provider = Some(provider).filter(|provider| !provider.is_empty());
            let quote = list.quote(model, provider, Terms::default(), NOW)?;
            Some((quote.prices.input / 1_000_000, quote.table.clone()))
        };
        let own = format!("prices.json {:08x}", crc32fast::hash(json));
        let mine = |price: u64| Some((price, own.clone()));
        assert_eq!(of("", "my-model"), mine(1_000));
        assert_eq!(of("vllm", "acme/My-Model-2026-01-01"), mine(1_000));
        assert_eq!(of("openai", "gpt-4o-2024-08-06"), mine(2_000));
        assert_eq!(of("", "openai/gpt-4o"), mine(2_000));
        assert_eq!(of("ollama", "qwen3:8b"), mine(50));
        // Everything else is what it was.
        assert_eq!(of("azure", "gpt-4o").unwrap().1, TABLE);
        assert_eq!(of("openai", "gpt-4o-mini").unwrap(), (150, TABLE.into()));
        assert_eq!(of("ollama", "qwen3:14b").unwrap(), (0, LOCAL.into()));
        assert_eq!(of("", "my-model-2"), None);

        let cost = list
            .price(&call("", "my-model", usage(1_000, 0)), NOW)
            .unwrap();
        assert_eq!((cost.total, cost.input), (501_000_000, Some(1_000_000)));
    }

    #[test]
    fn ones_own_table_has_tiers_and_days() {
        let json = br#"[{"id": "acme", "name": "Acme", "api_pattern": "https://acme", "models": [{
            "id": "rocket", "match": {"starts_with": "rocket"},
            "prices": {"input_mtok": {"base": 1, "tiers": [{"start": 1000, "price": 2}]}, "output_mtok": 3}
        }]}]"#;
        let list = PriceList::with_own(json).unwrap();
        let cost = |input| list.price(&call("acme", "acme/rocket-latest", usage(input, 0)), NOW);
        assert_eq!(cost(1_000).map(|cost| cost.total), Some(1_000_000));
        assert_eq!(cost(1_001).map(|cost| cost.total), Some(2_002_000));
        assert_eq!(cost(1).unwrap().prices.unwrap().model, "acme/rocket");
        assert_eq!(cost(0).map(|cost| cost.total), Some(0));
        assert_eq!(
            cost(900_000_000).map(|cost| cost.total),
            Some(1_800_000_000_000)
        );
    }

    #[test]
    fn a_newer_table_comes_before_the_one_that_is_built_in() {
        let json = br#"[{"id": "openai", "name": "OpenAI", "api_pattern": "https://api", "models": [
            {"id": "gpt-4o", "match": {"starts_with": "gpt-4o"}, "prices": {"input_mtok": 2, "output_mtok": 8}},
            {"id": "gpt-9", "match": {"equals": "gpt-9"}, "prices": {"input_mtok": 9, "output_mtok": 90}}
        ]}]"#;
        let own = br#"{"gpt-9": {"input": 1, "output": 1}}"#;
        let table = format!("price-table.json {:08x}", crc32fast::hash(json));
        let list = PriceList::default().with_table(json).unwrap();
        assert_eq!(list.table(), table);
        let of = |list: &PriceList, provider: &str, model: &str| {
            let quote = list.quote(model, Some(provider), Terms::default(), NOW)?;
            Some((quote.prices.input / 1_000_000_000, quote.table.clone()))
        };
        assert_eq!(
            of(&list, "openai", "gpt-4o-2024-08-06"),
            Some((2, table.clone()))
        );
        assert_eq!(of(&list, "openai", "gpt-9"), Some((9, table.clone())));
        assert_eq!(of(&list, "openai", "gpt-4.1"), Some((2, TABLE.into())));
        assert_eq!(of(&list, "ollama", "gpt-9"), Some((0, LOCAL.into())));
        let list = PriceList::with_own(own).unwrap().with_table(json).unwrap();
        let mine = format!("prices.json {:08x}", crc32fast::hash(own));
        assert_eq!(of(&list, "openai", "gpt-9"), Some((1, mine)));
        assert_eq!(of(&list, "openai", "gpt-4o"), Some((2, table)));

        let (before, after) = (PriceList::default().models(NOW), list.models(NOW));
        assert_eq!(after.len(), before.len() + 1, "only gpt-9 is new");
        let changed = before
            .iter()
            .filter(|(name, prices)| after[*name] != **prices);
        let changed: Vec<_> = changed.map(|(name, _)| name.as_str()).collect();
        assert_eq!(changed, ["openai/gpt-4o"]);
    }

    #[test]
    fn a_table_file_that_is_wrong_is_left_out() {
        let path = Path::new("t.json");
        let warning = |contents| {
            let (list, warning) = PriceList::default().with_table_file(path, contents);
            assert_eq!(list.table(), TABLE);
            warning.map(|warning| warning.to_string())
        };
        assert_eq!(warning(Err(io::ErrorKind::NotFound.into())), None);
        for json in ["", "[]", "{}", "[{}]", r#"{"m": {"input": 1}}"#] {
            let said = warning(Ok(json.into())).expect(json);
            assert!(
                said.starts_with("the price table t.json is not used: "),
                "{said}"
            );
        }
    }

    #[test]
    fn prices_by_size_are_learned() {
        let a = || quote("gpt-4o", None).map(Arc::new);
        let mut sizes = Sizes(vec![(1, a()), (100, None)]);
        assert_eq!(sizes.find(1), Some(a()));
        assert_eq!(sizes.find(50), None);
        sizes.learn(50, a());
        assert_eq!(sizes.find(49), Some(a()));
        assert_eq!(sizes.find(51), None);
        sizes.learn(60, a());
        sizes.learn(61, None);
        assert_eq!(sizes.find(59), Some(a()));
        assert_eq!(sizes.find(62), Some(None));
        assert_eq!(sizes.0.len(), 4, "only ends are kept");
    }

    #[test]
    fn a_list_that_is_wrong_is_no_list() {
        for json in [
            "",
            "null",
            "[",
            "[{}]",
            r#"{"m": 1}"#,
            r#"{"m": {"input": 1}}"#,
            r#"{"m": {"input": 1, "output": -2}}"#,
            r#"{"m": {"input": 1, "output": 1e300}}"#,
            r#"{"m": {"input": 1, "output": 2, "cached": 3}}"#,
        ] {
            let error = PriceList::with_own(json.as_bytes()).expect_err(json);
            assert!(!error.to_string().is_empty(), "{json}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_a_mistake_only_where_it_was_chosen() {
        let file = |chosen| PricesFile {
            path: "p.json".into(),
            chosen,
        };
        let warning = |chosen, contents| {
            let (list, warning) = PriceList::with_file(&file(chosen), contents);
            let known = list.quote("gpt-4o", None, Terms::default(), NOW);
            assert!(known.is_some(), "what is built in stays");
            warning.map(|warning| warning.to_string())
        };
        let missing = || Err(io::ErrorKind::NotFound.into());
        assert_eq!(warning(false, missing()), None);
        assert_eq!(
            warning(true, missing()).as_deref(),
            Some("no prices are taken from p.json: entity not found")
        );
        assert_eq!(warning(false, Ok(b"{}".to_vec())), None);
        assert!(warning(false, Ok(b"[]]".to_vec())).is_some());
    }

    #[test]
    fn shorter_names_are_said() {
        let table = |model| quote(model, Some("openai")).map(|quote| quote.table);
        assert_eq!(
            table("gpt-4.1-mini-preview").as_deref(),
            Some("genai-prices 0.2.1, as gpt-4.1-mini")
        );
        assert_eq!(table("gpt-4.1-mini-vision"), None);
    }

    #[test]
    fn each_name_is_looked_for_once_and_in_few_forms() {
        let list = PriceList::default();
        let name = format!("{}x", "openai/".repeat(30));
        assert!(forms(&name, Some("openrouter"), |_| true).len() <= ATTEMPTS);
        assert_eq!(list.quote(&name, None, Terms::default(), NOW), None);
        let answer = lock(&list.found).get(&(name, None)).cloned();
        assert_eq!(answer, Some(None), "the miss is remembered");
        assert_eq!(
            list.quote(&"x".repeat(300), None, Terms::default(), NOW),
            None
        );
        assert_eq!(lock(&list.found).len(), 1, "what is too long is not");
    }

    proptest::proptest! {
        #[test]
        fn any_name_has_a_price_or_none(
            model in r"(models/|us\.|ft:|openai/|x/)?(gpt-4o|claude|é|[ -~]{0,12})([-:@.][ -~é]{0,8}){0,3}",
            provider in proptest::option::of(proptest::sample::select(vec!["openai", "openrouter", "aws", "ollama", "é", ""])),
        ) {
            let cost = price(&LlmCall {
                provider: provider.map(str::to_owned),
                model: Some(model),
                usage: Some(usage(1, 1)),
                ..LlmCall::default()
            }, NOW);
            proptest::prop_assert!(cost.is_none_or(|cost| cost.total >= 0));
        }

        #[test]
        fn more_tokens_never_cost_less(
            model in proptest::sample::select(vec!["gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-pro", "gpt-4o-realtime-preview"]),
            parts in proptest::array::uniform9(0_u64..2_000_000),
            more in proptest::array::uniform2(0_u64..2_000_000),
        ) {
            let [input, output, cache_read, cache_write, cache_write_1h, reasoning, input_audio, cache_read_audio, output_audio] = parts;
            let fewer = Usage {
                cache_read, cache_write, cache_write_1h, reasoning, input_audio, cache_read_audio, output_audio,
                ..usage(input, output)
            };
            let more = Usage { input: input + more[0], output: output + more[1], ..fewer };
            let (fewer, more) = (total("", model, fewer), total("", model, more));
            proptest::prop_assert!(fewer.is_some_and(|fewer| fewer >= 0) && fewer <= more, "{fewer:?} {more:?}");
        }
    }

    #[test]
    fn halves_are_rounded_up_and_nothing_drifts() {
        let prices = Quote {
            prices: Prices {
                input: 37_500_000,
                output: 500_000,
                ..Prices::default()
            },
            ..quote("gpt-4o", None).unwrap()
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
    fn what_a_local_server_passes_on_is_not_local() {
        for model in ["gpt-oss:120b-cloud", "glm-4.6:cloud"] {
            assert_eq!(price(&call("ollama", model, usage(1, 1)), NOW), None);
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
        let table = |model| quote(model, Some("openai")).map(|quote| quote.table);
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
