//! Talking to bots in a terminal, through the simulator: what `botyard dev` and `botyard chat` share.
//!
//! Pure: [`line`] (what a typed line asks for), [`place`] (where it goes and whom it mentions), [`show`], [`markdown`]
//! and [`file`] (what happened, as lines), [`card`] (drawn, filled in, pressed), [`shelf`] (cards and files by number),
//! [`names`] and [`recall`]. Around them: [`follow`] (what happens at the simulator), [`prompt`] and [`screen`] (the
//! terminal), and the conversation itself: [`conversation`], with [`pressing`] for cards and [`carrying`] for files.

mod card;
mod carrying;
mod conversation;
mod file;
mod follow;
mod line;
mod markdown;
mod names;
mod place;
mod pressing;
mod prompt;
mod recall;
mod screen;
mod shelf;
mod show;
#[cfg(test)]
mod testing;

pub(super) use self::{
    conversation::{After, Sent, Talk, Trouble},
    follow::{Happening, News, follow},
    names::unknown_bot,
    place::{Bot, address},
    prompt::{Prompt, possible, styled},
    screen::Screen,
};
