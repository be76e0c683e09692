//! A type under `#[derive(Agent)]` or `#[derive(Capture)]`, from its tokens to what the derive says of it.
//!
//! A derive goes the way of an attribute in small: the item and the words of its helper `#[agentops(…)]` are read, what
//! they mean is decided and checked, and the result is printed elsewhere. A type may have both derives, which see all
//! helpers: each passes over the words of the other.

use std::fmt;

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse as _, ParseStream};
use syn::spanned::Spanned as _;
use syn::{Attribute, Expr, Fields, Generics, Ident, Item, Meta, Path, Token, WherePredicate};

use crate::args::{Key, Word, each, similar, skip_value};
use crate::error::Errors;
use crate::model::our_word;

/// A derive as the user types it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Derive {
    Agent,
    Capture,
}

impl fmt::Display for Derive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Derive::Agent => "`#[derive(Agent)]`",
            Derive::Capture => "`#[derive(Capture)]`",
        })
    }
}

/// A struct that says who it is.
pub(crate) struct Agent {
    pub(crate) target: Target,
    pub(crate) id: Option<Field>,
    pub(crate) name: Saying,
    pub(crate) role: Saying,
    pub(crate) model: Saying,
    pub(crate) state: Vec<Field>,
}

/// What says one thing about an agent: a field, and what holds where it says nothing.
#[derive(Default)]
pub(crate) struct Saying {
    pub(crate) field: Option<Field>,
    pub(crate) fixed: Option<Expr>,
}

/// A type that says how it is recorded.
pub(crate) struct Capture {
    pub(crate) target: Target,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    Redacted,
    Struct(Content),
    Enum(Vec<Variant>),
}

pub(crate) struct Variant {
    pub(crate) ident: Ident,
    pub(crate) redacted: bool,
    pub(crate) content: Content,
}

/// What is recorded of the fields of a struct or variant, in the shape that serde gives them.
pub(crate) enum Content {
    Nothing,
    One(Field),
    Object(Vec<Field>),
    List(Vec<Field>),
}

/// The type that gets an impl.
pub(crate) struct Target {
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) runtime: Option<Path>,
    /// It has bounds for its derives alone.
    pub(crate) bounded: bool,
    /// Its fields cannot be borrowed where they stand.
    pub(crate) packed: bool,
}

#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) member: syn::Member,
    /// Its name, or its number.
    pub(crate) key: String,
    pub(crate) redacted: bool,
    /// Where what the compiler says of its type is said.
    pub(crate) place: Span,
}

impl Agent {
    /// Reads a struct; `None` where there is nothing that an impl could be for.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Option<Agent> {
        let (item, helpers) = read(Derive::Agent, tokens, errors)?;
        let Item::Struct(item) = item else {
            return None;
        };
        let attribute =
            |attr: &&Attribute| our_word(attr.path()).and_then(Word::kind) == Some(Word::Agent);
        if let Some(attr) = item.attrs.iter().find(attribute) {
            let message = "`#[agent]` on a struct derives `Agent` already, remove one";
            errors.at(attr.path(), message);
            return None;
        }
        let mut said: [Option<(Ident, Field)>; 4] = Default::default();
        let mut state = Vec::new();
        for (field, helpers) in fields(&item.fields, errors) {
            for (word, said) in SAYING.iter().zip(&mut said) {
                let Some(key) = helpers.given(word) else {
                    continue;
                };
                if let Some((first, _)) = said {
                    let message = format!("`{word}` of {HELPER} is on two fields, remove one");
                    errors.at(key, message);
                    errors.at(first, format!("`{word}` of {HELPER} is first given here"));
                } else {
                    *said = Some((key.clone(), field.clone()));
                }
            }
            if helpers.given("state").is_some() {
                state.push(field);
            }
        }
        let [id, name, role, model] = said.map(|said| Some(said?.1));
        let Helpers {
            name: fixed_name,
            role: fixed_role,
            model: fixed_model,
            ..
        } = &helpers;
        let saying = |field, fixed: &Option<Expr>| Saying {
            field,
            fixed: fixed.clone(),
        };
        Some(Agent {
            id,
            name: saying(name, fixed_name),
            role: saying(role, fixed_role),
            model: saying(model, fixed_model),
            state,
            target: Target::new(item.ident, item.generics, &item.attrs, helpers),
        })
    }
}

