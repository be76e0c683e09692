//! Rules that need more than one part of the model.
//!
//! Fourth stage: reads a [`Model`], adds to the mistakes, changes nothing.
//! Arguments that are wrong in themselves were found when they were read.

use syn::ext::IdentExt;
use syn::{Attribute, Ident, Signature};

use crate::args::{Arguments, Word, similar};
use crate::error::Errors;
use crate::item::BlockKind;
use crate::model::{
    Block, Function, Layer, Model, Output, Returning, Role, Shape, Struct, again, argument_names,
    our_word,
};

pub(crate) fn model(model: &Model, errors: &mut Errors) {
    match model {
        Model::Function(function) => self::function(function, errors),
        Model::Block(block) => self::block(block, errors),
        Model::Struct(item) => structure(item, errors),
    }
}

fn function(function: &Function, errors: &mut Errors) {
    for (index, layer) in function.layers.iter().enumerate() {
        match &layer.attr {
            None => {
                item(layer, &function.signature, errors);
                arguments(layer, function, errors);
                program(layer, function, errors);
            }
            Some(attr) => {
                let others = function.layers[..index].iter().map(|other| other.word);
                stacked(layer, attr, others, function, errors);
            }
        }
    }
}

/// An attribute that was taken off the item reports its own mistakes when it is left there after all.
fn stacked(
    layer: &Layer,
    attr: &Attribute,
    mut others: impl Iterator<Item = Word>,
    function: &Function,
    errors: &mut Errors,
) {
    let mut own = Errors::default();
    item(layer, &function.signature, &mut own);
    arguments(layer, function, &mut own);
    errors.defer(&own);
    if others.any(|other| other.same_kind(layer.word)) {
        errors.at(
            attr.path(),
            format!("{} is applied twice, remove one", layer.word),
        );
    }
}

/// Functions that cannot be wrapped.
fn item(layer: &Layer, signature: &Signature, errors: &mut Errors) {
    let word = layer.word;
    if let Some(token) = signature.constness {
        errors.at(
            token,
            format!("`const fn` cannot be instrumented; remove `const` or {word}"),
        );
    }
    if let Some(variadic) = &signature.variadic {
        errors.at(
            variadic,
            format!("variadic functions cannot be instrumented; remove `...` or {word}"),
        );
    }
}

/// Arguments of the attribute that do not fit the function, or one another.
fn arguments(layer: &Layer, function: &Function, errors: &mut Errors) {
    selection(layer.word, &layer.arguments, errors);
    names(layer, &function.signature, errors);
    if let Some(boxed) = layer
        .arguments
        .given("boxed")
        .filter(|_| function.shape != Shape::Async)
    {
        errors.at(
            boxed,
            format!("`boxed` of {} needs an `async fn`", layer.word),
        );
    }
    if let Some(returns) = layer.arguments.given("returns")
        && let Some(there) = without_value(function)
    {
        let message = format!("`returns` of {} has no value to read {there}", layer.word);
        errors.at(returns, message);
    }
}

/// Where nobody can look at a value in the end.
fn without_value(function: &Function) -> Option<&'static str> {
    if matches!(function.outcome, Output::Never) {
        return Some("where a function never returns");
    }
    if function.shape == Shape::Guarded {
        return Some("under `#[track_caller]`");
    }
    match function.goes_on.as_ref()?.what {
        Returning::Stream | Returning::TriedStream => Some("where a stream is returned"),
        Returning::Iterator => Some("where an iterator is returned"),
        Returning::Future | Returning::Named => None,
    }
}

/// Of what says which arguments are recorded, the strongest stands alone.
fn selection(word: Word, arguments: &Arguments, errors: &mut Errors) {
    let ranked = [
        ("capture_args = false", arguments.no_arguments),
        ("skip_all", arguments.skip_all),
        ("capture", arguments.capture.is_some()),
        ("skip", arguments.given("skip").is_some()),
    ];
    let mut set = ranked
        .into_iter()
        .filter(|(_, set)| *set)
        .map(|(argument, _)| argument);
    let Some(strongest) = set.next() else { return };
    for argument in set {
        let message =
            format!("`{argument}` has no effect with `{strongest}` in {word}, remove one");
        errors.at(arguments.given(argument), message);
    }
}

