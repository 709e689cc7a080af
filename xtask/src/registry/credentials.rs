//! Who Docker is logged in as: its `config.json`, and the programs that keep passwords for it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::Utf8PathBuf;
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::error::Error;
use crate::files;
use crate::oci::reference::DOCKER_HUB;
use crate::process::Command;

/// The name of Docker Hub in all that keeps passwords.
const DOCKER_HUB_SERVER: &str = "https://index.docker.io/v1/";

/// The user name that says that the secret is a token, and not a password.
const TOKEN_USER: &str = "<token>";

/// Who one is to a registry. It has no `Debug`, so that nobody prints it.
pub(super) enum Login {
    /// What `Basic` sends: user and password, encoded.
    Basic(String),
    /// A token that is exchanged for others.
    Identity(String),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    identitytoken: String,
}

/// What a program that keeps passwords answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    username: String,
    secret: String,
}

/// Who one is to a registry by Docker's configuration; nobody where it does not say.
///
/// # Errors
/// The configuration does not parse, or the program that keeps the password fails.
pub(super) fn login(registry: &str, environment: &BTreeMap<String, String>) -> Result<Option<Login>> {
    let Some(path) = docker_folder(environment).map(|folder| folder.join("config.json")) else { return Ok(None) };
    let Some(bytes) = files::read_if_exists(&path)? else { return Ok(None) };
    // What serde says of a broken file may show a part of it.
    let config: Config = serde_json::from_slice(&bytes).map_err(|error| {
        let place = format!("{path}:{}:{}", error.line(), error.column());
        Error::failure(format!("{place}: expected Docker's configuration, as JSON")).hint("`docker login` writes it")
    })?;
    let names = |name: &String| host(name) == registry;
    if let Some((_, helper)) = config.cred_helpers.iter().find(|(name, _)| names(name)) {
        return ask(helper, registry);
    }
    if !config.creds_store.is_empty() {
        return ask(&config.creds_store, registry);
    }
    let entry = config.auths.into_iter().find(|(name, _)| names(name));
    let login = entry.and_then(|(_, entry)| match entry {
        Entry { identitytoken, .. } if !identitytoken.is_empty() => Some(Login::Identity(identitytoken)),
        Entry { auth, .. } if !auth.is_empty() => Some(Login::Basic(auth)),
        _ => None,
    });
    Ok(login)
}

/// The folder of Docker's configuration; `None` without a home.
pub fn docker_folder(environment: &BTreeMap<String, String>) -> Option<Utf8PathBuf> {
    let folder = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(Utf8PathBuf::from);
    let home = || folder("HOME").or_else(|| folder("USERPROFILE")).map(|home| home.join(".docker"));
    folder("DOCKER_CONFIG").or_else(home)
}

/// The registry that a key means: `ghcr.io` for `https://ghcr.io/v2/`.
fn host(key: &str) -> &str {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    match key.split_once('/').map_or(key, |(host, _)| host) {
        "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
        host => host,
    }
}

/// Asks a program that keeps passwords.
fn ask(helper: &str, registry: &str) -> Result<Option<Login>> {
    let program = format!("docker-credential-{helper}");
    let server = if registry == DOCKER_HUB { DOCKER_HUB_SERVER } else { registry };
    let shell = Shell::new()?;
    let output = Command::from(cmd!(shell, "{program} get")).stdin(server).output();
    let output = output.with_context(|| format!("cannot ask for the password of {registry}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        if text.contains("credentials not found") {
            return Ok(None);
        }
        let text = text.trim().lines().next().unwrap_or("it says nothing").to_owned();
        return Err(Error::failure(format!("{program} does not tell the password of {registry}: {text}"))
            .hint(format!("`docker login {registry}`"))
            .into());
    }
    let kept: Kept = serde_json::from_slice(&output.stdout)
        .map_err(|_| Error::failure(format!("{program} answered something else than credentials of {registry}")))?;
    Ok(Some(match kept.username.as_str() {
        TOKEN_USER => Login::Identity(kept.secret),
        user => Login::Basic(STANDARD.encode(format!("{user}:{}", kept.secret))),
    }))
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    fn login_by(config: &str, registry: &str) -> Option<Result<String, String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("is UTF-8");
        files::write(&folder.join("config.json"), config.as_bytes()).expect("writes");
        let environment = BTreeMap::from([("DOCKER_CONFIG".to_owned(), folder.to_string())]);
        login(registry, &environment).expect("reads").map(|login| match login {
            Login::Basic(words) => Ok(words),
            Login::Identity(token) => Err(token),
        })
    }

    #[test]
    fn a_key_may_be_a_host_or_an_address() {
        for key in ["ghcr.io", "https://ghcr.io", "https://ghcr.io/v2/"] {
            let config = format!(r#"{{"auths": {{"{key}": {{"auth": "dTpw"}}, "quay.io": {{"auth": "eDp5"}}}}}}"#);
            assert_eq!(login_by(&config, "ghcr.io"), Some(Ok("dTpw".into())), "{key}");
        }
        let config = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "dTpw"}}}"#;
        assert_eq!(login_by(config, "docker.io"), Some(Ok("dTpw".into())));
        assert_eq!(login_by(config, "ghcr.io"), None);
    }

    #[test]
    fn a_token_is_told_from_a_password() {
        let config = r#"{"auths": {"a.azurecr.io": {"auth": "AAAA", "identitytoken": "t"}, "empty.io": {}}}"#;
        assert_eq!(login_by(config, "a.azurecr.io"), Some(Err("t".into())));
        assert_eq!(login_by(config, "empty.io"), None);
    }

    #[test]
    fn a_broken_configuration_is_named_and_not_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("is UTF-8");
        files::write(&folder.join("config.json"), br#"{"auths": {"x": "secret"}}"#).expect("writes");
        let environment = BTreeMap::from([("DOCKER_CONFIG".to_owned(), folder.to_string())]);
        let error = login("ghcr.io", &environment).err().expect("is broken").to_string();
        assert!(error.ends_with("config.json:1:24: expected Docker's configuration, as JSON"), "{error}");
    }
}
