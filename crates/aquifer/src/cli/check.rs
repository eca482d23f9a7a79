use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

use zoql::{ApiVersion, Catalog, Compiled, Diagnostic, Language, Options, bound::Query};

use super::{draw, model};

/// Compile a query and show what is wrong with it
///
/// Nothing is run, and no server is needed. Exit code 2 means that the query is wrong.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The query; `-` reads it from standard input
    query: String,
    /// Language of the query
    #[arg(long = "type", value_enum, default_value_t = Word::Zoqlexport, value_name = "LANGUAGE")]
    language: Word,
    /// WSDL version that the query is written for, as in 96.0
    #[arg(long, value_name = "VERSION", default_value_t)]
    api_version: ApiVersion,
    /// How strictly to read the language [default: as the settings say]
    #[arg(long, value_enum, value_name = "HOW")]
    compat: Option<Compat>,
    #[command(flatten)]
    model: model::ModelArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Word {
    Zoqlexport,
    Zoql,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Compat {
    /// What the original accepts
    Strict,
    /// And what it refuses without need
    Extended,
}

const WRONG: u8 = 2;

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let text = if self.query == "-" { io::read_to_string(io::stdin())? } else { self.query };
        let (tenant, catalog) = self.model.open()?;
        let options = Options {
            language: match self.language {
                Word::Zoqlexport => Language::Export,
                Word::Zoql => Language::Zoql,
            },
            compat: match self.compat {
                Some(Compat::Strict) => zoql::Compat::Strict,
                Some(Compat::Extended) => zoql::Compat::Extended,
                None => tenant.zoql.compat.into(),
            },
            api_version: self.api_version,
            tenant_zone: tenant.zone(),
            // As for most clients: few may see what is masked.
            uses_masked: false,
        };
        match zoql::compile(&text, &catalog, &options) {
            Ok(compiled) => {
                show(&compiled, &catalog)?;
                Ok(ExitCode::SUCCESS)
            }
            Err(diagnostics) => {
                show_faults(&diagnostics, &text);
                Ok(WRONG.into())
            }
        }
    }
}

/// That it is right, its canonical text, and what the file would have.
fn show(Compiled { query, canonical }: &Compiled, catalog: &Catalog) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "ok\n\n{canonical}\n")?;
    let columns: Vec<[String; 3]> = query
        .columns
        .iter()
        .map(|column| [column.name.clone(), column.label.clone(), column.expr.value_type().as_str().to_owned()])
        .collect();
    super::table::write(&mut out, &["column", "with labels", "type"], &columns)?;
    let joined = joined(query, catalog);
    if !joined.is_empty() {
        writeln!(out, "\njoined: {}", joined.join(", "))?;
    }
    Ok(())
}

fn joined(query: &Query, catalog: &Catalog) -> Vec<String> {
    let base = catalog.object(query.base);
    query.joins.iter().map(|join| base.join(join.join).alias.clone()).collect()
}

fn show_faults(diagnostics: &[Diagnostic], text: &str) {
    let colours = io::stderr().is_terminal();
    for diagnostic in diagnostics {
        let fault = draw::Fault {
            code: diagnostic.code.as_str(),
            message: &diagnostic.message,
            span: diagnostic.span.start..diagnostic.span.end,
            note: diagnostic.note.as_deref(),
            help: diagnostic.help.as_deref(),
        };
        eprintln!("{}\n", fault.draw("query", text, colours));
    }
}
