//! From text to tokens. Never stops: what cannot be read is reported and left out.

use crate::{
    Compat, Language,
    bound::CompareOp,
    diagnostic::{Code, Diagnostic, Diagnostics},
    span::Span,
};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token<'a> {
    pub kind: Kind<'a>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind<'a> {
    /// A keyword or a name: only its place tells.
    Word(&'a str),
    Number(&'a str),
    /// In single quotes; what it says.
    Text(String),
    /// In double quotes; what it says.
    Quoted(String),
    /// A date or datetime without quotes.
    Moment(&'a str),
    Op(CompareOp),
    Comma,
    Dot,
    Star,
    Open,
    Close,
    Semicolon,
    End,
}

/// The tokens of `text`; the last one, and only the last, is [`Kind::End`].
pub(crate) fn lex<'a>(
    text: &'a str,
    language: Language,
    compat: Compat,
    diagnostics: &mut Diagnostics,
) -> Vec<Token<'a>> {
    let mut lexer = Lexer { text, at: 0, language, compat, diagnostics };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token();
        let last = token.kind == Kind::End;
        tokens.push(token);
        if last {
            return tokens;
        }
    }
}

struct Lexer<'a, 'd> {
    text: &'a str,
    at: usize,
    language: Language,
    compat: Compat,
    diagnostics: &'d mut Diagnostics,
}

