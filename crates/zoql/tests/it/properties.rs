//! What holds for every text and every query.

use proptest::{
    collection::vec,
    option,
    prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof, proptest},
    sample::select,
    strategy::Union,
};
use zoql::{
    Compat, Language, Options,
    ast::{Condition, Expr, Item, Limit, Operand, Path, Query, Sort, Value},
    bound::{Aggregate, CompareOp, Function},
    compile, parse,
    span::{Span, Spanned},
};

use crate::corpus::{CATALOG, options};

/// What a name that stands alone cannot be.
const RESERVED: [&str; 16] = [
    "select", "from", "where", "having", "limit", "and", "or", "not", "is", "like", "as", "asc", "desc", "null",
    "true", "false",
];

/// One of several, as often as its weight says; what weighs nothing is left out.
fn one_of<T: std::fmt::Debug + 'static>(choices: Vec<(u32, BoxedStrategy<T>)>) -> Union<BoxedStrategy<T>> {
    Union::new_weighted(choices.into_iter().filter(|(weight, _)| *weight > 0).collect())
}

/// What only Export ZOQL has, half the time.
fn export_only<T: Clone + std::fmt::Debug + 'static>(
    language: Language,
    strategy: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<T>> {
    match language {
        Language::Export => option::of(strategy).boxed(),
        Language::Zoql => Just(None).boxed(),
    }
}

fn at<T>(value: T) -> Spanned<T> {
    Spanned::new(value, Span::default())
}

fn name() -> impl Strategy<Value = Spanned<String>> {
    let odd = select(vec!["order", "group", "by", "in", "count", "date", "Month", "Größe", "now", "_"]);
    let any =
        "[A-Za-z_][A-Za-z0-9_]{0,8}".prop_filter("reserved", |name| !RESERVED.contains(&name.to_lowercase().as_str()));
    prop_oneof![9 => any, 1 => odd.prop_map(str::to_owned)].prop_map(at)
}

/// Before a dot even keywords are names.
fn object() -> impl Strategy<Value = Spanned<String>> {
    prop_oneof![9 => name(), 1 => select(RESERVED.to_vec()).prop_map(|word| at(word.to_owned()))]
}

fn path(language: Language) -> impl Strategy<Value = Path> {
    (export_only(language, object()), name()).prop_map(|(object, field)| Path { object, field })
}

fn expr(language: Language) -> impl Strategy<Value = Spanned<Expr>> {
    let call = u32::from(language == Language::Export);
    let function = (select(Function::ALL.to_vec()), path(language));
    let aggregate = (select(Aggregate::ALL.to_vec()), path(language));
    one_of(vec![
        (4, path(language).prop_map(Expr::Path).boxed()),
        (call, function.prop_map(|(function, path)| Expr::Function(function, path)).boxed()),
        (call, aggregate.prop_map(|(aggregate, path)| Expr::Aggregate(aggregate, path)).boxed()),
        (call, Just(Expr::CountAll).boxed()),
    ])
    .prop_map(at)
}

fn value(language: Language) -> impl Strategy<Value = Value> {
    let moment = "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?";
    one_of(vec![
        (1, Just(Value::Null).boxed()),
        (1, any::<bool>().prop_map(Value::Boolean).boxed()),
        (1, "-?[0-9]{1,12}(\\.[0-9]{1,6})?".prop_map(Value::Number).boxed()),
        (1, any::<String>().prop_map(Value::Text).boxed()),
        (1, "['\"\\\\ a\n\t]{0,8}".prop_map(Value::Text).boxed()),
        (u32::from(language == Language::Zoql), moment.prop_map(Value::Moment).boxed()),
    ])
}

fn comparison(language: Language) -> impl Strategy<Value = Condition> {
    use CompareOp::{Eq, Ge, Gt, Le, Lt, Ne};
    let export = u32::from(language == Language::Export);
    let operand = one_of(vec![
        (3, value(language).prop_map(Operand::Value).boxed()),
        (export, path(language).prop_map(Operand::Path).boxed()),
    ]);
    let compare = (expr(language), select(vec![Eq, Ne, Lt, Le, Gt, Ge]), operand)
        .prop_map(|(left, op, right)| Condition::Compare { left, op: at(op), right: at(right) });
    let like = (path(language), any::<String>());
    let is_null = (expr(language), any::<bool>());
    let is_in = (path(language), vec(value(language).prop_map(at), 1..4));
    one_of(vec![
        (4, compare.boxed()),
        (1, like.prop_map(|(path, pattern)| Condition::Like { path, pattern: at(pattern) }).boxed()),
        (export, is_null.prop_map(|(expr, negated)| Condition::IsNull { expr, negated }).boxed()),
        (export, is_in.prop_map(|(path, values)| Condition::In { path, values }).boxed()),
    ])
}

fn joined(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    if parts.len() == 1 { parts.remove(0) } else { join(parts) }
}

fn condition(language: Language) -> impl Strategy<Value = Condition> {
    // All of ZOQL, and some of Export ZOQL.
    let ands = vec(comparison(language), 1..4).prop_map(|parts| joined(parts, Condition::And));
    let ors = vec(ands, 1..4).prop_map(|parts| joined(parts, Condition::Or));
    let nested = comparison(Language::Export).prop_recursive(6, 30, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Condition::And),
            vec(inner.clone(), 2..4).prop_map(Condition::Or),
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
        ]
    });
    one_of(vec![(1, ors.boxed()), (u32::from(language == Language::Export), nested.boxed())])
}

