//! Homes that can be read and not be written to: every command that only reads answers as it would, and leaves nothing
//! behind.
//!
//! Permissions are nothing to root, who may run the tests: for root the home is mounted to be read only, where that is
//! allowed, and what does not depend on it is tested with files that nobody can make.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::served::Server;
use super::{Home, command, other, run, two_runs};

/// Mounts a directory over itself, to be read only, for what follows.
const MOUNT: &str =
    "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && shift && exec \"$@\"";

impl Home {
    /// Lets nobody write to it.
    fn close(&self) {
        self.permit(0o555);
    }

    fn reopen(&self) {
        self.permit(0o755);
    }

    fn permit(&self, mode: u32) {
        for dir in [&self.0, &self.0.join("spool")] {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(dir, mode).expect("it is ours");
        }
    }

    /// The command over the closed home, with a place for what is temporary; `None` for root, where nothing may be mounted.
    fn closed(&self, args: &[&str]) -> Option<Command> {
        let is_root = File::create(self.0.join("probe")).is_ok();
        let agentops = env!("CARGO_BIN_EXE_agentops");
        let mut inside = match is_root {
            false => Command::new(agentops),
            true => {
                fs::remove_file(self.0.join("probe")).expect("it was just made");
                let mut mounted = Command::new("unshare");
                mounted.args(["-m", "sh", "-c", MOUNT, "sh"]).arg(&self.0);
                if !mounted
                    .arg("true")
                    .output()
                    .is_ok_and(|done| done.status.success())
                {
                    return None;
                }
                let mut mounted = Command::new("unshare");
                mounted.args(["-m", "sh", "-c", MOUNT, "sh"]).arg(&self.0);
                mounted.arg(agentops);
                mounted
            }
        };
        inside
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AGENTOPS_HOME", &self.0)
            .env("TMPDIR", self.temp())
            .env("COLUMNS", "80")
            .args(args);
        Some(inside)
    }

    fn temp(&self) -> std::path::PathBuf {
        self.0.with_extension("temp")
    }

    /// All that is in it, byte by byte.
    fn everything(&self) -> BTreeSet<(String, Vec<u8>)> {
        let files = [self.0.clone(), self.0.join("spool")];
        let files = files
            .iter()
            .flat_map(|dir| fs::read_dir(dir).expect("a directory").flatten())
            .filter(|entry| entry.path().is_file());
        files
            .map(|entry| {
                let name = entry.file_name().into_string().expect("text");
                (name, fs::read(entry.path()).expect("it can be read"))
            })
            .collect()
    }
}

const READING: [&[&str]; 6] = [
    &["sessions"],
    &["sessions", "--json"],
    &["show", "last"],
    &["show", "6a7e", "--json"],
    &["export", "6a7e"],
    &["tail", "--until-end", "6a7e"],
];

/// What is answered over the closed home is what an open one answers, but for a line on stderr if `notes`.
#[track_caller]
fn check(home: &Home, expected: &Home, notes: bool) {
    fs::create_dir_all(home.temp()).expect("a place for what is temporary");
    let before = home.everything();
    home.close();
    for args in READING {
        let Some(mut closed) = home.closed(args) else {
            home.reopen();
            return;
        };
        let answer = home.answer(&mut closed);
        let open = expected.run(args);
        assert_eq!(answer.out, open.out, "{args:?}: {}", answer.err);
        assert_eq!((answer.code, open.code), (Some(0), Some(0)), "{args:?}");
        let note = match notes {
            true => "note: ~ cannot be written to, so the spool is read for this answer alone\n",
            false => "",
        };
        assert_eq!(answer.err, note, "{args:?}");
        let left = fs::read_dir(home.temp()).expect("a directory").count();
        assert_eq!(left, 0, "{args:?} leaves nothing behind");
    }
    let import = ["import", "file"];
    let answer = home.answer(&mut home.closed(&import).expect("as before"));
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.err.contains("cannot be written to"),
        "{}",
        answer.err
    );
    home.reopen();
    assert_eq!(home.everything(), before);
    fs::remove_dir_all(home.temp()).expect("it is there");
}

#[test]
fn a_spool_is_read_where_no_store_can_be_kept() {
    check(
        &two_runs("closed-spool"),
        &two_runs("closed-spool-open"),
        true,
    );
}

