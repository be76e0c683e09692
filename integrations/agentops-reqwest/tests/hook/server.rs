//! A provider on the loopback interface that says what a test has it say, byte for byte and when the test wants it.
//!
//! Speaks just enough of HTTP/1.1 for that, by itself: it shares nothing with the client or with what is tested.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Where requests arrive.
#[derive(Debug)]
pub(crate) struct Server(TcpListener);

impl Server {
    pub(crate) async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().expect("it is bound"))
    }

    /// The next request, read whole.
    pub(crate) async fn asked(&self) -> Asked {
        let (mut socket, _) = self.0.accept().await.expect("somebody asks");
        let mut read = Vec::new();
        let end = loop {
            if let Some(at) = find(&read, b"\r\n\r\n") {
                break at + 4;
            }
            assert_ne!(socket.read_buf(&mut read).await.expect("it is sent"), 0);
        };
        let head = String::from_utf8(read[..end].to_vec()).expect("a head is text");
        let mut asked = Asked {
            body: read.split_off(end),
            head,
            socket,
        };
        asked.read_body().await;
        asked
    }

    /// Gives each of so many requests its answer, and gives back the requests.
    pub(crate) async fn answer<const N: usize>(&self, answers: [String; N]) -> [Asked; N] {
        let mut all = Vec::new();
        for answer in answers {
            let mut asked = self.asked().await;
            asked.say(&answer).await;
            asked.socket.shutdown().await.expect("it was listened to");
            all.push(asked);
        }
        all.try_into().expect("one for each answer")
    }
}

/// A request, and the connection to answer it on, which closes when it is dropped.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    socket: TcpStream,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut named = lines.filter(|(given, _)| given.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value)
    }

    async fn read_body(&mut self) {
        let length = self.header("content-length").map(str::parse::<usize>);
        let chunked = self.header("transfer-encoding") == Some("chunked");
        let length = length.map_or(0, |length| length.expect("a number"));
        while self.body.len() < length || (chunked && !self.body.ends_with(b"\r\n0\r\n\r\n")) {
            let read = self.socket.read_buf(&mut self.body).await;
            assert_ne!(read.expect("it is sent"), 0);
        }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        let said = self.socket.write_all(text.as_bytes()).await;
        said.expect("it is listened to");
    }

    /// Whether the client has hung up, which is waited for.
    pub(crate) async fn hung_up(&mut self) -> bool {
        matches!(self.socket.read(&mut [0]).await, Ok(0) | Err(_))
    }
}

fn find(text: &[u8], sought: &[u8]) -> Option<usize> {
    text.windows(sought.len()).position(|part| part == sought)
}

/// An answer with a body of known length.
pub(crate) fn whole(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// The head of an answer that comes in chunks.
pub(crate) fn head(kind: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )
}

pub(crate) fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// What follows the last chunk.
pub(crate) const END: &str = "0\r\n\r\n";