/// What a field may say of an agent.
const SAYING: [&str; 4] = ["id", "name", "role", "model"];

impl Capture {
    /// Reads a struct or an enum; `None` where there is nothing that an impl could be for.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Option<Capture> {
        let (item, helpers) = read(Derive::Capture, tokens, errors)?;
        let (ident, generics, attrs, mut body) = match item {
            Item::Struct(item) => {
                let body = Body::Struct(Content::new(&item.fields, errors));
                (item.ident, item.generics, item.attrs, body)
            }
            Item::Enum(item) => {
                let variants = item.variants.iter();
                let body = Body::Enum(variants.map(|it| Variant::new(it, errors)).collect());
                (item.ident, item.generics, item.attrs, body)
            }
            _ => return None,
        };
        if helpers.given("redact").is_some() {
            body = Body::Redacted;
        }
        let target = Target::new(ident, generics, &attrs, helpers);
        Some(Capture { target, body })
    }
}

impl Variant {
    fn new(variant: &syn::Variant, errors: &mut Errors) -> Variant {
        let helpers = Helpers::read(Position::Variant, &variant.attrs, errors);
        let content = Content::new(&variant.fields, errors);
        Variant {
            ident: variant.ident.clone(),
            redacted: helpers.given("redact").is_some(),
            content: if helpers.given("skip").is_some() {
                Content::Nothing
            } else {
                content
            },
        }
    }
}

impl Content {
    fn new(declared: &Fields, errors: &mut Errors) -> Content {
        let mut kept = fields(declared, errors);
        kept.retain(|(_, helpers)| helpers.given("skip").is_none());
        let mut kept = kept.into_iter().map(|(field, _)| field);
        match declared {
            Fields::Named(_) => Content::Object(kept.collect()),
            Fields::Unnamed(_) if declared.len() == 1 => {
                kept.next().map_or(Content::Nothing, Content::One)
            }
            Fields::Unnamed(_) => Content::List(kept.collect()),
            Fields::Unit => Content::Nothing,
        }
    }
}

impl Content {
    pub(crate) fn fields(&self) -> &[Field] {
        match self {
            Content::Nothing => &[],
            Content::One(field) => std::slice::from_ref(field),
            Content::Object(fields) | Content::List(fields) => fields,
        }
    }
}

impl Target {
    fn new(ident: Ident, mut generics: Generics, attrs: &[Attribute], helpers: Helpers) -> Target {
        let bounded = !helpers.bounds.is_empty();
        if bounded {
            let clause = generics.make_where_clause();
            clause.predicates.extend(helpers.bounds);
        }
        let is_packed = |attr: &Attribute| match &attr.meta {
            Meta::List(list) => {
                let mut trees = list.tokens.clone().into_iter();
                list.path.is_ident("repr") && trees.any(|tree| tree.to_string() == "packed")
            }
            _ => false,
        };
        Target {
            ident,
            generics,
            runtime: helpers.runtime,
            bounded,
            packed: attrs.iter().any(is_packed),
        }
    }
}

/// The item that a derive stands on, and what its helpers say of it as a whole.
fn read(derive: Derive, tokens: TokenStream, errors: &mut Errors) -> Option<(Item, Helpers)> {
    let item: Item = syn::parse2(tokens)
        .map_err(|error| errors.push(error))
        .ok()?;
    let message = match (&item, derive) {
        (Item::Struct(item), _) => {
            let helpers = Helpers::read(Position::Type, &item.attrs, errors);
            return Some((Item::Struct(item.clone()), helpers));
        }
        (Item::Enum(item), Derive::Capture) => {
            let helpers = Helpers::read(Position::Type, &item.attrs, errors);
            return Some((Item::Enum(item.clone()), helpers));
        }
        (_, Derive::Agent) => format!("{derive} needs a struct; implement `Agent` by hand"),
        (_, Derive::Capture) => {
            format!(
                "{derive} needs a struct or an enum; implement `Capture` by hand, or use `opaque!`"
            )
        }
    };
    match &item {
        Item::Enum(item) => errors.at(item.enum_token, message),
        Item::Union(item) => errors.at(item.union_token, message),
        other => errors.at(other, message),
    }
    None
}

