//! What only edition 2021 has: `gen` as a name, unsafe calls in an `unsafe fn` as they are, opaque types that capture
//! no lifetime unless told to.

#![expect(
    clippy::let_and_return,
    clippy::missing_const_for_fn,
    clippy::no_mangle_with_rust_abi,
    clippy::option_if_let_else,
    clippy::unnecessary_to_owned,
    reason = "shapes are as people write them"
)]

use std::fmt::Display;

use crate::runtime::{task, tool};
use crate::{block_on, check};

#[tool]
fn gen(gen: u8) -> u8 {
    let gen = gen + 1;
    gen
}

#[task]
async fn gen_among_others((gen, n): (u8, u8)) -> u8 {
    gen + n
}

#[tool(attributes(gen = gen), name = "gen")]
fn gen_as_a_key(gen: u8) -> u8 {
    gen
}

struct Holder {
    gen: u8,
}

impl Holder {
    #[tool]
    fn gen(&self) -> u8 {
        self.gen
    }
}

unsafe fn dangerous(n: u8) -> u8 {
    n + 1
}

#[tool]
unsafe fn implicitly_unsafe(n: u8) -> u8 {
    dangerous(n)
}

#[tool]
async unsafe fn async_implicitly_unsafe(n: u8) -> u8 {
    dangerous(n)
}

#[tool]
#[track_caller]
unsafe fn guarded_implicitly_unsafe(n: u8) -> u8 {
    dangerous(n)
}

#[tool]
fn captures_nothing(text: &str) -> impl Display {
    text.len()
}

#[tool]
fn captures_by_bound(text: &str) -> impl Display + '_ {
    text
}

#[tool]
#[no_mangle]
fn unmangled_before_2024(n: u8) -> u8 {
    n
}

#[tool]
fn dynamic(n: &u8) -> &dyn Display {
    n
}

#[tool]
fn if_let_temporaries(text: Option<String>) -> usize {
    if let Some(text) = text.as_deref() {
        text.len()
    } else {
        0
    }
}

#[tool]
fn array_by_value(items: [String; 2]) -> usize {
    items.into_iter().map(|text| text.len()).sum()
}

#[test]
fn gen_is_a_name() {
    check(|| gen(1), 2, r#"TOOL gen {"gen":1} -> 2"#);
    check(
        || block_on(gen_among_others((1, 2))),
        3,
        r#"TASK gen_among_others {"gen":1,"n":2} -> 3"#,
    );
    check(|| gen_as_a_key(1), 1, r#"TOOL gen {"gen":1} -> 1 gen=1"#);
    check(|| Holder { gen: 1 }.gen(), 1, "TOOL gen -> 1");
}

#[test]
fn unsafe_functions_call_unsafe_ones() {
    check(
        || unsafe { implicitly_unsafe(1) },
        2,
        r#"TOOL implicitly_unsafe {"n":1} -> 2"#,
    );
    check(
        || unsafe { block_on(async_implicitly_unsafe(1)) },
        2,
        r#"TOOL async_implicitly_unsafe {"n":1} -> 2"#,
    );
    check(
        || unsafe { guarded_implicitly_unsafe(1) },
        2,
        r#"TOOL guarded_implicitly_unsafe {"n":1}"#,
    );
}

#[test]
fn opaque_types_capture_what_they_say() {
    check(
        || {
            let length = captures_nothing(&"ab".to_owned());
            length.to_string()
        },
        "2".to_owned(),
        r#"TOOL captures_nothing {"text":"ab"} -> 2"#,
    );
    check(
        || captures_by_bound("a").to_string(),
        "a".to_owned(),
        r#"TOOL captures_by_bound {"text":"a"} -> "a""#,
    );
}

#[test]
fn others() {
    check(
        || unmangled_before_2024(1),
        1,
        r#"TOOL unmangled_before_2024 {"n":1} -> 1"#,
    );
    check(
        || dynamic(&1).to_string(),
        "1".to_owned(),
        r#"TOOL dynamic {"n":1} -> {"$type":"&dyn core::fmt::Display"}"#,
    );
    check(
        || if_let_temporaries(Some("a".to_owned())),
        1,
        r#"TOOL if_let_temporaries {"text":"a"} -> 1"#,
    );
    check(
        || array_by_value(["a".to_owned(), "b".to_owned()]),
        2,
        r#"TOOL array_by_value {"items":["a","b"]} -> 2"#,
    );
}
