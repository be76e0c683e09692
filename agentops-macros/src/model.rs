//! What will be recorded of an item: decided and named, with the user's originals kept.
//!
//! Third stage: an [`Item`] and [`Arguments`] become a [`Model`], which is checked and then printed.
//! Nothing after this stage reads syntax, and nothing here prints it.

use proc_macro2::{Span as Place, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, FnArg, GenericArgument, Ident, Pat, PatIdent, Path, PathArguments, PathSegment,
    ReceiverKind, ReturnType, Signature, Token, TraitBound, Type, TypeInfer, TypeParamBound,
    Visibility, WherePredicate,
};

use crate::args::{Arguments, Word};
use crate::error::Errors;
use crate::item::{self, Body, BoxedBlock, Item};
use crate::runtime;

pub(crate) use self::block::{Block, Member};

mod block;

/// What an attribute says once the one that it stands below has expanded it.
/// It stays, so that its import is used and the editor still knows what it is.
pub(crate) const EXPANDED: &str = "__agentops_expanded";

/// How the names begin that arguments without one are given.
const UNBOUND: &str = "__agentops_unbound_";

/// An item with what is to be recorded of it.
pub(crate) enum Model {
    Function(Box<Function>),
    Block(Box<Block>),
    Struct(Box<Struct>),
}

/// A struct that the attribute gives a derive.
pub(crate) struct Struct {
    pub(crate) word: Word,
    pub(crate) arguments: Arguments,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) rest: TokenStream,
    /// The derive, where it has it already.
    pub(crate) derived: Option<Path>,
}

/// A function with the spans around its body.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) default: Option<Token![default]>,
    pub(crate) signature: Signature,
    pub(crate) body: Body,
    pub(crate) shape: Shape,
    /// As the signature has it.
    pub(crate) output: Output,
    /// What the spans end with: of a returned future, its own output.
    pub(crate) outcome: Output,
    /// What is returned goes on after the call, and the spans with it.
    pub(crate) goes_on: Option<GoesOn>,
    /// All of the body, where it is a boxed future.
    pub(crate) boxed: Option<BoxedBlock>,
    /// Outermost first.
    pub(crate) layers: Vec<Layer>,
    pub(crate) rebound: Vec<Rebound>,
    /// A `self` that the body owns, and that must move into it whole.
    pub(crate) owned_self: Option<Token![self]>,
}

/// How a body is wrapped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A closure, called at once: early returns end there.
    Closure,
    /// An `async move` block, awaited at once.
    Async,
    /// Left in place beside a guard, for bodies that a closure would change.
    Guarded,
    /// A closure, called at once, whose value takes the spans along.
    Returning,
    /// No more than an `async move` block in a box, which is wrapped inside it.
    Boxed,
}

/// What a function gives back.
pub(crate) enum Output {
    Unit,
    Never,
    Type {
        place: Place,
        /// The type with every `impl Trait` in it erased; none if nothing would be left.
        erased: Option<Box<Type>>,
        /// There is an `impl Trait` in it, whose bounds may decide what the body leaves open.
        opaque: bool,
        /// It may be a `Result`, by whatever name.
        may_fail: bool,
    },
}

/// A value that may go on after the call.
pub(crate) struct GoesOn {
    pub(crate) what: Returning,
    /// What it yields in the end, where the signature says so, with every `impl Trait` erased.
    pub(crate) yields: Option<Type>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returning {
    /// `impl Future`.
    Future,
    /// `impl Stream`.
    Stream,
    /// `Result<impl Stream, E>`.
    TriedStream,
    /// `impl Iterator`.
    Iterator,
    /// A type of which only the compiler knows whether it is a box around one of them.
    Named,
}

/// One span around a body.
pub(crate) struct Layer {
    pub(crate) word: Word,
    /// The attribute itself, where an annotated block took it from its method.
    pub(crate) attr: Option<Attribute>,
    pub(crate) role: Role,
    pub(crate) arguments: Arguments,
    /// The name, if the user gave none.
    pub(crate) name: String,
    /// The name in full: with the type's, for a method of an annotated block.
    pub(crate) function: String,
    pub(crate) captured: Vec<Captured>,
}

pub(crate) enum Role {
    /// A span of the attribute's kind.
    Span,
    /// The agent that a method belongs to, entered unless the call comes from the same agent.
    Member {
        type_name: String,
        receiver: Receiver,
    },
    /// The program.
    Program,
}

/// An argument recorded at the start.
pub(crate) struct Captured {
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) name: String,
    pub(crate) value: Operand,
    /// Its type is `Copy`, and says so by its look.
    pub(crate) is_copy: bool,
}

