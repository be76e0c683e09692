//! The annotated item: head and signature parsed, bodies left as tokens.
//!
//! Second stage: what stands below the attribute becomes an [`Item`], so that code which is half typed still completes in the editor.
//! Knows nothing of recording; whether an item can be recorded is decided by those who read it.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Generics, Ident, Signature, Token, Type, Visibility, WhereClause, token};

use crate::args::Word;
use crate::error::Errors;

/// An item that attributes go on.
pub(crate) enum Item {
    Function(Box<Function>),
    Block(Box<Block>),
    Struct(Box<Struct>),
}

/// A struct, which nobody looks into here: that is for its derives.
pub(crate) struct Struct {
    pub(crate) attrs: Vec<Attribute>,
    /// What follows the attributes.
    pub(crate) rest: TokenStream,
}

/// A function or method with a body.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) default: Option<Token![default]>,
    pub(crate) signature: Signature,
    pub(crate) body: Body,
}

/// The braces of a function as they were written.
pub(crate) struct Body {
    /// `#![…]` at the top of the braces, taken out of them.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) braces: Group,
}

/// An `impl` block or an inline module.
pub(crate) struct Block {
    pub(crate) kind: BlockKind,
    pub(crate) outer: Vec<Attribute>,
    /// All that stands between the attributes and the braces.
    pub(crate) head: TokenStream,
    pub(crate) inner: Vec<Attribute>,
    pub(crate) members: Vec<Member>,
    pub(crate) braces: Group,
}

pub(crate) enum BlockKind {
    Impl {
        self_ty: Box<Type>,
        /// The trait that is implemented, if any.
        of: Option<Box<Type>>,
    },
    Module,
}

/// What stands in a block: as it was written, and what it is if attributes go on it.
pub(crate) struct Member {
    pub(crate) tokens: TokenStream,
    pub(crate) item: Option<Item>,
}

