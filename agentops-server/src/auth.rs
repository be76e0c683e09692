//! Who may ask for what.
//!
//! The server listens on loopback alone, where writing is open, so that any program can record; all else needs the token,
//! which lies in a file that only its owner can read. Pages of other sites are kept out by the Host and Origin that
//! browsers send. Stands before every route there is, and knows which few are open rather than which are not.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, LOCATION, ORIGIN,
    REFERRER_POLICY, SET_COOKIE, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use crate::home::Home;
use crate::ui;

/// The file that the token is in, below the data directory.
const FILE: &str = "token";

/// Digits of a token: 256 bits.
const DIGITS: usize = 64;

/// What anyone on this machine may do: record, and see whether the server lives.
const OPEN: [(Method, &str); 7] = [
    (Method::GET, "/healthz"),
    (Method::POST, "/v1/traces"),
    (Method::POST, "/v1/logs"),
    (Method::POST, "/v1/metrics"),
    (Method::POST, "/v3/auth/token"),
    (Method::POST, "/v4/logs/upload/"),
    (Method::POST, "/v4/objects/upload/"),
];

/// The page that asks for the token.
const LOCKED: &str = include_str!("auth/locked.html");

/// More than the form of that page has.
const FORM: usize = 4 << 10;

/// What lets somebody read.
#[derive(Clone)]
pub struct Token(String);

/// Who may read.
#[derive(Debug, Clone)]
pub enum Access {
    /// Anyone on this machine.
    Everyone,
    /// Who has this.
    Token(Token),
}

/// Why there is no token.
#[derive(Debug)]
pub struct TokenError {
    path: PathBuf,
    error: io::Error,
}

impl Token {
    /// The token of a data directory, made where there is none.
    pub fn of(home: &Home) -> Result<Self, TokenError> {
        let path = home.path().join(FILE);
        let failed = |error| TokenError {
            path: path.clone(),
            error,
        };
        match read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(&path).and_then(|()| read(&path)).map_err(failed)
            }
            read => read.map_err(failed),
        }
    }

    /// As it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes equally long whatever was sent, so that nobody finds it letter by letter.
    fn is(&self, sent: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let differences = own
            .iter()
            .zip(sent)
            .fold(own.len() ^ sent.len(), |sum, (own, sent)| {
                sum | usize::from(own ^ sent)
            });
        std::hint::black_box(differences) == 0
    }
}

fn read(path: &Path) -> io::Result<Token> {
    let text = fs::read_to_string(path)?;
    let token = text.trim();
    if token.len() < DIGITS || !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it holds no token",
        ));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        if fs::metadata(path)?.mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(Token(token.to_owned()))
}

/// Written whole under another name first: two servers that start at once end up with one token.
fn make(path: &Path) -> io::Result<()> {
    let token = digits(DIGITS / 2)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", digits(8)?));
    let draft = PathBuf::from(draft);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&draft).and_then(|mut file| {
        writeln!(file, "{token}")?;
        file.sync_all()
    });
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    _ = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn digits(bytes: usize) -> io::Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl TokenError {
    /// What to do about it.
    pub fn help(&self) -> String {
        format!(
            "remove {} and start again for a new token, or let anyone on this machine read with --no-token",
            self.path.display()
        )
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, error) = (self.path.display(), &self.error);
        write!(f, "the token in {path} cannot be read: {error}")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Whether the server may listen there: only this machine reaches a loopback address.
pub fn may_listen(address: IpAddr) -> bool {
    address.is_loopback()
}

/// Lets a request through, or says why not.
pub async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    let Some(host) = host(&request) else {
        return refusal(
            StatusCode::FORBIDDEN,
            "host",
            "this server answers to localhost and 127.0.0.1 only; use one of these as the address",
        );
    };
    if !is_same_origin(request.headers(), &host) {
        return refusal(
            StatusCode::FORBIDDEN,
            "origin",
            "pages of other sites may not use this server; send requests from a program, or open its own address",
        );
    }
    let Access::Token(token) = &access else {
        return next.run(request).await;
    };
    if let Some((sent, to)) = token_of_address(&request)
        && token.is(sent.as_bytes())
    {
        return remembered(&host, &sent, &to);
    }
    let (method, path) = (request.method(), request.uri().path());
    // Pages load parts when they are first wanted, and those ask for the token where the API does.
    let is_part = matches!(*method, Method::GET | Method::HEAD) && ui::is_part(path);
    let is_open = is_part || OPEN.iter().any(|open| (&open.0, open.1) == (method, path));
    let name = cookie_name(&host);
    if is_open || sent(request.headers(), &name).any(|sent| token.is(sent)) {
        return next.run(request).await;
    }
    if *method == Method::POST && ui::is_page(path) {
        return unlocked(token, &host, request).await;
    }
    if *method == Method::GET && ui::is_of_people(path, request.headers()) {
        return locked("");
    }
    let refusal = refusal(
        StatusCode::UNAUTHORIZED,
        "token",
        "reading needs the token: open the address that `agentops serve` printed, or send \
         `Authorization: Bearer` with what is in the file `token` of the data directory",
    );
    ([(WWW_AUTHENTICATE, "Bearer")], refusal).into_response()
}

