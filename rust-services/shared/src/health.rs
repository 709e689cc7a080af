//! Health checks: how the services answer them and make them. A program that asks itself needs neither a shell nor
//! curl in its image.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

/// Where all services answer health checks.
pub const PATH: &str = "/healthz";

const TIMEOUT: Duration = Duration::from_secs(2);
const MAX_ANSWER: u64 = 4 << 10;

/// Why a service is not healthy.
#[derive(Debug, Error)]
pub enum Unhealthy {
    /// It did not answer.
    #[error("unhealthy: no answer from {0}: {1}")]
    NoAnswer(SocketAddr, io::Error),
    /// It answered with a complaint.
    #[error("unhealthy: {0}")]
    Complaint(String),
}

/// The answer to a health check: 200, or 503 and what is wrong.
#[must_use]
pub fn answer(health: Result<(), String>) -> (StatusCode, String) {
    match health {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(complaint) => (StatusCode::SERVICE_UNAVAILABLE, complaint + "\n"),
    }
}

/// Asks the service that listens on `address` for its health. An address such as `0.0.0.0:80` means this machine.
///
/// # Errors
/// The service is not healthy.
pub fn probe(mut address: SocketAddr) -> Result<(), Unhealthy> {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    let answer = ask(address).map_err(|error| Unhealthy::NoAnswer(address, error))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default();
    match status.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(Unhealthy::Complaint(format!("{status}: {}", body.trim()))),
    }
}

/// One request is not worth an HTTP client: the service closes the connection after its answer.
fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!("GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What [`probe`] makes of an answer.
    fn probe_of(answer: &'static str) -> Result<(), String> {
        let listener = TcpListener::bind("0.0.0.0:0").expect("binds");
        let address = listener.local_addr().expect("is bound");
        let service = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("is asked");
            let mut request = [0; 512];
            let length = stream.read(&mut request).expect("reads");
            assert!(request[..length].starts_with(b"GET /healthz HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).expect("answers");
        });
        let health = probe(address).map_err(|error| error.to_string());
        service.join().expect("the service has answered");
        health
    }

    #[test]
    fn only_200_is_healthy() {
        assert_eq!(probe_of("HTTP/1.1 200 OK\r\n\r\nok\n"), Ok(()));
        let stalled = probe_of("HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\nstalled\n");
        assert_eq!(stalled, Err("unhealthy: HTTP/1.1 503 Service Unavailable: stalled".to_owned()));
        assert!(probe_of("").is_err());
        assert!(probe_of("SSH-2.0-200").is_err());
    }
}
