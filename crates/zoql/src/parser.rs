//! From tokens to a query: recursive descent, one method per rule of the grammar.
//!
//! Both languages share the rules; what one of them lacks is parsed all the same and refused with its name. A fault
//! never stops the parser: it goes on at the next comma, connective or clause. What could not be read is missing from
//! the query.

mod condition;
mod expression;

use std::mem::discriminant;

use crate::{
    Compat, Language,
    ast::{Condition, Expr, Limit, Name, Query, Sort},
    diagnostic::{Code, Diagnostic, Diagnostics},
    lexer::{Kind, Token, lex, quote_inside},
    span::{Span, Spanned},
};

/// An Export ZOQL query has at most so many characters.
const LONGEST: usize = 20_000;

pub(crate) fn parse(text: &str, language: Language, compat: Compat, diagnostics: &mut Diagnostics) -> Option<Query> {
    if language == Language::Export
        && let Some((end, _)) = text.char_indices().nth(LONGEST)
    {
        let message = format!("A query has at most {LONGEST} characters; this one has {}", text.chars().count());
        diagnostics.push(Diagnostic::new(Code::TooLong, Span::new(end, text.len()), message));
        return None;
    }
    let tokens = lex(text, language, compat, diagnostics);
    Parser { text, language, compat, tokens, at: 0, open: 0, depth: 0, comparisons: 0, lost_at: None, diagnostics }
        .query()
}

struct Parser<'a, 'd> {
    text: &'a str,
    language: Language,
    compat: Compat,
    /// Ends with [`Kind::End`], which is never passed.
    tokens: Vec<Token<'a>>,
    at: usize,
    /// How many of the parentheses passed so far are not closed.
    open: usize,
    /// How deep in nested conditions we are.
    depth: usize,
    comparisons: usize,
    /// The token at which something else was last expected: one fault is reported once, not once a level.
    lost_at: Option<usize>,
    diagnostics: &'d mut Diagnostics,
}

/// What was expected is not there. Already reported: whoever gets it only looks for a place to go on.
struct Broken;

type Result<T> = std::result::Result<T, Broken>;

/// In the order in which they may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Clause {
    From,
    Where,
    GroupBy,
    Having,
    OrderBy,
    Limit,
}

impl Clause {
    fn words(self) -> &'static str {
        match self {
            Clause::From => "from",
            Clause::Where => "where",
            Clause::GroupBy => "group by",
            Clause::Having => "having",
            Clause::OrderBy => "order by",
            Clause::Limit => "limit",
        }
    }
}

