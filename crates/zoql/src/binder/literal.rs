//! A value as the type that it is compared with.

use super::Binder;
use crate::{
    ApiVersion, Language,
    ast::Value,
    bound::{Anchor, Expr, Literal, Moment},
    catalog::FieldType,
    diagnostic::{Code, Diagnostic},
    moment::{self, Fault},
    span::Span,
};

impl Binder<'_, '_> {
    /// `value` as something of the type of `left`.
    pub(super) fn literal(&mut self, value: &Value, span: Span, left: &Expr) -> Option<Literal> {
        let value_type = left.value_type();
        let literal = match (value_type, value) {
            (FieldType::Boolean, Value::Boolean(value)) => Some(Literal::Boolean(*value)),
            (FieldType::Boolean, Value::Text(text)) => self.quoted_boolean(text),
            (FieldType::Integer | FieldType::Decimal, Value::Number(text) | Value::Text(text)) => {
                canonical_number(text).map(Literal::Number)
            }
            (FieldType::Id | FieldType::Text | FieldType::Picklist, Value::Text(text)) => {
                Some(Literal::Text(text.clone()))
            }
            (FieldType::Date | FieldType::Datetime, Value::Text(text) | Value::Moment(text)) => {
                return self.moment(text, span, left);
            }
            _ => None,
        };
        if literal.is_none() {
            let help = match (value_type, value) {
                (FieldType::Id | FieldType::Text | FieldType::Picklist, Value::Number(text) | Value::Moment(text)) => {
                    Some(format!("write '{text}'"))
                }
                (FieldType::Id | FieldType::Text | FieldType::Picklist, Value::Boolean(value)) => {
                    Some(format!("write '{value}'"))
                }
                (FieldType::Boolean, Value::Text(text)) if text == "true" || text == "false" => {
                    Some(format!("write {text}, without quotes"))
                }
                _ => None,
            };
            self.invalid(span, value, left, help.unwrap_or_else(|| format!("write {}", self.form(value_type))));
        }
        literal
    }

    fn quoted_boolean(&self, text: &str) -> Option<Literal> {
        let allowed = self.options.language == Language::Export;
        match text {
            "true" if allowed => Some(Literal::Boolean(true)),
            "false" if allowed => Some(Literal::Boolean(false)),
            _ => None,
        }
    }

    fn moment(&mut self, text: &str, span: Span, left: &Expr) -> Option<Literal> {
        let moment = match moment::read(text, &self.zone) {
            Ok(moment) => moment,
            Err(Fault::Shape) => {
                let help = format!("write {}", self.form(left.value_type()));
                self.invalid(span, &Value::Moment(text.to_owned()), left, help);
                return None;
            }
            Err(Fault::Zone { name }) => {
                self.no_such_zone(&name, span);
                return None;
            }
        };
        // Before 69 all dates were datetimes: either was compared with either.
        let lenient = self.options.api_version < ApiVersion::DATES;
        match (left.value_type(), moment::is_day(&moment)) {
            (FieldType::Date, true) => Some(Literal::Date(moment)),
            (FieldType::Date, false) if self.was_datetime(left) => Some(Literal::Instant(moment)),
            (FieldType::Date, false) if lenient => Some(Literal::Date(moment)),
            (FieldType::Datetime, false) => Some(Literal::Instant(moment)),
            (FieldType::Datetime, true) if lenient || self.options.language == Language::Export => {
                Some(Literal::Day(moment))
            }
            (value_type, _) => {
                let help = match (value_type, &moment) {
                    (FieldType::Date, Moment { anchor: Anchor::Instant(_), .. }) => {
                        format!("write '{}'", &text.trim()[..10])
                    }
                    _ => format!("write {}", self.form(value_type)),
                };
                let note = format!("from API version {} on, a date is compared with dates only", ApiVersion::DATES);
                let value = Value::Moment(text.to_owned());
                let fault = self.invalid_value(span, &value, left).help(help);
                self.diagnostics.push(match value_type {
                    FieldType::Date => fault.note(note),
                    _ => fault.note(format!(
                        "from API version {} on, ZOQL compares a datetime with datetimes only",
                        ApiVersion::DATES
                    )),
                });
                None
            }
        }
    }

    fn no_such_zone(&mut self, name: &str, span: Span) {
        if self.diagnostics.is_full() {
            return;
        }
        let help = match moment::near_zone(name) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write an offset, -08:00, a zone, America/Los_Angeles, or its city, Los Angeles".to_owned(),
        };
        let message = format!("There is no time zone named {name}");
        self.diagnostics.push(Diagnostic::new(Code::NoSuchZone, span, message).help(help));
    }

    fn was_datetime(&self, expr: &Expr) -> bool {
        expr.field().is_some_and(|field| {
            self.catalog.object(field.object).field(field.field).was_datetime(self.options.api_version)
        })
    }

    fn invalid(&mut self, span: Span, value: &Value, left: &Expr, help: String) {
        let fault = self.invalid_value(span, value, left).help(help);
        self.diagnostics.push(fault);
    }

    fn invalid_value(&self, span: Span, value: &Value, left: &Expr) -> Diagnostic {
        let written = match value {
            Value::Null => "null".to_owned(),
            Value::Boolean(value) => value.to_string(),
            Value::Text(text) | Value::Moment(text) if text.is_empty() => "''".to_owned(),
            Value::Number(text) | Value::Moment(text) | Value::Text(text) => shortened(text),
        };
        let message = format!(
            "`{written}` is not a value for {}, which is of type {}",
            self.name_of(left),
            left.value_type().as_str()
        );
        Diagnostic::new(Code::InvalidValue, span, message)
    }

    /// How values of a type are written.
    fn form(&self, value_type: FieldType) -> &'static str {
        match value_type {
            FieldType::Boolean => "true or false",
            FieldType::Integer | FieldType::Decimal => "a number such as 15 or -1.5",
            FieldType::Id | FieldType::Text | FieldType::Picklist => "a text in single quotes",
            FieldType::Date => "a date such as '2026-02-28' or 'today - 30 days'",
            FieldType::Datetime => "a datetime such as '2026-02-28T05:07:32' or 'now - 1 day'",
        }
    }
}

/// No leading or trailing zeros, no minus before nothing. None if the text is not a number.
fn canonical_number(text: &str) -> Option<String> {
    let (minus, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    Some(match (whole, fraction) {
        ("", "") => "0".to_owned(),
        (whole, "") => format!("{minus}{whole}"),
        ("", fraction) => format!("{minus}0.{fraction}"),
        (whole, fraction) => format!("{minus}{whole}.{fraction}"),
    })
}

fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(60);
    if end == text.len() { text.to_owned() } else { format!("{}…", &text[..end]) }
}
