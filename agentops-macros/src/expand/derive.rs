//! Derives as tokens, and for each the function that runs its stages.
//!
//! What is printed is an impl beside the type: the type itself is not given back, whatever is wrong with it.
//! Knows what the derives decided, and the names in `__private` that read fields of any type.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::{Expr, Ident};

use super::{generated, runtime_path};
use crate::derive::{Agent, Body, Capture, Content, Derive, Field, Saying, Target, Variant};
use crate::error::Errors;
use crate::runtime;

/// Expands `#[derive(Agent)]`.
pub(crate) fn agent(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let parsed = Agent::parse(item, &mut errors);
    let printed = parsed.map(|agent| {
        require_runtime(Derive::Agent, &agent.target, &mut errors);
        print_agent(&agent)
    });
    // With what could be read of it, the type is an agent: its users have not made a mistake.
    errors.beside(printed.unwrap_or_default())
}

/// Expands `#[derive(Capture)]`.
pub(crate) fn capture(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let parsed = Capture::parse(item, &mut errors);
    let printed = parsed.map(|capture| {
        require_runtime(Derive::Capture, &capture.target, &mut errors);
        print_capture(&capture)
    });
    errors.beside(printed.unwrap_or_default())
}

fn require_runtime(derive: Derive, target: &Target, errors: &mut Errors) {
    if target.runtime.is_none() && runtime::name().is_none() {
        let message = format!(
            "{derive} needs the crate `agentops` in Cargo.toml, or `#[agentops(crate = path)]`"
        );
        errors.push(syn::Error::new(Span::call_site(), message));
    }
}

