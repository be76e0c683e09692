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
    // `sk-` and a PEM block; `ghp_`; `://`; AKIA; AIza and Authorization; `eyJ`; Bearer; `?key=`; `sk%2D`; `ya29.`.
    let suspects = b"-_:IzZJbB=%9";
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
        no_encoded_before: 0,
    };
    let mut at = 0;
    while let Some(suspect) = text[at..]
        .iter()
        .position(|byte| CLASSES[usize::from(*byte)] & SUSPECT != 0)
    {
        at += suspect;
        let secret = match text[at] {
            b':' if !forms => scan.named(at),
            b'=' => scan.query(at, forms),
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
            b'%' => scan.encoded(at),
            b'9' => scan.google_token(at),
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
    no_encoded_before: usize,
}

/// How much of what stands before a colon is looked at.
const LONGEST_NAME: usize = 64;

/// How much of what stands before an encoded sign is looked at: the first word of a key.
const LONGEST_PREFIX: usize = 8;

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

    /// `sk-…`, `xoxb-…`, `xapp-…`, `glpat-…`, `xai-…`, `pplx-…`, `csk-…`, `tvly-…`
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
        if let Some(start) = self.beginning(at, 3, b"xai-") {
            return self.key(start, 4, 40, is_key);
        }
        const KEYS: [(&[u8], usize); 3] = [(b"pplx-", 24), (b"csk-", 24), (b"tvly-", 16)];
        KEYS.iter().find_map(|&(prefix, least)| {
            let start = self.beginning(at, prefix.len() - 1, prefix)?;
            self.key(start, prefix.len(), least, is_key)
        })
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

    /// `ghp_…`, `github_pat_…`, `hf_…`, `gsk_…`, `r8_…`, `fw_…`, `sk_live_…`, `npm_…`
    fn underscored(&self, at: usize) -> Option<Range<usize>> {
        const KEYS: [(&[u8], usize, usize); 16] = [
            (b"ghp_", 3, 20),
            (b"gho_", 3, 20),
            (b"ghu_", 3, 20),
            (b"ghs_", 3, 20),
            (b"ghr_", 3, 20),
            (b"github_pat_", 6, 20),
            (b"hf_", 2, 30),
            (b"gsk_", 3, 30),
            (b"npm_", 3, 30),
            (b"r8_", 2, 30),
            (b"fw_", 2, 20),
            (b"sk_live_", 2, 16),
            (b"sk_test_", 2, 16),
            (b"rk_live_", 2, 16),
            (b"rk_test_", 2, 16),
            (b"whsec_", 5, 16),
        ];
        KEYS.iter().find_map(|&(prefix, before, least)| {
            let start = self.beginning(at, before, prefix)?;
            let found = self.key(start, prefix.len(), least, is_word)?;
            // What begins so may be a name as well: of these a key has no words.
            let is_name =
                prefix == b"fw_" && self.text[start + prefix.len()..found.end].contains(&b'_');
            (!is_name).then_some(found)
        })
    }

    /// `ya29.…`
    fn google_token(&self, at: usize) -> Option<Range<usize>> {
        let start = self.beginning(at, 3, b"ya29.")?;
        self.key(start, 5, 20, is_token68)
    }

    /// A key in which `-` or `_` is percent-encoded, as in `sk%2Dproj%2D…`.
    fn encoded(&mut self, at: usize) -> Option<Range<usize>> {
        if at < self.no_encoded_before {
            return None;
        }
        encoded_sign(&self.text[at..])?;
        let before = &self.text[self.from..at];
        let word = before.iter().rev().take(LONGEST_PREFIX);
        let word = word.take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let mut start = at - word;
        if self.text[..start].ends_with(b"%") {
            // These are of an encoded character before it.
            start += word.min(2);
        }
        let mut decoded = Vec::new();
        let mut end = start;
        while let Some(&byte) = self.text.get(end) {
            let (byte, length) = match encoded_sign(&self.text[end..]) {
                Some(sign) => (sign, 3),
                None if is_key(byte) => (byte, 1),
                None => break,
            };
            decoded.push(byte);
            end += length;
        }
        self.no_encoded_before = end;
        let mut scan = Scan {
            text: &decoded,
            keys: self.keys,
            cut: self.cut,
            from: 0,
            no_sk_before: 0,
            no_jwt_before: 0,
            no_encoded_before: 0,
        };
        let sign = at - start;
        let found = scan.dashed(sign).or_else(|| scan.underscored(sign))?;
        (found.start == 0 && self.begins(start)).then_some(start..end)
    }

    /// The value of a query's parameter that has a secret name, as in `?api-key=…&sig=…`.
    fn query(&self, at: usize, forms: bool) -> Option<Range<usize>> {
        let before = &self.text[self.from..at];
        let length = before
            .iter()
            .rev()
            .take(LONGEST_NAME)
            .take_while(|byte| is_key(**byte) || **byte == b'.')
            .count();
        let (before, name) = before.split_at(before.len() - length);
        if name.is_empty()
            || !(before.ends_with(b"?") || before.ends_with(b"&") || before.ends_with(b"&amp;"))
        {
            return None;
        }
        let start = at + 1;
        let length = self.run(start, |byte| {
            !byte.is_ascii_whitespace()
                && !matches!(
                    byte,
                    b'&' | b'#' | b'"' | b'\'' | b'<' | b'>' | b')' | b'}' | b';' | b'\\' | b'`'
                )
        });
        let value = &self.text[start..start + length];
        let marks = value
            .iter()
            .rev()
            .take_while(|byte| matches!(byte, b',' | b'.' | b':'));
        let value = &value[..length - marks.count()];
        let last = name.rsplit(|byte| !byte.is_ascii_alphanumeric()).next();
        let is = |known: &str| last.is_some_and(|last| last.eq_ignore_ascii_case(known.as_bytes()));
        // Others have a key and a code as well: a secret one is long, and no word.
        let is_random =
            value.len() >= 20 || value.len() >= 8 && value.iter().any(u8::is_ascii_digit);
        let is_secret = self.keys.hit(name)
            || forms && (is("sig") || is("signature") || is_random && (is("key") || is("code")));
        let is_new = !value.is_empty() && !value.starts_with(REDACTED.as_bytes());
        (is_secret && is_new).then(|| start..start + value.len())
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

    /// `Bearer …` anywhere, also as it stands in an address, where what follows is no word.
    fn bearer(&self, at: usize) -> Option<Range<usize>> {
        let end = at + b"bearer".len();
        let word = self.text.get(at..end)?;
        if !word.eq_ignore_ascii_case(b"bearer") || !self.begins(at) {
            return None;
        }
        let is_encoded = self.starts_with(end, b"%20");
        let start = if is_encoded {
            end + b"%20".len()
        } else {
            end + self.run(end, |byte| byte == b' ')
        };
        if start == end {
            return None;
        }
        let (mut length, mut has_digit) = (0, false);
        while let Some(&byte) = self.text.get(start + length) {
            let is_sign = is_encoded && self.escapes_sign(start + length);
            if !is_sign && !is_token68(byte) {
                break;
            }
            has_digit |= byte.is_ascii_digit();
            length += if is_sign { 3 } else { 1 };
        }
        (length >= 16 && has_digit).then(|| start..start + length)
    }

    /// Whether a character that is no space is percent-encoded here.
    fn escapes_sign(&self, at: usize) -> bool {
        match self.text.get(at..).unwrap_or_default() {
            [b'%', b'2', b'0', ..] => false,
            [b'%', a, b, ..] => a.is_ascii_hexdigit() && b.is_ascii_hexdigit(),
            _ => false,
        }
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
        let mut wrapped: &[u8] = &[];
        for _ in 0..3 {
            let rest = &self.text[value..];
            let wrapper = rest
                .iter()
                .take(LONGEST_NAME)
                .take_while(|byte| is_word(**byte) || **byte == b':')
                .count();
            if wrapper > 0 && rest.get(wrapper) == Some(&b'(') {
                value += wrapper + 1;
                wrapped = &rest[..wrapper];
            }
        }
        let escapes = self.run(value, |byte| byte == b'\\');
        let quote = *self.text.get(value + escapes)?;
        let is_quote = quote == b'"' || quote == b'\'' && before.ends_with(b"'");
        if !is_quote {
            return self.wrapped(name, wrapped, value);
        }
        if name.is_empty() || !self.keys.hit(name) {
            return None;
        }
        let start = value + escapes + 1;
        let end = self.closing(start, quote, escapes);
        let is_new = start < end && self.text[start..end] != *REDACTED.as_bytes();
        is_new.then_some(start..end)
    }

    /// What stands without quotes in the parentheses of a type: `api_key: Secret(…)`. Numbers are none, and what is called
    /// just `token` may be a word of some language, unless its type says more.
    fn wrapped(&self, name: &[u8], wrapper: &[u8], start: usize) -> Option<Range<usize>> {
        let kind = wrapper.rsplit(|byte| *byte == b':').next()?;
        if name.is_empty() || !kind.first().is_some_and(u8::is_ascii_uppercase) {
            return None;
        }
        let length = self.run(start, |byte| {
            !byte.is_ascii_whitespace()
                && !matches!(byte, b'(' | b')' | b'{' | b'}' | b'"' | b'\'' | b'\\')
        });
        let said = &self.text[start..start + length];
        let after = self.text.get(start + length);
        let is_whole = matches!(after, Some(b')')) || after.is_none() && self.cut;
        let is_text = said
            .iter()
            .any(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
        let is_known = !name.eq_ignore_ascii_case(b"token") || self.keys.hit(kind);
        let is_new = !said.eq_ignore_ascii_case(REDACTED.as_bytes());
        (is_whole && is_text && is_known && is_new && self.keys.hit(name))
            .then(|| start..start + length)
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

/// The sign of a key's alphabet that is percent-encoded here.
fn encoded_sign(text: &[u8]) -> Option<u8> {
    match *text {
        [b'%', b'2', b'd' | b'D', ..] => Some(b'-'),
        [b'%', b'5', b'f' | b'F', ..] => Some(b'_'),
        _ => None,
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
            "<pplx-abcdefghijklmnopqrstuvwx01234567> <csk-abcdefghijklmnopqrstuvwx01234567>",
            "<tvly-dev-AbCdEfGhIjKlMnOp01234567>",
            "<r8_abcdefghijklmnopqrstuvwxyz01234567890> <fw_AbCdEfGhIjKlMnOp01234567>",
            "token <ya29.a0AfH6SMBabcdefghijklmnopqrst> end",
            "https://a.example/v1/x?api-key=<odd>&api-version=2024-10-21",
            "for url (https://a.example/x?code=<AbCdEfGh0123==>)",
            "x?se=2026&sig=<a%2Fb%3D>#top",
            "x?alt=sse&x-goog-api-key=<odd>, then",
            "x?alt=sse&amp;key=<odd-0123456789>",
            "x?X-Amz-Signature=<ab>&X-Amz-Security-Token=<cd>&x=1",
            "x?a=Bearer%20<abcdefghijklmnop1234%3D>&b=1",
            "q=%20<sk%2Dproj%2DAbCdEf%5F0123456789ab>&r",
            "<gsk%5fabcdefghijklmnopqrstuvwxyz0123456789>",
            "Config { api_key: Secret(<odd>), n: 1 }",
            "Config { access_token: Some(secrets::Secret(<odd>)), n: 1 }",
            "Config { token: SecretString(<odd>), n: 1 }",
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
            "x?prompt_tokens=7&max_tokens=1000000000&code=404&key=name&page_token_count=12345678",
            "x?country_code=de&primary_key=id",
            "let code=abcdefgh0123456789; if key=value0123456789abcd {}",
            "fw_version_0123456789_and_more",
            "r8_short ya29.x 1.9 pplx-small",
            "risk%2Dassessment%2D2024%2D11%2D22 task%2Dforce%2D0123456789abcdef",
            "the bearer%20of%20this%20letter",
            "Usage { max_tokens: Some(many), token: Ident(name), tokens: Tokens(a) }",
            "Login { token: Some(5), password: None, api_key: Secret([REDACTED]) }",
            "Login { password: secrets::read(file), password: Secret(two words) }",
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
            "?key=",
            "&a",
            "=",
            "a%2D",
            "sk%2D",
            "%2D",
            "bearer%20",
            "token: A(",
            "token: A(b",
            "ya29.",
            "9",
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
        const PIECES: [&str; 48] = [
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
            "?",
            "&",
            "=",
            "key",
            "sig",
            "%2D",
            "sk%2D",
            "ya29.",
            "Secret(",
            ")",
            ",",
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
