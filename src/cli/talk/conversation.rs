//! The conversation: one person, one bot at a time, a line after the other.

use std::{collections::HashSet, time::Duration};

use tokio::time::Instant;

use super::{
    file,
    follow::{Happening, News},
    line::{self, Line},
    names,
    place::{self, Bot, Choice, Place, address},
    pressing::Filling,
    prompt::styled,
    screen::Screen,
    shelf::Shelf,
    show::{self, Here, plain},
};
use crate::cli::control::{Control, ControlError, Person, Room, RoomKind, Words};

/// How long a bot that has just appeared may take until its webhook is registered.
const SETTLES: Duration = Duration::from_secs(3);
/// How often it is looked whether it is.
const LOOK: Duration = Duration::from_millis(50);

/// How long the first words to a bot are held back while it may welcome somebody.
const HELD: Duration = Duration::from_secs(1);

/// Who acts when nobody is named; the prompt shows anybody else.
const USUAL: &str = "alice@example.com";

/// A conversation of one person with one bot at a time.
#[derive(Debug)]
pub(in crate::cli) struct Talk {
    pub(super) control: Control,
    pub(super) screen: Screen,
    pub(super) style: bool,
    /// Whether there is somebody who can be asked for what a card wants to know.
    pub(super) asks: bool,
    pub(super) me: String,
    pub(super) bot: Bot,
    pub(super) place: Place,
    pub(super) shelf: Shelf,
    /// Inputs that are being asked for.
    pub(super) filling: Option<Filling>,
    /// Bots that are known to be told of messages.
    hearing: HashSet<String>,
}

/// What is left to do after a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum After {
    /// Nothing.
    Ask,
    /// Something was sent: whoever wants the answer waits for it.
    Sent(Sent),
    /// List the bots, then go on.
    ListBots,
    /// End.
    End,
}

/// Something that a bot may answer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Sent {
    /// In which room.
    pub(in crate::cli) room: String,
    /// The simulator's running number then: what the bot does later may be the answer.
    pub(in crate::cli) seq: u64,
    /// The message, if it is one.
    pub(in crate::cli) message: Option<String>,
    /// It brought the two together, and the bot hears of that too: what it says before this moment is about that,
    /// because only then it hears of the message.
    pub(in crate::cli) unheard_until: Option<Instant>,
}

/// Why a line could not be done.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Trouble {
    /// The simulator says no, or nothing.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The line does not fit to what is there.
    #[error("{0}")]
    Said(String),
}

impl From<String> for Trouble {
    fn from(text: String) -> Self {
        Self::Said(text)
    }
}

impl Talk {
    /// A conversation that begins in the room for two, with somebody who types.
    pub(in crate::cli) fn new(control: Control, screen: Screen, me: &str, bot: Bot) -> Self {
        Self {
            control,
            screen,
            style: styled(),
            asks: true,
            me: address(me, "example.com"),
            bot,
            place: Place::Direct,
            shelf: Shelf::default(),
            filling: None,
            hearing: HashSet::new(),
        }
    }

    /// The same with nobody who could be asked: what a card wants to know is set before it is pressed.
    pub(in crate::cli) fn scripted(control: Control, screen: Screen, me: &str, bot: Bot) -> Self {
        Self { asks: false, style: false, ..Self::new(control, screen, me, bot) }
    }

    /// Who is talked to.
    pub(in crate::cli) fn bot(&self) -> &Bot {
        &self.bot
    }

    /// Who talks.
    pub(in crate::cli) fn me(&self) -> &str {
        &self.me
    }

    /// What stands before the line that is typed.
    pub(in crate::cli) fn prompt(&self) -> String {
        if let Some(question) = self.question() {
            return question;
        }
        let me = self.me.strip_suffix("@example.com").unwrap_or(&self.me);
        let me = if self.me == USUAL { String::new() } else { format!("{me} to ") };
        match &self.place {
            Place::Direct => format!("{me}{}> ", self.bot.name),
            Place::Group { title, .. } => format!("{me}#{}> ", plain(title)),
        }
    }

    /// Shows what happened, if it is for this person.
    pub(in crate::cli) fn show(&mut self, news: &News) {
        match news {
            News::Happened(happening) if show::is_for(happening, &self.me) => {
                let extras = self.take(happening);
                let here = Here { bot: &self.bot, place: &self.place, style: self.style };
                self.screen.show(&show::lines(happening, &extras, here));
            }
            News::Happened(_) => {}
            News::Lost(error) => self.screen.show(&format!("* {error}")),
            News::Back => self.screen.show("* the simulator answers again"),
        }
    }

