//! Random queries: as text, and as a tree that says the same.
//!
//! ```text
//! query      {base, select: [expr], where, group: [expr], having, order: [[expr, descending]], limit, before_69}
//! expr       {type, field: [alias, name]} or {type, call, of: expr or null}
//! condition  {and: [condition]}, {or: [condition]}, {not: condition}, {compare: [expr, op, operand]},
//!            {null: expr, negated}, {like: expr, pattern}, {in: expr, values: [literal]}
//! operand    expr or literal
//! literal    {text}, {boolean}, {number}, {day, shift, zone}, {instant, shift, zone}
//! ```

use serde_json::{Value, json};
use zoql::Language;

use super::{
    super::random::Random,
    data::{self, Kind, OBJECTS, Object},
    moment,
};

pub struct Query {
    pub text: String,
    pub tree: Value,
    pub language: Language,
    /// For API version 68; the zone is then the original's own, and some dates are datetimes.
    pub before_69: bool,
}

impl Query {
    pub fn random(random: &mut Random) -> Query {
        let before_69 = random.once_in(6);
        let language = if random.once_in(5) { Language::Zoql } else { Language::Export };
        let base = match (before_69, language) {
            // Others have fields that came later, or are not read by ZOQL.
            (true, _) => &OBJECTS[0],
            (false, Language::Zoql) => &OBJECTS[random.below(4)],
            (false, Language::Export) => &OBJECTS[random.below(OBJECTS.len())],
        };
        let mut writer = Writer { random, base, language, before_69 };
        let (text, mut tree) = match language {
            Language::Zoql => writer.zoql(),
            Language::Export if writer.random.once_in(2) => writer.plain(),
            Language::Export => writer.grouped(),
        };
        tree["base"] = json!(base.name);
        tree["before_69"] = json!(before_69);
        Query { text, tree, language, before_69 }
    }
}

#[derive(Clone)]
struct Expr {
    text: String,
    tree: Value,
    kind: Kind,
    /// Whether it is a path, and no function or aggregate of one.
    plain: bool,
}

/// How tightly a text holds together: whether it needs parentheses to stand below `and`, and below `not`.
#[derive(PartialEq, PartialOrd)]
enum Binding {
    Or,
    And,
    Tight,
}

type Condition = (String, Value, Binding);

struct Writer<'a> {
    random: &'a mut Random,
    base: &'static Object,
    language: Language,
    before_69: bool,
}

