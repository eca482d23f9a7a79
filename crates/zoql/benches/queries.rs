//! The largest queries that there are, good ones and hostile ones: each has 20,000 characters or a few less.

use zoql::Catalog;

const LONGEST: usize = 20_000;

/// Every field of every object that the widest data source offers, by name, and a condition on each until the query is
/// full.
pub fn fields() -> String {
    let catalog = Catalog::builtin();
    let (_, source) = catalog.objects().max_by_key(|(_, object)| object.joins().len()).expect("objects");
    let mut names: Vec<String> = Vec::new();
    for (_, join) in source.joins() {
        let fields = catalog.object(join.object).fields().filter(|(_, field)| field.contexts.export);
        names.extend(fields.map(|(_, field)| format!("{}.{}", join.alias, field.name)));
    }
    let end = format!(" from {}", source.name);
    let mut text = format!("select {}", names[0]);
    for name in &names[1..] {
        if text.len() + name.len() + 2 + end.len() > LONGEST {
            break;
        }
        text += &format!(", {name}");
    }
    text + &end
}

/// The piece again and again, as often as the query has room.
pub fn repeated(start: &str, piece: &str, end: &str) -> String {
    let times = (LONGEST - start.len() - end.len()) / piece.len();
    format!("{start}{}{end}", piece.repeat(times))
}

/// Queries that can be run.
pub fn good() -> Vec<(&'static str, String)> {
    let select = "select Id from Account where ";
    vec![
        ("fields", fields()),
        ("comparisons", repeated(select, "Account.Balance >= 15.25 and Name != 'x' or ", "Id = 'x'")),
        ("moments", repeated(select, "CreatedDate > 'now - 30 days (Los Angeles)' or ", "Id = 'x'")),
        ("text", repeated(&format!("{select}Name = '"), "x", "'")),
    ]
}

/// Queries that are made to take long.
pub fn hostile() -> Vec<(&'static str, String)> {
    let select = "select Id from Account where ";
    vec![
        ("open parentheses", repeated(select, "(", "")),
        ("closing parentheses", repeated(select, ")", "")),
        ("open calls", repeated("select ", "max(", " from Account")),
        ("nots", repeated(select, "not ", "Id = 'x'")),
        ("commas", repeated("select Id", ",", " from Account")),
        ("dots", repeated("select Id", ".", " from Account")),
        ("long path", repeated("select Id", ".a", " from Account")),
        ("unknown fields", repeated("select Id", ", Nmae", " from Account")),
        ("unknown long fields", repeated("select Id", ", TaxExemptIssuingJurisdiktion", " from Account")),
        ("unknown objects", repeated("select Id", ", BilToContact.Id", " from InvoiceItem")),
        ("unknown functions", repeated("select Id", ", f(a)", " from Account")),
        ("unknown zones", repeated(select, "CreatedDate>'now(Los Angles)' or ", "Id='x'")),
        ("wrong values", repeated(select, "Balance='x' or ", "Id = 'x'")),
        ("stars", repeated("select Id", ",*", " from Account")),
        ("keys", repeated("select Id,Name from Account group by Id", ",Id", "")),
        ("aliases", repeated("select Id", ",Id \"x\"", " from Account")),
        ("quotes", repeated("", "'", "")),
        ("double quotes", repeated("select Id as ", "\"", "")),
        ("strange characters", repeated("", "#!", "")),
        ("clauses", repeated("select Id from Account ", "where ", "")),
        ("order by", repeated("select Id from Account order by Id", ",Name", "")),
        ("selects", repeated("", "select ", "")),
        ("numbers", repeated(select, "1", "")),
        ("minus signs", repeated(select, "-", "")),
        ("values", repeated(&format!("{select}Id in ("), "'',", "'')")),
        ("connectives", repeated(select, "and ", "")),
        ("newlines", repeated("select Id", "\n", ", Nmae from Account")),
    ]
}