pub(crate) enum Operand {
    Binding(Ident),
    Receiver(Receiver),
}

/// A method's `self`.
#[derive(Clone, Copy)]
pub(crate) struct Receiver {
    pub(crate) token: Token![self],
    /// It is the value itself, not something that dereferences to it.
    pub(crate) by_value: bool,
}

/// An argument moved into the wrapped body, so that it is dropped there, and in its turn.
pub(crate) struct Rebound {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) mutability: Option<Token![mut]>,
    pub(crate) ident: Ident,
}

impl Model {
    pub(crate) fn new(word: Word, arguments: Arguments, item: Item, errors: &mut Errors) -> Model {
        match item {
            Item::Function(function) => {
                Model::Function(Box::new(stacked(word, arguments, *function, errors)))
            }
            Item::Block(block) => {
                Model::Block(Box::new(Block::new(word, arguments, *block, errors)))
            }
            Item::Struct(item) => Model::Struct(Box::new(Struct::new(word, arguments, *item))),
        }
    }
}

/// A function with the spans of all its attributes, in the order in which they are written.
/// Expanded one after another they would nest the other way round.
fn stacked(
    word: Word,
    arguments: Arguments,
    mut item: item::Function,
    errors: &mut Errors,
) -> Function {
    let others = take_kinds(&mut item.attrs, |path| is_ours_below(word, path));
    let name = item.signature.ident.unraw().to_string();
    let role = if word == Word::Main {
        Role::Program
    } else {
        Role::Span
    };
    let inner = own_layers(others, &arguments, &name, &name, errors);
    let outer = Layer::new(word, role, arguments, &name, &name);
    Function::new(item, [outer].into_iter().chain(inner).collect())
}

/// The spans of attributes that another one has taken off the item.
fn own_layers(
    kinds: Vec<(Word, Attribute)>,
    surrounding: &Arguments,
    name: &str,
    function: &str,
    errors: &mut Errors,
) -> Vec<Layer> {
    let layer = |(word, attr)| {
        let arguments = own_arguments(word, &attr, surrounding.runtime.as_ref(), errors);
        let layer = Layer::new(word, Role::Span, arguments, name, function);
        Layer {
            attr: Some(attr),
            ..layer
        }
    };
    kinds.into_iter().map(layer).collect()
}

/// Beside `#[agentops::tool]` a bare `#[llm]` may be somebody else's.
fn is_ours_below(word: Word, path: &Path) -> bool {
    path.segments.len() > 1 || [Word::Main, Word::Instrument].contains(&word) || !typed_with_path()
}

fn typed_with_path() -> bool {
    Place::call_site()
        .source_text()
        .is_some_and(|text| says_path(&text))
}

/// Whether an attribute that reads so is named by a path; its arguments may have others.
fn says_path(text: &str) -> bool {
    let name = text
        .split(['(', '[', '{'])
        .find(|part| !part.trim_matches(['#', ' ']).is_empty());
    name.is_some_and(|name| name.contains("::"))
}

impl Struct {
    fn new(word: Word, arguments: Arguments, item: item::Struct) -> Struct {
        let item::Struct { attrs, rest } = item;
        let derives = attrs.iter().filter(|attr| attr.path().is_ident("derive"));
        let derived = derives
            .filter_map(|attr| {
                attr.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)
                    .ok()
            })
            .flatten()
            .find(|path| our_word(path).is_some_and(|word| word == "Agent"));
        Struct {
            word,
            arguments,
            attrs,
            rest,
            derived,
        }
    }
}

