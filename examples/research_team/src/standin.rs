//! A stand-in for a chat model: an HTTP server on this machine that follows rules instead of weights.
//!
//! It speaks the OpenAI chat protocol (tool calls, streaming, usage) and sees nothing but request bodies. It shares no
//! type and no constant with the agents and their tools: from the messages it takes names to look for, from the offered
//! tools' parameters what each can do, and from their results the lines that it quotes. Tokens are counted with the
//! vocabulary of the models it stands in for.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Listens on a free port of this machine until the process ends.
///
/// With `break_citation`, the first line that an answer in prose cites is one that does not exist.
pub fn start(break_citation: bool) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    // The vocabulary takes half a second to unpack; begun here, it is ready when the first answer is counted.
    thread::Builder::new()
        .name("stand-in vocabulary".to_owned())
        .spawn(|| tokens(""))?;
    thread::Builder::new()
        .name("stand-in".to_owned())
        .spawn(move || {
            for connection in listener.incoming().flatten() {
                // A client that goes away in the middle of an answer is its own concern.
                thread::spawn(move || serve(connection, break_citation).ok());
            }
        })?;
    Ok(address)
}

// The protocol: one request and one answer for each connection.

fn serve(mut connection: TcpStream, break_citation: bool) -> io::Result<()> {
    let body = match read_request(&mut BufReader::new(&connection))? {
        Ok(body) => body,
        Err((status, message)) => return send_json(&mut connection, status, &failure(message)),
    };
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return send_json(
            &mut connection,
            "400 Bad Request",
            &failure("the body is not JSON"),
        );
    };
    let chat = Chat::read(&request);
    let mut reply = chat.reply();
    if break_citation
        && let Reply::Text(text) = &mut reply
        && !chat.is_research()
    {
        *text = break_first_citation(text);
    }
    let answer = Answer {
        usage: usage(&request, &reply),
        created: now(),
        model: chat.model,
        reply,
    };
    match request["stream"] {
        Value::Bool(true) => answer.stream(
            &mut connection,
            request["stream_options"]["include_usage"] == true,
        ),
        _ => send_json(&mut connection, "200 OK", &answer.whole()),
    }
}

type Refusal = (&'static str, &'static str);

fn read_request(reader: &mut impl BufRead) -> io::Result<Result<Vec<u8>, Refusal>> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let is_chat = line.starts_with("POST ") && line.contains("/chat/completions ");
    let mut length = 0;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    if length > MAX_BODY_BYTES {
        return Ok(Err((
            "413 Content Too Large",
            "the conversation is too long",
        )));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(if is_chat {
        Ok(body)
    } else {
        Err((
            "404 Not Found",
            "only POST /v1/chat/completions is answered",
        ))
    })
}

fn failure(message: &str) -> Value {
    json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}})
}

