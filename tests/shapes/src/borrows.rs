//! Returned values that borrow from arguments.

#![expect(
    clippy::future_not_send,
    clippy::option_map_unit_fn,
    clippy::trivially_copy_pass_by_ref,
    reason = "shapes are as people write them"
)]

use std::cell::{Ref, RefCell, RefMut};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use crate::runtime::{operation, task, tool};
use crate::{block_on, check};

#[derive(Default)]
struct Store {
    count: u32,
    text: String,
    cell: RefCell<Vec<u8>>,
    mutex: Mutex<u8>,
    lock: RwLock<u8>,
    map: HashMap<u8, String>,
}

impl Store {
    #[tool]
    fn mutable(&mut self) -> &mut u32 {
        &mut self.count
    }

    #[tool]
    fn fallible(&mut self, fail: bool) -> Result<&mut String, String> {
        if fail {
            return Err("no".to_owned());
        }
        Ok(&mut self.text)
    }

    #[tool]
    fn optional(&mut self, key: u8) -> Option<&mut String> {
        self.map.get_mut(&key)
    }

    #[tool]
    fn early(&mut self, early: bool) -> &mut u32 {
        if early {
            return &mut self.count;
        }
        self.text.push('a');
        &mut self.count
    }

    #[tool]
    fn entry(&mut self, key: u8) -> &mut String {
        self.map.entry(key).or_default()
    }

    #[tool]
    fn shared(&self) -> &str {
        &self.text
    }

    #[tool]
    fn borrowed(&self) -> Ref<'_, Vec<u8>> {
        self.cell.borrow()
    }

    #[tool]
    fn mapped(&self) -> Ref<'_, [u8]> {
        Ref::map(self.cell.borrow(), Vec::as_slice)
    }

    #[tool]
    fn borrowed_mutably(&self) -> RefMut<'_, Vec<u8>> {
        self.cell.borrow_mut()
    }

    #[tool(capture_return = false)]
    fn guard(&self) -> MutexGuard<'_, u8> {
        self.mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[tool]
    fn captured_guard(&self) -> MutexGuard<'_, u8> {
        self.mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[tool(capture_return = false)]
    fn fallible_guard(&self) -> Result<MutexGuard<'_, u8>, PoisonError<MutexGuard<'_, u8>>> {
        self.mutex.lock()
    }

    #[tool(capture_return = false)]
    fn read_guard(&self) -> RwLockReadGuard<'_, u8> {
        self.lock.read().unwrap_or_else(PoisonError::into_inner)
    }

    #[tool]
    fn two(&mut self) -> (&mut u32, &mut String) {
        (&mut self.count, &mut self.text)
    }

    #[tool(capture_return = false)]
    fn drained(&mut self) -> std::vec::Drain<'_, u8> {
        self.cell.get_mut().drain(..)
    }

    #[tool]
    fn chained(&mut self) -> &mut Self {
        self.count += 1;
        self
    }

    #[task]
    async fn async_mutable(&mut self) -> &mut u32 {
        &mut self.count
    }

    #[task]
    async fn async_fallible(&mut self, fail: bool) -> Result<&mut String, String> {
        if fail {
            Err("no")?;
        }
        Ok(&mut self.text)
    }

    #[task]
    async fn async_borrowed(&self) -> Ref<'_, Vec<u8>> {
        self.cell.borrow()
    }

    #[task(capture_return = false)]
    async fn async_guard(&self) -> MutexGuard<'_, u8> {
        self.mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[operation]
    async fn async_entry(&mut self, key: u8) -> &mut String {
        self.map.entry(key).or_default()
    }
}

#[tool]
fn of_an_argument<'a>(items: &'a mut Vec<u8>, n: &u8) -> &'a mut u8 {
    items.push(*n);
    items.last_mut().unwrap_or_else(|| unreachable!())
}

#[tool]
fn taken<'a>(out: &mut &'a str) -> &'a str {
    std::mem::take(out)
}

#[tool]
fn split(items: &mut [u8]) -> (&mut [u8], &mut [u8]) {
    items.split_at_mut(1)
}

#[operation]
async fn async_of_an_argument<'a>(items: &'a mut Vec<u8>, n: &u8) -> Option<&'a mut u8> {
    items.push(*n);
    items.last_mut()
}