/// Arguments are skipped and captured by names that they have, once.
fn names(layer: &Layer, signature: &Signature, errors: &mut Errors) {
    let word = layer.word;
    let known: Vec<String> = argument_names(signature)
        .iter()
        .map(|name| name.unraw().to_string())
        .collect();
    let capture = layer.arguments.capture.as_deref().unwrap_or_default();
    for (list, argument, done) in [
        (&*layer.arguments.skip, "skip", "skipped"),
        (capture, "capture", "captured"),
    ] {
        for (index, ident) in list.iter().enumerate() {
            let name = ident.unraw().to_string();
            if list[..index].iter().any(|other| other.unraw() == name) {
                errors.at(ident, format!("`{name}` is {done} twice in {word}"));
            } else if !known.contains(&name) {
                let hint = similar(&name, known.iter().map(String::as_str));
                let hint = hint.map_or(String::new(), |known| format!("; did you mean `{known}`?"));
                let function = &signature.ident;
                let known = known.join(", ");
                errors.at(ident, format!("`{argument}` of {word}: no argument named `{name}` in `fn {function}({known})`{hint}"));
            }
        }
    }
}

/// Rules about `fn main`.
fn program(layer: &Layer, function: &Function, errors: &mut Errors) {
    let signature = &function.signature;
    let is_main = signature.ident == "main" && signature.receiver().is_none();
    let again = function.attrs.iter().find(|attr| starts_program(attr));
    if let Some(again) = again.filter(|_| layer.word == Word::Main) {
        let message = format!("{} is applied twice, remove one", layer.word);
        return errors.at(again.path(), message);
    }
    match layer.word {
        Word::Main if !is_main => {
            errors.at(
                &signature.ident,
                "`#[agentops::main]` goes on `fn main`; use `#[session]` here",
            );
        }
        Word::Main
            if function.shape == Shape::Async && !function.attrs.iter().any(may_give_runtime) =>
        {
            let message = "`#[agentops::main]` on an `async fn main` needs a runtime: add `#[tokio::main]`, or that of another";
            errors.at(signature.asyncness, message);
        }
        Word::Session | Word::Trace if is_main => {
            let message = format!(
                "{} on `fn main` would start before recording does; use `#[agentops::main]`",
                layer.word
            );
            errors.at(&signature.ident, message);
        }
        _ => {}
    }
}

/// Whether it is ours: a bare `#[main]` may be that of a runtime.
fn starts_program(attr: &Attribute) -> bool {
    attr.path().segments.len() > 1 && our_word(attr.path()).is_some_and(|word| word == "main")
}

fn may_give_runtime(attr: &Attribute) -> bool {
    const OTHERS: [&str; 8] = [
        "doc", "allow", "expect", "warn", "deny", "cfg", "inline", "must_use",
    ];
    !OTHERS.iter().any(|other| attr.path().is_ident(other))
}

/// What says who an agent is; the rest is for what it does.
fn structure(item: &Struct, errors: &mut Errors) {
    let word = item.word;
    for key in item.arguments.all_given() {
        if !["name", "role", "model", "crate"]
            .iter()
            .any(|name| key == name)
        {
            let message = format!(
                "`{key}` of {word} goes on a function, a method or an impl block, not on a struct"
            );
            errors.at(key, message);
        }
    }
    if let Some(derived) = &item.derived {
        let message = format!("{word} on a struct derives `Agent` already, remove one");
        errors.at(derived, message);
    }
}

fn block(block: &Block, errors: &mut Errors) {
    if let Some(path) = again(block.word, &block.outer) {
        errors.at(path, format!("{} is applied twice, remove one", block.word));
    }
    holds_for_all(block, errors);
    selection(block.word, &block.arguments, errors);
    for function in block.functions() {
        method(block.word, function, errors);
    }
    for annotated in block.annotated() {
        let mut own = Errors::default();
        self::block(annotated, &mut own);
        errors.defer(&own);
    }
}

