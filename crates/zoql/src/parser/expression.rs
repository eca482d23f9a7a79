//! Select items, paths, functions and aggregates.

use super::{ASK_EXPORT, Parser, Result, spanned};
use crate::{
    Compat, Language,
    ast::{Expr, Item, Name, Path},
    bound::{Aggregate, Function},
    catalog::nearest,
    diagnostic::{Code, Diagnostic},
    lexer::Kind,
    span::Spanned,
};

impl Parser<'_, '_> {
    pub(super) fn item(&mut self) -> Result<Spanned<Item>> {
        let start = self.span();
        if self.eat(&Kind::Star) {
            self.refuse_in_zoql(start, "ZOQL has no `*`", "name the fields")?;
            return Ok(Spanned::new(Item::All, start));
        }
        if matches!((self.peek(), self.peek_at(1), self.peek_at(2)), (Kind::Word(_), Kind::Dot, Kind::Star)) {
            let object = self.name("an object")?;
            self.bump();
            let span = start.to(self.span());
            self.bump();
            self.refuse_in_zoql(span, "ZOQL has no `*`", "name the fields")?;
            return Ok(Spanned::new(Item::AllOf(object), span));
        }
        self.refuse_distinct(Code::DistinctWithoutCount);
        let expr = self.expression()?;
        let alias = self.alias()?;
        let span = start.to(self.before());
        Ok(Spanned::new(Item::Expr { expr, alias }, span))
    }

    /// What follows it is read as if it were not there.
    fn refuse_distinct(&mut self, code: Code) {
        if self.at_word("distinct") && matches!(self.peek_at(1), Kind::Word(word) if !word.eq_ignore_ascii_case("from"))
        {
            let span = self.span();
            let help = "to get every value once, name the columns behind `group by`";
            self.report(Diagnostic::new(code, span, "There is no `distinct`").help(help));
            self.bump();
        }
    }

    fn alias(&mut self) -> Result<Option<Name>> {
        let start = self.span();
        if !self.eat_word("as") {
            if matches!(self.peek(), Kind::Quoted(_)) {
                let message = "An alias follows the word `as`";
                return Err(self.report(Diagnostic::new(Code::Syntax, start, message).help("write `as` before it")));
            }
            return Ok(None);
        }
        let span = self.span();
        let alias = match self.peek() {
            Kind::Quoted(alias) => alias.clone(),
            Kind::Text(alias) => {
                let alias = alias.clone();
                let help = format!("write \"{}\"", alias.replace('"', "\"\""));
                self.report(Diagnostic::new(Code::Quotes, span, "An alias is in double quotes").help(help));
                alias
            }
            &Kind::Word(alias) if !self.at_keyword() => {
                if self.compat == Compat::Strict {
                    let help = format!("write \"{alias}\"");
                    let message = "An alias without double quotes is not allowed by the original";
                    self.report(Diagnostic::not_in_strict(span, message).help(help));
                }
                alias.to_owned()
            }
            _ => return Err(self.expected("an alias in double quotes")),
        };
        self.bump();
        self.refuse_in_zoql(start.to(span), "ZOQL has no aliases", ASK_EXPORT)?;
        if alias.is_empty() {
            self.report(Diagnostic::new(Code::EmptyAlias, span, "An alias has at least one character"));
        }
        Ok(Some(Spanned::new(alias, span)))
    }

    /// A path, or a function or aggregate of one.
    pub(super) fn expression(&mut self) -> Result<Spanned<Expr>> {
        let is_call = matches!((self.peek(), self.peek_at(1)), (Kind::Word(_), Kind::Open));
        if is_call && !self.at_keyword() {
            return self.call();
        }
        let path = self.path()?;
        let span = path.span();
        Ok(spanned(Expr::Path(path), span))
    }

