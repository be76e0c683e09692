//! Secrets that give themselves away by their form, wherever they stand in a text.
//!
//! One look at a table for each byte tells the texts that hold none, which are nearly all; only what is left is scanned.
//! No pattern is searched for from every place: each has one byte that is rare elsewhere, and is tried where that is.
//! Knows text, not what it is the text of.

use std::ops::Range;

use super::REDACTED;
use super::keys::Keys;

/// Cannot stand in a JSON string as it is.
pub(super) const ESCAPED: u8 = 1;
/// May belong to a secret.
const SUSPECT: u8 = 2;

static CLASSES: [u8; 256] = classes_of_bytes();

const fn classes_of_bytes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if byte < 0x20 || byte >= 0x7f || byte == b'"' as usize || byte == b'\\' as usize {
            classes[byte] |= ESCAPED;
        }
        byte += 1;
    }
    // `sk-` and a PEM block; `ghp_`; `://`; AKIA; AIza and Authorization; `eyJ`; Bearer.
    let suspects = b"-_:IzZJbB";
    let mut at = 0;
    while at < suspects.len() {
        classes[suspects[at] as usize] |= SUSPECT;
        at += 1;
    }
    classes
}

/// What bytes are in a text, by class.
#[inline]
pub(super) fn classes(text: &[u8]) -> u8 {
    text.iter()
        .fold(0, |classes, byte| classes | CLASSES[usize::from(*byte)])
}

/// Whether a text of these classes is worth scanning.
#[inline]
pub(super) fn is_suspect(classes: u8) -> bool {
    classes & SUSPECT != 0
}

/// The text without its secrets; `None` where there are none. `cut`: there was more of it. `forms`: secrets are known by
/// their form too, and not only by the names before them.
pub(super) fn replace(text: &str, keys: &Keys, forms: bool, cut: bool) -> Option<String> {
    let secrets = find(text.as_bytes(), keys, forms, cut);
    if secrets.is_empty() {
        return None;
    }
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    for secret in secrets {
        // Secrets are made of whole characters: they begin and end beside ASCII.
        clean.push_str(&text[at..secret.start]);
        clean.push_str(REDACTED);
        at = secret.end;
    }
    clean.push_str(&text[at..]);
    Some(clean)
}

/// Where the secrets are, in order and apart from each other.
fn find(text: &[u8], keys: &Keys, forms: bool, cut: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut scan = Scan {
        text,
        keys,
        cut,
        from: 0,
        no_sk_before: 0,
        no_jwt_before: 0,
    };
    let mut at = 0;
    while let Some(suspect) = text[at..]
        .iter()
        .position(|byte| CLASSES[usize::from(*byte)] & SUSPECT != 0)
    {
        at += suspect;
        let secret = match text[at] {
            b':' if !forms => scan.named(at),
            _ if !forms => None,
            b'-' => scan.pem(at).or_else(|| scan.dashed(at)),
            b'_' => scan.underscored(at),
            b':' => {
                // A user's name may be a secret too, so that the search goes on behind the colon.
                found.extend(scan.password(at));
                scan.named(at)
            }
            b'I' => scan.aws(at),
            b'z' | b'Z' => scan.google(at).or_else(|| scan.authorization(at)),
            b'J' => scan.jwt(at),
            _ => scan.bearer(at),
        };
        at += 1;
        if let Some(secret) = secret {
            at = at.max(secret.end);
            scan.from = at;
            found.push(secret);
        }
    }
    merge(found)
}

fn merge(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_by_key(|secret| secret.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for secret in found {
        match merged.last_mut().filter(|last| secret.start < last.end) {
            Some(last) => last.end = last.end.max(secret.end),
            None => merged.push(secret),
        }
    }
    merged
}

struct Scan<'a> {
    text: &'a [u8],
    keys: &'a Keys,
    cut: bool,
    /// Where the last secret ended: what follows begins anew.
    from: usize,
    /// Up to where a run of characters has been found to be none, so that none is looked through twice.
    no_sk_before: usize,
    no_jwt_before: usize,
}

/// How much of what stands before a colon is looked at.
const LONGEST_NAME: usize = 64;