impl<'a> Parser<'a, '_> {
    fn query(mut self) -> Option<Query> {
        if matches!(self.peek(), Kind::Semicolon | Kind::End) {
            let span = self.span();
            self.report(Diagnostic::new(Code::Syntax, span, "The query is empty"));
            return None;
        }
        self.keyword("select").ok()?;
        let select = self.list(Self::item, "`,` or `from`");
        if !self.at_word("from") {
            self.expected("`from` and an object");
            return None;
        }
        self.bump();
        let from = self.name("an object").ok()?;
        let mut query = Query {
            language: self.language,
            select,
            from,
            filter: None,
            group_by: Vec::new(),
            having: None,
            order_by: Vec::new(),
            limit: None,
        };
        let mut last = Clause::From;
        loop {
            match self.clause_here() {
                Some(clause) => {
                    self.check_order(clause, last);
                    last = last.max(clause);
                    self.clause(clause, &mut query);
                }
                None if self.peek() == &Kind::End => return Some(query),
                None if self.eat(&Kind::Semicolon) => {
                    if self.peek() != &Kind::End {
                        self.expected("nothing after `;`");
                    }
                    return Some(query);
                }
                None => {
                    self.expected(match self.language {
                        Language::Zoql => "`where` or the end of the query",
                        Language::Export => {
                            "`where`, `group by`, `having`, `order by`, `limit` or the end of the query"
                        }
                    });
                    self.skip_to_clause();
                }
            }
        }
    }

    fn check_order(&mut self, clause: Clause, last: Clause) {
        let span = self.span();
        let words = clause.words();
        if clause == last {
            self.report(Diagnostic::new(Code::ClauseOrder, span, format!("`{words}` stands twice")));
        } else if clause < last {
            let message = format!("`{words}` stands before `{}`", last.words());
            self.report(
                Diagnostic::new(Code::ClauseOrder, span, message)
                    .note("the order is: select, from, where, group by, having, order by, limit"),
            );
        }
    }

    fn clause(&mut self, clause: Clause, query: &mut Query) {
        let start = self.span();
        self.bump();
        if matches!(clause, Clause::GroupBy | Clause::OrderBy) {
            self.bump();
        }
        if self.language == Language::Zoql && clause > Clause::Where {
            let message = format!("ZOQL has no `{}`", clause.words());
            self.report(Diagnostic::new(Code::NotInZoql, start.to(self.before()), message).help(ASK_EXPORT));
            self.skip_to_clause();
            return;
        }
        match clause {
            Clause::From => self.skip_to_clause(),
            Clause::Where => query.filter = self.boolean(),
            Clause::GroupBy => query.group_by = self.list(Self::expression, "`,` or the next clause"),
            Clause::Having => query.having = self.boolean(),
            Clause::OrderBy => query.order_by = self.list(Self::sort, "`,`, `asc`, `desc` or the next clause"),
            Clause::Limit => query.limit = self.limit().ok(),
        }
    }

    fn sort(&mut self) -> Result<Sort> {
        let expr = self.expression()?;
        let descending = self.eat_word("desc");
        if !descending {
            self.eat_word("asc");
        }
        Ok(Sort { expr, descending })
    }

    fn limit(&mut self) -> Result<Limit> {
        let first = self.count()?;
        if self.eat(&Kind::Comma) {
            return Ok(Limit { offset: first, count: self.count()? });
        }
        Ok(Limit { offset: 0, count: first })
    }

    fn count(&mut self) -> Result<u64> {
        let Kind::Number(text) = *self.peek() else { return Err(self.expected("a number of rows")) };
        let span = self.span();
        self.bump();
        text.parse().map_err(|_| {
            let message = format!("`{text}` is not a number of rows");
            self.report(Diagnostic::new(Code::BadNumber, span, message).help("write a whole number, 0 or more"))
        })
    }

    /// One or more, with commas between. Those that cannot be read are left out. `then` is what may follow one.
    fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Result<T>, then: &str) -> Vec<T> {
        let mut list = Vec::new();
        let open = self.open;
        loop {
            match element(self) {
                Ok(element) if self.ends_element() => list.push(element),
                Ok(element) => {
                    list.push(element);
                    self.expected(then);
                    self.skip_to_comma(open);
                }
                Err(Broken) => self.skip_to_comma(open),
            }
            if !self.eat(&Kind::Comma) {
                self.open = open;
                return list;
            }
        }
    }

    fn ends_element(&self) -> bool {
        matches!(self.peek(), Kind::Comma | Kind::Semicolon | Kind::End) || self.clause_here().is_some()
    }

    /// The next comma outside of parentheses opened since there were `open`, or the end of the clause.
    fn skip_to_comma(&mut self, open: usize) {
        while !(self.ends_element() && (self.peek() != &Kind::Comma || self.open <= open)) {
            self.bump();
        }
    }

    fn skip_to_clause(&mut self) {
        while !matches!(self.peek(), Kind::Semicolon | Kind::End) && self.clause_here().is_none() {
            self.bump();
        }
    }

    /// The clause that begins here. `group` and `order` alone are names: there is an object `Order`.
    fn clause_here(&self) -> Option<Clause> {
        let Kind::Word(word) = *self.peek() else { return None };
        // A word before a dot is the name of an object.
        if self.peek_at(1) == &Kind::Dot {
            return None;
        }
        let by = matches!(self.peek_at(1), Kind::Word(next) if next.eq_ignore_ascii_case("by"));
        match word.to_ascii_lowercase().as_str() {
            "from" => Some(Clause::From),
            "where" => Some(Clause::Where),
            "group" if by => Some(Clause::GroupBy),
            "having" => Some(Clause::Having),
            "order" if by => Some(Clause::OrderBy),
            "limit" => Some(Clause::Limit),
            _ => None,
        }
    }

    fn name(&mut self, what: &str) -> Result<Name> {
        match *self.peek() {
            Kind::Word(word) if !self.at_keyword() => {
                let name = Spanned::new(word.to_owned(), self.span());
                self.bump();
                Ok(name)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// Whether a keyword stands here that is no name: it would swallow what follows.
    fn at_keyword(&self) -> bool {
        const KEYWORDS: [&str; 13] =
            ["select", "from", "where", "having", "limit", "and", "or", "not", "is", "like", "as", "asc", "desc"];
        self.clause_here().is_some()
            || self.peek_at(1) != &Kind::Dot && KEYWORDS.iter().any(|keyword| self.at_word(keyword))
    }

    fn keyword(&mut self, word: &str) -> Result<()> {
        match self.eat_word(word) {
            true => Ok(()),
            false => Err(self.expected(&format!("`{word}`"))),
        }
    }

    fn peek(&self) -> &Kind<'a> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Kind<'a> {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)].kind
    }

    /// Where the next token stands.
    fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    /// Where the last token stood.
    fn before(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    fn bump(&mut self) {
        match self.peek() {
            Kind::Open => self.open += 1,
            Kind::Close => self.open = self.open.saturating_sub(1),
            Kind::End => return,
            _ => {}
        }
        self.at += 1;
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Kind::Word(here) if here.eq_ignore_ascii_case(word))
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let here = self.at_word(word);
        if here {
            self.bump();
        }
        here
    }

    /// Passes a token that has no text of its own.
    fn eat(&mut self, kind: &Kind<'_>) -> bool {
        let here = discriminant(self.peek()) == discriminant(kind);
        if here {
            self.bump();
        }
        here
    }

    fn expect(&mut self, kind: &Kind<'_>, what: &str) -> Result<()> {
        match self.eat(kind) {
            true => Ok(()),
            false => Err(self.expected(what)),
        }
    }

    /// Reports that something else stands here.
    fn expected(&mut self, what: &str) -> Broken {
        if self.lost_at.replace(self.at) == Some(self.at) {
            return Broken;
        }
        let found = match self.peek() {
            Kind::End => "the query ends".to_owned(),
            _ => {
                let span = self.span();
                format!("found `{}`", shortened(&self.text[span.start..span.end]))
            }
        };
        let span = self.span();
        let help = self.habit();
        self.report(Diagnostic::new(Code::Syntax, span, format!("Expected {what}, {found}")).maybe_help(help))
    }

    /// What to write instead of the word that stands here, if it is one of SQL's.
    fn habit(&self) -> Option<String> {
        let Kind::Word(word) = *self.peek() else { return None };
        let before = &self.tokens[self.at.saturating_sub(1)];
        if matches!(before.kind, Kind::Text(_)) && before.span.end == self.span().start {
            return Some(format!("a quote inside a text is written {}", quote_inside('\'', self.language)));
        }
        let help = match word.to_ascii_lowercase().as_str() {
            "join" | "inner" | "left" | "right" | "full" | "outer" | "cross" => match self.language {
                Language::Zoql => ASK_EXPORT,
                Language::Export => "joined objects need no `join`: name their fields, as in `BillToContact.City`",
            },
            "offset" => "`limit 20, 10` skips 20 rows and gives the next 10",
            "union" => "send a query for each part",
            _ if self.is_behind_object() => "objects have no aliases: fields are named without them",
            _ => return None,
        };
        Some(help.to_owned())
    }

    /// Whether the last two tokens are `from` and an object.
    fn is_behind_object(&self) -> bool {
        let from = self.at.checked_sub(2).map(|at| &self.tokens[at].kind);
        matches!(from, Some(Kind::Word(word)) if word.eq_ignore_ascii_case("from"))
    }

    fn report(&mut self, diagnostic: Diagnostic) -> Broken {
        self.diagnostics.push(diagnostic);
        Broken
    }

    /// Reports what Export ZOQL has and ZOQL lacks.
    fn refuse_in_zoql(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) -> Result<()> {
        match self.language {
            Language::Export => Ok(()),
            Language::Zoql => Err(self.report(Diagnostic::new(Code::NotInZoql, span, message).help(help))),
        }
    }
}

const ASK_EXPORT: &str = "send the query with type `zoqlexport`";

/// Enough of a long token to find it by.
fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(40);
    if end == text.len() { text.to_owned() } else { format!("{}…", &text[..end]) }
}

/// None for an empty list, the element itself for a list of one.
fn joined(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Option<Condition> {
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(join(parts)),
    }
}

fn spanned(expr: Expr, span: Span) -> Spanned<Expr> {
    Spanned::new(expr, span)
}
