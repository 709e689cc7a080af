//! Makefiles and justfiles: the recipes of their targets.

use std::collections::BTreeSet;

/// What a target runs, with what the targets that it depends on run. The first target is meant by an empty name.
pub(super) fn recipe(text: &str, target: &str) -> String {
    let rules = rules(text);
    let first = || rules.iter().flat_map(|rule| &rule.targets).find(|name| !name.starts_with('.')).cloned();
    let Some(target) = (if target.is_empty() { first() } else { Some(target.to_owned()) }) else {
        return String::new();
    };
    let mut waiting = vec![target];
    let mut done = BTreeSet::new();
    let mut recipes = String::new();
    while let Some(target) = waiting.pop() {
        if !done.insert(target.clone()) {
            continue;
        }
        for rule in rules.iter().filter(|rule| rule.targets.contains(&target)) {
            recipes.push_str(&rule.recipe.replace("$@", &target));
            waiting.extend(rule.needs.iter().cloned());
        }
    }
    recipes
}

#[derive(Debug, Default)]
struct Rule {
    targets: Vec<String>,
    needs: Vec<String>,
    recipe: String,
}

fn rules(text: &str) -> Vec<Rule> {
    let text = text.replace("\\\n", " ");
    let mut rules: Vec<Rule> = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(rule) = rules.last_mut() {
                let command = line.trim().trim_start_matches(['@', '-', '+']);
                rule.recipe.push_str(command);
                rule.recipe.push('\n');
            }
            continue;
        }
        let Some((targets, needs)) = line.split_once(':') else { continue };
        if line.starts_with('#') || needs.starts_with('=') || needs.starts_with(":=") || targets.contains('=') {
            continue;
        }
        let needs = needs.split(['#', ';']).next().unwrap_or_default();
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut targets = words(targets.trim_start_matches('@'));
        // A recipe of just has its arguments after its name.
        if line.contains('"') || targets.iter().any(|word| word.starts_with(['*', '+'])) {
            targets.truncate(1);
        }
        rules.push(Rule { targets, needs: words(needs), recipe: String::new() });
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_has_those_that_it_needs() {
        let text = "NAME := x\n.PHONY: all\nall: api \\\n worker\n\t@echo done\napi worker: deps ## build\n\tgo build ./cmd/$@\ndeps:\n\tgo mod download\nother:\n\tgo build ./other\n";
        assert_eq!(recipe(text, ""), "echo done\ngo build ./cmd/worker\ngo mod download\ngo build ./cmd/api\n");
        assert_eq!(recipe(text, "other"), "go build ./other\n");
        assert_eq!(recipe(text, "none"), "");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "([a-c:= \\t\\\\@]*\\n)*", target in "[a-c]?") {
            recipe(&text, &target);
        }
    }
}
