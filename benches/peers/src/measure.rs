//! What one library costs, in a process that belongs to it.

use std::fmt;
use std::hint::black_box;
use std::num::ParseIntError;
use std::str::FromStr;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::libraries::{self, Library};
use crate::{machine, receiver};

/// Spans of one batch; all of them fit the buffers of any library, those with arguments too.
pub const BATCH: u32 = 500;
const BATCHES: usize = 100;
/// Spans of one trace in a burst, its root not counted.
const TRACE: u32 = 1000;
const WARM_UP: u32 = 40;

/// What is recorded, and in which surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    /// As the tables call it.
    pub title: &'static str,
    record: fn(&dyn Library, u32),
    started: bool,
    /// Recorded within a root that is opened before and closed after.
    rooted: bool,
}

pub const CASES: [Case; 9] = [
    Case {
        name: "bare",
        title: "(a) bare call",
        record: |library, spans| library.bare(spans),
        started: true,
        rooted: true,
    },
    Case {
        name: "args",
        title: "(b) three arguments and a return value, own form",
        record: |library, spans| library.args(spans),
        started: true,
        rooted: true,
    },
    Case {
        name: "json",
        title: "(b2) the same as JSON by hand",
        record: |library, spans| library.json(spans),
        started: true,
        rooted: true,
    },
    Case {
        name: "poll",
        title: "(c) async call, one poll",
        record: |library, spans| library.one_poll(spans),
        started: true,
        rooted: true,
    },
    Case {
        name: "polls",
        title: "(d) async call, ten polls",
        record: |library, spans| library.ten_polls(spans),
        started: true,
        rooted: true,
    },
    Case {
        name: "traces",
        title: "(e) trace of 100 spans, per span",
        record: |library, spans| library.traces(spans),
        started: true,
        rooted: false,
    },
    Case {
        name: "off",
        title: "(f) not initialised, bare",
        record: |library, spans| library.bare(spans),
        started: false,
        rooted: true,
    },
    Case {
        name: "off-args",
        title: "(f) not initialised, three arguments",
        record: |library, spans| library.args(spans),
        started: false,
        rooted: true,
    },
    Case {
        name: "rootless",
        title: "(f) initialised, no root span",
        record: |library, spans| library.bare(spans),
        started: true,
        rooted: false,
    },
];

pub fn case(name: &str) -> Case {
    *CASES
        .iter()
        .find(|case| case.name == name)
        .unwrap_or_else(|| panic!("no case is called {name}"))
}

/// A library at work on a case.
pub struct Subject {
    library: &'static dyn Library,
    case: Case,
}

impl Subject {
    pub fn start(name: &str, case: Case) -> Self {
        let (library, setting) = libraries::named(name);
        if case.started {
            library.start(setting);
        }
        Self { library, case }
    }

    /// Records a batch with `around` called for the part of it that counts.
    pub fn batch(&self, mut around: impl FnMut(&mut dyn FnMut())) {
        let mut record = || recorded(self.case.record, self.library, BATCH);
        if self.case.rooted {
            self.library.root(&mut || around(&mut record));
        } else {
            around(&mut record);
        }
    }

    /// What comes once is done, and buffers have the size that they keep.
    pub fn warm_up(&self) {
        for _ in 0..WARM_UP {
            self.batch(|record| record());
            self.settle();
        }
    }

    /// Lets the exporter have all, so that it does not work while the next batch is recorded.
    pub fn settle(&self) {
        if self.case.started {
            self.library.flush();
        }
    }
}

/// What an instruction counter collects while it runs.
#[inline(never)]
fn recorded(record: fn(&dyn Library, u32), library: &dyn Library, spans: u32) {
    record(black_box(library), spans);
    // So that this is no jump into `record`, which would hide where it ends.
    black_box(spans);
}

/// Nanoseconds per span on the recording thread, the median over batches.
pub fn time(name: &str, case: Case) -> f64 {
    let subject = Subject::start(name, case);
    subject.warm_up();
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            subject.settle();
            let mut took = Duration::ZERO;
            subject.batch(|record| {
                let start = Instant::now();
                record();
                took = start.elapsed();
            });
            took.as_nanos() as f64 / f64::from(BATCH)
        })
        .collect();
    median(&mut batches)
}

