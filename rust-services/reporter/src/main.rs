//! Reports periodically on the links that the link shortener's server keeps.

mod heartbeat;
mod report;

use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use clap::Parser;
use http::Uri;
use http::uri::PathAndQuery;
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use shared::{BaseUrl, Link, health, shutdown};
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

use crate::heartbeat::Heartbeat;
use crate::report::{Format, Report};

const INTERVALS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER: usize = 16 << 20;

/// Reports periodically on the links that the link shortener keeps
#[derive(Parser)]
#[command(version = shared::version(env!("CARGO_PKG_VERSION")))]
struct Args {
    /// URL of the server
    #[arg(long, env = "SERVER_URL", default_value = "http://localhost:8080")]
    server: BaseUrl,
    /// Time from one report to the next, such as 30s or 5m
    #[arg(long, env = "REPORT_INTERVAL", default_value = "1m", value_parser = parse_interval)]
    interval: Duration,
    /// How to write the report
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Address to answer health checks on
    #[arg(long, env = "LISTEN_ADDR", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Report once, and exit
    #[arg(long)]
    once: bool,
}

fn parse_interval(text: &str) -> anyhow::Result<Duration> {
    let interval = humantime::parse_duration(text)?;
    ensure!(INTERVALS.contains(&interval), "must be from 1s to 1day");
    Ok(interval)
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reporter: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(args: &Args) -> anyhow::Result<()> {
    let source = Source::new(&args.server);
    if args.once {
        return write_report(&source.links().await?, args.format);
    }
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("listen on {}", args.listen))?;
    let heartbeat = Arc::new(Heartbeat::new(3 * args.interval + TIMEOUT));
    tokio::select! {
        result = report_forever(&source, args, &heartbeat) => result,
        result = answer_health_checks(listener, Arc::clone(&heartbeat)) => result.context("answer health checks"),
        () = shutdown() => Ok(()),
    }
}

/// Reports on every tick. A server that does not answer may do so at the next; an output that is gone stays gone.
async fn report_forever(source: &Source, args: &Args, heartbeat: &Heartbeat) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(args.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        match source.links().await {
            Ok(links) => write_report(&links, args.format)?,
            Err(error) => eprintln!("reporter: {error:#}"),
        }
        heartbeat.beat();
    }
}

fn write_report(links: &[Link], format: Format) -> anyhow::Result<()> {
    Report::new(links).write(format, io::stdout().lock()).context("write the report")
}

async fn answer_health_checks(listener: TcpListener, heartbeat: Arc<Heartbeat>) -> io::Result<()> {
    let health = get(async move || health::answer(heartbeat.check(Instant::now())));
    axum::serve(listener, Router::new().route(health::PATH, health)).await
}

/// The server's list of links.
struct Source {
    client: Client<HttpConnector, Body>,
    url: Uri,
}

impl Source {
    fn new(server: &BaseUrl) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, url: server.with(PathAndQuery::from_static("/links")) }
    }

    async fn links(&self) -> anyhow::Result<Vec<Link>> {
        let links = tokio::time::timeout(TIMEOUT, self.get()).await;
        links
            .unwrap_or_else(|_| Err(anyhow!("no answer within {} s", TIMEOUT.as_secs())))
            .with_context(|| format!("get {}", self.url))
    }

    async fn get(&self) -> anyhow::Result<Vec<Link>> {
        let response = self.client.get(self.url.clone()).await?;
        ensure!(response.status().is_success(), "the server answered {}", response.status());
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(anyhow::Error::from_boxed)?;
        serde_json::from_slice(&body.to_bytes()).context("not a list of links")
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn an_interval_has_a_unit_and_is_within_reason() {
        assert_eq!(parse_interval("1m 30s").ok(), Some(Duration::from_secs(90)));
        for text in ["", "5", "-5s", "0s", "999ms", "25h", "500000000000y"] {
            assert!(parse_interval(text).is_err(), "{text}");
        }
    }
}
