//! Shell texts, read with tolerance: their simple commands, with variables replaced where their values are known.

use super::variables::Variables;

/// What stands for a value that is not known.
pub(super) const UNKNOWN: char = '*';

/// The simple commands of a text, each as its words. Every way of writing a reference (`$X`, `${X}`, `$(X)`, `{{ x }}`)
/// is the same, and gone where it has one value; so are quotes.
pub(super) fn commands(text: &str, variables: &Variables) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let mut command = Command::default();
    let text = variables.expand_single(&without_references(text));
    let mut characters = text.chars().peekable();
    let mut quote = None;
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                command.is_word = true;
            }
            (_, '\\') => match characters.next() {
                Some('\n' | '\r') | None => {}
                Some(escaped) => command.push(escaped),
            },
            (None, '#') if !command.is_word => while characters.next_if(|next| *next != '\n').is_some() {},
            (None, ';' | '&' | '|' | '\n' | '(' | ')' | '`') => commands.push(command.end()),
            (None, _) if character.is_whitespace() => command.end_word(),
            _ => command.push(character),
        }
    }
    commands.push(command.end());
    commands.retain(|words| !words.is_empty());
    commands
}

#[derive(Default)]
struct Command {
    words: Vec<String>,
    word: String,
    is_word: bool,
}

impl Command {
    fn push(&mut self, character: char) {
        self.word.push(character);
        self.is_word = true;
    }

    fn end_word(&mut self) {
        if std::mem::take(&mut self.is_word) {
            self.words.push(std::mem::take(&mut self.word));
        }
    }

    fn end(&mut self) -> Vec<String> {
        self.end_word();
        std::mem::take(&mut self.words)
    }
}

/// The text with all references as `${name}`; of a path like `matrix.service` the last part.
pub(super) fn without_references(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '{']) {
        written.push_str(&rest[..at]);
        rest = &rest[at..];
        let (reference, after) = reference(rest);
        written.push_str(&reference);
        rest = after;
    }
    written + rest
}

/// What stands for the reference at the beginning of a text that begins with `$` or `{`, and what follows it.
fn reference(text: &str) -> (String, &str) {
    let in_braces = |open: &str, close: &str| {
        let (inner, after) = text.strip_prefix(open)?.split_once(close)?;
        (!inner.contains('\n')).then_some((inner, after))
    };
    if let Some((inner, after)) = in_braces("${{", "}}").or_else(|| in_braces("{{", "}}")) {
        let inner = inner.trim().trim_start_matches('.').rsplit('.').next().unwrap_or_default();
        return (if is_name(inner) { format!("${{{inner}}}") } else { UNKNOWN.to_string() }, after);
    }
    if let Some((inner, after)) = in_braces("${", "}") {
        let end = inner.find(|character| !is_of_name(character)).unwrap_or(inner.len());
        let is_name = is_name(&inner[..end]);
        return (if is_name { format!("${{{inner}}}") } else { UNKNOWN.to_string() }, after);
    }
    if let Some((inner, after)) = in_braces("$(", ")")
        && is_name(inner)
    {
        return (format!("${{{inner}}}"), after);
    }
    let Some(after) = text.strip_prefix('$') else { return ("{".to_owned(), &text[1..]) };
    let end = after.find(|character| !is_of_name(character)).unwrap_or(after.len());
    match &after[..end] {
        // In a makefile a dollar is written twice, and `$@` and `$<` are what it makes and of what.
        "" if after.starts_with('$') => (String::new(), after),
        "" if after.starts_with(['@', '<', '*', '^', '?', '1', '2']) => (UNKNOWN.to_string(), &after[1..]),
        "" => ("$".to_owned(), after),
        name => (format!("${{{name}}}"), &after[end..]),
    }
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') && text.chars().all(is_of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_apart_and_references_are_alike() {
        let mut variables = Variables::default();
        variables.add("GO", "go");
        variables.add("name", "api");
        variables.add("name", "worker");
        let words = |text: &str| commands(text, &variables);
        assert_eq!(
            words("cd a && $(GO) build \\\n ./cmd/x # not y"),
            [vec!["cd", "a"], vec!["go", "build", "./cmd/x"]]
        );
        assert_eq!(words("build 'a b'\"c\" ${{ matrix.name }}"), [["build", "a bc", "${name}"]]);
        assert_eq!(words("x ./cmd/$none ${none:-z} $@ {{.Os}}"), [["x", "./cmd/${none}", "${none:-z}", "*", "${Os}"]]);
        assert_eq!(words("(a; b)"), [["a"], ["b"]]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(\\PC|[\\n\\\\$({}'\"#;])*") {
            commands(&text, &Variables::default());
        }
    }
}