/// What a block's attribute says must make sense for each of its functions.
fn holds_for_all(block: &Block, errors: &mut Errors) {
    let (word, arguments) = (block.word, &block.arguments);
    let (a_block, the_block, function) = match block.kind {
        BlockKind::Impl { .. } => ("an impl block", "the impl block", "method"),
        BlockKind::Module => ("a module", "the module", "function"),
    };
    for argument in ["attributes", "returns", "capture", "parent", "links"] {
        if let Some(key) = arguments.given(argument) {
            let message =
                format!("`{argument}` of {word} goes on a function or method, not on {a_block}");
            errors.at(key, message);
        }
    }
    if let Some(key) = arguments.given("name") {
        let names = match (word, &block.kind) {
            (Word::Agent, BlockKind::Impl { .. }) => None,
            (Word::Agent, BlockKind::Module) => Some(("agent", "an impl block")),
            (_, BlockKind::Impl { .. }) => Some(("method", "a method")),
            (_, BlockKind::Module) => Some(("function", "a function")),
        };
        if let Some((named, instead)) = names {
            let message = format!(
                "`name` of {word} would name every {named} of {the_block}; put it on {instead}"
            );
            errors.at(key, message);
        }
    }
    let functions = block.functions();
    for skip in &arguments.skip {
        let is_name = |name: &Ident| name.unraw() == skip.unraw();
        let has_it = |function: &&Function| argument_names(&function.signature).iter().any(is_name);
        if !functions.iter().any(has_it) {
            let message = format!(
                "`skip` of {word}: no {function} of {the_block} has an argument named `{skip}`"
            );
            errors.at(skip, message);
        }
    }
}

