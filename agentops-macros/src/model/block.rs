//! Blocks: which items of an `impl` block or a module an attribute reaches, and what it says of each.
//!
//! A block hands its attribute to its functions, and a module to the blocks in it, too. What has an attribute of its own
//! goes by that one. Knows nothing of how a function is recorded.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, ItemUse, Meta, Path, Signature, Token, Type, UseTree};

use super::{
    Function, Layer, Receiver, Role, argument_names, bare, our_word, own_arguments, own_layers,
    take_kinds,
};
use crate::args::{Arguments, Word};
use crate::error::Errors;
use crate::item::{self, BlockKind, Item};
use crate::runtime;

/// An `impl` block or a module whose functions are recorded.
pub(crate) struct Block {
    pub(crate) word: Word,
    /// The attribute itself, where that of the module around took it from its block.
    pub(crate) attr: Option<Attribute>,
    pub(crate) arguments: Arguments,
    pub(crate) kind: BlockKind,
    pub(crate) outer: Vec<Attribute>,
    pub(crate) head: TokenStream,
    pub(crate) inner: Vec<Attribute>,
    pub(crate) members: Vec<Member>,
    pub(crate) braces: Group,
}

pub(crate) enum Member {
    Function(Box<Function>),
    Block(Box<Block>),
    /// Left alone, as it was written.
    Plain(TokenStream),
}

/// What a block says to the items in it.
struct Surroundings<'a> {
    word: Word,
    arguments: &'a Arguments,
    /// The type that a block of methods is about.
    type_name: Option<String>,
    /// Only what has an attribute of its own is recorded.
    on_request: bool,
    /// Names of ours by which the module knows something else.
    foreign: Vec<Ident>,
}

/// Traits of the standard library and of `serde`, by their last word: how values are compared, printed and moved about
/// is not what an agent does. Who wants to see it puts an attribute on the `impl` block.
const STANDARD_TRAITS: [&str; 7] = [
    "Clone Default Drop PartialEq Eq PartialOrd Ord Hash Hasher BuildHasher Any",
    "Debug Display Binary Octal LowerHex UpperHex LowerExp UpperExp Pointer ToString FromStr Error",
    "From Into TryFrom TryInto AsRef AsMut Borrow BorrowMut ToOwned Deref DerefMut Index IndexMut RangeBounds",
    "Iterator IntoIterator DoubleEndedIterator ExactSizeIterator FusedIterator Extend FromIterator Sum Product",
    "Add Sub Mul Div Rem Neg Not BitAnd BitOr BitXor Shl Shr AddAssign SubAssign MulAssign DivAssign RemAssign \
     BitAndAssign BitOrAssign BitXorAssign ShlAssign ShrAssign",
    "Future IntoFuture Stream Wake Read Write Seek BufRead AsyncRead AsyncWrite ToSocketAddrs GlobalAlloc Termination",
    "Serialize Deserialize Serializer Deserializer Visitor",
];

/// Attributes that make a function a test, by their last word.
const TESTS: [&str; 4] = ["test", "rstest", "test_case", "bench"];

impl Block {
    pub(crate) fn new(
        word: Word,
        arguments: Arguments,
        block: item::Block,
        errors: &mut Errors,
    ) -> Block {
        Block::within(None, (word, None), arguments, block, errors)
    }

    fn within(
        around: Option<&Surroundings<'_>>,
        (word, attr): (Word, Option<Attribute>),
        arguments: Arguments,
        block: item::Block,
        errors: &mut Errors,
    ) -> Block {
        let (type_name, foreign) = match &block.kind {
            BlockKind::Impl { self_ty, .. } => (
                Some(type_name(self_ty)),
                around.map_or(Vec::new(), |around| around.foreign.clone()),
            ),
            BlockKind::Module => (None, foreign(&block.members, arguments.runtime.as_ref())),
        };
        let surroundings = Surroundings {
            word,
            arguments: &arguments,
            type_name,
            on_request: around.is_some() && attr.is_none() && is_standard(&block.kind),
            foreign,
        };
        let members = block.members.into_iter();
        let members = members
            .map(|member| surroundings.member(member, errors))
            .collect();
        Block {
            word,
            attr,
            arguments,
            kind: block.kind,
            outer: block.outer,
            head: block.head,
            inner: block.inner,
            members,
            braces: block.braces,
        }
    }

