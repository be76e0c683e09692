//! Ways in which a method takes `self`.

use crate::runtime::testing::capture_with;
use crate::runtime::tool;

struct Counter(u32);

impl Counter {
    #[tool]
    fn by_reference(&self, n: u32) -> u32 {
        self.0 + n
    }
}

#[test]
fn by_reference() {
    let (sum, trace) = capture_with(|| Counter(1).by_reference(2));
    assert_eq!(sum, 3);
    assert_eq!(trace.to_string(), "TOOL by_reference {\"n\":2} -> 3\n");
}
