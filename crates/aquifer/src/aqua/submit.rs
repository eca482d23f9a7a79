//! A submit: from the bytes of a request to a [`Spec`] that can be run, or to the first reason against it.
//!
//! [`read`] knows shapes, [`check`] knows rules. A request that can be read can be echoed, whatever the rules say.

use std::{collections::BTreeSet, sync::Arc};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::Value;
use zoql::{Catalog, Code, Diagnostic};

use super::{
    Error, currencies,
    error::QueryFault,
    lenient::{self, Object, Wrong},
};
use crate::{
    access::{self, Rights},
    config,
    job::{Deleted, Encryption, Flag, Format, Identity, Language, Query, Reads, Spec},
};

/// The WSDL version of a query that does not say. Fixed, so that a query's columns do not change with a new release.
pub const DEFAULT_API_VERSION: u16 = 153;

/// A request as it was sent, in our words.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub spec: Spec,
    /// Only stateful jobs have use for these.
    pub incremental_time: Option<String>,
    pub offset: Option<String>,
}

/// What a request is checked against.
pub struct Rules<'a> {
    pub rights: &'a Rights,
    pub tenant: &'a config::Tenant,
    pub catalog: &'a Arc<Catalog>,
}

/// What a job has besides its request, if nothing is against it.
#[derive(Debug, Default)]
pub struct Checked {
    pub warnings: Vec<String>,
    pub reads: Reads,
    pub skipped: Vec<Skipped>,
    /// Of its queries, in their order.
    pub identities: Vec<Identity>,
}

/// A query that is not run, because the client may not read all that it names.
#[derive(Debug)]
pub struct Skipped {
    /// Which of the job's queries, counted from 0.
    pub query: usize,
    pub objects: Vec<String>,
}

pub fn read(body: &[u8]) -> Result<Request, Error> {
    lenient::parse(body).and_then(|value| request(&value)).map_err(|Wrong(why)| Error::Malformed(why))
}

fn request(value: &Value) -> Result<Request, Wrong> {
    let request = lenient::object(value, "the request")?;
    let queries = match lenient::present(request, "queries") {
        None => Vec::new(),
        Some(Value::Array(queries)) => queries.iter().map(query).collect::<Result<_, _>>()?,
        Some(_) => return Err(Wrong("`queries` must be an array".to_owned())),
    };
    let default = Spec::of(queries);
    let formats = [("csv", Format::Csv), ("gzip", Format::Gzip), ("zip", Format::Zip)];
    let encryptions = [("none", Encryption::None), ("pgp", Encryption::Pgp)];
    let spec = Spec {
        name: lenient::text(request, "name")?,
        protocol_version: lenient::number(request, "version")?.unwrap_or(default.protocol_version),
        format: lenient::word(request, "format", &formats, default.format)?,
        encryption: lenient::word(request, "encrypted", &encryptions, default.encryption)?,
        partner: lenient::non_empty(request, "partner")?,
        project: lenient::non_empty(request, "project")?,
        api_names: lenient::flag(request, "useQueryLabels")?.unwrap_or(false),
        utc: lenient::flag(request, "dateTimeUtc")?.unwrap_or(false),
        use_last_queries: lenient::flag(request, "useLastCompletedJobQueries")?.unwrap_or(false),
        null_replacement: lenient::text(request, "nullReplacement")?,
        notify_url: lenient::long_text(request, "notifyUrl")?.filter(|url| !url.is_empty()),
        names_source: lenient::text(request, "sourceData")?.is_some(),
        ..default
    };
    Ok(Request {
        spec,
        incremental_time: lenient::non_empty(request, "incrementalTime")?,
        offset: lenient::number(request, "offset")?,
    })
}

fn query(value: &Value) -> Result<Query, Wrong> {
    let query = lenient::object(value, "a query")?;
    let languages = [("zoqlexport", Language::Export), ("zoql", Language::Zoql)];
    let text = lenient::long_text(query, "query")?.ok_or_else(|| Wrong("a query object needs `query`".to_owned()))?;
    let deleted = lenient::present(query, "deleted").map(|value| deleted(lenient::object(value, "deleted")?));
    Ok(Query {
        name: lenient::text(query, "name")?,
        text,
        language: lenient::word(query, "type", &languages, Language::Export)?,
        api_version: lenient::number(query, "apiVersion")?
            .map_or(Ok(DEFAULT_API_VERSION), |version| api_version(&version))?,
        deleted: deleted.transpose()?,
        convert_to_currencies: lenient::non_empty(query, "convertToCurrencies")?,
    })
}

fn deleted(deleted: &Object) -> Result<Deleted, Wrong> {
    let flags = [("Boolean", Flag::Boolean), ("Numeric", Flag::Numeric)];
    let column = lenient::non_empty(deleted, "column")?.ok_or_else(|| Wrong("`deleted` needs `column`".to_owned()))?;
    Ok(Deleted {
        column,
        flag: lenient::word(deleted, "format", &flags, Flag::Boolean)?,
        force_export: lenient::flag(deleted, "forceExport")?.unwrap_or(false),
    })
}

