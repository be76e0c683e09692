//! Parameters of requests: read strictly, so that a filter that is misspelled is told rather than left out.
//!
//! Every mistake names its parameter and what it may be. Knows what parameters look like, and not what they are for.

use std::str::FromStr;

use agentops_core::model::session::{EndState, SessionState};
use agentops_core::model::time::{UnixNanos, parse_rfc3339};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::ApiError;
use crate::query::{Filter, UnknownWord};
use crate::store::{Condition, Cursor, Sort, Wanted};

/// The longest value, in bytes.
const LONGEST: usize = 1_000;

/// How many parameters there may be.
const MOST: usize = 1_100;

/// What selects sessions.
pub(super) const FILTERS: [&str; 19] = [
    "project",
    "state",
    "end_state",
    "tag",
    "agent",
    "model",
    "tool",
    "error",
    "fault",
    "environment",
    "version",
    "name",
    "q",
    "since",
    "until",
    "min_cost",
    "max_cost",
    "root",
    "foreign",
];

/// What follows `?`.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query string, in which only `known` parameters may be.
    pub(super) fn read(query: Option<&str>, known: &[&[&str]]) -> Result<Self, ApiError> {
        let mut pairs = Vec::new();
        for pair in query
            .unwrap_or("")
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| not_text("a parameter's name"))?;
            if !known.iter().any(|names| names.contains(&&*name)) {
                let names: Vec<&str> = known.concat();
                let name: String = name.chars().take(80).collect();
                return Err(ApiError::bad(
                    "unknown_parameter",
                    match names.is_empty() {
                        true => format!("there is no parameter {name:?} here, nor any other"),
                        false => format!(
                            "there is no parameter {name:?} here; there are: {}",
                            names.join(", ")
                        ),
                    },
                ));
            }
            let value = decode(value).ok_or_else(|| not_text(&name))?;
            if value.len() > LONGEST {
                return Err(bad(&name, &format!("at most {LONGEST} bytes long")));
            }
            pairs.push((name, value));
            if pairs.len() > MOST {
                return Err(ApiError::bad(
                    "too_many_parameters",
                    format!("give at most {MOST} parameters"),
                ));
            }
        }
        Ok(Self(pairs))
    }

    /// All values of a parameter that may be repeated.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| &**value)
    }

    /// The value of a parameter; an empty one is as good as none.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut values = self.all(name).filter(|value| !value.is_empty());
        let first = values.next();
        if values.next().is_some() {
            return Err(bad(name, "given once"));
        }
        Ok(first)
    }

    /// The value of a parameter, as `read` understands it; else what it may be.
    pub(super) fn read_one<T>(
        &self,
        name: &str,
        may_be: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.one(name)? else {
            return Ok(None);
        };
        read(value).map(Some).ok_or_else(|| bad(name, may_be))
    }

    /// A number from 1 to `most`.
    pub(super) fn limit(&self, usual: usize, most: usize) -> Result<usize, ApiError> {
        let may_be = format!("a number from 1 to {most}");
        let limit = self.read_one("limit", &may_be, |text| {
            text.parse().ok().filter(|limit| (1..=most).contains(limit))
        })?;
        Ok(limit.unwrap_or(usual))
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        let flag = self.read_one(name, "true or false", |text| text.parse().ok())?;
        Ok(flag.unwrap_or(false))
    }

    /// A point in time.
    pub(super) fn time(&self, name: &str) -> Result<Option<UnixNanos>, ApiError> {
        let may_be = "a time as 2026-11-22T05:00:00Z or a day as 2026-11-22, both in UTC";
        self.read_one(name, may_be, time)
    }

    /// Which sessions are wanted: [`FILTERS`].
    pub(super) fn wanted(&self) -> Result<Wanted, ApiError> {
        let mut conditions = Vec::new();
        type Make = fn(String) -> Condition;
        let text: [(&str, Make); 9] = [
            ("project", Condition::Project),
            ("tag", Condition::Tag),
            ("agent", Condition::Agent),
            ("model", |model| Condition::Model(model.to_lowercase())),
            ("tool", Condition::Tool),
            ("error", Condition::Error),
            ("environment", Condition::Environment),
            ("version", Condition::Version),
            ("name", |name| Condition::Name(name.to_lowercase())),
        ];
        for (name, condition) in text {
            let values = self.all(name).filter(|value| !value.is_empty());
            conditions.extend(values.map(|value| condition(value.to_owned())));
        }
        let state = self.read_one("state", "running, ended or lost", state)?;
        conditions.extend(state.map(Condition::State));
        let ends = "Success, Error or Indeterminate";
        let end = self.read_one("end_state", ends, |text| EndState::from_str(text).ok())?;
        conditions.extend(end.map(Condition::EndState));
        let fault = "the id of an error, as /api/v1/errors gives it";
        let fault = self.read_one("fault", fault, |text| text.parse().ok())?;
        conditions.extend(fault.map(Condition::Fault));
        conditions.extend(self.time("since")?.map(Condition::Since));
        conditions.extend(self.time("until")?.map(Condition::Until));
        let cost = "US dollars, as 0.05, with nine digits after the point at most";
        let least = self.read_one("min_cost", cost, nano_usd)?;
        conditions.extend(least.map(Condition::MinCost));
        let most = self.read_one("max_cost", cost, nano_usd)?;
        conditions.extend(most.map(Condition::MaxCost));
        if self.flag("root")? {
            conditions.push(Condition::Root);
        }
        for expression in self.all("q") {
            let filter: Filter = expression.parse().map_err(|word: UnknownWord| {
                ApiError::bad("bad_parameter", format!("parameter q: {word}"))
            })?;
            conditions.extend(filter.conditions().iter().cloned());
        }
        if conditions.len() > Filter::MOST {
            return Err(ApiError::bad(
                "too_many_parameters",
                format!("give at most {} filters, words of q included", Filter::MOST),
            ));
        }
        Ok(Wanted {
            conditions,
            foreign: self.flag("foreign")?,
            ..Wanted::default()
        })
    }

    /// How a list is sorted.
    pub(super) fn sort(&self) -> Result<Sort, ApiError> {
        let names: Vec<&str> = SORTS.iter().map(|(name, _)| *name).collect();
        let may_be = format!("one of {}", names.join(", "));
        let sort = self.read_one("sort", &may_be, |text| {
            let found = SORTS.iter().find(|(name, _)| *name == text);
            found.map(|(_, sort)| *sort)
        })?;
        Ok(sort.unwrap_or_default())
    }

    /// Where a page begins that is sorted so.
    pub(super) fn cursor(&self, sort: Sort) -> Result<Option<Cursor>, ApiError> {
        let Some(text) = self.one("cursor")? else {
            return Ok(None);
        };
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let mut parts = text.split(' ');
            let same = parts.next()? == name_of(sort);
            let cursor = Cursor {
                key: parts.next()?.parse().ok()?,
                row: parts.next()?.parse().ok()?,
            };
            (same && parts.next().is_none()).then_some(cursor)
        };
        read().map(Some).ok_or_else(|| {
            ApiError::bad(
                "bad_cursor",
                "parameter cursor has to be the next_cursor of a list that was sorted in the same way; leave it out to \
                 begin from the start",
            )
        })
    }
}