impl Item {
    pub(crate) fn parse(word: Word, tokens: TokenStream, errors: &mut Errors) -> Option<Item> {
        let tokens = ungrouped(tokens);
        let subject = Subject::of(&tokens);
        if word == Word::Agent && subject == Subject::Struct {
            let parsed = Struct::parse.parse2(tokens);
            return parsed.map_err(|error| errors.push(error)).ok();
        }
        if word == Word::Main && subject != Subject::Function || !subject.is_item() {
            errors.at(subject.place(tokens), misplaced(word, subject.name()));
            return None;
        }
        let parsed = (|input: ParseStream<'_>| Item::read(word, subject, input)).parse2(tokens);
        parsed
            .map_err(|error| errors.push(unread(word, subject, error)))
            .ok()
    }

    fn read(word: Word, subject: Subject, input: ParseStream<'_>) -> syn::Result<Item> {
        Ok(match subject {
            Subject::Function => Item::Function(Box::new(Function::parse(word, input)?)),
            _ => Item::Block(Box::new(Block::parse(word, subject, input)?)),
        })
    }
}

impl Struct {
    fn parse(input: ParseStream<'_>) -> syn::Result<Item> {
        let attrs = input.call(Attribute::parse_outer)?;
        let rest = input.parse()?;
        Ok(Item::Struct(Box::new(Struct { attrs, rest })))
    }
}

impl Function {
    fn parse(word: Word, input: ParseStream<'_>) -> syn::Result<Function> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let default = input.parse()?;
        let signature: Signature = input.parse()?;
        if let Ok(semi) = input.parse::<Token![;]>() {
            let message = format!(
                "{word} needs a function with a body; put it on the method of an impl, a default method, or a function that calls this one"
            );
            return Err(syn::Error::new_spanned(semi, message));
        }
        Ok(Function {
            attrs,
            vis,
            default,
            signature,
            body: input.parse()?,
        })
    }
}

impl Parse for Body {
    fn parse(input: ParseStream<'_>) -> syn::Result<Body> {
        let tree = input.parse::<TokenTree>()?;
        let Some(braces) = as_braces(&tree) else {
            return Err(syn::Error::new(
                tree.span(),
                "expected the body of a function",
            ));
        };
        if !starts_with_inner_attribute(&braces.stream()) {
            return Ok(Body {
                attrs: Vec::new(),
                braces,
            });
        }
        let parser = |input: ParseStream<'_>| Ok((Attribute::parse_inner(input)?, input.parse()?));
        let (attrs, rest) = parser.parse2(braces.stream())?;
        Ok(Body {
            attrs,
            braces: refilled(&braces, rest),
        })
    }
}

/// A body that is `Box::pin(async move { … })` and nothing else, as async-trait makes it.
pub(crate) struct BoxedBlock {
    /// `Box::pin`.
    pub(crate) path: TokenStream,
    /// The parentheses.
    pub(crate) call: Group,
    /// `async move { … }`.
    pub(crate) block: TokenStream,
}

impl Body {
    pub(crate) fn boxed_block(&self) -> Option<BoxedBlock> {
        let mut trees: Vec<TokenTree> = self.braces.stream().into_iter().collect();
        let Some(TokenTree::Group(call)) = trees.pop() else {
            return None;
        };
        let path = TokenStream::from_iter(trees);
        let last: Vec<String> = syn::Path::parse_mod_style
            .parse2(path.clone())
            .ok()?
            .segments
            .iter()
            .rev()
            .take(2)
            .map(|segment| segment.ident.to_string())
            .collect();
        let block: Vec<TokenTree> = call.stream().into_iter().collect();
        let is_word =
            |tree: &TokenTree, word| matches!(tree, TokenTree::Ident(ident) if ident == word);
        let is_block = matches!(&*block, [first, second, TokenTree::Group(braces)]
            if is_word(first, "async") && is_word(second, "move") && braces.delimiter() == Delimiter::Brace);
        (last == ["pin", "Box"] && call.delimiter() == Delimiter::Parenthesis && is_block).then(
            || BoxedBlock {
                path,
                block: call.stream(),
                call,
            },
        )
    }
}

impl Block {
    fn parse(word: Word, subject: Subject, input: ParseStream<'_>) -> syn::Result<Block> {
        let outer = input.call(Attribute::parse_outer)?;
        let start = input.fork();
        let kind = match subject {
            Subject::Module => BlockKind::module(word, input)?,
            _ => BlockKind::of_impl(input)?,
        };
        let head = between(&start, input)?;
        let Some(braces) = as_braces(&input.parse()?) else {
            let message = format!("expected the body of {}", subject.name());
            return Err(syn::Error::new_spanned(head, message));
        };
        let parser = |input: ParseStream<'_>| {
            let inner = input.call(Attribute::parse_inner)?;
            Ok((inner, members(word, input)?))
        };
        let (inner, members) = parser.parse2(braces.stream())?;
        Ok(Block {
            kind,
            outer,
            head,
            inner,
            members,
            braces,
        })
    }
}

impl BlockKind {
    /// Reads the head of an `impl` block.
    fn of_impl(input: ParseStream<'_>) -> syn::Result<BlockKind> {
        input.parse::<Option<Token![default]>>()?;
        input.parse::<Option<Token![unsafe]>>()?;
        input.parse::<Token![impl]>()?;
        if input.peek(Token![<]) {
            input.parse::<Generics>()?;
        }
        let mut self_ty = input.parse()?;
        let mut of = None;
        if input.parse::<Option<Token![for]>>()?.is_some() {
            of = Some(std::mem::replace(&mut self_ty, input.parse()?));
        }
        input.parse::<Option<WhereClause>>()?;
        Ok(BlockKind::Impl { self_ty, of })
    }

    /// Reads the head of a module.
    fn module(word: Word, input: ParseStream<'_>) -> syn::Result<BlockKind> {
        input.parse::<Visibility>()?;
        let keyword = input.parse::<Token![mod]>()?;
        let name = input.call(Ident::parse_any)?;
        if input.peek(Token![;]) {
            let message = format!(
                "{word} needs an inline module `mod {name} {{ … }}`; put it on the items of the module instead"
            );
            let place = [keyword.to_token_stream(), name.to_token_stream()];
            return Err(syn::Error::new_spanned(
                TokenStream::from_iter(place),
                message,
            ));
        }
        Ok(BlockKind::Module)
    }
}

