//! Matches the columns of a file to the fields of an object.
//!
//! People have their data from many hands: from AQuA itself (`Account.AccountNumber`, `Account: Account Number`), from
//! warehouse connectors (`account_number`, `_fivetran_deleted`), from their own scripts (`AccountNumber`).

use std::collections::{HashMap, HashSet};

use zoql::catalog::{Catalog, FieldId, FieldType, JoinParent, Object, ObjectId, is_custom};

/// What a column of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Field(FieldId),
    /// Says whether the row is deleted.
    Deleted,
    /// Nothing the object has.
    Unknown,
    /// A field that an earlier column has already.
    Repeated,
}

/// What each column is, in order.
pub(super) fn match_columns<'a>(
    catalog: &Catalog,
    object: ObjectId,
    columns: impl IntoIterator<Item = &'a str>,
) -> Vec<Meaning> {
    let names = Names::new(catalog, object);
    let mut taken = HashSet::new();
    let meanings = columns.into_iter().map(|column| match names.meaning(column) {
        Meaning::Field(field) if !taken.insert(field) => Meaning::Repeated,
        meaning => meaning,
    });
    meanings.collect()
}

/// The name under which a column that matches nothing is kept as a custom field: `testcustom_1_c` as `testcustom_1__c`,
/// `Region__NS`, which has a name space, as it is. Nothing for a column without a name.
pub(super) fn custom_name(column: &str) -> Option<String> {
    let own = column.rsplit(['.', ':']).next().unwrap_or(column).trim();
    let (stem, space) = match own.rsplit_once("__").filter(|_| is_custom(own)) {
        Some(parts) => parts,
        None => (own.strip_suffix("_c").unwrap_or(own), "c"),
    };
    let safe: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let name = safe.trim_matches('_');
    let first = name.chars().next()?;
    let prefix = if first.is_ascii_digit() { "c_" } else { "" };
    Some(format!("{prefix}{name}__{space}"))
}

/// The object that a file is named after: `zuora_invoice_item_data.csv` is InvoiceItem. The longest run of words that is
/// an object's name decides.
pub(super) fn object_named(catalog: &Catalog, file_name: &str) -> Option<ObjectId> {
    let stem = file_name.split('.').next().unwrap_or(file_name);
    let words = words(stem);
    let runs = (0..words.len()).flat_map(|from| (from + 1..=words.len()).map(move |to| (from, to)));
    let names: HashMap<String, ObjectId> =
        catalog.objects().map(|(id, object)| (object.name.to_lowercase(), id)).collect();
    let found = runs.filter_map(|(from, to)| {
        let run = words[from..to].concat();
        let id = names.get(&run).or_else(|| names.get(run.strip_suffix('s')?))?;
        Some((run.len(), *id))
    });
    found.max_by_key(|(length, _)| *length).map(|(_, id)| id)
}

/// Lower-case words: cut where letters and digits end, and before capitals.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in text.chars() {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && after_lower) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            word.push(c.to_ascii_lowercase());
        }
        after_lower = c.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Letters and digits only, in lower case: how all forms of a name are the same.
