//! The model as tokens; the only home of `quote!`.
//!
//! Last stage, and for each attribute the function that runs them all.
//! What is printed calls `__private` only, by absolute paths, under names that no user's code can meet.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Ident, Path};

use crate::args::{Arguments, Pair, Word};
use crate::check;
use crate::error::Errors;
use crate::item::{self, BoxedBlock, Item, refilled};
use crate::model::{
    Block, Captured, EXPANDED, Function, GoesOn, Layer, Member, Model, Operand, Output, Rebound,
    Receiver, Returning, Role, Shape, Struct,
};
use crate::runtime;

pub(crate) mod derive;

/// `quote!` for what the user did not write: out of reach of their names and lints.
macro_rules! generated {
    ($($tokens:tt)*) => { quote::quote_spanned!(proc_macro2::Span::mixed_site()=> $($tokens)*) };
}
pub(crate) use generated;

/// Expands an attribute that gives a kind, and `#[agentops::main]`.
pub(crate) fn annotate(word: Word, arguments: TokenStream, item: TokenStream) -> TokenStream {
    if arguments.to_string() == EXPANDED {
        return item;
    }
    let mut errors = Errors::default();
    let arguments = Arguments::parse(word, arguments, &mut errors);
    let Some(parsed) = Item::parse(word, item.clone(), &mut errors) else {
        return errors.beside(item);
    };
    if arguments.runtime.is_none() && runtime::name().is_none() {
        let message = format!("{word} needs the crate `agentops` in Cargo.toml, or `crate = path`");
        errors.push(syn::Error::new(Span::call_site(), message));
    }
    let model = Model::new(word, arguments, parsed, &mut errors);
    check::model(&model, &mut errors);
    if errors.is_empty() {
        print(&model)
    } else if let Model::Struct(item) = &model {
        // Without the derive its helpers would be mistakes as well.
        errors.beside(structure(item))
    } else {
        errors.beside(item)
    }
}

/// Expands an attribute where nothing is to be recorded: an agent says who it is all the same.
pub(crate) fn leave(word: Word, arguments: TokenStream, item: TokenStream) -> TokenStream {
    if word == Word::Agent && item::is_struct(item.clone()) {
        annotate(word, arguments, item)
    } else {
        item
    }
}

/// Expands `#[agentops::skip]`, which says something to annotated blocks and modules only.
pub(crate) fn skip(arguments: &TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    if !arguments.is_empty() {
        errors.at(arguments, "`#[agentops::skip]` takes no arguments");
    }
    errors.beside(item)
}

fn print(model: &Model) -> TokenStream {
    match model {
        Model::Function(function) => self::function(function),
        Model::Block(block) => self::block(block),
        Model::Struct(item) => structure(item),
    }
}

