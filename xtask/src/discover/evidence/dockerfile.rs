//! Dockerfiles: what they compile, copy into the image and start.

use super::variables::Variables;

/// What a Dockerfile says, in its own words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Dockerfile {
    /// What its RUN instructions execute, one text for each, with the working folder.
    pub(super) runs: Vec<(String, String)>,
    /// What is copied from other stages.
    pub(super) from_stages: Vec<String>,
    /// What is copied from the context: sources, or what was built before.
    pub(super) from_context: Vec<String>,
    /// The words of the last ENTRYPOINT and CMD.
    pub(super) starts: Vec<String>,
}

/// The values that a Dockerfile gives its own arguments and variables.
pub(super) fn variables(text: &str) -> Variables {
    let mut variables = Variables::default();
    for (keyword, rest) in instructions(text) {
        if !matches!(keyword.as_str(), "ARG" | "ENV") {
            continue;
        }
        match rest.split_once(' ') {
            Some((name, value)) if keyword == "ENV" && !name.contains('=') => variables.add(name, unquoted(value)),
            _ => {
                for (name, value) in rest.split_whitespace().filter_map(|word| word.split_once('=')) {
                    variables.add(name, unquoted(value));
                }
            }
        }
    }
    variables
}

/// The names that it takes as arguments.
pub(super) fn arguments(text: &str) -> Vec<String> {
    let arguments = instructions(text).into_iter().filter(|(keyword, _)| keyword == "ARG");
    let names = arguments.filter_map(|(_, rest)| Some(rest.split(['=', ' ']).next()?.to_owned()));
    names.collect()
}

pub(super) fn read(text: &str) -> Dockerfile {
    let mut found = Dockerfile::default();
    let mut stages: Vec<String> = Vec::new();
    let mut folder = String::new();
    let (mut entrypoint, mut command) = (Vec::new(), Vec::new());
    for (keyword, rest) in instructions(text) {
        match keyword.as_str() {
            "FROM" => {
                let words: Vec<_> = rest.split_whitespace().collect();
                if let [.., as_word, name] = words[..]
                    && as_word.eq_ignore_ascii_case("as")
                {
                    stages.push(name.to_owned());
                }
                folder = String::new();
                (entrypoint, command) = (Vec::new(), Vec::new());
            }
            "WORKDIR" if rest.starts_with(['/', '$']) => folder = unquoted(&rest).to_owned(),
            "WORKDIR" => folder = format!("{folder}/{}", unquoted(&rest)),
            "RUN" => found.runs.push((folder.clone(), without_flags(&rest).to_owned())),
            "COPY" | "ADD" => {
                let from = rest.split_whitespace().find_map(|word| word.strip_prefix("--from="));
                let mut words = words(without_flags(&rest));
                words.pop();
                match from {
                    Some(from) if stages.iter().any(|stage| stage == from) || from.parse::<u8>().is_ok() => {
                        found.from_stages.extend(words);
                    }
                    Some(_) => {}
                    None => found.from_context.extend(words.into_iter().filter(|word| !word.contains("://"))),
                }
            }
            "ENTRYPOINT" => (entrypoint, command) = (words(&rest), Vec::new()),
            "CMD" => command = words(&rest),
            _ => {}
        }
    }
    found.starts = entrypoint.into_iter().chain(command).collect();
    found
}

/// The instructions, each with its keyword in capitals and the rest on one line; a here-document follows in lines.
fn instructions(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut instruction = line.trim().to_owned();
        if instruction.is_empty() || instruction.starts_with('#') {
            continue;
        }
        while instruction.ends_with('\\') {
            instruction.pop();
            match lines.find(|line| !line.trim_start().starts_with('#')) {
                Some(next) => instruction.push_str(next.trim_end()),
                None => break,
            }
        }
        if let Some(end) = here_document(&instruction) {
            let body = lines.by_ref().take_while(|line| line.trim() != end);
            let body: Vec<_> = body.collect();
            instruction = format!("{instruction}\n{}", body.join("\n"));
        }
        if let Some((keyword, rest)) = instruction.split_once(char::is_whitespace) {
            found.push((keyword.to_ascii_uppercase(), rest.trim().to_owned()));
        }
    }
    found
}

/// The line that ends the here-document of an instruction.
fn here_document(instruction: &str) -> Option<String> {
    let (_, rest) = instruction.split_once("<<")?;
    let word: String = rest.trim_start_matches('-').split_whitespace().next()?.trim_matches(['"', '\'']).to_owned();
    word.starts_with(|first: char| first.is_ascii_alphabetic()).then_some(word)
}

fn without_flags(rest: &str) -> &str {
    let mut rest = rest.trim_start();
    while rest.starts_with("--") {
        rest = rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
    }
    rest
}

/// The words of either form, a JSON list or a line.
fn words(text: &str) -> Vec<String> {
    let is_list = text.starts_with('[') && text.ends_with(']');
    let list = is_list.then(|| serde_json::from_str::<Vec<String>>(text).ok()).flatten();
    list.unwrap_or_else(|| text.split_whitespace().map(|word| unquoted(word).to_owned()).collect())
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_says_what_it_builds_copies_and_starts() {
        let text = r#"
# syntax=docker/dockerfile:1
ARG BIN=api
FROM golang AS build
WORKDIR /src
WORKDIR cmd
RUN --mount=type=cache,target=/x go build \
    # a comment
    -o /out .
RUN <<EOT
go build ./b
EOT
FROM scratch
COPY --from=build /out/api /a
COPY --from=busybox /bin/sh /sh
COPY ["web", "other", "/"]
CMD ["run"]
ENTRYPOINT ["/a"]
"#;
        let found = read(text);
        let runs = [("/src/cmd", "go build     -o /out ."), ("/src/cmd", "<<EOT\ngo build ./b")];
        assert_eq!(found.runs, runs.map(|(folder, run)| (folder.to_owned(), run.to_owned())));
        assert_eq!(found.from_stages, ["/out/api"]);
        assert_eq!(found.from_context, ["web", "other"]);
        assert_eq!(found.starts, ["/a"]);
        assert_eq!(variables(text).values("BIN").collect::<Vec<_>>(), ["api"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "((FROM|RUN|COPY|CMD|ENV|ARG) (\\PC|[\\\\\\[\\]\"<= \\n-])*\\n)*") {
            read(&text);
            variables(&text);
        }
    }
}