#[test]
fn a_store_is_read_where_it_is() {
    let home = two_runs("closed-store");
    assert_eq!(home.run(&["sessions"]).code, Some(0));
    assert!(home.0.join("agentops.db").exists() && !home.0.join("agentops.db-wal").exists());
    check(&home, &two_runs("closed-store-open"), false);
}

#[test]
fn what_the_store_lacks_is_read_with_it() {
    let home = Home::new("closed-both");
    home.spool("research-1000-7-0", &run().0);
    assert_eq!(home.run(&["sessions"]).code, Some(0));
    home.spool("other-2000-8-0", &other().0);
    check(&home, &two_runs("closed-both-open"), true);
}

/// Where a server runs that may write, its store is read while it goes on. (Without root, one who may not write cannot be
/// played: then the home is open.)
#[test]
fn a_store_that_others_write_to_is_read_where_it_is() {
    let home = two_runs("closed-served");
    let server = Server::start(&home);
    fs::create_dir_all(home.temp()).expect("a place for what is temporary");
    // Both runs are one file of the spool each; what the server has taken in it removes.
    let until = Instant::now() + Duration::from_secs(60);
    while fs::read_dir(home.0.join("spool")).is_ok_and(|mut dir| dir.next().is_some()) {
        assert!(Instant::now() < until, "the server takes nothing in");
        thread::sleep(Duration::from_millis(20));
    }
    for args in READING {
        let Some(mut closed) = home.closed(args) else {
            break;
        };
        let answer = home.answer(&mut closed);
        assert_eq!((answer.code, &*answer.err), (Some(0), ""), "{args:?}");
        let left = fs::read_dir(home.temp()).expect("a directory").count();
        assert_eq!(left, 0, "{args:?} leaves nothing behind");
    }
    drop(server);
    fs::remove_dir_all(home.temp()).expect("it is there");
}

/// Nobody can make a store, root included; and nowhere is anything made instead, where nothing can be made at all.
#[test]
fn a_store_that_nobody_can_make_is_not_missed() {
    let home = two_runs("closed-links");
    let open = two_runs("closed-links-open");
    for name in ["agentops.db", "import.lock"] {
        symlink(Path::new("/proc/nothing").join(name), home.0.join(name)).expect("a link");
    }
    for args in READING {
        let answer = home.run(args);
        assert_eq!(answer.out, open.run(args).out, "{args:?}: {}", answer.err);
        assert_eq!(
            answer.err,
            "note: ~ cannot be written to, so the spool is read for this answer alone\n"
        );
    }
    let mut nowhere = command();
    nowhere
        .env("AGENTOPS_HOME", &home.0)
        .env("TMPDIR", "/proc/nothing")
        .arg("sessions");
    let expected = "
-----
note: ~ cannot be written to, so the spool is read for this answer alone
error: ~ cannot be written to, and neither can /proc/nothing: No such file or directory (os error 2)
help: make one of them writable; TMPDIR names another directory for what is needed for an answer
";
    home.answer(&mut nowhere).is(1, expected);
}

/// What an interrupted answer left is removed by a later one, and what another one uses is not.
#[test]
fn what_was_left_behind_goes() {
    let home = two_runs("closed-left");
    for name in ["agentops.db", "import.lock"] {
        symlink(Path::new("/proc/nothing").join(name), home.0.join(name)).expect("a link");
    }
    let temp = home.temp();
    _ = fs::remove_dir_all(&temp);
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let make = |name: &str| {
        fs::create_dir_all(temp.join(name)).expect("a directory");
        let mut lock = File::create(temp.join(name).join("lock")).expect("a lock");
        lock.write_all(b"").expect("it is written");
        lock.set_modified(old).expect("it can be dated");
        lock
    };
    drop(make("agentops-answer-1"));
    let used = make("agentops-answer-2");
    used.lock().expect("nobody else has it");
    drop(make("something else"));
    let mut sessions = command();
    sessions
        .env("AGENTOPS_HOME", &home.0)
        .env("TMPDIR", &temp)
        .arg("sessions");
    assert_eq!(home.answer(&mut sessions).code, Some(0));
    let left = fs::read_dir(&temp).expect("a directory").flatten();
    let left: BTreeSet<String> = left
        .map(|entry| entry.file_name().into_string().expect("text"))
        .collect();
    let expected = ["agentops-answer-2", "something else"].map(String::from);
    assert_eq!(left, BTreeSet::from(expected));
    fs::remove_dir_all(temp).expect("it is there");
}
