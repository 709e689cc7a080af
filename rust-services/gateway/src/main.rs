//! A gateway in front of the link shortener's server: it lets the public routes through, and nothing else.

mod proxy;
mod request_id;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use axum::routing::get;
use axum::{Router, middleware};
use clap::Parser;
use shared::{BaseUrl, health, shutdown};
use tokio::net::TcpListener;

/// How long open requests may take once the gateway is to stop. It stays below the 10 seconds that Docker waits between
/// SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(8);

/// Lets the public part of the link shortener through, and nothing else
#[derive(Parser)]
#[command(version = shared::version(env!("CARGO_PKG_VERSION")))]
struct Args {
    /// Address to listen on
    #[arg(long, env = "LISTEN_ADDR", default_value = "0.0.0.0:8000")]
    listen: SocketAddr,
    /// URL of the server
    #[arg(long, env = "UPSTREAM_URL", default_value = "http://localhost:8080")]
    upstream: BaseUrl,
    /// How long the server may take to answer
    #[arg(long, env = "UPSTREAM_TIMEOUT", default_value = "5s")]
    timeout: humantime::Duration,
    /// Ask the gateway at the address for its health, and exit 0 or 1
    #[arg(long)]
    healthcheck: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let result = if args.healthcheck { health::probe(args.listen).map_err(Into::into) } else { run(args) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(args: Args) -> anyhow::Result<()> {
    tracing_subscriber::fmt().json().with_span_list(false).with_writer(std::io::stderr).init();

    let app = proxy::router(args.upstream, args.timeout.into())
        .layer(middleware::from_fn(request_id::with_request_id))
        .route(health::PATH, get(|| async { health::answer(Ok(())) }));
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("listen on {}", args.listen))?;
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(addr = %listener.local_addr()?, version, "listening");
    serve(listener, app).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Serves until the process is asked to stop, and then finishes what is under way, within [`GRACE`].
async fn serve(listener: TcpListener, app: Router) -> std::io::Result<()> {
    let overdue = async {
        shutdown().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = axum::serve(listener, app).with_graceful_shutdown(shutdown()) => result,
        () = overdue => {
            tracing::warn!("gave up on requests that are still open");
            Ok(())
        }
    }
}
