//! Talking to bots in a terminal, through the simulator: what `botyard dev` and `botyard chat` share.
//!
//! Pure: [`line`] (what a typed line asks for), [`place`] (where it goes and whom it mentions), [`show`] and
//! [`markdown`] (what happened, as lines). Around them: [`follow`] (what happens at the simulator), [`prompt`] and
//! [`screen`] (the terminal), and here the conversation itself.

mod follow;
mod line;
mod markdown;
mod place;
mod prompt;
mod screen;
mod show;

use std::{collections::HashSet, time::Duration};

pub(super) use self::{
    follow::{News, follow},
    place::{Bot, address},
    prompt::{Prompt, possible, styled},
    screen::Screen,
    show::{body, plain},
};
use self::{
    line::Line,
    place::{Choice, Place},
    show::Here,
};
use super::control::{Control, ControlError, Person};
use crate::definition::diagnostic::nearest;

/// How long a bot that has just appeared may take until its webhook is registered.
const SETTLES: Duration = Duration::from_secs(3);
/// How often it is looked whether it is.
const LOOK: Duration = Duration::from_millis(50);
/// Names in a list that a person should still read.
const MOST_NAMES: usize = 12;

/// Who acts when nobody is named; the prompt shows anybody else.
const USUAL: &str = "alice@example.com";

/// A conversation of one person with one bot at a time.
#[derive(Debug)]
pub(super) struct Talk {
    control: Control,
    screen: Screen,
    style: bool,
    me: String,
    bot: Bot,
    place: Place,
    /// Bots that are known to be told of messages.
    hearing: HashSet<String>,
}

/// What is left to do after a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing.
    Ask,
    /// List the bots, then go on.
    ListBots,
    /// End.
    End,
}

impl Talk {
    /// A conversation that begins in the room for two.
    pub(super) fn new(control: Control, screen: Screen, me: &str, bot: Bot) -> Self {
        let me = address(me, "example.com");
        Self { control, screen, style: styled(), me, bot, place: Place::Direct, hearing: HashSet::new() }
    }

    /// What stands before the line that is typed.
    pub(super) fn prompt(&self) -> String {
        let me = self.me.strip_suffix("@example.com").unwrap_or(&self.me);
        let me = if self.me == USUAL { String::new() } else { format!("{me} to ") };
        match &self.place {
            Place::Direct => format!("{me}{}> ", self.bot.name),
            Place::Group { title, .. } => format!("{me}#{}> ", plain(title)),
        }
    }

    /// Shows what happened, if it is for this person.
    pub(super) fn show(&self, news: &News) {
        let here = Here { me: &self.me, bot: &self.bot, place: &self.place, style: self.style };
        match news {
            News::Happened(happening) => {
                if let Some(lines) = show::lines(happening, here) {
                    self.screen.show(&lines);
                }
            }
            News::Lost(error) => self.screen.show(&format!("* {error}")),
            News::Back => self.screen.show("* the simulator answers again"),
        }
    }

    /// Does what a line asks for.
    pub(super) async fn hear(&mut self, typed: &str) -> After {
        let done = match line::parse(typed) {
            Line::Nothing => Ok(()),
            Line::Say(text) => self.say(&text).await,
            Line::To(name) => self.turn_to(&name).await,
            Line::Room(title) => self.enter(&title).await,
            Line::Direct => {
                self.place = Place::Direct;
                Ok(())
            }
            Line::Me(name) => self.become_other(&name).await,
            Line::Help => {
                self.screen.show(&line::help());
                Ok(())
            }
            Line::Unclear(what) => {
                self.screen.show(&what);
                Ok(())
            }
            Line::Bots => return After::ListBots,
            Line::Quit => return After::End,
        };
        if let Err(error) = done {
            self.screen.show(&error.to_string());
        }
        After::Ask
    }

    async fn say(&mut self, text: &str) -> Result<(), ControlError> {
        if self.hearing.insert(self.bot.email.clone()) {
            wait_until_it_hears(&self.control, &self.bot, SETTLES).await?;
        }
        match &self.place {
            Place::Direct => {
                let words = super::control::Words::Text(text.to_owned());
                self.control.say(&self.me, &self.bot.email, &words).await?;
            }
            Place::Group { id, .. } => {
                let id = id.clone();
                let words = place::words(text, &self.members(&id).await?);
                self.control.say(&self.me, &id, &words).await?;
            }
        }
        Ok(())
    }