impl<'a> Lexer<'a, '_> {
    fn token(&mut self) -> Token<'a> {
        loop {
            self.take_while(char::is_whitespace);
            let start = self.at;
            if let Some(kind) = self.kind() {
                return Token { kind, span: Span::new(start, self.at) };
            }
        }
    }

    /// The token that begins here; none if there was only something unreadable, which is now reported and passed.
    fn kind(&mut self) -> Option<Kind<'a>> {
        let start = self.at;
        let Some(first) = self.peek() else { return Some(Kind::End) };
        let next = self.text[start + first.len_utf8()..].chars().next();
        let (kind, len) = match (first, next) {
            ('\'', _) => return Some(Kind::Text(self.quoted('\''))),
            (first, _) if CURLY.contains(&first) => return self.curly(),
            ('"', _) => return Some(Kind::Quoted(self.quoted('"'))),
            ('0'..='9', _) | ('-', Some('0'..='9')) => return Some(self.number()),
            (first, _) if starts_word(first) => return Some(Kind::Word(self.take_while(continues_word))),
            ('!', Some('=')) => (Kind::Op(CompareOp::Ne), 2),
            ('<', Some('=')) => (Kind::Op(CompareOp::Le), 2),
            ('>', Some('=')) => (Kind::Op(CompareOp::Ge), 2),
            ('<', Some('>')) => {
                self.refuse_diamond();
                (Kind::Op(CompareOp::Ne), 2)
            }
            ('=', Some('=')) => self.refuse_operator("==", CompareOp::Eq),
            ('=', Some('<')) => self.refuse_operator("=<", CompareOp::Le),
            ('=', Some('>')) => self.refuse_operator("=>", CompareOp::Ge),
            ('=', _) => (Kind::Op(CompareOp::Eq), 1),
            ('<', _) => (Kind::Op(CompareOp::Lt), 1),
            ('>', _) => (Kind::Op(CompareOp::Gt), 1),
            (',', _) => (Kind::Comma, 1),
            ('.', _) => (Kind::Dot, 1),
            ('*', _) => (Kind::Star, 1),
            ('(', _) => (Kind::Open, 1),
            (')', _) => (Kind::Close, 1),
            (';', _) => (Kind::Semicolon, 1),
            ('&', _) => {
                self.unexpected(first);
                return Some(Kind::Word("and"));
            }
            ('|', _) => {
                self.unexpected(first);
                return Some(Kind::Word("or"));
            }
            _ => {
                self.unexpected(first);
                return None;
            }
        };
        self.at += len;
        Some(kind)
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let len = rest.find(|letter| !wanted(letter)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// A run of the same character that nothing begins with is one fault.
    fn unexpected(&mut self, first: char) {
        let start = self.at;
        let run = self.take_while(|letter| letter == first);
        let fault = Diagnostic::new(
            Code::UnexpectedCharacter,
            Span::new(start, self.at),
            format!("`{run}` has no meaning here"),
        );
        self.diagnostics.push(match first {
            '`' | '[' | ']' => fault.help("names stand without quotes"),
            '+' | '-' | '/' | '%' => fault.help("queries have neither arithmetic nor comments"),
            '!' => fault.help("not equal is `!=`"),
            '&' => fault.help("write `and`"),
            '|' => fault.help("write `or`"),
            _ => fault,
        });
    }

    /// A text in the quotes of word processors, whichever of them: where it ends is plain enough.
    fn curly(&mut self) -> Option<Kind<'a>> {
        let start = self.at;
        let mut letters = self.text[start..].char_indices().skip(1);
        let Some((end, closing)) = letters.find(|(_, letter)| CURLY.contains(letter)) else {
            self.unexpected(self.peek()?);
            return None;
        };
        self.at += end + closing.len_utf8();
        let span = Span::new(start, self.at);
        let inner = &self.text[start..start + end][closing.len_utf8()..];
        let fault = Diagnostic::new(Code::Quotes, span, "A text is in straight single quotes");
        self.diagnostics.push(fault.help(format!("write '{inner}'")));
        Some(Kind::Text(inner.to_owned()))
    }

    /// How other languages spell an operator.
    fn refuse_operator(&mut self, written: &str, op: CompareOp) -> (Kind<'a>, usize) {
        let span = Span::new(self.at, self.at + written.len());
        let fault = Diagnostic::new(Code::UnexpectedCharacter, span, format!("`{written}` is not an operator"));
        self.diagnostics.push(fault.help(format!("write `{}`", op.as_str())));
        (Kind::Op(op), written.len())
    }

    fn refuse_diamond(&mut self) {
        if self.compat == Compat::Strict {
            let span = Span::new(self.at, self.at + 2);
            let message = "`<>` is not an operator of the original";
            self.diagnostics.push(Diagnostic::not_in_strict(span, message).help("write `!=`"));
        }
    }

    /// A number, or a date or datetime without quotes.
    fn number(&mut self) -> Kind<'a> {
        let start = self.at;
        if is_date(&self.text.as_bytes()[start..]) {
            return Kind::Moment(self.take_while(|letter| letter.is_ascii_alphanumeric() || ":.+-".contains(letter)));
        }
        if self.peek() == Some('-') {
            self.at += 1;
        }
        self.take_while(|letter| letter.is_ascii_digit());
        let rest = &self.text[self.at..];
        if rest.starts_with('.') && rest[1..].starts_with(|letter: char| letter.is_ascii_digit()) {
            self.at += 1;
            self.take_while(|letter| letter.is_ascii_digit());
        }
        let number = &self.text[start..self.at];
        if !self.take_while(continues_word).is_empty() {
            let span = Span::new(start, self.at);
            let message = format!("`{}` is neither a number nor a name", &self.text[start..self.at]);
            self.diagnostics.push(
                Diagnostic::new(Code::BadNumber, span, message).help("numbers are digits with at most one point: -1.5"),
            );
        }
        Kind::Number(number)
    }

    /// The text between the quotes. What is never closed goes on to the end.
    fn quoted(&mut self, quote: char) -> String {
        let start = self.at;
        let mut value = String::new();
        self.at += 1;
        loop {
            let escapes = quote == '\'' && self.language == Language::Zoql;
            value.push_str(self.take_while(|letter| letter != quote && !(escapes && letter == '\\')));
            match self.peek() {
                None => {
                    let message = match quote {
                        '"' => "This double quote is never closed",
                        _ => "This quote is never closed",
                    };
                    self.diagnostics.push(
                        Diagnostic::new(Code::Unterminated, Span::new(start, start + 1), message)
                            .help(format!("a quote inside is written {}", quote_inside(quote, self.language))),
                    );
                    return value;
                }
                Some('\\') => value.push(self.escape()),
                Some(_) => {
                    self.at += 1;
                    if self.peek() != Some(quote) {
                        return value;
                    }
                    if escapes && self.compat == Compat::Strict {
                        let span = Span::new(self.at - 1, self.at + 1);
                        let message = "A doubled quote is not an escape in ZOQL";
                        self.diagnostics.push(Diagnostic::not_in_strict(span, message).help("write `\\'`"));
                    }
                    self.at += 1;
                    value.push(quote);
                }
            }
        }
    }

    fn escape(&mut self) -> char {
        let start = self.at;
        self.at += 1;
        let Some(letter) = self.peek() else { return '\\' };
        self.at += letter.len_utf8();
        match letter {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '\'' | '"' | '\\' => letter,
            _ => {
                let message = format!("`\\{letter}` is not an escape");
                self.diagnostics.push(
                    Diagnostic::new(Code::BadEscape, Span::new(start, self.at), message)
                        .note("the escapes are \\b \\f \\n \\r \\t \\' \\\" \\\\")
                        .help("a backslash itself is written `\\\\`"),
                );
                letter
            }
        }
    }
}

/// The quotes of word processors. All of them take as many bytes.
const CURLY: [char; 4] = ['\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}'];

/// How a quote is written in a text that stands in such quotes.
pub(crate) fn quote_inside(quote: char, language: Language) -> &'static str {
    match (quote, language) {
        ('"', _) => "`\"\"`",
        (_, Language::Zoql) => "`\\'`",
        (_, Language::Export) => "`''`",
    }
}

fn starts_word(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_'
}

fn continues_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// `2012-09-12`, whatever follows.
fn is_date(text: &[u8]) -> bool {
    let shape = b"dddd-dd-dd";
    text.len() >= shape.len()
        && shape.iter().zip(text).all(|(&want, &have)| if want == b'd' { have.is_ascii_digit() } else { have == want })
}
