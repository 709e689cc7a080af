//! Makes a table in Rust of `routes.txt`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=routes.txt");
    let table = table(&fs::read_to_string("routes.txt")?)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("routes.rs"), table)?;
    Ok(())
}

fn table(text: &str) -> Result<String, Box<dyn Error>> {
    let mut routes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [] => {}
            [first, ..] if first.starts_with('#') => {}
            [method, path] if METHODS.contains(&method) && path.starts_with('/') => {
                routes.entry(path).or_default().push(method);
            }
            _ => return Err(format!("routes.txt:{number}: not a method and a path: {line}").into()),
        }
    }

    let mut table = "static ROUTES: &[(&str, MethodFilter)] = &[\n".to_owned();
    for (path, methods) in routes {
        let filters: Vec<_> = methods.iter().map(|method| format!("MethodFilter::{method}")).collect();
        writeln!(table, "    ({path:?}, {}{}),", filters.join(".or("), ")".repeat(filters.len() - 1))?;
    }
    table.push_str("];\n");
    Ok(table)
}
