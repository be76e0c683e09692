//! Runs the example as its users do, on source trees made up here, and reads along what it says to its model.
//!
//! A relay stands between the example and the stand-in and keeps every request and answer. Nothing here uses the
//! example's own tools or guardrail: citations are looked up again from scratch.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use agentops::testing::capture_with_async;
use research_team::agents::research;
use research_team::model::{DEFAULT_MODEL, Model};
use research_team::standin;
use research_team::tools::SourceTree;
use serde_json::Value;

const QUESTIONS: [&str; 2] = [
    "What does `parse` do with an empty input?",
    "Who calls `retry`, and how often?",
];

type Files = &'static [(&'static str, &'static str)];

const CALCULATOR: Files = &[
    ("Cargo.toml", "[package]\nname = \"calculator\"\n"),
    (
        "README.md",
        "# Calculator\n\nThe `parse` step refuses an empty input with an error.\nIt never has to retry anything.\n",
    ),
    (
        "src/lib.rs",
        "//! Adds numbers.\n\nmod parse;\n\npub fn retry() {}\n",
    ),
    (
        "src/parse/mod.rs",
        "//! Turns text into numbers.\n\n/// An empty input is an error of the caller.\npub fn parse(input: &str) -> Result<i64, Empty> {\n    input.trim().parse().map_err(|_| Empty)\n}\n\n/// Nothing was there to parse.\npub struct Empty;\n",
    ),
];

const MAILER: Files = &[
    ("Cargo.toml", "[package]\nname = \"mailer\"\n"),
    (
        "docs/sending.md",
        "# Sending\n\nA letter is sent again by `retry` at most five times, then it is returned.\n",
    ),
    (
        "src/main.rs",
        "mod queue;\n\nfn main() {\n    queue::run();\n}\n",
    ),
    (
        "src/queue.rs",
        "use crate::letter::Letter;\n\nconst ATTEMPTS: u32 = 5;\n\npub fn run() {\n    for _ in 0..ATTEMPTS {\n        retry(&Letter::parse(\"\"));\n    }\n}\n\n/// One more try to send a letter.\nfn retry(_letter: &Letter) {}\n",
    ),
];

const PLAYER: Files = &[
    ("Cargo.toml", "[package]\nname = \"player\"\n"),
    (
        "notes.txt",
        "The playlist parser skips an empty line.\nA broken stream makes the decoder retry once.\n",
    ),
    (
        "src/lib.rs",
        "pub mod playlist;\n\n/// Plays a list; `retry` is for a stream that broke.\npub fn play(list: &str) {\n    let _ = playlist::parse(list);\n    decoder::retry();\n}\n\nmod decoder {\n    /// Opens the stream once more.\n    pub fn retry() {}\n}\n",
    ),
    (
        "src/playlist.rs",
        "/// The titles in a list; an empty input has none.\npub fn parse(input: &str) -> Vec<&str> {\n    input.lines().filter(|line| !line.is_empty()).collect()\n}\n",
    ),
];

#[test]
fn every_run_is_about_its_own_tree_and_question() {
    let mut runs = Vec::new();
    for files in [CALCULATOR, MAILER, PLAYER] {
        for question in QUESTIONS {
            let tree = Tree::write(files);
            let run = run(&tree, question);
            check_citations(&tree, &run.answer);
            runs.push(run);
        }
    }
    for what in [
        |run: &Run| run.answer.clone(),
        |run: &Run| run.calls.join("\n"),
        |run: &Run| format!("{:?}", run.tokens),
    ] {
        let distinct: BTreeSet<String> = runs.iter().map(what).collect();
        assert_eq!(distinct.len(), runs.len(), "{distinct:#?}");
    }
}

