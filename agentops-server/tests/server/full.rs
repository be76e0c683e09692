//! A store that cannot be written to for a while: senders are told to come again, readers are answered, nothing that was
//! acknowledged is lost, and all goes on when there is room, or when whoever wrote has ended.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Answer, Process, SERVER, send};
use crate::otlp::{request, span};

const JSON: (&str, &str) = ("content-type", "application/json");

/// The most that it takes until all is well again.
const PATIENCE: Duration = Duration::from_secs(60);

fn home(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a home");
    path
}

/// A request of ten spans that do not compress, some 200 kB.
fn ten(first: u64) -> Value {
    let mut noise = first | 1;
    let mut text = || -> String {
        (0..1_250)
            .map(|_| {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                format!("{noise:016x}")
            })
            .collect()
    };
    let spans: Vec<Value> = (first..first + 10)
        .map(|id| {
            span(
                id,
                0,
                "fills",
                id,
                1,
                json!({"agentops.span.kind": "tool", "input.value": text()}),
            )
        })
        .collect();
    request("", &spans)
}

fn post(address: SocketAddr, request: &Value) -> Answer {
    send(
        address,
        "POST",
        "/v1/traces",
        &[JSON],
        request.to_string().as_bytes(),
    )
}

fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, "GET", path, &[], b"")
}

/// Sends until there is no room, then until there is again: what was acknowledged is there, and what was not can be sent.
#[track_caller]
fn check(server: &Process, make_room: impl FnOnce(), database: impl FnOnce() -> PathBuf) {
    let mut acknowledged = Vec::new();
    let mut first = 1;
    let refused = loop {
        let answer = post(server.address, &ten(first));
        if answer.status != 200 {
            break answer;
        }
        acknowledged.extend(first..first + 10);
        first += 10;
        assert!(first < 5_000, "it fills up");
    };
    assert!(!acknowledged.is_empty(), "there was room to begin with");
    for refused in [refused, post(server.address, &ten(first))] {
        assert_eq!(refused.status, 503);
        assert_eq!(refused.header("retry-after"), Some("1"));
        let said = refused.json()["message"].as_str().map(str::to_owned);
        let said = said.expect("a message");
        assert!(
            said.contains("the disk is full") && said.contains("make room"),
            "{said}"
        );
    }
    // Whoever reads notices nothing.
    let list = get(server.address, "/api/v1/sessions");
    assert_eq!(
        (list.status, get(server.address, "/healthz").status),
        (200, 200)
    );
    let counted = list.json()["sessions"][0]["counts"]["spans"].as_u64();
    assert_eq!(counted, Some(acknowledged.len() as u64));

    make_room();
    let until = Instant::now() + PATIENCE;
    while post(server.address, &ten(first)).status != 200 {
        assert!(Instant::now() < until, "there is room again");
    }
    acknowledged.extend(first..first + 10);
    let conn = rusqlite::Connection::open(database()).expect("the file opens");
    let mut all = conn.prepare("SELECT span FROM span").expect("it is asked");
    let there = all.query_map([], |row| row.get::<_, i64>(0)).expect("rows");
    let there: Vec<u64> = there.map(|id| id.expect("a row") as u64).collect();
    assert_eq!(there.len(), acknowledged.len(), "each is there once");
    assert_eq!(
        there.into_iter().collect::<BTreeSet<_>>(),
        acknowledged.into_iter().collect()
    );
    let whole: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("it can be checked");
    assert_eq!(whole, "ok");
}

/// The disk is full where a file may not grow: the limit is the process's own, and can be lifted from outside.
#[test]
fn files_that_may_not_grow_are_a_full_disk() {
    let home = home("full-limit");
    let mut command = Command::new("sh");
    // Without the trap the signal would end the server, which a full disk does not.
    let limited = "trap '' XFSZ; exec prlimit --fsize=4000000:unlimited \"$0\" \"$@\"";
    command.args(["-c", limited, SERVER]);
    let server = Process::start_by(command, &home);
    let make_room = || {
        let lifted = Command::new("prlimit")
            .args(["--fsize=unlimited", "--pid", &server.id().to_string()])
            .status();
        assert!(lifted.expect("prlimit runs").success());
    };
    check(&server, make_room, || home.join("agentops.db"));
    server.kill();
    fs::remove_dir_all(home).expect("it can be removed");
}