fn fold(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The names a column may have, folded.
struct Names {
    /// Of the object itself: its API name and its label.
    object: [String; 2],
    by_name: HashMap<String, FieldId>,
    by_label: HashMap<String, FieldId>,
    /// `Account.Id` in a file of invoices is the invoice's AccountId.
    by_join: HashMap<String, FieldId>,
}

impl Names {
    fn new(catalog: &Catalog, id: ObjectId) -> Names {
        let object: &Object = catalog.object(id);
        let mut by_label = HashMap::new();
        for (field, described) in object.fields() {
            by_label.entry(fold(&described.label)).or_insert(field);
        }
        let direct =
            object.joins.iter().filter(|join| join.parent == JoinParent::Base && join.child_field == FieldId(0));
        Names {
            object: [fold(&object.name), fold(&object.label)],
            by_name: object.fields().map(|(field, described)| (fold(&described.name), field)).collect(),
            by_label,
            by_join: direct
                .filter(|join| object.field(join.parent_field).field_type == FieldType::Id)
                .flat_map(|join| [&join.alias, &join.label].map(|name| (fold(name), join.parent_field)))
                .collect(),
        }
    }

    fn meaning(&self, column: &str) -> Meaning {
        let (owner, own) = match column.rsplit_once(['.', ':']) {
            Some((owner, own)) => (Some(fold(owner)), own),
            None => (None, column),
        };
        let own = fold(own);
        match owner {
            Some(owner) if !self.object.contains(&owner) => match self.by_join.get(&owner) {
                Some(key) if own == "id" => Meaning::Field(*key),
                _ => Meaning::Unknown,
            },
            _ => match self.by_name.get(&own).or_else(|| self.by_label.get(&own)) {
                Some(field) => Meaning::Field(*field),
                None if is_deleted_flag(&own) => Meaning::Deleted,
                None => Meaning::Unknown,
            },
        }
    }
}

fn is_deleted_flag(folded: &str) -> bool {
    matches!(folded, "deleted" | "isdeleted" | "fivetrandeleted")
}

#[cfg(test)]
mod tests {
    use zoql::Catalog;

    use super::{Meaning, custom_name, match_columns, object_named};

    fn meanings(object: &str, columns: &[&str]) -> Vec<String> {
        let catalog = Catalog::builtin();
        let object = catalog.find(object).expect("an object");
        let meanings = match_columns(catalog, object, columns.iter().copied());
        let spelled = meanings.into_iter().map(|meaning| match meaning {
            Meaning::Field(field) => catalog.object(object).field(field).name.clone(),
            other => format!("({other:?})"),
        });
        spelled.collect()
    }

    #[test]
    fn every_form_of_a_name_is_understood() {
        let forms =
            ["AccountNumber", "Account.AccountNumber", "account: account number", "account_number", "ACCOUNTNUMBER"];
        for form in forms {
            assert_eq!(meanings("Account", &[form]), ["AccountNumber"], "{form}");
        }
    }

    #[test]
    fn labels_deleted_flags_and_joined_ids_are_understood() {
        assert_eq!(meanings("Account", &["Account: ID", "Account: Account Balance"]), ["Id", "Balance"]);
        for flag in ["_fivetran_deleted", "Deleted", "IsDeleted", "is_deleted", "Account.Deleted"] {
            assert_eq!(meanings("Account", &[flag]), ["(Deleted)"], "{flag}");
        }
        assert_eq!(meanings("InvoiceItem", &["Invoice.Id", "Subscription: ID"]), ["InvoiceId", "SubscriptionId"]);
    }

    #[test]
    fn what_matches_nothing_is_said() {
        let columns = ["Id", "id", "Shoe Size", "Contact.Id", "BillToContact.FirstName", ""];
        let expected = ["Id", "(Repeated)", "(Unknown)", "(Unknown)", "(Unknown)", "(Unknown)"];
        assert_eq!(meanings("Account", &columns), expected);
    }

    #[test]
    fn custom_fields_end_as_the_original_ends_them() {
        for (column, name) in [
            ("testcustom_1_c", Some("testcustom_1__c")),
            ("Region__c", Some("Region__c")),
            ("Account.Region__c", Some("Region__c")),
            ("Region__NS", Some("Region__NS")),
            ("Shoe Size__ACME2", Some("Shoe_Size__ACME2")),
            ("Region__Ns", Some("Region__Ns__c")),
            ("Shoe Size", Some("Shoe_Size__c")),
            ("_fivetran_synced", Some("fivetran_synced__c")),
            ("2nd", Some("c_2nd__c")),
            ("", None),
            ("---", None),
        ] {
            assert_eq!(custom_name(column).as_deref(), name, "{column}");
        }
    }

    #[test]
    fn files_are_named_after_objects() {
        let catalog = Catalog::builtin();
        for (file, object) in [
            ("zuora_invoice_item_data.csv", Some("InvoiceItem")),
            ("zuora_refund_invoice_payment_data.csv", Some("RefundInvoicePayment")),
            ("Account.csv.gz", Some("Account")),
            ("accounts.ndjson", Some("Account")),
            ("RatePlanCharge-2026-11-21.part3.csv", Some("RatePlanCharge")),
            ("invoiceitem_000.csv", Some("InvoiceItem")),
            ("notes.csv", None),
        ] {
            let found = object_named(catalog, file).map(|id| catalog.object(id).name.as_str());
            assert_eq!(found, object, "{file}");
        }
    }
}