/// `"96.0"`, `96`: only the whole part ever mattered.
fn api_version(text: &str) -> Result<u16, Wrong> {
    let whole = text.split('.').next().unwrap_or_default();
    whole.parse().map_err(|_| Wrong(format!("`apiVersion` cannot be {text}")))
}

/// Decides what a request for a stateful job leaves open: its queries, from those that the session had last, its offset, its
/// own time. A stateless one is left as it is.
pub fn settle(request: &mut Request, tenant: &config::Tenant, last: &[Query]) -> Result<(), Error> {
    let spec = &mut request.spec;
    if spec.session().is_none() {
        return Ok(());
    }
    if spec.queries.is_empty() {
        spec.queries = last.to_vec();
    } else if spec.wants_last_queries() {
        let given = &spec.queries;
        let is_given =
            |query: &&Query| given.iter().any(|one| one == *query || (one.name.is_some() && one.name == query.name));
        let kept: Vec<Query> = last.iter().filter(|query| !is_given(query)).cloned().collect();
        spec.queries.splice(0..0, kept);
    }
    let offset = request.offset.as_ref().map(|text| lenient::whole(text).ok_or(Error::BadOffset)).transpose()?;
    spec.offset =
        Some(offset.unwrap_or(tenant.stateful_offset_seconds)).filter(|seconds| *seconds <= config::MOST_OFFSET);
    if spec.offset.is_none() {
        return Err(Error::BadOffset);
    }
    if let Some(text) = &request.incremental_time {
        let time = incremental_time(text, &tenant.profile.zone()).ok_or(Error::BadIncrementalTime)?;
        spec.incremental_time = Some(time);
    }
    Ok(())
}

/// Holds a request against the rules: what its job has besides, or why there is no job. Of the first rule that is broken, all
/// queries that break it are told.
pub fn check(request: &Request, rules: &Rules<'_>) -> Result<Checked, Error> {
    let spec = &request.spec;
    let stateful = spec.session().is_some();
    if spec.partner.as_ref().is_some_and(|partner| !rules.tenant.knows_partner(partner)) {
        return Err(Error::UnknownPartner);
    }
    if spec.queries.is_empty() {
        return Err(Error::NoQueries);
    }
    if spec.queries.len() > rules.tenant.limits.queries {
        return Err(Error::TooManyQueries(rules.tenant.limits.queries));
    }
    if spec.notify_url.as_ref().is_some_and(|url| url.chars().count() >= 5000) {
        return Err(Error::LongNotifyUrl);
    }
    if !stateful {
        let unforced = |query: &Query| query.deleted.as_ref().is_some_and(|deleted| !deleted.force_export);
        let unforced = spec.queries.iter().enumerate().filter(|(_, query)| unforced(query));
        let why = "`deleted` needs `forceExport` in a stateless job";
        let fault = |(index, query)| QueryFault::beside(index, query, "deleted-in-stateless", why.to_owned());
        refuse(unforced.map(fault).collect(), Error::DeletedInStateless)?;
    }
    let mut checked = check_queries(spec, rules)?;
    checked.warnings.splice(0..0, warnings(request));
    Ok(checked)
}

/// Refuses the request if there are faults.
fn refuse(faults: Vec<QueryFault>, error: fn(Vec<QueryFault>) -> Error) -> Result<(), Error> {
    if faults.is_empty() { Ok(()) } else { Err(error(faults)) }
}

