//! What is known of an annotated function before it runs; one static each.

use std::panic::Location;

use crate::model::span::{Level, SpanKind};
use crate::sync::Relaxed;
use crate::sync::fixed::{AtomicU64, Mutex, lock};

/// The fixed part of every span of one function.
///
/// Attributes write it as one constant call, and a chain of others for what few of them mention.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    pub(crate) kind: SpanKind,
    pub(crate) name: &'static str,
    pub(crate) module: &'static str,
    pub(crate) function: &'static str,
    pub(crate) location: &'static Location<'static>,
    pub(crate) level: Level,
    pub(crate) arguments: &'static [&'static str],
    pub(crate) attributes: &'static [&'static str],
    pub(crate) output: bool,
    pub(crate) returns: &'static [&'static str],
    pub(crate) tags: &'static [&'static str],
    pub(crate) version: Option<&'static str>,
    pub(crate) cost: Option<f64>,
    pub(crate) description: Option<&'static str>,
    pub(crate) model: Option<&'static str>,
    pub(crate) provider: Option<&'static str>,
    pub(crate) role: Option<&'static str>,
    pub(crate) operation_type: Option<&'static str>,
    pub(crate) spec: Option<&'static str>,
    pub(crate) foreign: Option<Foreign>,
}

/// A span that somebody else made: what it stands for is in its attributes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Foreign {
    /// Who made it.
    pub(crate) target: &'static str,
    /// Where it stands in the source; in the stead of `Meta`'s location, for it comes as text.
    pub(crate) file: Option<&'static str>,
    pub(crate) line: Option<u32>,
}

impl Meta {
    /// A span of `kind` around `module::function`, which stands where this is called. `arguments` names the values that
    /// are captured first at its start; where it has an `output`, that is the first value captured at its end.
    #[track_caller]
    #[must_use]
    pub const fn new(
        kind: SpanKind,
        name: &'static str,
        module: &'static str,
        function: &'static str,
        arguments: &'static [&'static str],
        output: bool,
    ) -> Self {
        Self {
            kind,
            name,
            module,
            function,
            location: Location::caller(),
            level: Level::Info,
            arguments,
            attributes: &[],
            output,
            returns: &[],
            tags: &[],
            version: None,
            cost: None,
            description: None,
            model: None,
            provider: None,
            role: None,
            operation_type: None,
            spec: None,
            foreign: None,
        }
    }

    /// Keys of the values captured after the arguments.
    #[must_use]
    pub const fn attributes(mut self, keys: &'static [&'static str]) -> Self {
        self.attributes = keys;
        self
    }

    /// Keys of the values captured after the output.
    #[must_use]
    pub const fn returns(mut self, keys: &'static [&'static str]) -> Self {
        self.returns = keys;
        self
    }

    /// Words to find it by.
    #[must_use]
    pub const fn tags(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }

    /// The function's version.
    #[must_use]
    pub const fn version(mut self, version: &'static str) -> Self {
        self.version = Some(version);
        self
    }

    /// Below the chosen level nothing is recorded.
    #[must_use]
    pub const fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// What one call of the tool that it is costs, in nano-USD.
    pub(crate) fn tool_cost(&self) -> Option<i64> {
        let usd = self.cost.filter(|_| self.kind == SpanKind::Tool)?;
        Some((usd * 1e9).round() as i64)
    }

    /// What one call of a tool costs, in USD.
    #[must_use]
    pub const fn cost(mut self, usd: f64) -> Self {
        self.cost = Some(usd);
        self
    }

    /// What a tool does.
    #[must_use]
    pub const fn description(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// The model, where arguments and answer do not say.
    #[must_use]
    pub const fn model(mut self, model: &'static str) -> Self {
        self.model = Some(model);
        self
    }

    /// The provider, where arguments and answer do not say.
    #[must_use]
    pub const fn provider(mut self, provider: &'static str) -> Self {
        self.provider = Some(provider);
        self
    }

    /// What an agent is there for.
    #[must_use]
    pub const fn role(mut self, role: &'static str) -> Self {
        self.role = Some(role);
        self
    }

    /// What an operation is: `function`, `screenshot`.
    #[must_use]
    pub const fn operation_type(mut self, operation_type: &'static str) -> Self {
        self.operation_type = Some(operation_type);
        self
    }

    /// The side that a guardrail checks: `input` or `output`.
    #[must_use]
    pub const fn spec(mut self, spec: &'static str) -> Self {
        self.spec = Some(spec);
        self
    }

    /// `module::function`, as the source has it.
    pub(crate) fn path(&self) -> String {
        match (self.module, self.function) {
            ("", function) => function.into(),
            (module, "") => module.into(),
            (module, function) => format!("{module}::{function}"),
        }
    }
}

/// A static behind every annotated function; registers itself when it is first used.
#[derive(Debug)]
pub struct Callsite {
    pub(crate) meta: Meta,
    number: AtomicU64,
}

/// Beside the number of a callsite of model calls.
const MEANS_MORE: u64 = 1 << 32;

/// Every callsite that was used, by number minus one.
static CALLSITES: Mutex<Vec<&'static Callsite>> = Mutex::new(Vec::new());

impl Callsite {
    /// For a `static`.
    #[must_use]
    pub const fn new(meta: Meta) -> Self {
        Self {
            meta,
            number: AtomicU64::new(0),
        }
    }

    /// A number from 1 that stands for this callsite in records.
    #[inline(always)]
    pub(crate) fn number(&'static self) -> u32 {
        match self.number.load(Relaxed) {
            0 => self.register(),
            number => number as u32,
        }
    }

    /// As [`number`](Self::number), where it is known already and where the callsite's spans mean no more than
    /// themselves: one comparison for both.
    #[inline(always)]
    pub(crate) fn plain_number(&'static self) -> Option<u32> {
        let number = self.number.load(Relaxed);
        (number.wrapping_sub(1) < MEANS_MORE - 1).then_some(number as u32)
    }

    #[cold]
    fn register(&'static self) -> u32 {
        let mut all = lock(&CALLSITES);
        let number = match self.number.load(Relaxed) {
            0 => {
                all.push(self);
                match self.meta.kind {
                    SpanKind::Llm => all.len() as u64 | MEANS_MORE,
                    _ => all.len() as u64,
                }
            }
            number => number,
        };
        self.number.store(number, Relaxed);
        number as u32
    }
}

/// Callsites from the number after `known` on, for the processor's own list.
pub(crate) fn since(known: usize) -> Vec<&'static Callsite> {
    lock(&CALLSITES).get(known..).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callsite_knows_its_place_and_keeps_its_number() {
        static SITE: Callsite = Callsite::new(Meta::new(
            SpanKind::Tool,
            "grep",
            "tools",
            "grep",
            &[],
            false,
        ));
        assert!(SITE.meta.location.file().ends_with("callsite.rs"));
        assert_eq!(SITE.meta.path(), "tools::grep");
        let number = SITE.number();
        assert_eq!(SITE.number(), number);
        assert!(std::ptr::eq(since(number as usize - 1)[0], &SITE));
    }
}
