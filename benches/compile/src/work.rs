//! The crates that are compiled: many functions with the same attribute, or with none.
//!
//! Each takes a number and a text, and returns a `Result` of a string. An async one has a driver of its own, as a
//! program would call it somewhere, so that building compiles its future.

use std::fmt::Write as _;

/// What a function carries.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    attribute: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flavour {
    Sync,
    Async,
}

/// What every other variant is measured above.
pub(crate) const PLAIN: usize = 0;

pub(crate) const VARIANTS: &[Variant] = &[
    Variant {
        name: "plain",
        attribute: "",
    },
    Variant {
        name: "agentops",
        attribute: "#[agentops::tool]",
    },
    Variant {
        name: "agentops skip_all",
        attribute: "#[agentops::tool(skip_all, capture_return = false)]",
    },
    Variant {
        name: "agentops bare",
        attribute: "#[agentops::tool(skip_all, capture_return = false, err = false)]",
    },
    Variant {
        name: "tracing bare",
        attribute: "#[tracing::instrument]",
    },
    Variant {
        name: "tracing skip_all",
        attribute: "#[tracing::instrument(skip_all)]",
    },
    Variant {
        name: "tracing err, ret",
        attribute: "#[tracing::instrument(err, ret)]",
    },
    Variant {
        name: "fastrace bare",
        attribute: "#[fastrace::trace]",
    },
    Variant {
        name: "fastrace properties",
        attribute: r#"#[fastrace::trace(properties = { "a": "{a}", "b": "{b:?}" })]"#,
    },
];

/// Ours and theirs that record the like: all of a call; what happened without values; the call and no more.
pub(crate) const COMPARED: [(&str, &str); 6] = [
    ("agentops", "tracing err, ret"),
    ("agentops", "tracing bare"),
    ("agentops", "fastrace properties"),
    ("agentops skip_all", "tracing skip_all"),
    ("agentops skip_all", "fastrace bare"),
    ("agentops bare", "fastrace bare"),
];

impl Flavour {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Flavour::Sync => "sync",
            Flavour::Async => "async",
        }
    }
}

pub(crate) fn position(name: &str) -> usize {
    let found = VARIANTS.iter().position(|variant| variant.name == name);
    found.unwrap_or_else(|| panic!("no variant {name}"))
}

/// A crate of that many functions.
pub(crate) fn source(variant: &Variant, flavour: Flavour, functions: usize) -> String {
    let mut source = COMMON.to_owned();
    let attribute = variant.attribute;
    for number in 0..functions {
        let written = match flavour {
            Flavour::Sync => write!(
                source,
                "
{attribute}
pub fn call_{number}(a: u64, b: &str) -> Result<String, Error> {{
    if a > {number} {{
        return Err(Error(a));
    }}
    Ok(b.to_owned())
}}
"
            ),
            Flavour::Async => write!(
                source,
                "
{attribute}
pub async fn call_{number}(a: u64, b: &str) -> Result<String, Error> {{
    if a > {number} {{
        return Err(Error(a));
    }}
    std::future::ready(()).await;
    Ok(b.to_owned())
}}

pub fn drive_{number}(a: u64, b: &str) -> Result<String, Error> {{
    block_on(call_{number}(a, b))
}}
"
            ),
        };
        written.expect("a string takes what is written");
    }
    source
}

const COMMON: &str = r#"
#[derive(Debug)]
pub struct Error(u64);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is too much", self.0)
    }
}

impl std::error::Error for Error {}

pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut task) {
            return output;
        }
    }
}
"#;
