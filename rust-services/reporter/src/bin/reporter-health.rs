//! The reporter's health check: asks the reporter whether it still reports, and exits 0 or 1.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;

/// Asks the reporter whether it still reports, and exits 0 or 1
#[derive(Parser)]
#[command(name = "reporter-health", version = shared::version(env!("CARGO_PKG_VERSION")))]
struct Args {
    /// Address at which the reporter answers health checks
    #[arg(long, env = "LISTEN_ADDR", default_value = "127.0.0.1:8090")]
    address: SocketAddr,
}

fn main() -> ExitCode {
    match shared::health::probe(Args::parse().address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reporter-health: {error}");
            ExitCode::FAILURE
        }
    }
}
