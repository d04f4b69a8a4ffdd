//! How a bot is, and what a reload did: the plain data that logs, the admin API, the CLI and tests share.

use serde::{Deserialize, Serialize};

use crate::{
    base::{BotId, Millis},
    definition::Diagnostic,
    store::{HoldKind, Lifted, Silence, Whom},
};

/// How one bot is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotStatus {
    /// Its id.
    pub id: BotId,
    /// Whether it works, in one word.
    pub state: BotState,
    /// Why it does not, with the fix.
    pub reason: Option<String>,
    /// Digest of the definition it runs, short form.
    pub digest: Option<String>,
    /// Its display name at Webex, once known.
    pub name: Option<String>,
    /// Its address at Webex, once known.
    pub email: Option<String>,
    /// Events waiting or in a turn.
    pub waiting: u64,
    /// Deliveries waiting or on their way.
    pub deliveries: u64,
    /// Events buried.
    pub buried: u64,
    /// Its registrations at Webex, as of the last look.
    pub webhooks: WebhookSummary,
    /// The last thing that went wrong, for people.
    pub last_error: Option<String>,
    /// What is wrong with its definition as it is now; with an error in it the last good one runs.
    pub diagnostics: Vec<Finding>,
}

/// Whether a bot works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BotState {
    /// It answers.
    Running,
    /// Its token is being checked, or it waits to be started again.
    Starting,
    /// Webex refuses its token.
    Parked,
    /// It crashed again and again.
    Quarantined,
    /// The operator said so.
    Paused,
    /// Something in its definition or token must be put right first.
    Held,
    /// It finishes what it has in hand and takes nothing new.
    Draining,
    /// Its definition is gone; state and token are kept for a while.
    Retired,
}

impl BotState {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 8] = [
        Self::Running,
        Self::Starting,
        Self::Parked,
        Self::Quarantined,
        Self::Paused,
        Self::Held,
        Self::Draining,
        Self::Retired,
    ];

    /// The word for it, in JSON, tables and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Parked => "parked",
            Self::Quarantined => "quarantined",
            Self::Paused => "paused",
            Self::Held => "held",
            Self::Draining => "draining",
            Self::Retired => "retired",
        }
    }
}

impl From<HoldKind> for BotState {
    fn from(kind: HoldKind) -> Self {
        match kind {
            HoldKind::Parked => Self::Parked,
            HoldKind::Quarantined => Self::Quarantined,
            HoldKind::Paused => Self::Paused,
            HoldKind::Held => Self::Held,
        }
    }
}

/// A bot's registrations at Webex.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSummary {
    /// What is there is what is wanted.
    pub in_step: bool,
    /// Made since the process started.
    pub created: u64,
    /// Changed since the process started.
    pub updated: u64,
    /// Deleted since the process started.
    pub deleted: u64,
    /// Webhooks of somebody else on the same token that would double the answers: name and target.
    pub foreign: Vec<String>,
}

/// A [`Diagnostic`] as it travels: the same fields, but it can be read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `error` or `warning`.
    pub severity: String,
    /// Stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// File, relative to its `bots.d`.
    pub file: String,
    /// Line from 1; 0: the file as a whole.
    pub line: usize,
    /// Column from 1; 0: the file as a whole.
    pub column: usize,
    /// How many characters the caret spans.
    pub width: usize,
    /// The line itself, secrets masked.
    pub excerpt: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&Diagnostic> for Finding {
    fn from(of: &Diagnostic) -> Self {
        Self {
            severity: match of.severity {
                crate::definition::Severity::Error => "error".into(),
                crate::definition::Severity::Warning => "warning".into(),
            },
            code: of.code.to_owned(),
            message: of.message.clone(),
            file: of.file.clone(),
            line: of.line,
            column: of.column,
            width: of.width,
            excerpt: of.excerpt.clone(),
            hint: of.hint.clone(),
        }
    }
}

/// What a pause came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseReport {
    /// It was not paused before.
    pub changed: bool,
}

/// What a resume came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeReport {
    /// A pause was lifted.
    pub paused: bool,
    /// What else kept the one bot down, in one word: it is tried again.
    pub was: Option<BotState>,
    /// The moment of the backup whose hold was lifted.
    pub restored: Option<Millis>,
    /// Deliveries that waited in that backup: each bot's policy decides about them now.
    pub doubtful: u64,
    /// Timers that came due meanwhile and are not caught up with.
    pub timers: u64,
    /// Who stays silent all the same, and why.
    pub still: Vec<StillSilent>,
}

/// A bot that stays silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillSilent {
    /// Which.
    pub bot: BotId,
    /// Why, with the command that ends it.
    pub reason: String,
}

impl ResumeReport {
    /// What was lifted, and what is left.
    #[must_use]
    pub fn of(lifted: &Lifted, whom: &Whom, left: &Silence) -> Self {
        let still = match whom {
            Whom::Bot(bot) => left.of(bot).map(|hold| (bot.clone(), hold.reason)).into_iter().collect(),
            Whom::All => left.bots.iter().filter_map(|(bot, _)| Some((bot.clone(), left.of(bot)?.reason))).collect(),
        };
        let still: Vec<(BotId, String)> = still;
        Self {
            paused: lifted.paused,
            was: lifted.hold.as_ref().map(|hold| hold.kind.into()),
            restored: lifted.restored.as_ref().map(|restored| restored.taken_at),
            doubtful: lifted.restored.as_ref().map_or(0, |restored| restored.doubtful),
            timers: lifted.timers,
            still: still.into_iter().map(|(bot, reason)| StillSilent { bot, reason }).collect(),
        }
    }
}

/// What a look at `bots.d` led to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// Definitions that run now and did not before.
    pub applied: Vec<Applied>,
    /// Definitions that cannot be used; where there is a last good one, it goes on.
    pub refused: Vec<RefusedDefinition>,
    /// Definitions that run as before.
    pub unchanged: Vec<Unchanged>,
    /// Bots whose definition is gone.
    pub removed: Vec<BotId>,
    /// Why nothing was removed: the sentence that asks for a confirmation.
    pub confirmation_needed: Option<String>,
}

/// A definition that runs now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The bot.
    pub bot: BotId,
    /// Digest, short form.
    pub digest: String,
    /// What was done.
    pub change: AppliedChange,
}

/// What was done to a bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppliedChange {
    /// It is new, or back.
    Started,
    /// It runs another definition than before.
    Changed,
}

/// A definition that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedDefinition {
    /// The name of the file or folder; it need not be a lawful bot id.
    pub bot: String,
    /// What is wrong with it.
    pub diagnostics: Vec<Finding>,
}

/// A definition that runs as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unchanged {
    /// The bot.
    pub bot: BotId,
    /// Digest, short form.
    pub digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{definition::Severity, telemetry};

    #[test]
    fn a_state_has_one_word_in_json_tables_and_metrics() {
        for state in BotState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        assert_eq!(BotState::ALL.map(BotState::as_str), telemetry::bots::STATES);
    }

    #[test]
    fn a_diagnostic_travels_in_its_own_shape() {
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            code: "unknown-key",
            message: "unknown key `repyl`".into(),
            file: "echo.toml".into(),
            line: 3,
            column: 1,
            width: 5,
            excerpt: "repyl = 1".into(),
            hint: Some("did you mean `reply`".into()),
        };
        let sent = serde_json::to_value(&diagnostic).unwrap();
        assert_eq!(serde_json::to_value(Finding::from(&diagnostic)).unwrap(), sent);
        assert_eq!(serde_json::from_value::<Finding>(sent).unwrap(), Finding::from(&diagnostic));
    }
}
