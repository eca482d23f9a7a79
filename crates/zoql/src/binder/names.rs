//! Objects, joined objects and fields by name.

use super::Binder;
use crate::{
    ApiVersion, Language, Options,
    ast::{self, Name, Path},
    bound::{self, Expr, FieldRef, TableId},
    catalog::{Cardinality, Catalog, Field, FieldId, JoinId, Object, ObjectId, nearest},
    diagnostic::{Code, Diagnostic, Diagnostics},
};

/// The object after `from`.
pub(super) fn find_source(
    name: &Name,
    catalog: &Catalog,
    options: &Options,
    diagnostics: &mut Diagnostics,
) -> Option<ObjectId> {
    let allowed = |object: &Object| match options.language {
        Language::Zoql => object.zoql,
        Language::Export => object.data_source,
    };
    let found = catalog.find(name);
    let fault = match found.map(|id| catalog.object(id)) {
        Some(object) if !allowed(object) => {
            let (this, other) = match options.language {
                Language::Zoql => ("ZOQL", "zoqlexport"),
                Language::Export => ("Export ZOQL", "zoql"),
            };
            let fault = Diagnostic::new(Code::NoSuchObject, name.span, format!("{this} cannot read {}", object.name));
            match object.zoql || object.data_source {
                true => fault.help(format!("send the query with type `{other}`")),
                false => fault,
            }
        }
        Some(object) => match too_new(object.since_wsdl, options) {
            None => return found,
            Some(note) => {
                let message = format!("{} is not in API version {}", object.name, options.api_version);
                Diagnostic::new(Code::ObjectTooNew, name.span, message).note(note)
            }
        },
        None => {
            let names = catalog.objects().filter(|(_, object)| allowed(object)).map(|(_, object)| &*object.name);
            Diagnostic::new(Code::NoSuchObject, name.span, format!("There is no object named {}", name.value))
                .maybe_help(did_you_mean(&nearest(names, name)))
        }
    };
    diagnostics.push(fault);
    None
}