fn check_queries(spec: &Spec, rules: &Rules<'_>) -> Result<Checked, Error> {
    let (mut wrong, mut undeletable, mut unknown_currencies) = (Vec::new(), Vec::new(), Vec::new());
    let (mut warnings, mut skipped, mut objects) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut asked = Vec::new();
    for (index, query) in spec.queries.iter().enumerate() {
        let most = rules.tenant.limits.query_characters;
        if query.text.chars().count() > most {
            wrong.push(QueryFault::too_long(index, query, most));
            continue;
        }
        match compile(query, spec, rules.catalog, rules.tenant) {
            Ok(compiled) => {
                let base = rules.catalog.object(compiled.query.base);
                if query.deleted.is_some() && !base.supports_deleted {
                    let why = format!("{} keeps no deleted records", base.name);
                    undeletable.push(QueryFault::beside(index, query, "deleted-unsupported", why));
                }
                match currencies::plan(query, &compiled.query, rules.catalog, rules.tenant) {
                    Ok(plan) => {
                        warnings.extend(currencies::warning(query, rules.tenant, plan.is_some()));
                        let unmasked = spec.unmasks(&compiled.query);
                        asked.push((query, compiled.canonical, unmasked, plan.map(|plan| plan.currencies())));
                    }
                    Err(unknown) => {
                        let fault = QueryFault::beside(index, query, "unknown-currency", unknown.to_string());
                        unknown_currencies.push(fault);
                    }
                }
                let denied = rules.rights.denied(&compiled.query, rules.catalog, &rules.tenant.owners);
                if denied.is_empty() {
                    let read = access::objects(&compiled.query, rules.catalog);
                    objects.extend(read.into_iter().map(|object| object.name.clone()));
                } else {
                    skipped.push(Skipped { query: index, objects: denied });
                }
            }
            Err(diagnostics) => {
                let advice = rules.may_advise(query);
                let fault = |diagnostic: &Diagnostic| {
                    let fault = QueryFault::new(index, query, diagnostic);
                    if advice || !names_others(diagnostic) { fault } else { fault.without_advice() }
                };
                wrong.extend(diagnostics.iter().map(fault));
            }
        }
    }
    // Queries without a name are warned of in the same words.
    warnings.dedup();
    refuse(wrong, Error::Queries)?;
    refuse(undeletable, Error::DeletedUnsupported)?;
    refuse(unknown_currencies, Error::UnknownCurrency)?;
    if skipped.len() == spec.queries.len() {
        let faults = skipped.iter().map(|skipped| skipped.fault(spec)).collect();
        let denied: BTreeSet<String> = skipped.into_iter().flat_map(|skipped| skipped.objects).collect();
        return Err(Error::NoPermission { objects: denied.into_iter().collect(), faults });
    }
    warnings.extend(skipped.iter().map(|skipped| skipped.warning(spec)));
    let reads = Reads { objects: Some(objects.into_iter().collect()), ..rules.rights.rows() };
    let identities = asked
        .into_iter()
        .map(|(query, canonical, unmasked, currencies)| Identity::new(query, &canonical, &reads, unmasked, currencies));
    let identities = identities.collect();
    Ok(Checked { warnings, reads, skipped, identities })
}

impl Rules<'_> {
    /// Whether a client may be told names that it might have meant in a query: it may read the object, and all that can be
    /// joined to it.
    fn may_advise(&self, query: &Query) -> bool {
        let (rights, catalog, owners) = (self.rights, self.catalog, &self.tenant.owners);
        if !rights.are_limited() {
            return true;
        }
        let parsed = zoql::parse(&query.text, query.language.into(), self.tenant.zoql.compat.into());
        let base = parsed.query.and_then(|parsed| catalog.find(&parsed.from)).map(|id| catalog.object(id));
        base.is_some_and(|base| {
            rights.allow(base, owners) && base.joins().all(|(join, _)| rights.allow_join(base, join, catalog, owners))
        })
    }
}

/// Whether what a fault explains may be in words that the client has not written.
fn names_others(diagnostic: &Diagnostic) -> bool {
    matches!(diagnostic.code, Code::NoSuchObject | Code::NoSuchJoin | Code::NoSuchField)
}

impl Skipped {
    fn fault(&self, spec: &Spec) -> QueryFault {
        let why = format!("you have no permission to read {}", self.objects.join(", "));
        QueryFault::beside(self.query, &spec.queries[self.query], "no-permission", why)
    }

    fn warning(&self, spec: &Spec) -> String {
        let name = spec.queries.get(self.query).and_then(|query| query.name.as_deref()).unwrap_or("without a name");
        let (number, objects) = (self.query + 1, self.objects.join(", "));
        format!("query {number} ({name}) was skipped: you have no permission to read {objects}")
    }
}

/// A query of a job against a catalog: at the submit the newest, at the run the snapshot's.
pub fn compile(
    query: &Query,
    spec: &Spec,
    catalog: &Catalog,
    tenant: &config::Tenant,
) -> Result<zoql::Compiled, Vec<Diagnostic>> {
    let options = zoql::Options {
        language: query.language.into(),
        compat: tenant.zoql.compat.into(),
        api_version: zoql::ApiVersion(query.api_version),
        tenant_zone: tenant.zone(),
        uses_masked: spec.shows_masked(),
    };
    zoql::compile(&query.text, catalog, &options)
}

fn warnings(request: &Request) -> Vec<String> {
    let spec = &request.spec;
    let ignored = [
        ("incrementalTime", request.incremental_time.is_some()),
        ("offset", request.offset.as_ref().is_some_and(|offset| offset.parse() != Ok(0.0))),
        ("useLastCompletedJobQueries", spec.use_last_queries),
    ];
    let is_stateful = spec.session().is_some();
    let ignored = ignored.into_iter().filter(|(_, sent)| *sent && !is_stateful);
    ignored
        .map(|(key, _)| format!("{key} was ignored: it belongs to stateful mode, and this job is stateless"))
        .collect()
}

/// `2026-01-01 00:00:00` or with a `T`, in the data centre's zone; with an offset, it says itself where.
fn incremental_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        local.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
    })
}
