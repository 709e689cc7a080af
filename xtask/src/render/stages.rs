//! What a generated Dockerfile says of its stages: what each is made of, and which files of the repository it reads.

use camino::{Utf8Path, Utf8PathBuf};

use crate::quote::copy_sources;

/// The stage that all others take the repository's files from.
const REPOSITORY: &str = "repository";

/// A stage, as far as it says when it has to run again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Its instructions, without comments.
    pub instructions: String,
    /// The stages that it begins from, copies from or mounts, in the order in which they are named.
    pub uses: Vec<String>,
    /// The files and folders of the repository that it names.
    pub reads: Vec<Utf8PathBuf>,
    /// Whether it reads all that the builder sees of the repository.
    pub reads_all: bool,
}

impl Stage {
    /// Whether it names a file, or a folder that the file is in.
    pub fn names(&self, file: &Utf8Path) -> bool {
        self.reads.iter().any(|path| file.starts_with(path))
    }
}

/// The stages of a generated Dockerfile that its last one is made of, in their order.
pub fn stages(dockerfile: &str) -> Vec<Stage> {
    let mut stages = all_stages(dockerfile);
    let mut used: Vec<_> = stages.last().map(|image| image.name.clone()).into_iter().collect();
    // A stage uses only those above it.
    for stage in stages.iter().rev() {
        if used.contains(&stage.name) {
            used.extend(stage.uses.iter().cloned());
        }
    }
    stages.retain(|stage| used.contains(&stage.name));
    stages
}

fn all_stages(dockerfile: &str) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for instruction in instructions(dockerfile) {
        if let Some(name) = instruction.strip_prefix("FROM ").and_then(|from| from.split_once(" AS ")) {
            stages.push(Stage { name: name.1.to_owned(), ..Stage::default() });
        }
        let Some((stage, before)) = stages.split_last_mut() else { continue };
        stage.instructions.push_str(&instruction);
        stage.instructions.push('\n');
        match instruction.split_once(' ') {
            Some(("FROM", words)) => {
                let image = words.split(' ').find(|word| !word.starts_with("--")).unwrap_or_default();
                take(stage, before, image, None);
            }
            Some(("COPY", words)) => copy(stage, before, words),
            Some(("RUN", words)) => {
                for mount in words.split(' ').filter_map(|word| word.strip_prefix("--mount=")) {
                    let value = |key: &str| mount.split(',').find_map(|part| part.strip_prefix(key)?.strip_prefix('='));
                    if let Some(from) = value("from") {
                        take(stage, before, from, value("source"));
                    }
                }
            }
            _ => {}
        }
        // The first sees the whole context.
        stage.reads_all |= stage.name == REPOSITORY;
    }
    stages
}

/// The instructions, each on one line but for a file that stands in it.
fn instructions(dockerfile: &str) -> Vec<String> {
    let mut instructions = Vec::new();
    let mut lines = dockerfile.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut instruction = line.to_owned();
        while let Some(begun) = instruction.strip_suffix('\\') {
            instruction = format!("{}{}", begun, lines.next().unwrap_or_default().trim_start());
        }
        if instruction.contains("<<'END'") {
            for line in lines.by_ref().take_while(|line| *line != "END") {
                instruction.push('\n');
                instruction.push_str(line);
            }
        }
        instructions.push(instruction);
    }
    instructions
}

/// `[OPTIONS] SOURCE… TARGET`, or the words as a JSON list.
fn copy(stage: &mut Stage, before: &[Stage], words: &str) {
    let Some((from, words)) = words.strip_prefix("--from=").and_then(|rest| rest.split_once(' ')) else { return };
    for source in copy_sources(words) {
        take(stage, before, from, Some(&source));
    }
}

/// Takes note that a stage uses another, or that part of it.
fn take(stage: &mut Stage, before: &[Stage], from: &str, source: Option<&str>) {
    // What is no stage is an image.
    let Some(used) = before.iter().find(|stage| stage.name == from) else { return };
    match source {
        Some(path) if from == REPOSITORY => stage.reads.push(path.trim_end_matches('/').into()),
        None => stage.reads_all |= used.reads_all,
        Some(_) => {}
    }
    if !stage.uses.iter().any(|name| name == from) {
        stage.uses.push(from.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn committed(name: &str) -> String {
        let path = format!("{}/../docker/{name}.Dockerfile", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).expect("reads")
    }

    fn outline(dockerfile: &str) -> String {
        let mut text = String::new();
        for stage in stages(dockerfile) {
            let reads: Vec<_> = stage.reads.iter().map(|path| path.as_str()).collect();
            let all = if stage.reads_all { " everything" } else { "" };
            writeln!(text, "{}: uses {:?}, reads {reads:?}{all}", stage.name, stage.uses).expect("writes");
        }
        text
    }

    #[test]
    fn stages_of_a_go_service() {
        insta::assert_snapshot!(outline(&committed("worker")));
    }

    #[test]
    fn stages_of_a_rust_service() {
        insta::assert_snapshot!(outline(&committed("gateway")));
    }

    #[test]
    fn words_in_lists_and_folders() {
        let text = "FROM scratch AS repository\nCOPY . /\nFROM base AS image\n\
                    COPY --from=repository [\"a b/[[]c].txt\", \"vendor/\", \"/x/\"]\nCOPY --from=repository [\"b[*].json\", \"/d/\"]\n";
        let image = stages(text).pop().expect("has a stage");
        for (file, expected) in [("vendor/x/y.go", true), ("b*.json", true), ("bc.json", false), ("vendored/x", false)]
        {
            assert_eq!(image.names(file.into()), expected, "{file}");
        }
        assert_eq!(image.reads[0], "a b/[c].txt");
    }

    #[test]
    fn comments_are_no_instructions_and_a_file_is_one() {
        let text = "# x\nFROM a AS b\n# y\nRUN one && \\\n    two\nCOPY <<'END' f\n# kept\nEND\n";
        assert_eq!(stages(text)[0].instructions, "FROM a AS b\nRUN one && two\nCOPY <<'END' f\n# kept\n");
    }
}