/// What was read since `start`.
fn between(start: ParseStream<'_>, end: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while start.cursor() != end.cursor() {
        tokens.extend([start.parse::<TokenTree>()?]);
    }
    Ok(tokens)
}

/// A group with other contents and the same braces, whose span carries the edition.
pub(crate) fn refilled(group: &Group, contents: TokenStream) -> Group {
    let mut refilled = Group::new(group.delimiter(), contents);
    refilled.set_span(group.span());
    refilled
}

/// What cannot be read as an item is left for the compiler to judge.
fn members(word: Word, input: ParseStream<'_>) -> syn::Result<Vec<Member>> {
    let mut members = Vec::new();
    while !input.is_empty() {
        if let Some(fragment) = item_fragment(input)? {
            let parser = |input: ParseStream<'_>| self::members(word, input);
            members.extend(parser.parse2(fragment)?);
            continue;
        }
        let subject = Subject::read(&input.fork()).unwrap_or(Subject::Other("this"));
        let ahead = input.fork();
        let item = subject
            .is_item()
            .then(|| Item::read(word, subject, &ahead).ok())
            .flatten();
        let tokens = if item.is_some() {
            let tokens = between(&input.fork(), &ahead)?;
            input.advance_to(&ahead);
            tokens
        } else {
            other_member(subject, input)?
        };
        members.push(Member { tokens, item });
    }
    Ok(members)
}

/// Takes a whole item that a macro was given as a fragment; a visibility may be one, too.
fn item_fragment(input: ParseStream<'_>) -> syn::Result<Option<TokenStream>> {
    let ahead = input.fork();
    let Ok(TokenTree::Group(group)) = ahead.parse() else {
        return Ok(None);
    };
    let fragment = ungrouped(group.stream());
    let ends_item = match fragment.clone().into_iter().last() {
        Some(TokenTree::Punct(punct)) => punct.as_char() == ';',
        Some(TokenTree::Group(last)) => last.delimiter() == Delimiter::Brace,
        _ => false,
    };
    if group.delimiter() != Delimiter::None || !ends_item {
        return Ok(None);
    }
    input.advance_to(&ahead);
    Ok(Some(fragment))
}

/// A constant, a type or an import ends at its semicolon, anything else at its braces, too.
fn other_member(subject: Subject, input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() {
        let tree: TokenTree = input.parse()?;
        let semicolon = matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == ';');
        let braces =
            matches!(&tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        tokens.extend([tree]);
        if semicolon || braces && !subject.may_hold_braces() {
            break;
        }
    }
    Ok(tokens)
}

/// What the parser expects it says in its own words, and the compiler says it better.
fn unread(word: Word, subject: Subject, error: syn::Error) -> syn::Error {
    if error.to_string().starts_with(&word.to_string()) {
        return error;
    }
    let name = subject.name();
    let (_, name) = name.split_once(' ').unwrap_or(("", name));
    let message = format!("{word} cannot read this {name} from here on");
    syn::Error::new(error.span(), message)
}

fn misplaced(word: Word, what: &str) -> String {
    if word == Word::Main {
        return format!("{word} goes on `fn main`, not on {what}");
    }
    let others = if word == Word::Agent {
        "an impl block, a struct"
    } else {
        "an impl block"
    };
    format!("{word} goes on a function, a method, {others} or an inline module, not on {what}")
}

/// Whether it is a struct.
pub(crate) fn is_struct(tokens: TokenStream) -> bool {
    Subject::of(&ungrouped(tokens)) == Subject::Struct
}

/// What an item is, told from the first words of its head.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Function,
    Impl,
    Module,
    Struct,
    Macro,
    Other(&'static str),
}