    /// Who is in a room.
    async fn members(&self, room: &str) -> Result<Vec<Person>, ControlError> {
        let rooms = self.control.rooms().await?;
        let members = rooms.into_iter().find(|known| known.id == room).map(|room| room.members).unwrap_or_default();
        let people = self.control.people().await?;
        Ok(people.into_iter().filter(|person| members.contains(&person.email)).collect())
    }

    async fn turn_to(&mut self, name: &str) -> Result<(), ControlError> {
        let bot = Bot::named(name);
        let people = self.control.people().await?;
        if !people.iter().any(|person| person.email == bot.email) {
            self.screen.show(&unknown_bot(&bot, &people));
            return Ok(());
        }
        self.bot = bot;
        self.place = Place::Direct;
        Ok(())
    }

    async fn enter(&mut self, title: &str) -> Result<(), ControlError> {
        wait_until_it_hears(&self.control, &self.bot, SETTLES).await?;
        let rooms = self.control.rooms().await?;
        let room = match place::choose(rooms, title, &self.me, &self.bot.email) {
            Choice::Make => self.control.open_room(&self.me, title, &self.bot.email).await?,
            Choice::Join { room, missing } => {
                for email in missing {
                    self.control.add_member(&room.id, &email).await?;
                }
                room
            }
        };
        self.place = Place::Group { id: room.id, title: room.title };
        self.screen.show(&format!(
            "in a group room a bot hears only what mentions it: `@{} hi`; `/direct` goes back",
            self.bot.name
        ));
        Ok(())
    }

    async fn become_other(&mut self, name: &str) -> Result<(), ControlError> {
        let me = address(name, "example.com");
        let people = self.control.people().await?;
        match people.iter().find(|person| person.email == me) {
            Some(person) if person.bot => self.screen.show(&format!("`{me}` is a bot; people are {}", humans(&people))),
            Some(_) => {
                // The room that the other one stood in may not be theirs.
                (self.me, self.place) = (me, Place::Direct);
            }
            None => self.screen.show(&format!("nobody has the address `{me}`; people are {}", humans(&people))),
        }
        Ok(())
    }

    /// The bots that the simulator knows, by name.
    pub(super) async fn list_bots(&self) {
        match self.control.people().await {
            Ok(people) => self.screen.show(&format!("bots at the simulator: {}", bots(&people))),
            Err(error) => self.screen.show(&error.to_string()),
        }
    }
}

/// Waits until somebody is told of what is said to the bot. When nobody is in time, it may still be listening in
/// another way (a websocket, by asking), so that is no error.
pub(super) async fn wait_until_it_hears(control: &Control, bot: &Bot, wait: Duration) -> Result<(), ControlError> {
    let looked = tokio::time::timeout(wait, async {
        while !control.hears(&bot.email).await? {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    });
    looked.await.unwrap_or(Ok(()))
}

/// The sentence for a bot that the simulator does not know.
pub(super) fn unknown_bot(bot: &Bot, people: &[Person]) -> String {
    let known: Vec<Bot> = people.iter().filter(|person| person.bot).map(|person| Bot::of(&person.email)).collect();
    if known.is_empty() {
        return format!("there is no bot `{}` at the simulator, nor any other yet: is the service running?", bot.name);
    }
    match nearest(&bot.name, known.iter().map(|known| known.name.as_str())) {
        Some(near) => format!("there is no bot `{}`; did you mean `{near}`?", bot.name),
        None => format!("there is no bot `{}`; there are {}", bot.name, bots(people)),
    }
}

fn bots(people: &[Person]) -> String {
    listed(people.iter().filter(|person| person.bot).map(|person| Bot::of(&person.email).name))
}

fn humans(people: &[Person]) -> String {
    let name = |person: &Person| person.email.strip_suffix("@example.com").unwrap_or(&person.email).to_owned();
    listed(people.iter().filter(|person| !person.bot).map(name))
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.sort();
    let more = names.len().saturating_sub(MOST_NAMES);
    names.truncate(MOST_NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(email: &str) -> Person {
        Person { email: email.into(), name: String::new(), bot: email.ends_with("@webex.bot"), tokens: vec![] }
    }

    #[test]
    fn an_unknown_bot_is_answered_with_those_that_there_are() {
        let people = [person("alice@example.com"), person("echo@webex.bot"), person("hello@webex.bot")];
        let said = |name: &str, people: &[Person]| unknown_bot(&Bot::named(name), people);
        insta::assert_snapshot!([said("ecko", &people), said("zz", &people), said("echo", &people[..1])].join("\n"));
    }

    #[test]
    fn a_long_list_of_names_ends() {
        let many = (0..20).map(|number| format!("bot-{number:02}"));
        assert!(listed(many).ends_with("`bot-11` and 8 more"));
    }
}
