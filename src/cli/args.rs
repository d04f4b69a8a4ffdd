//! The command line as plain data.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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

/// `botyard bots`
#[derive(Debug, Clone, Args)]
pub struct BotsArgs {
    /// Only this one, with all that is known of it
    pub bot: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard events`
#[derive(Debug, Clone, Args)]
pub struct EventsArgs {
    /// Only of this bot
    pub bot: Option<String>,
    /// One event with its whole story: why did it not reply? The beginning of an id will do
    #[arg(long, conflicts_with_all = ["state", "limit"])]
    pub id: Option<String>,
    /// Only those in this state
    #[arg(long, value_parser = ["waiting", "claimed", "finished", "buried"])]
    pub state: Option<String>,
    /// At most so many, newest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard audit`
#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    /// Only of this bot
    pub bot: Option<String>,
    /// Only acts of this kind, as in `--act replay`
    #[arg(long, value_name = "ACT")]
    pub act: Option<String>,
    /// Only acts before this number: the next page
    #[arg(long, value_name = "NUMBER")]
    pub before: Option<i64>,
    /// At most so many, newest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard pause` and `botyard resume`
#[derive(Debug, Clone, Args)]
pub struct WhomArgs {
    /// Which bot
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub bot: Option<String>,
    /// All bots, also those that come later; `resume --all` ends the hold after a restore as well
    #[arg(long)]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Which dead letters.
#[derive(Debug, Clone, Default, Args)]
pub struct LetterArgs {
    /// Only those that died of this
    #[arg(long, value_name = "CAUSE", conflicts_with = "id",
        value_parser = ["failed", "gave_up", "too_old", "unreadable", "crashed", "refused", "removed"])]
    pub reason: Option<String>,
    /// Only events, or only deliveries
    #[arg(long, conflicts_with = "id", value_parser = ["event", "delivery"])]
    pub kind: Option<String>,
    /// Only those that died then or later: `2026-01-31`, `2026-01-31T09:00:00Z`, or `2h`, `3d` ago
    #[arg(long, value_name = "TIME", conflicts_with = "id")]
    pub since: Option<String>,
    /// Only those that died before
    #[arg(long, value_name = "TIME", conflicts_with = "id")]
    pub until: Option<String>,
}

