//! The beginning of a source file, up to the end of its imports: all that decides what a build reads.

mod scanner;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::Read;
use std::sync::LazyLock;

use memchr::{memchr, memchr_iter, memmem};

use super::constraint::Expression;
use super::embed;
use super::fault::Fault;
use super::quote::unquote;
use scanner::{Scanner, Token};

/// What the beginning of a Go file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// Where the file is built; all of these must hold.
    pub(super) constraints: Vec<Expression>,
    /// Why Go cannot tell where the file is built, so that it refuses the package.
    pub(super) unreadable: Option<Fault>,
    /// What Go refuses where the file is built.
    pub(super) fault: Option<Fault>,
    /// The name of its package; empty where it has none.
    pub(super) package: String,
    /// What it imports, in order.
    pub(super) imports: Vec<Import>,
    /// Its embed patterns.
    pub(super) embeds: Vec<Pattern>,
    /// The text of the comments over `import "C"`, each with its first line.
    pub(super) preambles: Vec<(u32, String)>,
}

/// An import of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) line: u32,
    pub(super) path: String,
}

/// An embed pattern of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) line: u32,
    pub(super) text: String,
}

/// How much is read at first. Few headers are longer.
const FIRST_READ: usize = 4096;

thread_local! {
    /// What was read of a file. One buffer for all takes less time than a new one for each.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; FIRST_READ]);
}

impl Header {
    /// Whether the file takes part in cgo.
    pub(super) fn is_cgo(&self) -> bool {
        self.imports.iter().any(|import| import.path == "C")
    }

    /// Reads the header of a Go file, and no more of it than is needed.
    pub(super) fn read_go(file: impl Read) -> std::io::Result<Self> {
        BUFFER.with_borrow_mut(|buffer| read_until(file, buffer, Self::parse_go))
    }

    /// Reads the comments at the beginning of a file in C, assembly and the like, which may hold a constraint.
    pub(super) fn read_other(file: impl Read) -> std::io::Result<Self> {
        BUFFER.with_borrow_mut(|buffer| read_until(file, buffer, Self::parse_other))
    }

    /// Reads a header from the beginning of a Go file; `None` where it goes on after `bytes`.
    pub(super) fn parse_go(bytes: &[u8], is_whole: bool) -> Option<Self> {
        let bytes = without_mark(bytes);
        let mut header = Self::default();
        let mut scanner = Scanner::new(bytes, is_whole);
        let parsed = header.declarations(&mut scanner);
        let end = scanner.position();
        // The byte after the imports is looked at as well.
        if scanner.ran_out() || !is_whole && end >= bytes.len() {
            return None;
        }
        if let Some(nul) = memchr(0, &bytes[..bytes.len().min(end + 1)]) {
            header.unreadable = Some(Fault::new(line_at(bytes, nul), "unexpected NUL in input"));
            return Some(header);
        }
        header.find_constraints(&bytes[..end]);
        header.fault = parsed.err().or_else(|| not_utf8(&bytes[..end]));
        if header.fault.is_none() && header.imports.iter().any(|import| import.path == "embed") {
            if !is_whole {
                return None;
            }
            header.embeds = embed::patterns(bytes);
        }
        Some(header)
    }

    fn parse_other(bytes: &[u8], is_whole: bool) -> Option<Self> {
        let bytes = without_mark(bytes);
        let mut scanner = Scanner::new(bytes, is_whole);
        // A fault here is the compiler's to find; Go only looks for comments.
        let _ = scanner.skip_comments();
        if scanner.ran_out() {
            return None;
        }
        let mut header = Self::default();
        header.find_constraints(&bytes[..scanner.position()]);
        Some(header)
    }

    fn find_constraints(&mut self, header: &[u8]) {
        match constraints(header) {
            Ok(constraints) => self.constraints = constraints,
            Err(fault) => self.unreadable = Some(fault),
        }
    }

    /// Reads the package clause and the imports.
    fn declarations(&mut self, scanner: &mut Scanner) -> Result<(), Fault> {
        match scanner.next()? {
            Token::Word("package") => {}
            other => return Err(scanner.expected("`package`", other)),
        }
        match scanner.next()? {
            Token::Word(name) if is_name(name) => self.package = name.to_owned(),
            other => return Err(scanner.expected("the package's name", other)),
        }
        while scanner.is_at(b'i') {
            scanner.end_of_statement()?;
            let keyword_line = scanner.line();
            let mut doc = scanner.comment_before(keyword_line);
            match scanner.next()? {
                Token::Word("import") => {}
                other => return Err(scanner.expected("`import`", other)),
            }
            if scanner.take(b'(')? {
                let first = self.imports.len();
                let mut specs = Vec::new();
                loop {
                    while let Some((line, path)) = scanner.plain_import()? {
                        self.imports.push(Import { line, path: path.to_owned() });
                    }
                    if scanner.take(b')')? {
                        break;
                    }
                    let spec_doc = scanner.comment_before(scanner.line());
                    specs.push((self.import(scanner)?, spec_doc));
                    scanner.end_of_spec()?;
                }
                let is_only = self.imports.len() == first + 1;
                for (is_c, spec_doc) in specs {
                    if is_c {
                        let own = spec_doc.or_else(|| doc.take().filter(|_| is_only));
                        self.preambles.extend(own.map(|comment| comment.text()));
                    }
                }
            } else if let Some((line, path)) = scanner.plain_import()? {
                self.imports.push(Import { line, path: path.to_owned() });
            } else if self.import(scanner)? {
                self.preambles.extend(doc.map(|comment| comment.text()));
            }
        }
        Ok(())
    }

