//! Plays tests that stand beside a definition: the brain over a world that is only in memory.
//!
//! The world is small and polite: rooms with their members, messages, the bot's memory, its dialogues, timers and
//! schedules, and a clock that stands still unless a step moves it. It answers the brain's reads as Webex would, and
//! keeps what the brain decides as the store and the api would. No sockets, no disk, no waiting: thousands of steps
//! a second.
//!
//! In reading order: [`world`] (what there is), [`acts`] (what people do), [`turn`] (the bot's turn), [`calls`] (what it
//! asks handlers) and [`script`] (which of that a step answers), [`time`] (what comes due), [`ceiling`]
//! (what the settings would allow), [`expect`] (what is
//! compared), [`words`] and [`cards`] (how), [`check`] (what a test names and the bot has not), [`play`] (a case from
//! its first step to its end), [`diff`] (how a difference is shown).

mod acts;
mod calls;
mod cards;
mod ceiling;
mod check;
mod cues;
mod diff;
mod expect;
mod play;
mod time;
mod turn;
mod words;
mod world;

pub use calls::Caller;
pub use check::check;
pub use diff::diff;
pub use play::{Failure, Line, Played, Subject, play};
