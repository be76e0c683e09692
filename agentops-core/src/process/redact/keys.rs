//! Names of what is secret whatever it holds: `password`, `api_key`, `Authorization`.
//!
//! Names are compared as whole words, so that `token` is not found in `prompt_tokens`, nor `auth` in `author`.
//! Knows names, not values.

/// What is secret by its name, unless told otherwise. Words stand beside each other, however they are joined: `api key`
/// is `apiKey`, `x-api-key`, `API_KEY` and `apikey`.
pub(super) const DEFAULTS: [&str; 23] = [
    "access key",
    "access keys",
    "api key",
    "api keys",
    "authorization",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "encryption key",
    "jwt",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "private key",
    "private keys",
    "pwd",
    "secret",
    "secrets",
    "signing key",
    TOKEN,
];

/// A word that also counts things: it is a secret where the name ends in it, or goes on with what a token has.
const TOKEN: &str = "token";
/// What tokens are counted by, or which of many one is.
const COUNTED: [&str; 22] = [
    "bos",
    "cached",
    "completion",
    "eos",
    "first",
    "generated",
    "input",
    "last",
    "mask",
    "max",
    "min",
    "n",
    "num",
    "output",
    "pad",
    "per",
    "prompt",
    "reasoning",
    "special",
    "stop",
    "total",
    "unk",
];
/// What a token's text is called.
const HELD: [&str; 6] = ["value", "string", "text", "data", "header", "raw"];

#[derive(Debug)]
pub(super) struct Keys {
    rules: Vec<Rule>,
    /// Letters that a name must have to match any rule; one rule may stand for others.
    letters: Vec<u32>,
}

#[derive(Debug)]
struct Rule {
    /// In lower case and without what joins its words.
    text: Vec<u8>,
    letters: u32,
    is_token: bool,
}

impl Keys {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>, defaults: bool) -> Self {
        let own = names.into_iter().map(|name| (name, false));
        let known = DEFAULTS
            .iter()
            .filter(|_| defaults)
            .map(|name| (*name, *name == TOKEN));
        let rules: Vec<Rule> = own
            .chain(known)
            .map(|(name, is_token)| {
                let text = Words::of(name.as_bytes()).text;
                Rule {
                    letters: letters(&text),
                    text,
                    is_token,
                }
            })
            .filter(|rule| !rule.text.is_empty())
            .collect();
        let mut masks: Vec<u32> = rules.iter().map(|rule| rule.letters).collect();
        masks.sort_unstable_by_key(|mask| mask.count_ones());
        let mut letters: Vec<u32> = Vec::new();
        for mask in masks {
            if !letters.iter().any(|fewer| mask & fewer == *fewer) {
                letters.push(mask);
            }
        }
        Self { rules, letters }
    }

    /// Whether there is no such name.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether what has this name is secret.
    #[inline]
    pub(super) fn hit(&self, name: &[u8]) -> bool {
        let letters = letters(name);
        let mut possible = false;
        for needed in &self.letters {
            possible |= letters & needed == *needed;
        }
        possible && self.search(name, letters)
    }

    #[cold]
    #[inline(never)]
    fn search(&self, name: &[u8], letters: u32) -> bool {
        let words = Words::of(name);
        self.rules
            .iter()
            .filter(|rule| letters & rule.letters == rule.letters)
            .any(|rule| words.have(rule))
    }
}

/// Which letters are in a name: one bit for both cases of each, and some for what is no letter.
#[inline]
fn letters(name: &[u8]) -> u32 {
    name.iter().fold(0, |all, byte| all | 1 << (byte & 31))
}

/// A name without what joins its words, and where each of them begins.
struct Words {
    text: Vec<u8>,
    /// One more than words: the last is the end.
    edges: Vec<usize>,
}

impl Words {
    fn of(name: &[u8]) -> Self {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80;
        let mut text = Vec::with_capacity(name.len());
        let mut edges = vec![0];
        let mut before = 0_u8;
        for (at, &byte) in name.iter().enumerate() {
            let next = name.get(at + 1).copied().unwrap_or_default();
            let begins = !is_word(before)
                || before.is_ascii_digit() != byte.is_ascii_digit()
                || byte.is_ascii_uppercase()
                    && (!before.is_ascii_uppercase() || next.is_ascii_lowercase());
            before = byte;
            if !is_word(byte) {
                continue;
            }
            if begins && edges.last() != Some(&text.len()) {
                edges.push(text.len());
            }
            text.push(byte.to_ascii_lowercase());
        }
        if edges.last() != Some(&text.len()) {
            edges.push(text.len());
        }
        Self { text, edges }
    }

