//! Spans of `tracing` that say what they are, as clients make them, are spans of ours: beside, within and around them.
//!
//! The names of spans and fields are those that each client writes; the calls stand in for the client.

use agentops::model::agent::AgentRef;
use agentops::model::id::SpanId;
use agentops::model::llm::Usage;
use agentops::model::span::{Span, SpanKind, Status};
use agentops::testing::{Trace, capture};
use agentops::{operation, tool};
use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::instrument::Instrument as _;
use tracing::{Level, info, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::harness::record_async;
use crate::logs::listen;

/// Names, kinds and agents, each span within its parent.
fn shape(trace: &Trace) -> String {
    fn put(trace: &Trace, within: Option<SpanId>, depth: usize, text: &mut String) {
        let mut spans: Vec<_> = trace
            .spans
            .iter()
            .filter(|span| span.parent_id == within)
            .collect();
        spans.sort_by_key(|span| (span.start, span.end));
        for span in spans {
            let agent = span.agent.as_ref().map_or("", |agent| &agent.name);
            let failed = if span.status == Status::Error {
                " failed"
            } else {
                ""
            };
            let line = format!(
                "{:depth$}{} {} ({agent}){failed}\n",
                "", span.kind, span.name
            );
            text.push_str(&line);
            put(trace, Some(span.id), depth + 2, text);
        }
    }
    let mut text = String::new();
    put(trace, trace.session.facts.root, 0, &mut text);
    text
}

fn usage(span: &Span) -> Usage {
    let call = span.llm.as_ref().expect("it says what it used");
    call.usage.expect("it was counted")
}

/// What rig's client does for one request, within whatever is current.
fn rig_chat(tokens: (u64, u64)) {
    let input = r#"[{"role":"user","parts":[{"type":"text","content":"Which files?"}]}]"#;
    let output = r#"[{"role":"assistant","parts":[{"type":"text","content":"Two."},{"type":"tool_call","id":"call_1","name":"ls","arguments":{"path":"."}}]}]"#;
    let span = info_span!(
        target: "rig::completions",
        "chat",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "openai",
        gen_ai.request.model = "gpt-4o",
        gen_ai.request.stream = false,
        gen_ai.system_instructions = "Be brief.",
        gen_ai.response.id = Empty,
        gen_ai.response.model = Empty,
        rig.provider_request_id = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.cache_read.input_tokens = Empty,
        gen_ai.usage.cache_creation.input_tokens = Empty,
        gen_ai.usage.tool_use_prompt_tokens = Empty,
        gen_ai.usage.reasoning_tokens = Empty,
        gen_ai.input.messages = Empty,
        gen_ai.output.messages = Empty,
    );
    let _entered = span.enter();
    span.record("gen_ai.input.messages", input);
    info!("asked");
    span.record("gen_ai.response.id", "chatcmpl-1");
    span.record("gen_ai.response.model", "gpt-4o-2024-08-06");
    span.record("rig.provider_request_id", "req_1");
    span.record("gen_ai.usage.input_tokens", tokens.0);
    span.record("gen_ai.usage.output_tokens", tokens.1);
    span.record("gen_ai.usage.cache_read.input_tokens", 4_u64);
    span.record("gen_ai.usage.cache_creation.input_tokens", 0_u64);
    span.record("gen_ai.usage.reasoning_tokens", 2_u64);
    span.record("gen_ai.output.messages", output);
}

#[tool]
fn list(path: &str) -> usize {
    info!("listing");
    path.len()
}

/// What rig's agent does for a prompt: a model call, a tool and a last model call, and their totals on its own span.
fn rig_agent() {
    let agent = info_span!(
        target: "rig::agent",
        parent: None,
        "invoke_agent",
        gen_ai.operation.name = "invoke_agent",
        gen_ai.agent.name = "librarian",
        gen_ai.system_instructions = "Be brief.",
        gen_ai.prompt = Empty,
        gen_ai.completion = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
    );
    let _entered = agent.enter();
    agent.record("gen_ai.prompt", "Which files?");
    rig_chat((10, 5));
    {
        let tool = info_span!(
            target: "rig::agent",
            "execute_tool",
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = "ls",
            gen_ai.tool.type = "function",
            gen_ai.tool.call.id = "call_1",
            gen_ai.tool.call.arguments = r#"{"path":"."}"#,
            gen_ai.tool.call.result = Empty,
            gen_ai.tool.call.outcome = Empty,
            gen_ai.tool.error.type = Empty,
        );
        let _entered = tool.enter();
        list(".");
        tool.record("gen_ai.tool.call.result", r#"["a","b"]"#);
        tool.record("gen_ai.tool.call.outcome", "success");
    }
    rig_chat((20, 7));
    agent.record("gen_ai.completion", "Two files.");
    agent.record("gen_ai.usage.input_tokens", 30_u64);
    agent.record("gen_ai.usage.output_tokens", 12_u64);
}

#[operation]
fn ask() {
    rig_agent();
}

#[test]
fn rigs_agent_is_an_agent_with_model_calls_and_tools_counted_once() {
    listen();
    let trace = capture(ask);
    let expected = "\
OPERATION ask (default)
  AGENT librarian (librarian)
    LLM chat (librarian)
    TOOL ls (librarian)
      TOOL list (librarian)
    LLM chat (librarian)
";
    assert_eq!(shape(&trace), expected);
    let tokens = trace.session.tokens;
    assert_eq!((tokens.input, tokens.output, tokens.total), (30, 12, 42));
    assert_eq!(
        (
            trace.session.counts.llm_calls,
            trace.session.counts.tool_calls
        ),
        (2, 2)
    );

    let agent = trace.span("librarian");
    assert!(usage(agent).reported, "it repeats what its calls say");
    assert_eq!(
        (&agent.input, &agent.output),
        (&Some(json!("Which files?")), &Some(json!("Two files.")))
    );

    let first = trace.spans.iter().filter(|span| span.name == "chat");
    let first = first.min_by_key(|span| span.start).expect("it asked");
    let call = first.llm.as_ref().expect("it is a model call");
    assert_eq!(call.provider.as_deref(), Some("openai"));
    assert_eq!(call.request_model.as_deref(), Some("gpt-4o"));
    assert_eq!(call.model.as_deref(), Some("gpt-4o-2024-08-06"));
    assert_eq!(call.response_id.as_deref(), Some("chatcmpl-1"));
    let roles: Vec<_> = call.messages.iter().map(|said| &*said.role).collect();
    assert_eq!(roles, ["system", "user"]);
    assert_eq!(
        call.completions[0].tool_calls[0].arguments,
        json!({"path": "."})
    );
    let expected = Usage::new(10, 5).cache_read(4).reasoning(2);
    assert_eq!(call.usage, Some(expected));
    let logs: Vec<_> = first.logs.iter().map(|log| &*log.message).collect();
    assert_eq!(logs, ["asked"]);

    let tool = trace.span("ls");
    let said = tool.tool.as_ref().expect("it is a tool");
    assert_eq!(
        (&*said.name, said.call_id.as_deref()),
        ("ls", Some("call_1"))
    );
    assert_eq!(
        (&tool.input, &tool.output),
        (&Some(json!({"path": "."})), &Some(json!(["a", "b"])))
    );
    assert_eq!(tool.attributes["gen_ai.tool.call.outcome"], "success");
    assert_eq!(
        tool.source.as_ref().map(|source| &*source.file),
        Some(file!())
    );
}

/// rig's provider records into the span that its agent opened for it, and opens none.
#[test]
fn a_span_that_a_client_adopts_is_one_span() {
    listen();
    let trace = capture(|| {
        let chat = info_span!(
            target: "rig::agent_chat",
            "chat",
            rig.completion_parent = true,
            gen_ai.operation.name = "chat",
            gen_ai.agent.name = "librarian",
            gen_ai.provider.name = Empty,
            gen_ai.request.model = Empty,
            gen_ai.tool.definitions = r#"[{"type":"function","name":"ls"}]"#,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
        );
        let _entered = chat.enter();
        let current = tracing::Span::current();
        assert!(current.has_field("rig.completion_parent"));
        current.record("gen_ai.provider.name", "anthropic");
        current.record("gen_ai.request.model", "claude-sonnet-4-5");
        // A stream says it more than once.
        current.record("gen_ai.usage.input_tokens", 1_u64);
        current.record("gen_ai.usage.input_tokens", 8_u64);
        current.record("gen_ai.usage.output_tokens", 3_u64);
    });
    assert_eq!(shape(&trace), "LLM chat (librarian)\n");
    let chat = trace.span("chat");
    assert_eq!((usage(chat).input, usage(chat).output), (8, 3));
    let call = chat.llm.as_ref().expect("it is a model call");
    assert_eq!(call.parameters["tools"][0]["name"], "ls");
    assert_eq!(chat.attributes["rig.completion_parent"], true);
    assert_eq!(trace.session.counts.llm_calls, 1);
}

#[test]
fn genais_spans_say_everything() {
    listen();
    let trace = capture(|| {
        let agent = info_span!(
            "genai.agent",
            otel.name = "invoke_agent planner",
            otel.kind = "internal",
            otel.status_code = Empty,
            gen_ai.operation.name = "invoke_agent",
            gen_ai.agent.name = "planner",
            gen_ai.agent.id = "agent-7",
        );
        let _agent = agent.enter();
        let chat = info_span!(
            "genai.chat",
            otel.name = "chat gpt-4o-mini",
            otel.kind = "client",
            otel.status_code = Empty,
            error.type = Empty,
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = "gpt-4o-mini",
            gen_ai.request.stream = true,
            gen_ai.request.temperature = 0.5,
            gen_ai.request.max_tokens = 100,
            gen_ai.request.stop_sequences = r#"["END"]"#,
            gen_ai.output.type = "text",
            server.address = "api.openai.com",
            server.port = 443,
            gen_ai.response.id = Empty,
            gen_ai.response.model = Empty,
            gen_ai.response.finish_reasons = Empty,
            gen_ai.response.time_to_first_chunk = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.usage.cache_read.input_tokens = Empty,
            gen_ai.usage.reasoning.output_tokens = Empty,
            gen_ai.input.messages = r#"[{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","result":"42 rows"}]}]"#,
            gen_ai.output.messages = Empty,
        );
        chat.in_scope(|| {
            chat.record("gen_ai.response.model", "gpt-4o-mini-2024-07-18");
            chat.record("gen_ai.response.finish_reasons", r#"["stop"]"#);
            chat.record("gen_ai.response.time_to_first_chunk", 0.25);
            chat.record("gen_ai.usage.input_tokens", 12_i64);
            chat.record("gen_ai.usage.output_tokens", 3_i64);
            chat.record("otel.status_code", "OK");
        });
        let tool = info_span!(
            "genai.execute_tool",
            otel.name = "execute_tool search",
            otel.status_code = Empty,
            error.type = Empty,
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = "search",
        );
        tool.record("error.type", "timeout");
        tool.record("otel.status_code", "ERROR");
    });
    let expected = "\
AGENT planner (planner)
  LLM chat gpt-4o-mini (planner)
  TOOL search (planner) failed
";
    assert_eq!(shape(&trace), expected);
    let chat = trace.span("chat gpt-4o-mini");
    assert_eq!(chat.status, Status::Ok);
    let call = chat.llm.as_ref().expect("it is a model call");
    assert!(call.streaming);
    assert_eq!(call.time_to_first_token, Some(250_000_000));
    assert_eq!(
        Value::Object(call.parameters.clone()),
        json!({"temperature": 0.5, "max_tokens": 100, "stop_sequences": ["END"]})
    );
    assert_eq!(call.completions[0].finish_reason.as_deref(), Some("stop"));
    assert_eq!(call.messages[0].tool_call_id.as_deref(), Some("c1"));
    assert_eq!(
        call.messages[0].content,
        [agentops::model::llm::Part::Text("42 rows".into())]
    );
    assert_eq!(chat.attributes["server.port"], 443);
    let error = trace.span("search").error.as_ref().expect("it failed");
    assert_eq!((&*error.kind, &*error.code), ("TOOL", "timeout"));
}

#[test]
fn langchains_and_geminis_own_names_are_known() {
    listen();
    let trace = capture(|| {
        let run = info_span!(
            "agent.run",
            max_iterations = 5,
            steps = Empty,
            total_tokens = Empty
        );
        let _run = run.enter();
        info_span!("agent.plan", step = 1).in_scope(|| {
            let call = info_span!(
                "llm.generate",
                provider = "openai",
                model = "gpt-4o",
                stream = false,
                prompt_tokens = Empty,
                completion_tokens = Empty,
                total_tokens = Empty,
                tool_calls = Empty,
                error = Empty,
            );
            call.record("prompt_tokens", 7_u64);
            call.record("completion_tokens", 2_u64);
            call.record("total_tokens", 9_u64);
        });
        info_span!("tool.call", tool = "calculator").in_scope(|| {});
        info_span!("chain.call", chain = "summary").in_scope(|| {
            let failed = info_span!(
                "llm.generate",
                provider = "openai",
                model = "gpt-4o",
                error = Empty
            );
            failed.record("error", tracing::field::display("rate limited"));
        });
        run.record("total_tokens", 9_u64);

        let gemini = tracing::span!(
            target: "gemini_rust::client",
            Level::INFO,
            "generate_content_raw",
            model = "gemini-2.5-flash",
            messages.parts.count = 1,
            usage.prompt_tokens = Empty,
            usage.candidates_tokens = Empty,
            usage.thoughts_tokens = Empty,
            usage.cached_content_tokens = Empty,
            usage.total_tokens = Empty,
        );
        gemini.record("usage.prompt_tokens", 20_i32);
        gemini.record("usage.candidates_tokens", 4_i32);
        gemini.record("usage.thoughts_tokens", 6_i32);
        gemini.record("usage.total_tokens", 30_i32);
    });
    let expected = "\
AGENT agent.run (default)
  TASK agent.plan (default)
    LLM llm.generate (default)
  TOOL calculator (default)
  CHAIN summary (default)
    LLM llm.generate (default) failed
  LLM generate_content_raw (default)
";
    assert_eq!(shape(&trace), expected);
    let tokens = trace.session.tokens;
    assert_eq!((tokens.input, tokens.output, tokens.total), (27, 12, 39));
    let gemini = trace.span("generate_content_raw");
    assert_eq!((usage(gemini).output, usage(gemini).reasoning), (10, 6));
    let call = gemini.llm.as_ref().expect("it is a model call");
    assert_eq!(call.provider.as_deref(), Some("gcp.gemini"));
    assert_eq!(call.request_model.as_deref(), Some("gemini-2.5-flash"));
}

#[test]
fn a_field_of_ours_makes_any_span_one_of_ours() {
    listen();
    let trace = capture(|| {
        info_span!("plain").in_scope(|| {
            let late = info_span!(
                "fetch",
                agentops.span.kind = Empty,
                url = "https://example.org"
            );
            let _late = late.enter();
            late.record("agentops.span.kind", "tool");
            info_span!("ignored", n = 1).in_scope(|| list("abc"));
        });
        let langfuse = info_span!(
            "complete",
            langfuse.r#type = "GENERATION",
            langfuse.model = "gpt-4o",
            langfuse.input = r#"[{"role":"user","content":"hello"}]"#,
            langfuse.output = "hi",
            langfuse.usage = r#"{"input":3,"output":1,"total":4}"#,
            langfuse.model_parameters = r#"{"temperature":0.1}"#,
        );
        drop(langfuse);
    });
    let expected = "\
TOOL fetch (default)
  TOOL list (default)
LLM complete (default)
";
    assert_eq!(shape(&trace), expected);
    assert_eq!(trace.span("fetch").attributes["url"], "https://example.org");
    let complete = trace.span("complete");
    let call = complete.llm.as_ref().expect("it is a model call");
    assert_eq!(call.request_model.as_deref(), Some("gpt-4o"));
    assert_eq!((call.messages.len(), call.completions.len()), (1, 1));
    assert_eq!(usage(complete).total, 4);
    assert_eq!(call.parameters["temperature"], 0.1);
    assert!(complete.input.is_none() && complete.attributes.is_empty());
}

fn task(name: &'static str) -> tracing::Span {
    info_span!(
        "task",
        agentops.span.kind = "task",
        agentops.entity.name = name
    )
}

#[test]
fn both_stacks_agree_also_out_of_order() {
    listen();
    let trace = capture(|| {
        let a = task("a");
        let in_a = a.enter();
        let ours = agentops::span("ours").start();
        let b = task("b");
        let in_b = b.enter();
        drop(in_a);
        drop(task("in b"));
        drop(ours);
        drop(task("still in b"));
        drop(in_b);
        drop(task("in the session"));
        a.in_scope(|| drop(task("in a again")));
        drop(task("in the session again"));
        std::mem::forget(b.clone().entered());
        drop(b);
    });
    let expected = "\
TASK a (default)
  OPERATION ours (default)
    TASK b (default)
      TASK in b (default)
      TASK still in b (default)
  TASK in a again (default)
TASK in the session (default)
TASK in the session again (default)
";
    assert_eq!(shape(&trace), expected);
}

#[operation]
async fn steps(n: u32) {
    for _ in 0..n {
        tokio::task::yield_now().await;
        list("step");
    }
}

#[test]
fn futures_take_their_span_to_whichever_thread_polls_them() {
    listen();
    let trace = record_async(async {
        let tasks: Vec<_> = (0..8_u32)
            .map(|_| {
                let chat = info_span!("chat", gen_ai.operation.name = "chat");
                tokio::spawn(steps(3).instrument(chat))
            })
            .collect();
        for task in tasks {
            task.await.expect("it ends");
        }
    });
    let expected = "\
LLM chat (default)
  OPERATION steps (default)
    TOOL list (default)
    TOOL list (default)
    TOOL list (default)
";
    assert_eq!(shape(&trace), expected.repeat(8));
    for chat in trace.spans.iter().filter(|span| span.kind == SpanKind::Llm) {
        assert!(chat.polls >= Some(4), "{:?}", chat.polls);
        assert!(chat.busy > Some(0) && chat.busy <= chat.duration());
    }
}

#[test]
fn a_span_is_entered_on_several_threads_at_once() {
    listen();
    let trace = capture(|| {
        let shared = task("shared");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| shared.in_scope(|| list("elsewhere")));
            }
        });
        let child = info_span!(parent: &shared, "child", agentops.span.kind = "task");
        child.in_scope(|| {});
    });
    let inner = "  TOOL list (default)\n".repeat(4);
    let expected = format!("TASK shared (default)\n{inner}  TASK child (default)\n");
    assert_eq!(shape(&trace), expected);
}

