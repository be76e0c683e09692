//! Patterns that arguments are taken apart by.

#![expect(
    clippy::needless_pass_by_value,
    clippy::non_minimal_cfg,
    clippy::toplevel_ref_arg,
    clippy::trivially_copy_pass_by_ref,
    reason = "shapes are as people write them"
)]

use std::cell::Cell;

use crate::runtime::{agent, llm, operation, task, tool};
use crate::{block_on, check};

#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    x: i32,
    y: i32,
}

const POINT: Point = Point { x: 1, y: 2 };

/// Says nothing of itself.
struct Opaque(i32, i32);

struct Empty;

thread_local! {
    static DROPS: Cell<u32> = const { Cell::new(0) };
}

impl Drop for Empty {
    fn drop(&mut self) {
        DROPS.set(DROPS.get() + 1);
    }
}

enum Only {
    One { n: u8 },
}

enum Either {
    Left(u8),
    Right(u8),
}

#[tool]
fn tuple((a, b): (i32, i32)) -> i32 {
    a - b
}

#[tool]
fn nested_tuple(((a, _), mut b, ..): ((i32, i32), i32, i32, i32)) -> i32 {
    b += a;
    b
}

#[tool]
fn structure(Point { x, y: h }: Point) -> i32 {
    x - h
}

#[tool]
fn part_of_a_structure(Point { x, .. }: &Point) -> i32 {
    *x
}

#[tool]
fn opaque(Opaque(a, _): Opaque) -> i32 {
    a
}

#[tool]
fn unit_structure(Empty: Empty) {}

#[tool]
#[expect(non_snake_case, reason = "so mathematicians write")]
fn unit_structure_in_a_tuple((Empty, N): (Empty, u8)) -> u8 {
    N
}

#[tool]
async fn async_unit_structure(Empty: Empty) {}

#[tool]
fn only_variant(Only::One { n }: Only) -> u8 {
    n
}

#[tool]
fn alternatives((Either::Left(n) | Either::Right(n)): Either) -> u8 {
    n
}

#[tool]
fn dereferenced(&n: &i32) -> i32 {
    n
}

#[tool]
fn dereferenced_tuple(&(a, ref b): &(i32, String)) -> usize {
    b.len() + usize::from(a == 1)
}

#[tool]
fn by_reference(ref n: String) -> usize {
    n.len()
}

#[tool]
fn by_mutable_reference(ref mut v: Vec<i32>) -> usize {
    v.push(1);
    v.len()
}

#[tool]
fn part_by_reference((ref a, ref mut b): (String, Vec<u8>)) -> usize {
    b.extend(a.as_bytes());
    b.len()
}

#[tool]
fn whole(whole @ Point { x, .. }: Point) -> i32 {
    whole.y - x
}

#[tool]
fn array([a, .., z]: [i32; 4]) -> i32 {
    a - z
}

#[tool]
fn rest_of_an_array([first, rest @ ..]: [u8; 3]) -> usize {
    rest.len() + usize::from(first)
}

#[tool]
fn mutable(mut n: i32) -> i32 {
    n += 1;
    n
}

#[tool]
fn wildcard(_: Vec<Opaque>) {}

#[tool]
fn underscored(_x: Vec<u8>) {}

#[tool]
fn unit((): ()) {}

#[tool]
fn raw(r#type: i32, r#match: i32) -> i32 {
    r#type + r#match
}

#[tool]
fn raw_function_r(r#fn: u8) -> u8 {
    r#fn
}

#[tool]
fn r#loop() -> u8 {
    1
}

#[tool]
fn absent(#[cfg(any())] b: Missing, #[cfg(all())] c: u8) -> u8 {
    c
}

#[tool]
fn absent_in_a_pattern(a: u8, #[cfg(any())] (b, c): (Missing, Missing)) -> u8 {
    a
}

#[tool(skip(b))]
fn absent_and_skipped(a: u8, #[cfg(any())] b: Missing) -> u8 {
    a
}

#[tool]
fn documented(
    /// What is looked for.
    pattern: &str,
    /** How many at most. */
    limit: usize,
    /// Taken apart.
    (a, b): (u8, u8),
) -> usize {
    pattern.len() + limit + usize::from(a + b)
}

#[tool]
fn linted(
    #[allow(unused_variables)] a: u8,
    #[expect(unused_variables, reason = "it is not used")] b: u8,
    #[expect(unused_mut, reason = "it does not change")] mut c: u8,
) -> u8 {
    c
}

#[tool]
fn linted_parts(#[expect(unused_variables, reason = "`a` is not used")] (a, b): (u8, u8)) -> u8 {
    b
}

