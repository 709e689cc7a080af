//! The ignore file beside a Dockerfile: an allow-list of what the builder may see.

use camino::Utf8PathBuf;

use crate::plan::{ContextRule, ImagePlan};

pub(super) fn path(image: &ImagePlan) -> Utf8PathBuf {
    format!("{}.dockerignore", image.dockerfile()).into()
}

pub(super) fn render(image: &ImagePlan) -> String {
    let mut text = "*\n".to_owned();
    for rule in &image.context {
        match rule {
            ContextRule::Include(pattern) => text.push_str(&format!("!{pattern}\n")),
            ContextRule::Exclude(pattern) => text.push_str(&format!("{pattern}\n")),
        }
    }
    text
}