#[test]
fn the_researchers_use_every_tool_and_recover_from_a_miss() {
    let run = run(&Tree::write(CALCULATOR), QUESTIONS[0]);
    let names: BTreeSet<&str> = run
        .calls
        .iter()
        .filter_map(|call| call.split(' ').next())
        .collect();
    assert_eq!(
        names,
        BTreeSet::from(["grep", "open_module", "outline", "read_file"])
    );
    assert!(
        run.calls
            .iter()
            .any(|call| call == r#"open_module {"from":"src/lib.rs","module":"parse"}"#),
        "{:#?}",
        run.calls
    );
    assert!(run.answer.contains("src/parse/mod.rs:"), "{}", run.answer);
}

#[test]
fn usage_is_counted_and_streamed() {
    let run = run(&Tree::write(MAILER), QUESTIONS[1]);
    assert!(run.tokens.len() >= 6, "{:?}", run.tokens);
    assert!(
        run.tokens
            .iter()
            .all(|(prompt, completion)| *prompt > 0 && *completion > 0),
        "{:?}",
        run.tokens
    );
    assert_eq!(
        run.streams, 1,
        "the writer's answer is the one that is streamed"
    );
}

#[test]
fn renaming_a_function_changes_the_answer() {
    let tree = Tree::write(MAILER);
    let before = run(&tree, QUESTIONS[1]);
    let source = tree.0.join("src/queue.rs");
    let renamed = fs::read_to_string(&source)
        .unwrap()
        .replace("retry", "send_again");
    fs::write(&source, renamed).unwrap();
    let after = run(&tree, QUESTIONS[1]);
    assert!(before.answer.contains("fn retry("), "{}", before.answer);
    assert!(!after.answer.contains("fn retry("), "{}", after.answer);
    check_citations(&tree, &after.answer);
}

#[test]
fn the_same_run_twice_is_the_same() {
    let tree = Tree::write(PLAYER);
    let (first, second) = (run(&tree, QUESTIONS[0]), run(&tree, QUESTIONS[0]));
    assert_eq!(first.answer, second.answer);
    assert_eq!(first.calls, second.calls);
}

#[test]
fn without_a_key_the_first_line_says_who_answers() {
    let tree = Tree::write(PLAYER);
    let output = example(&tree)
        .args([tree.path(), QUESTIONS[0]])
        .output()
        .unwrap();
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    let first = text.lines().next().unwrap();
    assert!(
        first.starts_with("No OPENAI_API_KEY is set: a rule-based stand-in on 127.0.0.1:"),
        "{first}"
    );
    assert!(
        first.ends_with("costs are what gpt-4o-mini would have charged."),
        "{first}"
    );
    assert!(text.contains("show last"), "{text}");
}

#[test]
fn a_broken_citation_is_stopped() {
    let tree = Tree::write(CALCULATOR);
    let output = example(&tree)
        .args(["--break", tree.path(), QUESTIONS[0]])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("error: the answer cites "), "{error}");
    assert!(error.contains("but the file has "), "{error}");
}

#[test]
fn mistakes_on_the_command_line_are_told() {
    let tree = Tree::write(CALCULATOR);
    let check = |arguments: &[&str], code: i32, message: &str| {
        let output = example(&tree).args(arguments).output().unwrap();
        let said = text(&output) + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(message), "{said}");
    };
    check(&["--help"], 0, "Usage:");
    check(&["--fast"], 2, "there is no option --fast");
    check(&["/no/such/tree"], 2, "is not a directory");
    check(&[tree.path(), "How", "so?"], 2, "the question in quotes");
}