impl Writer<'_> {
    fn zoql(&mut self) -> (String, Value) {
        let select = self.several(4, |writer| writer.field(|_| true));
        let parts: Vec<Condition> = self.several(4, |writer| {
            let parts = writer.several(3, |writer| writer.comparison(None));
            joined(parts, "and")
        });
        let (condition, tree, _) = joined(parts, "or");
        let text = format!("select {} from {} where {condition}", list(&select), self.base.name);
        (text, json!({ "select": trees(&select), "where": tree }))
    }

    fn plain(&mut self) -> (String, Value) {
        let select = self.several(5, |writer| match writer.random.below(4) {
            0 => writer.function(),
            _ => writer.field(|_| true),
        });
        let mut text = format!("select {} from {}", list(&select), self.base.name);
        let mut tree = json!({ "select": trees(&select) });
        self.filter(&mut text, &mut tree);
        if self.random.once_in(2) {
            let mut order = self.several(2, |writer| match writer.random.below(4) {
                0 => writer.function(),
                _ => writer.field(|_| true),
            });
            order.push(self.path(self.base.name, "Id", Kind::Text));
            // What multiplies rows has an Id of its own.
            if (text.clone() + &list(&order)).contains(MANY) {
                order.push(self.path(MANY, "Id", Kind::Text));
            }
            self.order(&mut text, &mut tree, &order);
        }
        (text, tree)
    }

    fn grouped(&mut self) -> (String, Value) {
        let keys = match self.random.below(4) {
            0 => Vec::new(),
            _ => self.several(3, |writer| match writer.random.below(2) {
                0 => writer.function(),
                _ => writer.field(|_| true),
            }),
        };
        let aggregates = self.several(3, Self::aggregate);
        let mut select: Vec<Expr> = keys.iter().filter(|_| !self.random.once_in(4)).cloned().collect();
        // A function of a key has one value in a group, too.
        let moments = keys.iter().filter(|key| key.plain && matches!(key.kind, Kind::Date | Kind::Datetime));
        select.extend(moments.map(|key| call("year", key, Kind::Integer)));
        select.extend(aggregates.clone());
        let mut text = format!("select {} from {}", list(&select), self.base.name);
        let mut tree = json!({ "select": trees(&select) });
        self.filter(&mut text, &mut tree);
        if !keys.is_empty() {
            text += &format!(" group by {}", list(&keys));
            tree["group"] = trees(&keys);
        }
        // Averages are rounded: they are looked at, and not compared.
        let known: Vec<Expr> =
            keys.iter().chain(&aggregates).filter(|expr| expr.tree["call"] != "avg").cloned().collect();
        if !known.is_empty() && self.random.once_in(2) {
            let (having, condition, _) = self.boolean(1, &|writer| writer.comparison(Some(&known)));
            text += &format!(" having {having}");
            tree["having"] = condition;
        }
        if !known.is_empty() && self.random.once_in(2) {
            let mut order = vec![self.random.pick(&known)];
            order.extend(keys);
            self.order(&mut text, &mut tree, &order);
        }
        (text, tree)
    }

    fn filter(&mut self, text: &mut String, tree: &mut Value) {
        if !self.random.once_in(5) {
            let (filter, condition, _) = self.boolean(2, &|writer| writer.comparison(None));
            *text += &format!(" where {filter}");
            tree["where"] = condition;
        }
    }

    /// In this order, which leaves no two rows equal, and perhaps only some of them.
    fn order(&mut self, text: &mut String, tree: &mut Value, order: &[Expr]) {
        let mut sorts = Vec::new();
        let mut texts = Vec::new();
        for expr in order {
            let descending = self.random.once_in(2);
            texts.push(expr.text.clone() + if descending { " desc" } else { "" });
            sorts.push(json!([expr.tree, descending]));
        }
        *text += &format!(" order by {}", texts.join(", "));
        tree["order"] = json!(sorts);
        if self.random.once_in(2) {
            let (offset, count) = (self.random.below(6), self.random.below(8));
            *text += &if offset == 0 { format!(" limit {count}") } else { format!(" limit {offset}, {count}") };
            tree["limit"] = json!([offset, count]);
        }
    }

    /// One to so many.
    fn several<T>(&mut self, most: usize, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..=self.random.below(most)).map(|_| one(self)).collect()
    }

    fn path(&mut self, alias: &str, name: &str, kind: Kind) -> Expr {
        let bare = alias == self.base.name && (self.language == Language::Zoql || self.random.once_in(2));
        let text = if bare { name.to_owned() } else { format!("{alias}.{name}") };
        Expr { text, tree: json!({ "type": kind.word(), "field": [alias, name] }), kind, plain: true }
    }

    /// A field of the base object or, more seldom, of a joined one.
    fn field(&mut self, wanted: impl Fn(Kind) -> bool) -> Expr {
        self.maybe_field(wanted).unwrap_or_else(|| self.path(self.base.name, "Id", Kind::Text))
    }

    fn maybe_field(&mut self, wanted: impl Fn(Kind) -> bool) -> Option<Expr> {
        let of = |alias, object: &'static Object| {
            let fields = object.fields.iter().filter(|(_, kind)| !matches!(kind, Kind::Key(_)));
            fields.map(move |(name, kind)| (alias, *name, *kind))
        };
        let joined = self.language == Language::Export && self.random.once_in(2);
        let aliases = self.base.aliases.iter().filter(|_| joined);
        let all = of(self.base.name, self.base).chain(aliases.flat_map(|(alias, name)| of(alias, data::object(name))));
        let fields: Vec<(&str, &str, Kind)> = all.filter(|(_, _, kind)| wanted(*kind)).collect();
        if fields.is_empty() {
            return None;
        }
        let (alias, name, kind) = self.random.pick(&fields);
        Some(self.path(alias, name, kind))
    }

    fn function(&mut self) -> Expr {
        let name = self.random.pick(&["date", "year", "quarter", "month", "week", "weekofyear"]);
        let of = self.field(|kind| matches!(kind, Kind::Date | Kind::Datetime));
        call(name, &of, if name == "date" { Kind::Date } else { Kind::Integer })
    }

    fn aggregate(&mut self) -> Expr {
        let number = |kind| matches!(kind, Kind::Integer | Kind::Decimal);
        match self.random.below(6) {
            0 => Expr {
                text: "count(*)".to_owned(),
                tree: json!({ "type": "integer", "call": "count", "of": null }),
                kind: Kind::Integer,
                plain: false,
            },
            1 => call("count", &self.field(|_| true), Kind::Integer),
            name @ (2 | 3) => match self.maybe_field(number) {
                Some(of) => call(if name == 2 { "sum" } else { "avg" }, &of, Kind::Decimal),
                None => call("count", &self.field(|_| true), Kind::Integer),
            },
            name => {
                let of = self.field(|_| true);
                call(if name == 4 { "max" } else { "min" }, &of, of.kind)
            }
        }
    }

    /// Conditions joined in a random way, nested so deep at most.
    fn boolean(&mut self, depth: usize, leaf: &dyn Fn(&mut Self) -> Condition) -> Condition {
        let kind = if depth == 0 { 0 } else { self.random.below(4) };
        match kind {
            0 => leaf(self),
            1 => {
                let (inner, tree, binding) = self.boolean(depth - 1, leaf);
                let text = if binding < Binding::Tight { format!("not ({inner})") } else { format!("not {inner}") };
                (text, json!({ "not": tree }), Binding::Tight)
            }
            _ => {
                let parts = self.several(3, |writer| {
                    let (text, tree, binding) = writer.boolean(depth - 1, leaf);
                    let needless = writer.random.once_in(4);
                    let loose = kind == 2 && binding == Binding::Or;
                    if needless || loose { (format!("({text})"), tree, Binding::Tight) } else { (text, tree, binding) }
                });
                joined(parts, if kind == 2 { "and" } else { "or" })
            }
        }
    }

    /// `known` is what may be compared where rows are grouped.
    fn comparison(&mut self, known: Option<&[Expr]>) -> Condition {
        let left = match known {
            Some(known) => self.random.pick(known),
            None => self.field(|_| true),
        };
        let export = self.language == Language::Export;
        let (text, tree) = match self.random.below(10) {
            0 => self.null(&left),
            1 if left.kind == Kind::Text && left.plain => self.like(&left),
            2 if export && left.plain => self.list_of(&left),
            3 | 4 if export => self.other(&left, known),
            _ => self.value(&left),
        };
        (text, tree, Binding::Tight)
    }

    fn null(&mut self, left: &Expr) -> (String, Value) {
        let negated = self.random.once_in(2);
        let word = match (self.language == Language::Export && self.random.once_in(2), negated) {
            (true, false) => "is null",
            (true, true) => "is not null",
            (false, false) => "= null",
            (false, true) => "!= null",
        };
        (format!("{} {word}", left.text), json!({ "null": left.tree, "negated": negated }))
    }

    fn like(&mut self, left: &Expr) -> (String, Value) {
        let mut pattern: Vec<char> = data::text(self.random).chars().collect();
        for _ in 0..=self.random.below(2) {
            let at = self.random.below(pattern.len() + 1);
            match self.random.below(3) {
                0 if at < pattern.len() => pattern[at] = '_',
                1 if at < pattern.len() => pattern[at] = '%',
                _ => pattern.insert(at, '%'),
            }
        }
        let pattern: String = pattern.into_iter().collect();
        let text = format!("{} like {}", left.text, self.quoted(&pattern));
        (text, json!({ "like": left.tree, "pattern": pattern }))
    }

    fn list_of(&mut self, left: &Expr) -> (String, Value) {
        let values = self.several(3, |writer| writer.literal(left));
        let (texts, trees): (Vec<String>, Vec<Value>) = values.into_iter().unzip();
        (format!("{} in ({})", left.text, texts.join(", ")), json!({ "in": left.tree, "values": trees }))
    }

    /// With another field.
    fn other(&mut self, left: &Expr, known: Option<&[Expr]>) -> (String, Value) {
        let alike = |kind| comparable(left.kind, kind);
        let right = match known {
            None => self.maybe_field(alike),
            Some(known) => {
                let keys: Vec<&Expr> = known.iter().filter(|expr| expr.plain && alike(expr.kind)).collect();
                if keys.is_empty() { None } else { Some(self.random.pick(&keys).clone()) }
            }
        };
        let Some(right) = right else { return self.value(left) };
        let op = self.operator(left);
        (format!("{} {op} {}", left.text, right.text), json!({ "compare": [left.tree, op, right.tree] }))
    }

    fn value(&mut self, left: &Expr) -> (String, Value) {
        let op = self.operator(left);
        let (text, tree) = self.literal(left);
        (format!("{} {op} {text}", left.text), json!({ "compare": [left.tree, op, tree] }))
    }

    fn operator(&mut self, left: &Expr) -> &'static str {
        match left.kind {
            Kind::Boolean => self.random.pick(&["=", "!="]),
            _ => self.random.pick(&["=", "!=", "<", "<=", ">", ">="]),
        }
    }

    fn literal(&mut self, left: &Expr) -> (String, Value) {
        let zoql = self.language == Language::Zoql;
        let may_quote = !zoql && self.random.once_in(4);
        let perhaps_quoted = |text: String| if may_quote { format!("'{text}'") } else { text };
        match left.kind {
            Kind::Text | Kind::Key(_) => {
                let text = data::text(self.random);
                (self.quoted(text), json!({ "text": text }))
            }
            Kind::Boolean => {
                let value = self.random.once_in(2);
                (perhaps_quoted(value.to_string()), json!({ "boolean": value }))
            }
            Kind::Integer | Kind::Decimal => {
                let whole = left.kind == Kind::Integer && !self.random.once_in(5);
                let number = if whole { data::integer(self.random) } else { data::decimal(self.random) };
                (perhaps_quoted(number.clone()), json!({ "number": number }))
            }
            // A date that was a datetime is compared with instants, too; what is made of it is not.
            Kind::Date if self.before_69 && left.plain && self.random.once_in(2) => moment::instant(self.random, zoql),
            Kind::Date => moment::day(self.random),
            Kind::Datetime if (!zoql || self.before_69) && self.random.once_in(2) => moment::day(self.random),
            Kind::Datetime => moment::instant(self.random, zoql),
        }
    }

    fn quoted(&self, text: &str) -> String {
        match self.language {
            Language::Export => format!("'{}'", text.replace('\'', "''")),
            Language::Zoql => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        }
    }
}

