//! Starts the processes that measure, in turns, and keeps what they say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use peers::measure::{self, BATCH, Burst};

/// How often each process is run.
const ROUNDS: usize = 3;
/// Batches of an instruction count.
const COUNTED: u32 = 20;

/// A case and a library.
pub type Key = (&'static str, &'static str);

/// Who bursts, with what, and whether the thread ends right after its last span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burster {
    pub case: &'static str,
    pub library: &'static str,
    pub thread_ends: bool,
}

/// This program, or the same one built with another profile.
pub struct Program {
    path: PathBuf,
}

/// What a library allocates.
#[derive(Debug, Clone, Copy)]
pub struct Allocations {
    pub per_span: f64,
    pub bytes_per_span: f64,
    /// Of the batch in the middle.
    pub of_a_batch: u64,
}

impl Program {
    pub fn this() -> Self {
        Self {
            path: std::env::current_exe().expect("this program has a path"),
        }
    }

    pub fn at(path: &str) -> Self {
        Self { path: path.into() }
    }

    /// Nanoseconds per span, for each case and library.
    pub fn times(&self, keys: &[Key]) -> BTreeMap<Key, f64> {
        self.rounds(keys, |&(case, library)| {
            self.number(&["one", library, case])
        })
    }

    pub fn clock(&self) -> f64 {
        measure::median(&mut [(); ROUNDS].map(|()| self.number(&["clock"])))
    }

    /// Millions of spans per second.
    pub fn threads(
        &self,
        keys: &[(&'static str, &'static str)],
        spans: &str,
    ) -> BTreeMap<Key, f64> {
        self.rounds(keys, |&(threads, library)| {
            self.number(&["threads", library, threads, spans])
        })
    }

    fn rounds(&self, keys: &[Key], measure: impl Fn(&Key) -> f64) -> BTreeMap<Key, f64> {
        let mut results: BTreeMap<Key, Vec<f64>> = BTreeMap::new();
        for _ in 0..ROUNDS {
            for key in keys {
                results.entry(*key).or_default().push(measure(key));
            }
        }
        results
            .into_iter()
            .map(|(key, mut values)| (key, measure::median(&mut values)))
            .collect()
    }

    /// Instructions per span on the recording thread; `None` without valgrind.
    pub fn instructions(&self, library: &str, case: &str) -> Option<f64> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg("--toggle-collect=peers::measure::recorded")
            .arg(&self.path)
            .args(["count", library, case, &COUNTED.to_string()])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr);
        let (_, collected) = text
            .split_once("Collected :")
            .unwrap_or_else(|| panic!("{text}"));
        let number: f64 = collected.split_whitespace().next()?.parse().ok()?;
        Some(number / f64::from(COUNTED * BATCH))
    }

    pub fn allocations(&self, library: &str, case: &str) -> Allocations {
        let text = output(&self.path.with_file_name("allocations"), &[library, case]);
        let numbers: Vec<f64> = text.split_whitespace().map(number).collect();
        let [per_span, bytes_per_span, of_a_batch] = numbers[..] else {
            panic!("{text}")
        };
        Allocations {
            per_span,
            bytes_per_span,
            of_a_batch: of_a_batch as u64,
        }
    }

    /// One burst for each round.
    pub fn bursts(&self, bursters: Vec<Burster>, spans: u32) -> Vec<(Burster, Vec<Burst>)> {
        let mut bursts: Vec<_> = bursters
            .into_iter()
            .map(|burster| (burster, Vec::new()))
            .collect();
        for _ in 0..ROUNDS {
            for (burster, bursts) in &mut bursts {
                bursts.push(self.burst(*burster, spans));
            }
        }
        bursts
    }

    pub fn burst(&self, burster: Burster, spans: u32) -> Burst {
        let spans = spans.to_string();
        let mut arguments = vec!["burst", burster.library, burster.case, &spans];
        arguments.extend(burster.thread_ends.then_some("thread"));
        let text = output(&self.path, &arguments);
        text.trim().parse().unwrap_or_else(|_| panic!("{text}"))
    }

    fn number(&self, arguments: &[&str]) -> f64 {
        number(output(&self.path, arguments).trim())
    }
}

fn output(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("it prints text")
}

fn number(text: &str) -> f64 {
    text.parse()
        .unwrap_or_else(|_| panic!("{text} is no number"))
}
