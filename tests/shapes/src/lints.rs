//! Items of every kind as a strict crate has them: public, documented, under every lint that well-kept crates turn on,
//! and a good many more. What an attribute adds must trip none of them.

#![deny(
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::absolute_paths,
    clippy::alloc_instead_of_core,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::as_pointer_underscore,
    clippy::as_underscore,
    clippy::assertions_on_result_states,
    clippy::cfg_not_test,
    clippy::clone_on_ref_ptr,
    clippy::create_dir,
    clippy::dbg_macro,
    clippy::default_numeric_fallback,
    clippy::default_union_representation,
    clippy::deref_by_slicing,
    clippy::disallowed_script_idents,
    clippy::else_if_without_else,
    clippy::empty_drop,
    clippy::empty_enum_variants_with_brackets,
    clippy::empty_structs_with_brackets,
    clippy::error_impl_error,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::exit,
    clippy::expect_used,
    clippy::field_scoped_visibility_modifiers,
    clippy::filetype_is_file,
    clippy::float_arithmetic,
    clippy::float_cmp_const,
    clippy::fn_to_numeric_cast_any,
    clippy::get_unwrap,
    clippy::if_then_some_else_none,
    clippy::impl_trait_in_params,
    clippy::indexing_slicing,
    clippy::infinite_loop,
    clippy::inline_asm_x86_att_syntax,
    clippy::integer_division,
    clippy::integer_division_remainder_used,
    clippy::iter_over_hash_type,
    clippy::large_include_file,
    clippy::let_underscore_must_use,
    clippy::let_underscore_untyped,
    clippy::little_endian_bytes,
    clippy::lossy_float_literal,
    clippy::map_err_ignore,
    clippy::map_with_unused_argument_over_ranges,
    clippy::mem_forget,
    clippy::min_ident_chars,
    clippy::missing_assert_message,
    clippy::missing_asserts_for_indexing,
    clippy::missing_docs_in_private_items,
    clippy::missing_inline_in_public_items,
    clippy::mixed_read_write_in_expression,
    clippy::mod_module_files,
    clippy::module_name_repetitions,
    clippy::modulo_arithmetic,
    clippy::multiple_inherent_impl,
    clippy::multiple_unsafe_ops_per_block,
    clippy::mutex_atomic,
    clippy::mutex_integer,
    clippy::needless_raw_strings,
    clippy::non_ascii_literal,
    clippy::non_zero_suggestions,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::partial_pub_fields,
    clippy::pathbuf_init_then_push,
    clippy::pattern_type_mismatch,
    clippy::precedence_bits,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::pub_without_shorthand,
    clippy::rc_buffer,
    clippy::rc_mutex,
    clippy::redundant_test_prefix,
    clippy::redundant_type_annotations,
    clippy::ref_patterns,
    clippy::rest_pat_in_fully_bound_structs,
    clippy::return_and_then,
    clippy::same_name_method,
    clippy::self_named_module_files,
    clippy::semicolon_outside_block,
    clippy::shadow_reuse,
    clippy::shadow_same,
    clippy::shadow_unrelated,
    clippy::single_call_fn,
    clippy::single_char_lifetime_names,
    clippy::std_instead_of_core,
    clippy::str_to_string,
    clippy::string_add,
    clippy::string_lit_chars_any,
    clippy::string_slice,
    clippy::suspicious_xor_used_as_pow,
    clippy::tests_outside_test_module,
    clippy::todo,
    clippy::try_err,
    clippy::undocumented_unsafe_blocks,
    clippy::unimplemented,
    clippy::unnecessary_safety_comment,
    clippy::unnecessary_safety_doc,
    clippy::unnecessary_self_imports,
    clippy::unneeded_field_pattern,
    clippy::unreachable,
    clippy::unseparated_literal_suffix,
    clippy::unused_result_ok,
    clippy::unused_trait_names,
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    clippy::use_debug,
    clippy::verbose_file_reads,
    clippy::wildcard_enum_match_arm,
    let_underscore_drop,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    redundant_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unnameable_types,
    unreachable_pub,
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]
#![forbid(unsafe_code)]

use core::error::Error;
use core::fmt;
use core::future::{Future, ready};
use core::hash::Hash;
use core::pin::Pin;
use std::collections::HashMap;
use std::sync::Arc;

use crate::runtime::{agent, guardrail, llm, operation, session, task, tool, trace, workflow};

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// There was nothing to do.
    Empty,
    /// There was too much to do.
    TooMuch,
}