    /// The functions that the block's attribute speaks of, also those of blocks that have none of their own.
    pub(crate) fn functions(&self) -> Vec<&Function> {
        let mut functions = Vec::new();
        for member in &self.members {
            match member {
                Member::Function(function) => functions.push(&**function),
                Member::Block(block) if block.attr.is_none() => functions.extend(block.functions()),
                Member::Block(_) | Member::Plain(_) => {}
            }
        }
        functions
    }

    /// The blocks that go by an attribute of their own.
    pub(crate) fn annotated(&self) -> Vec<&Block> {
        let mut annotated = Vec::new();
        for member in &self.members {
            if let Member::Block(block) = member {
                if block.attr.is_some() {
                    annotated.push(&**block);
                } else {
                    annotated.extend(block.annotated());
                }
            }
        }
        annotated
    }
}

impl Surroundings<'_> {
    fn member(&self, member: item::Member, errors: &mut Errors) -> Member {
        let item::Member { tokens, item } = member;
        let recorded = match item {
            Some(Item::Function(function)) => self.function(*function, errors),
            Some(Item::Block(block)) => self.block(*block, errors),
            Some(Item::Struct(_)) | None => None,
        };
        recorded.unwrap_or(Member::Plain(tokens))
    }

    fn function(&self, mut function: item::Function, errors: &mut Errors) -> Option<Member> {
        if self.is_skipped(&function.attrs) {
            return None;
        }
        let own = self.take_kinds(&mut function.attrs);
        if own.is_empty() && !self.reaches(&function) {
            return None;
        }
        let agent = self.word == Word::Agent;
        let name = function.signature.ident.unraw().to_string();
        let full = match &self.type_name {
            Some(type_name) if is_word(type_name) => format!("{type_name}::{name}"),
            Some(type_name) => format!("<{type_name}>::{name}"),
            None => name.clone(),
        };
        let mut layers = own_layers(own, self.arguments, &name, &full, errors);
        if layers.is_empty() {
            let kind = if agent { Word::Operation } else { self.word };
            let arguments = inherited(self.arguments, agent, &function.signature);
            layers.push(Layer::new(kind, Role::Span, arguments, &name, &full));
        }
        let receiver = function.signature.receiver().map(Receiver::new);
        if let (true, Some(type_name), Some(receiver)) = (agent, &self.type_name, receiver) {
            let role = Role::Member {
                type_name: type_name.clone(),
                receiver,
            };
            let layer = Layer::new(self.word, role, self.arguments.clone(), type_name, &full);
            // A session that a method opens is the agent's surroundings.
            let session = layers
                .iter()
                .rposition(|layer| layer.word.same_kind(Word::Session));
            layers.insert(session.map_or(0, |at| at + 1), layer);
        }
        Some(Member::Function(Box::new(Function::new(function, layers))))
    }

    /// Whether a function without an attribute of its own is recorded.
    fn reaches(&self, function: &item::Function) -> bool {
        let constructs = self.word == Word::Agent
            && self.type_name.is_some()
            && function.signature.receiver().is_none();
        !self.on_request
            && !constructs
            && function.signature.constness.is_none()
            && !function.attrs.iter().any(is_test)
    }

    fn block(&self, mut block: item::Block, errors: &mut Errors) -> Option<Member> {
        if self.is_skipped(&block.outer) {
            return None;
        }
        let mut own = self.take_kinds(&mut block.outer).into_iter();
        let (word, arguments) = match own.next() {
            Some((word, attr)) => {
                // What stands below an attribute is expanded after it, as it is outside of a module.
                block.outer.splice(0..0, own.map(|(_, attr)| attr));
                let runtime = self.arguments.runtime.as_ref();
                let arguments = own_arguments(word, &attr, runtime, errors);
                ((word, Some(attr)), arguments)
            }
            None if block.outer.iter().any(is_for_tests) => return None,
            None => ((self.word, None), self.arguments.clone()),
        };
        let block = Block::within(Some(self), word, arguments, block, errors);
        Some(Member::Block(Box::new(block)))
    }

    fn is_skipped(&self, attrs: &[Attribute]) -> bool {
        attrs
            .iter()
            .map(Attribute::path)
            .any(|path| our_word(path).is_some_and(|word| word == "skip") && !self.is_foreign(path))
    }

    fn take_kinds(&self, attrs: &mut Vec<Attribute>) -> Vec<(Word, Attribute)> {
        take_kinds(attrs, |path| !self.is_foreign(path))
    }

    fn is_foreign(&self, path: &Path) -> bool {
        path.get_ident()
            .is_some_and(|name| self.foreign.contains(name))
    }
}