    fn have(&self, rule: &Rule) -> bool {
        self.edges.iter().enumerate().any(|(number, &start)| {
            let end = start + rule.text.len();
            let Ok(last) = self.edges.binary_search(&end) else {
                return false;
            };
            self.text[start..end] == rule.text && (!rule.is_token || self.is_token(number, last))
        })
    }

    /// The words from `first` up to `after` are `token`: whether it is one, rather than a number of them.
    fn is_token(&self, first: usize, after: usize) -> bool {
        let word = |at: usize| Some(&self.text[*self.edges.get(at)?..*self.edges.get(at + 1)?]);
        let is_one_of = |word: Option<&[u8]>, words: &[&str]| {
            word.is_some_and(|word| words.iter().any(|known| known.as_bytes() == word))
        };
        let counted = first
            .checked_sub(1)
            .is_some_and(|before| is_one_of(word(before), &COUNTED));
        let next = word(after);
        let goes_on = next.is_some_and(|word| !word[0].is_ascii_digit());
        !counted && (!goes_on || is_one_of(next, &HELD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name() {
        let keys = Keys::new([], true);
        for name in [
            "password",
            "Password",
            "PASSWORD",
            "passwd",
            "pwd",
            "db_password",
            "userPassword",
            "password2",
            "password_hash",
            "secret",
            "client_secret",
            "SecretAccessKey",
            "token",
            "accessToken",
            "refresh-token",
            "id_token",
            "session_token",
            "sessionToken",
            "X-Auth-Token",
            "token_value",
            "token_1",
            "apikey",
            "api_key",
            "apiKey",
            "APIKey",
            "x-api-key",
            "openai.api.key",
            "API KEY",
            "access_key",
            "accessKeyId",
            "privateKey",
            "private_key_pem",
            "authorization",
            "Authorization",
            "proxy-authorization",
            "cookie",
            "Set-Cookie",
            "cookies",
            "credential",
            "credentials",
            "aws-credentials",
            "passphrase",
            "user:password",
            "[password]",
            "ünder_password",
        ] {
            assert!(keys.hit(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn other_names_are_left_alone() {
        let keys = Keys::new([], true);
        for name in [
            "prompt_tokens",
            "max_tokens",
            "total_tokens",
            "token_count",
            "tokens",
            "tokenCount",
            "max_token",
            "token_usage",
            "token_limit",
            "token_ids",
            "tokenizer",
            "completion_tokens_details",
            "cached_tokens",
            "price_per_token",
            "time_to_first_token",
            "eos_token",
            "author",
            "authors",
            "authority",
            "authorized",
            "secretary",
            "keyboard",
            "key",
            "api",
            "primary_key",
            "monkey",
            "pass",
            "passenger",
            "compass",
            "name",
            "spwd",
            "forward",
            "apikeyless",
            "accesskeyboard",
            "",
            "-",
            "ü",
            "cookiecutter",
            "n",
            "path",
            "input",
            "arguments",
            "prompt_cache_key",
        ] {
            assert!(!keys.hit(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn names_are_added_and_taken_away() {
        let keys = Keys::new(["ssn", "creditCard", "tokens", "", "--"], false);
        for name in [
            "ssn",
            "SSN",
            "user_ssn",
            "credit_card",
            "creditcard",
            "credit card number",
            "max_tokens",
        ] {
            assert!(keys.hit(name.as_bytes()), "{name}");
        }
        for name in ["password", "token", "ssnx", "credit", "card"] {
            assert!(!keys.hit(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn any_name_can_be_asked() {
        let keys = Keys::new([], true);
        for length in [0, 1, 63, 64, 65, 1000] {
            assert!(!keys.hit("é".repeat(length).as_bytes()));
            assert!(keys.hit(format!("{}_password", "x".repeat(length)).as_bytes()));
        }
        for byte in 0..=255 {
            assert!(!keys.hit(&[byte; 5]));
        }
    }
}