impl fmt::Display for Refusal {
    #[inline]
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("refused")
    }
}

impl Error for Refusal {}

/// A session, with arguments and a result.
///
/// # Errors
///
/// Where there is no text.
#[inline]
#[session(name = "answers", tags = ["strict"], version = 2)]
pub fn session(text: &str) -> Result<String, Refusal> {
    if text.is_empty() {
        return Err(Refusal::Empty);
    }
    Ok(text.to_owned())
}

/// A session that is awaited.
#[inline]
#[trace]
pub async fn trace(limit: usize) -> usize {
    limit
}

/// An agent that is a function, with every argument of its kind.
#[inline]
#[must_use]
#[agent(role = "answers", model = "gpt-4o-mini", level = "debug")]
pub fn agent(text: &str, _unused: u8) -> usize {
    text.len()
}

/// A workflow without a value.
#[inline]
#[workflow(skip_all)]
pub fn workflow(_first: u8, _second: &[u8]) {}

/// An operation that keeps its value to itself.
#[inline]
#[must_use]
#[operation(capture_return = false, operation_type = "sum")]
pub fn operation(left: u8, right: u8) -> u8 {
    left.saturating_add(right)
}

/// A task that takes its arguments apart.
#[inline]
#[must_use]
#[task(skip(left))]
pub fn task((left, right): (u8, u8), [first, ..]: [u8; 3]) -> u8 {
    left.max(right).max(first)
}

/// A tool with expressions of its own.
///
/// # Errors
///
/// Where there is too much to do.
#[inline]
#[tool(
    cost = 0.01,
    description = "finds",
    attributes(size = text.len(), limit, "dotted.key" = "value"),
    returns(hits = |found| found.len(), first = Vec::len),
    capture(text)
)]
pub fn tool(text: &str, limit: usize) -> Result<Vec<usize>, Refusal> {
    if limit == 0 {
        return Err(Refusal::TooMuch);
    }
    Ok(text
        .match_indices('a')
        .map(|(at, _)| at)
        .take(limit)
        .collect())
}

/// A model call that is awaited.
///
/// # Errors
///
/// Where there is nothing to ask.
#[inline]
#[llm(model = "gpt-4o-mini", provider = "openai", skip(key))]
pub async fn llm(question: String, key: &str) -> Result<String, Refusal> {
    if ready(key.is_empty()).await {
        return Err(Refusal::Empty);
    }
    Ok(question)
}

/// A guardrail that looks at no error.
///
/// # Errors
///
/// Where there is nothing to guard.
#[inline]
#[guardrail(spec = "input", err = false)]
pub fn guardrail(text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        Err(Refusal::Empty)
    } else {
        Ok(())
    }
}

/// Only errors are looked at.
///
/// # Errors
///
/// Where there is nothing to do.
#[inline]
#[operation(skip_all, capture_return = false)]
pub async fn only_errors(text: String) -> Result<(), Refusal> {
    if ready(text.is_empty()).await {
        return Err(Refusal::Empty);
    }
    Ok(())
}

/// Two kinds on one function.
#[inline]
#[must_use]
#[session]
#[agent(name = "inner")]
pub fn two_kinds(text: String) -> String {
    text
}

/// Two kinds on a function that is awaited.
#[inline]
#[session]
#[tool(boxed)]
pub async fn two_kinds_awaited(text: String) -> String {
    ready(text).await
}

/// Generic over what it is given.
#[inline]
#[tool]
pub fn generic<Value, const COUNT: usize>(values: [Value; COUNT]) -> Vec<Value>
where
    Value: Ord,
{
    let mut sorted = Vec::from(values);
    sorted.sort();
    sorted
}

/// Generic, and awaited.
#[inline]
#[tool]
pub async fn generic_awaited<Key, Value>(key: Key, value: Value) -> HashMap<Key, Value>
where
    Key: Eq + Hash + Send,
    Value: Send,
{
    HashMap::from([(key, value)])
}

/// With lifetimes that have names.
#[inline]
#[must_use]
#[tool]
pub fn lifetimes<'short, 'long: 'short>(
    left: &'long str,
    right: &'short str,
) -> (&'short str, &'long str) {
    (right, left)
}

/// Gives a closure.
#[inline]
#[tool]
pub fn closure(by: u8) -> impl Fn(u8) -> u8 {
    move |number| number.saturating_add(by)
}

/// Gives what is opaque within something else.
#[inline]
#[must_use]
#[tool]
pub fn optional_iterator(text: &str) -> Option<impl Iterator<Item = char> + '_> {
    if text.is_empty() {
        None
    } else {
        Some(text.chars())
    }
}

