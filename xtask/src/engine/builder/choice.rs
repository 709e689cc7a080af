//! What says, without asking it, that the builder is still the one that answered before.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::Utf8PathBuf;
use serde::Deserialize;

use super::Question;
use crate::files;
use crate::registry::docker_folder;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DockerConfig {
    current_context: String,
}

impl Question {
    /// What decides which builder answers: the variables, Docker's current context, and what buildx keeps of its builders. It
    /// holds no password.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn choice(&self, environment: &BTreeMap<String, String>) -> Result<String> {
        let mut choice = self.key();
        let Some(docker) = docker_folder(environment) else { return Ok(choice) };
        let config = files::read_if_exists(&docker.join("config.json"))?.unwrap_or_default();
        let config: DockerConfig = serde_json::from_slice(&config).unwrap_or_default();
        choice.push_str(&format!("\ncontext {}", config.current_context));
        let buildx = environment.get("BUILDX_CONFIG").map_or_else(|| docker.join("buildx"), Utf8PathBuf::from);
        let builders = buildx.join("instances");
        let known = files::file_names(&builders)?.into_iter().map(|name| builders.join(name));
        for file in known.chain([buildx.join("current")]) {
            let text = files::read_if_exists(&file)?.unwrap_or_default();
            choice.push_str(&format!("\n{file} {}", String::from_utf8_lossy(&text)));
        }
        Ok(choice)
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    #[test]
    fn another_context_and_another_builder_are_another_choice() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("is UTF-8");
        let environment = BTreeMap::from([("DOCKER_CONFIG".to_owned(), folder.to_string())]);
        let question = Question::new(None, environment.clone().into_iter());
        let mut seen = vec![question.choice(&environment).expect("reads")];
        for (file, text) in [
            ("config.json", r#"{"auths":{"a":{"auth":"c2VjcmV0"}},"currentContext":"remote"}"#),
            ("buildx/current", r#"{"Name":"images"}"#),
            ("buildx/instances/images", r#"{"Driver":"docker-container"}"#),
            ("buildx/instances/images", r#"{"Driver":"remote"}"#),
        ] {
            files::write(&folder.join(file), text.as_bytes()).expect("writes");
            let choice = question.choice(&environment).expect("reads");
            assert!(!seen.contains(&choice), "{file}: {text}");
            assert!(!choice.contains("c2VjcmV0"), "{choice}");
            seen.push(choice);
        }
        files::write(&folder.join("config.json"), br#"{"auths":{},"currentContext":"remote"}"#).expect("writes");
        assert_eq!(seen.last(), Some(&question.choice(&environment).expect("reads")));
    }
}