impl Function {
    fn new(item: item::Function, mut layers: Vec<Layer>) -> Function {
        let item::Function {
            attrs,
            vis,
            default,
            mut signature,
            body,
        } = item;
        for layer in &mut layers {
            if matches!(layer.role, Role::Span) {
                layer.captured = captured(&layer.arguments, &signature);
            }
        }
        let output = Output::new(&signature.output);
        let is_program = layers
            .iter()
            .any(|layer| matches!(layer.role, Role::Program));
        let is_llm = layers.iter().any(|layer| layer.word == Word::Llm);
        let goes_on = GoesOn::new(&signature.output, is_llm)
            .filter(|_| !is_program && !attrs.iter().any(tracks_caller));
        let reads = layers
            .iter()
            .any(|layer| !layer.arguments.returns.is_empty());
        let boxed = goes_on
            .as_ref()
            .filter(|goes_on| goes_on.is_boxed_future())
            .filter(|_| signature.asyncness.is_none())
            .and_then(|_| body.boxed_block());
        let goes_on =
            goes_on.filter(|goes_on| boxed.is_some() || goes_on.fits_a_new_box(&signature));
        let shape = if boxed.is_some() {
            Shape::Boxed
        } else {
            Shape::new(&signature, &attrs, &output, reads, goes_on.is_some())
        };
        let outcome = goes_on.as_ref().map_or_else(
            || Output::new(&signature.output),
            |goes_on| goes_on.outcome(shape),
        );
        let rebound = rebind(&mut signature, &attrs, shape);
        let owned_self = signature
            .receiver()
            .filter(|receiver| {
                shape.moves_body() && !matches!(receiver.kind, ReceiverKind::Reference(..))
            })
            .map(|receiver| receiver.self_token);
        Function {
            attrs,
            vis,
            default,
            signature,
            body,
            shape,
            output,
            outcome,
            goes_on,
            boxed,
            layers,
            rebound,
            owned_self,
        }
    }
}

impl Shape {
    fn new(
        signature: &Signature,
        attrs: &[Attribute],
        output: &Output,
        reads: bool,
        goes_on: bool,
    ) -> Shape {
        if signature.asyncness.is_some() {
            Shape::Async
        } else if goes_on {
            Shape::Returning
        } else if matches!(output, Output::Never) || attrs.iter().any(tracks_caller) {
            // In a closure `!` cannot be named, and the caller would be the closure's.
            Shape::Guarded
        } else if gives_closure(&signature.output) && !reads {
            // What its arguments are is known from the signature alone, and of the value there is nothing to say.
            Shape::Guarded
        } else {
            Shape::Closure
        }
    }

    /// Whether the span travels with a future, rather than staying on its thread.
    pub(crate) fn travels(self) -> bool {
        matches!(self, Shape::Async | Shape::Returning | Shape::Boxed)
    }

    /// Whether the body is in a closure or a block of ours, and its arguments with it.
    fn moves_body(self) -> bool {
        !matches!(self, Shape::Guarded | Shape::Boxed)
    }
}