#[tool(skip(a, x))]
fn skipped_parts((a, b): (u8, u8), Point { x, y }: Point) -> i32 {
    x + y + i32::from(a) + i32::from(b)
}

#[tool(capture(y))]
fn captured_parts(Point { x, y }: Point) -> i32 {
    x + y
}

#[tool(skip_all)]
fn all_skipped(Opaque(a, b): Opaque, mut c: i32) -> i32 {
    c += 1;
    a + b + c
}

#[tool]
async fn async_tuple((a, b): (i32, i32)) -> i32 {
    a - b
}

#[tool]
async fn async_structure(Point { x, y: h }: Point) -> i32 {
    x - h
}

#[tool]
async fn async_opaque(Opaque(a, _): Opaque) -> i32 {
    a
}

#[tool]
async fn async_dereferenced(&n: &i32) -> i32 {
    n
}

#[tool]
async fn async_by_reference(ref n: String) -> usize {
    n.len()
}

#[tool]
async fn async_by_mutable_reference(ref mut v: Vec<i32>) -> usize {
    v.push(1);
    v.len()
}

#[tool]
async fn async_whole(whole @ Point { x, .. }: Point) -> i32 {
    whole.y - x
}

#[tool]
async fn async_array([a, .., z]: [i32; 4]) -> i32 {
    a - z
}

#[tool]
async fn async_mutable(mut n: i32, mut v: Vec<i32>) -> usize {
    n += 1;
    v.push(n);
    v.len()
}

#[tool]
async fn async_wildcard(_: Vec<Opaque>, _x: Vec<u8>, (): ()) {}

#[llm]
async fn async_raw(r#type: i32) -> i32 {
    r#type
}

#[agent]
async fn async_absent(#[cfg(any())] b: Missing, c: u8) -> u8 {
    c
}

#[task]
async fn async_documented(
    /// What is looked for.
    pattern: &str,
) -> usize {
    pattern.len()
}

#[operation]
async fn async_linted(#[expect(unused_variables, reason = "it is not used")] a: u8, b: u8) -> u8 {
    b
}

#[tool(skip_all)]
async fn async_all_skipped(Opaque(a, b): Opaque) -> i32 {
    a + b
}

