//! `go.mod`: what a module is, and what it requires.

#[cfg(test)]
mod tests;

use super::fault::Fault;
use super::statement::{Statement, statements};
use super::version;

/// The statements of a `go.mod` that decide what a build reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleFile {
    /// The module's path; `None` in a file that only fences its folder off.
    pub module: Option<String>,
    /// The `go` line, as `1.26.0`.
    pub go: Option<String>,
    /// The `toolchain` line, as `go1.26.3`.
    pub toolchain: Option<String>,
    /// The `require` lines.
    pub requires: Vec<Requirement>,
    /// The `exclude` lines.
    pub excludes: Vec<Requirement>,
    /// The `replace` lines.
    pub replaces: Vec<Replacement>,
    /// The folders that package patterns leave out.
    pub ignores: Vec<String>,
    /// The packages of the module's tools.
    pub tools: Vec<String>,
}

/// A module at a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The module's path.
    pub path: String,
    /// The version, as `v1.2.3`.
    pub version: String,
    /// Whether it is marked as `// indirect`: no package of the module itself imports it.
    pub is_indirect: bool,
}

/// A `replace` line, of a `go.mod` or a `go.work`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// Its line, from 1.
    pub line: u32,
    /// The path of the module that is replaced.
    pub path: String,
    /// The only version that is replaced; `None` for all.
    pub version: Option<String>,
    /// What is taken in its place.
    pub target: Target,
}

/// What a module is replaced by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A folder, as written.
    Folder(String),
    /// Another module at a version.
    Module {
        /// Its path.
        path: String,
        /// The version, as `v1.2.3`.
        version: String,
    },
}

/// The statements that may be written as a block.
const BLOCKS: [&str; 8] = ["module", "godebug", "require", "exclude", "replace", "retract", "tool", "ignore"];

impl ModuleFile {
    /// Reads the text of a `go.mod` as Go reads that of a main module.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut file = Self::default();
        for statement in statements(text, Some(&BLOCKS))? {
            file.add(&statement)?;
        }
        Ok(file)
    }

    /// Reads the text of a `go.mod` as Go reads that of a module that others require: what only matters where it is
    /// the main module, or what a newer Go may know, is passed over.
    pub fn parse_dependency(text: &str) -> Result<Self, Fault> {
        let mut file = Self::default();
        for statement in statements(text, None)? {
            match statement.verb.as_str() {
                "module" | "require" | "ignore" => file.add(&statement)?,
                // A version that it cannot read says nothing about what is required.
                "go" => file.go = go_line(&statement).ok(),
                _ => {}
            }
        }
        Ok(file)
    }

    fn add(&mut self, statement: &Statement) -> Result<(), Fault> {
        match statement.verb.as_str() {
            "module" => {
                let path = statement.value(statement.only("module module/path")?)?;
                set_once(&mut self.module, path, statement)
            }
            "go" => set_once(&mut self.go, go_line(statement)?, statement),
            "toolchain" => set_once(&mut self.toolchain, toolchain_line(statement)?, statement),
            "godebug" => godebug_line(statement),
            "require" => requirement(statement).map(|module| self.requires.push(module)),
            "exclude" => requirement(statement).map(|module| self.excludes.push(module)),
            "replace" => replacement(statement).map(|replacement| self.replaces.push(replacement)),
            "retract" => check_retraction(statement),
            "tool" => {
                self.tools.push(statement.value(statement.only("tool package/path")?)?);
                Ok(())
            }
            "ignore" => {
                self.ignores.push(statement.value(statement.only("ignore folder")?)?);
                Ok(())
            }
            verb => Err(statement.fault(format!("unknown directive: {verb}"))),
        }
    }
}

pub(super) fn set_once(value: &mut Option<String>, new: String, statement: &Statement) -> Result<(), Fault> {
    if value.replace(new).is_some() {
        return Err(statement.fault(format!("a second {} line", statement.verb)));
    }
    Ok(())
}

pub(super) fn go_line(statement: &Statement) -> Result<String, Fault> {
    let version = statement.only("go 1.23.0")?;
    if version::GoVersion::parse(version).is_none() {
        return Err(statement.fault(format!("invalid go version `{version}`: expected the form 1.23.0")));
    }
    Ok(version.to_owned())
}

pub(super) fn toolchain_line(statement: &Statement) -> Result<String, Fault> {
    let name = statement.only("toolchain go1.23.0")?;
    if !(name == "default" || name == "go1" || name.starts_with("go1.")) {
        return Err(statement.fault(format!("invalid toolchain `{name}`: expected go1.23.0 or default")));
    }
    Ok(name.to_owned())
}

pub(super) fn godebug_line(statement: &Statement) -> Result<(), Fault> {
    let setting = statement.only("godebug key=value")?;
    if setting.contains(['"', '`', '\'', ',']) || !setting.contains('=') {
        return Err(statement.fault("usage: godebug key=value"));
    }
    Ok(())
}

fn requirement(statement: &Statement) -> Result<Requirement, Fault> {
    let [path, version] = statement.arguments.as_slice() else {
        return Err(statement.fault(format!("usage: {} module/path v1.2.3", statement.verb)));
    };
    let path = statement.value(path)?;
    let version = module_version(statement, &path, version)?;
    check_major(statement, &path, &version)?;
    Ok(Requirement { path, version, is_indirect: statement.is_indirect })
}

