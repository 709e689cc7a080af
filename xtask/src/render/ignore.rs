//! The ignore file beside a Dockerfile: an allow-list of what the builder may see.

use camino::Utf8PathBuf;

use crate::plan::{ContextRule, ImagePlan};

pub(super) fn path(image: &ImagePlan) -> Utf8PathBuf {
    format!("{}.dockerignore", image.dockerfile()).into()
}

/// The lines of an ignore file.
pub(crate) fn render(rules: &[ContextRule]) -> String {
    let mut text = "*\n".to_owned();
    for rule in rules {
        match rule {
            ContextRule::Include(pattern) => text.push_str(&format!("!{pattern}\n")),
            ContextRule::Exclude(pattern) => text.push_str(&format!("{pattern}\n")),
        }
    }
    text
}
