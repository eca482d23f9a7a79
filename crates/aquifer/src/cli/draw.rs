//! Faults of queries, drawn with carets.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// One fault, from the compiler here or from a server's answer.
pub struct Fault<'a> {
    pub code: &'a str,
    pub message: &'a str,
    /// Bytes of the query.
    pub span: Range<usize>,
    pub note: Option<&'a str>,
    pub help: Option<&'a str>,
}

impl Fault<'_> {
    /// `title` says which query; `text` is the query itself. If it came from a server that left it out, there is
    /// nothing to point at.
    pub fn draw(&self, title: &str, text: &str, colours: bool) -> String {
        let heading = Level::ERROR.primary_title(self.message).id(self.code);
        let mut group =
            if text.is_empty() { Group::with_title(heading) } else { heading.element(self.snippet(title, text)) };
        if let Some(note) = self.note {
            group = group.element(Level::NOTE.message(note));
        }
        if let Some(help) = self.help {
            group = group.element(Level::HELP.message(help));
        }
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }

    fn snippet<'a>(&self, title: &'a str, text: &'a str) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let start = text.floor_char_boundary(self.span.start);
        let end = text.ceil_char_boundary(self.span.end.max(start));
        Snippet::source(text).path(title).annotation(AnnotationKind::Primary.span(start..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_under_the_fault() {
        let fault = Fault {
            code: "no-such-field",
            message: "There is no field named Nme",
            span: 17..20,
            note: None,
            help: Some("did you mean Name?"),
        };
        let expected = "\
error[no-such-field]: There is no field named Nme
 --> Accounts:2:8
  |
2 | select Nme
  |        ^^^
  |
  = help: did you mean Name?";
        assert_eq!(fault.draw("Accounts", "-- äöü\nselect Nme\nfrom Account", false), expected);
    }

    #[test]
    fn a_fault_without_its_text_is_its_message() {
        let fault = Fault { code: "syntax", message: "Expected from", span: 3..4, note: None, help: None };
        assert_eq!(fault.draw("query 1", "", false), "error[syntax]: Expected from");
    }
}