fn send_json(connection: &mut impl Write, status: &str, body: &Value) -> io::Result<()> {
    let body = body.to_string();
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

struct Answer {
    model: String,
    created: u64,
    reply: Reply,
    usage: Value,
}

/// What a model answers with: words, or calls of the tools it was offered.
#[derive(Debug, PartialEq)]
enum Reply {
    Text(String),
    Calls(Vec<Call>),
}

#[derive(Debug, PartialEq)]
struct Call {
    id: String,
    tool: String,
    arguments: Value,
}

impl Answer {
    fn whole(&self) -> Value {
        let message = match &self.reply {
            Reply::Text(text) => json!({"role": "assistant", "content": text}),
            Reply::Calls(calls) => {
                json!({"role": "assistant", "content": null, "tool_calls": wire_calls(calls)})
            }
        };
        let choice = json!({"index": 0, "message": message, "finish_reason": self.finish_reason(), "logprobs": null});
        let mut body = self.envelope("chat.completion", vec![choice]);
        body["usage"] = self.usage.clone();
        body
    }

    fn stream(&self, connection: &mut impl Write, include_usage: bool) -> io::Result<()> {
        write!(
            connection,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        )?;
        let mut deltas = vec![json!({"role": "assistant", "content": ""})];
        match &self.reply {
            Reply::Text(text) => deltas.extend(
                text.split_inclusive(' ')
                    .map(|piece| json!({"content": piece})),
            ),
            Reply::Calls(calls) => {
                let calls = wire_calls(calls)
                    .into_iter()
                    .enumerate()
                    .map(|(index, mut call)| {
                        call["index"] = json!(index);
                        call
                    });
                deltas.push(json!({"tool_calls": calls.collect::<Vec<_>>()}));
            }
        }
        let mut choices: Vec<Value> = deltas
            .into_iter()
            .map(|delta| json!({"index": 0, "delta": delta, "finish_reason": null}))
            .collect();
        choices.push(json!({"index": 0, "delta": {}, "finish_reason": self.finish_reason()}));
        for choice in choices {
            let chunk = self.envelope("chat.completion.chunk", vec![choice]);
            write!(connection, "data: {chunk}\n\n")?;
        }
        if include_usage {
            let mut chunk = self.envelope("chat.completion.chunk", Vec::new());
            chunk["usage"] = self.usage.clone();
            write!(connection, "data: {chunk}\n\n")?;
        }
        write!(connection, "data: [DONE]\n\n")
    }

    fn envelope(&self, object: &str, choices: Vec<Value>) -> Value {
        json!({
            "id": "chatcmpl-stand-in", "object": object, "created": self.created, "model": self.model,
            "system_fingerprint": "stand-in", "choices": choices
        })
    }

    fn finish_reason(&self) -> &'static str {
        match self.reply {
            Reply::Text(_) => "stop",
            Reply::Calls(_) => "tool_calls",
        }
    }
}

fn wire_calls(calls: &[Call]) -> Vec<Value> {
    let wire = |call: &Call| {
        let function = json!({"name": call.tool, "arguments": call.arguments.to_string()});
        json!({"id": call.id, "type": "function", "function": function})
    };
    calls.iter().map(wire).collect()
}

/// What OpenAI would bill: each message costs its text and three tokens of frame, and so does the answer's beginning.
fn usage(request: &Value, reply: &Reply) -> Value {
    let messages = array(&request["messages"]);
    let prompt: usize = messages
        .iter()
        .map(|message| 3 + message_tokens(message))
        .sum::<usize>()
        + array(&request["tools"])
            .iter()
            .map(|tool| tokens(&tool.to_string()))
            .sum::<usize>()
        + 3;
    let completion = match reply {
        Reply::Text(text) => tokens(text),
        Reply::Calls(calls) => calls
            .iter()
            .map(|call| tokens(&call.tool) + tokens(&call.arguments.to_string()))
            .sum(),
    };
    json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}
    })
}

fn message_tokens(message: &Value) -> usize {
    let calls = array(&message["tool_calls"]).iter().map(|call| {
        tokens(text_of(&call["function"]["name"])) + tokens(text_of(&call["function"]["arguments"]))
    });
    tokens(text_of(&message["role"])) + tokens(text_of(&message["content"])) + calls.sum::<usize>()
}

fn tokens(text: &str) -> usize {
    tiktoken_rs::o200k_base_singleton().count_ordinary(text)
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

// The rules.

/// What one request tells.
struct Chat {
    model: String,
    instructions: String,
    task: String,
    terms: Vec<String>,
    tools: Vec<Tool>,
    /// The names of the tools that were called, and all that they gave back.
    called: BTreeSet<String>,
    results: String,
    messages: usize,
}

/// An offered tool, and what its parameters say that it does.
struct Tool {
    name: String,
    does: Does,
}

#[derive(Clone, Debug, PartialEq)]
enum Does {
    List,
    Search { pattern: String },
    Read { path: String, line: Option<String> },
    Follow { file: String, module: String },
}

/// A line of a file, as tools write it and answers cite it: `path:line: text`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Quote {
    path: String,
    line: usize,
    text: String,
}