/// The browser is to send the token from now on, and to go on where it is shown nowhere.
fn remembered(host: &str, token: &str, to: &str) -> Response {
    let cookie = format!(
        "{}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=31536000",
        cookie_name(host)
    );
    let headers = [
        (SET_COOKIE, cookie),
        (LOCATION, to.to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
        (REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Asks for the token where somebody wanted to see a page.
fn locked(said: &str) -> Response {
    let page = LOCKED.replacen("<form", &format!("{said}<form"), 1);
    // With `no-referrer` the form would not say where it is from.
    let headers = [
        (WWW_AUTHENTICATE, "Bearer"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "same-origin"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ];
    (StatusCode::UNAUTHORIZED, headers, Html(page)).into_response()
}

/// Back to where somebody wanted to go, if that was the token.
async fn unlocked(token: &Token, host: &str, request: Request) -> Response {
    let to = request.uri().path_and_query().map(ToString::to_string);
    let body = axum::body::to_bytes(request.into_body(), FORM).await;
    let body = body.unwrap_or_default();
    let mut pairs = body.split(|byte| *byte == b'&');
    let sent = pairs.find_map(|pair| pair.strip_prefix(b"token="));
    // A token has no letter that a form would write in another way; around it there may be spaces.
    let sent = String::from_utf8_lossy(sent.unwrap_or_default()).replace('+', "");
    if token.is(sent.as_bytes()) {
        return remembered(host, &sent, &to.unwrap_or_else(|| "/".to_owned()));
    }
    locked("<p role=\"alert\">That is not this server’s token.</p>\n  ")
}

/// The host that a request is for, where it is a name of this machine; a site that resolves its own name to this machine
/// has that name there.
fn host(request: &Request) -> Option<String> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?.to_ascii_lowercase();
    if hosts.next().is_some() {
        return None;
    }
    let of_address = request.uri().authority();
    let is_same =
        of_address.is_none_or(|of_address| of_address.as_str().eq_ignore_ascii_case(&host));
    (is_same && is_of_this_machine(&host)).then_some(host)
}

fn is_of_this_machine(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, "")) => (name, None),
            Some((name, port)) => match port.strip_prefix(':') {
                Some(port) => (name, Some(port)),
                None => return false,
            },
            None => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let is_address = match host.starts_with('[') {
        true => name
            .parse::<std::net::Ipv6Addr>()
            .is_ok_and(|ip| ip.is_loopback()),
        false => name.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback()),
    };
    is_port && (is_address || name == "localhost" || name.ends_with(".localhost"))
}

/// Browsers say where a page is from with every request that could change something; programs say nothing.
fn is_same_origin(headers: &HeaderMap, host: &str) -> bool {
    headers.get_all(ORIGIN).iter().all(|origin| {
        origin
            .to_str()
            .ok()
            .and_then(|origin| origin.strip_prefix("http://"))
            .is_some_and(|origin| origin.eq_ignore_ascii_case(host))
    })
}

/// Cookies are of a host whatever its port: each server has its own.
fn cookie_name(host: &str) -> String {
    let port = host
        .rsplit_once(':')
        .map_or("80", |(_, port)| port)
        .trim_end_matches(']');
    format!("agentops_{port}")
}

/// What may be the token.
fn sent<'a>(headers: &'a HeaderMap, cookie: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let bearer = headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim().as_bytes())
    });
    let cookies = headers.get_all(COOKIE).iter().flat_map(move |value| {
        let pairs = value.to_str().unwrap_or_default().split(';');
        pairs.filter_map(move |pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == cookie).then_some(value.as_bytes())
        })
    });
    bearer.chain(cookies)
}

/// The token in an address that `serve` prints, and the address without it.
fn token_of_address(request: &Request) -> Option<(String, String)> {
    let path = request.uri().path();
    if request.method() != Method::GET || !ui::is_page(path) {
        return None;
    }
    let query = request.uri().query()?;
    let token = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("token="))?;
    let rest = query.split('&').filter(|pair| !pair.starts_with("token="));
    let rest: Vec<&str> = rest.collect();
    let mark = if rest.is_empty() { "" } else { "?" };
    Some((token.to_owned(), format!("{path}{mark}{}", rest.join("&"))))
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({"error": {"code": code, "message": message}});
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_hosts() {
        for host in [
            "localhost",
            "localhost:4318",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:4318",
            "[::1]",
            "a.localhost:80",
        ] {
            assert!(is_of_this_machine(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1:x",
            "localhost:1:2",
            "10.0.0.1",
            "[::2]",
            "[::1",
            "[::1]x",
            "::1",
            "0.0.0.0",
            "evillocalhost",
        ] {
            assert!(!is_of_this_machine(host), "{host}");
        }
    }

    #[test]
    fn a_token_is_itself_alone() {
        let token = Token("0123".repeat(16));
        assert!(token.is("0123".repeat(16).as_bytes()));
        for other in ["", "0", "0123", &"0123".repeat(17), &"0124".repeat(16)] {
            assert!(!token.is(other.as_bytes()), "{other}");
        }
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
}
