//! What `go build` writes into a binary about itself: the version of Go, the modules, the flags.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::elf::Elf;

/// What Go's linker wrote down of the build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BuildInfo {
    /// The version of Go, as `go1.26.1`.
    pub go: String,
    /// The path of the main package.
    pub path: String,
    /// The main module.
    pub main: Option<GoModule>,
    /// The modules that the binary is made of, sorted by path.
    pub modules: Vec<GoModule>,
    /// The settings of the build, as `-ldflags` and `GOARCH`.
    pub settings: BTreeMap<String, String>,
}

/// A Go module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct GoModule {
    /// Its path.
    pub path: String,
    /// Its version; that of the module that replaces it, where one does.
    pub version: String,
}

/// Which module a package belongs to.
#[derive(Debug, Clone, Default)]
pub(in crate::explain) struct Modules {
    go: Option<String>,
    main: Option<GoModule>,
    by_path: BTreeMap<String, Option<String>>,
}

const MAGIC: &[u8] = b"\xff Go buildinf:";

/// The bytes before the two texts.
const HEADER: usize = 32;

/// The bit that says that the texts follow, as they do since Go 1.18.
const TEXTS_FOLLOW: u8 = 2;

/// Around the list of modules are marks of this length.
const MARK: usize = 16;

/// The build information of a Go binary.
pub(in crate::explain) fn build_info(elf: &Elf) -> Option<BuildInfo> {
    let section = elf.section(".go.buildinfo")?;
    let data = elf.data(section);
    if !data.starts_with(MAGIC) || data.get(15)? & TEXTS_FOLLOW == 0 {
        return None;
    }
    let mut rest = data.get(HEADER..)?;
    let go = text(&mut rest)?;
    let list = text(&mut rest).unwrap_or_default();
    let list = list.get(MARK..list.len().saturating_sub(MARK)).unwrap_or_default();
    Some(parse(&String::from_utf8_lossy(go), &String::from_utf8_lossy(list)))
}

/// A text after its length, a varint.
fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0_u64;
    for (number, byte) in rest.iter().take(9).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * number);
        if byte & 0x80 == 0 {
            let start = number + 1;
            let text = rest.get(start..start.checked_add(usize::try_from(length).ok()?)?)?;
            *rest = &rest[start + text.len()..];
            return Some(text);
        }
    }
    None
}

fn parse(go: &str, list: &str) -> BuildInfo {
    // "go1.26.1 X:some-experiment"
    let mut info = BuildInfo { go: go.split(' ').next().unwrap_or_default().to_owned(), ..BuildInfo::default() };
    for line in list.lines() {
        let mut words = line.split('\t');
        let kind = words.next();
        let first = words.next().unwrap_or_default();
        let second = words.next().unwrap_or_default();
        let module = || GoModule { path: first.to_owned(), version: second.to_owned() };
        match kind {
            Some("path") => info.path = first.to_owned(),
            Some("mod") => info.main = Some(module()),
            Some("dep") => info.modules.push(module()),
            // It replaces the one before, whose packages keep their paths. A folder has no version.
            Some("=>") => {
                let replaced = if second.is_empty() { format!("=> {first}") } else { second.to_owned() };
                if let Some(module) = info.modules.last_mut().or(info.main.as_mut()) {
                    module.version = replaced;
                }
            }
            Some("build") => {
                if let Some((key, value)) = first.split_once('=') {
                    info.settings.insert(key.to_owned(), value.trim_matches(['"', '`']).to_owned());
                }
            }
            _ => {}
        }
    }
    info.modules.sort();
    info
}

impl BuildInfo {
    pub(in crate::explain) fn modules(&self) -> Modules {
        let modules = self.modules.iter().chain(&self.main);
        Modules {
            go: Some(self.go.clone()),
            main: self.main.clone(),
            by_path: modules.map(|module| (module.path.clone(), version(&module.version))).collect(),
        }
    }
}

/// A module that was built where it stands has no version that means anything.
fn version(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty() && *text != "(devel)").map(str::to_owned)
}

/// The name of Go's own packages, together.
pub(in crate::explain) const STANDARD: &str = "std";