/// A file system of its own that fills up; for root, where one may be mounted.
#[test]
fn a_disk_that_is_full_takes_nothing_until_there_is_room() {
    let home = home("full-disk");
    let mount = "mount -t tmpfs -o mode=700,size=6m tmpfs \"$0\"";
    let mut probe = Command::new("unshare");
    probe.args(["-m", "sh", "-c", mount]).arg(&home);
    if !probe.output().is_ok_and(|done| done.status.success()) {
        return;
    }
    let mut command = Command::new("unshare");
    let inside = format!("{mount} && exec \"$@\"");
    command
        .args(["-m", "sh", "-c", &inside])
        .arg(&home)
        .arg(SERVER);
    let server = Process::start_by(command, &home);
    let id = server.id().to_string();
    let make_room = || {
        let larger = "mount -o remount,size=64m \"$0\"";
        let made = Command::new("nsenter")
            .args(["-m", "-t", &id, "sh", "-c", larger])
            .arg(&home)
            .status();
        assert!(made.expect("nsenter runs").success());
    };
    // Nobody else sees what it sees, and SQLite would look for it elsewhere: a copy, while it stands still.
    let copy = self::home("full-disk-copy");
    let copied = || {
        let stopped = Command::new("kill").args(["-STOP", &id]).status();
        assert!(stopped.expect("kill runs").success());
        let inside = home.strip_prefix("/").expect("it is absolute");
        let inside = Path::new("/proc").join(&id).join("root").join(inside);
        for name in ["agentops.db", "agentops.db-wal"] {
            fs::copy(inside.join(name), copy.join(name)).expect("it can be copied");
        }
        copy.join("agentops.db")
    };
    check(&server, make_room, copied);
    fs::remove_dir_all(&copy).expect("it can be removed");
    server.kill();
    fs::remove_dir_all(home).expect("it can be removed");
}

#[test]
fn who_finds_the_store_locked_is_told_to_come_again() {
    let home = home("full-locked");
    let server = Process::start(&home);
    let address = server.address;
    assert_eq!(post(address, &ten(1)).status, 200);
    let other = rusqlite::Connection::open(home.join("agentops.db")).expect("the file opens");
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("it is locked");
    let answer = std::thread::scope(|scope| {
        let sender = scope.spawn(|| post(address, &ten(11)));
        // Meanwhile everybody is answered, those who want to be told of changes included, however many they are.
        let mut asked = 0;
        let mut listening = Vec::new();
        while !sender.is_finished() {
            let began = Instant::now();
            assert_eq!(get(address, "/api/v1/sessions").status, 200);
            assert_eq!(get(address, "/healthz").status, 200);
            if listening.len() < 20 {
                listening.push(crate::sse::hello(address));
            }
            assert!(began.elapsed() < Duration::from_secs(2), "nobody waits");
            asked += 1;
        }
        assert!(asked > 20, "{asked} were answered");
        sender.join().expect("an answer")
    });
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    let said = answer.json()["message"].as_str().map(str::to_owned);
    assert_eq!(
        said.as_deref(),
        Some(
            "the store is busy; another agentops writes to this data directory: wait for it, or stop it; send it again"
        )
    );
    other.execute_batch("ROLLBACK").expect("it lets go");
    let until = Instant::now() + PATIENCE;
    while post(address, &ten(11)).status != 200 {
        assert!(Instant::now() < until, "it goes on");
    }
    let count: i64 = other
        .query_row("SELECT count(*) FROM span", [], |row| row.get(0))
        .expect("a number");
    assert_eq!(count, 20);
    server.kill();
    fs::remove_dir_all(home).expect("it can be removed");
}
