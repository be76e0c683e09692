//! What a model would say, from the request alone.
//!
//! Every protocol turns its request into a [`Question`] and writes the [`Reply`] in its own words. Knows none of them.

use serde_json::{Map, Value};

/// What matters of a request.
#[derive(Debug, Default)]
pub(crate) struct Question {
    /// What the user said last.
    pub(crate) text: String,
    /// All that was said, for the count of tokens.
    pub(crate) characters: usize,
    /// What the tools have answered since.
    pub(crate) results: Vec<String>,
    pub(crate) tools: Vec<Tool>,
}

#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) description: String,
    /// A JSON schema.
    pub(crate) parameters: Value,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    Text(String),
    Call { name: String, arguments: Value },
}

impl Question {
    /// Takes in what somebody said, whoever it was.
    pub(crate) fn said(&mut self, text: &str) {
        self.characters += text.chars().count();
    }

    pub(crate) fn asked(&mut self, text: &str) {
        self.said(text);
        text.clone_into(&mut self.text);
        self.results.clear();
    }

    pub(crate) fn told(&mut self, result: &str) {
        self.said(result);
        self.results.push(result.into());
    }

    pub(crate) fn offered(&mut self, name: String, description: Option<String>, parameters: Value) {
        self.tools.push(Tool {
            name,
            description: description.unwrap_or_default(),
            parameters,
        });
    }

    pub(crate) fn reply(&self) -> Reply {
        if !self.results.is_empty() {
            return Reply::Text(format!("The tool says: {}", self.results.join("; ")));
        }
        match self.tools.iter().find(|tool| tool.suits(&self.text)) {
            Some(tool) => Reply::Call {
                name: tool.name.clone(),
                arguments: tool.arguments(&self.text),
            },
            None => Reply::Text(format!("You asked: {}", self.text)),
        }
    }

    /// Four characters each, as a rule of thumb has it.
    pub(crate) fn tokens(&self) -> u64 {
        tokens(self.characters)
    }
}

impl Reply {
    pub(crate) fn tokens(&self) -> u64 {
        match self {
            Reply::Text(text) => tokens(text.chars().count()),
            Reply::Call { name, arguments } => tokens(name.len() + arguments.to_string().len()),
        }
    }
}

fn tokens(characters: usize) -> u64 {
    characters.div_ceil(4) as u64
}

/// The text in pieces that put together are the text.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    text.split_inclusive(' ').collect()
}

/// An embedding: as little as it says of the text, it says it each time.
pub(crate) fn vector(text: &str, dimensions: usize) -> Vec<f64> {
    let mut sums = vec![0_u32; dimensions.clamp(1, 4096)];
    let count = sums.len();
    for (i, byte) in text.bytes().enumerate() {
        sums[i % count] += u32::from(byte);
    }
    sums.into_iter()
        .map(|sum| f64::from(sum % 1024) / 1024.0)
        .collect()
}

impl Tool {
    /// The question has a longer word of the tool's name or description.
    fn suits(&self, question: &str) -> bool {
        let question = question.to_lowercase();
        let words = format!("{} {}", self.name, self.description).to_lowercase();
        words
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word.len() > 4 && question.contains(word))
    }

    /// Something for each property of the schema: the last word for a text, a number for a number.
    fn arguments(&self, question: &str) -> Value {
        let word = question
            .split(|c: char| !c.is_alphanumeric())
            .rfind(|word| !word.is_empty())
            .unwrap_or_default();
        let number = question
            .split_whitespace()
            .find_map(|word| word.parse().ok());
        let properties = self.parameters["properties"].as_object();
        let arguments: Map<String, Value> = properties
            .into_iter()
            .flatten()
            .map(|(name, schema)| {
                let kind = match &schema["type"] {
                    Value::Array(kinds) => &kinds[0],
                    kind => kind,
                };
                let kind = kind.as_str().unwrap_or_default().to_lowercase();
                let value = match &*kind {
                    "integer" | "number" => Value::from(number.unwrap_or(1_u64)),
                    "boolean" => Value::from(true),
                    "array" => Value::Array(vec![word.into()]),
                    "object" => Value::Object(Map::new()),
                    _ => Value::from(word),
                };
                (name.clone(), value)
            })
            .collect();
        arguments.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn weather() -> Question {
        let mut question = Question::default();
        let schema = json!({"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}});
        question.offered("get_weather".into(), None, schema);
        question
    }

    #[test]
    fn a_tool_is_called_where_the_question_is_about_it() {
        let mut question = weather();
        question.asked("How is the weather for 3 days in Paris?");
        let call = Reply::Call {
            name: "get_weather".into(),
            arguments: json!({"city": "Paris", "days": 3}),
        };
        assert_eq!(question.reply(), call);
        question.told("18 degrees");
        assert_eq!(
            question.reply(),
            Reply::Text("The tool says: 18 degrees".into())
        );
        question.asked("Who are you?");
        assert_eq!(
            question.reply(),
            Reply::Text("You asked: Who are you?".into())
        );
    }

    #[test]
    fn pieces_are_the_text() {
        let text = "One  two\nthree ";
        assert_eq!(pieces(text).concat(), text);
    }
}