fn print_agent(agent: &Agent) -> TokenStream {
    let Agent {
        target,
        id,
        name,
        role,
        model,
        state,
    } = agent;
    let runtime = runtime(target);
    let type_name = type_name(target);
    let cow = generated!(#runtime::Cow<'_, ::core::primitive::str>);
    let said = |field: &Field| {
        // What the compiler says of the field's type is said where the user wrote it.
        let here = Span::mixed_site().located_at(field.place);
        let field = borrowed(target, field);
        quote_spanned!(here=> (&&&&&&#runtime::Says(#field)).agentops_said())
    };

    let optional = |method: &str, saying: &Saying| {
        let said = saying.field.as_ref().map(|field| {
            let (said, ladder) = (said(field), says(&runtime));
            (generated!(#said.text()), ladder)
        });
        let fixed = saying
            .fixed
            .as_ref()
            .map(|text| generated!(::core::option::Option::Some(#runtime::Cow::Borrowed(#text))));
        let (ladder, value) = match (said, fixed) {
            (Some((said, ladder)), Some(fixed)) => (Some(ladder), generated!(#said.or(#fixed))),
            (Some((said, ladder)), None) => (Some(ladder), said),
            (None, Some(fixed)) => (None, fixed),
            (None, None) => return TokenStream::new(),
        };
        let method = Ident::new(method, Span::mixed_site());
        generated! {
            fn #method(&self) -> ::core::option::Option<#cow> {
                #ladder
                #value
            }
        }
    };
    let (role, model) = (optional("role", role), optional("model", model));

    let fixed = name
        .fixed
        .as_ref()
        .map_or_else(|| type_name.clone(), Expr::to_token_stream);
    let fixed = generated!(#runtime::Cow::Borrowed(#fixed));
    let (name, nameless) = match &name.field {
        Some(field) => {
            let (said, ladder) = (said(field), says(&runtime));
            (
                generated!(#ladder #said.text().unwrap_or(#fixed)),
                name.fixed
                    .is_none()
                    .then(|| generated!(#ladder #said.text().is_none())),
            )
        }
        None => (fixed, name.fixed.is_none().then(|| generated!(true))),
    };
    let nameless = nameless
        .map(|value| generated!(fn is_nameless(&self) -> ::core::primitive::bool { #value }));
    let id = id.as_ref().map(|field| {
        let (said, ladder) = (said(field), says(&runtime));
        generated! {
            fn id(&self) -> ::core::option::Option<#runtime::AgentId> {
                #ladder
                #said.id(::core::module_path!(), #type_name)
            }
        }
    });
    let state = (!state.is_empty()).then(|| {
        let object = object(target, state, &|field| borrowed(target, field));
        let ladder = ladder_for(&runtime, state);
        generated! {
            fn state(&self, __agentops_w: &mut #runtime::Sink<'_>) {
                #ladder
                #object
            }
        }
    });
    implementation(
        target,
        "Agent",
        &generated! {
            fn name(&self) -> #cow { #name }
            #nameless
            #id
            #role
            #model
            #state
        },
    )
}

fn print_capture(capture: &Capture) -> TokenStream {
    let Capture { target, body } = capture;
    let runtime = runtime(target);
    let (fields, body): (Vec<&Field>, _) = match body {
        Body::Redacted => (Vec::new(), generated!(#runtime::redacted(__agentops_w);)),
        Body::Struct(content) => {
            let value = value(target, content, &|field| borrowed(target, field));
            (content.fields().iter().collect(), value)
        }
        Body::Enum(variants) if variants.is_empty() => (Vec::new(), generated!(match *self {})),
        Body::Enum(variants) => {
            let arms = variants.iter().map(|variant| arm(target, variant));
            let fields = variants
                .iter()
                .filter(|variant| !variant.redacted)
                .flat_map(|variant| variant.content.fields());
            (fields.collect(), generated!(match self { #(#arms)* }))
        }
    };
    let ladder = ladder_for(&runtime, fields);
    let sink = if body.to_string().contains("__agentops_w") {
        generated!(__agentops_w)
    } else {
        generated!(_)
    };
    implementation(
        target,
        "Capture",
        &generated! {
            fn capture(&self, #sink: &mut #runtime::Sink<'_>) {
                #ladder
                #body
            }
        },
    )
}

/// A variant, tagged from outside as serde's are.
fn arm(target: &Target, variant: &Variant) -> TokenStream {
    let runtime = runtime(target);
    let Variant {
        ident,
        redacted,
        content,
    } = variant;
    if *redacted {
        return generated!(Self::#ident { .. } => #runtime::redacted(__agentops_w),);
    }
    let name = ident_text(ident);
    if matches!(content, Content::Nothing) {
        return generated!(Self::#ident { .. } => __agentops_w.serialize(#name),);
    }
    let seen = content.fields().iter().filter(|field| !field.redacted);
    let bindings = seen.map(|field| {
        let (member, binding) = (&field.member, binding(field));
        generated!(#member: #binding,)
    });
    let value = value(target, content, &|field| binding(field).into_token_stream());
    generated! {
        Self::#ident { #(#bindings)* .. } => {
            #runtime::object(__agentops_w, &[#name], &mut |__agentops_w, _| { #value });
        }
    }
}

/// What is written of fields; `place` is where a reference to one is found.
fn value(target: &Target, content: &Content, place: &dyn Fn(&Field) -> TokenStream) -> TokenStream {
    let runtime = runtime(target);
    match content {
        Content::Nothing => TokenStream::new(),
        Content::One(field) => {
            let captured = captured(target, field, place);
            generated!(#captured;)
        }
        Content::Object(fields) => object(target, fields, place),
        Content::List(fields) => {
            let length = Literal::usize_unsuffixed(fields.len());
            let each = numbered(target, fields, place);
            generated!(#runtime::list(__agentops_w, #length, #each);)
        }
    }
}

fn object(target: &Target, fields: &[Field], place: &dyn Fn(&Field) -> TokenStream) -> TokenStream {
    let runtime = runtime(target);
    let keys = fields.iter().map(|field| &field.key);
    let each = numbered(target, fields, place);
    generated!(#runtime::object(__agentops_w, &[#(#keys),*], #each);)
}

/// The fields by their numbers, as core asks for them.
fn numbered(
    target: &Target,
    fields: &[Field],
    place: &dyn Fn(&Field) -> TokenStream,
) -> TokenStream {
    let captured = |field| captured(target, field, place);
    let Some((last, others)) = fields.split_last() else {
        return generated!(&mut |_, _| {});
    };
    let last = captured(last);
    if others.is_empty() {
        return generated!(&mut |__agentops_w, _| #last);
    }
    let arms = others.iter().enumerate().map(|(number, field)| {
        let (number, captured) = (Literal::usize_unsuffixed(number), captured(field));
        generated!(#number => #captured,)
    });
    generated! {
        &mut |__agentops_w, __agentops_at| match __agentops_at {
            #(#arms)*
            _ => #last,
        }
    }
}

fn captured(target: &Target, field: &Field, place: &dyn Fn(&Field) -> TokenStream) -> TokenStream {
    let runtime = runtime(target);
    if field.redacted {
        return generated!(#runtime::redacted(__agentops_w));
    }
    let place = place(field);
    generated!((&&&&#runtime::Probe(#place)).agentops_capture(__agentops_w))
}

/// A reference to a field of `self`; to a copy of it where it may not be aligned.
fn borrowed(target: &Target, field: &Field) -> TokenStream {
    let member = &field.member;
    if target.packed {
        generated!(&{ self.#member })
    } else {
        generated!(&self.#member)
    }
}

/// What a variant's field is bound to.
fn binding(field: &Field) -> Ident {
    format_ident!("__agentops_{}", field.key, span = Span::mixed_site())
}

fn implementation(target: &Target, of: &str, methods: &TokenStream) -> TokenStream {
    let Target {
        ident, generics, ..
    } = target;
    let runtime = runtime(target);
    let of = Ident::new(of, Span::mixed_site());
    let (parameters, arguments, bounds) = generics.split_for_impl();
    // Bounds of the derive stand beside those of the type.
    let allow = target
        .bounded
        .then(|| generated!(#[allow(clippy::type_repetition_in_bounds)]));
    generated! {
        #[automatically_derived]
        #allow
        impl #parameters #runtime::#of for #ident #arguments #bounds {
            #methods
        }
    }
}

fn runtime(target: &Target) -> TokenStream {
    runtime_path(target.runtime.as_ref(), None)
}

/// The ladder of what a field says.
fn says(runtime: &TokenStream) -> TokenStream {
    generated!(use #runtime::says::*;)
}

/// The ladder of values, where one of the fields stands on it.
fn ladder_for<'a>(
    runtime: &TokenStream,
    fields: impl IntoIterator<Item = &'a Field>,
) -> Option<TokenStream> {
    let mut fields = fields.into_iter();
    fields
        .any(|field| !field.redacted)
        .then(|| generated!(use #runtime::ladder::*;))
}

fn type_name(target: &Target) -> TokenStream {
    ident_text(&target.ident)
}

fn ident_text(ident: &Ident) -> TokenStream {
    let text = syn::ext::IdentExt::unraw(ident).to_string();
    generated!(#text)
}