/// What a module imports from other crates: in it `#[tool]` is what it says it is.
fn foreign(members: &[item::Member], given: Option<&Path>) -> Vec<Ident> {
    let given = given.and_then(|path| path.segments.first());
    let ours = |root: &Ident| {
        ["crate", "self", "super"].iter().any(|own| root == own)
            || runtime::name().is_some_and(|name| root == name)
            || given.is_some_and(|first| *root == first.ident)
    };
    let mut names = Vec::new();
    for member in members.iter().filter(|member| member.item.is_none()) {
        let Ok(import) = syn::parse2::<ItemUse>(member.tokens.clone()) else {
            continue;
        };
        if let UseTree::Path(path) = &import.tree
            && !ours(&path.ident)
        {
            imported(&path.tree, &mut names);
        }
    }
    names
}

fn imported(tree: &UseTree, names: &mut Vec<Ident>) {
    match tree {
        UseTree::Path(path) => imported(&path.tree, names),
        UseTree::Name(name) => names.push(name.ident.clone()),
        UseTree::Rename(rename) => names.push(rename.rename.clone()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| imported(tree, names)),
        _ => {}
    }
}

/// A block's arguments, as they hold for one of its functions.
fn inherited(block: &Arguments, agent: bool, signature: &Signature) -> Arguments {
    let names = argument_names(signature);
    let mut arguments = block.inherited(agent);
    arguments
        .skip
        .retain(|skip| names.iter().any(|name| name.unraw() == skip.unraw()));
    arguments.boxed &= signature.asyncness.is_some();
    arguments
}

fn is_standard(kind: &BlockKind) -> bool {
    match kind {
        BlockKind::Impl { of: Some(of), .. } => match bare(of) {
            Type::Path(path) => last_is_one_of(&path.path, &STANDARD_TRAITS),
            _ => false,
        },
        _ => false,
    }
}

fn is_test(attr: &Attribute) -> bool {
    last_is_one_of(attr.path(), &TESTS)
}

fn last_is_one_of(path: &Path, names: &[&str]) -> bool {
    let last = path.segments.last();
    let mut names = names.iter().flat_map(|names| names.split_whitespace());
    last.is_some_and(|last| names.any(|name| last.ident == name))
}

/// Whether the item is there in tests only: `test` is asked for, on its own or with `all`.
fn is_for_tests(attr: &Attribute) -> bool {
    fn asks(meta: &Meta) -> bool {
        let Meta::List(list) = meta else {
            return meta.path().is_ident("test");
        };
        let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
        ["cfg", "all"].iter().any(|name| list.path.is_ident(name))
            && parts.is_ok_and(|parts| parts.iter().any(asks))
    }
    attr.path().is_ident("cfg") && asks(&attr.meta)
}

/// The name that people call the type by.
fn type_name(ty: &Type) -> String {
    match bare(ty) {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .map_or(String::new(), |last| last.ident.unraw().to_string()),
        Type::Reference(reference) => {
            let mutable = reference.mutability.map_or("", |_| "mut ");
            format!("&{mutable}{}", type_name(&reference.elem))
        }
        Type::Slice(slice) => format!("[{}]", type_name(&slice.elem)),
        other => as_typed(other.to_token_stream()),
    }
}

fn is_word(name: &str) -> bool {
    name.chars()
        .all(|char| char.is_alphanumeric() || char == '_')
}

