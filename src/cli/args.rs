//! The command line as plain data.

mod steering;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use steering::*;

/// Hosts many Webex bots in one process.
#[derive(Debug, Parser)]
#[command(name = "botyard", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where settings come from, and what is put over them.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Where settings come from. Flags go over the environment, the environment over the file.
#[derive(Debug, Clone, Default, Args)]
pub struct SettingsArgs {
    /// Settings file; without it `botyard.toml` in the current folder, if there is one
    #[arg(long, global = true, value_name = "FILE", env = "BOTYARD_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder with bot definitions; may be given several times
    #[arg(long, global = true, value_name = "DIR")]
    pub bots_dir: Vec<PathBuf>,
    /// Folder for the store, the seal key and the admin token
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Put one setting over all others, as in `--set webex.connections=16`
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Try it: simulator, all of `bots.d` and a chat prompt; no account, no token, no public URL
    Dev(DevArgs),
    /// Run the service
    Serve,
    /// Find every problem in every definition; needs no secrets, data dir or network
    Check(CheckArgs),
    /// Write a definition to start from, with its tests
    New(NewArgs),
    /// Play the tests that stand beside definitions: conversations, and what is expected of the bot
    Test(TestArgs),

    /// What a bot would do if somebody said something, and which access rule decides
    Why(WhyArgs),
    /// Write the JSON schema of a definition to where `#:schema` points, for editors
    Schema(SchemaArgs),
    /// Run the simulated Webex cloud alone
    Sim(SimArgs),
    /// Talk to a bot through the simulator
    Chat(ChatArgs),
    /// How the bots are
    Bots(BotsArgs),
    /// What happened to events, and why
    Events(EventsArgs),
    /// Who changed what, and when
    Audit(AuditArgs),
    /// Dead letters: events that were buried, deliveries that were given up
    Dead(DeadArgs),
    /// Let dead letters be handled or sent again
    Replay(ReplayArgs),
    /// Keep a bot from claiming and sending; what comes in is stored and waits
    Pause(WhomArgs),
    /// Let a bot go on: after a pause, after repeated crashes, with a token that was refused; or the whole house
    Resume(WhomArgs),
    /// Copy the store, also while the service runs, and check the copy
    Backup(BackupArgs),
    /// Put a backup back, while no service runs
    Restore(RestoreArgs),
    /// Erase a person everywhere
    Forget(ForgetArgs),
    /// What a bot keeps: look at it, change it, take it out, put it in
    #[command(subcommand)]
    State(StateCommand),
    /// Dialogues that are open, and an end to them
    Dialogues(DialoguesArgs),
    /// Look at `bots.d` now
    Reload(ReloadArgs),
    /// Keep a bot's token
    #[command(subcommand)]
    Token(TokenCommand),
    /// Change the key that seals tokens and webhook secrets
    #[command(subcommand)]
    Seal(SealCommand),
    /// Ask the running service whether it is well: exit 0 if it is
    Healthcheck,
}

/// `botyard dev`
#[derive(Debug, Clone, Args)]
pub struct DevArgs {
    /// No prompt, even with a terminal: log and serve
    #[arg(long)]
    pub no_prompt: bool,
    /// Talk as this person of the simulator
    #[arg(long, default_value = "alice@example.com")]
    pub person: String,
    /// What becomes of calls of handlers: shown on the screen, or really made
    #[arg(long, value_enum, default_value_t = Calls::Shown)]
    pub calls: Calls,
}

/// What becomes of calls of handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Calls {
    /// They are shown and not made
    #[default]
    Shown,
    /// They are made
    Real,
}

