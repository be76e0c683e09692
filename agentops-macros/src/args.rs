//! The arguments of an attribute: their words, forms and duplicates.
//!
//! First stage: tokens between the parentheses become [`Arguments`].
//! Knows nothing of the item below the attribute; what depends on both is checked later.

use std::fmt;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{self, Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{
    Error, Expr, ExprLit, ExprPath, Ident, Lit, LitFloat, LitStr, Path, Token, parenthesized, token,
};

use crate::error::Errors;

/// An attribute by the word that the user typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Session,
    Trace,
    Agent,
    Workflow,
    Operation,
    Task,
    Tool,
    Llm,
    Guardrail,
    Instrument,
    Main,
}

impl Word {
    const ALL: [(&'static str, Word); 11] = [
        ("session", Word::Session),
        ("trace", Word::Trace),
        ("agent", Word::Agent),
        ("workflow", Word::Workflow),
        ("operation", Word::Operation),
        ("task", Word::Task),
        ("tool", Word::Tool),
        ("llm", Word::Llm),
        ("guardrail", Word::Guardrail),
        ("instrument", Word::Instrument),
        ("main", Word::Main),
    ];

    /// The attribute that gives its item a kind, if `ident` is one.
    pub(crate) fn kind(ident: &Ident) -> Option<Word> {
        let (_, word) = Word::ALL.iter().find(|(text, _)| ident == text)?;
        (*word != Word::Main).then_some(*word)
    }

    /// Whether both give the same kind.
    pub(crate) fn same_kind(self, other: Word) -> bool {
        let plain = |word| {
            if word == Word::Trace {
                Word::Session
            } else {
                word
            }
        };
        plain(self) == plain(other)
    }

    fn takes(self, argument: &str) -> bool {
        if self == Word::Main {
            return ["name", "tags", "crate"].contains(&argument);
        }
        ARGUMENTS
            .iter()
            .any(|(name, words)| *name == argument && (words.is_empty() || words.contains(&self)))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Word::ALL
            .iter()
            .find(|(_, word)| word == self)
            .map_or("", |(text, _)| text);
        // Words that others use for attributes of their own are typed with the path.
        let path = match self {
            Word::Main | Word::Instrument => "agentops::",
            _ => "",
        };
        write!(f, "`#[{path}{text}]`")
    }
}

/// Every argument, with the attributes that take it; none stands for every kind.
const ARGUMENTS: [(&str, &[Word]); 23] = [
    ("name", &[]),
    ("skip", &[]),
    ("skip_all", &[]),
    ("capture", &[]),
    ("capture_args", &[]),
    ("capture_return", &[]),
    ("attributes", &[]),
    ("returns", &[]),
    ("tags", &[]),
    ("version", &[]),
    ("err", &[]),
    ("level", &[]),
    ("parent", &[]),
    ("links", &[]),
    ("boxed", &[]),
    ("crate", &[]),
    ("cost", &[Word::Tool]),
    ("description", &[Word::Tool]),
    ("model", &[Word::Llm, Word::Agent]),
    ("provider", &[Word::Llm]),
    (
        "operation_type",
        &[Word::Operation, Word::Task, Word::Instrument],
    ),
    ("spec", &[Word::Guardrail]),
    ("role", &[Word::Agent]),
];

/// Words that people know from other libraries, with what to write instead: tracing's, fastrace's, AgentOps', OpenTelemetry's.
const ELSEWHERE: [(&str, &str); 26] = [
    ("fields", "write `attributes(key = expression)`"),
    ("properties", "write `attributes(key = expression)`"),
    ("metadata", "write `attributes(key = expression)`"),
    ("attrs", "write `attributes(key = expression)`"),
    (
        "ret",
        "the return value is recorded unless `capture_return = false` says otherwise",
    ),
    ("capture_response", "write `capture_return = false`"),
    ("capture_result", "write `capture_return = false`"),
    ("capture_request", "write `capture_args = false`"),
    ("capture_input", "write `capture_args = false`"),
    ("capture_output", "write `capture_return = false`"),
    (
        "error",
        "errors are recorded unless `err = false` says otherwise",
    ),
    ("target", "the path of the module is recorded without it"),
    ("follows_from", "write `links = expression`"),
    ("link", "write `links = expression`"),
    (
        "short_name",
        "a span has the function's name alone unless `name = \"x\"` gives it another",
    ),
    (
        "enter_on_poll",
        "a span covers its future until that is ready or dropped",
    ),
    (
        "kind",
        "the attribute itself says the kind, as `#[tool]` or `#[llm]`",
    ),
    ("system", "write `provider = \"x\"`"),
    ("vendor", "write `provider = \"x\"`"),
    ("price", "write `cost = 0.01` on `#[tool]`"),
    ("prompt", "arguments are recorded without it"),
    ("ignore", "write `skip(a, b)`"),
    ("exclude", "write `skip(a, b)`"),
    ("only", "write `capture(a, b)`"),
    ("include", "write `capture(a, b)`"),
    ("tag", "write `tags = [\"a\", \"b\"]`"),
];

/// What stands between an attribute's parentheses.
#[derive(Clone, Default)]
pub(crate) struct Arguments {
    given: Vec<Ident>,
    pub(crate) name: Option<Expr>,
    pub(crate) skip: Vec<Ident>,
    pub(crate) skip_all: bool,
    pub(crate) capture: Option<Vec<Ident>>,
    pub(crate) no_arguments: bool,
    pub(crate) no_return: bool,
    pub(crate) no_error: bool,
    pub(crate) attributes: Vec<Pair>,
    pub(crate) returns: Vec<Pair>,
    pub(crate) tags: Vec<Expr>,
    pub(crate) level: Option<&'static str>,
    pub(crate) parent: Option<Expr>,
    pub(crate) links: Option<Expr>,
    pub(crate) boxed: bool,
    pub(crate) runtime: Option<Path>,
    /// Constants that the callsite keeps, by the argument's own word.
    pub(crate) constants: Vec<(&'static str, Expr)>,
}

/// `key = expr`, where the key may be dotted text.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) key: LitStr,
    pub(crate) value: Expr,
}

impl Arguments {
    pub(crate) fn parse(word: Word, tokens: TokenStream, errors: &mut Errors) -> Arguments {
        let mut arguments = Arguments::default();
        each(word, tokens, errors, |input, errors| {
            arguments.parse_one(word, input, errors)
        });
        arguments
    }