/// Nanoseconds for two readings of the processor's clock, the median over batches.
pub fn time_clock() -> f64 {
    let clock = quanta::Clock::new();
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..BATCH {
                black_box(clock.raw());
                black_box(clock.raw());
            }
            start.elapsed().as_nanos() as f64 / f64::from(BATCH)
        })
        .collect();
    median(&mut batches)
}

/// Records so many batches and nothing else, for an instruction counter.
pub fn count(name: &str, case: Case, batches: u32) {
    let subject = Subject::start(name, case);
    for _ in 0..batches {
        subject.batch(|record| record());
        subject.settle();
    }
}

/// What became of a burst.
#[derive(Debug, Clone, Copy)]
pub struct Burst {
    /// Spans that were made, roots included.
    pub made: usize,
    /// Spans that had arrived when the flush after the burst returned.
    pub covered: usize,
    /// Spans with an id of their own that had arrived when the library was done.
    pub delivered: usize,
    /// Spans that arrived more than once.
    pub twice: usize,
    pub bytes: u64,
    /// What the recording thread's own work took, by the clock.
    pub recording: Duration,
    /// CPU time of the whole process, from the first span until the library was done.
    pub cpu: Duration,
    /// Peak memory above what the process had before the library was started, in KiB.
    pub memory: u64,
}

impl fmt::Display for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            made,
            covered,
            delivered,
            twice,
            bytes,
            memory,
            ..
        } = self;
        let (recording, cpu) = (self.recording.as_nanos(), self.cpu.as_nanos());
        write!(
            f,
            "{made} {covered} {delivered} {twice} {bytes} {recording} {cpu} {memory}"
        )
    }
}

impl FromStr for Burst {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let mut numbers = text.split_whitespace();
        let mut next = || numbers.next().unwrap_or_default().parse::<u64>();
        Ok(Self {
            made: next()? as usize,
            covered: next()? as usize,
            delivered: next()? as usize,
            twice: next()? as usize,
            bytes: next()?,
            recording: Duration::from_nanos(next()?),
            cpu: Duration::from_nanos(next()?),
            memory: next()?,
        })
    }
}

/// Records `spans` in a tight loop, in traces of a batch each, and sees what arrives.
pub fn burst(name: &str, case: Case, spans: u32, thread_ends: bool) -> Burst {
    let (library, setting) = libraries::named(name);
    // A case that opens its own roots counts them among its spans.
    let roots = if case.rooted {
        (spans / TRACE) as usize * library.root_spans()
    } else {
        0
    };
    let made = spans as usize + roots;
    receiver::expect(made + made / 8);
    machine::reset_peak_memory();
    let memory = machine::peak_memory();
    library.start(setting);
    let cpu = machine::cpu();
    let record = || {
        for _ in 0..spans / TRACE {
            if case.rooted {
                library.root(&mut || (case.record)(library, TRACE));
            } else {
                (case.record)(library, TRACE);
            }
        }
    };
    let start = Instant::now();
    if thread_ends {
        thread::scope(|scope| scope.spawn(record).join()).expect("it does not panic");
    } else {
        record();
    }
    let recording = start.elapsed();
    library.flush();
    let covered = receiver::arrived();
    let made = made + library.finish();
    let (cpu, memory) = (
        machine::cpu() - cpu,
        machine::peak_memory().saturating_sub(memory),
    );
    let (arrived, delivered, bytes) = receiver::count();
    Burst {
        made,
        covered: covered.min(made),
        delivered: delivered.min(made),
        twice: arrived - delivered,
        bytes,
        recording,
        cpu,
        memory,
    }
}

/// Millions of spans per second that threads record together, while the exporter runs beside them.
pub fn threads(name: &str, threads: usize, spans: u32) -> f64 {
    let (library, setting) = libraries::named(name);
    receiver::expect((spans as usize + 10_000) * threads * 2);
    library.start(setting);
    let barrier = Barrier::new(threads + 1);
    let took = thread::scope(|scope| {
        let recording: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    (0..spans / TRACE).for_each(|_| library.root(&mut || library.bare(TRACE)));
                })
            })
            .collect();
        barrier.wait();
        let start = Instant::now();
        recording
            .into_iter()
            .for_each(|thread| thread.join().expect("it does not panic"));
        start.elapsed()
    });
    f64::from(spans) * threads as f64 / took.as_secs_f64() / 1e6
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