/// A struct is an agent by its derive, whose helper takes the attribute's arguments.
fn structure(item: &Struct) -> TokenStream {
    let Struct {
        arguments,
        attrs,
        rest,
        derived,
        ..
    } = item;
    let derive = derived.is_none().then(|| {
        let facade = facade_path(arguments.runtime.as_ref(), None);
        generated!(#[::core::prelude::v1::derive(#facade::Agent)])
    });
    let name = arguments.name.iter().map(|name| generated!(name = #name));
    let constants = arguments
        .constants
        .iter()
        .filter(|(word, _)| ["role", "model"].contains(word))
        .map(|(word, value)| {
            let word = Ident::new(word, Span::mixed_site());
            generated!(#word = #value)
        });
    let runtime = arguments
        .runtime
        .iter()
        .map(|path| generated!(crate = #path));
    let helpers: Vec<TokenStream> = name.chain(constants).chain(runtime).collect();
    let helper = (!helpers.is_empty()).then(|| generated!(#[agentops(#(#helpers),*)]));
    generated!(#derive #helper #(#attrs)* #rest)
}

fn block(block: &Block) -> TokenStream {
    let Block {
        attr,
        outer,
        head,
        inner,
        members,
        braces,
        ..
    } = block;
    let expanded = attr.as_ref().map(expanded);
    let members = members.iter().map(|member| match member {
        Member::Function(function) => self::function(function),
        Member::Block(block) => self::block(block),
        Member::Plain(tokens) => tokens.clone(),
    });
    let braces = refilled(braces, quote!(#(#inner)* #(#members)*));
    quote!(#expanded #(#outer)* #head #braces)
}

/// An attribute that has been expanded by the one above it.
fn expanded(attr: &Attribute) -> TokenStream {
    let (path, expanded) = (attr.path(), Ident::new(EXPANDED, Span::mixed_site()));
    generated!(#[#path(#expanded)])
}

fn function(function: &Function) -> TokenStream {
    let Function {
        attrs,
        vis,
        default,
        signature,
        body,
        ..
    } = function;
    let statements = match function.shape {
        Shape::Closure => closure(function),
        Shape::Async => nested(function, &frames(function)),
        Shape::Guarded => guarded(function),
        Shape::Returning => returning(function, &frames(function)),
        Shape::Boxed => boxed(function),
    };
    let known = knows_opaque(function).then(|| known(function));
    let inner = &body.attrs;
    let taken = function
        .layers
        .iter()
        .filter_map(|layer| layer.attr.as_ref());
    let expanded = taken.map(expanded);
    // In the user's braces the item is the user's, for lints and in messages.
    let braces = refilled(&body.braces, generated!(#(#inner)* #known #statements));
    generated!(#(#expanded)* #(#attrs)* #vis #default #signature #braces)
}

/// The user's braces in a closure: what returns early returns to us.
fn closure(function: &Function) -> TokenStream {
    let frames: Vec<Frame<'_>> = frames(function);
    let open = frames.iter().map(Frame::open);
    let close = frames.iter().rev().map(Frame::close);
    let closure = body_closure(function);
    let place = at(function.body.braces.span());
    let innermost = function.layers.last().and_then(Layer::runtime);
    let runtime = runtime_path(innermost, Some(place));
    let call = quote_spanned!(place=> #runtime::call_once(#closure));
    let ret = quote_spanned!(place=> return __agentops_ret;);
    generated! {
        #(#open)*
        let __agentops_ret = #call;
        #(#close)*
        #ret
    }
}

/// A closure that is the user's, to the compiler, which then says of the body what it would say of the function's.
fn body_closure(function: &Function) -> TokenStream {
    let output = match &function.output {
        Output::Unit => {
            let place = at(function.signature.ident.span());
            Some(quote_spanned!(place=> -> ()))
        }
        Output::Type { erased, .. } => erased.as_ref().map(|ty| generated!(-> #ty)),
        Output::Never => None,
    };
    let unreached = knows_opaque(function).then(|| unreached(function));
    let body = body(function);
    let body = ours(&generated!(#unreached #body));
    quote_spanned!(function.body.braces.span()=> move || #output { #body })
}

/// Braces of our edition, where what is left over at the end is dropped before what was bound.
fn ours(statements: &TokenStream) -> TokenStream {
    generated!({ #statements })
}

/// The user's braces in place, beside guards whose drop ends the spans.
fn guarded(function: &Function) -> TokenStream {
    let open = frames(function)
        .iter()
        .map(Frame::open)
        .collect::<TokenStream>();
    let body = body(function);
    generated!(#open #body)
}

/// The user's braces in a closure, called in each span, which then goes with what was returned.
fn returning(function: &Function, frames: &[Frame<'_>]) -> TokenStream {
    let Some((frame, inner)) = frames.split_first() else {
        return body_closure(function);
    };
    let Frame { runtime, span, .. } = frame;
    let (open, yields) = (frame.open(), yields(function));
    let mut called = returning(function, inner);
    if !inner.is_empty() {
        called = generated!(move || { #called });
    }
    let wrapped = frame.wrapped();
    generated! {
        #open
        let mut __agentops_ret = #runtime::called::<#yields, _>(#span, #called);
        #wrapped
    }
}

/// What the signature says that is yielded in the end; of a named type, its look decides.
fn yields(function: &Function) -> TokenStream {
    match &function.goes_on {
        Some(GoesOn {
            yields: Some(ty), ..
        }) => ty.to_token_stream(),
        Some(GoesOn {
            what: Returning::Named,
            ..
        }) => generated!(()),
        _ => generated!(_),
    }
}

/// The user's braces in the box that they were in, in a future for each span.
fn boxed(function: &Function) -> TokenStream {
    let Some(BoxedBlock { path, call, block }) = &function.boxed else {
        return guarded(function);
    };
    let frames = frames(function);
    let mut opens = TokenStream::new();
    for (index, frame) in frames.iter().enumerate() {
        // Each one starts in the one before.
        let open = frame.open_in(index.checked_sub(1).map(|outer| &frames[outer]));
        opens.extend(open);
    }
    let yields = yields(function);
    let innermost = function.layers.last().and_then(Layer::runtime);
    let place = at(call.span());
    let runtime = runtime_path(innermost, Some(place));
    let mut future = quote_spanned!(place=> #runtime::promised::<#yields, _>(#block));
    for frame in frames.iter().rev() {
        let Frame { runtime, span, .. } = frame;
        future = if frame.captures_end() {
            let end = frame.ending(span, &generated!(__agentops_ret), ["finish", "settle"]);
            let allow = frame.allow_closures();
            generated!(#runtime::instrument_with(#span, #future, #allow move |#span, __agentops_ret| #end))
        } else {
            generated!(#runtime::instrument(#span, #future))
        };
    }
    let call = refilled(call, future);
    generated!(#opens return #path #call;)
}

/// The user's braces in a future, and each span around a future of its own, to be current whenever that is polled.
fn nested(function: &Function, frames: &[Frame<'_>]) -> TokenStream {
    let Some((frame, inner)) = frames.split_first() else {
        return body(function);
    };
    let Frame {
        runtime,
        span,
        layer,
        ..
    } = frame;
    let open = frame.open();
    let inner = nested(function, inner);
    let inner = ours(&inner);
    // The user's, as the closure of a function without `async` is.
    let mut future = quote_spanned!(function.body.braces.span()=> async move { #inner });
    let place = at(function.body.braces.span());
    let ret = quote_spanned!(place=> return __agentops_ret;);
    if layer.arguments.boxed && matches!(layer.role, Role::Span) {
        future = generated!(#runtime::boxed(#future));
    }
    if function.goes_on.is_some() {
        let (yields, wrapped) = (yields(function), frame.wrapped());
        return generated! {
            #open
            #[allow(clippy::async_yields_async)]
            let __agentops_future = #runtime::handing::<#yields, _>(#span, #future);
            let mut __agentops_ret = __agentops_future.await;
            #wrapped
        };
    }
    match (&layer.role, &function.output) {
        (Role::Program, Output::Never) => generated!(#open #future.await),
        (Role::Program, _) => {
            let close = frame.close();
            generated!(#open let __agentops_ret = #future.await; #close #ret)
        }
        (_, output) => {
            let site = &frame.site;
            let runtime = runtime_path(layer.runtime(), Some(place));
            let future = if frame.begins_late() {
                quote_spanned!(place=> #runtime::in_late_span(&mut #span, &#site, #future))
            } else {
                quote_spanned!(place=> #runtime::in_span(&mut #span, #future))
            };
            if matches!(output, Output::Never) {
                let awaited = quote_spanned!(place=> #future.await);
                return generated!(#open #awaited);
            }
            let close = frame.close();
            generated! {
                #open
                #[allow(clippy::async_yields_async)]
                let __agentops_ret = #future.await;
                #close
                #ret
            }
        }
    }
}

/// What every wrapping has at its heart.
fn body(function: &Function) -> TokenStream {
    let expected = (function.shape == Shape::Async).then(|| expected(function));
    // Used as a whole, it moves as a whole.
    let owned = function
        .owned_self
        .map(|receiver| generated!(let _ = &#receiver;));
    let rebound = function.rebound.iter().map(rebinding);
    let braces = &function.body.braces;
    // The attribute is there to be an attribute: `unused_braces` passes over blocks that have one.
    generated!(#expected #owned #(#rebound)* #[allow(clippy::needless_else)] #braces)
}

fn rebinding(rebound: &Rebound) -> TokenStream {
    let Rebound {
        attrs,
        mutability,
        ident,
    } = rebound;
    let underscored = underscored(ident).then(
        || generated!(, clippy::no_effect_underscore_binding, clippy::used_underscore_binding),
    );
    generated!(#[allow(clippy::shadow_same #underscored)] #(#attrs)* let #mutability #ident = #ident;)
}

/// Whether the body's type is to be inferred from the bounds of an `impl Trait` as well, as it is without us.
fn knows_opaque(function: &Function) -> bool {
    let moves = matches!(function.shape, Shape::Closure | Shape::Async);
    moves && function.goes_on.is_none() && function.output.is_opaque()
}

/// What is returned, to inference alone: by the bounds in the signature here, and as what the body gives inside.
fn known(function: &Function) -> TokenStream {
    let runtime = runtime_path(function.layers.last().and_then(Layer::runtime), None);
    let unreached = unreached(function);
    generated!(let __agentops_expected = #runtime::Expected::new(); #unreached)
}

fn unreached(function: &Function) -> TokenStream {
    let place = match &function.output {
        Output::Type { place, .. } => at(*place),
        Output::Unit | Output::Never => Span::mixed_site(),
    };
    let unreached = quote_spanned!(place=> return __agentops_expected.never(););
    generated!(if false { #unreached })
}

/// A return that is never reached and tells inference the type before the user's statements are read.
/// What the compiler says of the type is said where the user wrote it.
fn expected(function: &Function) -> TokenStream {
    if knows_opaque(function) {
        return unreached(function);
    }
    match &function.output {
        Output::Unit => {
            let place = function.signature.ident.span();
            let unit = quote_spanned!(place=> return;);
            generated!(if false { #unit })
        }
        Output::Type {
            place,
            erased: Some(ty),
            ..
        } => {
            let value = Ident::new("__agentops_expected", *place);
            let unreached = quote_spanned!(*place=> return #value;);
            generated! {
                #[allow(unreachable_code)]
                if false {
                    let #value: #ty = loop {};
                    #unreached
                }
            }
        }
        Output::Type { erased: None, .. } | Output::Never => TokenStream::new(),
    }
}

/// A place in the user's code for what is generated: what the compiler says of it is said there.
fn at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}

/// A layer with the names that it has in the generated code.
struct Frame<'a> {
    function: &'a Function,
    layer: &'a Layer,
    runtime: TokenStream,
    site: Ident,
    span: Ident,
}

fn frames(function: &Function) -> Vec<Frame<'_>> {
    let inside = function.layers.len() - 1;
    let name = |text: &str, index: usize| {
        let suffix = if index == inside {
            String::new()
        } else {
            format!("_{}", inside - index)
        };
        Ident::new(&format!("{text}{suffix}"), Span::mixed_site())
    };
    function
        .layers
        .iter()
        .enumerate()
        .map(|(index, layer)| Frame {
            function,
            layer,
            runtime: runtime_path(layer.runtime(), None),
            site: name("__AGENTOPS_CALLSITE", index),
            span: name("__agentops_span", index),
        })
        .collect()
}

impl Frame<'_> {
    fn open(&self) -> TokenStream {
        self.open_in(None)
    }

    /// As [`open`](Self::open), in a span that was started but is not current.
    fn open_in(&self, outer: Option<&Frame<'_>>) -> TokenStream {
        let Frame {
            runtime,
            site,
            span,
            layer,
            ..
        } = self;
        let parts = &layer.arguments;
        let open = match &layer.role {
            _ if self.begins_late() => generated!(#runtime::later()),
            Role::Program if parts.name.is_none() => {
                generated!(#runtime::main_start_unnamed(&#site))
            }
            Role::Program => generated!(#runtime::main_start(&#site)),
            Role::Member {
                type_name,
                receiver,
            } => {
                let join = self.either("join_agent", "start_join_agent");
                let this = this(*receiver);
                generated! {
                    #runtime::#join(&#site, |__agentops_ask| {
                        use #runtime::ladder::*;
                        (&&#runtime::AgentProbe::<Self>(#this)).agentops_answer(#type_name, __agentops_ask);
                    })
                }
            }
            Role::Span => {
                let enter = self.enter();
                let capture = self.capture().map(|capture| generated!(, #capture));
                let enter = generated!(#runtime::#enter(&#site #capture));
                parts.parent.as_ref().map_or(enter.clone(), |parent| {
                    // What is wrong with it is wrong there.
                    let place = at(parent.span());
                    let there = runtime_path(layer.runtime(), Some(place));
                    let parent = quote_spanned!(place=> #there::parent(#parent));
                    generated!(#runtime::under(|| #parent, || #enter))
                })
            }
        };
        let open = outer.map_or(open.clone(), |outer| {
            let around = &outer.span;
            generated!(#runtime::within(&#around, || #open))
        });
        let links = parts
            .links
            .as_ref()
            .filter(|_| matches!(layer.role, Role::Span));
        let links = links.map(|links| {
            let place = at(links.span());
            let runtime = runtime_path(layer.runtime(), Some(place));
            quote_spanned!(place=> #runtime::link(&#span, || #links);)
        });
        let underscored = layer
            .captured
            .iter()
            .any(|captured| captured.name.starts_with('_'));
        let allow = underscored.then(|| generated!(#[allow(clippy::used_underscore_binding)]));
        let site = self.site();
        let mutability = self.lends_span().then(|| generated!(mut));
        generated! {
            #site
            #allow
            let #mutability #span = #open;
            #links
        }
    }

    /// What is known of the function before it runs.
    fn site(&self) -> TokenStream {
        let Frame { runtime, site, .. } = self;
        let meta = self.meta();
        // A path that is given may say more than it would have to at this place.
        let given = self
            .layer
            .runtime()
            .map(|_| generated!(#[allow(unused_qualifications)]));
        generated!(#given static #site: #runtime::Callsite = #runtime::Callsite::new(#meta);)
    }

    /// Whether the span stays beside its future, which borrows it.
    fn lends_span(&self) -> bool {
        self.function.shape == Shape::Async
            && self.function.goes_on.is_none()
            && !matches!(self.layer.role, Role::Program)
    }

    /// Whether there is nothing to do for a future's span before its first poll.
    fn begins_late(&self) -> bool {
        let arguments = &self.layer.arguments;
        self.lends_span()
            && matches!(self.layer.role, Role::Span)
            && !self.opens_a_place()
            && self.captures_nothing()
            && arguments.parent.is_none()
            && arguments.links.is_none()
    }

    /// What was returned, with the span around it for as long as it goes on.
    fn wrapped(&self) -> TokenStream {
        let Frame {
            runtime,
            span,
            function,
            ..
        } = self;
        let Some(goes_on) = &function.goes_on else {
            return TokenStream::new();
        };
        let (method, ends, flows) = match goes_on.what {
            Returning::Future => ("agentops_future", true, false),
            Returning::Stream => ("agentops_stream", false, true),
            Returning::Iterator => ("agentops_iterator", false, true),
            Returning::TriedStream => ("agentops_tried_stream", true, true),
            Returning::Named => ("agentops_named", true, true),
        };
        let method = Ident::new(method, Span::mixed_site());
        let end = ends.then(|| {
            let end = if self.captures_end() {
                self.ending(span, &generated!(__agentops_ret), ["finish", "settle"])
            } else {
                generated!(#runtime::settle(#span))
            };
            let allow = self.allow_closures();
            generated!(#allow move |#span, __agentops_ret| #end)
        });
        let each = flows.then(|| self.each());
        let closures = end.into_iter().chain(each);
        let place = at(function.body.braces.span());
        quote_spanned! {place=>
            return {
                use #runtime::ladder::*;
                (&mut &mut __agentops_ret).#method(#(#closures),*)
            };
        }
    }

    /// What becomes of each item: the first error is the span's, and what a model says is kept.
    fn each(&self) -> TokenStream {
        let Frame { runtime, layer, .. } = self;
        let spoils = matches!(layer.role, Role::Span) && !layer.arguments.no_error;
        let spoil = generated! {
            #runtime::spoil(__agentops_flow, &mut |__agentops_w| {
                (&&&&&&#runtime::Fault(__agentops_error)).agentops_fault(__agentops_w)
            })
        };
        let outcome = generated!((&&#runtime::Outcome(__agentops_item)).agentops_outcome());
        let each = match (self.captures_items(), spoils) {
            (false, false) => return generated!(|_, _| {}),
            (false, true) => generated! {
                if let ::core::result::Result::Err(__agentops_error) = #outcome {
                    #spoil;
                }
            },
            (true, spoils) => {
                let value = self.probe(&generated!(__agentops_value));
                let keep = generated!(#runtime::keep(__agentops_flow, &mut |__agentops_w| #value));
                let failed = if spoils {
                    generated!(::core::result::Result::Err(__agentops_error) => #spoil)
                } else {
                    generated!(::core::result::Result::Err(_) => {})
                };
                generated! {
                    match #outcome {
                        ::core::result::Result::Ok(__agentops_value) => #keep,
                        #failed,
                    }
                }
            }
        };
        generated! {
            |__agentops_flow, __agentops_item| {
                use #runtime::ladder::*;
                #each
            }
        }
    }

    /// Whether what a stream or an iterator yields is captured: only a model's answer means anything in pieces.
    fn captures_items(&self) -> bool {
        self.layer.word == Word::Llm
            && matches!(self.layer.role, Role::Span)
            && !self.layer.arguments.no_return
            && self.function.goes_on.as_ref().is_some_and(GoesOn::flows)
    }

    fn close(&self) -> TokenStream {
        let Frame {
            runtime,
            span,
            layer,
            function,
            ..
        } = self;
        if matches!(layer.role, Role::Program) {
            let end = if layer.reads_output(&function.outcome) {
                self.end()
            } else {
                generated!(&mut |_| {})
            };
            return generated!(#runtime::main_finish(#span, #end););
        }
        let (span, names) = if self.lends_span() {
            (generated!(&mut #span), ["finish", "settle"])
        } else {
            (span.to_token_stream(), ["exit", "leave"])
        };
        if self.captures_end() {
            let allow = self.allow_closures();
            let end = self.ending(span, &generated!(&__agentops_ret), names);
            return generated!(#allow #end;);
        }
        let leave = Ident::new(names[1], Span::mixed_site());
        generated!(#runtime::#leave(#span);)
    }

    fn captures_end(&self) -> bool {
        matches!(self.layer.role, Role::Span) && self.layer.reads_output(&self.function.outcome)
    }

    /// `returns` asks for closures.
    fn allow_closures(&self) -> Option<TokenStream> {
        (!self.layer.arguments.returns.is_empty()).then(|| {
            generated!(#[allow(
                clippy::implicit_return,
                clippy::min_ident_chars,
                clippy::redundant_closure,
                clippy::redundant_closure_for_method_calls
            )])
        })
    }

    fn either(&self, sync: &str, future: &str) -> Ident {
        let name = if self.function.shape.travels() {
            future
        } else {
            sync
        };
        Ident::new(name, Span::mixed_site())
    }

    fn enter(&self) -> Ident {
        match self.layer.word {
            Word::Session | Word::Trace => self.either("enter_session", "start_session"),
            Word::Agent => self.either("enter_agent", "start_agent"),
            _ if self.captures_nothing() => self.either("enter_bare", "start_bare"),
            _ => self.either("enter", "start"),
        }
    }

    /// Sessions and agents are rare enough to have one way in.
    fn opens_a_place(&self) -> bool {
        matches!(self.layer.word, Word::Session | Word::Trace | Word::Agent)
    }

    fn captures_nothing(&self) -> bool {
        self.layer.captured.is_empty() && self.layer.arguments.attributes.is_empty()
    }

    /// The closure that captures arguments and attributes; `None` where the call takes none.
    fn capture(&self) -> Option<TokenStream> {
        let runtime = &self.runtime;
        let Layer {
            captured,
            arguments,
            ..
        } = self.layer;
        if self.captures_nothing() {
            return self.opens_a_place().then(|| generated!(&mut |_| {}));
        }
        let captured = captured.iter().map(|Captured { cfgs, value, .. }| {
            let probe = match value {
                Operand::Binding(ident) => self.probe(&generated!(&#ident)),
                Operand::Receiver(receiver) => {
                    let this = this(*receiver);
                    generated!((&&&&#runtime::Probe::<Self>(#this)).agentops_capture(__agentops_w))
                }
            };
            generated!(#(#cfgs)* #probe;)
        });
        let attributes = arguments
            .attributes
            .iter()
            .map(|Pair { value, .. }| self.computed(&generated!(&(#value))));
        // What is borrowed once has a place of its own in a future, for as long as that lives.
        let copies = self.lends_span()
            && arguments.attributes.is_empty()
            && self.layer.captured.iter().all(|captured| captured.is_copy);
        let copied = copies.then(|| generated!(move));
        let lent =
            (self.opens_a_place() || self.function.shape.travels()).then(|| generated!(&mut));
        Some(generated! {
            #lent #copied |__agentops_w| {
                use #runtime::ladder::*;
                #(#captured)*
                #(#attributes;)*
            }
        })
    }

    /// The closure that captures what `main` returned, if that is an error.
    fn end(&self) -> TokenStream {
        let runtime = &self.runtime;
        let captures = self.captures(&generated!(&__agentops_ret));
        generated!(&mut |__agentops_w| { use #runtime::ladder::*; #captures })
    }

    /// Ends the span with what is captured of the returned value: by `exit`, or by `leave` where that is nothing.
    fn ending(
        &self,
        span: impl ToTokens,
        returned: &TokenStream,
        [exit, leave]: [&str; 2],
    ) -> TokenStream {
        let runtime = &self.runtime;
        let lent = (exit == "finish").then(|| generated!(&mut));
        let [exit, leave] = [exit, leave].map(|name| Ident::new(name, Span::mixed_site()));
        let captures = self.captures(returned);
        if self.captures_value() {
            return generated!(#runtime::#exit(#span, #lent |__agentops_w| {
                use #runtime::ladder::*;
                #captures
            }));
        }
        generated! {
            {
                use #runtime::ladder::*;
                match (&&#runtime::Outcome(#returned)).agentops_outcome() {
                    ::core::result::Result::Ok(_) => #runtime::#leave(#span),
                    ::core::result::Result::Err(__agentops_error) => #runtime::#exit(#span, #lent |__agentops_w| {
                        (&&&&&&#runtime::Fault(__agentops_error)).agentops_fault(__agentops_w)
                    }),
                }
            }
        }
    }

    /// Whether more than an error is captured at the end.
    fn captures_value(&self) -> bool {
        let arguments = &self.layer.arguments;
        !arguments.no_return && !matches!(self.function.outcome, Output::Unit | Output::Never)
            || !arguments.returns.is_empty()
    }

    fn captures(&self, returned: &TokenStream) -> TokenStream {
        let Frame {
            runtime,
            layer,
            function,
            ..
        } = self;
        if layer.arguments.no_error || !function.outcome.may_fail() {
            return self.value(returned);
        }
        let value = self.value(&generated!(__agentops_value));
        let binding = if value.is_empty() {
            generated!(_)
        } else {
            generated!(__agentops_value)
        };
        generated! {
            match (&&#runtime::Outcome(#returned)).agentops_outcome() {
                ::core::result::Result::Ok(#binding) => { #value }
                ::core::result::Result::Err(__agentops_error) => {
                    (&&&&&&#runtime::Fault(__agentops_error)).agentops_fault(__agentops_w)
                }
            }
        }
    }

    fn value(&self, value: &TokenStream) -> TokenStream {
        let Layer {
            arguments, role, ..
        } = self.layer;
        let output =
            (matches!(role, Role::Span) && !arguments.no_return).then(|| self.probe(value));
        let returns = arguments.returns.iter().map(|pair| {
            let function = &pair.value;
            let place = at(function.span());
            let runtime = runtime_path(self.layer.runtime(), Some(place));
            self.computed(&quote_spanned!(place=> &#runtime::call_with(#value, #function)))
        });
        let captures = output.into_iter().chain(returns);
        generated!(#(#captures;)*)
    }

    /// As [`probe`](Self::probe), for what an expression of the user's gives: a panic in it is not the program's.
    fn computed(&self, reference: &TokenStream) -> TokenStream {
        let (runtime, probe) = (&self.runtime, self.probe(reference));
        generated!(#runtime::computed(__agentops_w, &mut |__agentops_w| #probe))
    }

    fn probe(&self, reference: &TokenStream) -> TokenStream {
        let runtime = &self.runtime;
        generated!((&&&&#runtime::Probe(#reference)).agentops_capture(__agentops_w))
    }

    /// All that is known of the span before it runs.
    fn meta(&self) -> TokenStream {
        let Layer {
            role,
            name,
            function,
            arguments,
            captured,
            ..
        } = self.layer;
        let runtime = &self.runtime;
        let kind = match role {
            Role::Program => generated!(Session),
            Role::Member { .. } => generated!(Agent),
            Role::Span => kind(self.layer.word),
        };
        let name = match (&arguments.name, role) {
            (Some(name), _) => name.to_token_stream(),
            (None, Role::Program) => generated!(::core::env!("CARGO_CRATE_NAME")),
            (None, _) => generated!(#name),
        };
        let values = matches!(role, Role::Span);
        let captured = captured
            .iter()
            .map(|Captured { cfgs, name, .. }| generated!(#(#cfgs)* #name));
        let captured = generated!(&[#(#captured),*]);
        let output = values && self.gives_output();
        let described = generated! {
            #runtime::Kind::#kind, #name, ::core::module_path!(), #function, #captured, #output
        };
        // The call's place becomes the source location, so it must be the function's.
        let here = self.function.signature.fn_token.span;
        let there = runtime_path(self.layer.runtime(), Some(here));
        let mut meta = quote_spanned!(here=> #there::Meta::new(#described));

        if values {
            meta.extend(self.meta_of_values());
        }
        let tags = &arguments.tags;
        if !tags.is_empty() {
            meta.extend(generated!(.tags(&[#(#tags),*])));
        }
        if let Some(level) = arguments.level {
            let level = Ident::new(level, Span::mixed_site());
            meta.extend(generated!(.level(#runtime::Level::#level)));
        }
        for (word, value) in &arguments.constants {
            let word = Ident::new(word, Span::mixed_site());
            meta.extend(generated!(.#word(#value)));
        }
        meta
    }

    /// Which other values follow, in the order in which they are captured.
    fn meta_of_values(&self) -> TokenStream {
        let Layer { arguments, .. } = self.layer;
        let mut meta = TokenStream::new();
        if !arguments.attributes.is_empty() {
            let keys = arguments.attributes.iter().map(|pair| &pair.key);
            meta.extend(generated!(.attributes(&[#(#keys),*])));
        }
        if self.function.shape != Shape::Guarded && !arguments.returns.is_empty() {
            let keys = arguments.returns.iter().map(|pair| &pair.key);
            meta.extend(generated!(.returns(&[#(#keys),*])));
        }
        meta
    }

    /// Whether there is a value at the end that is captured.
    fn gives_output(&self) -> bool {
        self.captures_items()
            || self.function.shape != Shape::Guarded
                && !self.layer.arguments.no_return
                && !matches!(self.function.outcome, Output::Unit | Output::Never)
    }
}

/// To record an argument is not the use that its underscore rules out.
fn underscored(ident: &Ident) -> bool {
    ident.to_string().starts_with('_')
}

/// A reference to the value that a method is called on; where `Self` is expected, it dereferences further by itself.
fn this(Receiver { token, by_value }: Receiver) -> TokenStream {
    if by_value {
        generated!(&#token)
    } else {
        generated!(&*#token)
    }
}

fn kind(word: Word) -> TokenStream {
    match word {
        Word::Session | Word::Trace | Word::Main => generated!(Session),
        Word::Agent => generated!(Agent),
        Word::Workflow => generated!(Workflow),
        Word::Operation | Word::Instrument => generated!(Operation),
        Word::Task => generated!(Task),
        Word::Tool => generated!(Tool),
        Word::Llm => generated!(Llm),
        Word::Guardrail => generated!(Guardrail),
    }
}

/// Where generated code finds the runtime: as if it were written at `place`, else where the user wrote it.
fn runtime_path(given: Option<&Path>, place: Option<Span>) -> TokenStream {
    let facade = facade_path(given, place);
    quote_spanned!(place.unwrap_or_else(Span::mixed_site)=> #facade::__private)
}

/// Where generated code finds the facade.
fn facade_path(given: Option<&Path>, place: Option<Span>) -> TokenStream {
    let Some(path) = given else {
        let generated = place.unwrap_or_else(Span::mixed_site);
        let name = Ident::new(runtime::name().unwrap_or(runtime::NAME), generated);
        return quote_spanned!(generated=> ::#name);
    };
    let located = |mut tree: TokenTree| {
        if let Some(place) = place {
            tree.set_span(tree.span().located_at(place));
        }
        tree
    };
    path.to_token_stream().into_iter().map(located).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{env, fs};

    use syn::{File, Meta};

    use super::*;

    /// Compares the expansion of `source`, which starts with the attribute, with the file of that name.
    /// With `AGENTOPS_BLESS=1` the file is written instead.
    #[track_caller]
    fn check(name: &str, source: &str) {
        let expected =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/expansion/{name}.rs"));
        let lines: Vec<&str> = source.trim_matches('\n').lines().collect();
        let indent = lines[0].len() - lines[0].trim_start().len();
        let mut text: String = lines
            .iter()
            .map(|line| {
                format!("// {}\n", line.get(indent..).unwrap_or("")).replace("// \n", "//\n")
            })
            .collect();
        let file: File = syn::parse2(expand(source)).expect("an expansion is a list of items");
        text = format!("{text}\n{}", prettyplease::unparse(&file));
        if env::var_os("AGENTOPS_BLESS").is_some() {
            fs::write(expected, text).expect("the expansion is written");
        } else {
            let expected =
                fs::read_to_string(expected).expect("AGENTOPS_BLESS=1 writes the expansion");
            assert_eq!(
                text, expected,
                "{name}: AGENTOPS_BLESS=1 accepts the new expansion"
            );
        }
    }

    /// The guide shows what some functions become, with `P` for the runtime's path.
    #[test]
    fn the_guide_shows_what_is_generated() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/expansion.md");
        let found = fs::read_to_string(&page).expect("the page is there");
        let mut parts = found.split("```ignore\n");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (block, rest) = part.split_once("```").expect("a block ends");
            let (source, _) = block.split_once("// becomes\n").expect("what is expanded");
            let generated = expand(source).to_string();
            let generated = generated.replace(":: agentops :: __private", "P");
            let file = syn::parse_str(&generated).expect("an expansion is a list of items");
            let generated = prettyplease::unparse(&file);
            text += &format!("```ignore\n{source}// becomes\n\n{generated}```{rest}");
        }
        if env::var_os("AGENTOPS_BLESS").is_some() {
            fs::write(page, text).expect("the page is written");
        } else {
            assert_eq!(found, text, "AGENTOPS_BLESS=1 writes the page anew");
        }
    }

    fn expand(source: &str) -> TokenStream {
        let mut item: syn::Item = syn::parse_str(source).expect("an item");
        let attrs = match &mut item {
            syn::Item::Fn(item) => &mut item.attrs,
            syn::Item::Impl(item) => &mut item.attrs,
            syn::Item::Mod(item) => &mut item.attrs,
            syn::Item::Struct(item) => &mut item.attrs,
            syn::Item::Enum(item) => &mut item.attrs,
            _ => panic!("no item that attributes go on"),
        };
        let attr = attrs.remove(0);
        if attr.path().is_ident("derive") {
            let derive = match attr.parse_args::<Ident>() {
                Ok(name) if name == "Agent" => derive::agent,
                _ => derive::capture,
            };
            return derive(item.into_token_stream());
        }
        let arguments = match &attr.meta {
            Meta::List(list) => list.tokens.clone(),
            _ => TokenStream::new(),
        };
        let last = &attr.path().segments.last().expect("a path").ident;
        annotate(
            Word::kind(last).unwrap_or(Word::Main),
            arguments,
            item.into_token_stream(),
        )
    }

    #[test]
    fn tool_sync() {
        check(
            "tool_sync",
            r#"
            #[tool(cost = 0.01)]
            fn grep(pattern: &str, mut n: usize, #[cfg(unix)] mode: u32) -> Result<Vec<String>, Error> {
                n += 1;
                search(pattern, n)
            }"#,
        );
    }

    #[test]
    fn llm_async() {
        check(
            "llm_async",
            r#"
            #[llm(model = "gpt-4o-mini", provider = "openai", skip(key))]
            async fn ask(request: Request, key: &str) -> Result<Response, Error> {
                client(key).send(request).await
            }"#,
        );
    }

    #[test]
    fn agent_impl() {
        check(
            "agent_impl",
            r#"
            #[agent(name = "planner", role = "plans", level = "debug")]
            impl Planner<'_> {
                const LIMIT: usize = 3;
                fn new() -> Self {
                    Planner
                }
                fn plan(&mut self, question: &str) -> Plan {
                    self.think(question)
                }
                #[tool(name = "look up")]
                async fn look_up(&self, word: String) -> Option<String> {
                    self.words.get(&word)
                }
                #[agentops::skip]
                fn reset(&mut self) {}
            }"#,
        );
    }

    #[test]
    fn workflow_impl() {
        check(
            "workflow_impl",
            r#"
            #[workflow(skip_all, tags = ["nightly"])]
            impl Report {
                fn build(self) {
                    write(self)
                }
            }"#,
        );
    }

    #[test]
    fn trait_impl() {
        check(
            "trait_impl",
            r#"
            #[agent]
            impl<T: Model> Answers for Assistant<T> {
                type Answer = String;
                const LIMIT: usize = 3;
                fn answer(&self, question: &str) -> String {
                    self.ask(question)
                }
                fn of_model(model: T) -> Self {
                    Assistant(model)
                }
            }"#,
        );
    }

    #[test]
    fn async_trait() {
        check(
            "async_trait",
            r#"
            #[tool(skip_all)]
            #[async_trait]
            impl Search for Web {
                async fn find(&self, words: String) -> Vec<Page> {
                    self.client.get(words).await
                }
            }"#,
        );
    }

    #[test]
    fn module() {
        check(
            "module",
            r#"
            #[agentops::instrument(skip(key), level = "debug")]
            pub mod web {
                //! What reaches the outside.
                use std::fmt;
                const LIMIT: usize = 3;
                pub fn fetch(url: &str, key: &str) -> Page {
                    get(url, key)
                }
                #[tool(cost = 0.01)]
                impl Search {
                    fn find(&self, words: &str) {
                        self.0.find(words);
                    }
                }
                impl fmt::Display for Page {
                    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(&self.0)
                    }
                }
                #[agentops::skip]
                fn retry() {}
                const fn limit() -> usize {
                    LIMIT
                }
            }"#,
        );
    }

    #[test]
    fn instrument() {
        check(
            "instrument",
            r#"
            #[agentops::instrument(skip(key))]
            fn fetch(url: &str, key: &str) {
                get(url, key);
            }"#,
        );
    }

    #[test]
    fn session() {
        check(
            "session",
            r#"
            #[session(name = NAME, tags = ["demo"], version = 2)]
            async fn answer() {
                work().await;
            }"#,
        );
    }

    #[test]
    fn stacked() {
        check(
            "stacked",
            r#"
            #[session]
            #[agent(role = "answers")]
            fn answer(question: String) -> String {
                question
            }"#,
        );
    }

    #[test]
    fn track_caller() {
        check(
            "track_caller",
            r#"
            #[operation(operation_type = "check")]
            #[track_caller]
            fn must(condition: bool) -> usize {
                locate(condition)
            }"#,
        );
    }

    #[test]
    fn never() {
        check(
            "never",
            r#"
            #[task]
            async fn serve(listener: Listener) -> ! {
                loop {
                    listener.accept().await;
                }
            }"#,
        );
    }

    #[test]
    fn main_sync() {
        check(
            "main_sync",
            r#"
            #[agentops::main(name = "research", tags = ["demo"])]
            fn main() -> Result<(), Error> {
                run()
            }"#,
        );
    }

    #[test]
    fn main_async() {
        check(
            "main_async",
            r#"
            #[agentops::main]
            #[tokio::main]
            async fn main() {
                run().await;
            }"#,
        );
    }

    #[test]
    fn attributes_and_returns() {
        check(
            "attributes_and_returns",
            r#"
            #[tool(attributes(size = text.len(), "text.kind" = KIND, limit), returns(hits = |value| value.len()), capture(limit))]
            fn find(text: &str, limit: usize) -> Result<Vec<usize>, Error> {
                scan(text, limit)
            }"#,
        );
    }

    #[test]
    fn parent_and_links() {
        check(
            "parent_and_links",
            r#"
            #[task(parent = job.span, links = job.causes.iter().copied())]
            fn handle(job: &Job) -> bool {
                job.run()
            }"#,
        );
    }

    #[test]
    fn errors_only() {
        check(
            "errors_only",
            r#"
            #[operation(skip_all, capture_return = false)]
            async fn store(row: Row) -> Result<(), Error> {
                table().insert(row).await
            }
            "#,
        );
    }

    #[test]
    fn boxed() {
        check(
            "boxed",
            r#"
            #[agent(boxed, crate = crate::telemetry)]
            async fn dive(depth: u32) -> u32 {
                if depth == 0 { 0 } else { dive(depth - 1).await }
            }"#,
        );
    }

    #[test]
    fn skipped() {
        check(
            "skipped",
            r#"
            #[tool(skip_all)]
            fn upload(key: Key, body: Vec<u8>) -> Receipt {
                send(key, body)
            }"#,
        );
    }

    #[test]
    fn errors_disabled() {
        check(
            "errors_disabled",
            r#"
            #[guardrail(spec = "input", err = false, capture_return = false)]
            fn allowed(text: &str) -> Result<(), Refusal> {
                judge(text)
            }"#,
        );
    }

    #[test]
    fn opaque_return() {
        check(
            "opaque_return",
            r#"
            #[operation(err = false)]
            fn words(text: &str) -> Option<impl Iterator<Item = &str>> {
                Some(text.split(' '))
            }"#,
        );
    }

    #[test]
    fn unbound_arguments() {
        check(
            "unbound_arguments",
            r#"
            #[tool]
            fn close(self, _: Guard, _: u32, text: String, _: &str) -> u64 {
                self.end(text)
            }"#,
        );
    }

    #[test]
    fn impl_future() {
        check(
            "impl_future",
            r#"
            #[tool]
            fn fetch(&self, url: String) -> impl Future<Output = Result<Page, Error>> + Send {
                let request = self.client.get(url);
                async move { request.send().await }
            }"#,
        );
    }

    #[test]
    fn boxed_future() {
        check(
            "boxed_future",
            r#"
            #[agent]
            #[tool]
            fn fetch<'a>(&'a self, url: String) -> Pin<Box<dyn Future<Output = Result<Page, Error>> + Send + 'a>> {
                Box::pin(async move { self.client.get(url).send().await })
            }"#,
        );
    }

    #[test]
    fn impl_stream() {
        check(
            "impl_stream",
            r#"
            #[llm(model = "gpt-4o-mini")]
            fn tokens(prompt: String) -> impl Stream<Item = Result<Token, Error>> + Send {
                client().stream(prompt)
            }"#,
        );
    }

    #[test]
    fn tried_stream() {
        check(
            "tried_stream",
            r#"
            #[tool(capture_return = false)]
            async fn lines(path: PathBuf) -> Result<impl Stream<Item = Line>, Error> {
                open(path).await
            }"#,
        );
    }

    #[test]
    fn named_stream() {
        check(
            "named_stream",
            r#"
            #[tool]
            async fn events(&self) -> Result<BoxStream<'static, Event>, Error> {
                self.subscribe().await
            }"#,
        );
    }

    #[test]
    fn agent_struct() {
        check(
            "agent_struct",
            r#"
            #[agent(name = "planner", role = ROLE, crate = crate::telemetry)]
            #[derive(Debug)]
            pub struct Planner {
                #[agentops(id)]
                id: AgentId,
            }"#,
        );
    }

    #[test]
    fn derive_agent() {
        check(
            "derive_agent",
            r#"
            #[derive(Agent)]
            #[agentops(role = "finds sources", bounds(T: Debug))]
            pub struct Researcher<'a, T, const N: usize> where T: Clone {
                #[agentops(id)]
                id: AgentId,
                #[agentops(name)]
                topic: Option<&'a str>,
                #[agentops(model)]
                model: Model,
                #[agentops(state)]
                notes: [T; N],
                #[agentops(state, redact)]
                key: String,
            }"#,
        );
    }

    #[test]
    fn derive_agent_unit() {
        check(
            "derive_agent_unit",
            r#"
            #[derive(Agent)]
            struct Judge;"#,
        );
    }

    #[test]
    fn derive_capture_struct() {
        check(
            "derive_capture_struct",
            r#"
            #[derive(Capture)]
            struct Account<T> {
                user: T,
                #[agentops(redact)]
                password: String,
                #[agentops(skip)]
                cache: Cache,
                r#type: Kind,
            }"#,
        );
    }

    #[test]
    fn derive_capture_enum() {
        check(
            "derive_capture_enum",
            r#"
            #[derive(Capture)]
            enum Step {
                Idle,
                Wait(Duration),
                Move(f64, f64),
                Say { text: String, #[agentops(redact)] to: String },
                #[agentops(redact)]
                Pay { card: Card },
                #[agentops(skip)]
                Load(Vec<u8>),
            }"#,
        );
    }

    #[test]
    fn a_struct_with_mistakes_is_still_an_agent() {
        let item = quote!(
            struct Planner {
                #[agentops(id)]
                id: u8,
            }
        );
        let expanded = annotate(Word::Agent, quote!(nmae = "x", role = "y"), item).to_string();
        assert!(
            expanded.starts_with(":: core :: compile_error !"),
            "{expanded}"
        );
        assert!(
            expanded.contains("Agent)] # [agentops (role = \"y\")] struct"),
            "{expanded}"
        );
    }

    #[test]
    fn where_nothing_records_a_struct_is_an_agent_all_the_same() {
        let item = quote!(
            struct Planner;
        );
        let expanded = leave(Word::Agent, TokenStream::new(), item.clone()).to_string();
        assert!(expanded.contains(":: Agent"), "{expanded}");
        assert_eq!(
            leave(Word::Tool, TokenStream::new(), item.clone()).to_string(),
            item.to_string()
        );
    }

    #[test]
    fn mistakes_leave_the_item_as_it_is() {
        let item = quote!(
            fn grep(n: usize) {
                n;
            }
        );
        let expanded = annotate(Word::Tool, quote!(nmae = "x"), item.clone()).to_string();
        assert!(
            expanded.starts_with(":: core :: compile_error !"),
            "{expanded}"
        );
        assert!(expanded.ends_with(&item.to_string()), "{expanded}");
    }

    #[test]
    fn an_attribute_that_its_block_expanded_does_nothing() {
        let item = quote!(
            fn grep() {}
        );
        assert_eq!(
            annotate(Word::Tool, quote!(__agentops_expanded), item.clone()).to_string(),
            item.to_string()
        );
    }

    #[test]
    fn skip_takes_no_arguments() {
        let item = quote!(
            fn grep() {}
        );
        assert_eq!(
            skip(&TokenStream::new(), item.clone()).to_string(),
            item.to_string()
        );
        assert!(
            skip(&quote!(all), item)
                .to_string()
                .contains("takes no arguments")
        );
    }
}