#[test]
fn mutable_borrows() {
    check(
        || {
            let mut store = Store::default();
            *store.mutable() += 2;
            *store.early(true) += 1;
            *store.early(false) += 1;
            (store.count, store.text)
        },
        (4, "a".to_owned()),
        "TOOL mutable -> 0\nTOOL early {\"early\":true} -> 2\nTOOL early {\"early\":false} -> 3",
    );
    check(
        || {
            let mut store = Store::default();
            store.entry(1).push('a');
            store.optional(1).map(|text| text.push('b'));
            store.optional(2).is_none() && store.map[&1] == "ab"
        },
        true,
        "TOOL entry {\"key\":1} -> \"\"\nTOOL optional {\"key\":1} -> \"a\"\nTOOL optional {\"key\":2} -> null",
    );
    check(
        || {
            let mut store = Store::default();
            let (count, text) = store.two();
            *count += 1;
            text.push('a');
            (store.count, store.text)
        },
        (1, "a".to_owned()),
        r#"TOOL two -> [0,""]"#,
    );
    check(
        || Store::default().chained().chained().count,
        2,
        "TOOL chained -> {\"$type\":\"&mut shapes::borrows::Store\"}\nTOOL chained -> {\"$type\":\"&mut shapes::borrows::Store\"}",
    );
}

#[test]
fn fallible_borrows() {
    check(
        || {
            let mut store = Store::default();
            store.fallible(false).map(|text| text.push('a'))?;
            store.fallible(true).map(|text| text.push('b'))
        },
        Err("no".to_owned()),
        "TOOL fallible {\"fail\":false} -> \"\"\nTOOL fallible {\"fail\":true} ! String: no",
    );
}

#[test]
fn shared_borrows() {
    check(
        || Store::default().shared().len(),
        0,
        r#"TOOL shared -> """#,
    );
    check(
        || {
            let store = Store::default();
            store.borrowed_mutably().push(1);
            let (vec, slice) = (store.borrowed(), store.mapped());
            (vec.len(), slice.len())
        },
        (1, 1),
        "TOOL borrowed_mutably -> \"[]\"\nTOOL borrowed -> \"[1]\"\nTOOL mapped -> \"[1]\"",
    );
    check(
        || {
            let mut store = Store::default();
            store.borrowed_mutably().push(1);
            store.drained().sum::<u8>()
        },
        1,
        "TOOL borrowed_mutably -> \"[]\"\nTOOL drained",
    );
}

#[test]
fn guards() {
    check(
        || {
            let store = Store::default();
            *store.guard() += 1;
            let held = store.captured_guard();
            let free = store.mutex.try_lock().is_ok();
            drop(held);
            let again = store.fallible_guard().map(|guard| *guard);
            let read = *store.read_guard();
            (free, again.ok(), read)
        },
        (false, Some(1), 0),
        "TOOL guard\nTOOL captured_guard -> \"1\"\nTOOL fallible_guard\nTOOL read_guard",
    );
}

#[test]
fn functions() {
    check(
        || {
            let mut items = vec![1];
            *of_an_argument(&mut items, &2) += 1;
            items
        },
        vec![1, 3],
        r#"TOOL of_an_argument {"items":[1],"n":2} -> 2"#,
    );
    check(
        || {
            let mut text = "a";
            (taken(&mut text), text)
        },
        ("a", ""),
        r#"TOOL taken {"out":"a"} -> "a""#,
    );
    check(
        || {
            let mut items = [1, 2];
            let (left, right) = split(&mut items);
            std::mem::swap(&mut left[0], &mut right[0]);
            items
        },
        [2, 1],
        r#"TOOL split {"items":[1,2]} -> [[1],[2]]"#,
    );
}

#[test]
fn asynchronous() {
    check(
        || {
            let mut store = Store::default();
            *block_on(store.async_mutable()) += 1;
            block_on(store.async_entry(1)).push('a');
            (store.count, store.map.len())
        },
        (1, 1),
        "TASK async_mutable -> 0\nOPERATION async_entry {\"key\":1} -> \"\"",
    );
    check(
        || {
            let mut store = Store::default();
            block_on(store.async_fallible(true)).map(|text| text.push('a'))
        },
        Err("no".to_owned()),
        r#"TASK async_fallible {"fail":true} ! String: no"#,
    );
    check(
        || {
            let store = Store::default();
            let held = block_on(store.async_guard());
            let length = block_on(store.async_borrowed()).len();
            length + usize::from(*held)
        },
        0,
        "TASK async_guard\nTASK async_borrowed -> \"[]\"",
    );
    check(
        || {
            let mut items = vec![1];
            block_on(async_of_an_argument(&mut items, &2)).map(|n| *n += 1);
            items
        },
        vec![1, 3],
        r#"OPERATION async_of_an_argument {"items":[1],"n":2} -> 2"#,
    );
}
