//! `where` and `having`.

use super::{Binder, names::mentions};
use crate::{
    Language, ast,
    bound::{CompareOp, Condition, Expr, FieldRef, Literal, Operand, TableId},
    catalog::FieldType,
    diagnostic::{Code, Diagnostic},
    span::{Span, Spanned},
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Clause {
    Where,
    Having,
}

impl Binder<'_, '_> {
    pub(super) fn filter(&mut self, query: &ast::Query) -> Option<Condition> {
        let written = query.filter.as_ref();
        let condition = written.and_then(|condition| self.condition(condition, Clause::Where));
        match self.automatic_filter(written) {
            None => condition,
            Some(automatic) => Some(match condition {
                None => automatic,
                Some(condition) => Condition::And(vec![condition, automatic]),
            }),
        }
    }

    pub(super) fn having(&mut self, condition: &ast::Condition) -> Option<Condition> {
        self.condition(condition, Clause::Having)
    }

    /// ZOQL leaves out the rate plans that an amendment removed, unless the query asks for them itself.
    fn automatic_filter(&self, written: Option<&ast::Condition>) -> Option<Condition> {
        const FIELD: &str = "AmendmentType";
        let base = self.base();
        let applies = self.options.language == Language::Zoql
            && base.name == "RatePlan"
            && !written.is_some_and(|condition| mentions(condition, FIELD));
        let id = base.find_field(FIELD).filter(|_| applies)?;
        let field = Expr::Field(FieldRef {
            table: TableId::BASE,
            object: self.base,
            field: id,
            field_type: base.field(id).field_type,
        });
        Some(Condition::Or(vec![
            Condition::IsNull { expr: field.clone(), negated: false },
            Condition::Compare {
                left: field,
                op: CompareOp::Ne,
                right: Operand::Literal(Literal::Text("RemoveProduct".to_owned())),
            },
        ]))
    }

    fn condition(&mut self, condition: &ast::Condition, clause: Clause) -> Option<Condition> {
        match condition {
            ast::Condition::And(parts) => self.conditions(parts, clause).map(Condition::And),
            ast::Condition::Or(parts) => self.conditions(parts, clause).map(Condition::Or),
            ast::Condition::Not(inner) => self.condition(inner, clause).map(|inner| Condition::Not(Box::new(inner))),
            ast::Condition::Compare { left, op, right } => self.compare(left, op, right, clause),
            ast::Condition::IsNull { expr, negated } => {
                let expr = self.operand_left(expr, clause)?;
                Some(Condition::IsNull { expr, negated: *negated })
            }
            ast::Condition::Like { path, pattern } => {
                let expr = self.operand_left(&path_expr(path), clause)?;
                self.check_shown(&expr, path.span());
                if !expr.value_type().is_text() {
                    self.refuse_operator("like", path.span(), &expr);
                    return None;
                }
                Some(Condition::Like { expr, pattern: pattern.value.clone() })
            }
            ast::Condition::In { path, values } => self.is_in(path, values, clause),
        }
    }

    /// Those that could be bound; none if that is none of them.
    fn conditions(&mut self, parts: &[ast::Condition], clause: Clause) -> Option<Vec<Condition>> {
        let bound: Vec<Condition> = parts.iter().filter_map(|part| self.condition(part, clause)).collect();
        if bound.is_empty() { None } else { Some(bound) }
    }

    fn compare(
        &mut self,
        left: &Spanned<ast::Expr>,
        op: &Spanned<CompareOp>,
        right: &Spanned<ast::Operand>,
        clause: Clause,
    ) -> Option<Condition> {
        let bound_left = self.operand_left(left, clause);
        match &right.value {
            ast::Operand::Value(ast::Value::Null) => self.compare_null(bound_left?, op, right.span),
            ast::Operand::Value(value) => {
                let left_span = left.span;
                let left = bound_left?;
                self.check_shown(&left, left_span);
                self.check_operator(op, &left);
                let literal = self.literal(value, right.span, &left)?;
                Some(Condition::Compare { left, op: op.value, right: Operand::Literal(literal) })
            }
            ast::Operand::Path(path) => {
                let bound_right = self.operand_right(path, clause);
                let left_span = left.span;
                let (left, right) = (bound_left?, bound_right?);
                self.check_shown(&left, left_span);
                self.check_shown(&right, path.span());
                self.check_operator(op, &left);
                self.check_comparable(&left, &right, path.span())?;
                Some(Condition::Compare { left, op: op.value, right: Operand::Expr(right) })
            }
        }
    }

    fn compare_null(&mut self, left: Expr, op: &Spanned<CompareOp>, span: Span) -> Option<Condition> {
        if !matches!(op.value, CompareOp::Eq | CompareOp::Ne) {
            let message = format!("`{}` cannot be used with null", op.as_str());
            self.diagnostics
                .push(Diagnostic::new(Code::OperatorNotAllowed, op.span, message).help("with null, use `=` or `!=`"));
            return None;
        }
        if self.options.language == Language::Zoql && self.is_custom_date(&left) {
            let message =
                format!("{} is a custom date field, which ZOQL does not compare with null", self.name_of(&left));
            self.diagnostics.push(Diagnostic::new(Code::InvalidValue, span, message));
            return None;
        }
        Some(Condition::IsNull { expr: left, negated: op.value == CompareOp::Ne })
    }

    fn is_custom_date(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Field(field) => {
                field.field_type == FieldType::Date && self.catalog.object(field.object).field(field.field).custom
            }
            _ => false,
        }
    }

    /// A list of values. Days of a datetime field are ranges, which no list can hold: they become comparisons.
    fn is_in(&mut self, path: &ast::Path, values: &[Spanned<ast::Value>], clause: Clause) -> Option<Condition> {
        let expr = self.operand_left(&path_expr(path), clause)?;
        self.check_shown(&expr, path.span());
        let literals: Vec<Literal> =
            values.iter().filter_map(|value| self.literal(&value.value, value.span, &expr)).collect();
        if literals.is_empty() {
            return None;
        }
        if !literals.iter().any(|literal| matches!(literal, Literal::Day(_))) {
            return Some(Condition::In { expr, values: literals });
        }
        let equals =
            |literal| Condition::Compare { left: expr.clone(), op: CompareOp::Eq, right: Operand::Literal(literal) };
        Some(Condition::Or(literals.into_iter().map(equals).collect()))
    }

    fn operand_left(&mut self, expr: &Spanned<ast::Expr>, clause: Clause) -> Option<Expr> {
        let bound = self.expr(expr)?;
        self.check_clause(&bound, expr.span, clause);
        Some(bound)
    }

    fn operand_right(&mut self, path: &ast::Path, clause: Clause) -> Option<Expr> {
        let bound = Expr::Field(self.field_or_text(path)?);
        self.check_clause(&bound, path.span(), clause);
        Some(bound)
    }

    fn check_clause(&mut self, expr: &Expr, span: Span, clause: Clause) {
        match (clause, expr) {
            (Clause::Having, _) => self.check_grouped(expr, span, "having"),
            (Clause::Where, Expr::Field(_)) => {}
            (Clause::Where, Expr::Function(..)) => {
                let message = "Functions cannot be used in `where`";
                let help = format!("compare the field with dates: `{} >= '2026-02-28'`", self.name_of(expr));
                self.diagnostics.push(Diagnostic::new(Code::FunctionNotAllowed, span, message).help(help));
            }
            (Clause::Where, Expr::Aggregate(..) | Expr::CountAll) => {
                let message = "Aggregates cannot be used in `where`";
                self.diagnostics.push(Diagnostic::new(Code::AggregateNotAllowed, span, message).help("use `having`"));
            }
        }
    }

    fn check_operator(&mut self, op: &Spanned<CompareOp>, left: &Expr) {
        let any = matches!(op.value, CompareOp::Eq | CompareOp::Ne);
        if !any && left.value_type() == FieldType::Boolean {
            self.refuse_operator(op.as_str(), op.span, left);
        }
    }

    fn refuse_operator(&mut self, op: &str, span: Span, left: &Expr) {
        let value_type = left.value_type();
        let allowed = match value_type {
            FieldType::Boolean => "`=`, `!=`",
            _ => "`=`, `!=`, `<`, `<=`, `>`, `>=`",
        };
        let message =
            format!("`{op}` cannot be used with {}, which is of type {}", self.name_of(left), value_type.as_str());
        self.diagnostics.push(
            Diagnostic::new(Code::OperatorNotAllowed, span, message).help(format!("its operators are {allowed}")),
        );
    }

    fn check_comparable(&mut self, left: &Expr, right: &Expr, span: Span) -> Option<()> {
        let (a, b) = (left.value_type(), right.value_type());
        let kinds: [fn(FieldType) -> bool; 4] =
            [FieldType::is_text, FieldType::is_number, FieldType::is_moment, |it| it == FieldType::Boolean];
        if kinds.iter().any(|kind| kind(a) && kind(b)) {
            return Some(());
        }
        let message = format!(
            "{} is of type {} and {} of type {}: they cannot be compared",
            self.name_of(left),
            a.as_str(),
            self.name_of(right),
            b.as_str()
        );
        self.diagnostics.push(Diagnostic::new(Code::Incomparable, span, message));
        None
    }
}

fn path_expr(path: &ast::Path) -> Spanned<ast::Expr> {
    Spanned::new(ast::Expr::Path(path.clone()), path.span())
}
