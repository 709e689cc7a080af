//! Commands that build programs: what they name.

use super::variables::Variables;

/// What a command of a build or release file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Build {
    /// Go compiles packages, each as it is written; seen from a folder where one is named.
    Go { folder: String, package: String },
    /// Cargo compiles this package or binary.
    Cargo(String),
    /// Cargo compiles the package in this folder.
    CargoIn(String),
    /// A target of the makefile, or a recipe of the justfile, in a folder.
    Make { folder: String, target: String },
    /// A script of the repository, perhaps.
    Script(String),
    /// An image is built from this Dockerfile, or from one in this folder.
    Image(String),
    /// The file at this path is copied or packed.
    Taken(String),
    /// The current folder changes.
    Enter(String),
}

impl Build {
    /// The same for each value of the variables in it.
    pub(super) fn expand(self, variables: &Variables) -> Vec<Self> {
        let of = |text: &str| variables.expand(text);
        match self {
            Self::Go { folder, package } => {
                let folder = of(&folder).pop().unwrap_or_default();
                of(&package).into_iter().map(|package| Self::Go { folder: folder.clone(), package }).collect()
            }
            Self::Make { folder, target } => {
                let folder = of(&folder).pop().unwrap_or_default();
                of(&target).into_iter().map(|target| Self::Make { folder: folder.clone(), target }).collect()
            }
            Self::Cargo(name) => of(&name).into_iter().map(Self::Cargo).collect(),
            Self::CargoIn(path) => of(&path).into_iter().map(Self::CargoIn).collect(),
            Self::Script(path) => of(&path).into_iter().map(Self::Script).collect(),
            Self::Image(path) => of(&path).into_iter().map(Self::Image).collect(),
            Self::Taken(path) => of(&path).into_iter().map(Self::Taken).collect(),
            Self::Enter(path) => of(&path).into_iter().take(1).map(Self::Enter).collect(),
        }
    }
}

/// Flags of `go build` whose value is the next word.
const GO_FLAGS: [&str; 15] = [
    "-o",
    "-C",
    "-p",
    "-asmflags",
    "-buildmode",
    "-compiler",
    "-gccgoflags",
    "-gcflags",
    "-installsuffix",
    "-ldflags",
    "-mod",
    "-modfile",
    "-overlay",
    "-pkgdir",
    "-tags",
];

/// What a simple command builds.
pub(super) fn builds(words: &[String]) -> Vec<Build> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let ["cd" | "pushd", folder, ..] = words[..] {
        return vec![Build::Enter(folder.to_owned())];
    }
    for (at, word) in words.iter().enumerate() {
        let rest = &words[at + 1..];
        let found = match program(word) {
            "go" | "xx-go" => go(rest),
            "ko" => ko(rest),
            "make" | "gmake" | "just"
                if at == 0 || words[..at].iter().all(|word| word.contains('=') || *word == "env") =>
            {
                make(rest)
            }
            "docker" | "buildx" | "podman" | "buildah" => image(rest),
            "cp" | "install" | "mv" | "tar" | "zip" => taken(rest),
            name if name == "cross" || name.ends_with("cargo") => cargo(rest),
            _ => continue,
        };
        // The arguments of Go and Cargo are packages, also where they look like the path of a script.
        if !found.is_empty() || matches!(program(word), "go" | "cargo") {
            return with_outputs(found, &words);
        }
    }
    let mut found: Vec<_> =
        words.iter().filter(|word| is_script(word)).map(|word| Build::Script((*word).to_owned())).collect();
    found.truncate(2);
    with_outputs(found, &words)
}

/// The name of the program that a word starts, also where a variable of its name stands for it.
fn program(word: &str) -> &str {
    let name = word.rsplit('/').next().unwrap_or(word);
    match name.trim_start_matches("${").trim_end_matches('}') {
        "GO" | "GOCMD" | "GO_CMD" | "GOBIN" | "GO_BIN" | "GOCC" => "go",
        "CARGO" | "CARGO_CMD" | "CARGO_BIN" => "cargo",
        "MAKE" => "make",
        name => name,
    }
}

