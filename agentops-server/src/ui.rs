//! The dashboard's files, which the command carries.
//!
//! Names are stable, so browsers ask each time whether a file is still what they have. Pages are one file, whatever the
//! address; what they show they ask of the API, and nothing here knows what that is.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

/// What pages may load: nothing from elsewhere, and no text of a page as a script.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; \
                      object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The file of every page.
const PAGE: &str = "/index.html";

/// First parts of pages' addresses.
const PAGES: [&str; 6] = [
    "s",
    "sessions",
    "analytics",
    "errors",
    "settings",
    "compare",
];

/// A file as it is sent.
struct File {
    path: &'static str,
    plain: Bytes,
    /// Compressed once, where that makes it smaller.
    small: Option<Bytes>,
    hash: u64,
}

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let built: &[(&'static str, &'static [u8])] = &include!(concat!(env!("OUT_DIR"), "/pages.rs"));
    let file = |&(path, bytes): &(&'static str, &'static [u8])| {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        File {
            path,
            plain: Bytes::from_static(bytes),
            small: compressed(bytes),
            hash: hasher.finish(),
        }
    };
    built.iter().map(file).collect()
});

fn compressed(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    let small = encoder.finish().ok()?;
    (small.len() < bytes.len()).then(|| small.into())
}

/// The file at an address, or the page that it is of; `None` where neither is.
pub(crate) fn answer(request: &Request) -> Option<Response> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let (path, headers) = (request.uri().path(), request.headers());
    let known = find(path).filter(|file| file.path != PAGE);
    match known {
        Some(file) => Some(file.answer(StatusCode::OK, headers)),
        None if is_page(path) => Some(find(PAGE)?.answer(StatusCode::OK, headers)),
        // Somebody mistyped: the page says so in words, with the way back.
        None if is_of_people(path, headers) => {
            Some(find(PAGE)?.answer(StatusCode::NOT_FOUND, headers))
        }
        None => None,
    }
}

/// Whether there is a part of pages of that name: these are the same for everybody, and hold nothing of anybody.
pub(crate) fn is_part(path: &str) -> bool {
    path != PAGE && find(path).is_some()
}

fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// Whether the dashboard has a page there.
pub(crate) fn is_page(path: &str) -> bool {
    let Some(inner) = path.strip_prefix('/') else {
        return false;
    };
    let mut parts = inner.strip_suffix('/').unwrap_or(inner).split('/');
    let first = parts.next().unwrap_or_default();
    inner.is_empty() || PAGES.contains(&first) && parts.count() <= 1
}

/// Whether somebody looks at the answer, rather than a program that asked for data.
pub(crate) fn is_of_people(path: &str, headers: &HeaderMap) -> bool {
    let accepts = |value: &axum::http::HeaderValue| {
        value
            .to_str()
            .is_ok_and(|value| value.contains("text/html"))
    };
    let first = path.trim_start_matches('/').split('/').next();
    !matches!(
        first,
        Some("api" | "v1" | "v3" | "v4" | "metrics" | "healthz")
    ) && headers.get_all(ACCEPT).iter().any(accepts)
}

impl File {
    fn answer(&self, status: StatusCode, headers: &HeaderMap) -> Response {
        let small = self.small.as_ref().filter(|_| takes_gzip(headers));
        let tag = format!(
            "\"{:016x}{}\"",
            self.hash,
            if small.is_some() { "-gz" } else { "" }
        );
        let known = headers.get(IF_NONE_MATCH);
        let known = known
            .and_then(|known| known.to_str().ok())
            .unwrap_or_default();
        let is_known = known
            .split(',')
            .map(str::trim)
            .any(|known| known == "*" || known.trim_start_matches("W/") == tag);
        let common = [
            (ETAG, tag),
            (CACHE_CONTROL, "no-cache".to_owned()),
            (VARY, "accept-encoding".to_owned()),
        ];
        if is_known && status == StatusCode::OK {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        let mut response = (
            status,
            common,
            [
                (CONTENT_TYPE, media_type(self.path)),
                (CONTENT_SECURITY_POLICY, POLICY),
                (X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (REFERRER_POLICY, "no-referrer"),
                (
                    HeaderName::from_static("cross-origin-opener-policy"),
                    "same-origin",
                ),
                (
                    HeaderName::from_static("cross-origin-resource-policy"),
                    "same-origin",
                ),
            ],
            Body::from(small.unwrap_or(&self.plain).clone()),
        )
            .into_response();
        if small.is_some() {
            let gzip = axum::http::HeaderValue::from_static("gzip");
            response.headers_mut().insert(CONTENT_ENCODING, gzip);
        }
        response
    }
}

/// Whether an answer may be compressed so: the word is there, and not with a weight of nothing.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    let mut codings = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        is_gzip && weight.is_none_or(|weight| weight > 0.0)
    })
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_what_the_dashboard_has() {
        for path in [
            "/",
            "/sessions",
            "/sessions/",
            "/sessions/019c",
            "/s/019c",
            "/analytics",
            "/errors",
            "/settings",
        ] {
            assert!(is_page(path), "{path}");
        }
        for path in [
            "",
            "//",
            "//sessions",
            "/api/v1/sessions",
            "/v1/traces",
            "/sessions/a/b",
            "/index",
            "/metrics",
        ] {
            assert!(!is_page(path), "{path:?}");
        }
    }

    #[test]
    fn no_file_is_of_an_unknown_type() {
        assert!(find(PAGE).is_some());
        for file in FILES.iter() {
            assert_ne!(
                media_type(file.path),
                "application/octet-stream",
                "{}",
                file.path
            );
        }
    }

    #[test]
    fn compressed_only_for_who_takes_it() {
        let takes = |value: &'static str| {
            let value = axum::http::HeaderValue::from_static(value);
            takes_gzip(&[(ACCEPT_ENCODING, value)].into_iter().collect())
        };
        assert!(takes("gzip") && takes("br, GZIP;q=0.5") && takes("gzip; q=1"));
        assert!(!takes("") && !takes("br") && !takes("gzip;q=0") && !takes("xgzip"));
    }
}
