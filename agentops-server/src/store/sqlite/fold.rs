//! Texts as they are compared where capitals make no difference, in any script: a function for SQL, whose own knows the
//! letters of English alone.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

/// What SQL calls it by.
const NAME: &str = "folded";

/// A text in small letters, each by itself, so that a part of a text is a part of it folded.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(small).collect()
}

/// A letter where capitals make no difference.
pub(super) fn small(letter: char) -> impl Iterator<Item = char> {
    // The one letter that has another form at the end of words.
    letter
        .to_lowercase()
        .map(|c| if c == 'ς' { 'σ' } else { c })
}

/// Lets a connection fold.
pub(super) fn install(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function(NAME, 1, flags, |args| {
        Ok(args.get_raw(0).as_str_or_null()?.map(fold))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_make_no_difference_in_any_script() {
        for (one, other) in [
            ("GPT-4o", "gpt-4O"),
            ("Étude", "éTUDE"),
            ("ΟΔΟΣ", "οδος"),
            ("Straße", "STRAßE"),
            ("Москва", "МОСКВА"),
            ("日本語", "日本語"),
        ] {
            assert_eq!(fold(one), fold(other));
            // A part of it, too.
            let last = one.chars().last().expect("a letter");
            assert!(fold(one).contains(&fold(&last.to_string())), "{one}");
        }
        let conn = Connection::open_in_memory().expect("memory");
        install(&conn).expect("a function");
        let ask =
            |sql: &str| -> Option<String> { conn.query_row(sql, [], |row| row.get(0)).expect(sql) };
        assert_eq!(
            ask("SELECT folded('É' || char(0) || 'Z')"),
            Some("é\0z".into())
        );
        assert_eq!(ask("SELECT folded(NULL)"), None);
    }
}