#[tokio::test]
async fn the_trace_shows_who_did_what() {
    let files = Tree::write(CALCULATOR);
    // The example's `main` does this; the provider is the process's, and nothing else here chooses one.
    rustls::crypto::ring::default_provider()
        .install_default()
        .unwrap();
    let base_url = format!("http://{}/v1", standin::start(false).unwrap());
    let model = Model::local(DEFAULT_MODEL, &base_url).unwrap();

    let tree = SourceTree::new(files.path());
    let (answer, trace) = capture_with_async(research(&model, &tree, QUESTIONS[0])).await;
    answer.unwrap();
    assert_eq!(trace.outline(), TRACE.trim_start(), "{trace}");
    for call in trace.spans.iter().filter_map(|span| span.llm.as_ref()) {
        assert!(
            !call.messages.is_empty() && call.usage.is_some() && call.cost.is_some(),
            "{call:#?}"
        );
    }
    // What the model asked for is in its answer, and is what the tool was given.
    let mut asked = trace
        .spans
        .iter()
        .filter_map(|span| span.llm.as_ref())
        .flat_map(|call| &call.completions);
    let asked = asked.find_map(|answer| answer.tool_calls.iter().find(|call| call.name == "grep"));
    let given = trace.spans.iter().find(|span| span.name == "grep");
    assert_eq!(
        asked.map(|call| &call.arguments),
        given.and_then(|span| span.input.as_ref())
    );
    assert_eq!(
        given.and_then(|span| span.output.as_ref()?.get(0)?.get("path")),
        Some(&"src/lib.rs".into())
    );
}

const TRACE: &str = "
WORKFLOW research
  AGENT planner
    OPERATION plan
      LLM chat · gpt-4o-mini
      TOOL outline
      LLM chat · gpt-4o-mini
  TASK gather
    AGENT code_researcher
      OPERATION search
        LLM chat · gpt-4o-mini
        TOOL grep
        TOOL grep
        TOOL grep
        LLM chat · gpt-4o-mini
        TOOL read_file
        TOOL read_file
        LLM chat · gpt-4o-mini
        TOOL open_module
          TOOL read_file ! NotFound
          TOOL read_file
        LLM chat · gpt-4o-mini
    AGENT docs_researcher
      OPERATION search
        LLM chat · gpt-4o-mini
        TOOL grep
        TOOL grep
        TOOL grep
        LLM chat · gpt-4o-mini
        TOOL read_file
        LLM chat · gpt-4o-mini
  AGENT writer
    OPERATION write
      LLM chat_stream · gpt-4o-mini
  GUARDRAIL check_citations
";

struct Run {
    answer: String,
    /// Each tool call, as `name arguments`.
    calls: Vec<String>,
    /// Prompt and completion tokens of each model call.
    tokens: Vec<(u64, u64)>,
    streams: usize,
}

fn run(tree: &Tree, question: &str) -> Run {
    let (relay, exchanges) = relay(standin::start(false).unwrap());
    let output = example(tree)
        .env("OPENAI_API_KEY", "not-a-key")
        .env("OPENAI_BASE_URL", format!("http://{relay}/v1"))
        .args([tree.path(), question])
        .output()
        .unwrap();
    let text = text(&output);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let exchanges = exchanges.lock().unwrap();
    // The two researchers take turns as they like; told apart and sorted, a run is the same each time.
    let mut calls: Vec<String> = exchanges.iter().flat_map(tool_calls).collect();
    let mut tokens: Vec<(u64, u64)> = exchanges.iter().map(tokens).collect();
    calls.sort();
    tokens.sort();
    let streams = exchanges
        .iter()
        .filter(|(_, answer)| answer.contains("data: [DONE]"))
        .count();
    Run {
        answer: answer(&text, question),
        calls,
        tokens,
        streams,
    }
}

/// What the example prints between the question and the session's tree.
fn answer(text: &str, question: &str) -> String {
    let after = text.split_once(question).unwrap().1;
    after
        .split("\n\nresearch_team · ")
        .next()
        .unwrap()
        .trim()
        .to_owned()
}

