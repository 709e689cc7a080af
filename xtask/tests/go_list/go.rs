//! Go, with an environment of its own.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use xtask::files::tree::Tree;

/// A package as `go list -json` describes it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Package {
    pub dir: String,
    pub import_path: String,
    pub name: String,
    pub target: String,
    pub standard: bool,
    pub dep_only: bool,
    pub go_files: Vec<String>,
    pub cgo_files: Vec<String>,
    #[serde(rename = "CFiles")]
    pub c_files: Vec<String>,
    #[serde(rename = "CXXFiles")]
    pub cxx_files: Vec<String>,
    #[serde(rename = "MFiles")]
    pub m_files: Vec<String>,
    #[serde(rename = "HFiles")]
    pub h_files: Vec<String>,
    #[serde(rename = "FFiles")]
    pub f_files: Vec<String>,
    #[serde(rename = "SFiles")]
    pub s_files: Vec<String>,
    pub swig_files: Vec<String>,
    #[serde(rename = "SwigCXXFiles")]
    pub swig_cxx_files: Vec<String>,
    pub syso_files: Vec<String>,
    pub embed_files: Vec<String>,
    pub imports: Vec<String>,
    pub module: Option<Module>,
    pub error: Option<PackageError>,
}

/// The module of a package.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Module {
    pub path: String,
    pub dir: String,
}

/// Why Go would not build a package.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PackageError {
    pub pos: String,
    pub err: String,
}

impl Package {
    /// Whether it has a Go file that is no test.
    pub fn is_built(&self) -> bool {
        self.go_files.len() + self.cgo_files.len() > 0
    }

    /// Its folder; `None` where it is outside the tree.
    pub fn dir_in(&self, tree: &Tree) -> Option<Utf8PathBuf> {
        Utf8Path::new(&self.dir).strip_prefix(tree.root()).ok().map(Utf8Path::to_owned)
    }

    /// The names of all files that are compiled or embedded.
    pub fn files(&self) -> impl Iterator<Item = &String> {
        [
            &self.go_files,
            &self.cgo_files,
            &self.c_files,
            &self.cxx_files,
            &self.m_files,
            &self.h_files,
            &self.f_files,
            &self.s_files,
            &self.swig_files,
            &self.swig_cxx_files,
            &self.syso_files,
            &self.embed_files,
        ]
        .into_iter()
        .flatten()
    }
}

/// Go's folder for what it downloads and caches, for all tests of a run, and the file proxy that it asks.
pub struct Go {
    base: Utf8PathBuf,
    pub proxy: String,
    environment: BTreeMap<String, String>,
}

impl Go {
    /// Go with folders below `base`.
    pub fn new(base: &Utf8Path, proxy: &str) -> Self {
        Self { base: base.to_owned(), proxy: proxy.to_owned(), environment: BTreeMap::new() }
    }

    /// The same with other variables set on top.
    pub fn with(&self, environment: &BTreeMap<String, String>) -> Self {
        let mut all = self.environment.clone();
        all.extend(environment.clone());
        Self { base: self.base.clone(), proxy: self.proxy.clone(), environment: all }
    }

    /// Runs Go in a folder.
    pub fn run(&self, folder: &Utf8Path, arguments: &[&str]) -> Output {
        let mut command = Command::new("go");
        command.args(arguments).current_dir(folder).env_clear();
        command.env("PATH", std::env::var_os("PATH").expect("a PATH")).env("PWD", folder);
        command.env("HOME", self.base.join("home")).env("GOPATH", self.base.join("gopath"));
        command.env("GOCACHE", self.base.join("cache")).env("GOBIN", "/bin");
        for (name, value) in [
            ("GOENV", "off"),
            ("GOFLAGS", "-modcacherw"),
            ("GOTOOLCHAIN", "local"),
            ("GOOS", "linux"),
            ("GOARCH", "amd64"),
            ("GOSUMDB", "off"),
            ("GOPROXY", &self.proxy),
            ("GOVCS", "*:off"),
            ("GOTELEMETRY", "off"),
        ] {
            command.env(name, value);
        }
        command.envs(&self.environment).output().expect("starts go; these tests compare with it")
    }

    /// All packages of a module with all that they import; an error is what Go says where it refuses the whole module.
    pub fn list(&self, module: &Utf8Path, cgo: bool) -> Result<Vec<Package>, String> {
        let environment = BTreeMap::from([("CGO_ENABLED".to_owned(), u8::from(cgo).to_string())]);
        let fields = "-json=Dir,ImportPath,Name,Target,Standard,DepOnly,GoFiles,CgoFiles,CFiles,CXXFiles,MFiles,HFiles,\
                      FFiles,SFiles,SwigFiles,SwigCXXFiles,SysoFiles,EmbedFiles,Imports,Module,Error";
        let output = self.with(&environment).run(module, &["list", "-e", "-deps", fields, "./..."]);
        let packages = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
        let packages = packages.collect::<Result<Vec<_>, _>>().expect("go prints JSON");
        if output.status.success() { Ok(packages) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

/// Go's own folder.
pub fn root() -> &'static Utf8Path {
    static ROOT: OnceLock<Utf8PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| said(&["env", "GOROOT"]).into())
}

/// N in Go's release 1.N.
pub fn minor() -> u32 {
    static MINOR: OnceLock<u32> = OnceLock::new();
    *MINOR.get_or_init(|| {
        let version = said(&["env", "GOVERSION"]);
        let minor = version.strip_prefix("go1.").expect("go1.N").split(|c: char| !c.is_ascii_digit()).next();
        minor.and_then(|minor| minor.parse().ok()).expect("go1.N")
    })
}

fn said(arguments: &[&str]) -> String {
    let output = Command::new("go").args(arguments).output().expect("starts go; these tests compare with it");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
