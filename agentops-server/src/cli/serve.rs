//! `agentops serve`: takes in, keeps and answers, until it is stopped.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::{DATABASE, Failure, Output, say};
use crate::auth::{self, Access, Token};
use crate::home::Home;
use crate::serve;
use crate::store::sqlite::{Durability, Sqlite};

/// OTLP/HTTP's port, where SDKs send to if nobody says otherwise.
const PORT: u16 = 4318;

/// How many ports after the first are tried.
const TRIES: u16 = 20;

/// Take in what programs record, keep it, and answer questions about it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to listen; the next free port if 4318 is taken and none was named
    #[arg(long, value_name = "ADDRESS:PORT")]
    addr: Option<SocketAddr>,

    /// Keep data in this directory
    #[arg(long, value_name = "DIR")]
    data: Option<std::path::PathBuf>,

    /// Let requests that read do so without the token
    #[arg(long)]
    no_token: bool,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<(), Failure> {
    let home = match &args.data {
        Some(path) => Home::at(path.clone()),
        None => Home::from_env()?,
    };
    if let Some(addr) = args.addr.filter(|addr| !auth::may_listen(addr.ip())) {
        return Err(Failure::told(
            format!(
                "it does not listen on {addr}: whoever reaches that address could read every prompt"
            ),
            "listen on 127.0.0.1 or [::1], and let other machines in through a tunnel, for instance \
             `ssh -L 4318:127.0.0.1:4318 HOST`",
        ));
    }
    home.make()?;
    let access = match args.no_token {
        true => Access::Everyone,
        false => Access::Token(
            Token::of(&home).map_err(|error| Failure::told(error.to_string(), error.help()))?,
        ),
    };
    let store = Sqlite::open(&home.path().join(DATABASE), Durability::Full)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::told(format!("no threads can be started: {error}"), ""))?;
    runtime.block_on(async {
        let listener = listen(args.addr).await?;
        let server = serve::start(&home, Arc::new(store), listener, access.clone())
            .map_err(|error| Failure::told(format!("failed to start: {error}"), ""))?;
        let token = match &access {
            Access::Everyone => String::new(),
            Access::Token(token) => format!("/?token={}", token.as_str()),
        };
        output.text(&format!("http://{}{token}\n", server.address))?;
        output.flush()?;
        if tokio::signal::ctrl_c().await.is_err() {
            say("warning: signals are not heard; stop it with kill");
            std::future::pending::<()>().await;
        }
        tokio::task::spawn_blocking(move || server.stop())
            .await
            .map_err(|_| Failure::told("the server did not stop in order", ""))
    })
}

async fn listen(addr: Option<SocketAddr>) -> Result<tokio::net::TcpListener, Failure> {
    let first = addr.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, PORT).into());
    let tries = if addr.is_some() { 1 } else { TRIES };
    let mut refused = None;
    for port in first.port()..first.port().saturating_add(tries) {
        match tokio::net::TcpListener::bind((first.ip(), port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) => refused = Some(error),
        }
    }
    let why = refused.map_or_else(String::new, |error| format!(": {error}"));
    Err(Failure::told(
        format!("failed to listen on {first}{why}"),
        "name another address with --addr, for instance `--addr 127.0.0.1:0` for any free port",
    ))
}