/// Tokens with spaces where people put them.
fn as_typed(tokens: TokenStream) -> String {
    let mut text = String::new();
    let mut after_word = false;
    for tree in tokens {
        let word = matches!(tree, TokenTree::Ident(_) | TokenTree::Literal(_));
        if word && after_word {
            text.push(' ');
        }
        after_word = word;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                text.extend([open, &as_typed(group.stream()), close]);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                '-' => text.push_str(" -"),
                '>' if text.ends_with('-') => text.push_str("> "),
                '+' => text.push_str(" + "),
                ',' => text.push_str(", "),
                ';' => text.push_str("; "),
                other => text.push(other),
            },
            other => text.push_str(&other.to_string()),
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn block(word: Word, arguments: TokenStream, tokens: TokenStream) -> Block {
        let mut errors = Errors::default();
        let arguments = Arguments::parse(word, arguments, &mut errors);
        let Some(Item::Block(block)) = Item::parse(word, tokens, &mut errors) else {
            panic!("not a block: {:?}", errors.messages())
        };
        let block = Block::new(word, arguments, *block, &mut errors);
        assert!(errors.is_empty(), "{:?}", errors.messages());
        block
    }

    /// The functions that are recorded in a block, and those in it that have an attribute of their own.
    #[track_caller]
    fn check(word: Word, tokens: TokenStream, expected: &[&str]) {
        check_with(word, TokenStream::new(), tokens, expected);
    }

    #[track_caller]
    fn check_with(word: Word, arguments: TokenStream, tokens: TokenStream, expected: &[&str]) {
        fn recorded(block: &Block, found: &mut Vec<String>) {
            for member in &block.members {
                match member {
                    Member::Function(function) => {
                        found.extend(function.layers.iter().map(|layer| {
                            let word = layer.word.to_string();
                            let word = word.trim_matches(|c| "`#[]".contains(c));
                            format!("{word} {}", layer.function)
                        }))
                    }
                    Member::Block(block) => recorded(block, found),
                    Member::Plain(_) => {}
                }
            }
        }
        let mut found = Vec::new();
        recorded(&block(word, arguments, tokens), &mut found);
        assert_eq!(found, expected);
    }

    #[test]
    fn a_module_reaches_functions_and_methods() {
        let module = quote! {
            pub mod m {
                #![allow(unused)]
                use a::{b, c};
                pub fn f() {}
                fn not_here();
                static S: T = T { a: 1 };
                impl X<{ 1 }> { fn g(&self) {} const K: u8 = 1; fn new() -> X {} }
                unsafe impl<T> Own for T where T: A { fn h() {} }
                struct P<const N: usize = { 3 }>(u8);
                extern "C" { fn i(); }
                mod n { pub mod o { fn j() {} } mod p; }
                const fn k() {}
                const L: T = T { a: 1 };
                mac!(x);
                std::mac! { fn l() {} }
                macro_rules! m { () => { fn m() {} } }
                trait Tr { fn n() {} }
                async unsafe extern "C" fn o() {}
            }
        };
        check(
            Word::Tool,
            module,
            &[
                "tool f",
                "tool X::g",
                "tool X::new",
                "tool T::h",
                "tool j",
                "tool o",
            ],
        );
    }

    #[test]
    fn some_items_are_recorded_on_request_only() {
        let module = quote! {
            mod m {
                impl std::fmt::Display for X { fn fmt(&self) {} #[task] fn own(&self) {} }
                #[llm] impl Iterator for X { fn next(&mut self) {} }
                #[test] fn a() {}
                #[tokio::test] async fn b() {}
                #[rstest] fn c() {}
                #[cfg(test)] mod tests { fn d() {} }
                #[cfg(all(unix, test))] mod more { fn e() {} }
                #[cfg(not(test))] mod real { fn f() {} }
                #[agentops::skip] fn g() {}
                #[skip] impl X { fn h() {} }
                #[agentops::skip] mod n { #[tool] fn i() {} }
                #[task] const fn j() {}
                #[workflow] mod o { fn k() {} #[tool] impl X { fn l() {} } }
            }
        };
        check(
            Word::Instrument,
            module,
            &[
                "task X::own",
                "llm X::next",
                "agentops::instrument f",
                "task j",
                "workflow k",
                "tool X::l",
            ],
        );
    }

    #[test]
    fn in_an_agents_module_types_are_agents() {
        let module = quote! {
            mod m {
                fn f() {}
                impl X { fn new() -> X {} fn g(&self) {} }
                impl Run for X { fn h(&self) {} }
            }
        };
        check(
            Word::Agent,
            module,
            &[
                "operation f",
                "agent X::g",
                "operation X::g",
                "agent X::h",
                "operation X::h",
            ],
        );
    }

    #[test]
    fn instrument_is_ours_by_its_path_only() {
        let methods = quote! {
            impl X { #[instrument] fn f() {} #[agentops::instrument] fn g() {} }
        };
        check(
            Word::Tool,
            methods,
            &["tool X::f", "agentops::instrument X::g"],
        );
    }

    #[test]
    fn what_a_module_imports_is_not_ours() {
        let module = quote! {
            mod m {
                use crate::telemetry::{task, agent};
                pub use server::{self as llm, attributes::{tool, Server}, skip};
                #[tool(description = "d")] fn a() {}
                #[task] fn b() {}
                #[llm] impl X { #[tool] fn c() {} #[agent] fn d() {} #[agentops::tool] fn e() {} }
                mod n { #[tool] fn f() {} }
                #[skip] fn g() {}
                #[agentops::skip] fn h() {}
            }
        };
        check(
            Word::Workflow,
            module,
            &[
                "workflow a",
                "task b",
                "workflow X::c",
                "agent X::d",
                "tool X::e",
                "tool f",
                "workflow g",
            ],
        );
        let module = quote!(
            mod m {
                use own::tool;
                #[tool]
                fn f() {}
            }
        );
        check(Word::Task, module.clone(), &["task f"]);
        let runtime = quote!(crate = own::telemetry);
        check_with(Word::Task, runtime, module, &["tool f"]);
    }

    #[test]
    fn methods_of_types_without_a_name_have_a_path() {
        check(
            Word::Tool,
            quote!(impl A for [T] { fn f() {} }),
            &["tool <[T]>::f"],
        );
        check(
            Word::Tool,
            quote!(
                impl<T> A for &mut T {
                    fn f() {}
                }
            ),
            &["tool <&mut T>::f"],
        );
    }

    #[test]
    fn fragments_of_macros_are_items() {
        let function = Group::new(
            Delimiter::None,
            quote!(
                fn f() {}
            ),
        );
        let import = Group::new(
            Delimiter::None,
            quote!(
                use a;
            ),
        );
        let visibility = Group::new(Delimiter::None, quote!(pub));
        let nothing = Group::new(Delimiter::None, quote!());
        let module = quote!(mod m { #function #import #visibility fn g() {} #nothing fn h() {} });
        check(Word::Task, module, &["task f", "task g", "task h"]);
    }

    #[test]
    fn what_is_left_alone_is_given_back_as_it_was() {
        let item = quote! {
            #[doc = " d"] pub(crate) mod m {
                #![allow(unused)]
                pub const fn f(mut self: &Self,) -> u8 where {}
                impl<'a, T: 'a> Clone for X<T> where T: Clone { fn clone(&self) -> Self { half. } }
            }
        };
        assert_eq!(
            crate::expand::annotate(Word::Tool, TokenStream::new(), item.clone()).to_string(),
            item.to_string()
        );
    }

    #[test]
    fn types_go_by_the_names_that_people_use() {
        let name = |tokens| type_name(&syn::parse2(tokens).expect("a type"));
        assert_eq!(name(quote!(a::B<'a, C>)), "B");
        assert_eq!(name(quote!(&'a mut [a::T])), "&mut [T]");
        assert_eq!(
            name(quote!((dyn Fn(u8) -> bool + Send))),
            "dyn Fn(u8) -> bool + Send"
        );
        assert_eq!(name(quote!((u8, [u8; 3]))), "(u8, [u8; 3])");
        assert_eq!(name(quote!(fn())), "fn()");
        assert_eq!(name(quote!(*const T)), "*const T");
    }
}