impl Chat {
    fn read(request: &Value) -> Chat {
        let messages = array(&request["messages"]);
        let said_by = |role: &'static str| {
            let of_role = messages
                .iter()
                .filter(move |message| message["role"] == role);
            of_role
                .map(|message| text_of(&message["content"]))
                .collect::<Vec<_>>()
                .join("\n")
        };
        let calls = messages
            .iter()
            .flat_map(|message| array(&message["tool_calls"]));
        let task = said_by("user");
        // Lines quoted in the task are what others found; what is asked stands before them.
        let asked = task
            .lines()
            .filter(|line| Quote::parse(line).is_none())
            .collect::<Vec<_>>()
            .join("\n");
        Chat {
            model: text_of(&request["model"]).to_owned(),
            instructions: said_by("system"),
            terms: terms(&asked),
            task,
            tools: array(&request["tools"])
                .iter()
                .filter_map(Tool::read)
                .collect(),
            called: calls
                .map(|call| text_of(&call["function"]["name"]).to_owned())
                .collect(),
            results: said_by("tool"),
            messages: messages.len(),
        }
    }

    /// Whether the model is gathering rather than answering.
    fn is_research(&self) -> bool {
        !self.tools.is_empty() || !self.called.is_empty()
    }

    /// Calls each tool that is still of use; when there is none left, answers.
    fn reply(&self) -> Reply {
        for tool in self
            .tools
            .iter()
            .filter(|tool| !self.called.contains(&tool.name))
        {
            let arguments = self.arguments(&tool.does);
            if !arguments.is_empty() {
                let call = |(index, arguments)| Call {
                    id: format!("call_{}_{index}", self.messages),
                    tool: tool.name.clone(),
                    arguments,
                };
                return Reply::Calls(arguments.into_iter().enumerate().map(call).collect());
            }
        }
        let labels = labels(&self.instructions);
        Reply::Text(match (labels.is_empty(), self.is_research()) {
            (false, _) => self.fill_in(&labels),
            (true, true) => self.quote_best(),
            (true, false) => self.write(),
        })
    }

    /// What to call a tool with: one value for each call, none if there is no use in it.
    fn arguments(&self, does: &Does) -> Vec<Value> {
        let quotes = quotes(&self.results);
        match does {
            Does::List => vec![json!({})],
            Does::Search { pattern } => self
                .terms
                .iter()
                .take(4)
                .map(|term| json!({pattern: term}))
                .collect(),
            Does::Read { path, line } => {
                let call = |quote: &&Quote| match line {
                    Some(line) => {
                        json!({path: quote.path, line: quote.line.saturating_sub(8).max(1)})
                    }
                    None => json!({path: quote.path}),
                };
                let mut files = BTreeSet::new();
                let best = self
                    .pick(&quotes, 6)
                    .into_iter()
                    .filter(|quote| files.insert(&quote.path));
                best.take(2).collect::<Vec<_>>().iter().map(call).collect()
            }
            Does::Follow { file, module } => {
                let mut named: Vec<(&Quote, &str)> = quotes
                    .iter()
                    .filter_map(|quote| Some((quote, quote.module()?)))
                    .collect();
                named.sort_by_key(|(quote, module)| (self.terms_in(module) == 0, quote.is_test()));
                let mut seen = BTreeSet::new();
                named.retain(|(_, module)| seen.insert(*module));
                named
                    .iter()
                    .take(2)
                    .map(|(quote, name)| json!({file: quote.path, module: name}))
                    .collect()
            }
        }
    }

    /// Fills in the labelled lines that the instructions ask for. Names that are a file's come first.
    fn fill_in(&self, labels: &[&str]) -> String {
        let stems: BTreeSet<&str> = self.results.lines().filter_map(stem).collect();
        let mut names = self.terms.clone();
        names.sort_by_key(|name| !stems.contains(name.to_lowercase().as_str()));
        names.truncate(4);
        labels
            .iter()
            .map(|label| format!("{label} {}", names.join(", ")))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The lines that tell most, as they were given: one half in words, the other in code.
    fn quote_best(&self) -> String {
        let (prose, code): (Vec<Quote>, Vec<Quote>) =
            quotes(&self.results).into_iter().partition(Quote::is_prose);
        let limit = limit(&self.instructions);
        let mut best = self.pick(&prose, limit / 2);
        best.extend(self.pick(&code, limit - best.len()));
        if best.is_empty() {
            return format!("No line says anything about {}.", self.terms.join(", "));
        }
        best.iter()
            .map(|quote| quote.to_string())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// An answer: what comments and documents say in words, then the lines of code.
    fn write(&self) -> String {
        let quotes = quotes(&self.task);
        let (prose, code): (Vec<&Quote>, Vec<&Quote>) =
            quotes.iter().partition(|quote| quote.is_prose());
        if quotes.is_empty() {
            return "The notes quote no line, so I cannot tell.".to_owned();
        }
        let said: Vec<String> = prose
            .iter()
            .map(|quote| format!("“{}” ({}:{})", quote.words(), quote.path, quote.line))
            .collect();
        let lines: Vec<String> = code.iter().map(|quote| format!("    {quote}")).collect();
        let in_words = format!("In its own words: {}.", said.join("; "));
        let in_code = format!("In the code:\n\n{}", lines.join("\n"));
        match (said.is_empty(), lines.is_empty()) {
            (false, false) => format!("{in_words}\n\n{in_code}"),
            (false, true) => in_words,
            _ => in_code,
        }
    }

    /// The lines that tell most together: what a picked line has said counts less in the next.
    fn pick<'a>(&self, quotes: &'a [Quote], count: usize) -> Vec<&'a Quote> {
        let mut picked: Vec<&Quote> = Vec::new();
        while picked.len() < count {
            let worth = |quote: &&Quote| {
                let same_file = picked
                    .iter()
                    .filter(|other| other.path == quote.path)
                    .count();
                let told = |term: &String| {
                    picked
                        .iter()
                        .filter(|other| has(&other.text, term))
                        .count()
                        .min(2)
                };
                let repeated: usize = self
                    .terms
                    .iter()
                    .filter(|term| has(&quote.text, term))
                    .map(told)
                    .sum();
                self.score(quote) - 2 * same_file as i32 - 3 * repeated as i32
            };
            let left = quotes
                .iter()
                .filter(|quote| self.score(quote) > 0 && !picked.contains(quote));
            // The first of equals, for tools give the likeliest first; `max_by_key` would take the last.
            let Some(best) = left.min_by_key(|quote| std::cmp::Reverse(worth(quote))) else {
                break;
            };
            picked.push(best);
        }
        picked
    }

    /// How much a line seems to tell. Nothing, if it has none of the terms.
    fn score(&self, quote: &Quote) -> i32 {
        let terms = self.terms_in(&quote.text) as i32;
        if terms == 0 || quote.is_test() || quote.module().is_some() {
            return terms.min(1);
        }
        // A name of many words tells of something narrower than the term.
        let short = |name: &&str| self.terms_in(name) > 0 && words(name).len() < 4;
        let declares = quote.declared_name().filter(short).is_some();
        let at_home = stem(&quote.path).is_some_and(|stem| self.terms_in(stem) > 0);
        let sentence = quote.is_prose() && quote.words().starts_with(char::is_uppercase);
        let whole = sentence && quote.text.ends_with('.');
        3 * terms
            + 4 * i32::from(declares)
            + 2 * i32::from(at_home)
            + 3 * i32::from(sentence)
            + i32::from(whole)
    }

    fn terms_in(&self, text: &str) -> usize {
        self.terms.iter().filter(|term| has(text, term)).count()
    }
}