    /// Where the user wrote an argument.
    pub(crate) fn given(&self, argument: &str) -> Option<&Ident> {
        self.given.iter().find(|key| *key == argument)
    }

    /// All that the user wrote.
    pub(crate) fn all_given(&self) -> &[Ident] {
        &self.given
    }

    /// What a block's arguments say about methods that have none of their own.
    /// In an agent's block the constants and tags describe the agent.
    pub(crate) fn inherited(&self, agent: bool) -> Arguments {
        Arguments {
            name: None,
            tags: if agent { Vec::new() } else { self.tags.clone() },
            constants: if agent {
                Vec::new()
            } else {
                self.constants.clone()
            },
            ..self.clone()
        }
    }

    fn parse_one(
        &mut self,
        word: Word,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        if input.peek(Lit) {
            return Err(input.error(format!(
                "unexpected literal in {word}; write `name = \"x\"`"
            )));
        }
        let Ok(ident) = input.call(Ident::parse_any) else {
            let message = format!("{word} expects arguments; write them as `name = \"x\"`");
            return Err(input.error(message));
        };
        if input.peek(Token![-]) {
            let (typed, text) = dashed(ident, input);
            errors.at(typed, unknown(word, &text));
            skip_value(input);
            return Ok(());
        }
        let Some(&(known, _)) = ARGUMENTS
            .iter()
            .find(|(known, _)| ident == known && word.takes(known))
        else {
            errors.at(&ident, unknown(word, &ident.unraw().to_string()));
            skip_value(input);
            return Ok(());
        };
        let key = Key { word, ident };
        if let Some(first) = self.given(known) {
            errors.at(
                &key.ident,
                format!("duplicate argument `{known}` for {word}"),
            );
            errors.at(first, format!("`{known}` for {word} is first given here"));
            return Arguments::default().parse_value(known, &key, input);
        }
        self.given.push(key.ident.clone());
        self.parse_value(known, &key, input)
    }

