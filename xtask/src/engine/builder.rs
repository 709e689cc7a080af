//! The builder that buildx would use: is it there, is it new enough, what can it do.

mod choice;
pub mod kept;

use std::collections::BTreeMap;
use std::process::Output;
use std::thread::{self, JoinHandle};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use xshell::{Shell, cmd};

use crate::error::Error;
use crate::files;
use crate::process::Command;

/// The least buildx: `--allow` is understood, and file system access outside the repository is asked for.
pub const LEAST_BUILDX: Version = Version { major: 0, minor: 20 };

/// The least BuildKit: it understands the file modes of the generated Dockerfiles.
pub const LEAST_BUILDKIT: Version = Version { major: 0, minor: 20 };

/// A release, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// A builder that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// Its name.
    pub name: String,
    /// Its driver, as `docker` or `docker-container`.
    pub driver: String,
    /// The platforms it builds for, its own first.
    pub platforms: Vec<String>,
    /// The release of BuildKit.
    pub buildkit: Option<String>,
    /// The program of buildx, where docker names it.
    #[serde(default)]
    pub buildx: Option<Utf8PathBuf>,
}

impl Builder {
    /// The program that `docker buildx` would start. Started by itself it does the same, a tenth of a second earlier.
    pub fn buildx(&self) -> Option<&Utf8Path> {
        self.buildx.as_deref().filter(|program| files::exists(program))
    }

    /// Whether its images land in the image store of the Docker engine without being sent there.
    pub fn is_engine(&self) -> bool {
        self.driver == "docker"
    }

    /// The release of its BuildKit, where that is too old. Some distributions name none.
    fn too_old(&self) -> Option<Version> {
        let version = self.buildkit.as_deref().and_then(parse_version)?;
        (version != Version { major: 0, minor: 0 } && version < LEAST_BUILDKIT).then_some(version)
    }

    /// The platform it builds for when none is asked for.
    pub fn own_platform(&self) -> &str {
        self.platforms.first().map_or("linux/amd64", String::as_str)
    }
}

/// Variables that decide which builder answers to a name.
const CHOOSING: [&str; 5] = ["BUILDX_BUILDER", "BUILDX_CONFIG", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_HOST"];

/// Which builder is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    name: Option<String>,
    environment: BTreeMap<String, String>,
}

/// A builder that was asked and has yet to answer.
#[derive(Debug)]
pub struct Asked(JoinHandle<Result<Builder>>);

impl Question {
    /// The builder of that name, or the current one in this environment.
    pub fn new(name: Option<&str>, environment: impl Iterator<Item = (String, String)>) -> Self {
        let environment = environment.filter(|(name, _)| CHOOSING.contains(&name.as_str())).collect();
        Self { name: name.map(str::to_owned), environment }
    }

    /// The same for the same question.
    pub fn key(&self) -> String {
        let variables = self.environment.iter().map(|(name, value)| format!(" {name}={value}"));
        format!("{}{}", self.name.as_deref().unwrap_or("current"), variables.collect::<String>())
    }

    /// The variables that decide which builder answers, where they are set.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Asks in the background. A builder that answered before did so to a buildx that is new enough.
    pub fn ask(&self, has_answered: bool) -> Asked {
        let name = self.name.clone();
        Asked(thread::spawn(move || {
            let buildx = thread::spawn(find_buildx);
            if !has_answered {
                check_buildx()?;
            }
            let builder = inspect(name.as_deref())?;
            Ok(Builder { buildx: buildx.join().ok().flatten(), ..builder })
        }))
    }
}

