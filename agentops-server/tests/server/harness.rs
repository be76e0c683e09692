//! A server on a port of its own, and requests written by hand, so that nothing is sent but what a test says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use agentops_core::model::id::SessionId;
use agentops_core::model::json;
use agentops_core::model::tree::{self, Style};
use agentops_server::auth::{Access, Token};
use agentops_server::home::Home;
use agentops_server::store::Store;
use agentops_server::store::sqlite::{Durability, Sqlite};
use agentops_server::{query, serve};
use serde_json::Value;
use tokio::runtime::Runtime;

/// 2026-11-22T05:00:00Z
pub(crate) const START: u64 = 1_795_323_600_000_000_000;

/// The command.
pub(crate) const SERVER: &str = env!("CARGO_BIN_EXE_agentops");

/// A server with an empty store.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<Sqlite>,
    pub(crate) token: String,
    runtime: Runtime,
    server: Option<serve::Server>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: String,
    pub(crate) body: Vec<u8>,
}

impl Server {
    /// With a data directory of its own.
    pub(crate) fn start(test: &str) -> Self {
        Self::start_with(test, true)
    }

    pub(crate) fn start_with(test: &str, token: bool) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = std::fs::remove_dir_all(&path);
        let home = Home::at(path.clone());
        home.make().expect("a home");
        let own = Token::of(&home).expect("a token");
        let access = match token {
            true => Access::Token(own.clone()),
            false => Access::Everyone,
        };
        let store = Sqlite::open(&path.join("agentops.db"), Durability::Process);
        let store = Arc::new(store.expect("a store"));
        let runtime = Runtime::new().expect("threads");
        let server = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            serve::start(&home, store.clone(), listener, access)
        });
        let server = server.expect("it starts");
        Self {
            address: server.address,
            store,
            token: own.as_str().to_owned(),
            runtime,
            server: Some(server),
        }
    }

    /// Sends a request as it is written here, but for its host and length where they are not given.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        send(self.address, method, path, headers, body)
    }

    /// Reads something, with the token.
    pub(crate) fn get(&self, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        self.send("GET", path, &[("authorization", &bearer)], b"")
    }

    /// Sends spans as OTLP JSON, and expects that all are taken.
    #[track_caller]
    pub(crate) fn spans(&self, request: &Value) {
        let body = request.to_string();
        let json = [("content-type", "application/json")];
        let answer = self.send("POST", "/v1/traces", &json, body.as_bytes());
        assert_eq!(
            (answer.status, answer.json()),
            (200, serde_json::json!({"partialSuccess": {}}))
        );
    }

    /// A session and all its spans, as the published JSON has them.
    #[track_caller]
    pub(crate) fn session(&self, id: u128) -> Value {
        let trace = query::trace(&*self.store, SessionId(id)).expect("the store answers");
        let text = json::to_string(&trace.expect("a session"), true);
        serde_json::from_str(&text).expect("JSON")
    }

    /// The same as people see it.
    #[track_caller]
    pub(crate) fn tree(&self, id: u128) -> String {
        let trace = query::trace(&*self.store, SessionId(id)).expect("the store answers");
        tree::render(&trace.expect("a session"), Style::default())
    }

    /// A number from `/metrics`; 0 where nothing of it was counted.
    pub(crate) fn counted(&self, name: &str) -> u64 {
        let text = String::from_utf8(self.get("/metrics").body).expect("text");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse().expect("a number"))
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }
}

/// Sends a request as it is written here, but for its host and length where they are not given.
#[track_caller]
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    try_send(address, method, path, headers, body).expect("a whole answer")
}

/// The same of a server that may be gone; `None` where there is no whole answer.
pub(crate) fn try_send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Answer> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    let says = |name: &str| {
        headers
            .iter()
            .any(|(own, _)| own.eq_ignore_ascii_case(name))
    };
    if !says("host") {
        head += &format!("host: {}\r\n", address);
    }
    if !says("content-length") && !says("transfer-encoding") {
        head += &format!("content-length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    let Ok(mut stream) = TcpStream::connect(address) else {
        return None;
    };
    // Who is refused early, or killed, may find nobody to read the rest.
    _ = stream.write_all(head.as_bytes());
    _ = stream.write_all(body);
    let mut answer = Vec::new();
    _ = stream.read_to_end(&mut answer);
    Answer::read(&answer, method != "HEAD")
}

/// The real server, as a process of its own; killed at the latest when its test fails.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts it, and waits until it serves.
    pub(crate) fn start(home: &Path) -> Self {
        Self::start_by(Command::new(SERVER), home)
    }

    /// The same, by a command that runs what it is given.
    pub(crate) fn start_by(mut command: Command, home: &Path) -> Self {
        let mut child = command
            .args(["serve", "--no-token", "--addr", "127.0.0.1:0", "--data"])
            .arg(home)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let stdout = child.stdout.take().expect("its answers");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("an address");
        let address = line.trim_end().strip_prefix("http://");
        let address = address.and_then(|address| address.parse().ok());
        Self {
            child,
            address: address.unwrap_or_else(|| panic!("{line:?}")),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            let _within = self.runtime.enter();
            server.stop();
        }
    }
}

impl Answer {
    /// `None` where it is cut short.
    fn read(bytes: &[u8], has_body: bool) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
        let status = head.split(' ').nth(1).expect("a status");
        let answer = Self {
            status: status.parse().expect("a number"),
            headers: head.to_ascii_lowercase(),
            body: bytes[end + 4..].to_vec(),
        };
        let length = answer.header("content-length").map(|length| length.parse());
        let is_whole = length.is_none_or(|length| !has_body || length == Ok(answer.body.len()));
        is_whole.then_some(answer)
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: {:?}", String::from_utf8_lossy(&self.body));
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}
