//! Runs the reporter and its health check beside a stand-in for the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

const LINKS: &str = r#"[
    {"code":"abcd2345","url":"https://go.dev","created_at":"2026-01-02T03:04:05Z"},
    {"code":"efgh2345","url":"https://a.test","created_at":"2026-01-02T03:04:05Z",
     "check":{"ok":false,"status":410,"checked_at":"2026-01-02T03:04:05Z"}}
]"#;

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Answers every request with one status and body.
fn serve(status: &'static str, body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let addr = listener.local_addr().expect("is bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("is asked");
            let length = stream.read(&mut [0; 1024]).expect("reads");
            assert!(length > 0);
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
                .expect("answers");
        }
    });
    addr
}

fn reporter(server: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reporter"));
    command.env("SERVER_URL", format!("http://{server}"));
    command
}

fn health(addr: SocketAddr) -> Output {
    Command::new(env!("CARGO_BIN_EXE_reporter-health")).env("LISTEN_ADDR", addr.to_string()).output().expect("runs")
}

#[test]
fn once_reports_and_exits() {
    let output = reporter(serve("200 OK", LINKS)).arg("--once").output().expect("runs");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && report.ends_with("\nefgh2345   410   https://a.test\n"), "{output:?}");
}

#[test]
fn once_fails_with_the_server() {
    for (status, body, complaint) in
        [("500 Internal Server Error", "", "the server answered 500"), ("200 OK", "<html>", "not a list of links")]
    {
        let output = reporter(serve(status, body)).arg("--once").output().expect("runs");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(message.starts_with("reporter: get http://") && message.contains(complaint), "{message}");
    }
}

#[test]
fn reports_again_and_answers_its_health_check() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("binds");
    assert!(!health(free).status.success());

    let mut command = reporter(serve("200 OK", LINKS));
    command.args(["--format=json", "--interval=1s"]).env("LISTEN_ADDR", free.to_string()).stdout(Stdio::piped());
    let mut process = Running(command.spawn().expect("starts"));
    let lines = BufReader::new(process.0.stdout.take().expect("is piped")).lines();
    for line in lines.take(2) {
        assert!(line.expect("is text").starts_with(r#"{"total":2,"#));
    }
    let output = health(free);
    assert!(output.status.success(), "{output:?}");
}