/// Fields with what their helpers say.
fn fields(fields: &Fields, errors: &mut Errors) -> Vec<(Field, Helpers)> {
    let one = |(field, member): (&syn::Field, syn::Member)| {
        let helpers = Helpers::read(Position::Field, &field.attrs, errors);
        let key = match &member {
            syn::Member::Named(ident) => ident.unraw().to_string(),
            syn::Member::Unnamed(index) => index.index.to_string(),
        };
        let field = Field {
            member,
            key,
            redacted: helpers.given("redact").is_some(),
            place: field.ty.span(),
        };
        (field, helpers)
    };
    fields.iter().zip(fields.members()).map(one).collect()
}

/// Where a helper stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Type,
    Variant,
    Field,
}

impl Position {
    /// The words of the helper, and where they may stand.
    const WORDS: [(&'static str, &'static [Position]); 9] = [
        ("id", &[Position::Field]),
        ("name", &[Position::Type, Position::Field]),
        ("role", &[Position::Type, Position::Field]),
        ("model", &[Position::Type, Position::Field]),
        ("state", &[Position::Field]),
        ("skip", &[Position::Field, Position::Variant]),
        (
            "redact",
            &[Position::Field, Position::Variant, Position::Type],
        ),
        ("bounds", &[Position::Type]),
        ("crate", &[Position::Type]),
    ];
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Position::Type => "a type",
            Position::Variant => "a variant",
            Position::Field => "a field",
        })
    }
}

const HELPER: &str = "`#[agentops]`";

/// What the helpers of a type, a variant or a field say.
#[derive(Default)]
struct Helpers {
    given: Vec<Ident>,
    name: Option<Expr>,
    role: Option<Expr>,
    model: Option<Expr>,
    runtime: Option<Path>,
    bounds: Vec<WherePredicate>,
}

impl Helpers {
    fn read(position: Position, attrs: &[Attribute], errors: &mut Errors) -> Helpers {
        let mut helpers = Helpers::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("agentops")) {
            if let Meta::List(list) = &attr.meta {
                each(HELPER, list.tokens.clone(), errors, |input, errors| {
                    helpers.read_one(position, input, errors)
                });
            } else {
                let message =
                    format!("{HELPER} expects words in parentheses; write `#[agentops(…)]`");
                errors.at(&attr.meta, message);
            }
        }
        if let (Some(redact), Some(_)) = (helpers.given("redact"), helpers.given("skip")) {
            let message = format!("`redact` has no effect with `skip` in {HELPER}, remove one");
            errors.at(redact, message);
        }
        helpers
    }

    fn read_one(
        &mut self,
        position: Position,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        let Ok(ident) = input.call(Ident::parse_any) else {
            return Err(input.error(format!("{HELPER} expects words such as `id`")));
        };
        let known = Position::WORDS.iter().find(|(word, _)| ident == word);
        let Some(&(known, _)) = known.filter(|(_, places)| places.contains(&position)) else {
            errors.at(&ident, misplaced(position, &ident));
            skip_value(input);
            return Ok(());
        };
        let key = Key {
            word: HELPER,
            ident,
        };
        if let Some(first) = self.given(known) {
            errors.at(
                &key.ident,
                format!("duplicate argument `{known}` for {HELPER}"),
            );
            errors.at(first, format!("`{known}` for {HELPER} is first given here"));
            return Helpers::default().read_value(position, known, &key, input);
        }
        self.given.push(key.ident.clone());
        self.read_value(position, known, &key, input)
    }

    fn read_value(
        &mut self,
        position: Position,
        known: &str,
        key: &Key<&str>,
        input: ParseStream<'_>,
    ) -> syn::Result<()> {
        match known {
            "name" | "role" | "model" if position == Position::Type => {
                let text = Some(key.text(input)?);
                match known {
                    "name" => self.name = text,
                    "role" => self.role = text,
                    _ => self.model = text,
                }
            }
            "name" | "role" | "model" if input.peek(Token![=]) => {
                let message = format!(
                    "`{known}` of {HELPER} takes no value on a field, which says it; `{known} = \"…\"` goes on the type"
                );
                return Err(syn::Error::new_spanned(&key.ident, message));
            }
            "crate" => self.runtime = Some(key.path(input)?),
            "bounds" => {
                let what = "bounds; write `bounds(T: Debug)`";
                self.bounds = key.list(input, what, |input| {
                    let bound = WherePredicate::parse(input);
                    bound.map_err(|error| syn::Error::new(error.span(), key.expects(what)))
                })?;
            }
            _ => {
                key.flag(input)?;
            }
        }
        Ok(())
    }

    /// Where the user wrote a word.
    fn given(&self, word: &str) -> Option<&Ident> {
        self.given.iter().find(|key| *key == word)
    }
}

