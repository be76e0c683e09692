//! Events of a stream that differ in their words alone, taken together before they are parsed.
//!
//! A long answer is one event again and again, with other words in it. The text of an event is compared with that of the
//! event before, and where nothing else differs, its words are added to those of that one. Knows where shapes have
//! words, and takes together only what each of them would have: nothing here depends on how a stream is framed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{GLANCE, text};

type Fields = Map<String, Value>;

/// The events that are alike, of those that came last.
#[derive(Debug, Default)]
pub(super) struct Run {
    alike: Option<Alike>,
    /// What events said that were like the last one that is kept.
    words: String,
    /// How many events in turn were tried for nothing.
    misses: u32,
}

/// How many events may differ from the one before, one after another, until no more are compared.
const PATIENCE: u32 = 32;

impl Run {
    /// Takes an event in, by its name and its text, if it is like the last one that is kept.
    pub(super) fn takes(&mut self, name: &str, data: &[u8]) -> bool {
        let alike = self.alike.as_ref().filter(|alike| alike.name == name);
        let Some(words) = alike.and_then(|alike| alike.words(data)) else {
            return false;
        };
        self.words.push_str(&words);
        self.misses = 0;
        true
    }

    /// Ends here, and gives what was said to the last event that is kept.
    pub(super) fn end(&mut self, events: &mut [Value]) {
        let Some(alike) = self.alike.take() else {
            return;
        };
        if let Some(event) = events.last_mut()
            && let Some(Value::String(said)) = event.pointer_mut(alike.place)
        {
            said.push_str(&self.words);
        }
        self.words.clear();
    }

    /// Begins with the last event, of this name and text.
    pub(super) fn begin(&mut self, events: &[Value], name: &str, data: &[u8]) {
        // By the first ones it is told what shape it is.
        let Some(event) = events.get(GLANCE..).and_then(<[Value]>::last) else {
            return;
        };
        if self.misses < PATIENCE {
            self.misses += 1;
            self.alike = place(event).and_then(|place| Alike::of(name, data, place));
        }
    }
}

/// An event, cut where the next one may differ.
#[derive(Debug)]
struct Alike {
    name: String,
    data: Vec<u8>,
    /// In the order in which they stand there.
    gaps: Vec<Gap>,
    /// Where the words are, as a JSON pointer.
    place: &'static str,
}

#[derive(Debug)]
struct Gap {
    /// What is between the quotation marks, or the digits.
    at: Range<usize>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Words,
    /// Text or a number that no shape reads.
    Text,
    Digits,
}

/// Fields that differ from event to event, and that no shape reads: the second, the place in the stream, and padding
/// that keeps the length of words from those who listen.
const UNREAD: [&str; 5] = ["created", "event_id", "sequence_number", "obfuscation", "p"];

impl Alike {
    fn of(name: &str, data: &[u8], place: &'static str) -> Option<Self> {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(data).ok()?;
        let (first, inner) = place[1..].split_once('/').unwrap_or((&place[1..], ""));
        let mut words = *fields.get(first)?;
        for step in inner.split('/').filter(|step| !step.is_empty()) {
            words = inside(words, step)?;
        }
        let unread = UNREAD.iter().filter_map(|name| fields.get(*name));
        let unread = unread.filter_map(|value| Gap::of(data, value, Kind::Text));
        let mut gaps: Vec<_> = unread.chain(Gap::of(data, words, Kind::Words)).collect();
        gaps.sort_unstable_by_key(|gap| gap.at.start);
        Some(Self {
            name: name.to_owned(),
            data: data.to_vec(),
            gaps,
            place,
        })
    }

    /// The words of an event that differs in nothing else.
    fn words<'a>(&self, data: &'a [u8]) -> Option<Cow<'a, str>> {
        let (mut own, mut other) = (0, 0);
        let mut words = None;
        for Gap { at, kind } in &self.gaps {
            let fixed = &self.data[own..at.start];
            if !data[other..].starts_with(fixed) {
                return None;
            }
            other += fixed.len();
            let length = match kind {
                Kind::Digits => digits(&data[other..])?,
                Kind::Words | Kind::Text => {
                    let length = string(&data[other..])?;
                    let said = unquoted(&data[other - 1..=other + length])?;
                    if *kind == Kind::Words {
                        words = Some(said);
                    }
                    length
                }
            };
            other += length;
            own = at.end;
        }
        words.filter(|_| data[other..] == self.data[own..])
    }
}

