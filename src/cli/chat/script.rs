//! Talking without a prompt: what is said and pressed comes from flags or lines, the answer goes to stdout.
//!
//! Nothing at Webex says which message answers which. What is taken for the answer is what the bot does in the same
//! room afterwards, until it has been silent for a while. When the first words bring the two together, a bot may
//! welcome the person as well; so its webhook for the words is held back a little ([`Sent::unheard_until`]), and what
//! it says until then goes to stderr.

use std::{
    io::{BufRead, Write},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use crate::cli::{
    args::ChatArgs,
    exit::Exit,
    failure::{Failure, Outcome},
    talk::{After, Happening, News, Screen, Sent, Talk, Trouble},
};

/// How long before a bot hears of a message it is looked what it has said so far: the looking takes time too.
const SOONER: Duration = Duration::from_millis(100);

/// Something to do, of the flags.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Say this.
    Say(String),
    /// Fill this input in.
    Fill(String, String),
    /// Press this button.
    Press(String),
}

/// What the flags ask for, in order.
pub(super) fn steps(args: &ChatArgs) -> Result<Vec<Step>, Failure> {
    let say = args.once.iter().cloned().map(Step::Say);
    let fill = args.input.iter().map(|input| match input.split_once('=') {
        Some((name, value)) => Ok(Step::Fill(name.trim().to_owned(), value.to_owned())),
        None => Err(Failure::usage(format!("`--input {input}` has no value; it looks like `--input reason=late`"))),
    });
    let fill = fill.collect::<Result<Vec<Step>, Failure>>()?;
    // An input can be filled in before the button is pressed that shows it.
    Ok(say.chain(fill).chain(args.press.iter().cloned().map(Step::Press)).collect())
}

/// A conversation without anybody at a terminal.
pub(super) struct Script {
    pub(super) talk: Talk,
    pub(super) screen: Screen,
    pub(super) news: mpsc::Receiver<News>,
    /// How long an answer may take.
    pub(super) wait: Duration,
    /// How long a bot says nothing more when its answer is whole.
    pub(super) silence: Duration,
    /// Whether the answer is printed as JSON.
    pub(super) json: bool,
}

impl Script {
    /// Does what the flags ask for.
    pub(super) async fn all(mut self, steps: Vec<Step>) -> Outcome {
        for step in steps {
            let after = match step {
                Step::Say(text) => self.talk.say(&text).await,
                Step::Fill(name, value) => self.talk.set(&name, &value).await.map(|()| After::Ask),
                Step::Press(button) => self.talk.press(&button, None).await,
            };
            self.follow_up(after).await?;
        }
        Ok(Exit::Fine)
    }

    /// Each line of stdin as if it were typed at the prompt.
    pub(super) async fn each_line(mut self) -> Outcome {
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(Failure::problem)?;
            let after = self.talk.obey(&line).await;
            if self.follow_up(after).await? {
                break;
            }
        }
        Ok(Exit::Fine)
    }

    /// Answers whether that was the end.
    async fn follow_up(&mut self, after: Result<After, Trouble>) -> Result<bool, Failure> {
        match after.map_err(Failure::problem)? {
            After::Ask => {}
            After::Sent(sent) => self.print_answer(&sent).await?,
            After::ListBots => self.talk.list_bots().await,
            After::End => return Ok(true),
        }
        Ok(false)
    }

    async fn print_answer(&mut self, sent: &Sent) -> Result<(), Failure> {
        let mut answer = Vec::new();
        if let Some(unheard_until) = sent.unheard_until {
            let early = self.collect(sent, unheard_until - SOONER, None).await?;
            let (threaded, welcomes): (Vec<_>, Vec<_>) = early.into_iter().partition(|said| in_thread(said, sent));
            answer = threaded;
            for welcome in welcomes {
                let text = self.talk.answer(&welcome);
                self.screen.show(&format!("* {} welcomes {}: {text}", self.talk.bot().name, self.talk.me()));
            }
        }
        let silence = Some(self.silence);
        answer.extend(self.collect(sent, Instant::now() + self.wait, silence).await?);
        if answer.is_empty() {
            let (bot, seconds) = (&self.talk.bot().name, self.wait.as_secs());
            return Err(Failure::problem(format!(
                "`{bot}` did not answer within {seconds} s; if Botyard runs it, `botyard events {bot}` tells why"
            )));
        }
        for happening in answer {
            let text = self.talk.answer(&happening);
            let text = if self.json { written(&happening).to_string() } else { text };
            writeln!(std::io::stdout(), "{text}").map_err(Failure::fault)?;
        }
        Ok(())
    }

    /// What the bot does in the room after something was sent, until a moment; or, from its first word on, until it
    /// is silent.
    async fn collect(
        &mut self,
        sent: &Sent,
        mut until: Instant,
        silence: Option<Duration>,
    ) -> Result<Vec<Happening>, Failure> {
        let mut answer: Vec<Happening> = Vec::new();
        while let Ok(Some(news)) = timeout_at(until, self.news.recv()).await {
            match news {
                News::Happened(happening) if self.answers(&happening, sent) => {
                    // Edited before it was printed: only how it is now counts.
                    answer.retain(|known| known.id != happening.id);
                    answer.push(*happening);
                    until = silence.map_or(until, |silence| Instant::now() + silence);
                }
                // What came too late for an answer, or is none.
                News::Happened(_) | News::Back => self.talk.show(&news),
                News::Lost(error) => return Err(Failure::problem(error)),
            }
        }
        Ok(answer)
    }

    fn answers(&self, happening: &Happening, sent: &Sent) -> bool {
        happening.seq > sent.seq && happening.who == self.talk.bot().email && happening.room.id == sent.room
    }
}