#[test]
fn a_panic_ends_the_spans_around_it_as_failed() {
    listen();
    let trace = capture(|| {
        let caught = std::panic::catch_unwind(|| {
            let _task = task("broken").entered();
            panic!("no more");
        });
        assert!(caught.is_err());
    });
    let error = trace.span("broken").error.as_ref().expect("it failed");
    assert_eq!((&*error.code, &*error.details), ("panic", "no more"));
    assert_eq!(error.kind, "TASK");
}

#[test]
fn an_agent_of_a_model_call_is_named_by_it() {
    listen();
    let trace = capture(|| {
        drop(info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.agent.name = "solo"
        ));
    });
    let expected = AgentRef {
        id: "solo".into(),
        name: "solo".into(),
        role: None,
        model: None,
    };
    assert_eq!(trace.span("chat").agent, Some(expected));
}

/// As gemini-rust's client: an error that its function returns is told by an event.
#[tracing::instrument(skip_all, fields(gen_ai.operation.name = "chat"), err)]
fn refused(inner: bool) -> Result<(), String> {
    if inner {
        tracing::error!(error = "of the program's own");
        return Ok(());
    }
    Err("429 Too Many Requests".into())
}

#[test]
fn an_error_that_an_instrumented_function_returns_is_its_spans() {
    listen();
    let trace = capture(|| {
        refused(true).expect("it is well");
        refused(false).expect_err("it is refused");
    });
    let mut spans: Vec<_> = trace
        .spans
        .iter()
        .filter(|span| span.name == "refused")
        .collect();
    spans.sort_by_key(|span| span.start);
    assert_eq!((spans[0].status, spans[0].logs.len()), (Status::Unset, 1));
    let error = spans[1].error.as_ref().expect("it failed");
    assert_eq!(
        (&*error.kind, &*error.details),
        ("LLM", "429 Too Many Requests")
    );
}

