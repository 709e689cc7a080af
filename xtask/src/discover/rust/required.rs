//! Binaries that Cargo leaves out until the features that they require are on.

use std::collections::BTreeSet;

use super::Package;

impl Package {
    /// The features that a binary requires and that are off beside the default ones and `wanted`, in the manifest's order.
    /// One of a dependency (`dependency/feature`) is on where the manifest or `wanted` says so.
    pub fn features_off(&self, bin: &str, wanted: &[String]) -> Vec<&str> {
        let Some(required) = self.required_features.get(bin) else { return Vec::new() };
        let on = self.features_on(wanted);
        required.iter().map(String::as_str).filter(|feature| !on.contains(*feature)).collect()
    }

    /// The setting that a binary is left out without; none for one that is built.
    pub fn lacks_setting(&self, bin: &str, wanted: &[String]) -> Option<String> {
        let off = self.features_off(bin, wanted);
        let features: Vec<_> = wanted.iter().map(String::as_str).chain(off.iter().copied()).collect();
        (!off.is_empty()).then(|| format!("features = {features:?}"))
    }

    fn features_on<'a>(&'a self, wanted: &'a [String]) -> BTreeSet<&'a str> {
        let mut on = BTreeSet::new();
        let mut waiting: Vec<&str> = wanted.iter().map(String::as_str).chain(["default"]).collect();
        let always = self.dependencies.iter().filter(|dependency| !dependency.optional);
        waiting.extend(always.map(|dependency| dependency.key.as_str()));
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        while let Some(word) = waiting.pop() {
            let word = word.strip_prefix("dep:").unwrap_or(word);
            if let Some((key, feature)) = word.split_once('/') {
                pairs.push((key.trim_end_matches('?'), feature));
                waiting.extend((!key.ends_with('?')).then_some(key));
            } else if on.insert(word) {
                waiting.extend(self.features.get(word).into_iter().flatten().map(String::as_str));
            }
        }
        let declared = self.dependencies.iter().filter(|dependency| on.contains(dependency.key.as_str()));
        pairs.extend(declared.flat_map(|dependency| {
            dependency.features.iter().map(|feature| (dependency.key.as_str(), feature.as_str()))
        }));
        let names: Vec<_> = self.required_features.values().flatten().map(String::as_str).collect();
        on.extend(names.into_iter().filter(|name| name.split_once('/').is_some_and(|pair| pairs.contains(&pair))));
        on
    }
}

#[cfg(test)]
mod tests {
    use crate::discover::discover;

    #[test]
    fn features_are_on_by_default_by_each_other_and_by_the_settings() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = camino::Utf8Path::from_path(folder.path()).expect("is UTF-8").canonicalize_utf8().expect("is there");
        let write = |path: &str, text: &str| crate::files::write(&root.join(path), text.as_bytes()).expect("writes");
        let required = [
            ("by-default", "usual"),
            ("implied", "deep"),
            ("off", "admin"),
            ("two", "admin\", \"deep"),
            ("of-dependency", "log/std"),
            ("of-dependency-off", "log/serde"),
            ("of-optional", "extra/full"),
        ];
        let bins = required.map(|(name, features)| {
            format!("[[bin]]\nname = \"{name}\"\npath = \"src/main.rs\"\nrequired-features = [\"{features}\"]\n")
        });
        let manifest = format!(
            "[package]\nname = \"api\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nlog = {{ version = \"0.4\", features = \
             [\"std\"] }}\nextra = {{ version = \"1\", optional = true, features = [\"full\"] }}\n[features]\ndefault = \
             [\"usual\"]\nusual = [\"deep\"]\ndeep = []\nadmin = []\nall = [\"admin\", \"extra\", \"log/serde\"]\n{}",
            bins.concat()
        );
        write("Cargo.toml", &manifest);
        write("src/main.rs", "fn main() {}\n");
        let tree = crate::files::tree::Tree::new(root.clone());
        let discovery = discover(&tree, &Default::default(), &[]).expect("is found");
        let package = discovery.rust.package("".into()).expect("is there");
        let off = |wanted: &[&str]| -> Vec<String> {
            let wanted: Vec<_> = wanted.iter().map(|feature| (*feature).to_owned()).collect();
            let off = required.map(|(bin, _)| (bin, package.features_off(bin, &wanted)));
            off.into_iter().filter(|(_, off)| !off.is_empty()).map(|(bin, off)| format!("{bin}: {off:?}")).collect()
        };
        assert_eq!(
            off(&[]),
            [
                r#"off: ["admin"]"#,
                r#"two: ["admin"]"#,
                r#"of-dependency-off: ["log/serde"]"#,
                r#"of-optional: ["extra/full"]"#
            ]
        );
        assert_eq!(off(&["all"]), Vec::<String>::new());
    }
}
