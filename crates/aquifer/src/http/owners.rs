//! Entities and organisations: a request may name some of those that its client may see, and then sees no rows of others.

use axum::http::HeaderMap;

use crate::{access::Rights, aqua::Error, config::Owners};

/// What is left of a client's rights for a request that names entities or organisations.
pub fn narrowed(rights: Rights, owners: &Owners, headers: &HeaderMap) -> Result<Rights, Error> {
    let entities: Vec<String> = owners.entities.values().cloned().collect();
    Ok(Rights {
        objects: rights.objects,
        entities: choose(rights.entities, &entities, named_entities(owners, headers)?)?,
        orgs: choose(rights.orgs, &owners.orgs, listed(headers, "zuora-org-ids"))?,
    })
}

/// Those that are named, if all of them are among the client's or, of a client without a limit, the tenant's own. A tenant
/// that has none sets nobody a choice: what is named means nothing there.
fn choose(limit: Option<Vec<String>>, known: &[String], named: Vec<String>) -> Result<Option<Vec<String>>, Error> {
    let choice = limit.as_deref().or(Some(known).filter(|known| !known.is_empty()));
    let Some(choice) = choice.filter(|_| !named.is_empty()) else { return Ok(limit) };
    match named.iter().find(|id| !choice.contains(id)) {
        Some(unknown) => Err(Error::NoSuchOwner(unknown.clone())),
        None => Ok(Some(named)),
    }
}

/// By id, or by name, which the settings know; the first of the headers counts that is there.
fn named_entities(owners: &Owners, headers: &HeaderMap) -> Result<Vec<String>, Error> {
    let ids = listed(headers, "zuora-entity-ids");
    let ids = if ids.is_empty() { listed(headers, "entityid") } else { ids };
    let name = headers.get("entityname").and_then(|name| name.to_str().ok()).unwrap_or_default().trim();
    if !ids.is_empty() || name.is_empty() || owners.entities.is_empty() {
        return Ok(ids);
    }
    let id = owners.entities.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, id)| id.clone());
    id.map(|id| vec![id]).ok_or_else(|| Error::NoSuchOwner(name.to_owned()))
}

/// The parts of a header that lists ids with commas between. What is not ASCII is an id that nobody has.
fn listed(headers: &HeaderMap, name: &str) -> Vec<String> {
    let values = headers.get_all(name).into_iter();
    let texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    texts
        .flat_map(|text| text.split(',').map(|id| id.trim().to_owned()).collect::<Vec<_>>())
        .filter(|id| !id.is_empty())
        .collect()
}
