//! Commands beside a server.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use super::{Home, two_runs};

/// A server of a home, which ends with the test.
pub(super) struct Server(Child);

impl Server {
    pub(super) fn start(home: &Home) -> Self {
        let mut server = Command::new(env!("CARGO_BIN_EXE_agentops"))
            .args(["serve", "--addr", "127.0.0.1:0", "--data"])
            .arg(&home.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let answers = server.stdout.take().expect("it is piped");
        let server = Self(server);
        let mut address = String::new();
        BufReader::new(answers)
            .read_line(&mut address)
            .expect("an address");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// What is recorded after somebody removed all data is not taken into a store that nobody can open any more.
#[test]
fn a_server_whose_data_directory_is_removed_stops_and_takes_nothing_along() {
    let home = two_runs("served-removed");
    let mut server = Server::start(&home);
    // At once, for the server writes there meanwhile.
    let gone = home.0.with_extension("gone");
    _ = fs::remove_dir_all(&gone);
    fs::rename(&home.0, &gone).expect("it is ours");
    let home = two_runs("served-removed");
    let mut said = String::new();
    let mut errors = server.0.stderr.take().expect("it is piped");
    errors.read_to_string(&mut said).expect("text");
    assert_eq!(server.0.wait().expect("it ends").code(), Some(1));
    let expected = format!(
        "error: {} was removed or replaced while the server ran\nhelp: start it again\n",
        home.0.display()
    );
    assert!(said.ends_with(&expected), "{said}");
    let answer = home.run(&["sessions"]);
    assert_eq!(answer.out.lines().count(), 3, "{}", answer.out);
    fs::remove_dir_all(&gone).expect("nobody writes there now");
}

#[test]
fn this_machine_may_be_named() {
    // It is removed with the test, and not before the server is.
    let home = Home::new("served-localhost");
    let mut server = Command::new(env!("CARGO_BIN_EXE_agentops"))
        .args(["serve", "--addr", "localhost:0", "--data"])
        .arg(&home.0)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let answers = server.stdout.take().expect("it is piped");
    let _server = Server(server);
    let mut address = String::new();
    let read = BufReader::new(answers).read_line(&mut address);
    assert!(
        read.is_ok() && address.starts_with("http://127.0.0.1:"),
        "{address}"
    );
}

#[test]
fn what_is_no_address_is_told_what_one_is() {
    let home = Home::new("served-address");
    for wrong in ["4820", "localhost", "example.com:4820"] {
        let answer = home.run(&["serve", "--addr", wrong]);
        let says = answer
            .err
            .contains("name an address and a port, for instance 127.0.0.1:4318");
        assert!(says, "{}", answer.err);
    }
}

#[test]
fn a_table_of_prices_is_asked_for_by_file_or_url() {
    let answer = Home::new("served-prices").run(&["prices", "update"]);
    assert!(
        answer.err.contains("<FILE|--url [<URL>]>"),
        "{}",
        answer.err
    );
}

/// Closing its terminal ends a demo as Ctrl-C does, and nothing of it stays.
#[cfg(unix)]
#[test]
fn a_demo_goes_with_its_terminal() {
    for signal in ["-HUP", "-QUIT", "-INT"] {
        let home = Home::new("served-demo");
        let place = home.0.join("tmp");
        fs::create_dir_all(&place).expect("a directory");
        let mut demo = Command::new(env!("CARGO_BIN_EXE_agentops"))
            .args(["demo", "--addr", "127.0.0.1:0", "--no-open"])
            .env("TMPDIR", &place)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let said = BufReader::new(demo.stderr.take().expect("it is piped")).lines();
        let mut server = Server(demo);
        let runs = said
            .map_while(Result::ok)
            .find(|line| line.contains("the run is at"));
        assert!(runs.is_some());
        let killed = Command::new("kill")
            .args([signal, &server.0.id().to_string()])
            .status();
        assert!(killed.is_ok_and(|killed| killed.success()));
        assert_eq!(
            server.0.wait().expect("it ends").code(),
            Some(0),
            "{signal}"
        );
        let left = fs::read_dir(&place).expect("it is there").count();
        assert_eq!(left, 0, "{signal}");
    }
}