    fn parse_value(
        &mut self,
        known: &'static str,
        key: &Key<Word>,
        input: ParseStream<'_>,
    ) -> syn::Result<()> {
        match known {
            "name" => self.name = Some(key.text(input)?),
            "skip" => self.skip = key.names(input)?,
            "skip_all" => self.skip_all = key.flag(input)?,
            "capture" => self.capture = Some(key.names(input)?),
            "capture_args" => self.no_arguments = !key.boolean(input)?,
            "capture_return" => self.no_return = !key.boolean(input)?,
            "err" if !input.peek(Token![=]) => {
                return Err(Error::new_spanned(
                    &key.ident,
                    format!(
                        "errors are recorded without `err` in {}; remove it, or write `err = false`",
                        key.word
                    ),
                ));
            }
            "err" => self.no_error = !key.boolean(input)?,
            "attributes" => {
                let what = "keys and values; write `attributes(key = expression)`";
                self.attributes = key.pairs(input, what, Pair::attribute)?;
            }
            "returns" => {
                let what = "keys and closures; write `returns(key = |value| expression)`";
                self.returns = key.pairs(input, what, Pair::keyed)?;
            }
            "tags" => self.tags = key.texts(input)?,
            "level" => self.level = Some(key.one_of(input, &LEVELS, str::eq_ignore_ascii_case)?.0),
            "parent" => self.parent = Some(key.expression(input, "an expression")?),
            "links" => self.links = Some(key.expression(input, "an expression")?),
            "boxed" => self.boxed = key.flag(input)?,
            "crate" => self.runtime = Some(key.path(input)?),
            "version" => self.constants.push((known, key.version(input)?)),
            "cost" => self.constants.push((known, key.number(input)?)),
            "spec" => self
                .constants
                .push((known, key.one_of(input, &SPECS, str::eq)?.1)),
            _ => self.constants.push((known, key.text(input)?)),
        }
        Ok(())
    }
}

/// As the variants of the runtime's type spell them.
const LEVELS: [&str; 5] = ["Trace", "Debug", "Info", "Warn", "Error"];
const SPECS: [&str; 2] = ["input", "output"];

/// An argument's word, before its value is read.
pub(crate) struct Key<W> {
    /// Whose argument it is.
    pub(crate) word: W,
    pub(crate) ident: Ident,
}

impl<W: fmt::Display> Key<W> {
    pub(crate) fn expects(&self, what: &str) -> String {
        format!("`{}` of {} expects {what}", self.ident, self.word)
    }

    fn expression(&self, input: ParseStream<'_>, what: &str) -> syn::Result<Expr> {
        if !input.peek(Token![=]) {
            let message = format!("{}; write `{} = …`", self.expects(what), self.ident);
            return Err(Error::new_spanned(&self.ident, message));
        }
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(Error::new_spanned(&self.ident, self.expects(what)));
        }
        let ahead = input.fork();
        let expr = ahead.parse().map_err(|_| input.error(self.expects(what)))?;
        input.advance_to(&ahead);
        Ok(ungrouped(expr))
    }

    pub(crate) fn text(&self, input: ParseStream<'_>) -> syn::Result<Expr> {
        self.as_text(self.expression(input, "a string")?, "a string")
    }

    fn texts(&self, input: ParseStream<'_>) -> syn::Result<Vec<Expr>> {
        let what = "a list of strings such as `[\"a\", \"b\"]`";
        match self.expression(input, what)? {
            Expr::Array(array) => array
                .elems
                .into_iter()
                .map(|elem| self.as_text(ungrouped(elem), what))
                .collect(),
            other => Err(Error::new_spanned(other, self.expects(what))),
        }
    }

