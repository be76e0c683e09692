//! `agentops prices`: what models cost, and how that is known.
//!
//! Answers from the same list that sessions are priced by; what was recorded plays no part. The only command that
//! writes to the configuration: the price table, and nothing beside it.

mod update;

use std::time::SystemTime;

use agentops_core::model::json;
use agentops_core::model::llm::Prices;
use agentops_core::model::pricing::{self, Quote, Terms};
use clap::Subcommand;
use serde_json::json as value;

use super::{Failure, Output};

/// Show what a model costs, and take newer prices
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(Show),
    Update(update::Args),
}

/// Show the prices of one model that are in effect now
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prices of your own come first: a file named by AGENTOPS_PRICES, else
agentops/prices.json in the directory for configuration (on Linux ~/.config):
  {\"my-model\": {\"input\": 1.0, \"output\": 2.0, \"cache_read\": 0.1}}
in USD for a million tokens, or a whole table in the format of genai-prices.
Then comes the table that `agentops prices update` keeps there as
price-table.json, and last the one that is built in.

Examples:
  agentops prices show gpt-4o-mini
  agentops prices show us.anthropic.claude-sonnet-4-5-20250929-v1:0
  agentops prices show openai/gpt-oss-120b --provider groq")]
struct Show {
    /// The model, as requests or answers name it
    #[arg(value_name = "MODEL")]
    model: String,

    /// Who runs it, as sessions name them: openai, aws.bedrock, groq
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,

    /// The tier of service: flex, priority, batch
    #[arg(long, value_name = "TIER")]
    tier: Option<String>,

    /// How many tokens the prompt has, for prices that depend on it
    #[arg(long, value_name = "TOKENS", default_value_t = 1)]
    input: u64,

    /// Answer with JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<(), Failure> {
    let args = match &args.command {
        Command::Show(args) => args,
        Command::Update(args) => return update::run(args, output),
    };
    let terms = Terms {
        input: args.input,
        tier: args.tier.as_deref(),
    };
    let provider = args.provider.as_deref();
    let quote = pricing::installed().quote(&args.model, provider, terms, now());
    let Some(quote) = quote else {
        return Err(unknown(args));
    };
    if args.json {
        return output.json(&value!({
            "model": args.model,
            "provider": args.provider,
            "name": quote.name,
            "price_table": quote.table,
            "prices": json::prices(&quote.prices),
        }));
    }
    output.text(&drawn(&args.model, &quote))
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

fn unknown(args: &Show) -> Failure {
    let by = args.provider.as_ref();
    let by = by.map_or_else(String::new, |provider| format!(" of {provider:?}"));
    let more = if by.is_empty() {
        "say who runs it with --provider, or "
    } else {
        ""
    };
    Failure::told(
        format!("no price of {:?}{by} is known", args.model),
        format!(
            "{more}look whether a newer table has it: `agentops prices update --url`; or give it a price in the file that AGENTOPS_PRICES names: `agentops prices show --help` says how"
        ),
    )
}

fn drawn(asked: &str, quote: &Quote) -> String {
    let Prices {
        model,
        input,
        output,
        cache_read,
        cache_write,
        cache_write_1h,
        reasoning,
        input_audio,
        cache_read_audio,
        output_audio,
        call,
        web_search,
        ..
    } = &quote.prices;
    let mut text = format!("{asked}\n");
    let mut row = |name: &str, what: &str| text.push_str(&format!("  {name:<16} {what}\n"));
    if quote.name != asked {
        row("read as", &quote.name);
    }
    if !model.is_empty() {
        row("listed as", model);
    }
    row("price table", &quote.table);
    let tokens = [
        ("input", Some(input)),
        ("cache read", cache_read.as_ref()),
        ("cache write", cache_write.as_ref()),
        ("cache write 1h", cache_write_1h.as_ref()),
        ("input audio", input_audio.as_ref()),
        ("cached audio", cache_read_audio.as_ref()),
        ("output", Some(output)),
        ("reasoning", reasoning.as_ref()),
        ("output audio", output_audio.as_ref()),
    ];
    let each = [("call", call.as_ref()), ("web search", web_search.as_ref())];
    let known = |(name, price): (&'static str, Option<&u64>)| Some((name, *price?));
    for (name, price) in tokens.into_iter().filter_map(known) {
        row(name, &format!("{} for a million tokens", usd(price)));
    }
    for (name, price) in each.into_iter().filter_map(known) {
        row(name, &format!("{} each", usd(price)));
    }
    text
}

/// All the digits that there are, and cents in any case.
fn usd(nanos: u64) -> String {
    let (whole, rest) = (
        nanos / 1_000_000_000,
        format!("{:09}", nanos % 1_000_000_000),
    );
    let (cents, more) = rest.split_at(2);
    format!("${whole}.{cents}{}", more.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_cents_and_every_digit_more() {
        for (nanos, text) in [
            (0, "$0.00"),
            (2_500_000_000, "$2.50"),
            (37_500_000, "$0.0375"),
            (15_000_000_000, "$15.00"),
            (1, "$0.000000001"),
        ] {
            assert_eq!(usd(nanos), text);
        }
    }
}
