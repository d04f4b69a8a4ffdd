//! Why nothing is said: an operator paused one bot or the whole house, or a backup was put back.
//!
//! Events are accepted and stored meanwhile; nobody claims them, and no delivery leaves.

use serde::{Deserialize, Serialize};

use super::{audit::By, model::Hold, model::HoldKind};
use crate::base::{BotId, Millis};

/// Whose pause it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// The whole house, bots that come later included.
    All,
    /// One bot.
    Bot(BotId),
}

/// An operator's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Since when.
    pub at: Millis,
    /// By whom.
    pub by: By,
}

/// A backup was put back, and nobody has said yet that the house may go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// When the backup was taken.
    pub taken_at: Millis,
    /// The instance it was taken of.
    pub instance: String,
    /// What that instance ran on: `serve` or `simulator`.
    pub purpose: String,
    /// When the store was first opened after it was put back.
    pub opened_at: Millis,
    /// Deliveries that waited in it: they may have been sent after it was taken.
    pub doubtful: u64,
}

/// All that keeps the house, or one of its bots, silent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Silence {
    /// A backup was put back.
    pub restored: Option<Restored>,
    /// The whole house is paused.
    pub paused: Option<Paused>,
    /// Bots that are paused by name.
    pub bots: Vec<(BotId, Paused)>,
}

impl Silence {
    /// What keeps every bot down, if anything does.
    #[must_use]
    pub fn house(&self) -> Option<Hold> {
        if let Some(restored) = &self.restored {
            return Some(Hold {
                kind: HoldKind::Held,
                reason: format!(
                    "the backup of {} was put back: what comes in is stored, no bot works and nothing is sent until \
                     `botyard resume --all`",
                    restored.taken_at
                ),
                since: restored.opened_at,
            });
        }
        let Paused { at, by } = self.paused.as_ref()?;
        let reason = format!("all bots were paused by {by}; `botyard resume --all` lets them go on");
        Some(Hold { kind: HoldKind::Paused, reason, since: *at })
    }

    /// What keeps one bot down: the house's silence, or its own.
    #[must_use]
    pub fn of(&self, bot: &BotId) -> Option<Hold> {
        self.house().or_else(|| {
            let (_, Paused { at, by }) = self.bots.iter().find(|(paused, _)| paused == bot)?;
            let reason = format!("paused by {by}; `botyard resume {bot}` lets it go on");
            Some(Hold { kind: HoldKind::Paused, reason, since: *at })
        })
    }
}

/// What a resume lifted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifted {
    /// The hold after a restore.
    pub restored: Option<Restored>,
    /// The pause that was asked to be lifted.
    pub paused: bool,
    /// Whatever else kept the one bot down: it is tried again.
    pub hold: Option<Hold>,
    /// Timers that came due while the house was held after a restore: they are not caught up with.
    pub timers: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paused(by: &str) -> Paused {
        Paused { at: Millis(5), by: By::admin(Some(by)) }
    }

    #[test]
    fn a_restore_goes_before_a_pause_of_all_and_that_before_a_bots_own() {
        let (echo, hello) = (BotId::parse("echo").unwrap(), BotId::parse("hello").unwrap());
        let mut silence = Silence { bots: vec![(echo.clone(), paused("alice"))], ..Silence::default() };
        assert_eq!((silence.house(), silence.of(&hello)), (None, None));
        let own = silence.of(&echo).unwrap();
        assert_eq!(own.reason, "paused by admin:alice; `botyard resume echo` lets it go on");
        silence.paused = Some(paused("bob"));
        assert!(silence.of(&hello).unwrap().reason.contains("by admin:bob; `botyard resume --all`"));
        silence.restored = Some(Restored {
            taken_at: Millis(0),
            instance: "main".into(),
            purpose: "serve".into(),
            opened_at: Millis(9),
            doubtful: 0,
        });
        let held = silence.of(&echo).unwrap();
        assert_eq!((held.kind, held.since), (HoldKind::Held, Millis(9)));
        assert!(held.reason.contains("1970-01-01T00:00:00.000Z was put back"), "{}", held.reason);
    }
}
