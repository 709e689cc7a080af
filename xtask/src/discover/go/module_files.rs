//! The `go.mod` and `go.work` files of a repository, each read once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::fault::Fault;
use super::module_file::ModuleFile;
use super::work_file::WorkFile;
use crate::discover::Problem;
use crate::discover::paths::within;
use crate::files::tree::{Below as _, Tree};

/// Every file that was read, kept with the tree.
#[derive(Debug, Default)]
pub(super) struct ModuleFiles {
    modules: Mutex<HashMap<Utf8PathBuf, Parsed<ModuleFile>>>,
    dependencies: Mutex<HashMap<Utf8PathBuf, Parsed<ModuleFile>>>,
    works: Mutex<HashMap<Utf8PathBuf, Parsed<WorkFile>>>,
}

/// What a file says; `None` where there is no such file.
type Parsed<T> = Option<Result<Arc<T>, Fault>>;

impl ModuleFiles {
    /// The `go.mod` in a folder.
    ///
    /// # Errors
    /// A file that cannot be read. What it says wrongly is a value, since most of a repository does not depend on it.
    pub(super) fn module(&self, tree: &Tree, dir: &Utf8Path) -> Result<Parsed<ModuleFile>> {
        parsed(&self.modules, tree, dir.below("go.mod"), ModuleFile::parse)
    }

    /// The `go.mod` in the folder of a module that others require.
    pub(super) fn dependency(&self, tree: &Tree, dir: &Utf8Path) -> Result<Parsed<ModuleFile>> {
        parsed(&self.dependencies, tree, dir.below("go.mod"), ModuleFile::parse_dependency)
    }

    /// The `go.work` in a folder.
    pub(super) fn work(&self, tree: &Tree, dir: &Utf8Path) -> Result<Parsed<WorkFile>> {
        parsed(&self.works, tree, dir.below("go.work"), WorkFile::parse)
    }

    /// What is wrong with the `go.work` that Go would look at for the module in a folder.
    pub(super) fn workspace_fault(&self, tree: &Tree, module: &Utf8Path) -> Result<Option<Problem>> {
        for above in module.ancestors() {
            if let Some(parsed) = self.work(tree, above)? {
                return Ok(parsed.err().map(|fault| fault.in_file(&above.below("go.work"))));
            }
        }
        Ok(None)
    }

    /// The `go.work` that the module in a folder is built with, and its folder: the nearest one above, if it uses the
    /// module. One that does not parse is none; it is reported where it stands.
    pub(super) fn workspace(&self, tree: &Tree, module: &Utf8Path) -> Result<Option<(Utf8PathBuf, Arc<WorkFile>)>> {
        for above in module.ancestors() {
            let Some(parsed) = self.work(tree, above)? else { continue };
            let Ok(work) = parsed else { return Ok(None) };
            let uses = work.uses.iter().any(|(_, used)| within(above, used).as_deref() == Some(module));
            return Ok(uses.then(|| (above.to_owned(), work)));
        }
        Ok(None)
    }
}

fn parsed<T>(
    known: &Mutex<HashMap<Utf8PathBuf, Parsed<T>>>,
    tree: &Tree,
    file: Utf8PathBuf,
    parse: impl Fn(&str) -> Result<T, Fault>,
) -> Result<Parsed<T>> {
    let known = || known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(parsed) = known().get(&file) {
        return Ok(parsed.clone());
    }
    let text = if tree.is_file(&file) { tree.read(&file)? } else { None };
    let parsed = text.map(|text| parse(&String::from_utf8_lossy(&text)).map(Arc::new));
    known().insert(file, parsed.clone());
    Ok(parsed)
}