impl Tool {
    fn read(tool: &Value) -> Option<Tool> {
        let function = &tool["function"];
        let properties = function["parameters"]["properties"].as_object();
        let names: Vec<&str> = properties
            .iter()
            .flat_map(|all| all.keys())
            .map(String::as_str)
            .collect();
        let find = |known: &[&str]| {
            names
                .iter()
                .find(|name| known.contains(name))
                .map(|&name| name.to_owned())
        };
        let file = find(&["path", "file", "from", "filename"]);
        let line = names
            .iter()
            .find(|name| name.contains("line"))
            .map(|&name| name.to_owned());
        let does = match (
            find(&["pattern", "query", "regex"]),
            find(&["module"]),
            file,
        ) {
            (Some(pattern), _, _) => Does::Search { pattern },
            (_, Some(module), Some(file)) => Does::Follow { file, module },
            (_, None, Some(path)) => Does::Read { path, line },
            _ if names.is_empty() => Does::List,
            _ => return None,
        };
        Some(Tool {
            name: text_of(&function["name"]).to_owned(),
            does,
        })
    }
}

impl Quote {
    fn parse(line: &str) -> Option<Quote> {
        let (place, text) = line
            .split_once(": ")
            .or(line.strip_suffix(':').map(|place| (place, "")))?;
        let (path, line) = place.trim().rsplit_once(':')?;
        let is_path = path.contains('.') && !path.contains(' ');
        is_path.then_some(Quote {
            path: path.to_owned(),
            line: line.parse().ok()?,
            text: text.to_owned(),
        })
    }

