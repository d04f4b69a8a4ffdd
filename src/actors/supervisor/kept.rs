//! A bot as its supervisor keeps it: what it runs, in which phase, and how that is told to people.

use std::sync::Arc;

use super::crashes::Crashes;
use crate::{
    actors::{bot::Bot, report::BotState},
    base::{BotId, Epoch},
    brain::Program,
    store::{Hold, HoldKind, Identity},
};
use actix::Addr;

/// One kept bot.
#[derive(Debug)]
pub struct Kept {
    pub(super) program: Arc<Program>,
    pub(super) identity: Option<Identity>,
    pub(super) phase: Phase,
    pub(super) crashes: Crashes,
    /// The incarnation is ending to make room for the next one.
    pub(super) restart_on_exit: bool,
}

/// Where a bot is in its life.
#[derive(Debug)]
pub(super) enum Phase {
    /// An incarnation is in charge.
    Running(Running),
    /// None is, one will be: after a crash, or never started yet.
    Waiting,
    /// Kept down with a reason; an incarnation that was told to drain may still be finishing.
    Held(Hold),
    /// Kept from working by an operator's word, or because a backup was put back; as above.
    Silent(Hold),
    /// Its files are gone; its webhooks are being removed, then this incarnation works off what it holds.
    Leaving(Running),
}

/// The incarnation in charge.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) addr: Addr<Bot>,
    pub(super) incarnation: u64,
    /// Of its lease, once it holds one.
    pub(super) epoch: Option<Epoch>,
    /// Webex has confirmed who it is.
    pub(super) ready: bool,
}

/// How a bot is, for people.
#[derive(Debug, Clone)]
pub struct KeptState {
    /// Its id.
    pub bot: BotId,
    /// Whether it works.
    pub state: BotState,
    /// Why it is kept down.
    pub reason: Option<String>,
    /// Short digest of the program it runs.
    pub digest: String,
    /// Who it is at Webex.
    pub identity: Option<Identity>,
    /// A line to try.
    pub try_line: String,
    /// What it is for.
    pub description: Option<String>,
}

impl Kept {
    pub(super) fn new(program: Arc<Program>, identity: Option<Identity>) -> Self {
        Self { program, identity, phase: Phase::Waiting, crashes: Crashes::default(), restart_on_exit: false }
    }

    pub(super) fn incarnation_in_charge(&self) -> Option<u64> {
        match &self.phase {
            Phase::Running(running) => Some(running.incarnation),
            _ => None,
        }
    }

    pub(super) fn is_held(&self) -> bool {
        matches!(&self.phase, Phase::Held(hold) if hold.kind == HoldKind::Held)
    }

    pub(super) fn is_parked(&self) -> bool {
        matches!(&self.phase, Phase::Held(hold) if hold.kind == HoldKind::Parked)
    }

    /// The phase as people know it.
    pub(super) fn word(&self) -> BotState {
        match &self.phase {
            Phase::Running(running) if running.ready => BotState::Running,
            Phase::Running(_) | Phase::Waiting => BotState::Starting,
            Phase::Held(hold) | Phase::Silent(hold) => hold.kind.into(),
            Phase::Leaving(_) => BotState::Draining,
        }
    }

    pub(super) fn state(&self, id: &BotId) -> KeptState {
        KeptState {
            bot: id.clone(),
            state: self.word(),
            reason: match &self.phase {
                Phase::Held(hold) | Phase::Silent(hold) => Some(hold.reason.clone()),
                _ => None,
            },
            digest: self.program.digest().short(),
            identity: self.identity.clone(),
            try_line: self.program.line_to_try().to_owned(),
            description: self.program.description().map(ToOwned::to_owned),
        }
    }
}
