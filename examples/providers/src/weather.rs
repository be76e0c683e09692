//! The tool that every model here is offered.

use agentops::tool;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is asked of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Place {
    /// Its name.
    pub city: String,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Weather {
    /// In degrees Celsius.
    pub temperature: i64,
    /// In a word.
    pub sky: &'static str,
}

/// Its name, as models write it.
pub const NAME: &str = "get_weather";
/// What models are told of it.
pub const DESCRIPTION: &str = "The weather in a city, now.";

/// What models may ask, as a JSON schema.
#[must_use]
pub fn parameters() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

/// A weather station that stands in the program, so that it needs no network.
#[must_use]
pub fn at(place: &Place) -> Weather {
    let letters = place.city.len() as i64;
    Weather {
        temperature: 10 + letters,
        sky: if letters % 2 == 0 { "clear" } else { "cloudy" },
    }
}

/// The tool, where nobody else tells of its use.
#[tool]
pub fn get_weather(place: &Place) -> Weather {
    at(place)
}
