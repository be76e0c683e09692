//! Who may ask for what, on every route that there is.

use crate::harness::Server;

#[test]
fn reading_needs_the_token_and_writing_does_not() {
    let server = Server::start("auth-token");
    let bearer = |token: &str| format!("Bearer {token}");
    let get = |headers: &[(&str, &str)]| server.send("GET", "/metrics", headers, b"").status;
    assert_eq!(get(&[]), 401);
    assert_eq!(get(&[("authorization", &bearer("x"))]), 401);
    assert_eq!(get(&[("authorization", &bearer(&server.token))]), 200);
    let half = &server.token[..32];
    assert_eq!(get(&[("authorization", &bearer(half))]), 401);

    assert_eq!(server.send("GET", "/healthz", &[], b"").body, b"ok\n");
    let json = [("content-type", "application/json")];
    assert_eq!(server.send("POST", "/v1/traces", &json, b"{}").status, 200);
    // What is open is open for writing alone.
    assert_eq!(server.send("GET", "/v1/traces", &json, b"").status, 401);
    assert_eq!(server.send("GET", "/no/such/route", &[], b"").status, 401);
    assert_eq!(server.get("/no/such/route").status, 404);
}

#[test]
fn the_address_that_serve_prints_sets_a_cookie() {
    let server = Server::start("auth-cookie");
    let wrong = server.send("GET", "/?token=0000", &[], b"");
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    let right = server.send("GET", &format!("/?token={}", server.token), &[], b"");
    let (port, token) = (server.address.port(), &server.token);
    let cookie = format!("agentops_{port}={token}");
    let expected = format!("{cookie}; httponly; samesite=strict; path=/; max-age=31536000");
    assert_eq!(right.status, 303);
    assert_eq!(right.header("set-cookie"), Some(&*expected));
    assert_eq!(right.header("location"), Some("/"));
    let deep = format!("/sessions/0af7?view=tree&token={}&span=1", server.token);
    let deep = server.send("GET", &deep, &[], b"");
    assert_eq!(deep.header("set-cookie"), Some(&*expected));
    assert_eq!(
        deep.header("location"),
        Some("/sessions/0af7?view=tree&span=1")
    );
    // Only pages are for people; and no address leads out of here.
    for path in ["/metrics", "/api/v1/sessions", "//sessions"] {
        let path = format!("{path}?token={}", server.token);
        let answer = server.send("GET", &path, &[], b"");
        assert_eq!(
            (answer.status, answer.header("set-cookie")),
            (401, None),
            "{path}"
        );
    }
    let with = |cookie: &str| {
        server
            .send("GET", "/metrics", &[("cookie", cookie)], b"")
            .status
    };
    assert_eq!(with(&format!("a=b; {cookie}; c=d")), 200);
    assert_eq!(with(&format!("agentops_1={token}")), 401);
    assert_eq!(with(&format!("agentops_{port}=x")), 401);
}

#[test]
fn other_sites_are_kept_out() {
    let server = Server::start_with("auth-sites", false);
    let json = ("content-type", "application/json");
    let of = |name, value| {
        server
            .send("POST", "/v1/traces", &[json, (name, value)], b"{}")
            .status
    };
    for host in [
        "evil.example",
        "evil.example:4318",
        "localhost.evil.example",
        "10.0.0.1",
    ] {
        assert_eq!(of("host", host), 403, "{host}");
    }
    for host in ["localhost", "127.0.0.1:9", "[::1]:4318"] {
        assert_eq!(of("host", host), 200, "{host}");
    }
    for origin in [
        "http://evil.example",
        "null",
        "https://127.0.0.1",
        "http://localhost:3000",
    ] {
        assert_eq!(of("origin", origin), 403, "{origin}");
    }
    assert_eq!(of("origin", &format!("http://{}", server.address)), 200);
    // Without a token there is nothing else to ask for.
    assert_eq!(server.send("GET", "/metrics", &[], b"").status, 200);
}

#[cfg(unix)]
#[test]
fn the_token_is_its_owners_alone_and_stays() {
    use agentops_server::auth::Token;
    use agentops_server::home::Home;
    use std::os::unix::fs::PermissionsExt as _;

    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("auth-file");
    let _ = std::fs::remove_dir_all(&path);
    let home = Home::at(path.clone());
    home.make().expect("a home");
    // Several servers that start at once have one token.
    let tokens: Vec<String> = std::thread::scope(|scope| {
        let make = || Token::of(&home).expect("a token").as_str().to_owned();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
        let tokens = threads.into_iter().map(|thread| thread.join());
        tokens.collect::<Result<_, _>>().expect("none panics")
    });
    assert_eq!(tokens[0].len(), 64);
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
    let file = path.join("token");
    let mode = |file| std::fs::metadata(file).map(|file| file.permissions().mode() & 0o777);
    assert_eq!(mode(&file).expect("it is there"), 0o600);

    let wide = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&file, wide).expect("it is ours");
    assert_eq!(Token::of(&home).expect("a token").as_str(), tokens[0]);
    assert_eq!(mode(&file).expect("it is there"), 0o600);

    std::fs::write(&file, "short\n").expect("it is ours");
    let error = Token::of(&home).expect_err("that is no token");
    assert!(error.help().contains("--no-token"), "{error}");
}

#[test]
fn it_listens_to_this_machine_alone() {
    let data = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("auth-listen");
    for address in ["0.0.0.0:0", "192.0.2.1:4318", "[::]:0"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_agentops"))
            .args(["serve", "--addr", address, "--data"])
            .arg(&data)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{address}: {said}");
        assert!(said.contains("listen on 127.0.0.1"), "{address}: {said}");
        assert!(!data.exists(), "nothing was made");
    }
}