impl GoesOn {
    /// What the signature promises. Bounds that a wrapper could not keep leave the value as it is.
    fn new(output: &ReturnType, is_llm: bool) -> Option<GoesOn> {
        let ReturnType::Type(_, ty) = output else {
            return None;
        };
        let ty = bare(ty);
        let (what, yields) = match ty {
            Type::ImplTrait(opaque) => {
                let main = only_trait(&opaque.bounds)?;
                let (what, key) = match main.ident.to_string().as_str() {
                    "Future" => (Returning::Future, "Output"),
                    "Stream" => (Returning::Stream, "Item"),
                    "Iterator" => (Returning::Iterator, "Item"),
                    _ => return None,
                };
                (what, assigned(main, key))
            }
            Type::Path(path) => {
                let last = path.path.segments.last()?;
                match (first_type(last), last.ident.to_string().as_str()) {
                    (Some(Type::ImplTrait(opaque)), "Result") => {
                        let main = only_trait(&opaque.bounds)?;
                        let item = assigned(main, "Item");
                        (main.ident == "Stream").then_some((Returning::TriedStream, item))?
                    }
                    (Some(Type::Path(inner)), "Result") => {
                        let inner = inner.path.segments.last()?;
                        (goes_on_by_name(inner) || is_llm && hides_what_it_is(inner))
                            .then_some((Returning::Named, None))?
                    }
                    _ if goes_on_by_name(last) => (Returning::Named, boxed_output(last)),
                    // Of a result whose value says what it is, the rest of it says no more.
                    (_, "Result") => return None,
                    _ if is_llm && hides_what_it_is(last) => (Returning::Named, None),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let yields = yields.and_then(|ty| erased(&ty));
        Some(GoesOn { what, yields })
    }

    /// Whether it may yield more than once.
    pub(crate) fn flows(&self) -> bool {
        self.what != Returning::Future && !self.is_boxed_future()
    }

    fn is_boxed_future(&self) -> bool {
        self.what == Returning::Named && self.yields.is_some()
    }

    /// Whether what comes in a box may be put into one of ours. The compiler asks there that each type parameter lives as
    /// long as the box, which the function's own may not promise.
    fn fits_a_new_box(&self, signature: &Signature) -> bool {
        if self.what != Returning::Named {
            return true;
        }
        let lives = |bound: &TypeParamBound| matches!(bound, TypeParamBound::Lifetime(_));
        let clauses = signature.generics.where_clause.iter();
        let clauses: Vec<&WherePredicate> = clauses.flat_map(|clause| &clause.predicates).collect();
        let promises = |ident: &Ident| {
            clauses.iter().any(|clause| match clause {
                WherePredicate::Type(clause) => {
                    matches!(bare(&clause.bounded_ty), Type::Path(path) if path.path.is_ident(ident))
                        && clause.bounds.iter().any(lives)
                }
                _ => false,
            })
        };
        signature.generics.type_params().all(|param| {
            param.bounds.iter().any(lives)
                || promises(&param.ident)
                || !mentions(&signature.output, &param.ident)
        })
    }

    /// What the spans end with.
    fn outcome(&self, shape: Shape) -> Output {
        match (&self.what, &self.yields) {
            (Returning::Stream | Returning::Iterator, _) => Output::Unit,
            (Returning::Future, Some(ty)) => Output::of(ty),
            (Returning::Named, Some(ty)) if shape == Shape::Boxed => Output::of(ty),
            (_, yields) => Output::Type {
                place: place(yields),
                erased: None,
                opaque: false,
                may_fail: true,
            },
        }
    }
}

/// The one trait among bounds that says more than where a value may go.
fn only_trait<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> Option<&'a PathSegment> {
    let mut main = None;
    for bound in bounds {
        match bound {
            TypeParamBound::Lifetime(_) | TypeParamBound::PreciseCapture(_) => {}
            TypeParamBound::Trait(bound) if is_plain(bound) => {
                let last = bound.path.segments.last()?;
                let is_auto = ["Send", "Sync", "Unpin"]
                    .iter()
                    .any(|auto| last.ident == auto);
                if !is_auto && main.replace(last).is_some() {
                    return None;
                }
            }
            _ => return None,
        }
    }
    main
}

fn is_plain(bound: &TraitBound) -> bool {
    bound.lifetimes.is_none() && bound.maybe.is_none()
}

/// `T` of `Trait<key = T>`.
fn assigned(segment: &PathSegment, key: &str) -> Option<Type> {
    arguments_of(segment).find_map(|argument| match argument {
        GenericArgument::AssocType(assoc) if assoc.ident == key => Some(assoc.ty.clone()),
        _ => None,
    })
}

fn first_type(segment: &PathSegment) -> Option<&Type> {
    arguments_of(segment).find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(bare(ty)),
        _ => None,
    })
}

fn arguments_of(segment: &PathSegment) -> impl Iterator<Item = &GenericArgument> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten()
}

/// Whether a type by this name is worth a look; what it really is, the compiler says.
fn goes_on_by_name(last: &PathSegment) -> bool {
    let name = last.ident.to_string();
    let names_box = |ty: &Type| matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Box"));
    match name.as_str() {
        "Pin" => first_type(last).is_some_and(names_box),
        "Box" => first_type(last).is_some_and(is_dyn_iterator),
        _ => name.ends_with("Future") || name.ends_with("Stream"),
    }
}

