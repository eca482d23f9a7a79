//! What a client may read of its tenant's data.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use zoql::{
    Catalog,
    bound::Query,
    catalog::{JoinId, JoinParent, Object},
};

use crate::{config::Owners, job::Reads};

/// Everything, but for what is said here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rights {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<Objects>,
    /// Rows of these entities only, and so objects only whose rows say which entity is theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entities: Option<Vec<String>>,
    /// The same for organisations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orgs: Option<Vec<String>>,
}

impl Rights {
    pub fn are_limited(&self) -> bool {
        *self != Rights::default()
    }

    /// Whether the object may be read at all.
    pub fn allow(&self, object: &Object, owners: &Owners) -> bool {
        let is_owned = |field| object.find_text_field(field).is_some() || owners.shared_objects.include(&object.name);
        self.objects.as_ref().is_none_or(|objects| objects.include(&object.name))
            && (self.entities.is_none() || is_owned(&owners.entity_field))
            && (self.orgs.is_none() || is_owned(&owners.org_field))
    }

    /// Whether a joined object may be read, and everything on the way to it.
    pub fn allow_join(&self, base: &Object, join: JoinId, catalog: &Catalog, owners: &Owners) -> bool {
        let join = base.join(join);
        self.allow(catalog.object(join.object), owners)
            && match join.parent {
                JoinParent::Base => true,
                JoinParent::Join(parent) => self.allow_join(base, parent, catalog, owners),
            }
    }

    /// The objects of a query that may not be read, each once.
    pub fn denied(&self, query: &Query, catalog: &Catalog, owners: &Owners) -> Vec<String> {
        let objects = objects(query, catalog).into_iter();
        objects.filter(|object| !self.allow(object, owners)).map(|object| object.name.clone()).collect()
    }

    /// Rows that may be read, of whatever objects.
    pub fn rows(&self) -> Reads {
        Reads { objects: None, entities: self.entities.clone(), orgs: self.orgs.clone() }
    }

    /// Whether all may be read that a job reads.
    pub fn cover(&self, reads: &Reads, catalog: &Catalog, owners: &Owners) -> bool {
        let allow = |name: &String| catalog.find(name).is_some_and(|id| self.allow(catalog.object(id), owners));
        !self.are_limited()
            || reads.objects.as_ref().is_some_and(|objects| objects.iter().all(allow))
                && is_within(&reads.entities, &self.entities)
                && is_within(&reads.orgs, &self.orgs)
    }
}

impl Reads {
    /// Takes out of a query what the job does not read.
    pub fn restrict(&self, query: &mut Query, catalog: &Catalog, owners: &Owners) {
        for (field, ids) in [(&owners.entity_field, &self.entities), (&owners.org_field, &self.orgs)] {
            if let Some(ids) = ids {
                query.restrict(catalog, field, ids);
            }
        }
    }

    /// What tells the answers of different restrictions apart; empty without any.
    pub fn restrictions(&self) -> String {
        let [entities, orgs] = [("entities", &self.entities), ("orgs", &self.orgs)].map(|(kind, ids)| {
            let ids: BTreeSet<&String> = ids.iter().flatten().collect();
            ids.into_iter().fold(String::new(), |all, id| all + "\n" + kind + " " + id)
        });
        entities + &orgs
    }
}

fn is_within(some: &Option<Vec<String>>, all: &Option<Vec<String>>) -> bool {
    match (some, all) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(some), Some(all)) => some.iter().all(|one| all.contains(one)),
    }
}

/// The objects that a query reads, each once: the base object, and what is joined to it or stands on the way.
pub fn objects<'a>(query: &Query, catalog: &'a Catalog) -> Vec<&'a Object> {
    let mut ids: Vec<_> = query.joins.iter().map(|join| join.object).chain([query.base]).collect();
    ids.sort();
    ids.dedup();
    ids.into_iter().map(|id| catalog.object(id)).collect()
}

/// Names of objects, in any case: `Account`, `Invoice*` for all that begin so, `!Payment*` for none of these. If nothing
/// is named but what is not included, all else is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Objects(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq)]
struct Pattern {
    /// As it was written.
    text: String,
    excludes: bool,
    /// In lower case.
    name: String,
    is_prefix: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no objects: write `Account`, `Invoice*`, `!Payment` or `!Payment*`")]
pub struct NoPattern(String);

impl Objects {
    pub fn include(&self, object: &str) -> bool {
        let object = object.to_ascii_lowercase();
        let mut included = self.0.iter().filter(|pattern| !pattern.excludes).peekable();
        let mut excluded = self.0.iter().filter(|pattern| pattern.excludes).peekable();
        let by_default = included.peek().is_none() && excluded.peek().is_some();
        (by_default || included.any(|pattern| pattern.fits(&object))) && !excluded.any(|pattern| pattern.fits(&object))
    }

    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|pattern| &*pattern.text)
    }
}

impl Pattern {
    fn fits(&self, object: &str) -> bool {
        if self.is_prefix { object.starts_with(&self.name) } else { object == self.name }
    }
}

impl FromStr for Pattern {
    type Err = NoPattern;

    fn from_str(text: &str) -> Result<Pattern, NoPattern> {
        let rest = text.strip_prefix('!').unwrap_or(text);
        let name = rest.strip_suffix('*').unwrap_or(rest);
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if rest.is_empty() || !is_name {
            return Err(NoPattern(text.to_owned()));
        }
        Ok(Pattern {
            text: text.to_owned(),
            excludes: text.starts_with('!'),
            name: name.to_ascii_lowercase(),
            is_prefix: rest.ends_with('*'),
        })
    }
}

impl TryFrom<Vec<String>> for Objects {
    type Error = NoPattern;

    fn try_from(patterns: Vec<String>) -> Result<Objects, NoPattern> {
        patterns.iter().map(|text| text.parse()).collect::<Result<_, _>>().map(Objects)
    }
}

impl From<Objects> for Vec<String> {
    fn from(objects: Objects) -> Vec<String> {
        objects.0.into_iter().map(|pattern| pattern.text).collect()
    }
}

/// Without blanks, as OAuth writes scopes: `entity.2c92… object.Invoice*`. Nothing if there is no limit.
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entities = self.entities.iter().flatten().map(|id| ("entity", &**id));
        let orgs = self.orgs.iter().flatten().map(|id| ("org", &**id));
        let objects = self.objects.iter().flat_map(Objects::patterns).map(|pattern| ("object", pattern));
        for (at, (kind, what)) in entities.chain(orgs).chain(objects).enumerate() {
            let blank = if at > 0 { " " } else { "" };
            write!(f, "{blank}{kind}.{what}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(patterns: &[&str]) -> Objects {
        patterns.iter().map(|text| text.to_string()).collect::<Vec<_>>().try_into().unwrap()
    }

    #[test]
    fn patterns_include_and_exclude() {
        let some = objects(&["Account", "invoice*", "!InvoiceItem"]);
        for (object, is_in) in
            [("account", true), ("AccountingCode", false), ("InvoicePayment", true), ("InvoiceItem", false)]
        {
            assert_eq!(some.include(object), is_in, "{object}");
        }
        let all_but = objects(&["!Payment*"]);
        assert!(all_but.include("Account") && !all_but.include("PaymentMethod"));
        assert!(!objects(&[]).include("Account") && objects(&["*"]).include("Account"));
        for wrong in ["", "!", "In*oice", "Account Name", "**"] {
            assert!(wrong.parse::<Pattern>().is_err(), "{wrong}");
        }
    }
}
