//! Where the server is and who we are: from flags, the environment, or a file.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use super::{Client, Credentials};

/// The flags of every command that talks to a server.
#[derive(clap::Args)]
#[command(next_help_heading = "Server")]
pub struct ServerArgs {
    /// Base URL of the AQuA server [default: http://127.0.0.1:8400]
    #[arg(long, env = "AQUIFER_URL", value_name = "URL")]
    url: Option<String>,
    #[arg(long, env = "AQUIFER_CLIENT_ID", value_name = "ID", help = "OAuth client id")]
    client_id: Option<String>,
    #[arg(
        long,
        env = "AQUIFER_CLIENT_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        help = "OAuth client secret"
    )]
    client_secret: Option<String>,
    /// User name for Basic authentication, instead of a client id
    #[arg(long, env = "AQUIFER_USER", value_name = "NAME", conflicts_with = "client_id")]
    user: Option<String>,
    /// Password for Basic authentication
    #[arg(long, env = "AQUIFER_PASSWORD", value_name = "PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// TOML file with url, client_id, client_secret, user, password [default: aquifer/client.toml in the folder
    /// where this system keeps configuration]
    #[arg(long, env = "AQUIFER_CLIENT_CONFIG", value_name = "FILE")]
    client_config: Option<PathBuf>,
}

/// The file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    url: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    user: Option<String>,
    password: Option<String>,
}

/// Where `aquifer serve` and `aquifer demo` listen unless they are told otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:8400";

impl ServerArgs {
    /// Flags and environment win over the file.
    pub fn client(self) -> anyhow::Result<Client> {
        let file = match (&self.client_config, default_file()) {
            (Some(path), _) => read(path)?,
            (None, Some(path)) if path.is_file() => read(&path)?,
            _ => File::default(),
        };
        let url = self.url.or(file.url).unwrap_or_else(|| DEFAULT_URL.to_owned());
        ensure!(url.starts_with("http://") || url.starts_with("https://"), "{url:?} is no http or https URL");
        let given = credentials(self.client_id, self.client_secret, self.user, self.password)?;
        let kept = credentials(file.client_id, file.client_secret, file.user, file.password)?;
        let credentials = given.or(kept).with_context(|| {
            format!(
                "no credentials for {url}: give --client-id and --client-secret (or AQUIFER_CLIENT_ID and \
                 AQUIFER_CLIENT_SECRET, or a file, see --help)"
            )
        })?;
        Ok(Client::new(&url, credentials))
    }
}

fn credentials(
    id: Option<String>,
    secret: Option<String>,
    user: Option<String>,
    password: Option<String>,
) -> anyhow::Result<Option<Credentials>> {
    match (id, secret, user, password) {
        (Some(id), Some(secret), ..) => Ok(Some(Credentials::Client { id, secret })),
        (None, None, Some(user), Some(password)) => Ok(Some(Credentials::Basic { user, password })),
        (None, None, None, None) => Ok(None),
        (Some(_), None, ..) => bail!("a client id without its secret"),
        (None, Some(_), ..) => bail!("a client secret without its id"),
        (.., Some(_), None) => bail!("a user without a password"),
        (.., None, Some(_)) => bail!("a password without a user"),
    }
}

fn read(path: &Path) -> anyhow::Result<File> {
    let file = config::File::from(path).format(config::FileFormat::Toml);
    let file = config::Config::builder().add_source(file).build()?;
    file.try_deserialize().with_context(|| format!("{}", path.display()))
}

/// `aquifer/client.toml` where the platform keeps settings.
fn default_file() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = if cfg!(windows) {
        set("APPDATA")?
    } else if cfg!(target_os = "macos") {
        env::home_dir()?.join("Library/Application Support")
    } else {
        set("XDG_CONFIG_HOME").or_else(|| Some(env::home_dir()?.join(".config")))?
    };
    Some(folder.join("aquifer/client.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arguments with a file of that text, and nothing else.
    fn args(folder: &tempfile::TempDir, text: &str) -> ServerArgs {
        let path = folder.path().join("client.toml");
        std::fs::write(&path, text).unwrap();
        ServerArgs {
            url: None,
            client_id: None,
            client_secret: None,
            user: None,
            password: None,
            client_config: Some(path),
        }
    }

    #[test]
    fn flags_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let text = "url = 'https://rest.example.com/'\nuser = 'kim'\npassword = 'a:b'\n";
        let client = args(&folder, text).client().unwrap();
        assert_eq!(client.url(), "https://rest.example.com");
        assert_eq!(client.authorization().unwrap(), "Basic a2ltOmE6Yg==");

        let url = Some("http://localhost:1".to_owned());
        let client = ServerArgs { url, ..args(&folder, text) }.client().unwrap();
        assert_eq!(client.url(), "http://localhost:1");
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let said = |args: ServerArgs| format!("{:#}", args.client().err().unwrap());
        assert_eq!(said(args(&folder, "client_id = 'abc'")), "a client id without its secret");
        assert_eq!(said(ServerArgs { user: Some("kim".to_owned()), ..args(&folder, "") }), "a user without a password");
        assert!(said(args(&folder, "")).starts_with("no credentials for http://127.0.0.1:8400"));
        assert!(said(args(&folder, "url = 'rest.example.com'")).contains("is no http or https URL"));
        assert!(said(args(&folder, "clientid = 'abc'")).contains("clientid"));
    }
}