impl Gap {
    /// A string or a count; nothing else is one.
    fn of(data: &[u8], value: &RawValue, kind: Kind) -> Option<Self> {
        let value = value.get();
        let start = value.as_ptr().addr().checked_sub(data.as_ptr().addr())?;
        let at = start..start + value.len();
        if value.starts_with('"') {
            let at = at.start + 1..at.end - 1;
            return Some(Self { at, kind });
        }
        let is_count = kind == Kind::Text && digits(value.as_bytes()) == Some(value.len());
        is_count.then_some(Self {
            at,
            kind: Kind::Digits,
        })
    }
}

fn inside<'a>(value: &'a RawValue, step: &str) -> Option<&'a RawValue> {
    if let Ok(at) = step.parse::<usize>() {
        let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
        return items.get(at).copied();
    }
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
    fields.get(step).copied()
}

/// How long a string is that goes on here, up to its closing mark.
fn string(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match data.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// How long a count is, as JSON writes it and any computer can hold it.
fn digits(data: &[u8]) -> Option<usize> {
    let length = data.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_count = matches!(
        (data.first(), length),
        (Some(b'0'), 1) | (Some(b'1'..), 1..19)
    );
    is_count.then_some(length)
}

/// The text of a string in its quotation marks, where that is one.
fn unquoted(data: &[u8]) -> Option<Cow<'_, str>> {
    let inside = &data[1..data.len() - 1];
    if inside.contains(&b'\\') {
        return serde_json::from_slice(data).ok().map(Cow::Owned);
    }
    let is_plain = inside.iter().all(|byte| *byte >= b' ');
    let text = std::str::from_utf8(inside).ok().filter(|_| is_plain);
    text.map(Cow::Borrowed)
}

/// Where the words of an event are that are added to those before, if nothing else in it adds up.
fn place(event: &Value) -> Option<&'static str> {
    let fields = event.as_object()?;
    let named = ["event_type", "type"];
    let kind = named
        .iter()
        .find_map(|name| text(fields, name))
        .unwrap_or_default();
    match (fields.get("choices"), fields.get("delta")) {
        (Some(Value::Array(choices)), None) => match choices.as_slice() {
            [Value::Object(choice)] => of_choice(choice),
            _ => None,
        },
        (None, Some(Value::String(_))) => {
            let is_piece = kind.starts_with("response.") && !fields.contains_key("response");
            is_piece.then_some("/delta")
        }
        (None, Some(Value::Object(delta))) => match kind {
            "content_block_delta" => of_block(delta),
            "content-delta" => of_message(delta),
            "step.delta" => of_step(delta),
            _ => None,
        },
        _ => None,
    }
}

/// Of the only choice of an OpenAI chunk, or of an older completion.
fn of_choice(choice: &Fields) -> Option<&'static str> {
    const PLACES: [(&str, &str); 6] = [
        ("content", "/choices/0/delta/content"),
        ("reasoning_content", "/choices/0/delta/reasoning_content"),
        ("reasoning", "/choices/0/delta/reasoning"),
        ("refusal", "/choices/0/delta/refusal"),
        (
            "tool_calls",
            "/choices/0/delta/tool_calls/0/function/arguments",
        ),
        ("function_call", ""),
    ];
    let delta = match (choice.get("delta"), choice.get("text")) {
        (Some(Value::Object(delta)), None) => delta,
        (None, Some(Value::String(_))) => return Some("/choices/0/text"),
        _ => return None,
    };
    match only(delta, &PLACES)? {
        ("tool_calls", place) => {
            let [call] = delta.get("tool_calls")?.as_array()?.as_slice() else {
                return None;
            };
            let function = call.get("function")?.as_object()?;
            // A name is added to the one before, too.
            let is_named = text(function, "name").is_some();
            text(function, "arguments").filter(|_| !is_named)?;
            Some(place)
        }
        (name, place) => text(delta, name).map(|_| place),
    }
}

/// Of a piece of a block of Anthropic's.
fn of_block(delta: &Fields) -> Option<&'static str> {
    const PLACES: [(&str, &str); 4] = [
        ("text", "/delta/text"),
        ("thinking", "/delta/thinking"),
        ("partial_json", "/delta/partial_json"),
        ("citation", ""),
    ];
    let (name, place) = only(delta, &PLACES)?;
    text(delta, name).map(|_| place)
}

/// Of a piece of a message of Cohere's.
fn of_message(delta: &Fields) -> Option<&'static str> {
    const PLACES: [(&str, &str); 2] = [
        ("text", "/delta/message/content/text"),
        ("thinking", "/delta/message/content/thinking"),
    ];
    let message = delta.get("message")?.as_object()?;
    let content = message.get("content").filter(|_| message.len() == 1)?;
    let content = content.as_object()?;
    let (name, place) = only(content, &PLACES)?;
    text(content, name).map(|_| place)
}

