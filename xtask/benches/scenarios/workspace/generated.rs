//! A larger workspace. Its services are small, and their dependencies are those of real ones.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Edits, Place, Workspace, empty, write};

const GO_SERVICES: usize = 20;
const RUST_SERVICES: usize = 10;

/// The kinds of Go services, which take turns.
const GO_KINDS: [&str; 4] = [GO_GRPC, GO_METRICS, GO_COMMAND, GO_STORE];

/// The kinds of Rust services, with their dependencies.
const RUST_KINDS: [(&str, &str); 3] = [
    (RUST_SERVER, "axum tokio tracing tracing-subscriber tower-http uuid"),
    (RUST_COMMAND, "clap regex serde serde_json"),
    (RUST_METRICS, "axum tokio prometheus chrono"),
];

pub(super) fn workspace(folder: Utf8PathBuf) -> Workspace {
    empty(&folder);
    let go: Vec<_> = (1..=GO_SERVICES).map(|index| format!("go-{index:02}")).collect();
    let rust: Vec<_> = (1..=RUST_SERVICES).map(|index| format!("rust-{index:02}")).collect();
    write_go(&folder.join("go-services"), &go);
    write_rust(&folder.join("rust-services"), &rust);
    Workspace {
        go,
        rust: rust.into_iter().map(|name| (name.clone(), vec![name])).collect(),
        rust_image: "rust:1.95-slim-trixie",
        edits: edits(),
        folder,
    }
}

fn write_go(module: &Utf8Path, services: &[String]) {
    write(&module.join("go.mod"), GO_MOD);
    write(&module.join("internal/shared/shared.go"), GO_SHARED);
    for (service, kind) in services.iter().zip(GO_KINDS.iter().cycle()) {
        let folder = module.join("cmd").join(service);
        write(&folder.join("main.go"), kind.replace("$NAME", service));
        write(&folder.join("main_test.go"), GO_TEST);
        write(&folder.join("image.toml"), "budget = \"100 MB\"\n");
    }
    resolve(module, "go", &["mod", "tidy"]);
}

fn write_rust(workspace: &Utf8Path, services: &[String]) {
    let members: Vec<_> = services.iter().map(|service| format!("\"{service}\"")).collect();
    write(&workspace.join("Cargo.toml"), RUST_WORKSPACE.replace("$MEMBERS", &members.join(", ")));
    write(&workspace.join("shared/Cargo.toml"), RUST_SHARED_MANIFEST);
    write(&workspace.join("shared/src/lib.rs"), RUST_SHARED);
    for (service, (source, dependencies)) in services.iter().zip(RUST_KINDS.iter().cycle()) {
        let folder = workspace.join(service);
        let dependencies: String =
            dependencies.split(' ').map(|dependency| format!("{dependency}.workspace = true\n")).collect();
        write(&folder.join("Cargo.toml"), RUST_MANIFEST.replace("$NAME", service) + &dependencies);
        write(&folder.join("src/main.rs"), source.replace("$NAME", service));
        write(&folder.join("tests/service.rs"), "//! Tests.\n\n#[test]\nfn passes() {}\n");
    }
    resolve(workspace, "cargo", &["generate-lockfile", "--quiet"]);
}

/// Has the versions of the dependencies chosen, with those of the dependencies' own.
fn resolve(folder: &Utf8Path, program: &str, words: &[&str]) {
    let output = Command::new(program).args(words).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {} failed in {folder}: {stderr}", words.join(" "));
}