    /// What happened, as a program wants it.
    pub(in crate::cli) fn answer(&mut self, happening: &Happening) -> String {
        let extras = self.take(happening);
        show::answer(happening, &extras)
    }

    /// Keeps the card and the files of what happened under numbers, and draws them.
    pub(in crate::cli) fn take(&mut self, happening: &Happening) -> Vec<String> {
        if happening.event == "deleted" {
            self.shelf.remove(&happening.id);
        }
        let Some(message) = &happening.message else { return Vec::new() };
        let card = self.shelf.put(message).and_then(|number| self.drawn(number).ok());
        let mut extras: Vec<String> = card.into_iter().collect();
        for facts in &happening.files {
            let number = self.shelf.put_file(facts);
            extras.push(format!("[file {number}] {}", file::line(facts)));
        }
        extras
    }

    /// Does what a typed line asks for; shows why when it cannot.
    pub(in crate::cli) async fn hear(&mut self, typed: &str) -> After {
        match self.obey(typed).await {
            Ok(after) => after,
            Err(trouble) => {
                self.screen.show(&trouble.to_string());
                After::Ask
            }
        }
    }

    /// Does what a line asks for.
    pub(in crate::cli) async fn obey(&mut self, typed: &str) -> Result<After, Trouble> {
        if self.filling.is_some() {
            return self.fill(typed).await;
        }
        match line::parse(typed) {
            Line::Nothing => {}
            Line::Say(text) => return self.say(&text).await,
            Line::To(name) => self.turn_to(&name).await?,
            Line::Room(title) => self.enter(&title).await?,
            Line::Direct => self.place = Place::Direct,
            Line::Me(name) => self.become_other(&name).await?,
            Line::Card(number) => self.show_card(number).await?,
            Line::Set { name, value } => self.set(&name, &value).await?,
            Line::Press { button, card } => return self.press(&button, card).await,
            Line::File { path, text } => return self.send_file(&path, &text).await,
            Line::Save { file, path } => self.save_file(file, path.as_deref()).await?,
            Line::Help => self.screen.show(&line::help()),
            Line::Unclear(what) => return Err(Trouble::Said(what)),
            Line::Bots => return Ok(After::ListBots),
            Line::Quit => return Ok(After::End),
        }
        Ok(After::Ask)
    }

    /// Says something, here.
    pub(in crate::cli) async fn say(&mut self, text: &str) -> Result<After, Trouble> {
        self.wait_until_it_hears().await?;
        let (to, words) = match &self.place {
            Place::Direct => (self.bot.email.clone(), Words::Text(text.to_owned())),
            Place::Group { id, .. } => (id.clone(), place::words(text, &self.members(id).await?)),
        };
        let held = self.hold().await?;
        let said = self.control.say(&self.me, &to, &words).await;
        let unheard_until = self.let_go(held).await?;
        let said = said?;
        let (room, message) = (said.message.room_id, Some(said.message.id));
        Ok(After::Sent(Sent { room, seq: said.seq, message, unheard_until }))
    }