    /// Reads one import; says whether it is that of C.
    fn import(&mut self, scanner: &mut Scanner) -> Result<bool, Fault> {
        let line = scanner.line();
        let mut token = scanner.next()?;
        if matches!(token, Token::Sign(b'.')) || matches!(token, Token::Word(name) if is_import_name(name)) {
            token = scanner.next()?;
        }
        let Token::String(literal) = token else { return Err(scanner.expected("an import path", token)) };
        let path = unquote(literal).filter(|path| is_import_path(path));
        let path = path.ok_or_else(|| Fault::new(line, format!("invalid import path: {literal}")))?;
        let is_c = path == "C";
        self.imports.push(Import { line, path });
        Ok(is_c)
    }
}

/// Reads on, twice as much each time, until `parse` has what it needs.
fn read_until(
    mut file: impl Read,
    bytes: &mut Vec<u8>,
    parse: impl Fn(&[u8], bool) -> Option<Header>,
) -> std::io::Result<Header> {
    let (mut length, mut wanted) = (0, FIRST_READ);
    loop {
        let got = match file.read(&mut bytes[length..wanted]) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            got => got?,
        };
        length += got;
        let is_whole = got == 0;
        // A file that is shorter than the buffer is often enough as it is, which spares asking for its end.
        if (is_whole || length == wanted || length < FIRST_READ)
            && let Some(header) = parse(&bytes[..length], is_whole)
        {
            return Ok(header);
        }
        if is_whole {
            // Not reached: with the whole file at hand every parse ends.
            return Ok(Header::default());
        }
        if length == wanted {
            wanted *= 2;
            bytes.resize(bytes.len().max(wanted), 0);
        }
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn line_at(bytes: &[u8], position: usize) -> u32 {
    1 + memchr_iter(b'\n', &bytes[..position]).count() as u32
}

fn not_utf8(bytes: &[u8]) -> Option<Fault> {
    let error = std::str::from_utf8(bytes).err()?;
    Some(Fault::new(line_at(bytes, error.valid_up_to()), "illegal UTF-8 encoding"))
}

/// Whether a word may stand before the path of an import.
fn is_import_name(word: &str) -> bool {
    word == "_" || is_name(word)
}

/// Whether a word is an identifier, and not the blank one.
fn is_name(word: &str) -> bool {
    // Sorted.
    const KEYWORDS: [&str; 25] = [
        "break",
        "case",
        "chan",
        "const",
        "continue",
        "default",
        "defer",
        "else",
        "fallthrough",
        "for",
        "func",
        "go",
        "goto",
        "if",
        "import",
        "interface",
        "map",
        "package",
        "range",
        "return",
        "select",
        "struct",
        "switch",
        "type",
        "var",
    ];
    let is_letter = |first: char| first.is_alphabetic() || first == '_';
    word != "_" && word.starts_with(is_letter) && KEYWORDS.binary_search(&word).is_err()
}

fn is_import_path(path: &str) -> bool {
    let is_allowed =
        |c: char| !c.is_control() && !c.is_whitespace() && !"!\"#$%&'()*,:;<=>?[\\]^{|}`\u{fffd}\u{feff}".contains(c);
    !path.is_empty() && path.chars().all(is_allowed)
}

/// Finds the constraints in the comments over the package clause: one `//go:build` line, else all `+build` lines.
fn constraints(header: &[u8]) -> Result<Vec<Expression>, Fault> {
    static GO_BUILD: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new("//go:build"));
    static OLD_BUILD: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new("+build"));
    // Few headers have one.
    if GO_BUILD.find(header).is_none() && OLD_BUILD.find(header).is_none() {
        return Ok(Vec::new());
    }
    let mut go_build: Option<(u32, &[u8])> = None;
    let mut before_blank = 0;
    let mut is_over = false;
    let mut in_comment = false;
    let mut position = 0;
    let mut number = 0;
    'lines: while position < header.len() {
        let rest = &header[position..];
        let length = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        number += 1;
        position += length;
        let mut line = rest[..length].trim_ascii();
        if line.is_empty() && !is_over {
            before_blank = position;
            continue;
        }
        is_over |= !line.starts_with(b"//");
        if !in_comment && is_go_build(line) && go_build.replace((number, line)).is_some() {
            return Err(Fault::new(number, "multiple //go:build comments"));
        }
        while !line.is_empty() {
            if in_comment {
                let Some(end) = find(line, b"*/") else { continue 'lines };
                in_comment = false;
                line = line[end + 2..].trim_ascii();
            } else if line.starts_with(b"//") {
                continue 'lines;
            } else if let Some(rest) = line.strip_prefix(b"/*") {
                in_comment = true;
                line = rest.trim_ascii();
            } else {
                break 'lines;
            }
        }
    }
    if let Some((number, line)) = go_build {
        let text = text(&line[b"//go:build".len()..]);
        let parsed = Expression::parse(text.trim());
        let fault = |message| Fault::new(number, format!("parsing //go:build line: {message}"));
        return parsed.map(|expression| vec![expression]).map_err(fault);
    }
    let lines = header[..before_blank].split(|byte| *byte == b'\n');
    Ok(lines.filter(|line| find(line, b"+build").is_some()).filter_map(|line| old_constraint(&text(line))).collect())
}

fn is_go_build(line: &[u8]) -> bool {
    let rest = line.strip_prefix(b"//go:build");
    rest.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

fn old_constraint(line: &str) -> Option<Expression> {
    let text = line.trim().strip_prefix("//")?.trim().strip_prefix("+build")?;
    let is_word = text.chars().next().is_none_or(char::is_whitespace);
    if is_word { Expression::parse_old(text) } else { None }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memmem::find(haystack, needle)
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
