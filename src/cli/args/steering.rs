//! Arguments of the commands that look at and steer a service.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