pub(super) fn replacement(statement: &Statement) -> Result<Replacement, Fault> {
    let usage =
        || statement.fault("usage: replace module/path [v1.2.3] => other/module v1.4.0, or => ../local/directory");
    let arguments = statement.arguments.as_slice();
    let arrow = if arguments.get(1).is_some_and(|word| word == "=>") { 1 } else { 2 };
    let (old, new) = match arguments.split_at_checked(arrow) {
        Some((old, [word, new @ ..])) if word == "=>" => (old, new),
        _ => return Err(usage()),
    };
    let path = statement.value(&old[0])?;
    let (_, major) = split_major(&path).ok_or_else(|| invalid_path(statement, &path))?;
    let version = match old.get(1) {
        Some(version) => {
            let version = module_version(statement, &path, version)?;
            check_prefix(statement, &path, major, &version)?;
            Some(version)
        }
        None => None,
    };
    let target = match new {
        [folder] => Target::Folder(local_folder(statement, folder)?),
        [module, version] => {
            let module = statement.value(module)?;
            let version = module_version(statement, &module, version)?;
            if is_folder(&module) {
                return Err(statement.fault(format!("the folder `{module}` cannot have a version")));
            }
            Target::Module { path: module, version }
        }
        _ => return Err(usage()),
    };
    Ok(Replacement { line: statement.line, path, version, target })
}

fn local_folder(statement: &Statement, argument: &str) -> Result<String, Fault> {
    let folder = statement.value(argument)?;
    if !is_folder(&folder) {
        return Err(statement
            .fault(format!("`{folder}` has no version, so it must be a folder: rooted, or starting with ./ or ../")));
    }
    if folder.contains('\\') {
        return Err(statement.fault(format!("`{folder}` is a Windows path; write it with /")));
    }
    Ok(folder)
}

/// Whether a path stands for a folder, on any system, and not for a module.
fn is_folder(path: &str) -> bool {
    let is_drive =
        path.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && path.as_bytes().get(1) == Some(&b':');
    path == "."
        || path == ".."
        || is_drive
        || ["./", ".\\", "../", "..\\", "/", "\\"].iter().any(|start| path.starts_with(start))
}

fn module_version(statement: &Statement, path: &str, argument: &str) -> Result<String, Fault> {
    let version = statement.value(argument)?;
    if !version::is_canonical(&version) {
        return Err(statement.fault(format!("{path}: invalid version `{version}`: expected the form v1.2.3")));
    }
    Ok(version)
}

fn check_major(statement: &Statement, path: &str, version: &str) -> Result<(), Fault> {
    let (_, major) = split_major(path).ok_or_else(|| invalid_path(statement, path))?;
    check_prefix(statement, path, major, version)
}

fn invalid_path(statement: &Statement, path: &str) -> Fault {
    statement.fault(format!("invalid module path `{path}`"))
}

/// A path ending in `/v2` or `.v2` has versions of that major number; one without has 0 and 1.
fn check_prefix(statement: &Statement, path: &str, suffix: &str, version: &str) -> Result<(), Fault> {
    let major = version::major(version).unwrap_or_default();
    // Pseudo-versions of gopkg.in's v1 may begin with v0, and so may those that mark an unstable branch.
    let suffix = suffix.strip_suffix("-unstable").unwrap_or(suffix);
    let fits = match suffix.get(2..).map(str::parse::<u64>) {
        Some(Ok(number)) => {
            number == major || (suffix.starts_with('.') && version.starts_with("v0.0.0-") && number == 1)
        }
        _ => major < 2 || version.ends_with("+incompatible"),
    };
    if fits {
        return Ok(());
    }
    let expected = if suffix.is_empty() { "v0 or v1".to_owned() } else { suffix[1..].to_owned() };
    Err(statement.fault(format!("{path}: invalid version `{version}`: expected {expected}")))
}

/// Splits `example.com/a/v2` into `example.com/a` and `/v2`; the second part is empty where there is none. `None` for
/// a suffix that no path may have, as `/v1` or `/v02`.
fn split_major(path: &str) -> Option<(&str, &str)> {
    if path.starts_with("gopkg.in/") {
        let stable = path.strip_suffix("-unstable").unwrap_or(path);
        let number = stable.bytes().rev().take_while(u8::is_ascii_digit).count();
        let start = stable.len() - number;
        let is_major =
            number > 0 && stable[..start].ends_with(".v") && (number == 1 || !stable[start..].starts_with('0'));
        return is_major.then(|| path.split_at(start - 2));
    }
    let digits = path.bytes().rev().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let start = path.len() - digits;
    if digits == 0 || !path[..start].ends_with("/v") {
        return Some((path, ""));
    }
    let number = &path[start..];
    let is_major = !number.contains('.') && !number.starts_with('0') && number != "1";
    is_major.then(|| path.split_at(start - 2))
}

/// What is retracted matters to other modules only.
fn check_retraction(statement: &Statement) -> Result<(), Fault> {
    let words: Vec<_> = statement.arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["[", low, ",", high, "]"] => statement.value(low).and_then(|_| statement.value(high)).map(drop),
        [version] if !["(", "["].contains(version) => statement.value(version).map(drop),
        _ => Err(statement.fault("usage: retract v1.2.3, or retract [v1.0.0, v1.2.3]")),
    }
}
