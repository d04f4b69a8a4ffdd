//! Follows what happens at the simulator and hands it on, message by message.
//!
//! The journal says what happened, the room what was said. A new message, an edit and a deletion are all entries
//! of the journal, so an edit is seen although it makes no new message.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tokio::sync::mpsc;

use super::recall::Recall;
use crate::{
    base::spawn::spawn,
    cli::control::{Control, ControlError, Facts, Message, Room},
};

/// How long one question waits for something to happen.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long until a simulator that is gone is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// What may wait for being shown; beyond that the next question waits.
const QUEUE: usize = 64;
/// Files of one message that are looked at; Webex has one.
const MOST_FILES: usize = 4;

/// Something happened to a message.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Happening {
    /// The simulator's running number at it.
    pub(in crate::cli) seq: u64,
    /// Which message.
    pub(in crate::cli) id: String,
    /// The address of whoever did it.
    pub(in crate::cli) who: String,
    pub(in crate::cli) room: Room,
    /// `created`, `updated` or `deleted`.
    pub(in crate::cli) event: String,
    /// The message, if it can still be read.
    pub(in crate::cli) message: Option<Message>,
    /// What is known of its files.
    pub(in crate::cli) files: Vec<Facts>,
    /// What it said, if it can not be read any more.
    pub(in crate::cli) text: Option<String>,
    /// What the message says that it answers in a thread, as far as that is known.
    pub(in crate::cli) answers: Option<String>,
}

/// What the follower tells.
#[derive(Debug)]
pub(in crate::cli) enum News {
    /// Something happened.
    Happened(Box<Happening>),
    /// The simulator does not answer any more; it is asked again and again.
    Lost(ControlError),
    /// It answers again.
    Back,
}

/// Starts to follow from `after` on. Ends when nobody listens any more.
pub(in crate::cli) fn follow(control: Control, after: u64) -> mpsc::Receiver<News> {
    let (news, listener) = mpsc::channel(QUEUE);
    spawn(async move {
        let mut follower = Follower { control, after, rooms: HashMap::new(), recall: Recall::default() };
        // Nobody listening is the only end.
        let _ = follower.run(&news).await;
    });
    listener
}

struct Follower {
    control: Control,
    /// Everything up to this running number was handed on.
    after: u64,
    rooms: HashMap<String, Room>,
    recall: Recall,
}

impl Follower {
    async fn run(&mut self, news: &mpsc::Sender<News>) -> Result<(), mpsc::error::SendError<News>> {
        loop {
            let looked = tokio::select! {
                looked = self.look() => looked,
                () = news.closed() => return Ok(()),
            };
            match looked {
                Ok(happened) => {
                    for happening in happened {
                        news.send(News::Happened(Box::new(happening))).await?;
                    }
                }
                Err(error) => {
                    news.send(News::Lost(error)).await?;
                    self.wait_for_it(news).await;
                    news.send(News::Back).await?;
                }
            }
        }
    }

    /// Another simulator may come back, which counts from one: go on from where it is.
    async fn wait_for_it(&mut self, news: &mpsc::Sender<News>) {
        loop {
            tokio::time::sleep(AGAIN).await;
            match self.control.seq().await {
                Ok(seq) => {
                    self.after = seq;
                    self.rooms.clear();
                    return;
                }
                Err(_still_gone) if news.is_closed() => return,
                Err(_still_gone) => {}
            }
        }
    }

    /// What happened since the last look; waits for something to happen.
    async fn look(&mut self) -> Result<Vec<Happening>, ControlError> {
        let events = self.control.events(self.after, PATIENCE).await?;
        let mut read: HashMap<String, Vec<Message>> = HashMap::new();
        let mut happened = Vec::new();
        for entry in &events.entries {
            if entry.resource == "memberships" {
                // Who may see what has changed.
                self.rooms.clear();
            }
            let (Some(id), Some(room), Some(who)) = (&entry.id, &entry.room, &entry.person) else { continue };
            if entry.resource != "messages" {
                continue;
            }
            let Some(room) = self.room(room).await? else { continue };
            if entry.event == "created" && !read.contains_key(&room.id) {
                let messages = self.messages(&room.id, self.after).await?;
                read.insert(room.id.clone(), messages);
            }
            if entry.event == "updated" {
                // It may be older than everything that was read.
                let messages = self.messages(&room.id, 0).await?;
                read.insert(room.id.clone(), messages);
            }
            let message = read.get(&room.id).and_then(|messages| messages.iter().find(|message| message.id == *id));
            let message = message.filter(|_| entry.event != "deleted").cloned();
            let text = entry.text.clone().or_else(|| self.recall.get(id).map(str::to_owned));
            if let Some(said) = message.as_ref().and_then(|message| message.text.as_ref()).or(text.as_ref()) {
                self.recall.put(id, said);
            }
            let (files, answers) = match &message {
                Some(message) => (self.files(message, &room).await?, self.answered(message, &room.id).await?),
                None => (Vec::new(), None),
            };
            let (seq, id, who, event) = (entry.seq, id.clone(), who.clone(), entry.event.clone());
            happened.push(Happening { seq, id, who, room, event, message, files, text, answers });
        }
        self.after = events.entries.last().map_or(events.seq, |entry| entry.seq).max(self.after);
        Ok(once_each(happened))
    }

