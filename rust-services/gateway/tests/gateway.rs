//! Runs the gateway in front of a stand-in for the server.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

/// A running gateway, which ends with the test.
struct Gateway {
    process: Child,
    log: BufReader<ChildStderr>,
    addr: SocketAddr,
}

impl Gateway {
    fn start(upstream: SocketAddr) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args(["--listen=127.0.0.1:0", "--timeout=1s"])
            .env("UPSTREAM_URL", format!("http://{upstream}"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut log = BufReader::new(process.stderr.take().expect("is piped"));
        let mut line = String::new();
        log.read_line(&mut line).expect("logs its address");
        let entry: serde_json::Value = serde_json::from_str(&line).expect("logs json");
        let addr = entry["fields"]["addr"].as_str().and_then(|addr| addr.parse().ok()).expect("logs its address");
        Self { process, log, addr }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> (Response<()>, String) {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.addr))
            .body(Body::from(body.to_owned()))
            .expect("is a request");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (head, body) = client.request(request).await.expect("answers").into_parts();
        let body = body.collect().await.expect("answers in full").to_bytes();
        (Response::from_parts(head, ()), String::from_utf8_lossy(&body).into_owned())
    }

    async fn status(&self, method: &str, path: &str) -> StatusCode {
        self.ask(method, path, "").await.0.status()
    }

    fn is_healthy(&self) -> bool {
        let mut check = Command::new(env!("CARGO_BIN_EXE_gateway"));
        check.arg("--healthcheck").env("LISTEN_ADDR", self.addr.to_string()).output().expect("runs").status.success()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server that answers with what it was asked, and never on `/links/slowslow`.
async fn upstream() -> SocketAddr {
    let app = Router::new().fallback(async |request: Request| {
        let (head, body) = request.into_parts();
        if head.uri.path() == "/links/slowslow" {
            std::future::pending::<()>().await;
        }
        let body = body.collect().await.expect("arrives in full").to_bytes();
        let id = head.headers["x-request-id"].to_str().expect("is text");
        format!("{} {} {} {}", head.method, head.uri, id, String::from_utf8_lossy(&body))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let addr = listener.local_addr().expect("is bound");
    tokio::spawn(async { axum::serve(listener, app).await });
    addr
}

#[tokio::test]
async fn public_routes_pass_and_others_do_not() {
    let gateway = Gateway::start(upstream().await);

    let (response, body) = gateway.ask("POST", "/links?a=b", "{}").await;
    let id = response.headers()["x-request-id"].to_str().expect("is text");
    assert_eq!(body, format!("POST /links?a=b {id} {{}}"));

    for (method, path) in [("GET", "/"), ("GET", "/links"), ("GET", "/links/abcd2345"), ("HEAD", "/abcd2345")] {
        assert_eq!(gateway.status(method, path).await, StatusCode::OK, "{method} {path}");
    }
    for (method, path) in [("GET", "/metrics"), ("GET", "/%6detrics"), ("PUT", "/links/abcd2345/check"), ("GET", "//")]
    {
        assert_eq!(gateway.status(method, path).await, StatusCode::NOT_FOUND, "{method} {path}");
    }
    assert_eq!(gateway.status("DELETE", "/links").await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(gateway.status("GET", "/links/slowslow").await, StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test]
async fn health_is_its_own_and_sigterm_ends_it() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("binds").local_addr().expect("is bound");
    let mut gateway = Gateway::start(nobody);
    assert_eq!(gateway.status("GET", "/links").await, StatusCode::BAD_GATEWAY);
    assert_eq!(gateway.ask("GET", "/healthz", "").await.1, "ok\n");
    assert!(gateway.is_healthy());

    let kill = format!("kill -TERM {}", gateway.process.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("runs").success());
    let mut rest = String::new();
    gateway.log.read_to_string(&mut rest).expect("ends its log");
    assert!(rest.contains("\"stopped\""), "{rest}");
    assert!(gateway.process.wait().expect("ends").success());
    assert!(!gateway.is_healthy());
}