#[test]
fn tuples() {
    check(|| tuple((1, 2)), -1, r#"TOOL tuple {"a":1,"b":2} -> -1"#);
    check(
        || nested_tuple(((1, 2), 3, 4, 5)),
        4,
        r#"TOOL nested_tuple {"a":1,"b":3} -> 4"#,
    );
    check(
        || block_on(async_tuple((1, 2))),
        -1,
        r#"TOOL async_tuple {"a":1,"b":2} -> -1"#,
    );
    check(|| unit(()), (), "TOOL unit");
}

#[test]
fn structures() {
    check(
        || structure(POINT),
        -1,
        r#"TOOL structure {"x":1,"h":2} -> -1"#,
    );
    check(
        || part_of_a_structure(&POINT),
        1,
        r#"TOOL part_of_a_structure {"x":1} -> 1"#,
    );
    check(|| opaque(Opaque(1, 2)), 1, r#"TOOL opaque {"a":1} -> 1"#);
    check(|| unit_structure(Empty), (), "TOOL unit_structure");
    check(
        || unit_structure_in_a_tuple((Empty, 1)),
        1,
        r#"TOOL unit_structure_in_a_tuple {"N":1} -> 1"#,
    );
    check(
        || block_on(async_unit_structure(Empty)),
        (),
        "TOOL async_unit_structure",
    );
    assert_eq!(DROPS.get(), 3);
    check(
        || block_on(async_structure(POINT)),
        -1,
        r#"TOOL async_structure {"x":1,"h":2} -> -1"#,
    );
    check(
        || block_on(async_opaque(Opaque(1, 2))),
        1,
        r#"TOOL async_opaque {"a":1} -> 1"#,
    );
}

#[test]
fn enums() {
    check(
        || only_variant(Only::One { n: 1 }),
        1,
        r#"TOOL only_variant {"n":1} -> 1"#,
    );
    check(
        || alternatives(Either::Left(1)) + alternatives(Either::Right(2)),
        3,
        "TOOL alternatives {\"n\":1} -> 1\nTOOL alternatives {\"n\":2} -> 2",
    );
}

#[test]
fn references() {
    check(|| dereferenced(&1), 1, r#"TOOL dereferenced {"n":1} -> 1"#);
    check(
        || dereferenced_tuple(&(1, "ab".to_owned())),
        3,
        r#"TOOL dereferenced_tuple {"a":1,"b":"ab"} -> 3"#,
    );
    check(
        || by_reference("ab".to_owned()),
        2,
        r#"TOOL by_reference {"n":"ab"} -> 2"#,
    );
    check(
        || by_mutable_reference(vec![0]),
        2,
        r#"TOOL by_mutable_reference {"v":[0]} -> 2"#,
    );
    check(
        || part_by_reference(("ab".to_owned(), vec![0])),
        3,
        r#"TOOL part_by_reference {"a":"ab","b":[0]} -> 3"#,
    );
    check(
        || block_on(async_dereferenced(&1)),
        1,
        r#"TOOL async_dereferenced {"n":1} -> 1"#,
    );
    check(
        || block_on(async_by_reference("ab".to_owned())),
        2,
        r#"TOOL async_by_reference {"n":"ab"} -> 2"#,
    );
    check(
        || block_on(async_by_mutable_reference(vec![0])),
        2,
        r#"TOOL async_by_mutable_reference {"v":[0]} -> 2"#,
    );
}

#[test]
fn wholes_and_parts() {
    check(
        || whole(POINT),
        1,
        r#"TOOL whole {"whole":"Point { x: 1, y: 2 }","x":1} -> 1"#,
    );
    check(
        || array([1, 2, 3, 4]),
        -3,
        r#"TOOL array {"a":1,"z":4} -> -3"#,
    );
    check(
        || rest_of_an_array([1, 2, 3]),
        3,
        r#"TOOL rest_of_an_array {"first":1,"rest":[2,3]} -> 3"#,
    );
    check(
        || block_on(async_whole(POINT)),
        1,
        r#"TOOL async_whole {"whole":"Point { x: 1, y: 2 }","x":1} -> 1"#,
    );
    check(
        || block_on(async_array([1, 2, 3, 4])),
        -3,
        r#"TOOL async_array {"a":1,"z":4} -> -3"#,
    );
}

#[test]
fn plain_names() {
    check(|| mutable(1), 2, r#"TOOL mutable {"n":1} -> 2"#);
    check(|| wildcard(vec![Opaque(1, 2)]), (), "TOOL wildcard");
    check(
        || underscored(vec![1]),
        (),
        r#"TOOL underscored {"_x":[1]}"#,
    );
    check(|| raw(1, 2), 3, r#"TOOL raw {"type":1,"match":2} -> 3"#);
    check(
        || raw_function_r(1),
        1,
        r#"TOOL raw_function_r {"fn":1} -> 1"#,
    );
    check(r#loop, 1, "TOOL loop -> 1");
    check(
        || block_on(async_mutable(1, vec![0])),
        2,
        r#"TOOL async_mutable {"n":1,"v":[0]} -> 2"#,
    );
    check(
        || block_on(async_wildcard(vec![Opaque(1, 2)], vec![1], ())),
        (),
        r#"TOOL async_wildcard {"_x":[1]}"#,
    );
    check(
        || block_on(async_raw(1)),
        1,
        r#"LLM async_raw {"type":1} -> 1"#,
    );
}

#[test]
fn attributes_on_arguments() {
    check(|| absent(1), 1, r#"TOOL absent {"c":1} -> 1"#);
    check(
        || absent_in_a_pattern(1),
        1,
        r#"TOOL absent_in_a_pattern {"a":1} -> 1"#,
    );
    check(
        || absent_and_skipped(1),
        1,
        r#"TOOL absent_and_skipped {"a":1} -> 1"#,
    );
    check(
        || documented("ab", 1, (2, 3)),
        8,
        r#"TOOL documented {"pattern":"ab","limit":1,"a":2,"b":3} -> 8"#,
    );
    check(
        || linted(1, 2, 3),
        3,
        r#"TOOL linted {"a":1,"b":2,"c":3} -> 3"#,
    );
    check(
        || linted_parts((1, 2)),
        2,
        r#"TOOL linted_parts {"a":1,"b":2} -> 2"#,
    );
    check(
        || block_on(async_absent(1)),
        1,
        r#"AGENT async_absent {"c":1} -> 1"#,
    );
    check(
        || block_on(async_documented("ab")),
        2,
        r#"TASK async_documented {"pattern":"ab"} -> 2"#,
    );
    check(
        || block_on(async_linted(1, 2)),
        2,
        r#"OPERATION async_linted {"a":1,"b":2} -> 2"#,
    );
}

#[test]
fn skipped() {
    check(
        || skipped_parts((1, 2), POINT),
        6,
        r#"TOOL skipped_parts {"b":2,"y":2} -> 6"#,
    );
    check(
        || captured_parts(POINT),
        3,
        r#"TOOL captured_parts {"y":2} -> 3"#,
    );
    check(|| all_skipped(Opaque(1, 2), 3), 7, "TOOL all_skipped -> 7");
    check(
        || block_on(async_all_skipped(Opaque(1, 2))),
        3,
        "TOOL async_all_skipped -> 3",
    );
}