    /// What the files of a message are, as anybody in the room may know.
    async fn files(&self, message: &Message, room: &Room) -> Result<Vec<Facts>, ControlError> {
        if message.files.is_empty() {
            return Ok(Vec::new());
        }
        let token = self.control.token_of_any(&room.members).await?;
        let mut files = Vec::new();
        for (at, url) in message.files.iter().enumerate() {
            files.push(match &token {
                Some(token) if at < MOST_FILES => self.control.facts(url, token).await,
                _ => Facts { url: url.clone(), ..Facts::default() },
            });
        }
        Ok(files)
    }

    /// What the first message of the thread said.
    async fn answered(&mut self, message: &Message, room: &str) -> Result<Option<String>, ControlError> {
        let Some(parent) = &message.parent_id else { return Ok(None) };
        if self.recall.get(parent).is_none() {
            // It was said before anybody followed.
            let all = self.messages(room, 0).await?;
            let first = all.iter().find(|message| message.id == *parent).and_then(|message| message.text.as_deref());
            self.recall.put(parent, first.unwrap_or_default());
        }
        Ok(self.recall.get(parent).filter(|text| !text.is_empty()).map(str::to_owned))
    }

    async fn room(&mut self, id: &str) -> Result<Option<Room>, ControlError> {
        if !self.rooms.contains_key(id) {
            let rooms = self.control.rooms().await?;
            self.rooms = rooms.into_iter().map(|room| (room.id.clone(), room)).collect();
        }
        Ok(self.rooms.get(id).cloned())
    }

    /// A room may vanish between two questions: then there is nothing to read in it.
    async fn messages(&self, room: &str, after: u64) -> Result<Vec<Message>, ControlError> {
        match self.control.messages(room, after).await {
            Err(ControlError::Refused { .. }) => Ok(Vec::new()),
            other => other,
        }
    }
}

/// Two edits between two looks are seen as one: the message is read after both.
fn once_each(happened: Vec<Happening>) -> Vec<Happening> {
    let mut seen = HashSet::new();
    let mut kept: Vec<Happening> = happened
        .into_iter()
        .rev()
        .filter(|happening| {
            let id = happening.message.as_ref().map(|message| message.id.clone());
            id.is_none_or(|id| happening.event != "updated" || seen.insert(id))
        })
        .collect();
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::{
        control::Words,
        talk::testing::{ALICE, next, on_stage, text},
    };

    #[tokio::test]
    async fn what_is_said_and_deleted_is_followed_in_order() {
        on_stage(async |stage| {
            let mut news = stage.news().await;
            stage.control.say(ALICE, "echo@webex.bot", &Words::Text("hi".into())).await.unwrap();
            let said = next(&mut news).await;
            assert_eq!((said.who.as_str(), text(&said)), (ALICE, Some("hi")));

            let answer = json!({ "toPersonEmail": ALICE, "markdown": "**hi** back" });
            let message = stage.echo("POST", "/messages", &answer).await;
            let answered = next(&mut news).await;
            assert_eq!((answered.event.as_str(), text(&answered)), ("created", Some("hi back")));
            assert!(answered.room.members.iter().any(|member| member == ALICE));

            let path = format!("/messages/{}", message["id"].as_str().unwrap());
            stage.echo("DELETE", &path, &json!({})).await;
            let deleted = next(&mut news).await;
            assert_eq!((deleted.event.as_str(), deleted.text.as_deref()), ("deleted", Some("hi back")));
        })
        .await;
    }

    #[tokio::test]
    async fn a_thread_is_followed_with_what_it_answers() {
        on_stage(async |stage| {
            let before = stage.control.say(ALICE, "echo@webex.bot", &Words::Text("when?".into())).await.unwrap();
            let mut news = stage.news().await;
            let answer = json!({ "toPersonEmail": ALICE, "text": "now", "parentId": before.message.id });
            stage.echo("POST", "/messages", &answer).await;
            let answered = next(&mut news).await;
            assert_eq!((text(&answered), answered.answers.as_deref()), (Some("now"), Some("when?")));
        })
        .await;
    }

    #[tokio::test]
    async fn a_file_is_followed_with_what_it_is() {
        on_stage(async |stage| {
            let mut news = stage.news().await;
            let file = json!({ "name": "größe.txt", "type": "text/plain", "text": "hello" });
            stage.steer("POST", "/say", &json!({ "as": "echo@webex.bot", "to": ALICE, "file": file })).await;
            let facts = next(&mut news).await.files.remove(0);
            assert_eq!((facts.name.as_deref(), facts.size, facts.trouble), (Some("größe.txt"), Some(5), None));
            // While it is scanned there is only where it will be.
            stage.steer("PUT", "/files", &json!({ "scan": "scanning" })).await;
            stage.steer("POST", "/say", &json!({ "as": "echo@webex.bot", "to": ALICE, "file": file })).await;
            let facts = next(&mut news).await.files.remove(0);
            assert_eq!((facts.name.as_deref(), facts.trouble), (None, Some("it is still being scanned")));
        })
        .await;
    }
}
