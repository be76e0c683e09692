//! What an attribute adds to a future: printed beside its peers, and never more than `tracing` adds at its plainest.

/// The same functions under one attribute.
macro_rules! functions {
    ($module:ident, $(#[$attribute:meta])?) => {
        mod $module {
            use std::future::ready;

            $(#[$attribute])?
            pub async fn large(bytes: [u8; 1024]) -> u8 {
                ready(()).await;
                bytes[0]
            }

            $(#[$attribute])?
            pub async fn small(number: u64, text: &str) -> usize {
                ready(()).await;
                text.len() + number as usize
            }

            $(#[$attribute])?
            pub async fn fallible(number: u64, text: &str) -> Result<String, std::fmt::Error> {
                ready(()).await;
                if number > 1 { Err(std::fmt::Error) } else { Ok(text.to_owned()) }
            }

            $(#[$attribute])?
            pub async fn outermost(bytes: [u8; 1024]) -> u8 {
                middle(bytes).await
            }

            $(#[$attribute])?
            pub async fn middle(bytes: [u8; 1024]) -> u8 {
                large(bytes).await
            }

            pub fn sizes() -> super::Sizes {
                super::Sizes([
                    size_of_val(&large([0; 1024])),
                    size_of_val(&small(1, "")),
                    size_of_val(&fallible(1, "")),
                    size_of_val(&outermost([0; 1024])),
                ])
            }
        }
    };
}

functions!(plain,);
functions!(agentops, #[agentops::tool]);
functions!(agentops_skip_all, #[agentops::tool(skip_all, capture_return = false)]);
functions!(tracing_skip_all, #[tracing::instrument(skip_all)]);
functions!(tracing_bare, #[tracing::instrument]);
functions!(tracing_ret, #[tracing::instrument(ret)]);
functions!(fastrace_bare, #[fastrace::trace]);

/// Bytes of each function's future.
#[derive(Clone, Copy)]
struct Sizes([usize; 4]);

impl Sizes {
    #[track_caller]
    fn is_no_more_than(self, other: Sizes) {
        for (ours, theirs) in self.0.into_iter().zip(other.0) {
            assert!(ours <= theirs, "{:?} is more than {:?}", self.0, other.0);
        }
    }
}

#[test]
fn futures_are_no_larger_than_those_of_tracing() {
    println!("| bytes | [u8; 1024] | small | fallible | three nested |");
    println!("|---|---:|---:|---:|---:|");
    for (name, Sizes(sizes)) in [
        ("plain", plain::sizes()),
        ("agentops", agentops::sizes()),
        ("agentops skip_all", agentops_skip_all::sizes()),
        ("tracing skip_all", tracing_skip_all::sizes()),
        ("tracing bare", tracing_bare::sizes()),
        ("tracing ret", tracing_ret::sizes()),
        ("fastrace bare", fastrace_bare::sizes()),
    ] {
        println!(
            "| {name} | {} |",
            sizes.map(|size| size.to_string()).join(" | ")
        );
    }
    // All of a call, beside what records its arguments and nothing else.
    agentops::sizes().is_no_more_than(tracing_bare::sizes());
    agentops_skip_all::sizes().is_no_more_than(tracing_bare::sizes());
}
