//! A server of its own for each test, and a client that knows no more than HTTP.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use agentops_server::store::sqlite::{Durability, Sqlite};
use serde_json::Value;

/// A data directory, and the server that runs on it.
pub(crate) struct Site {
    pub(crate) home: PathBuf,
    address: String,
    process: Option<Child>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Site {
    /// A server on a new directory, filled by `seed`.
    pub(crate) fn new(test: &str, seed: impl FnOnce(&Sqlite)) -> Self {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("server-{test}"));
        _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).expect("a home");
        let mut site = Self {
            home,
            address: String::new(),
            process: None,
        };
        seed(&site.store());
        site.start();
        site
    }

    /// The store, opened beside the server.
    pub(crate) fn store(&self) -> Sqlite {
        Sqlite::open(&self.home.join("agentops.db"), Durability::Process).expect("a store")
    }

    pub(crate) fn start(&mut self) {
        let mut process = self
            .command(&["serve", "--no-token", "--addr", "127.0.0.1:0"])
            .arg("--data")
            .arg(&self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("agentops runs");
        let out = process.stdout.take().expect("it was piped");
        let said = BufReader::new(out).lines();
        self.address = said
            .map_while(Result::ok)
            .find_map(|line| {
                let after = line.split("http://").nth(1)?;
                let end = after.find(['/', '?', ' ']).unwrap_or(after.len());
                Some(after[..end].to_owned())
            })
            .expect("it says where it listens");
        self.process = Some(process);
    }

    /// The command, on this directory.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentops"));
        command
            .env_clear()
            .env("AGENTOPS_HOME", &self.home)
            .args(args);
        command
    }

    /// As a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it can be killed");
            process.wait().expect("it ends");
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    /// The answer as JSON; it has to be one.
    #[track_caller]
    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut stream = self.send(method, path, headers, body);
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("an answer");
        let end = all
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("a head");
        let head = String::from_utf8(all[..end].to_vec()).expect("text");
        let body = all[end + 4..].to_vec();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let chunked = header(&head, "transfer-encoding") == Some("chunked");
        Answer {
            status: status.expect("a status"),
            body: if chunked { unchunked(&body) } else { body },
            head,
        }
    }

    /// The connection, with the request on its way.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &[u8],
    ) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a timeout");
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).expect("it is sent");
        stream.write_all(body).expect("it is sent");
        stream
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill();
        if !std::thread::panicking() {
            _ = fs::remove_dir_all(&self.home);
        }
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A body without the lengths between its pieces; it has to come to its end.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest
            .windows(2)
            .position(|two| two == b"\r\n")
            .expect("a length");
        let length = std::str::from_utf8(&rest[..end]).expect("text");
        let length = usize::from_str_radix(length, 16).expect("a length");
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 4 + length..];
    }
}

/// Compares with a file beside the tests; with `AGENTOPS_BLESS=1` writes it.
#[track_caller]
pub(crate) fn is(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/server/answers")
        .join(name);
    if std::env::var_os("AGENTOPS_BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a directory")).expect("it can be made");
        fs::write(&path, found).expect("it can be written");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name}; AGENTOPS_BLESS=1 writes it anew");
}

/// JSON as it lies in files.
pub(crate) fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("it is JSON");
    text.push('\n');
    text
}
