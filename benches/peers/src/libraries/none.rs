//! The work without any library.

use super::{Library, Setting};
use crate::work::{Answer, Filter, Refusal, Waits, count, find};

pub struct None;

impl Library for None {
    fn start(&self, _: Setting) {}

    fn flush(&self) {}

    fn finish(&self) -> usize {
        0
    }

    fn root(&self, body: &mut dyn FnMut()) {
        body();
    }

    fn root_spans(&self) -> usize {
        0
    }

    super::loops!();
}

#[inline(never)]
fn bare(n: u64) -> Result<u64, Refusal> {
    count(n)
}

#[inline(never)]
fn args(query: &str, filter: &Filter, limit: u32) -> Result<Answer, Refusal> {
    find(query, filter, limit)
}

#[inline(never)]
fn json(query: &str, filter: &Filter, limit: u32) -> Result<Answer, Refusal> {
    find(query, filter, limit)
}

async fn waits(n: u64, times: u32) -> Result<u64, Refusal> {
    Waits(times).await;
    count(n)
}

#[inline(never)]
fn trace() {
    for n in 1..100 {
        let _ = std::hint::black_box(bare(n));
    }
}
