//! `allocations LIBRARY CASE`: allocations per span on the recording thread, in the steady state, and their bytes; and
//! allocations in the batch in the middle, where what is rare does not show.
//!
//! A program of its own, because what counts allocations makes each one slower.

use peers::measure::{BATCH, Subject, case};

const BATCHES: usize = 50;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [library, name] = &arguments[..] else {
        eprintln!("usage: allocations LIBRARY CASE");
        std::process::exit(2);
    };
    let subject = Subject::start(library, case(name));
    subject.warm_up();
    let (mut batches, mut bytes) = (Vec::new(), 0);
    for _ in 0..BATCHES {
        subject.settle();
        subject.batch(|record| {
            let counted = allocation_counter::measure(record);
            batches.push(counted.count_total);
            bytes += counted.bytes_total;
        });
    }
    let spans = f64::from(BATCH) * BATCHES as f64;
    batches.sort_unstable();
    let allocations: u64 = batches.iter().sum();
    println!(
        "{} {} {}",
        allocations as f64 / spans,
        bytes as f64 / spans,
        batches[BATCHES / 2]
    );
}