    /// The module that the line names: `x` of `mod x;`, the path of `use crate::…`.
    fn module(&self) -> Option<&str> {
        let bare = unqualified(&self.text).strip_suffix(';')?;
        if let Some(name) = bare.strip_prefix("mod ") {
            return Some(name);
        }
        let path = bare
            .strip_prefix("use ")
            .filter(|path| path.starts_with("crate::") || path.starts_with("super::"))?;
        Some(path.split("::{").next().unwrap_or(path))
    }

    fn declared_name(&self) -> Option<&str> {
        let bare = unqualified(&self.text);
        let kinds = [
            "fn ",
            "struct ",
            "enum ",
            "trait ",
            "mod ",
            "type ",
            "const ",
            "static ",
            "macro_rules! ",
        ];
        let name = kinds.iter().find_map(|kind| bare.strip_prefix(kind))?;
        name.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .filter(|name| !name.is_empty())
    }

    fn is_prose(&self) -> bool {
        let text = self.text.as_str();
        let comment = text.starts_with("//");
        let document =
            !self.path.ends_with(".rs") && !text.starts_with(['#', '|', '`', '[', '<', '{']);
        (comment || document) && text.split_whitespace().count() > 4
    }

    fn is_test(&self) -> bool {
        self.path
            .split('/')
            .any(|part| matches!(part, "tests" | "examples" | "benches"))
    }

    fn words(&self) -> &str {
        self.text
            .trim_start_matches(['/', '!', '*', '-', '>', ' '])
            .trim_end_matches(['.', ' '])
    }
}

impl std::fmt::Display for Quote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// The quoted lines of a text, each once, in the order of their first mention.
fn quotes(text: &str) -> Vec<Quote> {
    let mut seen = BTreeSet::new();
    text.lines()
        .filter_map(Quote::parse)
        .filter(|quote| seen.insert(quote.clone()))
        .collect()
}

/// The names in a text that are worth a search: what is written like code first, then what is said more often, then
/// the order of the last mention, for what is listed at the end was chosen by someone.
fn terms(text: &str) -> Vec<String> {
    let mut found: BTreeMap<String, (bool, usize, usize)> = BTreeMap::new();
    let pieces = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    for (position, word) in pieces.enumerate() {
        let like_code = word.contains('_')
            || word.chars().skip(1).any(char::is_uppercase)
            || text.contains(&format!("`{word}`"));
        if word.chars().count() < 3
            || (!like_code
                && COMMON
                    .split(' ')
                    .any(|common| common == word.to_lowercase()))
        {
            continue;
        }
        let (code, count, last) = found.entry(word.to_owned()).or_default();
        (*code, *count, *last) = (like_code, *count + 1, position);
    }
    let mut terms: Vec<_> = found.into_iter().collect();
    terms.sort_by_key(|(_, (code, count, last))| (!code, std::cmp::Reverse(*count), *last));
    terms.into_iter().map(|(word, _)| word).collect()
}

/// Words that a question has whatever it is about.
const COMMON: &str = "\
    about after again all and any answer are before being between both but can code come comes \
    could did documents does done each first file files find for from function functions get \
    gets give gives goes happen happens has have how into its last line lines look made make \
    makes many much name names not often one our out over question return returns should some \
    tell than that the their them then there these they this through use used uses was what \
    when where which while who whose why will with work works would you";

/// The labels, like `` `name:` ``, that instructions want filled in.
fn labels(instructions: &str) -> Vec<&str> {
    let is_label = |piece: &&str| {
        piece
            .strip_suffix(':')
            .is_some_and(|name| !name.is_empty() && name.chars().all(char::is_alphabetic))
    };
    instructions
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(is_label)
        .collect()
}

