//! By which imports a main package comes to a module.

use std::collections::BTreeMap;

use super::closure::Closure;

/// The shortest way into each of the modules, as `a imports b imports c`; none where only other modules import it.
/// Where a module is called as another one begins, a package belongs to the longer.
pub(super) fn ways_into(closure: &Closure, modules: &[&str]) -> BTreeMap<String, String> {
    let is_in = |path: &str, module: &str| {
        path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut ways = BTreeMap::new();
    // Members come in the order of their distance.
    for (number, member) in closure.members.iter().enumerate().filter(|(_, member)| !member.is_optional) {
        let package = &member.package;
        let built = package.imports.iter().filter(|import| import.platforms & member.platforms != 0);
        for import in built {
            let modules = modules.iter().filter(|module| is_in(&import.path, module));
            let Some(module) = modules.max_by_key(|module| module.len()) else { continue };
            if is_in(&package.import_path, module) {
                continue;
            }
            ways.entry((*module).to_owned()).or_insert_with(|| {
                let chain = closure.chain(number);
                let chain = if chain.is_empty() { &package.import_path } else { &chain };
                format!("{chain} imports {}", import.path)
            });
        }
    }
    ways
}
