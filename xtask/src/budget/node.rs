//! Images that one node holds: a layer that several of them have is there once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{ByteSize, Verdict, WarnAt};
use crate::measure::ImageSize;

/// The images of a node, and what they may weigh.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Their names.
    pub images: BTreeSet<String>,
    /// The unpacked bytes that they may have together.
    pub budget: ByteSize,
}

/// The images of a node for one platform against their budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedNode {
    /// The node's name in the settings.
    pub name: String,
    /// The platform, as `linux/amd64`.
    pub platform: String,
    /// The images that were measured, sorted.
    pub images: Vec<String>,
    /// Those that were not, sorted.
    pub missing: Vec<String>,
    /// The unpacked bytes of their layers, each counted once.
    pub bytes: u64,
    /// The sum of their unpacked sizes.
    pub bytes_apart: u64,
    /// The most bytes that they may have.
    pub budget: ByteSize,
    /// The bytes from which on it is worth a word.
    pub warn_from: Option<u64>,
    /// Whether they keep it.
    pub verdict: Verdict,
}

/// Compares the images of nodes with their budgets: for each platform that one of a node's images was measured for.
pub fn judge_nodes(nodes: &BTreeMap<String, Node>, images: &[&ImageSize], warn_at: Option<WarnAt>) -> Vec<JudgedNode> {
    let mut judged = Vec::new();
    for (name, node) in nodes {
        let mut by_platform: BTreeMap<&str, Vec<&ImageSize>> = BTreeMap::new();
        for image in images.iter().filter(|image| node.images.contains(&image.name)) {
            by_platform.entry(&image.platform).or_default().push(image);
        }
        judged.extend(by_platform.into_iter().map(|(platform, images)| judge(name, node, platform, &images, warn_at)));
    }
    judged
}

fn judge(name: &str, node: &Node, platform: &str, measured: &[&ImageSize], warn_at: Option<WarnAt>) -> JudgedNode {
    let images: BTreeSet<_> = measured.iter().map(|image| image.name.clone()).collect();
    let missing: Vec<_> = node.images.difference(&images).cloned().collect();
    let layers = measured.iter().flat_map(|image| &image.layers);
    let layers: BTreeMap<_, _> = layers.map(|layer| (&layer.diff_id, layer.contents.unpacked)).collect();
    let bytes = layers.values().sum();
    let warn_from = warn_at.map(|warn_at| warn_at.of(node.budget));
    let verdict = if bytes <= node.budget.0 && !missing.is_empty() {
        Verdict::NotChecked
    } else {
        Verdict::of(bytes, node.budget, warn_from)
    };
    JudgedNode {
        name: name.to_owned(),
        platform: platform.to_owned(),
        images: images.into_iter().collect(),
        missing,
        bytes,
        bytes_apart: measured.iter().map(|image| image.unpacked.bytes).sum(),
        budget: node.budget,
        warn_from,
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::tests::image;

    fn judged(images: &[&ImageSize], budget: u64) -> Vec<JudgedNode> {
        let images_of_node = ["api", "worker"].map(str::to_owned).into();
        let node = Node { images: images_of_node, budget: ByteSize(budget) };
        judge_nodes(&BTreeMap::from([("edge".to_owned(), node)]), images, "90%".parse().ok())
    }

    #[test]
    fn a_layer_of_several_images_counts_once() {
        let (api, worker) = (image("api", &[("base", 100), ("api", 10)]), image("worker", &[("base", 100), ("w", 7)]));
        let other = image("other", &[("large", 9_000)]);
        let images = [&api, &other, &worker];
        let verdict = |budget| judged(&images, budget)[0].verdict;
        assert_eq!((verdict(117), verdict(116), verdict(131)), (Verdict::Close, Verdict::Over, Verdict::Pass));
        let node = &judged(&images, 117)[0];
        assert_eq!((node.bytes, node.bytes_apart, node.images.len()), (117, 217, 2));
    }

    #[test]
    fn what_was_not_measured_is_no_pass() {
        let api = image("api", &[("base", 100), ("api", 10)]);
        let node = &judged(&[&api], 1_000)[0];
        assert_eq!((node.verdict, &node.missing), (Verdict::NotChecked, &vec!["worker".to_owned()]));
        assert_eq!(judged(&[&api], 109)[0].verdict, Verdict::Over, "whatever the other adds");
        assert_eq!(judged(&[], 1), [], "nothing of it was built");
    }
}