impl Subject {
    fn of(tokens: &TokenStream) -> Subject {
        (|input: ParseStream<'_>| {
            let subject = Subject::read(input);
            input.parse::<TokenStream>()?;
            subject
        })
        .parse2(tokens.clone())
        .unwrap_or(Subject::Other("this"))
    }

    fn read(input: ParseStream<'_>) -> syn::Result<Subject> {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let constness = input.peek(Token![const]);
        let foreign = input.peek(Token![extern]) || input.peek2(Token![extern]);
        while !input.is_empty() {
            if input.peek(syn::LitStr) {
                input.parse::<syn::LitStr>()?;
                continue;
            }
            let Ok(ident) = input.call(Ident::parse_any) else {
                break;
            };
            if input.peek(Token![!]) && ident == "macro_rules" {
                return Ok(Subject::Other("a macro"));
            }
            if input.peek(Token![!]) || input.peek(Token![::]) {
                return Ok(Subject::Macro);
            }
            return Ok(match ident.to_string().as_str() {
                "fn" => Subject::Function,
                "impl" => Subject::Impl,
                "struct" => Subject::Struct,
                "enum" => Subject::Other("an enum"),
                "union" => Subject::Other("a union"),
                "trait" => Subject::Other("a trait; put it on its impls or its default methods"),
                "mod" => Subject::Module,
                "use" => Subject::Other("an import"),
                "static" => Subject::Other("a static"),
                "type" => Subject::Other("a type"),
                "crate" => Subject::Other("an extern crate"),
                "let" => Subject::Other("a statement"),
                "const" | "async" | "unsafe" | "extern" | "default" | "safe" | "auto" | "move" => {
                    continue;
                }
                _ => break,
            });
        }
        Ok(Subject::Other(match () {
            () if constness => "a constant",
            () if input.peek(token::Brace) && foreign => "an extern block",
            () if input.peek(token::Brace) => "a block",
            () if input.peek(Token![|]) || input.peek(Token![||]) => "a closure",
            () => "an expression",
        }))
    }

    /// Whether attributes go on it.
    fn is_item(self) -> bool {
        matches!(self, Subject::Function | Subject::Impl | Subject::Module)
    }

    /// Whether there may be braces in it before it ends.
    fn may_hold_braces(self) -> bool {
        const THEY: [&str; 4] = ["an import", "a static", "a constant", "a type"];
        matches!(self, Subject::Other(name) if THEY.contains(&name))
    }

    fn name(self) -> &'static str {
        match self {
            Subject::Function => "a function",
            Subject::Impl => "an impl block",
            Subject::Module => "a module",
            Subject::Struct => "a struct",
            Subject::Macro => "a macro call",
            Subject::Other(name) => name,
        }
    }

    /// The item's first words, as `struct X`: pointing at the whole of it would point at its attributes.
    fn place(self, tokens: TokenStream) -> TokenStream {
        (|input: ParseStream<'_>| {
            input.call(Attribute::parse_outer)?;
            input.parse::<Visibility>()?;
            let first = input.parse::<TokenTree>()?;
            let second = input.call(Ident::parse_any).ok();
            input.parse::<TokenStream>()?;
            Ok([first]
                .into_iter()
                .chain(second.map(TokenTree::from))
                .collect())
        })
        .parse2(tokens.clone())
        .unwrap_or(tokens)
    }
}

/// A macro's fragments arrive in invisible groups.
fn ungrouped(tokens: TokenStream) -> TokenStream {
    let mut trees = tokens.clone().into_iter();
    match (trees.next(), trees.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => {
            ungrouped(group.stream())
        }
        _ => tokens,
    }
}

fn as_braces(tree: &TokenTree) -> Option<Group> {
    match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group.clone()),
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let mut trees = group.stream().into_iter();
            let first = trees.next()?;
            if trees.next().is_some() {
                None
            } else {
                as_braces(&first)
            }
        }
        _ => None,
    }
}

