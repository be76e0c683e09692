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
