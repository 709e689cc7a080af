//! The bake file: one target an image.

use std::borrow::Cow;

use crate::config::Settings;
use crate::plan::{EMBEDDED_BASE, ImagePlan, target_name};
use crate::quote::bake_string as string;

/// Where a builder finds the base that the tool assembles, as an OCI layout, from the repository's root.
pub(crate) const EMBEDDED_LAYOUT: &str = "target/images/embedded";

/// A target of the bake file that is kept as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTarget {
    /// The target's name.
    pub name: String,
    text: String,
}

/// The target that a bake file has for the image of this name.
pub fn bake_target(bake_file: &str, image: &str) -> Option<KeptTarget> {
    let name = target_name(image);
    let start = bake_file.find(&format!("\ntarget {} {{\n", string(&name)))?;
    let length = bake_file[start..].find("\n}\n")? + "\n}\n".len();
    Some(KeptTarget { name, text: bake_file[start..start + length].to_owned() })
}

pub(super) fn render<'a>(
    images: impl Iterator<Item = &'a ImagePlan>,
    kept: &'a [KeptTarget],
    settings: &Settings,
) -> String {
    let prefix = settings.image_prefix.as_deref().unwrap_or_default();
    let mut all: Vec<(String, Cow<str>)> = images.map(|image| (image.target(), Cow::Owned(target(image)))).collect();
    if !kept.is_empty() {
        all.extend(kept.iter().map(|kept| (kept.name.clone(), Cow::Borrowed(kept.text.as_str()))));
        all.sort();
    }
    let targets: Vec<_> = all.iter().map(|(name, _)| string(name)).collect();
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
    text.extend(all.iter().map(|(_, target)| &**target));
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
