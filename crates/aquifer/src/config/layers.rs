//! From the file and the environment to the settings.

use std::path::Path;

use config::{Config as Layers, Environment, File, FileFormat, Map, Value, ValueKind};

use super::Config;

type Table = Map<String, Value>;

/// Sections that hold for every tenant, but for what it says in its own section of the same name.
const SHARED: [&str; 4] = ["zoql", "limits", "files", "quirks"];

/// How the variables of lists end.
const LISTS: [&str; 5] = ["__PARTNERS", "__ALLOW", "__CALLOUT_SECRETS", "__ORGS", "__SHARED_OBJECTS"];

/// The defaults, changed by the file and then by variables as the environment has them.
pub(super) fn read(file: Option<&Path>, vars: impl Iterator<Item = (String, String)>) -> anyhow::Result<Config> {
    let mut layers = Layers::builder();
    if let Some(file) = file {
        anyhow::ensure!(file.is_file(), "{}: there is no such config file", file.display());
        layers = layers.add_source(File::from(file).format(FileFormat::Toml));
    }
    let settings: Table = layers.add_source(environment(vars)).build()?.try_deserialize()?;
    let config: Config = value(share(settings)?).try_deserialize()?;
    config.check()?;
    Ok(config)
}

fn environment(vars: impl Iterator<Item = (String, String)>) -> Environment {
    // Only names with a double underscore are settings: AQUIFER_URL and its like belong to the client commands.
    let settings: Map<_, _> = vars.filter(|(name, _)| name.starts_with("AQUIFER_") && name.contains("__")).collect();
    let keys = settings.keys().filter_map(|name| name.strip_prefix("AQUIFER_"));
    let is_list = |key: &&str| LISTS.iter().any(|list| key.ends_with(list));
    let lists = keys.filter(is_list).map(|key| key.to_lowercase().replace("__", "."));
    let environment = Environment::with_prefix("AQUIFER").prefix_separator("_").separator("__").try_parsing(true);
    // Without the key of any list, everything would be taken for one.
    let environment = environment.list_separator(",").with_list_parse_key("tenant.partners");
    lists.fold(environment, |environment, list| environment.with_list_parse_key(&list)).source(Some(settings))
}

/// Moves the shared sections into the tenants.
fn share(mut settings: Table) -> anyhow::Result<Table> {
    let shared: Vec<(&str, Value)> = SHARED.iter().filter_map(|name| Some((*name, settings.remove(*name)?))).collect();
    let share_with = |tenant: Option<Value>| -> anyhow::Result<Value> {
        let mut tenant = tenant.map_or(Ok(Table::new()), Value::into_table)?;
        for (name, section) in &shared {
            let mut section = section.clone().into_table()?;
            section.extend(tenant.remove(*name).map_or(Ok(Table::new()), Value::into_table)?);
            tenant.insert((*name).to_owned(), value(section));
        }
        Ok(value(tenant))
    };
    let tenant = share_with(settings.remove("tenant"))?;
    let others = settings.remove("tenants").map_or(Ok(Table::new()), Value::into_table)?;
    let others: Table = others
        .into_iter()
        .map(|(name, tenant)| Ok((name, share_with(Some(tenant))?)))
        .collect::<anyhow::Result<_>>()?;
    settings.extend([("tenant".to_owned(), tenant), ("tenants".to_owned(), value(others))]);
    Ok(settings)
}

fn value(table: Table) -> Value {
    Value::new(None, ValueKind::Table(table))
}