impl<'a> Binder<'a, '_> {
    pub(super) fn field(&mut self, path: &Path) -> Option<FieldRef> {
        self.find_field(path, false)
    }

    /// A name on the right of a comparison, which is most often a text whose quotes were forgotten.
    pub(super) fn field_or_text(&mut self, path: &Path) -> Option<FieldRef> {
        self.find_field(path, true)
    }

    fn find_field(&mut self, path: &Path, maybe_text: bool) -> Option<FieldRef> {
        let table = match &path.object {
            None => Table { join: None, object: self.base, prefix: &self.base().name },
            Some(name) => self.table(name)?,
        };
        let object = self.catalog.object(table.object);
        let visible = |id: FieldId| object.field(id).contexts.shows(self.options.language);
        let Some(id) = object.find_field(&path.field).filter(|&id| visible(id)) else {
            self.no_such_field(path, &table, maybe_text);
            return None;
        };
        let field = object.field(id);
        if let Some(note) = too_new(field.since_wsdl, self.options) {
            let message = format!("{}.{} is not in API version {}", table.prefix, field.name, self.options.api_version);
            self.diagnostics.push(Diagnostic::new(Code::FieldTooNew, path.field.span, message).note(note));
            return None;
        }
        Some(self.reference(&table, id, field))
    }

    /// The base object or a joined one, by the name that qualifies a path.
    pub(super) fn table(&mut self, name: &Name) -> Option<Table<'a>> {
        let base = self.base();
        if base.name.eq_ignore_ascii_case(name) {
            return Some(Table { join: None, object: self.base, prefix: &base.name });
        }
        let Some(id) = base.find_join(name) else {
            self.no_such_join(name);
            return None;
        };
        let join = base.join(id);
        if let Some(note) = too_new(self.catalog.object(join.object).since_wsdl, self.options) {
            let message = format!("{} is not in API version {}", join.alias, self.options.api_version);
            self.diagnostics.push(Diagnostic::new(Code::FieldTooNew, name.span, message).note(note));
            return None;
        }
        Some(Table { join: Some(id), object: join.object, prefix: &join.alias })
    }

    /// The fields that `*` stands for.
    pub(super) fn all_fields(&mut self, table: &Table<'_>) -> Vec<FieldRef> {
        let object = self.catalog.object(table.object);
        object
            .fields()
            .filter(|(_, field)| field.contexts.shows(self.options.language))
            .filter(|(_, field)| too_new(field.since_wsdl, self.options).is_none())
            .map(|(id, field)| self.reference(table, id, field))
            .collect()
    }

    fn reference(&mut self, table: &Table<'_>, id: FieldId, field: &Field) -> FieldRef {
        let object = table.object;
        let table =
            table.join.map_or(TableId::BASE, |id| bound::join(&mut self.joins, self.catalog.object(self.base), id));
        FieldRef { table, object, field: id, field_type: field.field_type }
    }

    fn no_such_join(&mut self, name: &Name) {
        if self.diagnostics.is_full() {
            return;
        }
        let base = self.base();
        let aliases = base.joins().map(|(_, join)| &*join.alias);
        let message = format!("{} is not joined to {}", name.value, base.name);
        self.diagnostics.push(
            Diagnostic::new(Code::NoSuchJoin, name.span, message)
                .maybe_help(did_you_mean(&nearest(aliases.chain([&*base.name]), name))),
        );
    }

    fn no_such_field(&mut self, path: &Path, table: &Table<'_>, maybe_text: bool) {
        if self.diagnostics.is_full() {
            return;
        }
        let object = self.catalog.object(table.object);
        let name = &path.field;
        let written = match &path.object {
            Some(object) => format!("{}.{}", object.value, name.value),
            None => name.value.clone(),
        };
        let mut fault = Diagnostic::new(Code::NoSuchField, name.span, format!("There is no field named {written}"));
        if let Some(field) = object.find_field(name).map(|id| object.field(id)) {
            fault = match self.options.language {
                Language::Zoql if field.contexts.export => {
                    fault.note("only Export ZOQL (`zoqlexport`) shows the field")
                }
                Language::Export if field.contexts.soap => fault.note("only ZOQL (`zoql`) shows the field"),
                _ => fault.note("the field is internal: no query shows it"),
            };
        }
        if path.object.is_none() && self.aliases.contains(&name.value) {
            fault = fault.note("aliases name columns of the result and nothing else");
        }
        let help = match path.object {
            None if maybe_text => Some(format!("if it is a text, write '{}'", name.value)),
            _ if table.join.is_some() => None,
            _ => self.joined_field(name),
        };
        let help = help.or_else(|| {
            let shown = object.fields().filter(|(_, field)| field.contexts.shows(self.options.language));
            did_you_mean(&nearest(shown.map(|(_, field)| &*field.name), name))
        });
        self.diagnostics.push(fault.maybe_help(help));
    }

    /// How to name a field of a joined object that was named like one of the base object.
    fn joined_field(&self, name: &str) -> Option<String> {
        if self.options.language == Language::Zoql {
            return None;
        }
        // Foreign keys are seldom shown; what they lead to is.
        let alias = name.strip_suffix("Id").or_else(|| name.strip_suffix("id"));
        if let Some(id) = alias.and_then(|alias| self.base().find_join(alias)) {
            return Some(format!("write `{}.Id`", self.base().join(id).alias));
        }
        let fields = self.joined_fields(name);
        if fields.is_empty() {
            return None;
        }
        Some(format!("write {}: it is a field of a joined object", listed(&fields)))
    }

    /// Joined objects that have such a field, the nearest to the base object first.
    fn joined_fields(&self, name: &str) -> Vec<String> {
        let base = self.base();
        let mut found: Vec<(bool, usize, String)> = Vec::new();
        for (_, join) in base.joins() {
            let object = self.catalog.object(join.object);
            let field = object.find_field(name).map(|id| object.field(id));
            if let Some(field) = field.filter(|field| field.contexts.shows(self.options.language)) {
                let steps = join.path.matches('.').count();
                let many = join.cardinality == Cardinality::Many;
                found.push((many, steps, format!("{}.{}", join.alias, field.name)));
            }
        }
        found.sort();
        found.into_iter().take(3).map(|(_, _, name)| name).collect()
    }

    /// The API name of what an expression reads.
    pub(super) fn name_of(&self, expr: &Expr) -> String {
        match expr {
            Expr::Field(field) | Expr::Function(_, field) | Expr::Aggregate(_, field) => self.titles(field).0,
            Expr::CountAll => "count(*)".to_owned(),
        }
    }

    /// How a column of the field is called: by API names and by labels.
    pub(super) fn titles(&self, field: &FieldRef) -> (String, String) {
        let base = self.base();
        let Field { name, label, .. } = self.catalog.object(field.object).field(field.field);
        if self.options.language == Language::Zoql {
            return (name.clone(), name.clone());
        }
        let (prefix, prefix_label) = match field.table.0.checked_sub(1) {
            None => (&base.name, &base.label),
            Some(position) => {
                let join = base.join(self.joins[position].join);
                (&join.alias, &join.label)
            }
        };
        (format!("{prefix}.{name}"), format!("{prefix_label}: {label}"))
    }
}

/// What a name before a dot stands for.
pub(super) struct Table<'a> {
    pub join: Option<JoinId>,
    pub object: ObjectId,
    /// The name as the catalog spells it.
    pub prefix: &'a str,
}

/// Why the query's API version does not see what came with `since`.
fn too_new(since: Option<ApiVersion>, options: &Options) -> Option<String> {
    let since = since.filter(|&since| since > options.api_version)?;
    Some(format!("it came with API version {since}"))
}

fn did_you_mean(names: &[&str]) -> Option<String> {
    if names.is_empty() { None } else { Some(format!("did you mean {}?", listed(names))) }
}

/// `a`, `a` or `b`, `a`, `b` or `c`.
fn listed(names: &[impl AsRef<str>]) -> String {
    let mut list = String::new();
    for (position, name) in names.iter().enumerate() {
        list.push_str(match position {
            0 => "",
            _ if position + 1 == names.len() => " or ",
            _ => ", ",
        });
        list.push_str(&format!("`{}`", name.as_ref()));
    }
    list
}

/// Whether a condition names the field of the base object.
pub(super) fn mentions(condition: &ast::Condition, field: &str) -> bool {
    let names = |path: &Path| path.field.eq_ignore_ascii_case(field);
    let names_expr = |expr: &ast::Expr| match expr {
        ast::Expr::Path(path) | ast::Expr::Function(_, path) | ast::Expr::Aggregate(_, path) => names(path),
        ast::Expr::CountAll => false,
    };
    match condition {
        ast::Condition::And(parts) | ast::Condition::Or(parts) => parts.iter().any(|part| mentions(part, field)),
        ast::Condition::Not(inner) => mentions(inner, field),
        ast::Condition::Compare { left, .. } => names_expr(left),
        ast::Condition::IsNull { expr, .. } => names_expr(expr),
        ast::Condition::Like { path, .. } | ast::Condition::In { path, .. } => names(path),
    }
}
