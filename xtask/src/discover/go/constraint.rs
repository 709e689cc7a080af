//! Build constraints: `//go:build` and the older `// +build`.

use super::platforms::Mask;

/// A boolean expression over build tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    Tag(String),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
}

/// More operands than any constraint needs; Go's own bound, which also keeps the recursion shallow.
const LONGEST: usize = 1000;
/// Go's bound for the older form.
const LONGEST_OLD: usize = 100;

impl Expression {
    /// Where the expression holds, given where each tag is set.
    pub(super) fn holds(&self, tag: &dyn Fn(&str) -> Mask) -> Mask {
        match self {
            Self::Tag(name) => tag(name),
            Self::Not(inner) => !inner.holds(tag),
            Self::And(a, b) => a.holds(tag) & b.holds(tag),
            Self::Or(a, b) => a.holds(tag) | b.holds(tag),
        }
    }

    /// Reads what follows `//go:build`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text, token: Token::End, operands: 0 };
        let expression = parser.or()?;
        match parser.token {
            Token::End => Ok(expression),
            token => Err(format!("unexpected token {}", token.text())),
        }
    }

    /// Reads what follows `// +build`: alternatives between spaces, of which each is a list with commas. `None` where
    /// the line is too long, which Go passes over.
    pub(super) fn parse_old(text: &str) -> Option<Self> {
        let mut operators = 0;
        let mut any: Option<Self> = None;
        for clause in text.split_whitespace() {
            let mut all: Option<Self> = None;
            for literal in clause.split(',') {
                all = Some(join(Self::And, all, old_literal(literal), &mut operators)?);
            }
            any = Some(join(Self::Or, any, all?, &mut operators)?);
        }
        Some(any.unwrap_or_else(never))
    }
}

fn join(
    kind: fn(Box<Expression>, Box<Expression>) -> Expression,
    left: Option<Expression>,
    right: Expression,
    operators: &mut usize,
) -> Option<Expression> {
    let Some(left) = left else { return Some(right) };
    *operators += 1;
    (*operators <= LONGEST_OLD).then(|| kind(Box::new(left), Box::new(right)))
}

/// A tag that is never set.
fn never() -> Expression {
    Expression::Tag("ignore".to_owned())
}

fn old_literal(literal: &str) -> Expression {
    let (is_negated, name) = match literal.strip_prefix('!') {
        Some("") => return never(),
        Some(name) if name.starts_with('!') => return never(),
        Some(name) => (true, name),
        None => (false, literal),
    };
    let is_tag = !name.is_empty() && name.chars().all(in_tag);
    let tag = if is_tag { Expression::Tag(name.to_owned()) } else { never() };
    if is_negated { Expression::Not(Box::new(tag)) } else { tag }
}

fn in_tag(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '.'
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Tag(&'a str),
    Sign(&'a str),
    End,
}

impl Token<'_> {
    fn text(&self) -> &str {
        match self {
            Token::Tag(text) | Token::Sign(text) => text,
            Token::End => "end",
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    token: Token<'a>,
    operands: usize,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Expression, String> {
        let mut left = self.and()?;
        while self.token == Token::Sign("||") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.not()?;
        while self.token == Token::Sign("&&") {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression, String> {
        self.operands += 1;
        if self.operands > LONGEST {
            return Err("build expression too large".to_owned());
        }
        self.next()?;
        if self.token != Token::Sign("!") {
            return self.atom();
        }
        self.next()?;
        if self.token == Token::Sign("!") {
            return Err("double negation not allowed".to_owned());
        }
        Ok(Expression::Not(Box::new(self.atom()?)))
    }

    fn atom(&mut self) -> Result<Expression, String> {
        match self.token {
            Token::Tag(name) => {
                let tag = Expression::Tag(name.to_owned());
                self.next()?;
                Ok(tag)
            }
            Token::Sign("(") => {
                let inner = self.or()?;
                if self.token != Token::Sign(")") {
                    return Err("missing close paren".to_owned());
                }
                self.next()?;
                Ok(inner)
            }
            Token::End => Err("unexpected end of expression".to_owned()),
            Token::Sign(sign) => Err(format!("unexpected token {sign}")),
        }
    }

    fn next(&mut self) -> Result<(), String> {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        let Some(first) = self.rest.chars().next() else {
            self.token = Token::End;
            return Ok(());
        };
        let invalid = || format!("invalid syntax at {first}");
        let length = match first {
            '(' | ')' | '!' => 1,
            '&' if self.rest.starts_with("&&") => 2,
            '|' if self.rest.starts_with("||") => 2,
            _ => self.rest.find(|c| !in_tag(c)).unwrap_or(self.rest.len()),
        };
        if length == 0 {
            return Err(invalid());
        }
        let (text, rest) = self.rest.split_at(length);
        self.token = if in_tag(first) { Token::Tag(text) } else { Token::Sign(text) };
        self.rest = rest;
        Ok(())
    }
}
