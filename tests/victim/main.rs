//! A small program that is recorded, and that ends in the way it is told to: `victim CASE`.
#![expect(
    clippy::print_stdout,
    reason = "it is a program, and its output is compared"
)]

use std::process::ExitCode;

use agentops::{operation, session, tool};

#[tool]
fn step(n: u32) -> Result<u32, String> {
    if n == 3 {
        Err("three is too many".into())
    } else {
        Ok(n)
    }
}

#[operation]
fn explode() {
    panic!("on purpose");
}

#[session]
fn job(steps: u32) -> Result<u32, String> {
    (0..steps).map(step).sum()
}

fn main() -> ExitCode {
    let case = std::env::args().nth(1).unwrap_or_default();
    match &*case {
        "orphans" => orphans(),
        "fails" => return fails(),
        "panics" => panics(),
        "exits" => {
            let _guard = agentops::init();
            let _ = job(2);
            assert!(agentops::flush(std::time::Duration::from_secs(10)));
            std::process::exit(7);
        }
        "hangs" => {
            let _guard = agentops::init();
            hangs();
        }
        "drops" => {
            let guard = agentops::init();
            let _ = job(2);
            drop(guard);
            // After the guard nothing is recorded, and nothing breaks.
            let _ = job(3);
        }
        "late" => late(),
        "hears" => hears(),
        "deaf" => deaf(),
        "has a subscriber" => has_a_subscriber(),
        other => {
            println!("unknown case {other:?}");
            return ExitCode::from(2);
        }
    }
    println!("{case} done");
    ExitCode::SUCCESS
}

fn orphans() {
    let guard = agentops::builder().default_tags(["script"]).init();
    let _ = step(1);
    std::thread::spawn(|| step(2))
        .join()
        .expect("it runs")
        .expect("it works");
    drop(guard);
}

/// A thread goes on while the guard is dropped.
fn late() {
    let guard = agentops::init();
    let (say, hear) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        for n in 10..10_000 {
            let _ = step(n);
            let _ = say.send(());
        }
    });
    let _ = hear.recv();
    drop(guard);
    thread.join().expect("it runs");
}

/// Asks for events and records of the whole program.
fn hears() {
    let guard = agentops::builder().install_tracing().init();
    tracing::info!("before anything is open");
    log::info!("likewise");
    let _ = step(1);
    tracing::info!(from = "tracing", "outside");
    log::warn!(target: "another", "from {}", "log");
    log::debug!("below the level");
    drop(agentops::span("work").start());
    std::thread::spawn(|| tracing::error!("on a thread"))
        .join()
        .expect("it runs");
    drop(guard);
    tracing::info!("after the guard");
    // Asked again, it is there already.
    let guard = agentops::builder().install_tracing().init();
    let _ = step(2);
    log::info!("the second time");
    drop(guard);
}

/// Asks for nothing, and nothing is installed.
fn deaf() {
    let guard = agentops::init();
    let _ = step(1);
    tracing::error!("nobody hears it");
    log::error!("nor this");
    drop(guard);
    assert!(!tracing::dispatcher::has_been_set());
    assert_eq!(log::max_level(), log::LevelFilter::Off);
}

fn has_a_subscriber() {
    tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::new())
        .expect("it is the first");
    let guard = agentops::builder().install_tracing().init();
    let _ = step(1);
    drop(guard);
    assert_eq!(log::max_level(), log::LevelFilter::Off);
}

fn fails() -> ExitCode {
    let _guard = agentops::init();
    match job(5) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn panics() {
    let _guard = agentops::init();
    explode();
}

#[session]
fn hangs() {
    let _ = step(1);
    let open = agentops::span("still open").start();
    assert!(agentops::flush(std::time::Duration::from_secs(10)));
    println!("ready");
    // Until it is killed.
    std::thread::park();
    drop(open);
}