/// Coerces what it gives.
#[inline]
#[must_use]
#[tool]
pub fn coerced(shown: bool) -> Box<dyn fmt::Debug> {
    if shown {
        return Box::new("shown");
    }
    Box::new(())
}

/// Never comes back.
///
/// # Panics
///
/// In the end.
#[inline]
#[task]
pub async fn never(every: u8) -> ! {
    let mut waited = every;
    loop {
        waited = ready(waited).await;
        assert_ne!(waited, 0, "it ends by a panic only");
    }
}

/// Says who called it.
#[inline]
#[must_use]
#[track_caller]
#[tool]
pub fn caller(by: u32) -> u32 {
    core::panic::Location::caller().line().saturating_add(by)
}

/// Changes its arguments.
#[inline]
#[must_use]
#[tool]
pub fn mutable(mut numbers: Vec<u8>, mut more: u8) -> Vec<u8> {
    more = more.saturating_add(1);
    numbers.push(more);
    numbers
}

/// Changes its arguments, awaited.
#[inline]
#[tool]
pub async fn mutable_awaited(mut numbers: Vec<u8>, mut more: u8) -> Vec<u8> {
    more = more.saturating_add(1);
    numbers.push(ready(more).await);
    numbers
}

/// With arguments that are documented, or not there.
#[inline]
#[must_use]
#[tool]
pub fn documented(
    /// What is looked for.
    pattern: &str,
    #[cfg(any())] missing: Missing,
    #[expect(unused_variables, reason = "it is only recorded")] seen: u8,
) -> usize {
    pattern.len()
}

/// Gives a future that has a name.
#[inline]
#[must_use]
#[tool(capture_return = false)]
pub fn boxed_future(limit: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> {
    Box::pin(async move { limit })
}

/// Has methods.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Planner {
    /// What it did so far.
    done: Vec<String>,
}

/// Methods as an agent's.
#[agent(name = "planner", role = "plans")]
impl Planner {
    /// How much it does.
    pub const LIMIT: usize = 3;

    /// Makes one.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { done: Vec::new() }
    }

    /// Plans.
    ///
    /// # Errors
    ///
    /// Where there is nothing to plan.
    #[inline]
    pub fn plan(&mut self, question: &str) -> Result<&mut String, Refusal> {
        self.done.push(question.to_owned());
        self.done.last_mut().ok_or(Refusal::Empty)
    }

    /// Looks up.
    #[inline]
    #[tool(name = "look up")]
    pub async fn look_up(&self, word: String) -> Option<usize> {
        ready(self.done.iter().position(|done| *done == word)).await
    }

    /// Is consumed.
    #[inline]
    #[must_use]
    pub fn finish(self) -> Vec<String> {
        self.done
    }

    /// Is consumed in a box.
    #[inline]
    #[must_use]
    #[tool(capture(self))]
    pub fn finish_boxed(self: Box<Self>) -> usize {
        self.done.len()
    }

    /// Is shared.
    #[inline]
    pub async fn shared(self: Arc<Self>) -> usize {
        ready(self.done.len()).await
    }
}

/// Holds something.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Holder<Value> {
    /// What it holds.
    pub value: Value,
}

/// Methods as tools.
#[tool(skip_all)]
impl<Value: Clone> Holder<Value> {
    /// Gives what it holds.
    #[inline]
    pub fn get(&self) -> Value {
        self.value.clone()
    }

