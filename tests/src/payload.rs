//! What a numbered span carries: a function of its number.
//!
//! The victims record these values, and the checker works them out again from the number alone, so that a span which
//! got another one's payload, or half of its own, is found. Knows nothing of spans.

/// A number that nothing else leads to: the finaliser of splitmix64.
#[must_use]
pub fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

/// The text that goes with a number, without an allocation: whoever records it in a loop measures that loop.
#[derive(Debug, Clone, Copy)]
pub struct Text([u8; 16]);

impl Text {
    /// Sixteen hexadecimal digits.
    #[must_use]
    pub fn of(n: u64) -> Self {
        let mixed = mix(n);
        Self(std::array::from_fn(|at| {
            b"0123456789abcdef"[(mixed >> (60 - 4 * at)) as usize & 15]
        }))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// What a numbered function returns.
#[must_use]
pub fn returned(n: u64) -> u64 {
    mix(!n)
}

/// The JSON that the arguments `n`, `text` and `odd` come to.
#[must_use]
pub fn input(n: u64) -> String {
    let (text, odd) = (Text::of(n), n % 2 == 1);
    format!("{{\"n\":{n},\"text\":\"{}\",\"odd\":{odd}}}", text.as_str())
}

/// The JSON that the return value comes to.
#[must_use]
pub fn output(n: u64) -> String {
    returned(n).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_payloads_of_their_own() {
        assert_eq!(Text::of(0).as_str(), format!("{:016x}", mix(0)));
        assert_eq!(
            input(1),
            format!(
                "{{\"n\":1,\"text\":\"{}\",\"odd\":true}}",
                Text::of(1).as_str()
            )
        );
        assert_ne!(output(1), output(2));
    }
}
