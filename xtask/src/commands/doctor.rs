//! `cargo xtask doctor`: can this machine build, and if not, what is missing.

mod cache;

use anyhow::Result;
use serde::Serialize;
use xshell::{Shell, cmd};

use super::repository::Repository;
use super::{Answer, environment};
use crate::engine::builder;
use crate::engine::cache::SHARED_SCOPE;
use crate::error::{ExitCode, describe};
use crate::process::Command;
use crate::report::to_json;

#[derive(Serialize)]
struct Document {
    ready: bool,
    checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    /// Something that is as it should be.
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, ok: true, found: found.into(), hint: None }
    }
}

/// `open` opens the repository that stands here, if one does.
pub(super) fn run(open: impl FnOnce() -> Result<Repository>, builder: Option<&str>, json: bool) -> Result<Answer> {
    let name = builder;
    let mut checks = vec![tool("docker client", "docker", "--version")];
    checks.push(check(
        "docker buildx",
        builder::check_buildx().map(|version| format!("{version} (least {})", builder::LEAST_BUILDX)),
    ));
    let inspected = builder::inspect(builder);
    let description = inspected.as_ref().map(|builder| {
        let buildkit = builder.buildkit.as_deref().unwrap_or("unknown");
        format!("{} (driver {}, BuildKit {buildkit}, {})", builder.name, builder.driver, builder.own_platform())
    });
    // Without buildx there is nobody to ask for a builder.
    if checks.iter().all(|check| check.ok) {
        checks.push(check("builder", description.map_err(|error| anyhow::anyhow!(describe(error)))));
    }
    if let Ok(builder) = &inspected {
        checks.push(Check::good(
            "limits",
            if builder.is_engine() {
                "loads into the engine; one platform at a time unless the containerd image store is on; no cache export"
            } else {
                "OCI layouts and pushes, several platforms, cache export; --load sends images to the engine"
            },
        ));
        checks.push(disk_use());
        checks.extend(cache::checks(name, builder));
        checks.extend(open().ok().and_then(|repository| cached_layers(&repository)).map(|image| cache::store(&image)));
    }
    // As discovery does, which asks the cargo that runs this tool.
    let cargo = environment().find_map(|(name, value)| (name == "CARGO").then_some(value));
    checks.push(tool("cargo", cargo.as_deref().unwrap_or("cargo"), "--version"));
    // Either engine will do.
    let can_bake = checks.iter().all(|check| check.ok);
    let compilers =
        [("go", "version"), ("rustc", "--version")].map(|(program, argument)| tool(program, program, argument));
    let cargo_is_there = checks.last().is_some_and(|cargo| cargo.ok);
    let can_build_alone = cargo_is_there && compilers.iter().all(|check| check.ok);
    checks.extend(compilers);
    let ready = can_bake || can_build_alone;
    checks.push(engines(can_bake, can_build_alone));
    let code = if ready { ExitCode::Success } else { ExitCode::CheckFailed };
    let stdout = if json { to_json(&Document { ready, checks }) } else { text(&checks) };
    Ok(Answer { stdout, code })
}

/// Where the layers of an image are, if the settings name a registry for them. All images have theirs in the same one.
fn cached_layers(repository: &Repository) -> Option<String> {
    let store = repository.settings.cache.as_ref()?;
    let plans = repository.plan().ok()?.plans;
    store.reference(SHARED_SCOPE, &plans.images.first()?.name)
}

/// Which engines this machine has.
fn engines(can_bake: bool, can_build_alone: bool) -> Check {
    let found = match (can_bake, can_build_alone) {
        (true, true) => "bake; native, with --engine native",
        (true, false) => "bake; native needs go and rustc",
        (false, true) => "native; bake needs docker, buildx and a builder",
        (false, false) => "none",
    };
    Check { name: "engines", ok: can_bake || can_build_alone, found: found.to_owned(), hint: None }
}

fn tool(name: &'static str, program: &str, arguments: &str) -> Check {
    let answer = Shell::new().map_err(anyhow::Error::from).and_then(|shell| {
        let arguments = arguments.split(' ');
        Command::from(cmd!(shell, "{program} {arguments...}")).read()
    });
    check(name, answer)
}

/// What the engine's build cache and images take on the disk.
fn disk_use() -> Check {
    let answer = Shell::new().map_err(anyhow::Error::from).and_then(|shell| {
        let format = "{{.Type}} {{.Size}}";
        Command::from(cmd!(shell, "docker system df --format {format}")).read()
    });
    // A builder without an engine has none to ask, and builds all the same.
    let found = answer.map_or_else(|_| "unknown".to_owned(), |text| text.lines().collect::<Vec<_>>().join(", "));
    Check::good("disk", found)
}

fn check(name: &'static str, answer: Result<String>) -> Check {
    match answer {
        Ok(found) => Check::good(name, found),
        Err(error) => {
            let text = describe(&error);
            let (found, hint) =
                text.split_once("\nhint: ").map_or((text.as_str(), None), |(a, b)| (a, Some(b.to_owned())));
            let found = found.trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned();
            Check { name, ok: false, found, hint }
        }
    }
}

fn text(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let mark = match (check.ok, &check.hint) {
            (true, None) => "ok     ",
            (true, Some(_)) => "note   ",
            (false, _) => "missing",
        };
        text.push_str(&format!("{mark}  {:<14} {}\n", check.name, check.found));
        if let Some(hint) = &check.hint {
            text.push_str(&format!("         {:<14} hint: {hint}\n", ""));
        }
    }
    text
}
