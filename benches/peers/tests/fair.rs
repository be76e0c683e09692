//! Every library records the same values, in what a receiver gets of it.
//!
//! Libraries are global to a process, so each runs in one of its own: this program, asked for one library.

use std::process::Command;

use peers::libraries::{self, Library};
use peers::receiver;

/// What the bytes of a call with three arguments must say; the number as the field that it is.
const SAID: [&str; 6] = [
    "where is the parent of a span decided, and when?",
    "agentops-core/src/record",
    "toml",
    "limit",
    "agentops-core/src/record/span.rs",
    "0.75",
];

const LIBRARY: &str = "PEERS_LIBRARY";

#[test]
fn every_library_delivers_the_same_values() {
    if let Ok(library) = std::env::var(LIBRARY) {
        return deliver(&library);
    }
    let this = std::env::current_exe().expect("this program has a path");
    for library in [
        "agentops",
        "agentops:requests",
        "agentops:no-busy-time",
        "fastrace",
        "fastrace:tuned",
        "tracing-opentelemetry",
        "tracing-opentelemetry:tuned",
        "opentelemetry",
        "opentelemetry:tuned",
    ] {
        let child = Command::new(&this)
            .env(LIBRARY, library)
            .output()
            .expect("it runs");
        assert!(
            child.status.success(),
            "{library}: {}",
            String::from_utf8_lossy(&child.stdout)
        );
    }
}

/// Both forms arrive, each call once, with all values.
fn deliver(library: &str) {
    receiver::keep_bytes();
    receiver::expect(100);
    let (library, setting) = libraries::named(library);
    library.start(setting);
    let forms: [fn(&dyn Library); 2] = [|library| library.args(3), |library| library.json(3)];
    for record in forms {
        library.root(&mut || record(library));
        library.flush();
        let bytes = receiver::take_bytes();
        let text = String::from_utf8_lossy(&bytes);
        for said in SAID {
            let times = text.matches(said).count();
            assert!(times >= 3, "{said} is there {times} times: {text}");
        }
    }
    let (arrived, delivered, _) = receiver::count();
    let expected = 6 + 2 * library.root_spans();
    assert_eq!((arrived, delivered), (expected, expected));
}
