//! Who one is to a registry: what `docker login` and `podman login` wrote, and the programs that keep passwords for them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::{Utf8Path, Utf8PathBuf};
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
#[derive(Clone)]
pub(super) enum Login {
    /// What `Basic` sends: user and password, encoded.
    Basic(String),
    /// A token that is exchanged for others.
    Identity(String),
    /// A token that the registry itself takes.
    Registry(String),
}

/// The files of this machine that know who one is, and what the programs that they name have answered. The first that
/// knows a repository has the word.
pub(super) struct Logins {
    files: Vec<LoginFile>,
    /// By program and server.
    answers: BTreeMap<(String, String), Option<Login>>,
}

/// A file of the form of Docker's `config.json`, which podman's `auth.json` has too.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LoginFile {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

/// What a program that keeps passwords answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    username: String,
    secret: String,
}

impl Logins {
    /// Reads the files that there are.
    ///
    /// # Errors
    /// One of them does not parse.
    pub(super) fn read(environment: &BTreeMap<String, String>) -> Result<Self> {
        let mut files = Vec::new();
        if let Some(text) = variable(environment, "DOCKER_AUTH_CONFIG") {
            files.push(LoginFile::parse("DOCKER_AUTH_CONFIG", text.as_bytes())?);
        }
        for path in paths(environment) {
            let bytes = files::read_if_exists(&path)?;
            files.extend(bytes.map(|bytes| LoginFile::parse(path.as_str(), &bytes)).transpose()?);
        }
        Ok(Self { files, answers: BTreeMap::new() })
    }

    /// Who one is in a repository; nobody where no file says.
    ///
    /// # Errors
    /// The program that keeps the password fails, and no other file knows the repository.
    pub(super) fn find(&mut self, registry: &str, path: &str) -> Result<Option<Login>> {
        let mut failure = None;
        for file in &self.files {
            match file.find(registry, path, &mut self.answers) {
                Ok(Some(login)) => return Ok(Some(login)),
                Ok(None) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(None), Err)
    }
}

impl LoginFile {
    fn parse(place: &str, bytes: &[u8]) -> Result<Self> {
        // What serde says of a broken file may show a part of it.
        serde_json::from_slice(bytes).map_err(|error| {
            let place = format!("{place}:{}:{}", error.line(), error.column());
            Error::failure(format!("{place}: expected logins to registries, as JSON"))
                .hint("`docker login` and `podman login` write it")
                .into()
        })
    }

    /// What this file says of a repository: of its whole path, else of the folders above it, else of its registry.
    fn find(
        &self,
        registry: &str,
        path: &str,
        answers: &mut BTreeMap<(String, String), Option<Login>>,
    ) -> Result<Option<Login>> {
        let whole = format!("{registry}/{path}");
        for name in Utf8Path::new(&whole).ancestors().filter(|name| !name.as_str().is_empty()) {
            let names = |key: &&String| server(key) == name.as_str();
            let helper = self.cred_helpers.iter().find(|(key, _)| names(key)).map(|(_, helper)| helper);
            let store = (name == registry && !self.creds_store.is_empty()).then_some(&self.creds_store);
            for helper in helper.into_iter().chain(store) {
                let key = (helper.clone(), name.to_string());
                let login = match answers.get(&key) {
                    Some(login) => login.clone(),
                    None => answers.entry(key).or_insert(ask(helper, name.as_str())?).clone(),
                };
                if login.is_some() {
                    return Ok(login);
                }
            }
            let entry = self.auths.iter().find(|(key, _)| names(key)).and_then(|(_, entry)| entry.login());
            if entry.is_some() {
                return Ok(entry);
            }
        }
        Ok(None)
    }
}

impl Entry {
    fn login(&self) -> Option<Login> {
        let Self { auth, username, password, identitytoken, registrytoken } = self;
        match () {
            () if !identitytoken.is_empty() => Some(Login::Identity(identitytoken.clone())),
            () if !registrytoken.is_empty() => Some(Login::Registry(registrytoken.clone())),
            () if !auth.is_empty() => Some(Login::Basic(auth.clone())),
            () if !username.is_empty() => Some(Login::Basic(STANDARD.encode(format!("{username}:{password}")))),
            () => None,
        }
    }
}

/// The files that logins may be in: the one that is asked for, Docker's, and podman's.
fn paths(environment: &BTreeMap<String, String>) -> Vec<Utf8PathBuf> {
    let folder = |name: &str| variable(environment, name).map(Utf8PathBuf::from);
    let auth = |folder: Utf8PathBuf| folder.join("containers/auth.json");
    let configuration = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
    let files = [
        folder("REGISTRY_AUTH_FILE"),
        docker_folder(environment).map(|folder| folder.join("config.json")),
        folder("XDG_RUNTIME_DIR").map(auth).or_else(without_runtime_folder),
        configuration.map(auth),
    ];
    files.into_iter().flatten().collect()
}

/// Where podman keeps logins without `XDG_RUNTIME_DIR`.
fn without_runtime_folder() -> Option<Utf8PathBuf> {
    #[cfg(target_os = "linux")]
    return Some(format!("/run/containers/{}/auth.json", rustix::process::getuid().as_raw()).into());
    #[cfg(not(target_os = "linux"))]
    None
}

fn variable<'a>(environment: &'a BTreeMap<String, String>, name: &str) -> Option<&'a String> {
    environment.get(name).filter(|value| !value.is_empty())
}

