//! A container of an image, as strict a platform as can be runs it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::testbed;

/// How long a service may take until it is healthy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running container. It is removed when it goes out of scope.
pub struct Container {
    id: String,
}

impl Container {
    /// Starts an image with a root file system that nothing can write to, and no capabilities.
    pub fn start(reference: &str, options: &[&str], arguments: &[&str]) -> Self {
        let strict = ["run", "--detach", "--read-only", "--cap-drop=ALL", "--network=host"];
        let words = [&strict, options, &[reference], arguments].concat();
        Self { id: testbed::read("docker", &words).trim().to_owned() }
    }

    /// Waits until the service answers 200 on `/healthz`.
    ///
    /// # Errors
    /// What it says when it ends before, or is not healthy in time.
    pub fn is_healthy(&self, address: &str) -> Result<(), String> {
        let start = Instant::now();
        loop {
            // Asking the engine takes the time that passes between two tries.
            let running = testbed::read("docker", &["inspect", "--format", "{{.State.Running}}", &self.id]);
            let answer = get(address, "/healthz").unwrap_or_else(|error| error.to_string());
            if answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.0 200 ") {
                return Ok(());
            }
            if running.trim() != "true" || start.elapsed() > PATIENCE {
                let log = testbed::run("docker", &["logs", &self.id]);
                return Err(format!("{answer}\n{}", String::from_utf8_lossy(&log.stderr)));
            }
        }
    }

    /// The numeric user and group that the first process runs as, as `65532:65532`.
    pub fn user(&self) -> String {
        let pid = testbed::read("docker", &["inspect", "--format", "{{.State.Pid}}", &self.id]);
        let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim())).expect("runs");
        let id = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("is there");
            line.split_whitespace().next().expect("has a number").to_owned()
        };
        format!("{}:{}", id("Uid:"), id("Gid:"))
    }

    /// Runs a program of the image beside it; whether it succeeds.
    pub fn exec(&self, words: &[&str]) -> bool {
        testbed::run("docker", &[&["exec", &self.id], words].concat()).status.success()
    }

    /// What the container wrote to its file system.
    pub fn writes(&self) -> String {
        testbed::read("docker", &["diff", &self.id])
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        testbed::run("docker", &["rm", "--force", "--volumes", &self.id]);
    }
}

/// What an image prints when it is run to its end with these arguments.
pub fn output(reference: &str, arguments: &[&str]) -> String {
    let strict = ["run", "--rm", "--read-only", "--cap-drop=ALL", "--network=none", reference];
    testbed::read("docker", &[&strict, arguments].concat())
}

/// What an image writes to its standard error when it is run to its end.
pub fn complaint(reference: &str) -> String {
    let output = testbed::run("docker", &["run", "--rm", "--network=none", reference]);
    assert!(output.status.success(), "{reference}: {output:?}");
    String::from_utf8(output.stderr).expect("is UTF-8")
}

/// An address of this machine that nothing listens on.
pub fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("is bound").to_string()
}

/// The answer to a request, head and body.
pub fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
