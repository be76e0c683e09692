//! Records numbered spans on two threads until it is killed, and tells of each before: `told DIRECTORY`.
//!
//! What it tells stands in a file for each thread, a line with the number and the time before the span is recorded.
//! Once a line follows, the span before it has ended.

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agentops::{start_session, tool};
use agentops_tests::payload::{Text, mix, returned};

#[tool]
fn work(n: u64, text: &str, odd: bool) -> u64 {
    black_box((text, odd));
    returned(n)
}

fn main() {
    let directory = std::env::args_os().nth(1).expect("a directory is named");
    let _guard = agentops::init().expect("the environment makes sense");
    start_session("told").in_scope(|| {
        let place = agentops::current_span().context();
        thread::scope(|scope| {
            for thread in 0..2 {
                let path = Path::new(&directory).join(format!("told-{thread}"));
                let file = File::create(path).expect("it can be made");
                scope.spawn(move || place.in_scope(|| tell(file, thread)));
            }
        });
    });
}

fn tell(mut file: File, thread: u64) {
    for n in (thread..).step_by(2) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        // One call of the system, so that a line is there or not.
        let line = format!("{n} {}\n", now.as_nanos());
        file.write_all(line.as_bytes()).expect("it can be written");
        black_box(work(n, Text::of(n).as_str(), n % 2 == 1));
        thread::sleep(Duration::from_micros(100 + mix(n) % 900));
    }
}
