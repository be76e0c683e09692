//! The dashboard's files over HTTP, and the page that asks for the token.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::harness::Server;

fn built() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ui-dist")
}

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

#[test]
fn every_page_is_the_same_file_whatever_its_address() {
    let server = Server::start_with("pages-addresses", false);
    let page = fs::read(built().join("index.html")).expect("it is built");
    for path in [
        "/",
        "/?state=running",
        "/sessions",
        "/sessions/019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90?view=tree&span=0000000000000003",
        "/s/019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90",
        "/analytics",
        "/errors",
        "/settings",
    ] {
        let answer = server.send("GET", path, &[], b"");
        assert_eq!((answer.status, &answer.body), (200, &page), "{path}");
        let header = |name| answer.header(name).unwrap_or_default();
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
        assert_eq!(header("cache-control"), "no-cache");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        let policy = header("content-security-policy");
        for rule in [
            "default-src 'self'",
            "img-src 'self' data: blob:",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|own| own == rule), "{policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains("http"),
            "{policy}"
        );
    }
    // What programs ask for is never a page, and what people mistype is one that says so.
    for path in [
        "/api/v1/nothing",
        "/v1/nothing",
        "/nothing",
        "/sessions/a/b",
    ] {
        let answer = server.send("GET", path, &[], b"");
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].clone()),
            (404, "no_such_route".into()),
            "{path}"
        );
    }
    for path in ["/api/v1/nothing", "/v1/nothing"] {
        let answer = server.send("GET", path, &[HTML], b"");
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].clone()),
            (404, "no_such_route".into()),
            "{path}"
        );
    }
    let mistyped = server.send("GET", "/nothing", &[HTML], b"");
    assert_eq!((mistyped.status, &mistyped.body), (404, &page));
    let posted = server.send("POST", "/sessions", &[], b"");
    assert_eq!(posted.status, 404);
}