/// Of a piece of a step of an interaction of Gemini's.
fn of_step(delta: &Fields) -> Option<&'static str> {
    match text(delta, "type")? {
        "text" => text(delta, "text").map(|_| "/delta/text"),
        "arguments_delta" => text(delta, "arguments").map(|_| "/delta/arguments"),
        _ => None,
    }
}

/// The one of these fields that says something, where no other does.
fn only<'a>(
    fields: &Fields,
    places: &[(&'a str, &'static str)],
) -> Option<(&'a str, &'static str)> {
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    let says = |name: &str| fields.get(name).is_some_and(|value| !is_nothing(value));
    let mut saying = places.iter().copied().filter(|(name, _)| says(name));
    let one = saying.next()?;
    saying.next().is_none().then_some(one)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::{prelude::*, sample::Index};

    use super::super::sse::Events;
    use super::super::tests::Fixture;
    use super::*;
    use crate::model::recognise::recognise;
    use serde_json::json;

    /// The events that are parsed of a text, and those that are kept of it.
    fn both(text: &str) -> [Vec<Value>; 2] {
        [Events::default(), Events::of_words()].map(|mut events| {
            events.push(text.as_bytes());
            events.finish()
        })
    }

    fn framed(events: &[Value]) -> String {
        events
            .iter()
            .map(|event| format!("data: {event}\n\n"))
            .collect()
    }

    fn chunk(delta: Value) -> Value {
        json!({"id": "1", "created": 1, "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
    }

    /// How many of a hundred events are kept that differ in a text, beside the first ones, by which shapes are told.
    fn kept(event: impl Fn(String) -> Value) -> usize {
        let events: Vec<_> = (0..100)
            .map(|at| event(format!(" w\u{e9}\n\"{at}")))
            .collect();
        let [all, kept] = both(&framed(&events));
        assert_eq!(all, events);
        let call = |events| recognise(None, Some(&Value::Array(events)));
        assert_eq!(call(all), call(kept.clone()), "{}", events[0]);
        kept.len() - GLANCE
    }

    #[test]
    fn events_that_differ_in_words_are_one() {
        let part = |part: Value| json!({"type": "content_block_delta", "index": 0, "delta": part});
        let piece = |kind: &str, text| json!({"type": format!("response.{kind}.delta"), "output_index": 0, "sequence_number": 3, "delta": text});
        let message = |content: Value| json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": content}}});
        let arguments = |text| json!([{"index": 0, "function": {"arguments": text}}]);
        let step = |delta: Value| json!({"event_type": "step.delta", "index": 1, "delta": delta});
        let cases: [&dyn Fn(String) -> Value; 13] = [
            &|text| chunk(json!({"content": text, "refusal": null})),
            &|text| chunk(json!({"role": "assistant", "content": "", "reasoning": text})),
            &|text| chunk(json!({"content": null, "reasoning_content": text, "tool_calls": []})),
            &|text| chunk(json!({"tool_calls": arguments(text)})),
            &|text| json!({"object": "text_completion", "choices": [{"index": 0, "text": text}]}),
            &|text| part(json!({"type": "text_delta", "text": text})),
            &|text| part(json!({"type": "thinking_delta", "thinking": text})),
            &|text| part(json!({"type": "input_json_delta", "partial_json": text})),
            &|text| piece("output_text", text),
            &|text| piece("function_call_arguments", text),
            &|text| message(json!({"text": text})),
            &|text| step(json!({"type": "text", "text": text})),
            &|text| step(json!({"type": "arguments_delta", "arguments": text})),
        ];
        for event in cases {
            assert_eq!(kept(event), 1, "{}", event("…".into()));
        }
    }

    #[test]
    fn what_no_shape_reads_may_differ() {
        let count = |text: &str| text.len() as u64 * 1000;
        let differs = |text: String| json!({"created": count(&text), "obfuscation": text, "choices": [{"delta": {"content": "a"}}]});
        assert_eq!(kept(differs), 1);
        let differs = |text: String| json!({"type": "response.output_text.delta", "output_index": 0, "delta": "a", "sequence_number": count(&text)});
        assert_eq!(kept(differs), 1);
    }

    #[test]
    fn events_that_differ_in_more_are_apart() {
        let call =
            |name: &str, text| json!([{"index": 0, "function": {"name": name, "arguments": text}}]);
        let cases: [&dyn Fn(String) -> Value; 8] = [
            &|text| json!({"id": text, "choices": [{"delta": {"content": "a"}}]}),
            &|text| chunk(json!({"content": text, "reasoning": "a"})),
            &|text| chunk(json!({"content": text, "refusal": text})),
            &|text| chunk(json!({"content": [{"type": "text", "text": text}]})),
            &|text| chunk(json!({"tool_calls": call("f", text)})),
            &|text| json!({"choices": [{"delta": {"content": text}}, {"index": 1, "delta": {"content": "b"}}]}),
            &|text| json!({"choices": [{"delta": {"content": "a"}}], "usage": {"prompt_tokens": text.len(), "x": text}}),
            &|text| json!({"type": "response.created", "response": {"id": text}, "delta": text}),
        ];
        for event in cases {
            assert_eq!(kept(event), 100 - GLANCE, "{}", event("…".into()));
        }
    }

    #[test]
    fn words_are_what_json_says_they_are() {
        let event = |words: &str| {
            format!("data: {{\"choices\": [{{\"delta\": {{\"content\": \"{words}\"}}}}]}}\n\n")
        };
        for (odd, said) in [
            ("\\u00e9\\ud83e\\udd80\\\"", Some("\u{e9}\u{1f980}\"")),
            ("", Some("")),
            ("\\", None),
            ("\\ud83e", None),
            ("\\x", None),
            ("\t", None),
            ("a\"", None),
            ("\", \"content\": \"b", None),
        ] {
            let text = event("a").repeat(GLANCE + 1) + &event(odd) + &event("z");
            let [all, kept] = both(&text);
            let (before, last) = match said {
                Some(said) => (GLANCE + 1, format!("a{said}z")),
                None => (GLANCE + 3, "z".into()),
            };
            assert_eq!(kept.len(), before, "{odd}");
            assert_eq!(
                kept[before - 1]["choices"][0]["delta"]["content"],
                last,
                "{odd}"
            );
            let call = |events| recognise(None, Some(&Value::Array(events)));
            assert_eq!(call(all), call(kept), "{odd}");
        }
    }

    #[test]
    fn a_stream_in_which_all_differs_is_soon_left_alone() {
        let event = |at: u64| json!({"choices": [{"delta": {"content": "a"}}], "usage": {"completion_tokens": at}});
        let mut run = Run::default();
        let mut events = Vec::new();
        for at in 0..1000 {
            let event = event(at);
            let data = event.to_string();
            assert!(!run.takes("", data.as_bytes()));
            run.end(&mut events);
            events.push(event);
            run.begin(&events, "", data.as_bytes());
        }
        assert!(run.alike.is_none());
    }

    /// Streams of all fixtures, as events with their names.
    static STREAMS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
        let fixtures = Fixture::all();
        let texts = fixtures
            .iter()
            .filter_map(|fixture| fixture.exchange["stream"].as_str());
        texts
            .filter(|text| !text.starts_with(['{', '[']))
            .map(|text| {
                text.replace('\r', "")
                    .split("\n\n")
                    .map(str::to_owned)
                    .collect()
            })
            .collect()
    });

    /// An event with other text in one of its places.
    fn changed(event: &str, place: Index, text: &str) -> String {
        let quotes: Vec<_> = event
            .match_indices("\": \"")
            .chain(event.match_indices("\":\""))
            .collect();
        let Some((at, mark)) = quotes.get(place.index(quotes.len().max(1))) else {
            return event.to_owned();
        };
        let start = at + mark.len();
        let length = string(&event.as_bytes()[start..]).unwrap_or_default();
        let quoted = Value::from(text).to_string();
        format!(
            "{}{}{}",
            &event[..start],
            &quoted[1..quoted.len() - 1],
            &event[start + length..]
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        /// Long streams are made of those that fixtures have: of each event many, with one text or another changed.
        #[test]
        fn the_record_is_that_of_all_events(
            stream in any::<Index>(),
            changes in prop::collection::vec((any::<Index>(), 0_usize..8, any::<Index>(), "[a-z \\\\\"\u{e9}\n]{0,6}"), 1..24),
        ) {
            let events = stream.get(&STREAMS);
            let mut text = events.join("\n\n") + "\n\n";
            for (at, times, place, words) in changes {
                let event = at.get(events);
                for _ in 0..times {
                    text += &(changed(event, place, &words) + "\n\n");
                    text += &(event.clone() + "\n\n");
                }
            }
            let [all, kept] = both(&text);
            let [all, kept] = [all, kept].map(|events| recognise(None, Some(&Value::Array(events))));
            prop_assert_eq!(kept, all, "{}", text);
        }
    }
}