fn method(block: Word, function: &Function, errors: &mut Errors) {
    let spans = || {
        function
            .layers
            .iter()
            .filter(|layer| matches!(layer.role, Role::Span))
    };
    // Others in an agent's block are no calls of the agent.
    let of_agent = function
        .layers
        .iter()
        .any(|layer| matches!(layer.role, Role::Member { .. }));
    for (index, layer) in spans().enumerate() {
        let Some(attr) = &layer.attr else {
            item(layer, &function.signature, errors);
            continue;
        };
        // To give the block's kind again is of use for the arguments that come with it.
        let repeats = layer.word == Word::Agent || attr.meta.require_path_only().is_ok();
        let repeats = repeats && (block != Word::Agent || of_agent);
        let others = spans()
            .take(index)
            .map(|other| other.word)
            .chain(repeats.then_some(block));
        stacked(layer, attr, others, function, errors);
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use super::*;
    use crate::item::Item;

    #[track_caller]
    fn check(word: Word, arguments: TokenStream, item: TokenStream, expected: &[&str]) {
        let mut errors = Errors::default();
        let arguments = Arguments::parse(word, arguments, &mut errors);
        if let Some(item) = Item::parse(word, item, &mut errors) {
            model(&Model::new(word, arguments, item, &mut errors), &mut errors);
        }
        assert_eq!(errors.messages(), expected);
    }

    #[test]
    fn arguments_are_skipped_by_names_that_they_have() {
        let item = || {
            quote!(
                fn f((a, r#type): (u8, u8), c: u8) {}
            )
        };
        check(Word::Tool, quote!(skip(a, type)), item(), &[]);
        let unknown = "`skip` of `#[tool]`: no argument named `typ` in `fn f(a, type, c)`; did you mean `type`?";
        check(Word::Tool, quote!(skip(typ)), item(), &[unknown]);
        check(
            Word::Tool,
            quote!(skip(c, c)),
            item(),
            &["`c` is skipped twice in `#[tool]`"],
        );
        let unnamed = "`skip` of `#[tool]`: no argument named `guard` in `fn f(self, a)`";
        check(
            Word::Tool,
            quote!(skip(guard)),
            quote!(
                fn f(self, _: B, a: A, _: C) {}
            ),
            &[unnamed],
        );
        let far = "`capture` of `#[llm]`: no argument named `question` in `fn f(a, type, c)`";
        check(Word::Llm, quote!(capture(question)), item(), &[far]);
        check(
            Word::Llm,
            quote!(capture(self)),
            quote!(
                fn f(&self, a: u8) {}
            ),
            &[],
        );
    }

    #[test]
    fn what_selects_arguments_stands_alone() {
        let item = || {
            quote!(
                fn f(a: u8, b: u8) {}
            )
        };
        let weaker = "`skip` has no effect with `skip_all` in `#[tool]`, remove one";
        check(Word::Tool, quote!(skip(a), skip_all), item(), &[weaker]);
        let weaker = "`skip` has no effect with `capture` in `#[tool]`, remove one";
        check(Word::Tool, quote!(skip(a), capture(b)), item(), &[weaker]);
        let weaker =
            "`skip_all` has no effect with `capture_args = false` in `#[tool]`, remove one";
        check(
            Word::Tool,
            quote!(capture_args = false, skip_all),
            item(),
            &[weaker],
        );
        check(
            Word::Tool,
            quote!(capture_args = true, skip(a)),
            item(),
            &[],
        );
    }

    #[test]
    fn some_functions_cannot_be_wrapped() {
        let constant = "`const fn` cannot be instrumented; remove `const` or `#[trace]`";
        check(
            Word::Trace,
            quote!(),
            quote!(
                pub const fn f() {}
            ),
            &[constant],
        );
        let variadic = "variadic functions cannot be instrumented; remove `...` or `#[tool]`";
        check(
            Word::Tool,
            quote!(),
            quote!(
                unsafe extern "C" fn f(a: u8, ...) {}
            ),
            &[variadic],
        );
        check(
            Word::Tool,
            quote!(boxed),
            quote!(
                fn f() {}
            ),
            &["`boxed` of `#[tool]` needs an `async fn`"],
        );
        let no_value = |there| format!("`returns` of `#[tool]` has no value to read {there}");
        let [never, kept] =
            ["where a function never returns", "under `#[track_caller]`"].map(no_value);
        check(
            Word::Tool,
            quote!(returns(k = f)),
            quote!(
                async fn f() -> ! {}
            ),
            &[&never],
        );
        check(
            Word::Tool,
            quote!(returns(k = f)),
            quote!(
                #[track_caller]
                fn f() -> u8 {
                    1
                }
            ),
            &[&kept],
        );
    }

    #[test]
    fn kinds_stack_once_each() {
        let twice = "`#[agent]` is applied twice, remove one";
        let block = quote!(
            #[agentops::agent]
            impl X {}
        );
        check(Word::Agent, quote!(), block, &[twice]);
        let block = quote!(
            #[agentops::task]
            #[agentops::instrument]
            mod x {}
        );
        check(Word::Workflow, quote!(), block, &[]);
        let twice = "`#[trace]` is applied twice, remove one";
        check(
            Word::Session,
            quote!(),
            quote!(
                #[trace]
                fn f() {}
            ),
            &[twice],
        );
        check(
            Word::Session,
            quote!(),
            quote!(
                #[agent]
                #[agentops::tool(name = "x")]
                fn f() {}
            ),
            &[],
        );
        check(
            Word::Tool,
            quote!(),
            quote!(
                #[other::tool]
                fn f() {}
            ),
            &[],
        );
    }

    #[test]
    fn main_is_for_the_program() {
        let elsewhere = "`#[agentops::main]` goes on `fn main`; use `#[session]` here";
        check(
            Word::Main,
            quote!(),
            quote!(
                fn start() {}
            ),
            &[elsewhere],
        );
        let runtime = "`#[agentops::main]` on an `async fn main` needs a runtime: add `#[tokio::main]`, or that of another";
        check(
            Word::Main,
            quote!(),
            quote!(
                #[allow(unused)]
                async fn main() {}
            ),
            &[runtime],
        );
        check(
            Word::Main,
            quote!(),
            quote!(
                #[tokio::main]
                async fn main() {}
            ),
            &[],
        );
        let early =
            "`#[session]` on `fn main` would start before recording does; use `#[agentops::main]`";
        check(
            Word::Session,
            quote!(),
            quote!(
                fn main() {}
            ),
            &[early],
        );
        check(
            Word::Session,
            quote!(),
            quote!(
                fn main(&self) {}
            ),
            &[],
        );
    }

    #[test]
    fn blocks_take_what_holds_for_every_method() {
        let item = || quote!(impl X { fn f(&self, a: u8) {} fn g(&self) {} });
        check(
            Word::Agent,
            quote!(name = "x", role = "r", skip(a)),
            item(),
            &[],
        );
        let name =
            "`name` of `#[tool]` would name every method of the impl block; put it on a method";
        check(Word::Tool, quote!(name = "x"), item(), &[name]);
        let value = "`attributes` of `#[tool]` goes on a function or method, not on an impl block";
        check(Word::Tool, quote!(attributes(k = 1)), item(), &[value]);
        let unknown = "`skip` of `#[tool]`: no method of the impl block has an argument named `b`";
        check(Word::Tool, quote!(skip(b)), item(), &[unknown]);
    }

    #[test]
    fn modules_take_what_holds_for_every_function() {
        let item = || {
            quote!(
                mod m {
                    fn f(a: u8) {}
                    mod n {
                        impl X {
                            fn g(&self, b: u8) {}
                        }
                    }
                }
            )
        };
        let all = quote!(
            skip(a, b),
            level = "debug",
            tags = ["t"],
            err = false,
            version = 1
        );
        check(Word::Tool, all, item(), &[]);
        check(Word::Agent, quote!(role = "r", skip_all), item(), &[]);
        let name = "`name` of `#[agentops::instrument]` would name every function of the module; put it on a function";
        check(Word::Instrument, quote!(name = "x"), item(), &[name]);
        let name =
            "`name` of `#[agent]` would name every agent of the module; put it on an impl block";
        check(Word::Agent, quote!(name = "x"), item(), &[name]);
        let value = "`parent` of `#[tool]` goes on a function or method, not on a module";
        check(Word::Tool, quote!(parent = p), item(), &[value]);
        let unknown = "`skip` of `#[tool]`: no function of the module has an argument named `c`";
        check(Word::Tool, quote!(skip(c)), item(), &[unknown]);
    }

    #[test]
    fn what_has_an_attribute_in_a_module_reports_its_own_mistakes() {
        for item in [
            quote!(
                mod m {
                    #[tool(nmae = "x")]
                    impl X {}
                }
            ),
            quote!(
                mod m {
                    mod n {
                        #[task(name = "x")]
                        impl X {}
                    }
                }
            ),
            quote!(
                mod m {
                    #[tool]
                    mod n {
                        #[task(skip(x))]
                        fn f() {}
                    }
                }
            ),
        ] {
            let mut errors = Errors::default();
            let item = Item::parse(Word::Agent, item, &mut errors).expect("a module");
            let found = Model::new(Word::Agent, Arguments::default(), item, &mut errors);
            model(&found, &mut errors);
            assert!(!errors.is_empty());
            assert!(errors.messages().is_empty());
        }
    }

    #[test]
    fn a_struct_takes_what_says_who_it_is() {
        let item = || {
            quote!(
                pub(crate) struct X;
            )
        };
        check(
            Word::Agent,
            quote!(name = "x", role = "r", model = "m", crate = crate::a),
            item(),
            &[],
        );
        let others = [
            "`tags` of `#[agent]` goes on a function, a method or an impl block, not on a struct",
            "`skip` of `#[agent]` goes on a function, a method or an impl block, not on a struct",
        ];
        check(Word::Agent, quote!(tags = ["a"], skip(a)), item(), &others);
        let twice = "`#[agent]` on a struct derives `Agent` already, remove one";
        check(
            Word::Agent,
            quote!(),
            quote!(
                #[derive(Debug, agentops::Agent)]
                struct X;
            ),
            &[twice],
        );
        let places = "`#[agent]` goes on a function, a method, an impl block, a struct or an inline module, not on an enum";
        check(
            Word::Agent,
            quote!(),
            quote!(
                enum X {}
            ),
            &[places],
        );
    }

    #[test]
    fn methods_say_their_kind_where_it_differs() {
        let twice = "`#[tool]` is applied twice, remove one";
        check(
            Word::Tool,
            quote!(),
            quote!(impl X { #[tool] fn f() {} }),
            &[twice],
        );
        check(
            Word::Tool,
            quote!(),
            quote!(impl X { #[tool(name = "x")] fn f() {} }),
            &[],
        );
        let twice = "`#[agent]` is applied twice, remove one";
        check(
            Word::Agent,
            quote!(),
            quote!(impl X { #[agent(name = "x")] fn f(&self) {} }),
            &[twice],
        );
        check(
            Word::Agent,
            quote!(),
            quote!(impl X { const fn f(&self) {} #[tool] #[task] fn g(&self) {} }),
            &[],
        );
        check(
            Word::Agent,
            quote!(),
            quote!(
                mod m {
                    #[agent]
                    fn f() {}
                    impl X {
                        #[agent]
                        fn new() -> X {}
                    }
                }
            ),
            &[],
        );
    }

    #[test]
    fn a_methods_own_attribute_reports_its_own_mistakes() {
        let mut errors = Errors::default();
        let item = quote!(impl X { #[tool(nmae = "x")] fn f(&self) {} });
        let item = Item::parse(Word::Agent, item, &mut errors).expect("a block");
        model(
            &Model::new(Word::Agent, Arguments::default(), item, &mut errors),
            &mut errors,
        );
        assert!(!errors.is_empty());
        assert!(errors.messages().is_empty());
    }
}
