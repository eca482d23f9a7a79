//! Conditions: what may follow `where` and `having`.

use super::{Broken, Parser, Result, joined};
use crate::{
    Compat,
    ast::{Condition, Expr, Operand, Path, Value},
    diagnostic::{Code, Diagnostic},
    lexer::Kind,
    span::{Span, Spanned},
};

/// How deep conditions may nest. The parser, the binder and the engine call themselves once or twice a level, and
/// nobody's stack may depend on a query.
const DEEPEST: usize = 100;

/// A ZOQL query has at most so many comparisons.
const MOST_COMPARISONS: usize = 200;

/// Longer patterns than any text that is looked for: databases take no pattern of any length.
const LONGEST_PATTERN: usize = 10_000;

impl Parser<'_, '_> {
    /// None if nothing of it could be read.
    pub(super) fn boolean(&mut self) -> Option<Condition> {
        let open = self.open;
        let condition = self.disjunction();
        self.open = open;
        condition
    }

    fn disjunction(&mut self) -> Option<Condition> {
        let mut parts = Vec::new();
        loop {
            parts.extend(self.conjunction());
            if !self.eat_word("or") {
                return joined(parts, Condition::Or);
            }
        }
    }

    fn conjunction(&mut self) -> Option<Condition> {
        let mut parts = Vec::new();
        loop {
            let open = self.open;
            match self.negation() {
                Ok(part) => parts.extend(part),
                Err(Broken) => self.skip_to_connective(open),
            }
            if !self.eat_word("and") {
                return joined(parts, Condition::And);
            }
        }
    }

    /// `Ok(None)`: a pair of parentheses in which nothing could be read.
    fn negation(&mut self) -> Result<Option<Condition>> {
        let span = self.span();
        if self.at_word("not") && self.peek_at(1) != &Kind::Dot {
            self.bump();
            // What follows is worth reading even if it may not be negated.
            let _ = self.refuse_in_zoql(span, "ZOQL has no `not`", "write the opposite operator");
            return self.deeper(span, |parser| Ok(parser.negation()?.map(|inner| Condition::Not(Box::new(inner)))));
        }
        if self.eat(&Kind::Open) {
            let _ = self.refuse_in_zoql(
                span,
                "ZOQL has no parentheses",
                "`and` binds tighter than `or`: `(a or b) and c` is `a and c or b and c`",
            );
            return self.deeper(span, |parser| {
                let inner = parser.disjunction();
                parser.close(span)?;
                Ok(inner)
            });
        }
        self.comparison().map(Some)
    }

    /// The end of what a parenthesis at `open` began.
    fn close(&mut self, open: Span) -> Result<()> {
        let ends = matches!(self.peek(), Kind::End | Kind::Semicolon) || self.clause_here().is_some();
        if ends && self.lost_at != Some(self.at) {
            self.lost_at = Some(self.at);
            return Err(self.report(Diagnostic::new(Code::Unterminated, open, "This parenthesis is never closed")));
        }
        self.expect(&Kind::Close, "`and`, `or` or `)`")
    }