    /// Puts something else there.
    #[inline]
    pub fn set(&mut self, value: Value) -> &mut Self {
        self.value = value;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{block_on, check};

    #[test]
    fn kinds() {
        check(
            || session("text"),
            Ok("text".to_owned()),
            r#"SESSION answers {"text":"text"} -> "text""#,
        );
        check(
            || block_on(trace(1)),
            1,
            r#"SESSION trace {"limit":1} -> 1"#,
        );
        check(
            || agent("text", 1),
            4,
            r#"AGENT agent {"text":"text","_unused":1} -> 4"#,
        );
        check(|| workflow(1, &[]), (), "WORKFLOW workflow");
        check(
            || operation(1, 2),
            3,
            r#"OPERATION operation {"left":1,"right":2}"#,
        );
        check(
            || task((1, 2), [3, 4, 5]),
            3,
            r#"TASK task {"right":2,"first":3} -> 3"#,
        );
        check(
            || block_on(llm("why".to_owned(), "key")),
            Ok("why".to_owned()),
            "LLM llm \u{b7} gpt-4o-mini {\"question\":\"why\"} -> \"why\"",
        );
        check(
            || guardrail(""),
            Err(Refusal::Empty),
            r#"GUARDRAIL guardrail {"text":""} -> "Err(Empty)""#,
        );
    }

    #[test]
    fn arguments_of_attributes() {
        check(
            || tool("banana", 2),
            Ok(vec![1, 3]),
            r#"TOOL tool {"text":"banana"} -> [1,3] size=6 limit=2 dotted.key="value" hits=2 first=2"#,
        );
        check(
            || block_on(only_errors(String::new())),
            Err(Refusal::Empty),
            "OPERATION only_errors ! Empty: refused",
        );
        check(
            || two_kinds("text".to_owned()),
            "text".to_owned(),
            "SESSION two_kinds {\"text\":\"text\"} -> \"text\"\n  AGENT inner {\"text\":\"text\"} -> \"text\"",
        );
        check(
            || block_on(two_kinds_awaited("text".to_owned())),
            "text".to_owned(),
            "SESSION two_kinds_awaited {\"text\":\"text\"} -> \"text\"\n  TOOL two_kinds_awaited {\"text\":\"text\"} -> \"text\"",
        );
    }

    #[test]
    fn parameters_and_returns() {
        check(
            || generic([2_u8, 1]),
            vec![1, 2],
            r#"TOOL generic {"values":{"$type":"[u8; 2]"}} -> {"$type":"alloc::vec::Vec<u8>"}"#,
        );
        check(
            || block_on(generic_awaited(1_u8, 2_u8)).len(),
            1,
            r#"TOOL generic_awaited {"key":{"$type":"u8"},"value":{"$type":"u8"}} -> {"$type":"std::collections::hash::map::HashMap<u8, u8>"}"#,
        );
        check(
            || lifetimes("left", "right"),
            ("right", "left"),
            r#"TOOL lifetimes {"left":"left","right":"right"} -> ["right","left"]"#,
        );
        check(|| closure(1)(2), 3, r#"TOOL closure {"by":1}"#);
        check(
            || optional_iterator("ab").map(Iterator::count),
            Some(2),
            r#"TOOL optional_iterator {"text":"ab"} -> "Some(Chars(['a', 'b']))""#,
        );
        check(
            || format!("{:?}", coerced(true)),
            "\"shown\"".to_owned(),
            r#"TOOL coerced {"shown":true} -> "\"shown\"""#,
        );
        check(|| caller(0).abs_diff(line!()), 0, r#"TOOL caller {"by":0}"#);
        check(
            || block_on(boxed_future(1)),
            1,
            r#"TOOL boxed_future {"limit":1}"#,
        );
    }

    #[test]
    #[should_panic(expected = "it ends by a panic only")]
    fn panics() {
        block_on(never(0))
    }

    #[test]
    fn arguments() {
        check(
            || mutable(vec![1], 2),
            vec![1, 3],
            r#"TOOL mutable {"numbers":[1],"more":2} -> [1,3]"#,
        );
        check(
            || block_on(mutable_awaited(vec![1], 2)),
            vec![1, 3],
            r#"TOOL mutable_awaited {"numbers":[1],"more":2} -> [1,3]"#,
        );
        check(
            || documented("text", 1),
            4,
            r#"TOOL documented {"pattern":"text","seen":1} -> 4"#,
        );
    }

    #[test]
    fn blocks() {
        check(
            || {
                let mut one = Planner::new();
                let planned = one.plan("why").is_ok();
                let found = block_on(one.look_up("why".to_owned()));
                (planned, found, one.finish().len())
            },
            (true, Some(0), 1),
            "AGENT planner\n  OPERATION plan {\"question\":\"why\"} -> \"why\"\nAGENT planner\n  TOOL look up {\"word\":\"why\"} -> 0\nAGENT planner\n  OPERATION finish -> [\"why\"]",
        );
        check(
            || Box::new(Planner::new()).finish_boxed(),
            0,
            "AGENT planner\n  TOOL finish_boxed {\"self\":\"Planner { done: [] }\"} -> 0",
        );
        check(
            || block_on(Arc::new(Planner::default()).shared()),
            0,
            "AGENT planner\n  OPERATION shared -> 0",
        );
        check(
            || {
                let mut holder = Holder { value: 1_u8 };
                holder.set(2).get()
            },
            2,
            "TOOL set -> {\"$type\":\"&mut shapes::lints::Holder<u8>\"}\nTOOL get -> {\"$type\":\"u8\"}",
        );
    }
}
