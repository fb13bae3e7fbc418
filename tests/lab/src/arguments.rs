//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, builder::PossibleValuesParser};

use crate::story::Case;

/// Plays the cases that must work on simulated devices, each a process of its own with the real core.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Print the result as one line of JSON, the last line of the output.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Play only this case; may be given several times.
    #[arg(long = "case", value_name = "KEY", global = true,
          value_parser = PossibleValuesParser::new(Case::ALL.map(Case::key)))]
    pub(crate) cases: Vec<String>,

    /// Play against this Mattermost server, instead of the embedded one. Every session of it will be ended.
    #[arg(long, value_name = "URL", global = true, requires_all = ["admin", "user"])]
    pub(crate) server: Option<String>,

    /// A system administrator of that server; the password is read from STEADFAST_ADMIN_PASSWORD.
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) admin: Option<String>,

    /// The user whose devices they are; the password is read from STEADFAST_USER_PASSWORD.
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) user: Option<String>,

    /// Certificates (PEM) of the authority that signed the server's, if it is not a public one.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) ca: Option<PathBuf>,
}

/// What to do.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Command {
    /// Play the cases as a story (the default).
    Story,
    /// Be a device.
    #[command(hide = true)]
    Device,
}

impl Arguments {
    /// Whether a case is to be played.
    pub(crate) fn wants(&self, key: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|case| case == key)
    }
}