/// Whether a name may be another one for a stream. Clients give theirs such names, and model calls alone are worth it.
fn hides_what_it_is(last: &PathSegment) -> bool {
    const PLAIN: [&str; 14] = [
        "String", "Vec", "Option", "Box", "Arc", "Rc", "Cow", "HashMap", "BTreeMap", "HashSet",
        "BTreeSet", "Value", "Self", "Pin",
    ];
    let is_builtin = NUMBERS_AND_TEXT.iter().any(|name| last.ident == name);
    !is_builtin && !PLAIN.iter().any(|name| last.ident == name)
}

fn is_dyn_iterator(ty: &Type) -> bool {
    matches!(ty, Type::TraitObject(object) if only_trait(&object.bounds).is_some_and(|main| main.ident == "Iterator"))
}

/// The output of the future in a `Pin<Box<dyn Future<Output = T>>>` or a `BoxFuture<'_, T>`.
fn boxed_output(last: &PathSegment) -> Option<Type> {
    if last.ident == "BoxFuture" || last.ident == "LocalBoxFuture" {
        return first_type(last).cloned();
    }
    let Type::Path(path) = first_type(last)? else {
        return None;
    };
    let Type::TraitObject(object) = first_type(path.path.segments.last()?)? else {
        return None;
    };
    let main = only_trait(&object.bounds)?;
    (main.ident == "Future").then(|| assigned(main, "Output"))?
}

impl Output {
    fn new(output: &ReturnType) -> Output {
        match output {
            ReturnType::Default => Output::Unit,
            ReturnType::Type(_, ty) => Output::of(ty),
        }
    }

    fn of(ty: &Type) -> Output {
        match bare(ty) {
            Type::Never(_) => Output::Never,
            Type::Tuple(tuple) if tuple.elems.is_empty() => Output::Unit,
            other => Output::Type {
                place: place(ty),
                erased: erased(other).map(Box::new),
                opaque: is_opaque(other),
                may_fail: !is_builtin(other),
            },
        }
    }

    pub(crate) fn is_opaque(&self) -> bool {
        matches!(self, Output::Type { opaque: true, .. })
    }

    pub(crate) fn may_fail(&self) -> bool {
        matches!(self, Output::Type { may_fail: true, .. })
    }
}

impl Layer {
    fn new(word: Word, role: Role, arguments: Arguments, name: &str, function: &str) -> Layer {
        let (name, function) = (name.to_owned(), function.to_owned());
        Layer {
            word,
            attr: None,
            role,
            arguments,
            name,
            function,
            captured: Vec::new(),
        }
    }

    pub(crate) fn runtime(&self) -> Option<&Path> {
        self.arguments.runtime.as_ref()
    }

    /// Whether the end of the span says anything of the value.
    pub(crate) fn reads_output(&self, output: &Output) -> bool {
        let captures = matches!(self.role, Role::Span) && !self.arguments.no_return;
        captures && !matches!(output, Output::Unit | Output::Never)
            || !self.arguments.returns.is_empty()
            || !self.arguments.no_error && output.may_fail()
    }
}

impl Receiver {
    fn new(receiver: &syn::Receiver) -> Receiver {
        let by_value = match &receiver.kind {
            ReceiverKind::Typed(_, ty) => match bare(ty) {
                Type::Path(path) => path
                    .path
                    .segments
                    .last()
                    .is_some_and(|last| last.arguments.is_none()),
                _ => false,
            },
            kind => matches!(kind, ReceiverKind::Value),
        };
        Receiver {
            token: receiver.self_token,
            by_value,
        }
    }
}

/// Whether it returns `impl Fn(…)`, or one of its kin.
fn gives_closure(output: &ReturnType) -> bool {
    let ReturnType::Type(_, ty) = output else {
        return false;
    };
    let Type::ImplTrait(opaque) = bare(ty) else {
        return false;
    };
    opaque.bounds.iter().any(|bound| match bound {
        syn::TypeParamBound::Trait(bound) => bound
            .path
            .segments
            .last()
            .is_some_and(|last| matches!(last.arguments, syn::PathArguments::Parenthesized(_))),
        _ => false,
    })
}