/// Hosts whose repositories are two names deep; on others one is the rule.
const HOSTS: [&str; 5] = ["bitbucket.org", "codeberg.org", "github.com", "gitlab.com", "golang.org"];

impl Modules {
    /// The path of the package's module, and its version.
    pub(in crate::explain) fn of_package(&self, package: &str) -> (String, Option<String>) {
        if package == "main" {
            let main = self.main.as_ref();
            return main
                .map_or_else(|| ("main".to_owned(), None), |module| (module.path.clone(), version(&module.version)));
        }
        let mut path = package;
        loop {
            if let Some(version) = self.by_path.get(path) {
                return (path.to_owned(), version.clone());
            }
            match path.rfind('/') {
                Some(slash) => path = &path[..slash],
                None => break,
            }
        }
        // The standard library's paths have no dot in their first element, and it vendors some that do.
        if package.split('/').next().is_some_and(|first| !first.contains('.')) {
            return (STANDARD.to_owned(), self.go.clone());
        }
        (repository_of(package).to_owned(), None)
    }
}

/// What the module's path begins with, where the build information does not name it, as without a go.mod.
fn repository_of(package: &str) -> &str {
    let host = package.split('/').next().unwrap_or_default();
    let elements = if HOSTS.contains(&host) { 3 } else { 2 };
    let end = package.match_indices('/').map(|(at, _)| at).nth(elements - 1);
    &package[..end.unwrap_or(package.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "path\texample.com/shop/cmd/worker\nmod\texample.com/shop\t(devel)\t\n\
        dep\tgithub.com/a/b\tv1.2.0\th1:x=\ndep\tgithub.com/a/b/v2\tv2.0.1\th1:y=\n\
        dep\tgithub.com/c/d\tv0.1.0\n=>\t../d\t(devel)\t\ndep\tgithub.com/e/f\tv0.2.0\n=>\tgithub.com/fork/f\tv0.3.0\th1:z=\n\
        build\t-compiler=gc\nbuild\t-ldflags=\"-s -w\"\n";

    #[test]
    fn the_list_of_modules() {
        let info = parse("go1.26.1 X:jsonv2", LIST);
        assert_eq!((info.go.as_str(), info.path.as_str()), ("go1.26.1", "example.com/shop/cmd/worker"));
        assert_eq!(info.settings["-ldflags"], "-s -w");
        let versions: Vec<_> =
            info.modules.iter().map(|module| (module.path.as_str(), module.version.as_str())).collect();
        assert_eq!(
            versions,
            [
                ("github.com/a/b", "v1.2.0"),
                ("github.com/a/b/v2", "v2.0.1"),
                ("github.com/c/d", "(devel)"),
                ("github.com/e/f", "v0.3.0"),
            ]
        );
    }

    #[test]
    fn the_module_of_a_package() {
        let modules = parse("go1.26.1", LIST).modules();
        let of = |package: &str| modules.of_package(package);
        assert_eq!(of("main"), ("example.com/shop".into(), None));
        assert_eq!(of("example.com/shop/internal/store"), ("example.com/shop".into(), None));
        assert_eq!(of("github.com/a/b/sub"), ("github.com/a/b".into(), Some("v1.2.0".into())));
        assert_eq!(of("github.com/a/b/v2/sub"), ("github.com/a/b/v2".into(), Some("v2.0.1".into())));
        assert_eq!(of("github.com/a/bc/d"), ("github.com/a/bc".into(), None));
        assert_eq!(of("k8s.io/api/core/v1"), ("k8s.io/api".into(), None));
        assert_eq!(of("vendor/golang.org/x/net/idna"), (STANDARD.into(), Some("go1.26.1".into())));
        assert_eq!(of("net/http"), (STANDARD.into(), Some("go1.26.1".into())));
    }

    #[test]
    fn a_length_that_goes_too_far_is_no_text() {
        assert_eq!(text(&mut [3, b'a'].as_slice()), None);
        assert_eq!(text(&mut [0xff; 12].as_slice()), None);
        let mut rest = [1, b'a', 2, b'b', b'c'].as_slice();
        assert_eq!((text(&mut rest), text(&mut rest), text(&mut rest)), (Some(&b"a"[..]), Some(&b"bc"[..]), None));
    }
}