    fn deeper<T>(&mut self, span: Span, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == DEEPEST {
            let message = format!("Conditions nest deeper than {DEEPEST} levels");
            let broken = self.report(Diagnostic::new(Code::TooDeep, span, message));
            // Nothing after this can be told apart from the rest of the nest.
            self.at = self.tokens.len() - 1;
            self.lost_at = Some(self.at);
            return Err(broken);
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// The next `and`, `or` or closing parenthesis on the level where `open` were open, or the end of the clause.
    fn skip_to_connective(&mut self, open: usize) {
        while !matches!(self.peek(), Kind::Semicolon | Kind::End) && self.clause_here().is_none() {
            let connective = self.at_word("and") || self.at_word("or") || self.peek() == &Kind::Close;
            if connective && self.open <= open {
                return;
            }
            self.bump();
        }
    }

    fn comparison(&mut self) -> Result<Condition> {
        self.count_comparison();
        self.refuse_value_first()?;
        let left = self.expression()?;
        let span = self.span();
        if let &Kind::Op(op) = self.peek() {
            self.bump();
            let right = self.operand()?;
            return Ok(Condition::Compare { left, op: Spanned::new(op, span), right });
        }
        if self.eat_word("is") {
            let negated = self.eat_word("not");
            if !self.eat_word("null") {
                let message = "`is` stands before `null` and `not null` only";
                let help = format!("write `{}`", if negated { "!=" } else { "=" });
                return Err(self.report(Diagnostic::new(Code::Syntax, span.to(self.before()), message).help(help)));
            }
            let help = format!("write `{} null`", if negated { "!=" } else { "=" });
            self.refuse_in_zoql(span.to(self.before()), "ZOQL has no `is`", help)?;
            return Ok(Condition::IsNull { expr: left, negated });
        }
        if self.eat_word("like") {
            let pattern = self.pattern()?;
            return Ok(Condition::Like { path: self.only_path(left, "like")?, pattern });
        }
        if self.eat_word("in") {
            let values = self.values(span)?;
            return Ok(Condition::In { path: self.only_path(left, "in")?, values });
        }
        if self.eat_word("between") {
            return Err(self.refuse_between(span));
        }
        Err(match self.at_word("not") {
            true => self.expected("an operator (`not` stands before the whole comparison)"),
            false => self.expected("an operator: =, !=, <, <=, >, >= or like"),
        })
    }

    /// Its `and` joins no comparisons: it is passed with the two values.
    fn refuse_between(&mut self, word: Span) -> Broken {
        let help = "write two comparisons: `Amount >= 10 and Amount <= 20`";
        let broken = self.report(Diagnostic::new(Code::Syntax, word, "There is no `between`").help(help));
        if self.value().is_ok() && self.eat_word("and") {
            let _ = self.value();
        }
        broken
    }

    fn count_comparison(&mut self) {
        self.comparisons += 1;
        if self.is_zoql() && self.comparisons == MOST_COMPARISONS + 1 {
            let span = self.span();
            let message = format!("A ZOQL query has at most {MOST_COMPARISONS} comparisons");
            self.report(Diagnostic::new(Code::TooManyComparisons, span, message).help("split the query"));
        }
    }

    /// `'Active' = Status`
    fn refuse_value_first(&mut self) -> Result<()> {
        let span = self.span();
        if !matches!(self.peek(), Kind::Text(_) | Kind::Quoted(_) | Kind::Number(_) | Kind::Moment(_)) {
            return Ok(());
        }
        let message = "A comparison begins with a field, not with a value";
        Err(self.report(Diagnostic::new(Code::Syntax, span, message).help("write the field on the left")))
    }

    /// `like` and `in` take a field, no function.
    fn only_path(&mut self, expr: Spanned<Expr>, word: &str) -> Result<Path> {
        match expr.value {
            Expr::Path(path) => Ok(path),
            _ => {
                let message = format!("`{word}` takes a field, not a function");
                Err(self.report(Diagnostic::new(Code::FunctionNotAllowed, expr.span, message)))
            }
        }
    }

    fn operand(&mut self) -> Result<Spanned<Operand>> {
        let span = self.span();
        let is_value = ["null", "true", "false"].iter().any(|word| self.at_word(word));
        if !matches!(self.peek(), Kind::Word(_)) || is_value && self.peek_at(1) != &Kind::Dot {
            let value = self.value()?;
            return Ok(Spanned::new(Operand::Value(value.value), value.span));
        }
        if self.at_keyword() {
            return Err(self.expected("a value"));
        }
        if matches!(self.peek_at(1), Kind::Open) {
            let message = "A function stands on the left of a comparison only";
            return Err(self.report(Diagnostic::new(Code::FunctionNotAllowed, span, message)));
        }
        if self.is_zoql() {
            let word = self.path_span();
            let message = "ZOQL compares a field with a value, never with a second field";
            let help = format!("if it is a text, write '{}'", &self.text[word.start..word.end]);
            return Err(self.report(Diagnostic::new(Code::NotInZoql, word, message).help(help)));
        }
        let path = self.path()?;
        let span = path.span();
        Ok(Spanned::new(Operand::Path(path), span))
    }

    /// Where the path stands that comes next.
    fn path_span(&self) -> Span {
        let start = self.span();
        match (self.peek_at(1), self.peek_at(2)) {
            (Kind::Dot, Kind::Word(_)) => start.to(self.tokens[self.at + 2].span),
            _ => start,
        }
    }

    fn value(&mut self) -> Result<Spanned<Value>> {
        let span = self.span();
        let value = match self.peek() {
            Kind::Text(text) => Value::Text(text.clone()),
            Kind::Number(text) => Value::Number((*text).to_owned()),
            Kind::Word(word) if word.eq_ignore_ascii_case("null") => Value::Null,
            Kind::Word(word) if word.eq_ignore_ascii_case("true") => Value::Boolean(true),
            Kind::Word(word) if word.eq_ignore_ascii_case("false") => Value::Boolean(false),
            Kind::Moment(text) if self.is_zoql() => Value::Moment((*text).to_owned()),
            Kind::Moment(text) => {
                let text = (*text).to_owned();
                let help = format!("write '{text}'");
                self.report(Diagnostic::new(Code::Quotes, span, "A date is in single quotes").help(help));
                Value::Text(text)
            }
            Kind::Quoted(text) => {
                let text = text.clone();
                let diagnostic = Diagnostic::new(Code::Quotes, span, "A text is in single quotes");
                let diagnostic = match text.contains('\'') {
                    true => diagnostic,
                    false => diagnostic.help(format!("write '{text}'")),
                };
                self.report(diagnostic);
                Value::Text(text)
            }
            _ => return Err(self.expected("a value")),
        };
        self.bump();
        Ok(Spanned::new(value, span))
    }

    fn pattern(&mut self) -> Result<Spanned<String>> {
        let span = self.span();
        let Kind::Text(pattern) = self.peek() else { return Err(self.expected("a pattern in single quotes")) };
        let pattern = pattern.clone();
        self.bump();
        if pattern.chars().nth(LONGEST_PATTERN).is_some() {
            let message = format!("A pattern has at most {LONGEST_PATTERN} characters");
            return Err(self.report(Diagnostic::new(Code::BadPattern, span, message)));
        }
        let percents = pattern.matches('%').count();
        let at_an_end = pattern.starts_with('%') || pattern.ends_with('%');
        if self.compat == Compat::Strict && percents > 0 && !(percents == 1 && at_an_end) {
            let message = format!("`{pattern}` is not a pattern that the original knows");
            self.report(
                Diagnostic::new(Code::BadPattern, span, message)
                    .note("`compat = \"extended\"` accepts any pattern")
                    .help("write `%` once, at the start or at the end"),
            );
        }
        Ok(Spanned::new(pattern, span))
    }

    /// What follows `in`, whose place is `word`.
    fn values(&mut self, word: Span) -> Result<Vec<Spanned<Value>>> {
        self.expect(&Kind::Open, "`(` and values")?;
        let mut values = vec![self.value()?];
        while self.eat(&Kind::Comma) {
            values.push(self.value()?);
        }
        self.expect(&Kind::Close, "`,` or `)`")?;
        self.refuse_in_zoql(word, "ZOQL has no `in`", "write comparisons with `=`, joined by `or`")?;
        if self.compat == Compat::Strict {
            let message = "`in` is not an operator of the original";
            let help = "write comparisons with `=`, joined by `or`";
            self.report(Diagnostic::not_in_strict(word, message).help(help));
        }
        Ok(values)
    }
}
