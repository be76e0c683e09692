//! `agentops serve`: takes in, keeps and answers, until it is stopped.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use super::{DATABASE, Failure, Output, open};
use crate::auth::{self, Access, Token};
use crate::home::Home;
use crate::live::Live;
use crate::log;
use crate::serve;
use crate::store::Store;
use crate::store::sqlite::{Durability, Sqlite};

/// OTLP/HTTP's port, where SDKs send to if nobody says otherwise.
const PORT: u16 = 4318;

/// How many ports after the first are tried.
const TRIES: u16 = 20;

/// Take in what programs record, and answer questions about it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keep data in this directory, and follow the spool in it
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    #[command(flatten)]
    listen: Listen,
}

/// Where to listen, and to whom.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Listen {
    /// Where to listen; the next free port if 4318 is taken and none was named
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    addr: Option<SocketAddr>,

    /// Let everybody on this machine read, without the token
    #[arg(long)]
    no_token: bool,

    /// Do not open a browser; AGENTOPS_NO_OPEN and CI say the same
    #[arg(long)]
    no_open: bool,

    /// How warnings are written to stderr
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    log: log::Format,
}

/// This machine has a name, too; others need none, as nothing listens for them.
fn address(text: &str) -> Result<SocketAddr, String> {
    let on_this = text.strip_prefix("localhost:").map(str::parse);
    match on_this {
        Some(Ok(port)) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        _ => text
            .parse()
            .map_err(|_| format!("name an address and a port, for instance 127.0.0.1:{PORT}")),
    }
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<(), Failure> {
    let home = match &args.data {
        Some(path) => Home::at(path.clone()),
        None => Home::from_env()?,
    };
    args.listen.check()?;
    home.make()?;
    let store = Arc::new(Sqlite::open(&home.path().join(DATABASE), Durability::Full)?);
    let beside = |_, pages: Pages| {
        pages.open("/");
        std::future::pending::<Result<(), Failure>>()
    };
    run_with(&args.listen, &home, store, output, false, beside).map(drop)
}

/// Where people find the dashboard.
pub(super) struct Pages {
    address: SocketAddr,
    access: Access,
    opens: bool,
}

impl Pages {
    /// The address of a page, with what lets one in.
    pub(super) fn at(&self, path: &str) -> String {
        let address = self.address;
        match &self.access {
            Access::Everyone if path == "/" => format!("http://{address}"),
            Access::Everyone => format!("http://{address}{path}"),
            Access::Token(token) => format!("http://{address}{path}?token={}", token.as_str()),
        }
    }

    /// Opens a page, if there is somebody to see it.
    pub(super) fn open(&self, path: &str) {
        if self.opens {
            open::browser(&self.at(path));
        }
    }
}

impl Listen {
    /// Refuses what nobody can want by accident, before anything is made.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let Some(addr) = self.addr.filter(|addr| !auth::may_listen(addr.ip())) else {
            return Ok(());
        };
        Err(Failure::told(
            format!(
                "it does not listen on {addr}: whoever reaches that address could read every prompt"
            ),
            "listen on 127.0.0.1 or [::1], and let other machines in through a tunnel, for instance \
             `ssh -L 4318:127.0.0.1:4318 HOST`",
        ))
    }

    fn access(&self, home: &Home) -> Result<Access, Failure> {
        if self.no_token {
            return Ok(Access::Everyone);
        }
        let token =
            Token::of(home).map_err(|error| Failure::told(error.to_string(), error.help()))?;
        Ok(Access::Token(token))
    }
}

/// Serves until it is stopped, or until what `beside` starts is done: then with its answer. Whether closing the terminal
/// stops it is for the caller to say.
pub(super) fn run_with<T, F: Future<Output = Result<T, Failure>>>(
    listen: &Listen,
    home: &Home,
    store: Arc<dyn Store>,
    output: &mut Output,
    goes_with_terminal: bool,
    beside: impl FnOnce(Arc<Live>, Pages) -> F,
) -> Result<Option<T>, Failure> {
    log::write_as(listen.log);
    let access = listen.access(home)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::told(format!("no threads can be started: {error}"), ""))?;
    runtime.block_on(async {
        let listener = bind(listen.addr).await?;
        let server = serve::start(home, store, listener, access.clone())
            .map_err(|error| Failure::told(format!("failed to start: {error}"), ""))?;
        let pages = Pages {
            address: server.address,
            access,
            opens: !listen.no_open,
        };
        output.text(&format!("{}\n", pages.at("/")))?;
        output.flush()?;
        let answer = tokio::select! {
            // First, so that whoever hears of it can stop it.
            biased;
            () = stopped(goes_with_terminal) => Ok(None),
            answer = beside(server.live.clone(), pages) => answer.map(Some),
            () = server.removed() => Err(Failure::told(
                format!("{} was removed or replaced while the server ran", home.path().display()),
                "start it again",
            )),
        };
        tokio::task::spawn_blocking(move || server.stop())
            .await
            .map_err(|_| Failure::told("the server did not stop in order", ""))?;
        answer
    })
}

/// Somebody wants it to stop: by Ctrl-C or `kill`, and where it goes with its terminal by closing that, or Ctrl-\.
///
/// A server does not: `nohup` is to keep it, and whatever ends it leaves nothing behind that it needs to see to.
async fn stopped(goes_with_terminal: bool) {
    #[cfg(unix)]
    let asked = async {
        use tokio::signal::unix::SignalKind;

        let terminated = signalled(SignalKind::terminate());
        if !goes_with_terminal {
            return terminated.await;
        }
        tokio::select! {
            () = terminated => {}
            () = signalled(SignalKind::hangup()) => {}
            () = signalled(SignalKind::quit()) => {}
        }
    };
    #[cfg(not(unix))]
    let asked = std::future::pending::<()>();
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => {}
        () = asked => {}
    }
}

#[cfg(unix)]
async fn signalled(kind: tokio::signal::unix::SignalKind) {
    match tokio::signal::unix::signal(kind) {
        Ok(mut signal) => _ = signal.recv().await,
        Err(_) => std::future::pending().await,
    }
}

async fn bind(addr: Option<SocketAddr>) -> Result<tokio::net::TcpListener, Failure> {
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