    /// A string, or what can be a constant one: a path, or a macro such as `concat!`.
    fn as_text(&self, expr: Expr, what: &str) -> syn::Result<Expr> {
        match &expr {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) if text.value().trim().is_empty() => Err(Error::new_spanned(
                text,
                format!("`{}` of {} cannot be empty", self.ident, self.word),
            )),
            Expr::Lit(ExprLit {
                lit: Lit::Str(_), ..
            })
            | Expr::Path(_)
            | Expr::Macro(_) => Ok(expr),
            _ => Err(Error::new_spanned(expr, self.expects(what))),
        }
    }

    fn version(&self, input: ParseStream<'_>) -> syn::Result<Expr> {
        let what = "a string or a whole number";
        match self.expression(input, what)? {
            Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                attrs,
            }) if number.suffix().is_empty() => {
                let text = LitStr::new(number.base10_digits(), number.span());
                Ok(Expr::Lit(ExprLit {
                    attrs,
                    lit: Lit::Str(text),
                }))
            }
            other => self.as_text(other, what),
        }
    }

    /// Money may be written as a whole number; the callsite keeps it as a float.
    fn number(&self, input: ParseStream<'_>) -> syn::Result<Expr> {
        let what = "a number from 0, in US dollars for each call";
        match self.expression(input, what)? {
            Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                attrs,
            }) if number.suffix().is_empty() => {
                let float = LitFloat::new(&format!("{}.0", number.base10_digits()), number.span());
                Ok(Expr::Lit(ExprLit {
                    attrs,
                    lit: Lit::Float(float),
                }))
            }
            Expr::Lit(ExprLit { lit, .. }) if !matches!(lit, Lit::Float(_)) => {
                Err(Error::new_spanned(lit, self.expects(what)))
            }
            Expr::Unary(negative) if matches!(negative.op, syn::UnOp::Neg(_)) => {
                Err(Error::new_spanned(negative, self.expects(what)))
            }
            other => Ok(other),
        }
    }

    fn boolean(&self, input: ParseStream<'_>) -> syn::Result<bool> {
        let what = "`true` or `false`";
        match self.expression(input, what)? {
            Expr::Lit(ExprLit {
                lit: Lit::Bool(value),
                ..
            }) => Ok(value.value),
            other => Err(Error::new_spanned(other, self.expects(what))),
        }
    }

    fn one_of(
        &self,
        input: ParseStream<'_>,
        choices: &[&'static str],
        same: fn(&str, &str) -> bool,
    ) -> syn::Result<(&'static str, Expr)> {
        let quoted: Vec<String> = choices
            .iter()
            .map(|choice| format!("{:?}", choice.to_lowercase()))
            .collect();
        let (last, others) = quoted.split_last().expect("there is always a choice");
        let what = format!("{} or {last}", others.join(", "));
        let expr = self.expression(input, &what)?;
        if let Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) = &expr
            && let Some(choice) = choices.iter().find(|choice| same(choice, &text.value()))
        {
            return Ok((choice, expr));
        }
        Err(Error::new_spanned(expr, self.expects(&what)))
    }

    pub(crate) fn flag(&self, input: ParseStream<'_>) -> syn::Result<bool> {
        if input.is_empty() || input.peek(Token![,]) {
            return Ok(true);
        }
        Err(input.error(format!("`{}` of {} takes no value", self.ident, self.word)))
    }

    pub(crate) fn path(&self, input: ParseStream<'_>) -> syn::Result<Path> {
        let what = "a path; write `crate = some::path`";
        if !input.peek(Token![=]) {
            return Err(Error::new_spanned(&self.ident, self.expects(what)));
        }
        input.parse::<Token![=]>()?;
        input
            .call(Path::parse_mod_style)
            .map_err(|error| Error::new(error.span(), self.expects(what)))
    }

    fn names(&self, input: ParseStream<'_>) -> syn::Result<Vec<Ident>> {
        let what = format!("names of arguments; write `{}(a, b)`", self.ident);
        self.list(input, &what, |input| {
            let name = input.call(Ident::parse_any);
            let name = name.map_err(|error| Error::new(error.span(), self.expects(&what)))?;
            if input.peek(Token![.]) {
                let message = format!(
                    "{}; write `{}({name})`",
                    self.expects("names of whole arguments"),
                    self.ident
                );
                return Err(input.error(message));
            }
            Ok(name)
        })
    }

    fn pairs(
        &self,
        input: ParseStream<'_>,
        what: &str,
        pair: fn(ParseStream<'_>) -> syn::Result<Pair>,
    ) -> syn::Result<Vec<Pair>> {
        let mut keys: Vec<String> = Vec::new();
        let pairs = self.list(input, what, |input| {
            self.of_tracings_form(input)?;
            self.without_quotes(input)?;
            let pair = pair(input).map_err(|error| Error::new(error.span(), self.expects(what)))?;
            let key = pair.key.value();
            if key.trim().is_empty() {
                let message = format!("a key in `{}` of {} cannot be empty", self.ident, self.word);
                return Err(Error::new_spanned(&pair.key, message));
            }
            if keys.contains(&key) {
                let message = format!("duplicate key `{key}` in `{}` of {}", self.ident, self.word);
                return Err(Error::new_spanned(&pair.key, message));
            }
            keys.push(key);
            Ok(pair)
        })?;
        Ok(pairs)
    }

    /// What `tracing` asks for before a value.
    fn of_tracings_form(&self, input: ParseStream<'_>) -> syn::Result<()> {
        let assigned = input.peek2(Token![=]) && (input.peek3(Token![%]) || input.peek3(Token![?]));
        if !assigned && !input.peek(Token![%]) && !input.peek(Token![?]) {
            return Ok(());
        }
        let sigil = input.step(|cursor| {
            let mut rest = *cursor;
            while let Some((tree, next)) = rest.token_tree() {
                rest = next;
                if matches!(&tree, TokenTree::Punct(punct) if ['%', '?'].contains(&punct.as_char()))
                {
                    return Ok((tree, rest));
                }
            }
            Err(cursor.error(""))
        })?;
        let message = format!(
            "`{}` of {} records each value as its type offers; remove the `{sigil}`",
            self.ident, self.word
        );
        Err(Error::new_spanned(sigil, message))
    }

    /// A key with dots that is no text.
    fn without_quotes(&self, input: ParseStream<'_>) -> syn::Result<()> {
        if !(input.peek(Ident::peek_any) && input.peek2(Token![.])) {
            return Ok(());
        }
        let key = Punctuated::<Ident, Token![.]>::parse_separated_nonempty_with;
        let key = key(input, Ident::parse_any)
            .map_err(|error| Error::new(error.span(), self.expects("keys and values")))?;
        let text: Vec<String> = key.iter().map(|part| part.unraw().to_string()).collect();
        let message = format!(
            "a key with dots in `{}` of {} is text; write `\"{}\" = …`",
            self.ident,
            self.word,
            text.join(".")
        );
        Err(Error::new_spanned(key, message))
    }

    pub(crate) fn list<T>(
        &self,
        input: ParseStream<'_>,
        what: &str,
        mut element: impl FnMut(ParseStream<'_>) -> syn::Result<T>,
    ) -> syn::Result<Vec<T>> {
        if !input.peek(token::Paren) {
            return Err(Error::new_spanned(&self.ident, self.expects(what)));
        }
        let content;
        parenthesized!(content in input);
        let mut elements = Vec::new();
        let mut mistakes: Option<Error> = None;
        while !content.is_empty() {
            let element = element(&content).and_then(|element| {
                if content.is_empty() || content.peek(Token![,]) {
                    return Ok(element);
                }
                Err(content.error(self.expects(what)))
            });
            match (element, &mut mistakes) {
                (Ok(element), _) => elements.push(element),
                (Err(error), Some(mistakes)) => mistakes.combine(error),
                (Err(error), None) => mistakes = Some(error),
            }
            skip_to_comma(&content);
            content.parse::<Option<Token![,]>>()?;
        }
        mistakes.map_or(Ok(elements), Err)
    }
}

impl Pair {
    fn keyed(input: ParseStream<'_>) -> syn::Result<Pair> {
        let key = if input.peek(LitStr) {
            input.parse()?
        } else {
            let ident = input.call(Ident::parse_any)?;
            LitStr::new(&ident.unraw().to_string(), ident.span())
        };
        input.parse::<Token![=]>()?;
        Ok(Pair {
            key,
            value: input.parse()?,
        })
    }

    /// Also an argument's name alone, which stands for itself.
    fn attribute(input: ParseStream<'_>) -> syn::Result<Pair> {
        if !input.peek(Ident) || !(input.peek2(Token![,]) || input.peek2(parse::End)) {
            return Pair::keyed(input);
        }
        let ident: Ident = input.parse()?;
        let key = LitStr::new(&ident.unraw().to_string(), ident.span());
        Ok(Pair {
            key,
            value: Expr::Path(ExprPath {
                attrs: Vec::new(),
                qself: None,
                path: ident.into(),
            }),
        })
    }
}

/// Reads what stands between commas, one after another, whatever is wrong with some of it.
pub(crate) fn each(
    word: impl fmt::Display,
    tokens: TokenStream,
    errors: &mut Errors,
    mut one: impl FnMut(ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) {
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Err(error) = one(input, errors) {
                errors.push(error);
                skip_to_comma(input);
            } else if !input.is_empty() && !input.peek(Token![,]) {
                errors.push(input.error(format!("expected `,` between the arguments of {word}")));
                skip_to_comma(input);
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        errors.push(error);
    }
}

/// The name among `known` that was probably meant: most of it was typed, in whatever case.
pub(crate) fn similar<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    let close = |name: &&str| distance(&text, &name.to_lowercase());
    known
        .into_iter()
        .min_by_key(close)
        .filter(|name| close(name) <= 2 && close(name) < text.chars().count())
}

/// A word with dashes in it, as other notations have them.
fn dashed(first: Ident, input: ParseStream<'_>) -> (TokenStream, String) {
    let mut text = first.unraw().to_string();
    let mut typed = TokenStream::from(TokenTree::from(first));
    while let Ok(dash) = input.parse::<Token![-]>() {
        text.push('-');
        typed.extend(dash.into_token_stream());
        if let Ok(next) = input.call(Ident::parse_any) {
            text += &next.to_string();
            typed.extend([TokenTree::from(next)]);
        }
    }
    (typed, text)
}

fn unknown(word: Word, text: &str) -> String {
    if let Some((_, words)) = ARGUMENTS.iter().find(|(name, _)| *name == text)
        && !words.is_empty()
    {
        let owners: Vec<String> = words.iter().map(ToString::to_string).collect();
        return format!(
            "`{text}` belongs to {}, not to {word}",
            owners.join(" and ")
        );
    }
    if let Some((_, instead)) = ELSEWHERE.iter().find(|(name, _)| *name == text)
        && word != Word::Main
    {
        return format!("unknown argument `{text}` for {word}; {instead}");
    }
    let known: Vec<&str> = ARGUMENTS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| word.takes(name))
        .collect();
    let hint = similar(text, known.iter().copied())
        .map_or(String::new(), |name| format!("; did you mean `{name}`?"));
    format!(
        "unknown argument `{text}` for {word}{hint} (known: {})",
        known.join(", ")
    )
}