/// The alias of which a base row may have many.
const MANY: &str = "SubscriptionStatusHistory";

fn joined(mut parts: Vec<Condition>, word: &str) -> Condition {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let binding = if word == "or" { Binding::Or } else { Binding::And };
    let (texts, trees): (Vec<String>, Vec<Value>) = parts.into_iter().map(|(text, tree, _)| (text, tree)).unzip();
    (texts.join(&format!(" {word} ")), json!({ word: trees }), binding)
}

fn comparable(left: Kind, right: Kind) -> bool {
    let kind = |kind| match kind {
        Kind::Text | Kind::Key(_) => 0,
        Kind::Boolean => 1,
        Kind::Integer | Kind::Decimal => 2,
        Kind::Date | Kind::Datetime => 3,
    };
    kind(left) == kind(right)
}

fn call(name: &str, of: &Expr, kind: Kind) -> Expr {
    let tree = json!({ "type": kind.word(), "call": name, "of": of.tree });
    Expr { text: format!("{name}({})", of.text), tree, kind, plain: false }
}

fn list(exprs: &[Expr]) -> String {
    exprs.iter().map(|expr| expr.text.as_str()).collect::<Vec<_>>().join(", ")
}

fn trees(exprs: &[Expr]) -> Value {
    exprs.iter().map(|expr| expr.tree.clone()).collect()
}