fn item(language: Language) -> impl Strategy<Value = Spanned<Item>> {
    let export = u32::from(language == Language::Export);
    let alias = any::<String>().prop_filter("empty", |alias| !alias.is_empty()).prop_map(at);
    let alias = export_only(language, alias);
    one_of(vec![
        (6, (expr(language), alias).prop_map(|(expr, alias)| Item::Expr { expr, alias }).boxed()),
        (export, Just(Item::All).boxed()),
        (export, object().prop_map(Item::AllOf).boxed()),
    ])
    .prop_map(at)
}

fn query(language: Language) -> impl Strategy<Value = Query> {
    let sort = (expr(language), any::<bool>()).prop_map(|(expr, descending)| Sort { expr, descending });
    let limit = (any::<u64>(), any::<u64>()).prop_map(|(offset, count)| Limit { offset, count });
    let select = (vec(item(language), 1..5), name());
    let conditions = (option::of(condition(language)), export_only(language, condition(language)));
    let lists = (
        export_only(language, vec(expr(language), 1..4)),
        export_only(language, vec(sort, 1..4)),
        export_only(language, limit),
    );
    (select, conditions, lists).prop_map(move |((select, from), (filter, having), (group_by, order_by, limit))| Query {
        language,
        select,
        from,
        filter,
        group_by: group_by.unwrap_or_default(),
        having,
        order_by: order_by.unwrap_or_default(),
        limit,
    })
}

fn any_query() -> impl Strategy<Value = Query> {
    prop_oneof![2 => query(Language::Export), 1 => query(Language::Zoql)]
}

/// Words that mean something, in any order.
fn soup() -> impl Strategy<Value = String> {
    let words = "select from where group by having order by limit and or not is null like in as asc desc true false \
                 count( sum( year( date( ( ) ( ) , , . * = != <> < >= ; 'x' 'now - 1 day' '2026-02-28' 'it''s' ' \" \\ \
                 \"A\" 15 -1.5 2026-02-28 Account Id Name Balance CreatedDate BillToContact.Id Account.* ü & \
                 DueDate Invoice 'today - 99 years (Berlin)' 1e5 _";
    let words: Vec<&str> = words.split_whitespace().collect();
    vec(select(words), 0..40).prop_map(|words| words.join(" "))
}

/// A query that misses a piece, or its end.
fn broken() -> impl Strategy<Value = String> {
    (any_query(), any::<usize>(), 1..60_usize).prop_map(|(query, at, missing)| {
        let mut letters: Vec<char> = query.to_string().chars().collect();
        let start = at % letters.len();
        letters.drain(start..(start + missing).min(letters.len()));
        letters.into_iter().collect()
    })
}

fn check(text: &str) {
    for (language, compat) in [
        (Language::Export, Compat::Strict),
        (Language::Export, Compat::Extended),
        (Language::Zoql, Compat::Strict),
        (Language::Zoql, Compat::Extended),
    ] {
        let options = Options { language, compat, ..options() };
        match compile(text, &CATALOG, &options) {
            Ok(compiled) => {
                for condition in compiled.query.filter.iter().chain(&compiled.query.having) {
                    resolve_all(condition);
                }
            }
            Err(diagnostics) => {
                assert!(!diagnostics.is_empty(), "{text}");
                for diagnostic in diagnostics {
                    let Span { start, end } = diagnostic.span;
                    assert!(text.get(start..end).is_some(), "{text}: {diagnostic:?}");
                    assert!(diagnostic.draw(text).contains('^'), "{text}");
                }
            }
        }
    }
}

fn resolve_all(condition: &zoql::bound::Condition) {
    use zoql::bound::{Condition, Operand};
    let now = "2026-03-08T10:30:00Z".parse().unwrap();
    match condition {
        Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(resolve_all),
        Condition::Not(inner) => resolve_all(inner),
        Condition::Compare { right: Operand::Literal(literal), .. } => drop(literal.resolve(now)),
        Condition::In { values, .. } => values.iter().for_each(|value| drop(value.resolve(now))),
        Condition::Compare { .. } | Condition::IsNull { .. } | Condition::Like { .. } => {}
    }
}

/// What looks like a moment, and often is one.
const MOMENT: &str = "(now|today|[0-9]{4}-[0-9]{2}-[0-9]{2}( |T)?[0-9:.]{0,18}(Z|[+-][0-9:]{1,6})?) ?[+-]? ?[0-9]{0,20} ?\
                      (second|minute|hour|day|week|month|year)?s? ?(\\([A-Za-z_+:/0-9 -]{0,12}\\))?";

proptest! {
    #[test]
    fn what_is_printed_parses_to_the_same(query in any_query()) {
        let text = query.to_string();
        let parsed = parse(&text, query.language, Compat::Extended);
        assert_eq!((parsed.query.as_ref(), &parsed.diagnostics), (Some(&query), &vec![]), "{text}");
    }

    #[test]
    fn the_canonical_text_is_its_own(query in any_query()) {
        let canonical = query.canonical();
        let again = parse(&canonical, query.language, Compat::Extended).query.map(|query| query.canonical());
        assert_eq!(again.as_ref(), Some(&canonical));
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        check(&text);
        check(&format!("select {text} from Account"));
        check(&format!("select Id from Account where CreatedDate > '{text}' and Name = {text}"));
    }

    #[test]
    fn any_words_are_answered(text in soup()) {
        check(&text);
        check(&format!("select Id from Account where {text}"));
    }

    #[test]
    fn broken_queries_are_answered(text in broken()) {
        check(&text);
    }

    #[test]
    fn any_moment_is_answered(
        text in MOMENT
    ) {
        check(&format!("select Id from Invoice where CreatedDate > '{text}' or DueDate = '{text}'"));
    }
}