#[test]
fn every_file_is_sent_as_it_was_built() {
    let server = Server::start_with("pages-files", false);
    let mut folders = vec![built()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it is built") {
            let file = entry.expect("an entry").path();
            if file.is_dir() {
                folders.push(file);
                continue;
            }
            let name = file.strip_prefix(built()).expect("it is below").to_str();
            let name = name.expect("a name").replace('\\', "/");
            let path = format!("/{}", if name == "index.html" { "" } else { &name });
            let bytes = fs::read(&file).expect("a file");
            let plain = server.send("GET", &path, &[], b"");
            assert_eq!((plain.status, &plain.body), (200, &bytes), "{path}");
            assert_eq!(plain.header("content-encoding"), None);

            let small = server.send("GET", &path, &[("accept-encoding", "gzip, deflate")], b"");
            assert_eq!(small.header("vary"), Some("accept-encoding"));
            if small.header("content-encoding") == Some("gzip") {
                let mut unpacked = Vec::new();
                GzDecoder::new(&small.body[..])
                    .read_to_end(&mut unpacked)
                    .expect("gzip");
                assert_eq!(unpacked, bytes, "{path}");
                assert!(small.body.len() < bytes.len(), "{path}");
                assert_ne!(small.header("etag"), plain.header("etag"), "{path}");
            } else {
                assert_eq!(small.body, bytes, "{path}");
            }

            let tag = plain.header("etag").expect("a tag").to_owned();
            assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
            let known = server.send(
                "GET",
                &path,
                &[("if-none-match", &format!("\"x\", {tag}"))],
                b"",
            );
            assert_eq!((known.status, known.body.len()), (304, 0), "{path}");
            assert_eq!(known.header("etag"), Some(&*tag));
            let any = server.send("GET", &path, &[("if-none-match", "*")], b"");
            assert_eq!(any.status, 304, "{path}");
            let other = server.send("GET", &path, &[("if-none-match", "\"x\"")], b"");
            assert_eq!(other.status, 200);
            let head = server.send("HEAD", &path, &[], b"");
            assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
            assert_eq!(
                head.header("content-length"),
                Some(&*bytes.len().to_string())
            );
            let kind = plain.header("content-type").expect("a type");
            let expected = match file.extension().and_then(|end| end.to_str()) {
                Some("html") => "text/html; charset=utf-8",
                Some("js") => "text/javascript; charset=utf-8",
                Some("css") => "text/css; charset=utf-8",
                Some("svg") => "image/svg+xml",
                other => panic!("{other:?}"),
            };
            assert_eq!(kind, expected, "{path}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
}

#[test]
fn what_the_page_loads_is_there_and_is_ours() {
    let server = Server::start_with("pages-loads", false);
    let page = server.send("GET", "/", &[], b"").body;
    let page = String::from_utf8(page).expect("text");
    let mut loads = 0;
    for part in page.split(['"', '\'']).filter(|part| part.starts_with('/')) {
        assert_eq!(server.send("GET", part, &[], b"").status, 200, "{part}");
        loads += 1;
    }
    assert!(loads >= 3, "{page}");
    assert!(!page.contains("//"), "nothing is from elsewhere: {page}");
    // No script stands in the page: the policy forbids it.
    assert!(
        !page.contains("<script>") && !page.contains("<style"),
        "{page}"
    );
}

#[test]
fn people_without_the_token_are_asked_for_it() {
    let server = Server::start("pages-token");
    let (port, token) = (server.address.port(), &server.token);
    let deep = "/sessions?state=running&q=%22a%22";
    let locked = server.send("GET", deep, &[HTML], b"");
    assert_eq!(locked.status, 401);
    assert_eq!(
        locked.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(locked.header("cache-control"), Some("no-store"));
    let policy = locked.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let text = String::from_utf8(locked.body).expect("text");
    assert!(
        text.contains("<form method=\"post\">") && !text.contains("not this server"),
        "{text}"
    );
    // Programs get what they can read.
    for path in [
        "/api/v1/sessions",
        "/index.html",
        "/assets/",
        "/assets/nothing.js",
    ] {
        let accept = match path {
            "/api/v1/sessions" => HTML,
            _ => ("accept", "*/*"),
        };
        let answer = server.send("GET", path, &[accept], b"");
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].clone()),
            (401, "token".into()),
            "{path}"
        );
    }

    // A page that is open loads its parts when they are wanted, and these are everybody's; for this machine alone.
    let part = |host: &str| server.send("GET", "/assets/index.js", &[("host", host)], b"");
    assert_eq!(part("localhost").status, 200);
    assert_eq!(part("evil.example").status, 403);

    let form = ("content-type", "application/x-www-form-urlencoded");
    let origin = format!("http://{}", server.address);
    let post =
        |body: &str| server.send("POST", deep, &[form, ("origin", &origin)], body.as_bytes());
    for wrong in [
        "",
        "token=",
        "token=abc",
        &format!("other={token}"),
        &format!("token={}", &token[..63]),
    ] {
        let answer = post(wrong);
        assert_eq!(
            (answer.status, answer.header("set-cookie")),
            (401, None),
            "{wrong}"
        );
        assert!(String::from_utf8_lossy(&answer.body).contains("That is not this server’s token"));
    }
    let answer = post(&format!("a=b&token=+{token}"));
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some(deep))
    );
    let cookie = format!("agentops_{port}={token}");
    let expected = format!("{cookie}; httponly; samesite=strict; path=/; max-age=31536000");
    assert_eq!(answer.header("set-cookie"), Some(&*expected));
    let opened = server.send("GET", deep, &[HTML, ("cookie", &cookie)], b"");
    assert_eq!(opened.status, 200);
    // Another site's form gets nowhere, and no address leads out of here.
    let foreign = server.send(
        "POST",
        deep,
        &[form, ("origin", "http://evil.example")],
        format!("token={token}").as_bytes(),
    );
    assert_eq!((foreign.status, foreign.header("set-cookie")), (403, None));
    let out = server.send(
        "POST",
        "//sessions",
        &[form],
        format!("token={token}").as_bytes(),
    );
    assert_eq!((out.status, out.header("location")), (401, None));
    let long = server.send("POST", deep, &[form], &[b'a'; 10_000]);
    assert_eq!(long.status, 401);
}