/// Whether a message says itself what it answers.
fn in_thread(happening: &Happening, sent: &Sent) -> bool {
    let parent = happening.message.as_ref().and_then(|message| message.parent_id.as_ref());
    parent.is_some() && parent == sent.message.as_ref()
}

/// What the bot did, with the message as Webex writes it.
fn written(happening: &Happening) -> Value {
    match &happening.message {
        Some(message) => json!({ "event": happening.event, "message": message }),
        None => json!({ "event": happening.event, "message": { "id": happening.id, "roomId": happening.room.id } }),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{
        args::{Cli, Command},
        control::{Message, Room, RoomKind},
    };

    fn steps_of(args: &[&str]) -> Result<Vec<Step>, Failure> {
        let all = ["botyard", "chat", "echo"].iter().chain(args);
        match Cli::try_parse_from(all).unwrap().command {
            Command::Chat(args) => steps(&args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_card_is_filled_in_after_it_was_asked_for_and_before_it_is_pressed() {
        let done = steps_of(&["--press", "Approve", "--input", "reason=a=b", "--once", "page"]).unwrap();
        let fill = Step::Fill("reason".into(), "a=b".into());
        assert_eq!(done, [Step::Say("page".into()), fill, Step::Press("Approve".into())]);
        assert!(steps_of(&["--press", "1", "--input", "reason"]).is_err());
        assert!(steps_of(&[]).unwrap().is_empty());
    }

    fn said(id: &str, parent: Option<&str>) -> Happening {
        let room = Room { id: "R".into(), kind: RoomKind::Direct, title: String::new(), members: vec![] };
        let message = Message { id: id.into(), parent_id: parent.map(str::to_owned), ..Message::default() };
        Happening {
            seq: 2,
            id: id.into(),
            who: "echo@webex.bot".into(),
            room,
            event: "created".into(),
            message: Some(message),
            files: vec![],
            text: None,
            answers: None,
        }
    }

    #[test]
    fn a_reply_in_the_thread_is_an_answer_however_early() {
        let sent = Sent { room: "R".into(), seq: 1, message: Some("M".into()), unheard_until: None };
        assert!(in_thread(&said("a", Some("M")), &sent));
        assert!(!in_thread(&said("a", Some("other")), &sent) && !in_thread(&said("a", None), &sent));
        assert!(!in_thread(&said("a", None), &Sent { message: None, ..sent }));
    }

    #[test]
    fn json_has_the_message_as_webex_writes_it() {
        let shown = written(&said("a", None));
        assert_eq!(shown, json!({ "event": "created", "message": { "id": "a", "roomId": "", "personEmail": "" } }));
        let deleted = Happening { event: "deleted".into(), message: None, ..said("a", None) };
        assert_eq!(written(&deleted), json!({ "event": "deleted", "message": { "id": "a", "roomId": "R" } }));
    }
}