fn starts_with_inner_attribute(tokens: &TokenStream) -> bool {
    let mut trees = tokens.clone().into_iter();
    let mut next_is =
        |char| matches!(trees.next(), Some(TokenTree::Punct(punct)) if punct.as_char() == char);
    next_is('#') && next_is('!')
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn parse(tokens: TokenStream) -> Result<Item, Vec<String>> {
        let mut errors = Errors::default();
        Item::parse(Word::Tool, tokens, &mut errors).ok_or_else(|| errors.messages())
    }

    #[track_caller]
    fn refused(tokens: TokenStream, expected: &str) {
        match parse(tokens) {
            Ok(_) => panic!("not refused"),
            Err(errors) => assert_eq!(errors, [expected]),
        }
    }

    #[track_caller]
    fn function(tokens: TokenStream) -> Function {
        match parse(tokens) {
            Ok(Item::Function(function)) => *function,
            _ => panic!("not a function"),
        }
    }

    #[test]
    fn bodies_may_be_half_typed() {
        let function = function(
            quote!(pub(crate) async unsafe extern "C" fn f<T>(a: T) -> T where T: Copy { a. }),
        );
        assert_eq!(function.body.braces.stream().to_string(), "a .");
    }

    #[test]
    fn inner_attributes_leave_the_body() {
        let function = function(quote!(
            fn f() {
                #![allow(unused)]
                let x = 1;
            }
        ));
        assert_eq!(function.body.attrs.len(), 1);
        assert_eq!(function.body.braces.stream().to_string(), "let x = 1 ;");
    }

    #[test]
    fn fragments_of_macros_are_seen_through() {
        let body = Group::new(Delimiter::None, quote!({ 1 }));
        let item = Group::new(Delimiter::None, quote!(fn f() -> u8 #body));
        assert_eq!(
            function(quote!(#item)).body.braces.stream().to_string(),
            "1"
        );
    }

    #[test]
    fn blocks_are_taken_apart() {
        let Ok(Item::Block(block)) = parse(quote! {
            unsafe impl<'a, T: Clone> X<'a, T> where T: Copy {
                #![allow(unused)]
                const fn a() {}
                const B: C = C { d: 1 };
                type E = u8;
                macros! { f }
                some::macros!(g);
                pub fn h(&self) { half. }
            }
        }) else {
            panic!("not a block")
        };
        let members: Vec<String> = block
            .members
            .iter()
            .map(|member| match &member.item {
                Some(Item::Function(function)) => format!("fn {}", function.signature.ident),
                _ => member.tokens.to_string(),
            })
            .collect();
        let others = [
            "const B : C = C { d : 1 } ;",
            "type E = u8 ;",
            "macros ! { f }",
            "some :: macros ! (g) ;",
        ];
        assert_eq!(
            members,
            ["fn a", others[0], others[1], others[2], others[3], "fn h"]
        );
        assert_eq!(block.inner.len(), 1);
    }

    #[test]
    fn other_items_are_refused_by_name() {
        let places =
            "`#[tool]` goes on a function, a method, an impl block or an inline module, not on";
        for (item, name) in [
            (
                quote!(
                    pub struct X;
                ),
                "a struct",
            ),
            (
                quote!(
                    enum X {}
                ),
                "an enum",
            ),
            (
                quote!(
                    pub(crate) union X {}
                ),
                "a union",
            ),
            (
                quote!(
                    unsafe trait X {}
                ),
                "a trait; put it on its impls or its default methods",
            ),
            (
                quote!(
                    use x;
                ),
                "an import",
            ),
            (
                quote!(
                    static mut X: u8 = 1;
                ),
                "a static",
            ),
            (
                quote!(
                    const X: u8 = 1;
                ),
                "a constant",
            ),
            (
                quote!(
                    type X = u8;
                ),
                "a type",
            ),
            (
                quote!(
                    extern crate x;
                ),
                "an extern crate",
            ),
            (
                quote!(
                    extern "C" {}
                ),
                "an extern block",
            ),
            (quote!({ x }), "a block"),
            (quote!(x + 1), "an expression"),
            (
                quote!(
                    macro_rules! x {}
                ),
                "a macro",
            ),
            (quote!(x! {}), "a macro call"),
            (quote!(let x = 1;), "a statement"),
            (quote!(|x| x), "a closure"),
            (quote!(move || x), "a closure"),
        ] {
            refused(item, &format!("{places} {name}"));
        }
    }

    #[test]
    fn a_module_needs_its_items() {
        let message = "`#[tool]` needs an inline module `mod x { … }`; put it on the items of the module instead";
        refused(
            quote!(
                #[doc = "d"]
                pub mod x;
            ),
            message,
        );
    }

    #[test]
    fn a_function_needs_a_body() {
        let message = "`#[tool]` needs a function with a body; put it on the method of an impl, a default method, or a function that calls this one";
        refused(
            quote!(
                fn f(&self);
            ),
            message,
        );
    }
}