/// Adds what Cargo left in its folder of releases and the command takes from there.
fn with_outputs(mut found: Vec<Build>, words: &[&str]) -> Vec<Build> {
    for word in words {
        let mut parts = word.rsplit('/');
        if let (Some(name), Some("release")) = (parts.next(), parts.next())
            && !name.contains('.')
            && !name.is_empty()
        {
            found.push(Build::Cargo(name.to_owned()));
        }
    }
    found
}

fn go(words: &[&str]) -> Vec<Build> {
    let mut folder = String::new();
    let mut words = words.iter().copied();
    let mut subcommand = words.next();
    if subcommand == Some("-C") {
        folder = words.next().unwrap_or_default().to_owned();
        subcommand = words.next();
    }
    if !matches!(subcommand, Some("build" | "install")) {
        return Vec::new();
    }
    let mut packages = Vec::new();
    while let Some(word) = words.next() {
        if word == "-C" {
            folder = words.next().unwrap_or_default().to_owned();
        } else if GO_FLAGS.contains(&word) {
            words.next();
        } else if !word.starts_with('-') && !is_redirection(word) {
            packages.push(word.to_owned());
        }
    }
    // What is fetched from elsewhere is not of this repository.
    packages.retain(|package| !package.contains('@') && is_package(package));
    // A word of nothing but a variable holds flags where there is another.
    if packages.iter().any(|package| !is_reference(package)) {
        packages.retain(|package| !is_reference(package));
    }
    if packages.is_empty() && subcommand == Some("build") {
        packages.push(".".to_owned());
    }
    packages.into_iter().map(|package| Build::Go { folder: folder.clone(), package }).collect()
}

/// Whether a word may name a package: a path, an import path, or a variable.
fn is_package(word: &str) -> bool {
    let first = word.split('/').next().unwrap_or_default();
    word == "."
        || first == "."
        || first == ".."
        || word.ends_with(".go")
        || is_reference(word)
        || first.contains("${")
        || first.contains('.') && word.contains('/')
}

fn is_reference(word: &str) -> bool {
    word == "*" || word.starts_with("${") && word.ends_with('}') && word.matches("${").count() == 1
}

fn is_redirection(word: &str) -> bool {
    word.contains('>') || word.starts_with('<')
}

/// The files of the repository that a command copies or packs.
fn taken(words: &[&str]) -> Vec<Build> {
    let is_path = |word: &&&str| word.contains('/') && !word.starts_with(['/', '-']) && !word.contains([':', '=']);
    words.iter().filter(is_path).map(|path| Build::Taken((*path).to_owned())).collect()
}

fn ko(words: &[&str]) -> Vec<Build> {
    let [subcommand, words @ ..] = words else { return Vec::new() };
    if !matches!(*subcommand, "build" | "publish") {
        return Vec::new();
    }
    let packages = words.iter().filter(|word| word.starts_with("./") || **word == ".");
    packages.map(|package| Build::Go { folder: String::new(), package: (*package).to_owned() }).collect()
}

fn cargo(words: &[&str]) -> Vec<Build> {
    let subcommands = ["build", "b", "zigbuild", "install", "rustc", "deb", "generate-rpm", "dist"];
    let Some(at) = words.iter().position(|word| subcommands.contains(word)) else { return Vec::new() };
    let is_before =
        |word: &&str| word.starts_with(['-', '+']) || word.contains('=') || matches!(*word, "auditable" | "xwin");
    let is_guest = words.windows(2).any(|pair| pair[0] == "--target" && pair[1].starts_with("wasm"));
    if !words[..at].iter().all(is_before) || is_guest || words.iter().any(|word| word.starts_with("--target=wasm")) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut rest = words[at + 1..].iter();
    while let Some(word) = rest.next() {
        let (flag, value) = word.split_once('=').map_or((*word, None), |(flag, value)| (flag, Some(value)));
        if !matches!(flag, "-p" | "--package" | "--bin" | "--path" | "--manifest-path") {
            continue;
        }
        let Some(value) = value.or_else(|| rest.next().copied()) else { break };
        found.push(match flag {
            "--path" => Build::CargoIn(value.to_owned()),
            "--manifest-path" => Build::CargoIn(value.strip_suffix("Cargo.toml").unwrap_or(value).to_owned()),
            _ => Build::Cargo(value.split('@').next().unwrap_or(value).to_owned()),
        });
    }
    let is_all = words
        .iter()
        .any(|word| matches!(*word, "--workspace" | "--all" | "--bins" | "--lib" | "--example" | "--examples"));
    if found.is_empty() && !is_all && words[at] != "install" {
        found.push(Build::CargoIn(".".to_owned()));
    }
    found
}

