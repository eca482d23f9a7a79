//! Entities and organisations within a tenant.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::access::Objects;

/// Whose the rows are, in a tenant of several entities or organisations.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Owners {
    /// The field that says which entity a row belongs to. A row without a value belongs to none.
    pub entity_field: String,
    /// The field that says which organisation a row belongs to. Loaded as a custom field, it ends with `__c`.
    pub org_field: String,
    /// The entities, name and id. Requests may name some (`Zuora-Entity-Ids`, `entityId`, `entityName`) and see no rows of
    /// others; one that is not here is refused with 90000020. Without any, what requests name is ignored.
    pub entities: BTreeMap<String, String>,
    /// The same for organisations, ids only: `Zuora-Org-Ids`.
    pub orgs: Vec<String>,
    /// Objects that clients of any entity or organisation may read whole, as in `["Product*", "!ProductFeature"]`. An
    /// object that is not among them and has not the field is closed to who is limited to some.
    pub shared_objects: Objects,
}

impl Default for Owners {
    fn default() -> Owners {
        Owners {
            entity_field: "EntityId".to_owned(),
            org_field: "OrgId".to_owned(),
            entities: BTreeMap::new(),
            orgs: Vec::new(),
            shared_objects: Objects::default(),
        }
    }
}