/// The folder of Docker's configuration; `None` without a home.
pub fn docker_folder(environment: &BTreeMap<String, String>) -> Option<Utf8PathBuf> {
    let folder = |name: &str| variable(environment, name).map(Utf8PathBuf::from);
    let home = || folder("HOME").or_else(|| folder("USERPROFILE")).map(|home| home.join(".docker"));
    folder("DOCKER_CONFIG").or_else(home)
}

/// What a key means, a registry or a part of one: `ghcr.io` for `https://ghcr.io/v2/`, `ghcr.io/team` for itself.
fn server(key: &str) -> String {
    let (rest, is_address) = key.split_once("://").map_or((key, false), |(_, rest)| (rest, true));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = if matches!(host, "index.docker.io" | "registry-1.docker.io") { DOCKER_HUB } else { host };
    let path = path.trim_end_matches('/');
    if is_address || matches!(path, "" | "v1" | "v2") { host.to_owned() } else { format!("{host}/{path}") }
}

/// Asks a program that keeps passwords.
fn ask(helper: &str, registry: &str) -> Result<Option<Login>> {
    let program = format!("docker-credential-{helper}");
    let server = if registry == DOCKER_HUB { DOCKER_HUB_SERVER } else { registry };
    let shell = Shell::new()?;
    let output = Command::from(cmd!(shell, "{program} get")).stdin(server).output();
    let output = output.with_context(|| format!("cannot ask for the credentials for {registry}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        if text.contains("credentials not found") {
            return Ok(None);
        }
        let text = text.trim().lines().next().unwrap_or("it gave no reason").to_owned();
        return Err(Error::failure(format!("{program} returned no credentials for {registry}: {text}"))
            .hint(format!("`docker login {registry}`"))
            .into());
    }
    let kept: Kept = serde_json::from_slice(&output.stdout)
        .map_err(|_| Error::failure(format!("{program} returned something else than credentials for {registry}")))?;
    Ok(match kept.username.as_str() {
        // Docker takes an answer without a user for none.
        "" => None,
        TOKEN_USER => Some(Login::Identity(kept.secret)),
        user => Some(Login::Basic(STANDARD.encode(format!("{user}:{}", kept.secret)))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine {
        _folder: tempfile::TempDir,
        environment: BTreeMap<String, String>,
    }

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = |name: &str| folder.path().join(name).to_str().expect("is UTF-8").to_owned();
            let variables = [("HOME", "home"), ("XDG_RUNTIME_DIR", "runtime")];
            let environment = variables.map(|(name, value)| (name.to_owned(), path(value))).into();
            Self { _folder: folder, environment }
        }

        /// One on which Docker's configuration is this.
        fn with_docker(config: &str) -> Self {
            let machine = Self::new();
            machine.write("HOME", ".docker/config.json", config);
            machine
        }

        fn write(&self, variable: &str, path: &str, text: &str) {
            files::write(&Utf8Path::new(&self.environment[variable]).join(path), text.as_bytes()).expect("writes");
        }

        fn login(&self, registry: &str, path: &str) -> Option<String> {
            let login = Logins::read(&self.environment).and_then(|mut logins| logins.find(registry, path));
            login.expect("reads").map(|login| match login {
                Login::Basic(words) => words,
                Login::Identity(token) => format!("identity {token}"),
                Login::Registry(token) => format!("registry {token}"),
            })
        }
    }

    fn login_by(config: &str, registry: &str) -> Option<String> {
        Machine::with_docker(config).login(registry, "team/worker")
    }

    fn of(key: &str, auth: &str) -> String {
        format!(r#"{{"auths": {{"{key}": {{"auth": "{auth}"}}}}}}"#)
    }

    #[test]
    fn a_key_may_be_a_host_or_an_address() {
        for key in ["ghcr.io", "https://ghcr.io", "https://ghcr.io/v2/", "http://ghcr.io/v1", "ghcr.io/v2/", "ghcr.io/"]
        {
            let config = format!(r#"{{"auths": {{"{key}": {{"auth": "dTpw"}}, "quay.io": {{"auth": "eDp5"}}}}}}"#);
            assert_eq!(login_by(&config, "ghcr.io").as_deref(), Some("dTpw"), "{key}");
        }
        for key in ["https://index.docker.io/v1/", "docker.io", "registry-1.docker.io", "docker.io/team"] {
            assert_eq!(login_by(&of(key, "dTpw"), "docker.io").as_deref(), Some("dTpw"), "{key}");
            assert_eq!(login_by(&of(key, "dTpw"), "ghcr.io"), None);
        }
    }

    #[test]
    fn the_most_specific_key_has_the_word() {
        let config = r#"{"auths": {"r.io": {"auth": "registry"}, "r.io/team": {"auth": "team"},
            "r.io/team/worker": {"auth": "worker"}, "r.io/tea": {"auth": "another"}}}"#;
        let machine = Machine::with_docker(config);
        for (path, expected) in [
            ("team/worker", "worker"),
            ("team/server", "team"),
            ("team/a/b/c", "team"),
            ("other/worker", "registry"),
            ("teams/worker", "registry"),
        ] {
            assert_eq!(machine.login("r.io", path).as_deref(), Some(expected), "{path}");
        }
        assert_eq!(machine.login("r.io:5000", "team/worker"), None);
    }

    #[test]
    fn a_token_is_told_from_a_password() {
        let config = r#"{"auths": {"a.azurecr.io": {"auth": "AAAA", "identitytoken": "t"}, "empty.io": {},
            "token.io": {"registrytoken": "r"}, "plain.io": {"username": "u", "password": "p"}}}"#;
        assert_eq!(login_by(config, "a.azurecr.io").as_deref(), Some("identity t"));
        assert_eq!(login_by(config, "token.io").as_deref(), Some("registry r"));
        assert_eq!(login_by(config, "plain.io").as_deref(), Some("dTpw"));
        assert_eq!(login_by(config, "empty.io"), None);
    }

    #[test]
    fn the_files_of_docker_and_podman_are_asked_in_turn() {
        let mut machine = Machine::new();
        let login = |machine: &Machine| machine.login("r.io", "team/worker");
        assert_eq!(login(&machine), None);
        machine.write("HOME", ".config/containers/auth.json", &of("r.io", "kept"));
        assert_eq!(login(&machine).as_deref(), Some("kept"));
        machine.write("XDG_RUNTIME_DIR", "containers/auth.json", &of("r.io/team", "session"));
        assert_eq!(login(&machine).as_deref(), Some("session"));
        machine.write("HOME", ".docker/config.json", &of("other.io", "other"));
        assert_eq!(login(&machine).as_deref(), Some("session"), "Docker knows another registry");
        machine.write("HOME", ".docker/config.json", &of("r.io", "docker"));
        assert_eq!(login(&machine).as_deref(), Some("docker"));
        machine.write("HOME", "asked/for.json", &of("r.io", "asked for"));
        let file = format!("{}/asked/for.json", machine.environment["HOME"]);
        machine.environment.insert("REGISTRY_AUTH_FILE".to_owned(), file);
        assert_eq!(login(&machine).as_deref(), Some("asked for"));
        machine.environment.insert("DOCKER_AUTH_CONFIG".to_owned(), of("r.io", "variable"));
        assert_eq!(login(&machine).as_deref(), Some("variable"));
    }

    #[test]
    fn a_program_that_fails_is_named_where_no_other_file_knows_more() {
        let machine = Machine::with_docker(r#"{"credsStore": "of-no-machine"}"#);
        let error = Logins::read(&machine.environment).and_then(|mut logins| logins.find("r.io", "a"));
        let error = crate::error::describe(&error.err().expect("fails"));
        assert!(
            error.starts_with("error: cannot ask for the credentials for r.io: docker-credential-of-no-"),
            "{error}"
        );
        machine.write("XDG_RUNTIME_DIR", "containers/auth.json", &of("r.io", "session"));
        assert_eq!(machine.login("r.io", "a").as_deref(), Some("session"));
    }

    #[test]
    fn a_broken_file_is_named_and_not_shown() {
        let machine = Machine::with_docker(r#"{"auths": {"x": "secret"}}"#);
        let error = crate::error::describe(&Logins::read(&machine.environment).err().expect("is broken"));
        let home = &machine.environment["HOME"];
        assert_eq!(
            error,
            format!(
                "error: {home}/.docker/config.json:1:24: expected logins to registries, as JSON\nhint: `docker login` and \
                 `podman login` write it"
            )
        );
    }
}