#[test]
fn filters_hide_what_comes_from_tracing_and_nothing_else() {
    let filter = tracing_subscriber::EnvFilter::new("off");
    let subscriber = tracing_subscriber::registry()
        .with(filter)
        .with(agentops::layer());
    let silent = tracing::subscriber::set_default(subscriber);
    let trace = capture(|| {
        task("hidden").in_scope(|| list("seen"));
    });
    drop(silent);
    assert_eq!(shape(&trace), "TOOL list (default)\n");

    let only = tracing_subscriber::filter::LevelFilter::WARN;
    let subscriber = tracing_subscriber::registry().with(agentops::layer_with(only));
    let stricter = tracing::subscriber::set_default(subscriber);
    let trace = capture(|| {
        task("hidden").in_scope(|| {});
        tracing::warn_span!("plain").in_scope(|| {});
        tracing::warn_span!("chat", gen_ai.operation.name = "chat").in_scope(|| {});
    });
    drop(stricter);
    assert_eq!(shape(&trace), "LLM chat (default)\n");
}

#[test]
fn spans_below_info_are_spans_too() {
    listen();
    let trace = capture(|| {
        tracing::trace_span!("embeddings", gen_ai.operation.name = "embeddings").in_scope(|| {
            tracing::debug!("no log");
        });
    });
    assert_eq!(shape(&trace), "LLM embeddings (default)\n");
    assert!(trace.span("embeddings").logs.is_empty());
}

/// An ignored span takes what it was made in to another thread, where nothing else is current.
#[test]
fn a_span_of_nobody_passes_on_its_parent() {
    let subscriber = tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::sink))
        .with(agentops::layer());
    let dispatch = tracing::Dispatch::new(subscriber);
    let trace = tracing::dispatcher::with_default(&dispatch, || {
        capture(|| {
            task("outer").in_scope(|| {
                let ignored = info_span!("ignored");
                let dispatch = dispatch.clone();
                std::thread::scope(|scope| {
                    scope.spawn(move || {
                        // Which also drops it: a span's parent is given back to the subscriber that is current then.
                        tracing::dispatcher::with_default(&dispatch, move || {
                            ignored.in_scope(|| drop(task("inner")));
                        });
                    });
                });
            });
        })
    });
    assert_eq!(
        shape(&trace),
        "TASK outer (default)\n  TASK inner (default)\n"
    );
}
