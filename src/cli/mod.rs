//! The command line: one binary, one word for each thing to do.
//!
//! Data goes to stdout, everything else to stderr; exit codes are those of [`exit::Exit`].

mod admin;
pub mod args;
mod chat;
mod check;
mod control;
mod dev;
pub mod exit;
mod failure;
mod new;
mod schema;
mod serve;
mod settings;
mod sim;
mod talk;
mod test;
mod why;

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
        Command::Dev(args) => dev::dev(&cli.settings, &args),
        Command::Serve => serve::serve(&cli.settings),
        Command::Check(args) => check::check(&cli.settings, &args),
        Command::New(args) => new::new(&cli.settings, &args),
        Command::Test(args) => test::test(&cli.settings, &args),
        Command::Why(args) => why::run(&cli.settings, &args),
        Command::Schema(args) => schema::schema(&cli.settings, &args),
        Command::Sim(args) => sim::sim(&cli.settings, &args),
        Command::Chat(args) => chat::chat(&cli.settings, &args),
        Command::Bots(args) => admin::bots(&cli.settings, &args),
        Command::Events(args) => admin::events(&cli.settings, &args),
        Command::Audit(args) => admin::audit(&cli.settings, &args),
        Command::Pause(args) => admin::pause(&cli.settings, &args),
        Command::Resume(args) => admin::resume(&cli.settings, &args),
        Command::Backup(args) => admin::backup(&cli.settings, &args),
        Command::Restore(args) => admin::restore(&cli.settings, &args),
        Command::Dead(args) => admin::dead(&cli.settings, &args),
        Command::Replay(args) => admin::replay(&cli.settings, &args),
        Command::Forget(args) => admin::forget(&cli.settings, &args),
        Command::State(command) => admin::state(&cli.settings, &command),
        Command::Dialogues(args) => admin::dialogues(&cli.settings, &args),
        Command::Reload(args) => admin::reload(&cli.settings, &args),
        Command::Token(args) => admin::token(&cli.settings, &args),
        Command::Seal(command) => admin::seal(&cli.settings, &command),
        Command::Healthcheck => admin::healthcheck(&cli.settings),
    };
    result.unwrap_or_else(failure::Failure::tell)
}