fn edits() -> Edits {
    Edits {
        go_service: "go-01",
        go_line: Place { path: "go-services/cmd/go-01/main.go", old: "go-01: failed", new: "go-01: {n} failed" },
        go_shared: Place { path: "go-services/internal/shared/shared.go", old: "is ready", new: "is ready {n}" },
        rust_service: "rust-01",
        rust_line: Place { path: "rust-services/rust-01/src/main.rs", old: "listening", new: "listening {n}" },
        rust_shared: Place { path: "rust-services/shared/src/lib.rs", old: "is ready", new: "is ready {n}" },
        unread: vec![
            Place { path: "go-services/cmd/go-01/main_test.go", old: "package main", new: "package main // {n}" },
            Place { path: "rust-services/rust-01/tests/service.rs", old: "Tests", new: "Tests {n}" },
            Place { path: "go-services/README.md", old: "", new: "Remark {n}.\n" },
            Place { path: "rust-services/rust-01/README.md", old: "", new: "Remark {n}.\n" },
            Place { path: "go-services/cmd/go-02/main.go", old: "go-02: failed", new: "go-02: {n} failed" },
            Place { path: "rust-services/rust-02/src/main.rs", old: "lines match", new: "lines match {n}" },
            Place { path: "go-services/cmd/go-01/image.toml", old: "100 MB", new: "{n} MB" },
            Place { path: "rust-services/rust-01/Cargo.toml", old: "100 MB", new: "{n} MB" },
        ],
        versioned: "rust-02",
        version: [
            Place { path: "rust-services/rust-02/Cargo.toml", old: "\"0.1.0\"", new: "\"0.2.{n}\"" },
            Place {
                path: "rust-services/Cargo.lock",
                old: "name = \"rust-02\"\nversion = \"0.1.0\"",
                new: "name = \"rust-02\"\nversion = \"0.2.{n}\"",
            },
        ],
    }
}

const GO_MOD: &str = "module example.com/generated

go 1.26.0

require (
	github.com/google/uuid v1.6.0
	github.com/prometheus/client_golang v1.25.0
	github.com/spf13/cobra v1.10.2
	go.etcd.io/bbolt v1.5.0
	go.uber.org/zap v1.28.0
	golang.org/x/sync v0.24.0
	google.golang.org/grpc v1.85.0
	gopkg.in/yaml.v3 v3.0.1
)
";

const GO_TEST: &str = "package main

import \"testing\"

func TestNothing(*testing.T) {}
";

const GO_SHARED: &str = r#"// Package shared is what all services have in common.
package shared

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
)

// Listen opens the address of a service.
func Listen(name string) (net.Listener, error) {
	listener, err := net.Listen("tcp", os.Getenv("LISTEN"))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	slog.Info("is ready", "service", name, "address", listener.Addr())
	return listener, nil
}

// Context ends when the service is asked to.
func Context() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}
"#;

const GO_GRPC: &str = r#"// Command $NAME answers health checks over gRPC.
package main

import (
	"log/slog"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"example.com/generated/internal/shared"
)

func main() {
	if err := run(); err != nil {
		slog.Error("$NAME: failed", "error", err)
		os.Exit(1)
	}
}

func run() error {
	listener, err := shared.Listen("$NAME")
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	return server.Serve(listener)
}
"#;

const GO_METRICS: &str = r#"// Command $NAME shows metrics.
package main

import (
	"log/slog"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/generated/internal/shared"
)

func main() {
	listener, err := shared.Listen("$NAME")
	if err == nil {
		requests := prometheus.NewCounter(prometheus.CounterOpts{Name: "requests_total", Help: "All requests."})
		prometheus.MustRegister(requests)
		http.Handle("/metrics", promhttp.Handler())
		err = http.Serve(listener, nil)
	}
	slog.Error("$NAME: failed", "error", err)
	os.Exit(1)
}
"#;

const GO_COMMAND: &str = r#"// Command $NAME reads settings.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"example.com/generated/internal/shared"
)

func main() {
	command := &cobra.Command{Use: "$NAME", RunE: func(command *cobra.Command, arguments []string) error {
		settings := map[string]any{}
		if err := yaml.NewDecoder(command.InOrStdin()).Decode(&settings); err != nil {
			return fmt.Errorf("$NAME: failed: %w", err)
		}
		listener, err := shared.Listen(fmt.Sprint(settings["name"]))
		if err != nil {
			return err
		}
		return listener.Close()
	}}
	if err := command.Execute(); err != nil {
		os.Exit(1)
	}
}
"#;

const GO_STORE: &str = r#"// Command $NAME keeps numbers.
package main

import (
	"os"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"example.com/generated/internal/shared"
)