fn make(words: &[&str]) -> Vec<Build> {
    let mut folder = String::new();
    let mut targets = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "-C" | "--directory" => folder = words.next().copied().unwrap_or_default().to_owned(),
            "-f" | "-j" => drop(words.next()),
            word if word.starts_with('-') || word.contains('=') || is_redirection(word) => {}
            word => targets.push(word.to_owned()),
        }
    }
    if targets.is_empty() {
        targets.push(String::new());
    }
    targets.into_iter().map(|target| Build::Make { folder: folder.clone(), target }).collect()
}

fn image(words: &[&str]) -> Vec<Build> {
    if !words.iter().take(4).any(|word| matches!(*word, "build" | "b" | "bud")) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for pair in words.windows(2) {
        if matches!(pair[0], "-f" | "--file") {
            found.push(Build::Image(pair[1].to_owned()));
        }
    }
    found
        .extend(words.iter().filter_map(|word| word.strip_prefix("--file=")).map(|file| Build::Image(file.to_owned())));
    found.extend(words.last().map(|context| Build::Image((*context).to_owned())));
    found
}

/// Whether a word may be a script of the repository, by its path.
fn is_script(word: &str) -> bool {
    let endings = [".sh", ".bash", ".py", ".nu", ".js", ".mjs", ".ts", ".rb", ".pl", ".ps1"];
    let path = word.trim_start_matches("./");
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_program = !name.contains('.') && (word.starts_with("./") || path.contains('/'));
    !path.starts_with(['/', '-'])
        && !path.contains([':', '=', ' ', ',', '@'])
        && (is_program || endings.iter().any(|end| path.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<Build> {
        builds(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    fn go(package: &str) -> Build {
        Build::Go { folder: String::new(), package: package.to_owned() }
    }

    #[test]
    fn what_is_built_is_read_from_the_words() {
        let cargo = |name: &str| Build::Cargo(name.to_owned());
        for (line, expected) in [
            ("CGO_ENABLED=0 go build -ldflags -s -o /out/api ./cmd/api", vec![go("./cmd/api")]),
            ("go build -trimpath", vec![go(".")]),
            ("go install example.com/other@v1", vec![]),
            ("go test ./cmd/api", vec![]),
            ("env X=1 xx-go build ./a ./b", vec![go("./a"), go("./b")]),
            ("go build -C api ./cmd", vec![Build::Go { folder: "api".to_owned(), package: "./cmd".to_owned() }]),
            ("ko build --bare ./cmd/api", vec![go("./cmd/api")]),
            ("cargo build --release -p api --bin=worker", vec![cargo("api"), cargo("worker")]),
            ("cargo +nightly build --manifest-path x/Cargo.toml", vec![Build::CargoIn("x/".to_owned())]),
            ("cargo build --release --workspace", vec![]),
            ("cargo build --target wasm32-wasip1 -p guest", vec![]),
            ("cargo run -p api", vec![]),
            ("cargo chef cook -p api", vec![]),
            ("just-cargo profile=release build --package=api", vec![cargo("api")]),
            ("cp target/x/release/api /out", vec![Build::Taken("target/x/release/api".to_owned()), cargo("api")]),
            ("make -C api image V=1", vec![Build::Make { folder: "api".to_owned(), target: "image".to_owned() }]),
            ("bash scripts/release.sh", vec![Build::Script("scripts/release.sh".to_owned())]),
            (
                "docker build -f a/Dockerfile .",
                vec![Build::Image("a/Dockerfile".to_owned()), Build::Image(".".to_owned())],
            ),
        ] {
            assert_eq!(of(line), expected, "{line}");
        }
    }
}