/// `botyard check`
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Folders to check; without them those of the settings
    pub dirs: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard new`
#[derive(Debug, Clone, Args)]
pub struct NewArgs {
    /// The bot's id, which names its file; without one the starters are listed
    pub name: Option<String>,
    /// What to start from
    #[arg(long, default_value = "echo")]
    pub starter: String,
    /// Folder to write into; without it the first of the settings
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `botyard test`
#[derive(Debug, Clone, Args)]
pub struct TestArgs {
    /// Folders of definitions, a bot's folder, definitions or files of tests; without any those of the settings
    #[arg(value_name = "DIR|FILE")]
    pub paths: Vec<PathBuf>,
    /// Only cases with this in `bot: name of the case`
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Show what happened in cases that passed, too
    #[arg(long, short)]
    pub verbose: bool,
    /// Write a report for CI systems into this file
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// What becomes of calls of handlers that no step answers: shown, or really made as the settings allow
    #[arg(long, value_enum, default_value_t = Calls::Shown)]
    pub calls: Calls,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard why`
#[derive(Debug, Clone, Args)]
pub struct WhyArgs {
    /// The person's address, or id
    pub person: String,
    /// What they say
    pub text: String,
    /// To which bot
    #[arg(long)]
    pub bot: String,
    /// In which room: `@name` of `[rooms]`, or an id; without it in their direct room
    #[arg(long)]
    pub room: Option<String>,
    /// That room is a direct one
    #[arg(long)]
    pub direct: bool,
    /// The organization the person belongs to, by id
    #[arg(long, value_name = "ID")]
    pub org: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard schema`
#[derive(Debug, Clone, Args)]
pub struct SchemaArgs {
    /// Folders whose definitions say where their schema is; without them those of the settings
    pub dirs: Vec<PathBuf>,
    /// Print it, and write nothing
    #[arg(long)]
    pub print: bool,
}

/// `botyard sim`
#[derive(Debug, Clone, Default, Args)]
pub struct SimArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Load everything from this file, and keep it there
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Listen beyond loopback although anybody who reaches it may act as anybody
    #[arg(long)]
    pub allow_remote: bool,
    /// Begin with the people, bots, rooms, webhooks and faults of this TOML file
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
    /// Begin with the faults of this TOML or JSON file
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// What faults with a probability are drawn from; the same number gives the same run
    #[arg(long, value_name = "NUMBER")]
    pub chance_seed: Option<u64>,
    /// Requests a minute that one token may make; 0: no limit
    #[arg(long, value_name = "NUMBER")]
    pub requests_per_minute: Option<u32>,
    /// Messages to keep over all rooms
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_messages: Option<u32>,
    /// Presses of buttons to keep
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_actions: Option<u32>,
    /// Bytes of files to keep over all messages
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_file_bytes: Option<u32>,
    /// Entries of the journal to keep; 0: none
    #[arg(long, value_name = "NUMBER")]
    pub keep_journal: Option<u32>,
}

/// `botyard chat`
#[derive(Debug, Clone, Args)]
pub struct ChatArgs {
    /// Which bot, by name or address; any bot that the simulator knows
    pub bot: String,
    /// Say this one thing, print the answer and end; exit 1 when none comes in time
    #[arg(long, value_name = "TEXT")]
    pub once: Option<String>,
    /// Press a button of the bot's last card, by number or title, print the answer and end; may be given several
    /// times, and with `--once` it is pressed after that
    #[arg(long, value_name = "BUTTON")]
    pub press: Vec<String>,
    /// Fill an input of the card in before it is pressed
    #[arg(long, value_name = "NAME=VALUE", requires = "press")]
    pub input: Vec<String>,
    /// Seconds to wait for an answer without a prompt
    #[arg(long, default_value_t = 10)]
    pub wait: u64,
    /// Milliseconds without another word after which an answer is whole, without a prompt
    #[arg(long, default_value_t = 500, value_name = "MS")]
    pub silence: u64,
    /// Print what the bot does as JSON, a line each; without a prompt
    #[arg(long)]
    pub json: bool,
    /// Talk as this person of the simulator
    #[arg(long, default_value = "alice@example.com")]
    pub person: String,
    /// Where the simulator is; without it where the settings say
    #[arg(long, value_name = "URL")]
    pub sim: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