/// Letters, digits, `-` and `_`: the alphabet of most keys.
fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// RFC 6750's `b64token`.
fn is_token68(byte: u8) -> bool {
    is_key(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=')
}

impl Scan<'_> {
    /// How many bytes from `at` on are of an alphabet; it ends where a PEM block begins.
    fn run(&self, at: usize, alphabet: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| !alphabet(*byte))
            .unwrap_or(rest.len());
        let run = &rest[..length];
        if !run.ends_with(b"-----BEGIN") {
            return length;
        }
        length - b"-----BEGIN".len()
    }

    fn starts_with(&self, at: usize, prefix: &[u8]) -> bool {
        self.text
            .get(at..)
            .is_some_and(|rest| rest.starts_with(prefix))
    }

    /// `at` is inside of `prefix`, `before` bytes behind its beginning: where that is, if a word begins there.
    fn beginning(&self, at: usize, before: usize, prefix: &[u8]) -> Option<usize> {
        let start = at.checked_sub(before).filter(|start| *start >= self.from)?;
        (self.starts_with(start, prefix) && self.begins(start)).then_some(start)
    }

    /// Whether a word may begin here: behind anything but a letter or digit, unless that is the end of an escape.
    fn begins(&self, at: usize) -> bool {
        let before = &self.text[..at];
        match *before {
            _ if at == self.from => true,
            [.., b'\\', b'n' | b'r' | b't' | b'0'] => true,
            [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => true,
            [.., last] => !last.is_ascii_alphanumeric(),
            [] => true,
        }
    }

    /// From a `-----BEGIN … PRIVATE KEY…-----` to the end of its END line, or of the text.
    fn pem(&self, at: usize) -> Option<Range<usize>> {
        let label = at + b"-----BEGIN ".len();
        if !self.starts_with(at, b"-----BEGIN ") {
            return None;
        }
        let length = self.run(label, |byte| {
            byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
        });
        let is_private = self.text[label..label + length]
            .windows(b"PRIVATE KEY".len())
            .any(|words| words == b"PRIVATE KEY");
        if !is_private {
            return None;
        }
        let body = &self.text[label + length..];
        let end = position(body, b"-----END ").map(|end| {
            let line = label + length + end + b"-----END ".len();
            let rest = &self.text[line..];
            position(rest, b"-----").map_or(self.text.len(), |close| line + close + 5)
        });
        Some(at..end.unwrap_or(self.text.len()))
    }

    /// `sk-…`, `xoxb-…`, `xapp-…`, `glpat-…`, `xai-…`
    fn dashed(&mut self, at: usize) -> Option<Range<usize>> {
        if let Some(start) = self.beginning(at, 2, b"sk-") {
            return self.sk(start);
        }
        let slack = [b'a', b'b', b'd', b'e', b'p', b'r', b's']
            .into_iter()
            .find_map(|kind| self.beginning(at, 4, &[b'x', b'o', b'x', kind, b'-']));
        if let Some(start) = slack {
            return self.key(start, 5, 10, is_key);
        }
        if let Some(start) = self.beginning(at, 4, b"xapp-") {
            return self.key(start, 5, 10, is_key);
        }
        if let Some(start) = self.beginning(at, 5, b"glpat-") {
            return self.key(start, 6, 20, is_key);
        }
        let start = self.beginning(at, 3, b"xai-")?;
        self.key(start, 4, 40, is_key)
    }

    /// A prefix and at least `least` characters after it.
    fn key(
        &self,
        start: usize,
        prefix: usize,
        least: usize,
        alphabet: impl Fn(u8) -> bool,
    ) -> Option<Range<usize>> {
        let length = self.run(start + prefix, alphabet);
        (length >= least).then(|| start..start + prefix + length)
    }

    /// Words with dashes in between look like a key to whoever counts characters only: a key of a kind that is not known
    /// has a piece of eight characters with a digit in it, or one of 24.
    fn sk(&mut self, start: usize) -> Option<Range<usize>> {
        let tail = start + b"sk-".len();
        let known: [&[u8]; 5] = [b"ant-", b"proj-", b"svcacct-", b"admin-", b"or-"];
        let is_known = known.iter().any(|kind| self.starts_with(tail, kind));
        if !is_known && start < self.no_sk_before {
            return None;
        }
        let length = self.run(tail, is_key);
        let run = &self.text[tail..tail + length];
        let is_random = || {
            run.split(|byte| !byte.is_ascii_alphanumeric())
                .any(|piece| {
                    piece.len() >= 24 || piece.len() >= 8 && piece.iter().any(u8::is_ascii_digit)
                })
        };
        if length >= 16 && (is_known || is_random()) {
            return Some(start..tail + length);
        }
        if !is_known {
            self.no_sk_before = tail + length;
        }
        None
    }

    /// `ghp_…`, `github_pat_…`, `hf_…`, `gsk_…`, `sk_live_…`, `npm_…`
    fn underscored(&self, at: usize) -> Option<Range<usize>> {
        const KEYS: [(&[u8], usize, usize); 14] = [
            (b"ghp_", 3, 20),
            (b"gho_", 3, 20),
            (b"ghu_", 3, 20),
            (b"ghs_", 3, 20),
            (b"ghr_", 3, 20),
            (b"github_pat_", 6, 20),
            (b"hf_", 2, 30),
            (b"gsk_", 3, 30),
            (b"npm_", 3, 30),
            (b"sk_live_", 2, 16),
            (b"sk_test_", 2, 16),
            (b"rk_live_", 2, 16),
            (b"rk_test_", 2, 16),
            (b"whsec_", 5, 16),
        ];
        KEYS.iter().find_map(|&(prefix, before, least)| {
            let start = self.beginning(at, before, prefix)?;
            self.key(start, prefix.len(), least, is_word)
        })
    }

    /// `AKIA…`, `ASIA…`
    fn aws(&self, at: usize) -> Option<Range<usize>> {
        let start = self
            .beginning(at, 2, b"AKIA")
            .or_else(|| self.beginning(at, 2, b"ASIA"))?;
        self.key(start, 4, 16, |byte| {
            byte.is_ascii_uppercase() || byte.is_ascii_digit()
        })
    }

    /// `AIza…`
    fn google(&self, at: usize) -> Option<Range<usize>> {
        let start = self.beginning(at, 2, b"AIza")?;
        self.key(start, 4, 30, is_key)
    }

    /// `eyJ….….…`, and `eyJ….….….….…`, which is encrypted. Of a text that was cut the head is enough.
    fn jwt(&mut self, at: usize) -> Option<Range<usize>> {
        let start = self.beginning(at, 2, b"eyJ")?;
        if start < self.no_jwt_before {
            return None;
        }
        let mut end = start;
        for part in 0..5 {
            let length = self.run(end, is_key);
            let next = end + length;
            if self.cut && next == self.text.len() {
                return Some(start..next);
            }
            let goes_on = self.text.get(next) == Some(&b'.');
            if part < 2 {
                if length < 8 || !goes_on {
                    self.no_jwt_before = next;
                    return None;
                }
                // The signature may be empty, the dot before it may not be missing.
                end = next + 1;
            } else if part < 4 && goes_on && self.run(next + 1, is_key) > 0 {
                end = next + 1;
            } else {
                end = next;
                break;
            }
        }
        Some(start..end)
    }

    /// `Bearer …` anywhere, where what follows is no word.
    fn bearer(&self, at: usize) -> Option<Range<usize>> {
        let word = self.text.get(at..at + b"bearer ".len())?;
        if !word.eq_ignore_ascii_case(b"bearer ") || !self.begins(at) {
            return None;
        }
        let start = at + b"bearer ".len() + self.run(at + b"bearer ".len(), |byte| byte == b' ');
        let length = self.run(start, is_token68);
        let credential = &self.text[start..start + length];
        (length >= 16 && credential.iter().any(u8::is_ascii_digit)).then(|| start..start + length)
    }

    /// What follows `Authorization` and a scheme.
    fn authorization(&self, at: usize) -> Option<Range<usize>> {
        let start = at.checked_sub(b"authori".len())?;
        let end = start + b"authorization".len();
        if !self
            .text
            .get(start..end)?
            .eq_ignore_ascii_case(b"authorization")
        {
            return None;
        }
        let between = self.run(end, |byte| {
            matches!(
                byte,
                b' ' | b'\t' | b':' | b'=' | b'>' | b',' | b'"' | b'\'' | b'\\' | b'[' | b'('
            )
        });
        if between == 0 || between > 16 {
            return None;
        }
        // All of a text in quotes is hidden by its name.
        if let Some(colon) = position(&self.text[end..end + between], b":")
            && let Some(named) = self.named(end + colon)
        {
            return Some(named);
        }
        let scheme = end + between;
        let length = self.run(scheme, |byte| byte.is_ascii_alphabetic());
        let said = &self.text[scheme..scheme + length];
        let schemes: [&[u8]; 4] = [b"bearer", b"basic", b"token", b"apikey"];
        if !schemes.iter().any(|known| said.eq_ignore_ascii_case(known)) {
            return None;
        }
        let spaces = self.run(scheme + length, |byte| byte == b' ');
        let start = scheme + length + spaces;
        let credential = self.run(start, |byte| {
            !byte.is_ascii_whitespace()
                && !matches!(
                    byte,
                    b'"' | b'\'' | b'\\' | b',' | b';' | b'<' | b'>' | b')' | b'}' | b'`'
                )
        });
        if spaces == 0 || credential == 0 || self.starts_with(start, REDACTED.as_bytes()) {
            return None;
        }
        Some(start..start + credential)
    }

    /// What stands in quotes behind the name of a secret: `password: "…"` or `"api_key": Some("…")`, as `Debug` prints
    /// a value, or as JSON stands in other text.
    fn named(&self, at: usize) -> Option<Range<usize>> {
        let before = &self.text[self.from..at];
        let unquoted = match before {
            [name @ .., b'"' | b'\''] => match name {
                [name @ .., b'\\'] => name,
                name => name,
            },
            name => name,
        };
        let length = unquoted
            .iter()
            .rev()
            .take(LONGEST_NAME)
            .take_while(|byte| is_key(**byte) || **byte == b'.')
            .count();
        let name = &unquoted[unquoted.len() - length..];
        let mut value = at + 1 + self.run(at + 1, |byte| byte == b' ');
        // `Some("…")`, `Some(Secret("…"))`
        for _ in 0..3 {
            let rest = &self.text[value..];
            let wrapper = rest
                .iter()
                .take(LONGEST_NAME)
                .take_while(|byte| is_word(**byte) || **byte == b':')
                .count();
            if wrapper > 0 && rest.get(wrapper) == Some(&b'(') {
                value += wrapper + 1;
            }
        }
        let escapes = self.run(value, |byte| byte == b'\\');
        let quote = *self.text.get(value + escapes)?;
        let is_quote = quote == b'"' || quote == b'\'' && before.ends_with(b"'");
        if !is_quote || name.is_empty() || !self.keys.hit(name) {
            return None;
        }
        let start = value + escapes + 1;
        let end = self.closing(start, quote, escapes);
        let is_new = start < end && self.text[start..end] != *REDACTED.as_bytes();
        is_new.then_some(start..end)
    }

    /// Where the text ends that a quote behind so many backslashes begins. Each level of escapes doubles them.
    fn closing(&self, start: usize, quote: u8, escapes: usize) -> usize {
        let mut backslashes = 0;
        for (at, &byte) in self.text.iter().enumerate().skip(start) {
            if byte == quote && backslashes % (2 * (escapes + 1)) == escapes {
                return at - escapes;
            }
            backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
        }
        self.text.len()
    }

    /// The password of `scheme://user:password@host`, as long as it is not longer than any password.
    fn password(&self, at: usize) -> Option<Range<usize>> {
        if !self.starts_with(at, b"://")
            || !self.text[..at]
                .last()
                .is_some_and(u8::is_ascii_alphanumeric)
        {
            return None;
        }
        let start = at + b"://".len();
        let length = self.text[start..]
            .iter()
            .take(2048)
            .take_while(|byte| {
                !byte.is_ascii_whitespace()
                    && !matches!(
                        byte,
                        b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`'
                    )
            })
            .count();
        let authority = &self.text[start..start + length];
        let host = authority.iter().rposition(|byte| *byte == b'@')?;
        let user = authority[..host].iter().position(|byte| *byte == b':')?;
        let password = start + user + 1..start + host;
        let is_new = !password.is_empty() && self.text[password.clone()] != *REDACTED.as_bytes();
        is_new.then_some(password)
    }
}

fn position(text: &[u8], words: &[u8]) -> Option<usize> {
    let first = words.first()?;
    let mut at = 0;
    loop {
        at += text.get(at..)?.iter().position(|byte| byte == first)?;
        if text[at..].starts_with(words) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str =
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----";

    fn keys() -> Keys {
        Keys::new([], true)
    }

    fn clean(text: &str) -> String {
        let clean = is_suspect(classes(text.as_bytes()))
            .then(|| replace(text, &keys(), true, false))
            .flatten();
        clean.unwrap_or_else(|| text.into())
    }

    /// All of the text between `<` and `>` is a secret; nothing else is.
    fn check(marked: &str) {
        let (mut text, mut expected, mut inside) = (String::new(), String::new(), false);
        for c in marked.chars() {
            match c {
                '<' => inside = true,
                '>' => {
                    inside = false;
                    expected.push_str(REDACTED);
                }
                c => {
                    text.push(c);
                    if !inside {
                        expected.push(c);
                    }
                }
            }
        }
        assert_eq!(clean(&text), expected, "of {text:?}");
        assert_eq!(clean(&expected), expected, "a second time");
    }

    #[test]
    fn each_kind_of_secret_is_found_and_nothing_around_it() {
        for marked in [
            "key <sk-abcdefghijklmnopqrstuvwx12345678> here",
            "<sk-proj-AbC_dEf-0123456789>",
            "<sk-ant-api03-aaaaaaaaaaaa>",
            "OPENAI_API_KEY=<sk-0123456789abcdef>",
            r"line\n<sk-0123456789abcdef>\n",
            "q=%20<sk-0123456789abcdef>&r",
            "my-<sk-0123456789abcdef>, <sk-0123456789abcdef>",
            "<AKIAIOSFODNN7EXAMPLE>",
            "id:<ASIAIOSFODNN7EXAMPLE>.",
            "<ghp_0123456789abcdefghijABCDEFGHIJ012345>",
            "<gho_0123456789abcdefghijABCDEFGHIJ012345> <ghs_0123456789abcdefghijABCDEFGHIJ012345>",
            "x=<github_pat_11ABCDEFG0123456789_abcdefghijklmnopqrst>",
            "<xoxb-123456789012-abcdef> <xoxa-123456789012-abcdef> <xoxp-123456789012-abcdef>",
            "<AIzaSyA0123456789abcdefghijklmnopqrstuv>",
            "Bearer <abcdefghijklmnop1234>",
            "Authorization: Basic <dTpw>",
            "authorization: bearer <x>",
            r#"{"Authorization": "<Bearer secret>"}"#,
            "-H 'Authorization: token <abc>' -H 'A: b'",
            "<eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl>.",
            "jwt=<eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.>;",
            "postgres://user:<hunter2>@db/x",
            "redis://:<p@ss>@host:6379",
            "https://<ghp_0123456789abcdefghijABCDEFGHIJ012345>:<x-oauth-basic>@github.com/a",
            &format!("before <{PEM}> after"),
            &format!("<{}>", &PEM[..40]),
            "<sk-0123456789abcdef><-----BEGIN PRIVATE KEY-----\nMII>",
            "<hf_abcdefghijklmnopqrstuvwxyzABCDEFGH> <sk_live_0123456789abcdef>",
            "ü<sk-0123456789abcdef>ü",
            r#"Login { user: "bob", password: "<hunter2>", api_key: Some("<x\"y>"), n: 1 }"#,
            r#"Outer { map: {"db-password": "<x>", "a": 1}, text: "{\"secret\": \"<y>\"}" }"#,
            r#"said {'token': '<x>'}, and Secret { token: secrets::Key("<"#,
        ] {
            check(marked);
        }
    }

    #[test]
    fn what_only_looks_like_a_secret_is_left_alone() {
        for text in [
            "task-force-0123456789abcdef",
            "risk-assessment-2024-11-22-final",
            "sk-learn",
            "sk-learn-pipeline-with-words-v2",
            "a desk-0123456789abcdefgh",
            "AKIA",
            "BAKIAIOSFODNN7EXAMPLE",
            "AKIAlowercase0000000000",
            "ghp_short",
            "the bearer of this letter",
            "Bearer authentication",
            "bearer characteristically-long-word",
            "Authorization: required",
            "authorization code flow",
            "eyJ.eyJ.x",
            "eyJhbGciOiJIUzI1NiJ9",
            "https://example.com:8080/a@b",
            "https://example.com/?q=a:b@c",
            "git@github.com:a/b",
            "file://x",
            "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----",
            "AIzaShort",
            "xoxo-hugs-and-kisses-for-all",
            "-----",
            "",
            "ümlaut: z-b_J",
            r#"Usage { prompt_tokens: 7, author: "me", token: 5, text: "a" }"#,
            "the password: ask somebody",
            r#"let password: String = "x";"#,
            r#"password: """#,
            "fn f<'token>(token: &'token str)",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn what_was_cut_is_a_secret_as_far_as_it_goes() {
        let head = format!("eyJ{}", "a".repeat(100));
        assert_eq!(
            replace(&head, &keys(), true, true).as_deref(),
            Some(REDACTED)
        );
        assert_eq!(replace(&head, &keys(), true, false), None);
    }

    #[test]
    fn long_texts_of_almost_secrets_take_no_longer_than_others() {
        for almost in [
            "sk-",
            "eyJ-",
            "://",
            "bearer ",
            "-----BEGIN ",
            "-",
            "authorization",
            "ghp_",
            ":a",
            "a:a(",
            "token:a(",
            "a: \\",
            "password: ",
            "\"token\"",
            "token: \"\"",
        ] {
            let text = almost.repeat((1 << 20) / almost.len());
            let found = find(text.as_bytes(), &keys(), true, false);
            assert!(found.len() <= 1, "{almost}: {} found", found.len());
        }
    }

    /// What a fuzzer would call: any bytes, taken for text.
    fn fuzz(keys: &Keys, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        for cut in [false, true] {
            let once = replace(&text, keys, true, cut).unwrap_or_else(|| text.clone().into());
            let twice = replace(&once, keys, true, false).unwrap_or_else(|| once.clone());
            let settled = replace(&twice, keys, true, false).unwrap_or_else(|| twice.clone());
            assert_eq!(once, twice, "of {text:?}");
            assert_eq!(twice, settled);
            if !is_suspect(classes(text.as_bytes())) {
                assert_eq!(once, text);
            }
        }
    }

    #[test]
    fn any_text_comes_out_as_text_that_stays_as_it_is() {
        const PIECES: [&str; 37] = [
            "password",
            ": \"",
            "\\\"",
            "'",
            "Some(",
            "token",
            "\\",
            "sk-",
            "proj-",
            "AKIA",
            "IOSFODNN7EXAMPLE",
            "ghp_",
            "0123456789abcdefghij",
            "xoxb-",
            "AIza",
            "Bearer ",
            "Basic ",
            "Authorization",
            ": ",
            "eyJ",
            ".",
            "-----BEGIN ",
            "PRIVATE KEY",
            "-----",
            "-----END ",
            "://",
            "user",
            ":",
            "@",
            "\\n",
            "%20",
            "\n",
            "ü",
            "\"",
            "[redacted]",
            "aB3",
            "_",
        ];
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |bound: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed as usize % bound
        };
        let keys = keys();
        for _ in 0..100_000 {
            let mut bytes = Vec::new();
            for _ in 0..next(14) {
                bytes.extend_from_slice(PIECES[next(PIECES.len())].as_bytes());
            }
            if next(4) == 0 && !bytes.is_empty() {
                let at = next(bytes.len());
                bytes[at] = next(256) as u8;
            }
            fuzz(&keys, &bytes);
        }
    }
}