    pub(super) fn path(&mut self) -> Result<Path> {
        let start = self.span();
        let mut object = None;
        let mut field = self.name("a field")?;
        let mut deep = false;
        while self.eat(&Kind::Dot) {
            deep |= object.is_some();
            object = Some(std::mem::replace(&mut field, self.name("a field")?));
        }
        let span = start.to(field.span);
        if let (Some(object), true) = (&object, deep) {
            let help = format!("name the joined object itself: `{}.{}`", object.value, field.value);
            self.report(
                Diagnostic::new(Code::DeepPath, span, "A path is at most an object and one of its fields").help(help),
            );
        }
        if object.is_some() {
            let help = format!("write `{}`; for a joined object, {ASK_EXPORT}", field.value);
            self.refuse_in_zoql(span, "A field in ZOQL is named without its object", help)?;
        }
        Ok(Path { object, field })
    }

    fn call(&mut self) -> Result<Spanned<Expr>> {
        let open = self.open;
        let name = self.name("a function")?;
        self.bump();
        let callee = self.callee(&name);
        let argument = match callee.is_some() {
            true => self.argument(callee),
            false => None,
        };
        // What was wrong inside is reported; the call ends where its parenthesis does.
        if callee.is_none() || argument.is_none() {
            self.skip_call(open);
        } else {
            self.expect(&Kind::Close, "`)`")?;
        }
        let span = name.span.to(self.before());
        if callee.is_some() {
            self.refuse_in_zoql(span, "ZOQL has no functions", ASK_EXPORT)?;
        }
        match (callee, argument) {
            (Some(Callee::Function(function)), Some(Some(path))) => Ok(spanned(Expr::Function(function, path), span)),
            (Some(Callee::Aggregate(aggregate)), Some(Some(path))) => {
                Ok(spanned(Expr::Aggregate(aggregate, path), span))
            }
            (Some(_), Some(None)) => Ok(spanned(Expr::CountAll, span)),
            _ => Err(super::Broken),
        }
    }

    fn callee(&mut self, name: &Name) -> Option<Callee> {
        let word = name.to_ascii_lowercase();
        let function = Function::ALL.into_iter().find(|it| it.as_str() == word).map(Callee::Function);
        let aggregate = Aggregate::ALL.into_iter().find(|it| it.as_str() == word).map(Callee::Aggregate);
        let callee = function.or(aggregate);
        if callee.is_none() {
            let all: Vec<&str> =
                Function::ALL.iter().map(|it| it.as_str()).chain(Aggregate::ALL.iter().map(|it| it.as_str())).collect();
            let help = match nearest(all.iter().copied(), &word).first() {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the functions are {}", all.join(", ")),
            };
            let message = format!("There is no function named {}", name.value);
            self.report(Diagnostic::new(Code::UnknownFunction, name.span, message).help(help));
        }
        callee
    }

    /// `Some(None)` is `*`.
    fn argument(&mut self, callee: Option<Callee>) -> Option<Option<Path>> {
        self.refuse_distinct(Code::Syntax);
        let span = self.span();
        if self.eat(&Kind::Star) {
            if matches!(callee, Some(Callee::Aggregate(Aggregate::Count))) {
                return Some(None);
            }
            let message = "`*` is an argument of `count` only";
            self.report(Diagnostic::new(Code::BadArgument, span, message).help("name a field"));
            return None;
        }
        if matches!((self.peek(), self.peek_at(1)), (Kind::Word(_), Kind::Open)) {
            let message = "Functions and aggregates take a field, not another function";
            self.report(Diagnostic::new(Code::BadArgument, span, message));
            return None;
        }
        self.path().ok().map(Some)
    }

    /// Passes what is left of a call, up to its closing parenthesis or the end of the clause.
    fn skip_call(&mut self, open: usize) {
        while self.open > open && !matches!(self.peek(), Kind::End | Kind::Semicolon) && self.clause_here().is_none() {
            self.bump();
        }
    }

    pub(super) fn is_zoql(&self) -> bool {
        self.language == Language::Zoql
    }
}

#[derive(Clone, Copy)]
enum Callee {
    Function(Function),
    Aggregate(Aggregate),
}