fn erased(ty: &Type) -> Option<Type> {
    let mut ty = ty.clone();
    Erase::default().visit_type_mut(&mut ty);
    (!matches!(ty, Type::Infer(_))).then_some(ty)
}

fn is_opaque(ty: &Type) -> bool {
    let mut erase = Erase::default();
    erase.visit_type_mut(&mut ty.clone());
    erase.found
}

/// `impl Trait` cannot be written in a `let`.
#[derive(Default)]
struct Erase {
    found: bool,
}

impl VisitMut for Erase {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::ImplTrait(_) = ty {
            self.found = true;
            let underscore_token = Token![_](place(&*ty));
            *ty = Type::Infer(TypeInfer {
                attrs: Vec::new(),
                underscore_token,
            });
        } else {
            visit_mut::visit_type_mut(self, ty);
            // What the parentheses were for is gone.
            if let Type::Paren(paren) = ty
                && let Type::Infer(_) = &*paren.elem
            {
                *ty = (*paren.elem).clone();
            }
        }
    }
}

/// Every name that the arguments bind, `self` first.
pub(crate) fn argument_names(signature: &Signature) -> Vec<Ident> {
    let mut names = Vec::new();
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(receiver) => names.push(Ident::new("self", receiver.self_token.span)),
            FnArg::Typed(typed) => {
                bindings(&typed.pat, &mut |binding| names.push(binding.ident.clone()))
            }
        }
    }
    names.retain(|name| !name.to_string().starts_with(UNBOUND));
    names
}

fn captured(arguments: &Arguments, signature: &Signature) -> Vec<Captured> {
    let chosen = |name: &Ident| {
        let is_name = |other: &Ident| other.unraw() == name.unraw();
        match &arguments.capture {
            _ if arguments.no_arguments || arguments.skip_all => false,
            Some(capture) => capture.iter().any(is_name),
            None => name != "self" && !arguments.skip.iter().any(is_name),
        }
    };
    let mut captured = Vec::new();
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                if chosen(&Ident::new("self", receiver.self_token.span)) {
                    let value = Operand::Receiver(Receiver::new(receiver));
                    captured.push(Captured {
                        cfgs: Vec::new(),
                        name: "self".to_owned(),
                        value,
                        is_copy: false,
                    });
                }
            }
            FnArg::Typed(typed) => bindings(&typed.pat, &mut |PatIdent { ident, .. }| {
                let whole = matches!(
                    &*typed.pat,
                    Pat::Ident(PatIdent {
                        by_ref: None,
                        subpat: None,
                        ..
                    })
                );
                if chosen(ident) {
                    let cfgs = typed
                        .attrs
                        .iter()
                        .filter(|attr| attr.path().is_ident("cfg"))
                        .cloned()
                        .collect();
                    let value = Operand::Binding(ident.clone());
                    captured.push(Captured {
                        cfgs,
                        name: ident.unraw().to_string(),
                        value,
                        is_copy: whole && is_copy(&typed.ty),
                    });
                }
            }),
        }
    }
    captured
}