/// As [`Params::cursor`] reads it.
pub(super) fn cursor(sort: Sort, cursor: Cursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {} {}", name_of(sort), cursor.key, cursor.row))
}

const SORTS: [(&str, Sort); 7] = [
    ("newest", Sort::Newest),
    ("oldest", Sort::Oldest),
    ("cost", Sort::Cost),
    ("duration", Sort::Duration),
    ("tokens", Sort::Tokens),
    ("spans", Sort::Spans),
    ("errors", Sort::Errors),
];

fn name_of(sort: Sort) -> &'static str {
    let found = SORTS.iter().find(|(_, known)| *known == sort);
    found.map_or("", |(name, _)| name)
}

/// A parameter is not what it may be.
pub(super) fn bad(name: &str, may_be: &str) -> ApiError {
    ApiError::bad(
        "bad_parameter",
        format!("parameter {name} has to be {may_be}"),
    )
}

fn not_text(name: &str) -> ApiError {
    ApiError::bad(
        "bad_encoding",
        format!("{name} is not UTF-8 in percent encoding"),
    )
}

fn state(text: &str) -> Option<SessionState> {
    let all = [
        SessionState::Running,
        SessionState::Ended,
        SessionState::Lost,
    ];
    all.into_iter().find(|state| state.as_str() == text)
}

fn time(text: &str) -> Option<UnixNanos> {
    // In a query string, the `+` of an offset is a space unless it is encoded.
    let text = text.replace(' ', "+");
    parse_rfc3339(&text).or_else(|| parse_rfc3339(&format!("{text}T00:00:00Z")))
}

/// Dollars without going through a float.
fn nano_usd(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 9 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let fraction: i64 = format!("{fraction:0<9}").parse().ok()?;
    whole.checked_mul(1_000_000_000)?.checked_add(fraction)
}

/// Percent encoding; `None` where it is broken, or is no UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_text_is_read_or_refused() {
        assert_eq!(decode("a%20b+c%2B").as_deref(), Some("a b c+"));
        assert_eq!(decode("%C3%A4").as_deref(), Some("ä"));
        for broken in ["%", "%4", "%zz", "%+1", "%C3", "%FF"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }

    #[test]
    fn dollars_are_read_to_the_digit() {
        assert_eq!(nano_usd("0.05"), Some(50_000_000));
        assert_eq!(nano_usd("1"), Some(1_000_000_000));
        assert_eq!(nano_usd("2.123456789"), Some(2_123_456_789));
        for broken in [
            "",
            ".5",
            "-1",
            "1e3",
            "0.0000000001",
            "99999999999",
            "1.2.3",
        ] {
            assert_eq!(nano_usd(broken), None, "{broken}");
        }
    }

    #[test]
    fn times_are_read_with_and_without_a_clock() {
        let day = time("2026-11-22").expect("a day");
        assert_eq!(time("2026-11-22T00:00:00Z"), Some(day));
        assert_eq!(time("2026-11-22T01:00:00 01:00"), Some(day));
        assert_eq!(time("yesterday"), None);
    }

    #[test]
    fn a_cursor_belongs_to_its_order() {
        let at = Cursor { key: -3, row: 7 };
        let text = format!("cursor={}", cursor(Sort::Cost, at));
        let params = Params::read(Some(&text), &[&["cursor"]]).expect("they are known");
        assert_eq!(params.cursor(Sort::Cost).expect("its own"), Some(at));
        assert!(params.cursor(Sort::Newest).is_err());
    }
}