fn misplaced(position: Position, ident: &Ident) -> String {
    let text = ident.unraw().to_string();
    if let Some((_, places)) = Position::WORDS.iter().find(|(word, _)| *word == text) {
        let places: Vec<String> = places.iter().map(ToString::to_string).collect();
        let places = places.join(" or ");
        return format!("`{text}` of {HELPER} goes on {places}, not on {position}");
    }
    let known: Vec<&str> = Position::WORDS
        .iter()
        .filter(|(_, places)| places.contains(&position))
        .map(|(word, _)| *word)
        .collect();
    let hint = similar(&text, known.iter().copied())
        .map_or(String::new(), |word| format!("; did you mean `{word}`?"));
    let known = known.join(", ");
    format!("unknown argument `{text}` for {HELPER} on {position}{hint} (known: {known})")
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[track_caller]
    fn check(derive: Derive, item: TokenStream, expected: &[&str]) {
        let mut errors = Errors::default();
        match derive {
            Derive::Agent => drop(Agent::parse(item, &mut errors)),
            Derive::Capture => drop(Capture::parse(item, &mut errors)),
        }
        assert_eq!(errors.messages(), expected);
    }

    #[test]
    fn each_derive_passes_over_the_words_of_the_other() {
        let item = || {
            quote! {
                #[agentops(name = NAME, role = "r", model = concat!("a", "b"), crate = crate::a, bounds(T: Debug))]
                struct X<T> {
                    #[agentops(id)]
                    id: T,
                    #[agentops(name, state)]
                    #[agentops(redact)]
                    name: String,
                    #[agentops(state, skip)]
                    state: u8,
                }
            }
        };
        check(Derive::Agent, item(), &[]);
        check(Derive::Capture, item(), &[]);
        let variants = quote! {
            enum X { #[agentops(skip)] A(u8), #[agentops(redact)] B { b: u8 }, C(#[agentops(skip)] u8) }
        };
        check(Derive::Capture, variants, &[]);
    }

    #[test]
    fn words_are_known_by_where_they_stand() {
        let field = "unknown argument `stat` for `#[agentops]` on a field; did you mean `state`? (known: id, name, role, model, state, skip, redact)";
        check(
            Derive::Agent,
            quote!(
                struct X {
                    #[agentops(stat)]
                    a: u8,
                }
            ),
            &[field],
        );
        let whole = "unknown argument `description` for `#[agentops]` on a type (known: name, role, model, redact, bounds, crate)";
        check(
            Derive::Agent,
            quote!(
                #[agentops(description = "x")]
                struct X;
            ),
            &[whole],
        );
        check(
            Derive::Agent,
            quote!(
                #[agentops(id)]
                struct X(u8);
            ),
            &["`id` of `#[agentops]` goes on a field, not on a type"],
        );
        check(
            Derive::Capture,
            quote!(
                #[agentops(skip)]
                enum X {
                    #[agentops(state)]
                    A,
                }
            ),
            &[
                "`skip` of `#[agentops]` goes on a field or a variant, not on a type",
                "`state` of `#[agentops]` goes on a field, not on a variant",
            ],
        );
    }

    #[test]
    fn words_have_their_forms() {
        let value = "`name` of `#[agentops]` takes no value on a field, which says it; `name = \"…\"` goes on the type";
        check(
            Derive::Agent,
            quote!(
                struct X {
                    #[agentops(name = "x")]
                    a: u8,
                }
            ),
            &[value],
        );
        check(
            Derive::Agent,
            quote!(
                #[agentops(name)]
                struct X;
            ),
            &["`name` of `#[agentops]` expects a string; write `name = …`"],
        );
        check(
            Derive::Agent,
            quote!(
                #[agentops(name = 3, role = "")]
                struct X;
            ),
            &[
                "`name` of `#[agentops]` expects a string",
                "`role` of `#[agentops]` cannot be empty",
            ],
        );
        check(
            Derive::Agent,
            quote!(
                struct X {
                    #[agentops(id = 3)]
                    a: u8,
                }
            ),
            &["`id` of `#[agentops]` takes no value"],
        );
        check(
            Derive::Capture,
            quote!(
                #[agentops(bounds = "T: Debug")]
                struct X<T>(T);
            ),
            &["`bounds` of `#[agentops]` expects bounds; write `bounds(T: Debug)`"],
        );
        let words = "`#[agentops]` expects words in parentheses; write `#[agentops(…)]`";
        check(
            Derive::Capture,
            quote!(
                struct X {
                    #[agentops]
                    a: u8,
                }
            ),
            &[words],
        );
        check(
            Derive::Capture,
            quote!(
                struct X {
                    #[agentops = "skip"]
                    a: u8,
                }
            ),
            &[words],
        );
        check(
            Derive::Capture,
            quote!(
                struct X {
                    #[agentops("skip")]
                    a: u8,
                }
            ),
            &["`#[agentops]` expects words such as `id`"],
        );
    }

    #[test]
    fn an_agent_says_each_thing_once() {
        check(
            Derive::Agent,
            quote!(
                struct X {
                    #[agentops(id)]
                    a: u8,
                    #[agentops(id)]
                    b: u8,
                }
            ),
            &[
                "`id` of `#[agentops]` is on two fields, remove one",
                "`id` of `#[agentops]` is first given here",
            ],
        );
        check(
            Derive::Agent,
            quote!(
                struct X {
                    #[agentops(id, id)]
                    a: u8,
                    #[agentops(state)]
                    b: u8,
                    #[agentops(state)]
                    c: u8,
                }
            ),
            &[
                "duplicate argument `id` for `#[agentops]`",
                "`id` for `#[agentops]` is first given here",
            ],
        );
        check(
            Derive::Capture,
            quote!(
                struct X {
                    #[agentops(skip, redact)]
                    a: u8,
                }
            ),
            &["`redact` has no effect with `skip` in `#[agentops]`, remove one"],
        );
    }

    #[test]
    fn derives_need_items_that_have_fields() {
        let agent = "`#[derive(Agent)]` needs a struct; implement `Agent` by hand";
        check(
            Derive::Agent,
            quote!(
                enum X {}
            ),
            &[agent],
        );
        check(Derive::Agent, quote!(union X { a: u8 }), &[agent]);
        let capture = "`#[derive(Capture)]` needs a struct or an enum; implement `Capture` by hand, or use `opaque!`";
        check(Derive::Capture, quote!(union X { a: u8 }), &[capture]);
    }

    #[test]
    fn one_attribute_derives_agent() {
        let twice = "`#[agent]` on a struct derives `Agent` already, remove one";
        check(
            Derive::Agent,
            quote!(
                #[agent(name = "x")]
                struct X;
            ),
            &[twice],
        );
        check(
            Derive::Capture,
            quote!(
                #[agent(name = "x")]
                struct X;
            ),
            &[],
        );
    }
}