/// Makes the arguments ready to be moved inwards: a plain `mut` goes with them, lints about them too.
fn rebind(signature: &mut Signature, attrs: &[Attribute], shape: Shape) -> Vec<Rebound> {
    // A future keeps what moves into it twice; and to read an argument, as capturing does, counts as using it.
    let expects = |attrs: &[Attribute]| attrs.iter().any(|attr| attr.path().is_ident("expect"));
    let sparing = signature.asyncness.is_some() && !expects(attrs);
    let mut rebound = Vec::new();
    let mut others_move = false;
    for (index, input) in signature.inputs.iter_mut().enumerate() {
        let typed = match input {
            FnArg::Receiver(receiver) => {
                others_move = !matches!(receiver.kind, ReceiverKind::Reference(..));
                continue;
            }
            FnArg::Typed(typed) => typed,
        };
        typed.attrs.retain(|attr| !attr.path().is_ident("doc"));
        let spared = sparing && !expects(&typed.attrs) && !may_need_drop(&typed.ty);
        if shape == Shape::Boxed || spared {
            continue;
        }
        if may_need_drop(&typed.ty) {
            if others_move && let Pat::Wild(wild) = &*typed.pat {
                *typed.pat = Pat::Ident(unbound(index, wild.underscore_token.span));
            }
            others_move = true;
        }
        let lints = |attr: &&Attribute| {
            ["cfg", "allow", "expect", "warn", "deny"]
                .iter()
                .any(|name| attr.path().is_ident(name))
        };
        let mut kept: Vec<Attribute> = typed.attrs.iter().filter(lints).cloned().collect();
        typed.attrs.iter_mut().for_each(tolerate);
        if let Pat::Ident(pat) = &mut *typed.pat
            && !names_a_value(pat)
            && let PatIdent {
                by_ref: None,
                subpat: None,
                mutability,
                ident,
                ..
            } = pat
        {
            rebound.push(Rebound {
                attrs: kept,
                mutability: mutability.take(),
                ident: ident.clone(),
            });
            continue;
        }
        // One binding of several is enough to be what was expected.
        kept.iter_mut().for_each(tolerate);
        bindings(&typed.pat, &mut |binding| {
            // In a pattern `mut` may decide whether a binding is a reference, so it stays, and the binding with it.
            if binding.by_ref.is_none() && binding.mutability.is_none() {
                rebound.push(Rebound {
                    attrs: kept.clone(),
                    mutability: None,
                    ident: binding.ident.clone(),
                });
            }
        });
    }
    rebound
}

/// A name for an argument that has none. Left behind, it would be dropped after those before it, which move inwards.
fn unbound(index: usize, place: Place) -> PatIdent {
    let place = Place::mixed_site().located_at(place);
    PatIdent {
        attrs: Vec::new(),
        by_ref: None,
        mutability: None,
        ident: Ident::new(&format!("{UNBOUND}{index}"), place),
        subpat: None,
    }
}

/// What an argument was expected to cause is caused where it is bound again.
fn tolerate(attr: &mut Attribute) {
    if attr.path().is_ident("expect")
        && let syn::Meta::List(list) = &mut attr.meta
    {
        list.path = Ident::new("allow", place(&list.path)).into();
    }
}

fn bindings(pat: &Pat, found: &mut impl FnMut(&PatIdent)) {
    match pat {
        Pat::Ident(pat) if names_a_value(pat) => {}
        Pat::Ident(pat) => {
            found(pat);
            if let Some((_, inner)) = &pat.subpat {
                bindings(inner, found);
            }
        }
        Pat::Reference(pat) => bindings(&pat.pat, found),
        Pat::Paren(pat) => bindings(&pat.pat, found),
        Pat::Type(pat) => bindings(&pat.pat, found),
        Pat::Struct(pat) => pat
            .fields
            .iter()
            .for_each(|field| bindings(&field.pat, found)),
        Pat::Tuple(pat) => pat.elems.iter().for_each(|elem| bindings(elem, found)),
        Pat::TupleStruct(pat) => pat.elems.iter().for_each(|elem| bindings(elem, found)),
        Pat::Slice(pat) => pat.elems.iter().for_each(|elem| bindings(elem, found)),
        Pat::Or(pat) => {
            if let Some(case) = pat.cases.first() {
                bindings(case, found);
            }
        }
        _ => {}
    }
}

/// A unit struct, or an enum's only variant: to use that name would make another value, and drop it.
fn names_a_value(pat: &PatIdent) -> bool {
    let name = pat.ident.unraw().to_string();
    let bare = pat.by_ref.is_none() && pat.mutability.is_none() && pat.subpat.is_none();
    bare && name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase)
}

fn may_need_drop(ty: &Type) -> bool {
    match bare(ty) {
        Type::Array(array) => may_need_drop(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().any(may_need_drop),
        other => !is_builtin(other),
    }
}

fn is_copy(ty: &Type) -> bool {
    match bare(ty) {
        Type::Reference(reference) => reference.mutability.is_none(),
        Type::Array(array) => is_copy(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().all(is_copy),
        other => is_builtin(other),
    }
}

/// A type of the language's own: no `Result`, and, save for what an array or tuple holds, nothing to drop.
/// Types that the language itself has a name for.
const NUMBERS_AND_TEXT: [&str; 17] = [
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32",
    "u64", "u128", "usize", "str",
];

fn is_builtin(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => NUMBERS_AND_TEXT.iter().any(|name| path.path.is_ident(name)),
        Type::Reference(_) | Type::Ptr(_) | Type::FnPtr(_) | Type::Never(_) => true,
        Type::Array(_) | Type::Tuple(_) => true,
        _ => false,
    }
}

/// Without parentheses and the invisible groups that a macro's fragments arrive in.
fn bare(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            other => return other,
        };
    }
}

