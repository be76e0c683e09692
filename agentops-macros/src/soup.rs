//! Attributes over whatever tokens there may be.
//!
//! No arguments and no item make a macro panic, and nothing of the item is lost: it comes back as it was beside what is
//! wrong with it, or its body is in the expansion. Bytes choose the tokens, so that a fuzzer can, too.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};
use quote::quote;

use crate::args::Word;
use crate::expand::{annotate, skip};

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_in_comes_out(data in vec(any::<u8>(), 0..48)) {
        anything(&data);
    }
}

#[test]
fn half_typed_bodies_come_out() {
    for body in [
        "a.",
        "let x =",
        "if",
        "match a {",
        "return",
        "#![",
        "a.b(",
        "|",
        "Box::pin(async move {",
        "Box::pin(a.",
    ] {
        // What is open is closed before a macro sees it.
        let closed: String = body.chars().rev().filter_map(closing).collect();
        let body = format!("{body}{closed}");
        let body: TokenStream = body.parse().expect("balanced tokens");
        for item in [
            quote!(fn f(a: &str) -> usize { #body }),
            quote!(async fn f(a: &str) -> usize { #body }),
            quote!(fn f(a: &str) -> Pin<Box<dyn Future<Output = usize>>> { #body }),
            quote!(fn f(a: &str) -> impl Stream<Item = usize> { #body }),
            quote!(impl X { fn f(&self, a: &str) -> usize { #body } }),
        ] {
            comes_out(Word::Tool, TokenStream::new(), item);
        }
    }
}

fn closing(open: char) -> Option<char> {
    match open {
        '(' => Some(')'),
        '[' => Some(']'),
        '{' => Some('}'),
        _ => None,
    }
}

/// One use of an attribute, by bytes: for a fuzzer, too.
fn anything(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let mut next = || bytes.next().unwrap_or_default();
    let word = WORDS[usize::from(next()) % WORDS.len()];
    let (form, cut) = (next(), usize::from(next()));
    let rest: Vec<u8> = bytes.collect();
    let (arguments, item) = rest.split_at(cut.min(rest.len()) / 2);
    let (arguments, soup) = (tokens(arguments), tokens(item));
    let (half, other) = item.split_at(item.len() / 2);
    let (half, other) = (tokens(half), tokens(other));
    let item = match form % 10 {
        0 => soup,
        1 => quote!(fn f(a: u8) { #soup }),
        2 => quote!(async fn f(#half) -> T { #other }),
        3 => quote!(fn f(a: u8) -> #half { #other }),
        4 => quote!(impl X { #soup }),
        5 => quote!(impl #half for X { fn f(&self) { #other } }),
        6 => quote!(mod m { #soup }),
        7 => quote!(#half fn f<T>(self, (a, b): T) -> Result<T, E> { #other }),
        8 => quote!(struct S { #soup }),
        _ => quote!(fn f() #half { #other }),
    };
    comes_out(word, arguments, item);
}

const WORDS: [Word; 5] = [
    Word::Tool,
    Word::Agent,
    Word::Session,
    Word::Llm,
    Word::Main,
];

#[track_caller]
fn comes_out(word: Word, arguments: TokenStream, item: TokenStream) {
    let text = item.to_string();
    let skipped = skip(&arguments, item.clone()).to_string();
    assert!(skipped.ends_with(&text), "{skipped}");
    let given = arguments.to_string();
    let out = annotate(word, arguments, item.clone()).to_string();
    if out.ends_with(&text) {
        return;
    }
    assert!(
        !out.contains("compile_error"),
        "{word}({given}) lost {text} and gave {out}"
    );
    for body in bodies(item) {
        assert!(
            out.contains(&body),
            "{word}({given}) lost {body} of {text} and gave {out}"
        );
    }
}

/// What stands between the braces of functions, at the top of an item or of a block.
fn bodies(item: TokenStream) -> Vec<String> {
    let Some(TokenTree::Group(last)) = item.clone().into_iter().last() else {
        return Vec::new();
    };
    let has_functions = item
        .into_iter()
        .any(|tree| matches!(tree, TokenTree::Ident(ident) if ident == "impl" || ident == "mod"));
    if has_functions {
        return Vec::new();
    }
    // Attributes of the function stand above its statements, and a box stays around what is wrapped in it.
    let text = last.stream().to_string();
    let boxed = text
        .strip_prefix("Box :: pin (")
        .and_then(|rest| rest.strip_suffix(')'));
    match boxed {
        Some(inside) => vec![inside.trim().to_owned()],
        None if text.starts_with('#') => Vec::new(),
        None => vec![text],
    }
}

/// One token for each byte; some open a group, and some close it.
fn tokens(data: &[u8]) -> TokenStream {
    let mut open: Vec<(Delimiter, TokenStream)> = vec![(Delimiter::None, TokenStream::new())];
    for byte in data {
        let choice = usize::from(*byte);
        if choice < 32 {
            let delimiters = [
                Delimiter::Parenthesis,
                Delimiter::Brace,
                Delimiter::Bracket,
                Delimiter::None,
            ];
            open.push((delimiters[choice % 4], TokenStream::new()));
        } else if choice < 64 {
            close(&mut open);
        } else {
            let text = TOKENS[choice % TOKENS.len()];
            let token: TokenStream = text.parse().expect("a token");
            open.last_mut()
                .expect("the outermost stays")
                .1
                .extend(token);
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    open.remove(0).1
}

fn close(open: &mut Vec<(Delimiter, TokenStream)>) {
    if open.len() > 1 {
        let (delimiter, tokens) = open.pop().expect("there are two");
        let group = TokenTree::from(Group::new(delimiter, tokens));
        open.last_mut()
            .expect("the outermost stays")
            .1
            .extend([group]);
    }
}

const TOKENS: [&str; 96] = [
    "fn",
    "impl",
    "mod",
    "async",
    "unsafe",
    "const",
    "extern",
    "\"C\"",
    "pub",
    "struct",
    "where",
    "for",
    "dyn",
    "Self",
    "self",
    "mut",
    "ref",
    "move",
    "return",
    "let",
    "match",
    "static",
    "type",
    "use",
    "enum",
    "union",
    "trait",
    "crate",
    "default",
    "safe",
    "auto",
    "await",
    "a",
    "b",
    "f",
    "T",
    "r#type",
    "_",
    "Box",
    "Pin",
    "pin",
    "Result",
    "Stream",
    "Future",
    "Iterator",
    "Output",
    "Item",
    "name",
    "skip",
    "skip_all",
    "capture",
    "attributes",
    "returns",
    "tags",
    "level",
    "parent",
    "links",
    "boxed",
    "cost",
    "version",
    "err",
    "tool",
    "agent",
    "agentops",
    "session",
    "main",
    "nmae",
    "fields",
    "1",
    "1.5",
    "true",
    "\"x\"",
    "\"\"",
    "'c'",
    "b\"y\"",
    "'a",
    "#",
    "!",
    "=",
    ",",
    ";",
    ":",
    "::",
    "->",
    "=>",
    "<",
    ">",
    "&",
    "*",
    "?",
    "|",
    ".",
    "..",
    "...",
    "@",
    "%",
];

#[test]
fn identifiers_are_not_confused() {
    let raw = Ident::new_raw("type", Span::call_site());
    comes_out(
        Word::Tool,
        quote!(skip(#raw)),
        quote!(fn f(#raw: u8) { #raw }),
    );
}