/// How many lines instructions allow, where they say "at most" and a number in words.
fn limit(instructions: &str) -> usize {
    let numbers = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    let word = instructions
        .split("at most ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| numbers.iter().position(|number| *number == word))
        .map_or(6, |position| position + 1)
}

/// The first citation, moved to a line that no file here is long enough for.
fn break_first_citation(text: &str) -> String {
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let is_citation = |&(at, _): &(usize, &str)| {
        text[..at].ends_with(char::is_alphanumeric) && digits(&text[at + 1..]) > 0
    };
    match text.match_indices(':').find(is_citation) {
        Some((at, _)) => format!(
            "{}:9{:0>6}{}",
            &text[..at],
            &text[at + 1..][..digits(&text[at + 1..])],
            &text[at + 1 + digits(&text[at + 1..])..]
        ),
        None => text.to_owned(),
    }
}

/// A line of code without `pub`, `async` and the like before its first keyword.
fn unqualified(line: &str) -> &str {
    let mut bare = line;
    loop {
        let before = bare;
        for word in ["pub ", "pub(crate) ", "pub(super) ", "async ", "unsafe "] {
            bare = bare.strip_prefix(word).unwrap_or(bare);
        }
        if bare == before {
            return bare;
        }
    }
}

/// `ring` of `src/record/ring.rs`.
fn stem(path: &str) -> Option<&str> {
    let file = path.rsplit('/').next()?;
    Some(file.rsplit_once('.')?.0)
}

/// Whether a text has this name, word by word: `ring_size` has `ring`, `String` has not.
fn has(text: &str, name: &str) -> bool {
    let name = words(name);
    words(text).windows(name.len()).any(|window| window == name)
}

/// `RingBuffer::push` is ring, buffer, push.
fn words(text: &str) -> Vec<String> {
    let mut spaced = String::new();
    let mut previous = ' ';
    for c in text.chars() {
        if c.is_uppercase() && previous.is_lowercase() {
            spaced.push(' ');
        }
        spaced.push(c);
        previous = c;
    }
    spaced
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_terms(question: &str, expected: &[&str]) {
        assert_eq!(terms(question), expected, "{question}");
    }

    #[test]
    fn questions_give_terms() {
        check_terms(
            "How does a span get from the ring into the spool?",
            &["span", "ring", "spool"],
        );
        check_terms(
            "What does `parse` do with an empty RingBuffer?",
            &["parse", "RingBuffer", "empty"],
        );
        check_terms("Where is it?\n\nLook for: ", &[]);
    }

    #[test]
    fn parameters_tell_what_a_tool_does() {
        let tool = |properties: Value| {
            let tool = json!({"function": {"name": "t", "parameters": {"properties": properties}}});
            Tool::read(&tool).map(|tool| tool.does)
        };
        let text = |text: &str| text.to_owned();
        assert_eq!(tool(json!({})), Some(Does::List));
        assert_eq!(
            tool(json!({"query": {}})),
            Some(Does::Search {
                pattern: text("query")
            })
        );
        assert_eq!(
            tool(json!({"path": {}, "line": {}})),
            Some(Does::Read {
                path: text("path"),
                line: Some(text("line"))
            })
        );
        assert_eq!(
            tool(json!({"from": {}, "module": {}})),
            Some(Does::Follow {
                file: text("from"),
                module: text("module")
            })
        );
        assert_eq!(tool(json!({"amount": {}})), None);
    }

    #[test]
    fn modules_are_seen_in_lines() {
        let module = |text: &str| {
            Quote {
                path: text.to_owned(),
                line: 1,
                text: text.to_owned(),
            }
            .module()
            .map(str::to_owned)
        };
        assert_eq!(module("pub(crate) mod ring;").as_deref(), Some("ring"));
        assert_eq!(
            module("use crate::record::{push, pull};").as_deref(),
            Some("crate::record")
        );
        assert_eq!(module("use std::fs;"), None);
        assert_eq!(module("mod tests {"), None);
    }

    #[test]
    fn a_broken_citation_names_a_line_far_away() {
        assert_eq!(
            break_first_citation("In words: “x” (a/b.rs:12); (c.rs:1)"),
            "In words: “x” (a/b.rs:9000012); (c.rs:1)"
        );
        assert_eq!(break_first_citation("Nothing."), "Nothing.");
    }

    #[test]
    fn tokens_are_those_of_the_real_vocabulary() {
        assert_eq!(tokens("hello world"), 2);
        assert_eq!(tokens(&"a".repeat(64)), 8);
    }
}