impl Asked {
    /// Waits for the answer.
    ///
    /// # Errors
    /// Those of [`check_buildx`] and [`inspect`].
    pub fn answer(self) -> Result<Builder> {
        self.0.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The release of the installed buildx.
///
/// # Errors
/// No docker on PATH, no buildx, or one that is older than [`LEAST_BUILDX`].
pub fn check_buildx() -> Result<Version> {
    let shell = Shell::new()?;
    let output = Command::from(cmd!(shell, "docker buildx version")).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(version) = parse_buildx_version(&text).filter(|_| output.status.success()) else {
        return Err(Error::failure("docker has no buildx")
            .hint(
                "install the buildx plugin (package docker-buildx-plugin or docker-buildx), then `cargo xtask doctor`",
            )
            .into());
    };
    if version < LEAST_BUILDX {
        return Err(Error::failure(format!("buildx {version} is too old: {LEAST_BUILDX} is the least"))
            .hint("upgrade the buildx plugin (package docker-buildx-plugin or docker-buildx)")
            .into());
    }
    Ok(version)
}

/// The program of docker's buildx. What stands in for docker, as podman does, names none.
fn find_buildx() -> Option<Utf8PathBuf> {
    let format = r#"{{range .ClientInfo.Plugins}}{{if eq .Name "buildx"}}{{.Path}}{{end}}{{end}}"#;
    let shell = Shell::new().ok()?;
    // Only the client is asked: an engine would take its time to count its containers.
    let asked = cmd!(shell, "docker info --format {format}").env("DOCKER_HOST", "unix:///dev/null");
    let output = Command::from(asked).output().ok()?;
    let path = Utf8PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    path.is_absolute().then_some(path)
}

/// The builder of that name, or the current one.
///
/// # Errors
/// No such builder, it does not answer, or its BuildKit is older than [`LEAST_BUILDKIT`].
pub fn inspect(name: Option<&str>) -> Result<Builder> {
    let mut output = run_inspect(name, None)?;
    // One of a container that was made and never used starts with its first build; until then it knows no platforms.
    if output.status.success() && is_inactive(&String::from_utf8_lossy(&output.stdout)) {
        output = run_inspect(name, Some("--bootstrap"))?;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    if let Some(builder) = parse_builder(&text).filter(|_| output.status.success()) {
        return match builder.too_old() {
            Some(version) => Err(Error::failure(format!(
                "the builder `{}` has BuildKit {version}: {LEAST_BUILDKIT} is the least",
                builder.name
            ))
            .hint("upgrade Docker, or `docker buildx create --use` makes a builder with a newer one")
            .into()),
            None => Ok(builder),
        };
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let words = stderr.trim().lines().next_back().map(|line| line.trim_start_matches("ERROR: "));
    let words = words.or_else(|| field(&text, "Error")).unwrap_or("it gives no reason");
    let who = name.map_or_else(|| "the current builder".to_owned(), |name| format!("the builder `{name}`"));
    let hint = "start Docker, or name a builder that runs with --builder (`docker buildx ls` shows them)";
    Err(Error::failure(format!("{who} does not answer: {words}")).hint(hint).into())
}

fn run_inspect(name: Option<&str>, option: Option<&str>) -> Result<Output> {
    let shell = Shell::new()?;
    Command::from(cmd!(shell, "docker buildx inspect {option...} {name...}")).output()
}

fn is_inactive(text: &str) -> bool {
    field(text, "Error").is_none() && field(text, "Status") == Some("inactive")
}

/// Reads `github.com/docker/buildx v0.29.1 …`.
fn parse_buildx_version(text: &str) -> Option<Version> {
    parse_version(text.split_whitespace().nth(1)?)
}

fn parse_version(word: &str) -> Option<Version> {
    let mut numbers = word.trim_start_matches('v').split(['.', '-', '+']);
    Some(Version { major: numbers.next()?.parse().ok()?, minor: numbers.next()?.parse().ok()? })
}

/// Reads what `docker buildx inspect` prints. A builder whose node has an error does not count.
fn parse_builder(text: &str) -> Option<Builder> {
    if field(text, "Error").is_some() {
        return None;
    }
    let platforms = field(text, "Platforms")?;
    Some(Builder {
        name: field(text, "Name")?.to_owned(),
        driver: field(text, "Driver")?.to_owned(),
        platforms: platforms.split(',').map(|platform| platform.trim().trim_end_matches('*').to_owned()).collect(),
        buildkit: field(text, "BuildKit version").or_else(|| field(text, "Buildkit")).map(str::to_owned),
        buildx: None,
    })
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_releases_and_of_distributions() {
        for (text, expected) in [
            ("github.com/docker/buildx v0.29.1 a1b2", Some((0, 29))),
            ("github.com/docker/buildx 0.13.1+ds1 ", Some((0, 13))),
            ("github.com/docker/buildx v1.0-rc1 x", Some((1, 0))),
            ("docker: 'buildx' is not a docker command", None),
            ("", None),
        ] {
            let version = parse_buildx_version(text).map(|version| (version.major, version.minor));
            assert_eq!(version, expected, "{text}");
        }
    }

    #[test]
    fn a_builder_with_an_error_does_not_count() {
        let text = "Name:   default\nDriver: docker\n\nNodes:\nName:      default\nEndpoint:  default\nError:     Cannot connect\n";
        assert_eq!(parse_builder(text), None);
    }

    #[test]
    fn a_buildkit_is_too_old_only_where_its_release_is_known() {
        for (version, expected) in
            [("v0.19.3", true), ("v0.20.0", false), ("0.26.2", false), ("v1.0.0", false), ("v0.0.0+unknown", false)]
        {
            let text = format!("Name: a\nDriver: docker\nBuildKit version: {version}\nPlatforms: linux/amd64\n");
            let builder = parse_builder(&text).expect("parses");
            assert_eq!(builder.too_old().is_some(), expected, "{version}");
        }
    }

    #[test]
    fn the_first_platform_is_its_own() {
        let text = "Name:          default\nDriver:        docker\n\nNodes:\nName:      default\nStatus:    running\n\
                    BuildKit version: v0.26.2\nPlatforms: linux/amd64*, linux/arm64\n";
        let builder = parse_builder(text).expect("parses");
        assert_eq!(builder.own_platform(), "linux/amd64");
        assert_eq!(builder.buildkit.as_deref(), Some("v0.26.2"));
        assert!(builder.is_engine());
    }
}
