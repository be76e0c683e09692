//! A span's answer made short enough to be shown: what is too long in it is cut, and told of.
//!
//! Stands between what `model::json` writes and what is sent, and only where the client asks for it. Knows JSON, and of a
//! span only where its conversation is, which is read from its end.

use serde::Serialize;
use serde_json::{Map, Value};

/// Less than this would cut ids.
pub(super) const LEAST: usize = 4 * 1024;

/// One field may take this share of the answer, and one text this share.
const FIELD: usize = 8;
const TEXT: usize = 32;

/// What a number, a flag or a separator counts as.
const SMALL: usize = 8;

/// A span whose long values are cut.
#[derive(Debug, Serialize)]
pub(super) struct ShortSpan<S> {
    #[serde(flatten)]
    pub span: S,
    /// How long all of it is, in bytes: what the same question without `limit` is answered with.
    pub whole_bytes: u64,
    /// What is not all here; empty where everything is.
    pub cut: Vec<Cut>,
}

/// Something of which only a part is here.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Cut {
    /// Where it is in the answer, as a JSON pointer.
    pub path: String,
    /// How long a text is, in bytes; its beginning is here.
    pub bytes: Option<u64>,
    /// How many entries a list or an object has. The first ones are here; of messages the last ones.
    pub entries: Option<u64>,
}

/// At most about `limit` bytes of what a span is written as.
pub(super) fn short(span: &impl Serialize, limit: usize) -> ShortSpan<Map<String, Value>> {
    // A span is an object whose keys are strings: nothing else can fail in memory.
    let mut span = match serde_json::to_value(span) {
        Ok(Value::Object(span)) => span,
        _ => Map::new(),
    };
    let whole_bytes = serde_json::to_vec(&span).map_or(0, |whole| whole.len());
    let mut cut = Vec::new();
    if whole_bytes > limit {
        fields(&mut span, "", limit, &mut cut);
        if let Some(Value::Object(llm)) = span.get_mut("llm") {
            fields(llm, "/llm", limit, &mut cut);
        }
    }
    ShortSpan {
        span,
        whole_bytes: whole_bytes as u64,
        cut,
    }
}

/// Cuts each field by itself, so that a long input leaves room for what it led to.
fn fields(of: &mut Map<String, Value>, path: &str, limit: usize, cuts: &mut Vec<Cut>) {
    for (name, value) in of.iter_mut() {
        let path = format!("{path}/{name}");
        if path == "/llm" {
            continue;
        }
        let mut room = Room {
            text: limit / TEXT,
            left: limit / FIELD,
            cuts,
        };
        match value {
            Value::Array(messages) if path == "/llm/messages" => room.newest(messages, &path),
            _ => room.fit(value, &path),
        }
    }
}

struct Room<'a> {
    /// What one text may take.
    text: usize,
    /// What is left for all.
    left: usize,
    cuts: &'a mut Vec<Cut>,
}

impl Room<'_> {
    fn fit(&mut self, value: &mut Value, path: &str) {
        match value {
            Value::String(text) => self.text(text, path),
            Value::Array(list) => {
                let mut kept = 0;
                while kept < list.len() && self.left > 0 {
                    self.left = self.left.saturating_sub(SMALL);
                    self.fit(&mut list[kept], &format!("{path}/{kept}"));
                    kept += 1;
                }
                self.list(kept, list.len(), path);
                list.truncate(kept);
            }
            Value::Object(fields) => {
                let all = fields.len();
                let mut kept = 0;
                for (name, value) in fields.iter_mut() {
                    if name.len() + SMALL > self.left {
                        break;
                    }
                    self.left -= name.len() + SMALL;
                    self.fit(value, &format!("{path}/{}", escaped(name)));
                    kept += 1;
                }
                self.list(kept, all, path);
                if kept < all {
                    *fields = std::mem::take(fields).into_iter().take(kept).collect();
                }
            }
            _ => self.left = self.left.saturating_sub(SMALL),
        }
    }

    /// What was said last is kept, and the order in which it was said.
    fn newest(&mut self, messages: &mut Vec<Value>, path: &str) {
        let all = messages.len();
        let mut from = all;
        while from > 0 && self.left > 0 {
            from -= 1;
            let message = &mut messages[from];
            self.fit(message, &format!("{path}/{from}"));
        }
        messages.drain(..from);
        self.list(all - from, all, path);
    }

    fn text(&mut self, text: &mut String, path: &str) {
        let all = text.len();
        let kept = text.floor_char_boundary(self.text.min(self.left));
        self.left -= kept.min(all);
        if kept < all {
            text.truncate(kept);
            self.cuts.push(Cut {
                path: path.to_owned(),
                bytes: Some(all as u64),
                entries: None,
            });
        }
    }

    fn list(&mut self, kept: usize, all: usize, path: &str) {
        if kept < all {
            self.cuts.push(Cut {
                path: path.to_owned(),
                bytes: None,
                entries: Some(all as u64),
            });
        }
    }
}

