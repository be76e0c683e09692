//! Points in time as Unix nanoseconds, and how they read as text.

use chrono::{DateTime, SecondsFormat};

/// Nanoseconds since 1970-01-01T00:00:00Z; good until the year 2554.
pub type UnixNanos = u64;

/// RFC 3339 in UTC with nine digits, as the published JSON has it: `2026-11-22T05:00:00.000000000Z`.
#[must_use]
pub fn rfc3339(at: UnixNanos) -> String {
    let seconds = i64::try_from(at / 1_000_000_000).unwrap_or(i64::MAX);
    let nanos = u32::try_from(at % 1_000_000_000).unwrap_or(0);
    DateTime::from_timestamp(seconds, nanos)
        .unwrap_or(DateTime::UNIX_EPOCH)
        .to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// Reads RFC 3339; `None` before 1970, or where it is not a time.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<UnixNanos> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    u64::try_from(at.timestamp_nanos_opt()?).ok()
}

/// Milliseconds with their fraction, as the JSON gives durations.
#[must_use]
pub fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back() {
        let at = 1_795_323_600_000_000_007;
        assert_eq!(rfc3339(at), "2026-11-22T05:00:00.000000007Z");
        assert_eq!(parse_rfc3339(&rfc3339(at)), Some(at));
        assert_eq!(parse_rfc3339("1969-12-31T23:59:59Z"), None);
    }
}