/// Edit distance of Levenshtein.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// A macro's fragments arrive in invisible groups.
fn ungrouped(mut expr: Expr) -> Expr {
    while let Expr::Group(group) = expr {
        expr = *group.expr;
    }
    expr
}

/// Passes the value of an argument that is not known, so that the next one can be read.
pub(crate) fn skip_value(input: ParseStream<'_>) {
    let ahead = input.fork();
    if ahead.parse::<Token![=]>().is_ok() && Expr::parse(&ahead).is_ok() {
        input.advance_to(&ahead);
    } else {
        skip_to_comma(input);
    }
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<proc_macro2::TokenTree>().is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn parse(word: Word, tokens: TokenStream) -> (Arguments, Vec<String>) {
        let mut errors = Errors::default();
        let arguments = Arguments::parse(word, tokens, &mut errors);
        (arguments, errors.messages())
    }

    #[track_caller]
    fn check(word: Word, tokens: TokenStream, expected: &[&str]) {
        assert_eq!(parse(word, tokens).1, expected);
    }

    #[test]
    fn everything_at_once() {
        let (arguments, errors) = parse(
            Word::Tool,
            quote! {
                name = "x", skip(a, r#type), capture_args = true, capture_return = false, err = false, level = "WaRn",
                attributes(a, k = f::<A, B>(a), "dotted.key" = 1), returns(n = |value| value.len(),), tags = ["a", B],
                version = 0x10, parent = p::<A, B>(), links = [l], boxed, crate = a::b, cost = 1, description = concat!("d"),
            },
        );
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(arguments.skip, ["a", "r#type"]);
        assert!(
            arguments.no_return && arguments.no_error && arguments.boxed && !arguments.no_arguments
        );
        assert_eq!(arguments.level, Some("Warn"));
        let keys: Vec<String> = arguments
            .attributes
            .iter()
            .map(|pair| pair.key.value())
            .collect();
        assert_eq!(keys, ["a", "k", "dotted.key"]);
        let constants: Vec<String> = arguments
            .constants
            .iter()
            .map(|(word, value)| format!("{word} {}", value.to_token_stream()))
            .collect();
        assert_eq!(
            constants,
            ["version \"16\"", "cost 1.0", "description concat ! (\"d\")"]
        );
    }

    #[test]
    fn unknown_words_are_reported_with_what_is_known() {
        let known = "(known: name, tags, crate)";
        check(
            Word::Main,
            quote!(nmae = "x"),
            &[&format!(
                "unknown argument `nmae` for `#[agentops::main]`; did you mean `name`? {known}"
            )],
        );
        check(
            Word::Main,
            quote!(skip_all),
            &[&format!(
                "unknown argument `skip_all` for `#[agentops::main]` {known}"
            )],
        );
        check(
            Word::Agent,
            quote!(cost = 1),
            &["`cost` belongs to `#[tool]`, not to `#[agent]`"],
        );
        check(
            Word::Tool,
            quote!(model = "m"),
            &["`model` belongs to `#[llm]` and `#[agent]`, not to `#[tool]`"],
        );
    }

    #[test]
    fn dashes_are_part_of_a_word() {
        let (arguments, errors) = parse(Word::Main, quote!(default-tags = ["a"], na-me = "x", -));
        assert!(arguments.all_given().is_empty());
        let known = "(known: name, tags, crate)";
        assert_eq!(
            errors,
            [
                format!("unknown argument `default-tags` for `#[agentops::main]` {known}"),
                format!(
                    "unknown argument `na-me` for `#[agentops::main]`; did you mean `name`? {known}"
                ),
                "`#[agentops::main]` expects arguments; write them as `name = \"x\"`".to_owned(),
            ]
        );
    }

    #[test]
    fn every_mistake_is_reported() {
        check(
            Word::Tool,
            quote!(
                "x",
                name = 3,
                capture_args = "no",
                name = "a",
                tags = "a",
                5 + 5,
                skip = a,
                boxed = true
            ),
            &[
                "unexpected literal in `#[tool]`; write `name = \"x\"`",
                "`name` of `#[tool]` expects a string",
                "`capture_args` of `#[tool]` expects `true` or `false`",
                "duplicate argument `name` for `#[tool]`",
                "`name` for `#[tool]` is first given here",
                "`tags` of `#[tool]` expects a list of strings such as `[\"a\", \"b\"]`",
                "unexpected literal in `#[tool]`; write `name = \"x\"`",
                "`skip` of `#[tool]` expects names of arguments; write `skip(a, b)`",
                "`boxed` of `#[tool]` takes no value",
            ],
        );
    }

    #[test]
    fn every_mistake_of_a_list_is_reported() {
        let names = "`skip` of `#[tool]` expects names of arguments; write `skip(a, b)`";
        let whole = "`skip` of `#[tool]` expects names of whole arguments; write `skip(c)`";
        check(
            Word::Tool,
            quote!(skip(&a, b, c.d, 3)),
            &[names, whole, names],
        );
        let pairs = "`attributes` of `#[tool]` expects keys and values; write `attributes(key = expression)`";
        check(
            Word::Tool,
            quote!(attributes(a: 1, b = 2 3, c = 1, c = 2, "" = 1)),
            &[
                pairs,
                pairs,
                "duplicate key `c` in `attributes` of `#[tool]`",
                "a key in `attributes` of `#[tool]` cannot be empty",
            ],
        );
    }

    #[test]
    fn values_are_checked() {
        check(
            Word::Tool,
            quote!(name = ""),
            &["`name` of `#[tool]` cannot be empty"],
        );
        check(
            Word::Tool,
            quote!(name),
            &["`name` of `#[tool]` expects a string; write `name = …`"],
        );
        check(
            Word::Tool,
            quote!(name =),
            &["`name` of `#[tool]` expects a string"],
        );
        check(
            Word::Tool,
            quote!(name = "a" cost = 1),
            &["expected `,` between the arguments of `#[tool]`"],
        );
        check(
            Word::Tool,
            quote!(cost = "1"),
            &["`cost` of `#[tool]` expects a number from 0, in US dollars for each call"],
        );
        check(
            Word::Tool,
            quote!(cost = -0.5),
            &["`cost` of `#[tool]` expects a number from 0, in US dollars for each call"],
        );
        check(
            Word::Tool,
            quote!(version = 1.5),
            &["`version` of `#[tool]` expects a string or a whole number"],
        );
        check(
            Word::Guardrail,
            quote!(spec = "both"),
            &["`spec` of `#[guardrail]` expects \"input\" or \"output\""],
        );
        check(
            Word::Task,
            quote!(level = 1),
            &["`level` of `#[task]` expects \"trace\", \"debug\", \"info\", \"warn\" or \"error\""],
        );
        check(
            Word::Task,
            quote!(returns(k)),
            &[
                "`returns` of `#[task]` expects keys and closures; write `returns(key = |value| expression)`",
            ],
        );
        check(
            Word::Task,
            quote!(attributes(a, a = 1)),
            &["duplicate key `a` in `attributes` of `#[task]`"],
        );
        check(
            Word::Task,
            quote!(crate = 1),
            &["`crate` of `#[task]` expects a path; write `crate = some::path`"],
        );
    }

    #[test]
    fn words_of_other_libraries_are_translated() {
        let fields =
            "unknown argument `fields` for `#[tool]`; write `attributes(key = expression)`";
        check(Word::Tool, quote!(fields(a = 1)), &[fields]);
        let err =
            "errors are recorded without `err` in `#[tool]`; remove it, or write `err = false`";
        check(Word::Tool, quote!(err), &[err]);
        check(Word::Tool, quote!(err(Debug)), &[err]);
        let sigil = |sigil| {
            format!(
                "`attributes` of `#[tool]` records each value as its type offers; remove the `{sigil}`"
            )
        };
        check(Word::Tool, quote!(attributes(?a)), &[&sigil("?")]);
        check(
            Word::Tool,
            quote!(attributes(a = 1, b = %b)),
            &[&sigil("%")],
        );
        check(Word::Tool, quote!(attributes(a = b % c)), &[]);
        let dotted = |key| {
            format!("a key with dots in `attributes` of `#[tool]` is text; write `\"{key}\" = …`")
        };
        check(
            Word::Tool,
            quote!(attributes(x.y = 1, a, r#type.id)),
            &[&dotted("x.y"), &dotted("type.id")],
        );
        for (theirs, instead) in ELSEWHERE {
            assert!(
                ARGUMENTS.iter().all(|(ours, _)| *ours != theirs),
                "{theirs}"
            );
            let Some(ours) = instead.strip_prefix("write `") else {
                continue;
            };
            let word = ours
                .split(|end: char| !end.is_alphanumeric() && end != '_')
                .next();
            assert!(
                ARGUMENTS.iter().any(|(ours, _)| Some(*ours) == word),
                "{instead}"
            );
        }
    }

    #[test]
    fn similar_words_are_two_edits_away_at_most() {
        assert_eq!(similar("nmae", ["skip", "name"]), Some("name"));
        assert_eq!(
            similar("capture_arg", ["capture", "capture_args"]),
            Some("capture_args")
        );
        assert_eq!(similar("question", ["a", "pattern"]), None);
        assert_eq!(similar("SKIP_ALL", ["skip_all", "name"]), Some("skip_all"));
        assert_eq!(similar("userID", ["user_id"]), Some("user_id"));
    }

    #[test]
    fn names_that_have_nothing_in_common_are_not_similar() {
        assert_eq!(similar("b", ["a"]), None);
        assert_eq!(similar("id", ["to"]), None);
        assert_eq!(similar("i", ["id"]), None);
    }
}