fn tool_calls((_, answer): &(String, String)) -> Vec<String> {
    let Ok(answer) = serde_json::from_str::<Value>(answer) else {
        return Vec::new();
    };
    let calls = answer["choices"][0]["message"]["tool_calls"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let written = |call: &Value| {
        let function = &call["function"];
        format!(
            "{} {}",
            function["name"].as_str().unwrap(),
            function["arguments"].as_str().unwrap()
        )
    };
    calls.iter().map(written).collect()
}

fn tokens((_, answer): &(String, String)) -> (u64, u64) {
    let chunks = answer
        .lines()
        .map(|line| line.strip_prefix("data: ").unwrap_or(line));
    let values = chunks.filter_map(|chunk| serde_json::from_str::<Value>(chunk).ok());
    let usage = values
        .map(|value| value["usage"].clone())
        .find(Value::is_object)
        .expect("every answer has its usage");
    assert_eq!(
        usage["total_tokens"].as_u64(),
        Some(
            usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap()
        )
    );
    (
        usage["prompt_tokens"].as_u64().unwrap(),
        usage["completion_tokens"].as_u64().unwrap(),
    )
}

/// Every `file:line` in the answer must be there, and where a line is quoted below its place, it must be that line.
fn check_citations(tree: &Tree, answer: &str) {
    let mut cited = 0;
    for line in answer.lines() {
        if let Some(quote) = line.strip_prefix("    ") {
            let parts: Vec<&str> = quote.splitn(3, ':').collect();
            assert_eq!(
                parts[2].trim(),
                tree.line(parts[0], parts[1].parse().unwrap()).trim(),
                "{answer}"
            );
            cited += 1;
            continue;
        }
        for piece in line.split(['(', ')']) {
            if let Some((path, number)) = piece.split_once(':')
                && let Ok(number) = number.parse()
            {
                tree.line(path, number);
                cited += 1;
            }
        }
    }
    assert!(cited > 0, "nothing is cited:\n{answer}");
}

type Exchanges = Arc<Mutex<Vec<(String, String)>>>;

/// Passes requests on to `upstream`, and keeps the body of each request and answer.
fn relay(upstream: SocketAddr) -> (SocketAddr, Exchanges) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let exchanges = Exchanges::default();
    let kept = Arc::clone(&exchanges);
    thread::spawn(move || {
        for client in listener.incoming() {
            let kept = Arc::clone(&kept);
            thread::spawn(move || pass_on(client.unwrap(), upstream, &kept));
        }
    });
    (address, exchanges)
}

fn pass_on(mut client: TcpStream, upstream: SocketAddr, kept: &Mutex<Vec<(String, String)>>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            return;
        }
    }
    let lower = head.to_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap()
        .parse()
        .unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();

    let mut server = TcpStream::connect(upstream).unwrap();
    server.write_all(head.as_bytes()).unwrap();
    server.write_all(&body).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();

    let text = String::from_utf8(answer).unwrap();
    let answer_body = text.split_once("\r\n\r\n").unwrap().1.to_owned();
    // Kept before it is passed on: the example may be done before this thread runs again.
    kept.lock()
        .unwrap()
        .push((String::from_utf8(body).unwrap(), answer_body));
    client.write_all(text.as_bytes()).unwrap();
}

/// The example, recording into the tree's own home and with no key of the machine it runs on.
fn example(tree: &Tree) -> Command {
    // `cargo test` puts examples beside the directory of the tests.
    let tests = std::env::current_exe().unwrap();
    let profile = tests.ancestors().nth(2).unwrap();
    let program = profile.join(format!(
        "examples/research_team{}",
        std::env::consts::EXE_SUFFIX
    ));
    assert!(
        program.is_file(),
        "{} is missing: `cargo test -p research_team` builds it",
        program.display()
    );
    let mut command = Command::new(program);
    for name in ["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"] {
        command.env_remove(name);
    }
    command
        .env("AGENTOPS_HOME", tree.0.join(".agentops"))
        .env("NO_PROXY", "127.0.0.1");
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A source tree in a directory of its own, which goes when the test is done.
struct Tree(PathBuf);

impl Tree {
    fn write(files: Files) -> Tree {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "research-team-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let root = std::env::temp_dir().join(name);
        for (path, text) in files {
            let file = root.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Tree(root)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn line(&self, path: &str, number: usize) -> String {
        let text =
            fs::read_to_string(self.0.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        text.lines()
            .nth(number - 1)
            .unwrap_or_else(|| panic!("{path} has no line {number}"))
            .to_owned()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // What is left in the system's directory for temporary files does no harm.
        fs::remove_dir_all(&self.0).ok();
    }
}
