//! The final stage: the base, the binaries, and what the container is told.

use super::bake::EMBEDDED_LAYOUT;
use super::dockerfile::Dockerfile;
use crate::plan::{EMBEDDED_BASE, ImagePlan};
use crate::quote::{dockerfile_string, dockerfile_word, json_array};

/// The numeric owner of distroless' `nonroot`: Kubernetes can check a number, not a name.
const NONROOT: &str = "65532:65532";

pub(super) fn render(dockerfile: &mut Dockerfile, image: &ImagePlan) {
    let container = &image.container;
    let mut purpose = "image: the base, and what the service needs above it.".to_owned();
    if image.base == EMBEDDED_BASE {
        purpose.push_str(&format!(
            " The base is in no registry: cargo xtask images writes\nit to {EMBEDDED_LAYOUT}, and bake takes it from \
             there; docker build wants\n--build-context {EMBEDDED_BASE}=oci-layout://{EMBEDDED_LAYOUT}"
        ));
    }
    dockerfile.stage(&purpose, &image.base, "image");
    for (key, value) in [("title", &image.name), ("base.name", &image.base)] {
        dockerfile.line(&format!("LABEL org.opencontainers.image.{key}={}", dockerfile_string(value)));
    }
    for (key, value) in &container.env {
        dockerfile.line(&format!("ENV {key}={}", dockerfile_string(value)));
    }
    for port in &container.ports {
        dockerfile.line(&format!("EXPOSE {port}"));
    }
    if let Some(workdir) = &container.workdir {
        dockerfile.line(&format!("WORKDIR {}", dockerfile_word(workdir)));
    }
    for file in &container.files {
        let from = file.image.as_deref().unwrap_or("repository");
        dockerfile.copy(&format!("--from={from}"), &[&file.from], &file.to);
    }
    // Each by its name: to look at a folder, the builder walks all that is beside it, here a whole file system.
    let binaries: Vec<_> = container.bins.iter().map(|bin| format!("/out/{bin}")).collect();
    dockerfile.copy("--from=build", &binaries.iter().map(String::as_str).collect::<Vec<_>>(), "/");
    dockerfile.line(&format!("USER {NONROOT}"));
    if let Some(healthcheck) = &container.healthcheck {
        dockerfile.line(&format!("HEALTHCHECK CMD {}", exec_form(healthcheck)));
    }
    dockerfile.line(&format!("ENTRYPOINT {}", exec_form(&container.entrypoint)));
    if !container.args.is_empty() {
        dockerfile.line(&format!("CMD {}", exec_form(&container.args)));
    }
}

/// The exec form: no shell, so signals reach the service and a base without a shell will do.
fn exec_form(words: &[String]) -> String {
    json_array(words.iter().map(String::as_str))
}