fn mentions(tokens: &impl ToTokens, ident: &Ident) -> bool {
    fn within(tokens: TokenStream, ident: &Ident) -> bool {
        tokens.into_iter().any(|tree| match tree {
            TokenTree::Ident(found) => found == *ident,
            TokenTree::Group(group) => within(group.stream(), ident),
            _ => false,
        })
    }
    within(tokens.to_token_stream(), ident)
}

fn place(tokens: impl ToTokens) -> Place {
    syn::spanned::Spanned::span(&tokens)
}

/// Whether the attribute is, or under some configuration may be, `#[track_caller]`.
fn tracks_caller(attr: &Attribute) -> bool {
    attr.path().is_ident("track_caller")
        || attr.path().is_ident("cfg_attr")
            && attr
                .meta
                .to_token_stream()
                .to_string()
                .contains("track_caller")
}

/// Takes out the attributes that give a kind, if `ours` says so.
fn take_kinds(attrs: &mut Vec<Attribute>, ours: impl Fn(&Path) -> bool) -> Vec<(Word, Attribute)> {
    let mut taken = Vec::new();
    for attr in std::mem::take(attrs) {
        match our_kind(attr.path()) {
            Some(word) if ours(attr.path()) && !is_expanded(&attr) => taken.push((word, attr)),
            _ => attrs.push(attr),
        }
    }
    taken
}

fn is_expanded(attr: &Attribute) -> bool {
    matches!(&attr.meta, syn::Meta::List(list) if list.tokens.to_string() == EXPANDED)
}

/// The attribute below `word` that gives its item the same kind once more.
pub(crate) fn again(word: Word, attrs: &[Attribute]) -> Option<&Path> {
    let repeats = |attr: &&Attribute| {
        our_kind(attr.path()).is_some_and(|other| other.same_kind(word))
            && is_ours_below(word, attr.path())
            && !is_expanded(attr)
    };
    attrs.iter().find(repeats).map(Attribute::path)
}

/// The kind that an attribute of ours gives; `#[instrument]` without a path is that of `tracing`.
fn our_kind(path: &Path) -> Option<Word> {
    our_word(path)
        .and_then(Word::kind)
        .filter(|word| *word != Word::Instrument || path.segments.len() > 1)
}

/// The last word of a path that may be one of our attributes.
pub(crate) fn our_word(path: &Path) -> Option<&Ident> {
    let ours = path.segments.len() == 1
        || path
            .segments
            .first()
            .is_some_and(|first| runtime::name().is_some_and(|name| first.ident == name));
    path.segments
        .last()
        .filter(|_| ours)
        .map(|last| &last.ident)
}

/// The arguments of a method's own attribute; the path to the runtime is its surroundings', if it has none.
fn own_arguments(
    word: Word,
    attr: &Attribute,
    runtime: Option<&Path>,
    errors: &mut Errors,
) -> Arguments {
    let tokens = match &attr.meta {
        syn::Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    let mut own = Errors::default();
    let mut arguments = Arguments::parse(word, tokens, &mut own);
    errors.defer(&own);
    if arguments.runtime.is_none() {
        arguments.runtime = runtime.cloned();
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_among_arguments_do_not_name_an_attribute() {
        for text in [
            "#[agentops::tool]",
            "agentops::tool",
            "#[agentops :: tool (name = \"x\")]",
            "#[agentops::tool{skip_all}]",
        ] {
            assert!(says_path(text), "{text}");
        }
        for text in [
            "#[tool]",
            "tool",
            "#[tool(parent = agentops::current_span())]",
            "#[tool[tags = [agentops::TAG]]]",
        ] {
            assert!(!says_path(text), "{text}");
        }
    }
}