/// `botyard dead`
#[derive(Debug, Clone, Args)]
pub struct DeadArgs {
    /// Only of this bot
    pub bot: Option<String>,
    /// One whole, with what people wrote; the beginning of an id will do
    #[arg(long)]
    pub id: Option<String>,
    /// Which.
    #[command(flatten)]
    pub which: LetterArgs,
    /// At most so many, the last to die first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000), conflicts_with = "id")]
    pub limit: u32,
    /// The page after this: what the end of a list says
    #[arg(long, value_name = "PLACE", conflicts_with_all = ["id", "drop"])]
    pub after: Option<String>,
    /// Delete those that are meant, for good
    #[arg(long)]
    pub drop: bool,
    /// With `--drop`: all there are
    #[arg(long, requires = "drop", conflicts_with_all = ["bot", "id", "reason", "kind", "since", "until"])]
    pub all: bool,
    /// With `--drop`: do not ask
    #[arg(long, requires = "drop")]
    pub yes: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard backup`
#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// Where to; the running service writes it, as the user it runs as
    pub file: PathBuf,
    /// Replace an older backup of that name; nothing else is ever replaced
    #[arg(long)]
    pub force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard restore`
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// A file that `botyard backup` made
    pub file: PathBuf,
    /// Take a store that does not say of itself that it is a backup
    #[arg(long)]
    pub force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard replay`
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// This one; the beginning of an id will do
    #[arg(long, conflicts_with = "bot")]
    pub id: Option<String>,
    /// Only of this bot
    #[arg(long, value_name = "BOT")]
    pub bot: Option<String>,
    /// Which.
    #[command(flatten)]
    pub which: LetterArgs,
    /// All there are
    #[arg(long, conflicts_with_all = ["bot", "id", "reason", "kind", "since", "until"])]
    pub all: bool,
    /// Also deliveries that may have been sent although nothing says so
    #[arg(long)]
    pub doubtful: bool,
    /// Only show what the bots of today would do with them; nothing is sent or written
    #[arg(long)]
    pub dry_run: bool,
    /// With `--dry-run`: at most so many, the last to die first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000), requires = "dry_run")]
    pub limit: u32,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard forget`
#[derive(Debug, Clone, Args)]
pub struct ForgetArgs {
    /// Address or id of the person; several names of the same one may be given
    #[arg(required = true)]
    pub person: Vec<String>,
    /// Only count; nothing is erased
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard state`
#[derive(Debug, Clone, Subcommand)]
pub enum StateCommand {
    /// One value, or a table of all
    Get(StateGetArgs),
    /// Keep a value, or remove one
    Set(StateSetArgs),
    /// All of it as a line of JSON for each key, by scope and key
    Export(StateExportArgs),
    /// Put in what was taken out; keys that the file does not name stay as they are
    Import(StateImportArgs),
}

impl StateCommand {
    /// Which bot.
    #[must_use]
    pub fn bot(&self) -> &str {
        match self {
            Self::Get(args) => &args.bot,
            Self::Set(args) => &args.bot,
            Self::Export(args) => &args.bot,
            Self::Import(args) => &args.bot,
        }
    }
}

/// Whose memory; without either that of the bot.
#[derive(Debug, Clone, Default, Args)]
pub struct StateScopeArgs {
    /// Of this room, by id
    #[arg(long, value_name = "ID", conflicts_with = "person")]
    pub room: Option<String>,
    /// Of this person, by id
    #[arg(long, value_name = "ID")]
    pub person: Option<String>,
}

/// `botyard state get`
#[derive(Debug, Clone, Args)]
pub struct StateGetArgs {
    /// Which bot
    pub bot: String,
    /// Which key; without it all there are
    pub key: Option<String>,
    /// Whose.
    #[command(flatten)]
    pub of: StateScopeArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard state set`
#[derive(Debug, Clone, Args)]
pub struct StateSetArgs {
    /// Which bot
    pub bot: String,
    /// Which key
    pub key: String,
    /// The value: JSON, or else a text; `-` reads it from standard input
    #[arg(required_unless_present = "remove", conflicts_with = "remove", allow_negative_numbers = true)]
    pub value: Option<String>,
    /// The value is a text, whatever it looks like
    #[arg(long)]
    pub text: bool,
    /// Remove the key
    #[arg(long)]
    pub remove: bool,
    /// When it is forgotten: `2h`, `3d` from now, or a day or moment
    #[arg(long, value_name = "TIME", conflicts_with = "remove")]
    pub expires: Option<String>,
    /// Whose.
    #[command(flatten)]
    pub of: StateScopeArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard state export`
#[derive(Debug, Clone, Args)]
pub struct StateExportArgs {
    /// Which bot
    pub bot: String,
    /// Where to; without it to standard output
    pub file: Option<PathBuf>,
    /// One JSON document instead of lines
    #[arg(long)]
    pub json: bool,
}

/// `botyard state import`
#[derive(Debug, Clone, Args)]
pub struct StateImportArgs {
    /// Which bot
    pub bot: String,
    /// From where; `-` is standard input
    pub file: PathBuf,
    /// Only check the file
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard dialogues`
#[derive(Debug, Clone, Args)]
pub struct DialoguesArgs {
    /// Which bot
    pub bot: String,
    /// What to do with one; without it they are listed
    #[command(subcommand)]
    pub command: Option<DialoguesCommand>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do with a dialogue.
#[derive(Debug, Clone, Subcommand)]
pub enum DialoguesCommand {
    /// Show one whole, with what the person answered
    Show {
        /// Which: the beginning of its id
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// End one, or all; the person is not told
    End {
        /// Which: the beginning of its id
        #[arg(required_unless_present = "all", conflicts_with = "all", allow_hyphen_values = true)]
        id: Option<String>,
        /// All that are open
        #[arg(long)]
        all: bool,
    },
}

/// `botyard reload`
#[derive(Debug, Clone, Args)]
pub struct ReloadArgs {
    /// Wait until it is done, and print what was applied, refused and unchanged
    #[arg(long)]
    pub wait: bool,
    /// What is gone from `bots.d` is meant to be gone, however much it is
    #[arg(long)]
    pub confirm_removals: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `botyard token`
#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Keep a token, sealed; asked for at a prompt, or read from standard input
    Set {
        /// Which bot, by id
        bot: String,
    },
}

/// `botyard seal`
#[derive(Debug, Clone, Subcommand)]
pub enum SealCommand {
    /// Seal every secret with a new key, while the service runs or while it does not; after a kill, run it again
    Rotate(SealRotateArgs),
}

/// `botyard seal rotate`
#[derive(Debug, Clone, Args)]
pub struct SealRotateArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
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
