//! The bake file: one target an image.

use crate::config::Settings;
use crate::plan::{EMBEDDED_BASE, ImagePlan};
use crate::quote::bake_string as string;

/// Where a builder finds the base that the tool assembles, as an OCI layout, from the repository's root.
pub(crate) const EMBEDDED_LAYOUT: &str = "target/images/embedded";

pub(super) fn render<'a>(images: impl Iterator<Item = &'a ImagePlan> + Clone, settings: &Settings) -> String {
    let prefix = settings.image_prefix.as_deref().unwrap_or_default();
    let targets: Vec<_> = images.clone().map(|image| string(&image.target())).collect();
    let mut text = format!(
        r#"# Your own settings go into docker-bake.override.hcl or .json beside it; they are merged last.

variable "IMAGE_PREFIX" {{
  default = {}
}}

variable "IMAGE_TAG" {{
  default = "latest"
}}

# The network of the steps, as host; empty for the builder's own.
variable "BUILD_NETWORK" {{
  default = ""
}}

group "default" {{
  targets = [{}]
}}

target "_image" {{
  context = "."
  network = BUILD_NETWORK
  # The same sources give the same bytes: no build time in the image, and no attestation that holds one.
  args = {{
    SOURCE_DATE_EPOCH = "0"
  }}
  attest = ["type=provenance,disabled=true"]
}}
"#,
        string(prefix),
        targets.join(", "),
    );
    for image in images {
        text.push_str(&target(image));
    }
    text
}

fn target(image: &ImagePlan) -> String {
    let mut text = format!(
        r#"
target {} {{
  inherits   = ["_image"]
  dockerfile = {}
  tags       = ["${{IMAGE_PREFIX}}{}:${{IMAGE_TAG}}"]
"#,
        string(&image.target()),
        string(image.dockerfile().as_str()),
        image.name,
    );
    if image.base == EMBEDDED_BASE {
        text.push_str(&format!("  contexts   = {{ {EMBEDDED_BASE} = \"oci-layout://{EMBEDDED_LAYOUT}\" }}\n"));
    }
    if !image.platforms.is_empty() {
        let platforms: Vec<_> = image.platforms.iter().map(|platform| string(platform)).collect();
        text.push_str(&format!("  platforms  = [{}]\n", platforms.join(", ")));
    }
    text.push_str("}\n");
    text
}
