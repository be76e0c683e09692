//! What this server is: its version, what it keeps and where, and the prices that it counts with.
//!
//! For the page of settings. Changes nothing: prices are files of the user's, and data goes by `DELETE /api/v1/sessions`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use agentops_core::model::json;
use agentops_core::model::options;
use agentops_core::model::pricing::{self, Terms};
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::answer::{
    AboutAnswer, DataAnswer, FileAnswer, PriceListAnswer, QuoteAnswer, UsedAnswer,
};
use super::error::ApiError;
use super::params::Params;
use super::questions::{Asked, now};
use crate::store::{GroupBy, Series, Step, Wanted};

pub(super) async fn about(
    State(asked): State<Asked>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    Params::read(text.as_deref(), &[])?;
    let home = asked.home().clone();
    asked
        .fresh(move |live| {
            let store = live.store();
            let all = Wanted {
                foreign: true,
                ..Wanted::default()
            };
            Ok(AboutAnswer {
                version: env!("CARGO_PKG_VERSION"),
                data: DataAnswer {
                    path: home.path().display().to_string(),
                    bytes: store.size()?,
                    spool_bytes: bytes_in(&home.spool()),
                    totals: store.totals(&all)?.into(),
                    removed_spans: store.removed()?,
                    losses: store.losses()?,
                },
            })
        })
        .await
}

/// What the files of a directory take; what cannot be read takes nothing.
fn bytes_in(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    files
        .filter_map(|file| file.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}

pub(super) async fn prices(
    State(asked): State<Asked>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    Params::read(text.as_deref(), &[])?;
    asked
        .fresh(move |live| {
            let list = pricing::installed();
            let at = now();
            let mut models = live.store().series(&Series {
                by: GroupBy::Model,
                step: Step::Whole,
                since: 0,
                until: u64::MAX,
                project: None,
            })?;
            models.sort_by_key(|model| (std::cmp::Reverse(model.cost), model.group.clone()));
            let used = models.into_iter().map(|model| {
                let quote = list.quote(&model.group, None, Terms::default(), at);
                UsedAnswer {
                    calls: model.count,
                    unpriced: model.unpriced,
                    usd: json::usd(model.cost),
                    quote: quote.map(|quote| QuoteAnswer {
                        prices: serde_json::json!(json::prices(&quote.prices)),
                        price_table: quote.table.clone(),
                    }),
                    model: model.group,
                }
            });
            Ok(PriceListAnswer {
                table: list.table().to_owned(),
                own: options::prices(variable).map(|file| there(file.path)),
                newer: options::price_table(variable).map(there),
                used: used.collect(),
            })
        })
        .await
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn there(path: PathBuf) -> FileAnswer {
    FileAnswer {
        exists: path.is_file(),
        path: path.display().to_string(),
    }
}