    /// Waits until somebody is told of what is said to the bot. When nobody is in time, it may still be listening in
    /// another way (a websocket, by asking), so that is no error.
    pub(super) async fn wait_until_it_hears(&mut self) -> Result<(), ControlError> {
        if !self.hearing.insert(self.bot.email.clone()) {
            return Ok(());
        }
        let looked = tokio::time::timeout(SETTLES, async {
            loop {
                let heard = self.control.hears_of(&self.bot.email).await?;
                if heard.iter().any(|kind| matches!(kind.as_str(), "messages" | "attachmentActions" | "all")) {
                    return Ok(());
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        looked.await.unwrap_or(Ok(()))
    }

    /// When the next words bring the two together and the bot hears of that, they are held back for a while: nothing
    /// else tells a welcome from an answer. Only a script has to know.
    pub(super) async fn hold(&self) -> Result<Option<u64>, ControlError> {
        if self.asks || self.place != Place::Direct || self.direct_room().await?.is_some() {
            return Ok(None);
        }
        let heard = self.control.hears_of(&self.bot.email).await?;
        let of = |kinds: [&str; 2]| heard.iter().filter(|kind| kinds.contains(&kind.as_str())).count();
        let (told, welcomes) = (of(["messages", "all"]), of(["memberships", "all"]) > 0);
        if told == 0 || !welcomes {
            return Ok(None);
        }
        self.control.hold_messages(&self.bot.email, told, HELD).await.map(Some)
    }

    /// Holds back nothing else; answers until when what was said is.
    pub(super) async fn let_go(&self, held: Option<u64>) -> Result<Option<Instant>, ControlError> {
        let Some(rule) = held else { return Ok(None) };
        let until = Instant::now() + HELD;
        self.control.remove_rule(rule).await?;
        Ok(Some(until))
    }

    /// The id of the room for two, once there is one.
    pub(super) async fn direct_room(&self) -> Result<Option<String>, ControlError> {
        let both = |room: &Room| [&self.me, &self.bot.email].iter().all(|email| room.members.contains(email));
        let rooms = self.control.rooms().await?;
        Ok(rooms.into_iter().find(|room| room.kind == RoomKind::Direct && both(room)).map(|room| room.id))
    }

    /// Who is in a room.
    pub(super) async fn members(&self, room: &str) -> Result<Vec<Person>, ControlError> {
        let rooms = self.control.rooms().await?;
        let members = rooms.into_iter().find(|known| known.id == room).map(|room| room.members).unwrap_or_default();
        let people = self.control.people().await?;
        Ok(people.into_iter().filter(|person| members.contains(&person.email)).collect())
    }

    async fn turn_to(&mut self, name: &str) -> Result<(), Trouble> {
        let bot = Bot::named(name);
        let people = self.control.people().await?;
        if !people.iter().any(|person| person.email == bot.email) {
            return Err(Trouble::Said(names::unknown_bot(&bot, &people)));
        }
        self.bot = bot;
        self.place = Place::Direct;
        Ok(())
    }

    async fn enter(&mut self, title: &str) -> Result<(), Trouble> {
        self.wait_until_it_hears().await?;
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

    async fn become_other(&mut self, name: &str) -> Result<(), Trouble> {
        let me = address(name, "example.com");
        let people = self.control.people().await?;
        match people.iter().find(|person| person.email == me) {
            Some(person) if person.bot => {
                Err(Trouble::Said(format!("`{me}` is a bot; people are {}", names::humans(&people))))
            }
            Some(_) => {
                // The room that the other one stood in may not be theirs.
                (self.me, self.place) = (me, Place::Direct);
                Ok(())
            }
            None => Err(Trouble::Said(format!("nobody has the address `{me}`; people are {}", names::humans(&people)))),
        }
    }

    /// The bots that the simulator knows, by name.
    pub(in crate::cli) async fn list_bots(&self) {
        match self.control.people().await {
            Ok(people) => self.screen.show(&format!("bots at the simulator: {}", names::bots(&people))),
            Err(error) => self.screen.show(&error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::talk::testing::{next, on_stage, text};

    #[tokio::test]
    async fn a_person_goes_to_a_group_room_and_mentions() {
        on_stage(async |stage| {
            let mut news = stage.news().await;
            let mut talk = stage.talk();
            assert_eq!(talk.prompt(), "echo> ");
            assert_eq!(talk.hear("/room ops").await, After::Ask);
            assert_eq!(talk.prompt(), "#ops> ");
            talk.hear("@echo hello").await;
            let said = next(&mut news).await;
            assert_eq!((said.room.title.as_str(), text(&said)), ("ops", Some("Echo hello")));

            // Bob is not in it: he joins.
            talk.hear("/me bob").await;
            assert_eq!(talk.prompt(), "bob to echo> ");
            talk.hear("/room ops").await;
            talk.hear("hello all").await;
            let said = next(&mut news).await;
            assert_eq!((said.who.as_str(), text(&said)), ("bob@example.com", Some("hello all")));

            talk.hear("/direct").await;
            let After::Sent(sent) = talk.hear("//only us").await else { panic!("nothing was sent") };
            let said = next(&mut news).await;
            assert_eq!((text(&said), sent.message.as_deref()), (Some("/only us"), Some(said.id.as_str())));
            assert!(sent.room == said.room.id && sent.seq <= said.seq && sent.unheard_until.is_none(), "{sent:?}");
            for (line, after) in [("/to nobody", After::Ask), ("/bots", After::ListBots), ("/quit", After::End)] {
                assert_eq!(talk.hear(line).await, after, "{line}");
            }
            assert_eq!(talk.prompt(), "bob to echo> ");
        })
        .await;
    }
}
