//! The command line: one binary, one word for each thing to do.
//!
//! Data goes to stdout, everything else to stderr; exit codes are those of [`exit::Exit`].

mod admin;
pub mod args;
mod check;
pub mod exit;
mod failure;
mod serve;
mod settings;

use std::ffi::OsString;

use clap::Parser;

use self::{
    args::{Cli, Command},
    exit::Exit,
};

/// Runs the program.
///
/// The arguments are those of the process, its name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    crate::net::install_tls();
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and go to stdout.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Fine };
        }
    };
    let result = match cli.command {
        Command::Serve => serve::serve(&cli.settings),
        Command::Serve => serve::serve(&cli.settings),
        Command::Check(args) => check::check(&cli.settings, &args),
        _ => Ok(Exit::Usage),
    };
    result.unwrap_or_else(failure::Failure::tell)
}