/// As JSON pointers write names.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIMIT: usize = 32 * 1024;

    fn asked(span: &Value) -> Value {
        serde_json::to_value(short(span, LIMIT)).expect("JSON")
    }

    #[test]
    fn what_is_short_is_whole() {
        let span = json!({"id": "01", "input": "é".repeat(10_000), "llm": null});
        let answer = asked(&span);
        assert_eq!(answer["cut"], json!([]));
        assert_eq!(answer["whole_bytes"], span.to_string().len());
        assert_eq!(answer["input"], span["input"]);
    }

    #[test]
    fn long_texts_are_cut_between_letters() {
        let span = json!({"id": "01", "name": "n".repeat(2_000),
            "input": {"a/b~c": "é".repeat(3_000_000), "more": 1}, "output": "short"});
        let answer = asked(&span);
        assert_eq!(answer["input"]["a/b~c"], "é".repeat(LIMIT / TEXT / 2));
        assert_eq!(
            [&answer["input"]["more"], &answer["output"]],
            [&json!(1), &json!("short")]
        );
        let expected = json!([
            {"path": "/name", "bytes": 2_000, "entries": null},
            {"path": "/input/a~1b~0c", "bytes": 6_000_000, "entries": null},
        ]);
        assert_eq!(answer["cut"], expected);
        assert_eq!(answer["whole_bytes"], span.to_string().len());
    }

    #[test]
    fn a_conversation_keeps_its_end() {
        let said =
            |k: usize| json!({"role": "user", "content": format!("{k} {}", "x".repeat(500))});
        let span = json!({"id": "01", "llm": {"model": "m",
            "messages": (0..1_000).map(said).collect::<Vec<_>>(), "completions": [said(1_000)]}});
        let answer = asked(&span);
        let messages = answer["llm"]["messages"].as_array().expect("messages");
        assert!((5..20).contains(&messages.len()), "{}", messages.len());
        assert_eq!(messages.last(), Some(&said(999)));
        assert_eq!(answer["llm"]["completions"][0], said(1_000));
        let cut = answer["cut"].as_array().expect("cuts");
        assert_eq!(
            cut.last().expect("one"),
            &json!({"path": "/llm/messages", "bytes": null, "entries": 1_000})
        );
    }

    #[test]
    fn whatever_it_is_it_is_no_longer_than_that() {
        let wide = |n: u64| {
            (0..n)
                .map(|k| (format!("{k:0>99}"), json!(k)))
                .collect::<Map<_, _>>()
        };
        let deep = (0..100).fold(json!("x".repeat(9_000)), |inner, _| {
            json!([inner, inner.to_string().len()])
        });
        for input in [
            json!((0..300_000).collect::<Vec<u64>>()),
            json!(vec![Value::Array(Vec::new()); 300_000]),
            json!(wide(5_000)),
            json!({"k".repeat(99_999): 1, "l": 2}),
            json!(vec!["y".repeat(900); 900]),
            json!(vec![deep; 20]),
        ] {
            let span =
                json!({"id": "01", "input": input, "output": "z".repeat(9_000), "logs": [input]});
            let answer = asked(&span);
            let length = answer.to_string().len();
            assert!(length < 2 * LIMIT, "{length}");
            assert!(!answer["cut"].as_array().expect("cuts").is_empty());
            assert_eq!(answer["output"], "z".repeat(LIMIT / TEXT));
        }
    }
}