func main() {
	log := zap.Must(zap.NewProduction())
	if err := run(); err != nil {
		log.Error("$NAME: failed", zap.Error(err))
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := shared.Context()
	defer stop()
	store, err := bbolt.Open(os.Getenv("STORE"), 0o600, nil)
	if err != nil {
		return err
	}
	defer store.Close()
	group, _ := errgroup.WithContext(ctx)
	group.Go(func() error {
		return store.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("$NAME"))
			if err != nil {
				return err
			}
			return bucket.Put([]byte("run"), []byte(uuid.NewString()))
		})
	})
	return group.Wait()
}
"#;

const RUST_WORKSPACE: &str = r#"[workspace]
members = [$MEMBERS, "shared"]
resolver = "3"

[workspace.dependencies]
axum = "0.8"
chrono = "0.4"
clap = { version = "4", features = ["derive"] }
prometheus = { version = "0.14", default-features = false }
regex = "1"
serde = { version = "1", features = ["derive"] }
serde_json = "1"
shared = { path = "shared" }
tokio = { version = "1", features = ["macros", "net", "rt-multi-thread", "signal", "time"] }
tower-http = { version = "0.7", features = ["trace"] }
tracing = "0.1"
tracing-subscriber = { version = "0.3", features = ["json"] }
uuid = { version = "1", features = ["v4"] }
"#;

const RUST_MANIFEST: &str = r#"[package]
name = "$NAME"
version = "0.1.0"
edition = "2024"

[[bin]]
name = "$NAME"
path = "src/main.rs"

[package.metadata.image]
budget = "100 MB"

[dependencies]
shared.workspace = true
"#;

const RUST_SHARED_MANIFEST: &str = r#"[package]
name = "shared"
version = "0.1.0"
edition = "2024"

[dependencies]
serde.workspace = true
serde_json.workspace = true
"#;

const RUST_SHARED: &str = r#"//! What the services have in common.

use serde::Serialize;

/// What a service says of itself.
#[derive(Debug, Serialize)]
pub struct Status<'a> {
    /// Its name.
    pub service: &'a str,
    /// Its version.
    pub version: &'a str,
    /// What it does.
    pub message: &'a str,
}

/// The status of a service that has started, as JSON.
pub fn ready(service: &str, version: &str) -> String {
    serde_json::to_string(&Status { service, version, message: "is ready" }).unwrap_or_default()
}
"#;

const RUST_SERVER: &str = r#"//! Answers over HTTP.

use axum::Router;
use axum::routing::get;
use tower_http::trace::TraceLayer;
use uuid::Uuid;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt().json().init();
    let status = shared::ready("$NAME", env!("CARGO_PKG_VERSION"));
    let app = Router::new()
        .route("/", get(async || Uuid::new_v4().to_string()))
        .route("/status", get(async move || status))
        .layer(TraceLayer::new_for_http());
    let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
    tracing::info!("listening");
    axum::serve(listener, app).await
}
"#;

const RUST_COMMAND: &str = r#"//! Counts lines.

use clap::Parser;
use regex::Regex;

/// Counts the lines that match
#[derive(Parser, serde::Serialize)]
#[command(version)]
struct Arguments {
    /// The pattern
    pattern: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    println!("{}", shared::ready("$NAME", env!("CARGO_PKG_VERSION")));
    let pattern = Regex::new(&arguments.pattern)?;
    let lines = std::io::stdin().lines().map_while(Result::ok);
    let count = lines.filter(|line| pattern.is_match(line)).count();
    println!("{count} lines match {}", serde_json::to_string(&arguments)?);
    Ok(())
}
"#;

const RUST_METRICS: &str = r#"//! Shows metrics.

use axum::Router;
use axum::routing::get;
use prometheus::{IntCounter, Registry, TextEncoder};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new();
    let requests = IntCounter::new("requests_total", "All requests")?;
    registry.register(Box::new(requests.clone()))?;
    println!("{} {}", shared::ready("$NAME", env!("CARGO_PKG_VERSION")), chrono::Utc::now());
    let metrics = async move || {
        requests.inc();
        TextEncoder::new().encode_to_string(&registry.gather()).unwrap_or_default()
    };
    let app = Router::new().route("/metrics", get(metrics));
    let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
"#;
