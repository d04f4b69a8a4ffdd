//! Filling in a card and pressing its buttons, a question for each input that is still to be filled in.

use std::{collections::VecDeque, fmt::Write as _};

use serde_json::{Map, Value};

use super::{
    card::Pressed,
    conversation::{After, Sent, Talk, Trouble},
    line::{self, Line},
    place::Place,
    shelf::Kept,
    show::plain,
};

/// Characters of what was sent that are shown.
const MOST_SHOWN: usize = 300;

/// A button was pressed, and its inputs are being asked for.
#[derive(Debug)]
pub(super) struct Filling {
    /// Number of the card.
    card: usize,
    /// Index of the button.
    button: usize,
    /// Indices of the inputs that are still to be asked for, the first of them now.
    left: VecDeque<usize>,
}

impl Talk {
    /// A card as text, with its number above.
    pub(super) fn drawn(&mut self, number: usize) -> Result<String, Trouble> {
        let style = self.style;
        let kept = self.shelf.choose(number)?;
        let mut lines = kept.sheet.lines(style);
        lines.insert(0, format!("[card {number}]"));
        Ok(lines.join("\n  "))
    }

    /// Shows a card, and means it from now on.
    pub(super) async fn show_card(&mut self, number: Option<usize>) -> Result<(), Trouble> {
        let number = self.card(number).await?;
        let drawn = self.drawn(number)?;
        self.screen.show(&drawn);
        Ok(())
    }

    /// The number of the card that is meant. When none was shown yet, it is the last one that was sent here.
    async fn card(&mut self, number: Option<usize>) -> Result<usize, Trouble> {
        if let Some(number) = number.or(self.shelf.current()) {
            return Ok(number);
        }
        let room = match &self.place {
            Place::Direct => self.direct_room().await?,
            Place::Group { id, .. } => Some(id.clone()),
        };
        let said = match room {
            Some(room) => self.control.messages(&room, 0).await?,
            None => Vec::new(),
        };
        let last = said.iter().rev().find(|message| !message.attachments.is_empty() && message.person_email != self.me);
        let number = last.and_then(|message| self.shelf.put(message));
        number.ok_or_else(|| Trouble::Said(format!("{} has sent no card here", self.bot.name)))
    }

    async fn kept(&mut self, number: Option<usize>) -> Result<(usize, &mut Kept), Trouble> {
        let number = self.card(number).await?;
        Ok((number, self.shelf.choose(number)?))
    }

    /// Fills an input of the card in.
    pub(in crate::cli) async fn set(&mut self, name: &str, typed: &str) -> Result<(), Trouble> {
        self.kept(None).await?.1.sheet.fill(name, typed)?;
        if self.asks {
            self.show_card(None).await?;
        }
        Ok(())
    }

    /// Presses a button, by number or title. What the card still wants to know is asked for, if there is anybody.
    pub(in crate::cli) async fn press(&mut self, name: &str, card: Option<usize>) -> Result<After, Trouble> {
        let asks = self.asks;
        let (number, kept) = self.kept(card).await?;
        let button = kept.sheet.button(name)?;
        match kept.sheet.press(button)? {
            Pressed::Changed => {
                self.show_card(Some(number)).await?;
                Ok(After::Ask)
            }
            Pressed::Opens(url) => {
                let text = format!("`{}` opens {url}", kept.sheet.title(button));
                self.screen.show(&text);
                Ok(After::Ask)
            }
            Pressed::Submits => {
                let left: VecDeque<usize> = kept.sheet.unfilled(button).into();
                if !asks || left.is_empty() {
                    return self.submit(number, button).await;
                }
                self.screen.show("enter keeps what stands in brackets; `/cancel` presses nothing");
                self.filling = Some(Filling { card: number, button, left });
                self.offer();
                Ok(After::Ask)
            }
        }
    }

    /// Sends what a button sends, or asks for what is missing.
    async fn submit(&mut self, number: usize, button: usize) -> Result<After, Trouble> {
        let kept = self.shelf.choose(number)?;
        let inputs = match kept.sheet.submit(button) {
            Ok(inputs) => inputs,
            Err(wrong) => {
                let told = wrong.iter().map(|(_, told)| told.as_str()).collect::<Vec<_>>().join("; ");
                if !self.asks {
                    return Err(Trouble::Said(told));
                }
                self.screen.show(&told);
                let left = wrong.into_iter().map(|(at, _)| at).collect();
                self.filling = Some(Filling { card: number, button, left });
                self.offer();
                return Ok(After::Ask);
            }
        };
        let (title, message, room) = (kept.sheet.title(button).to_owned(), kept.message.clone(), kept.room.clone());
        self.wait_until_it_hears().await?;
        let seq = self.control.press(&self.me, &message, &inputs).await?;
        if self.asks {
            self.screen.show(&format!("* pressed `{title}`{}", shown(&inputs)));
        }
        let heard = self.control.hears_of(&self.bot.email).await?;
        if !heard.iter().any(|kind| kind == "attachmentActions") {
            let name = &self.bot.name;
            self.screen.show(&format!("* {name} has no webhook for `attachmentActions`: it may never hear of this"));
        }
        Ok(After::Sent(Sent { room, seq, message: None, unheard_until: None }))
    }

    /// What is asked for now, as a prompt.
    pub(super) fn question(&self) -> Option<String> {
        let filling = self.filling.as_ref()?;
        let kept = self.shelf.card(filling.card)?;
        Some(kept.sheet.question(*filling.left.front()?)?.1)
    }

    /// Shows what can be chosen, if it is to be chosen.
    fn offer(&self) {
        let Some(filling) = &self.filling else { return };
        let question = self.shelf.card(filling.card).zip(filling.left.front());
        if let Some((options, _)) = question.and_then(|(kept, at)| kept.sheet.question(*at))
            && !options.is_empty()
        {
            self.screen.show(&format!("  {}", options.join("\n  ")));
        }
    }

    /// A line that answers a question.
    pub(super) async fn fill(&mut self, typed: &str) -> Result<After, Trouble> {
        let Some(mut filling) = self.filling.take() else { return Ok(After::Ask) };
        match (typed.trim(), line::parse(typed)) {
            ("/cancel", _) => {
                self.screen.show("nothing was pressed");
                return Ok(After::Ask);
            }
            (_, Line::Quit) => return Ok(After::End),
            _ => {}
        }
        // The message may be gone by now.
        let kept = self.shelf.choose(filling.card)?;
        if let Some(at) = filling.left.front() {
            let done = match typed.trim() {
                "" => kept.sheet.keep(*at),
                "\"\"" => kept.sheet.answer(*at, ""),
                typed => kept.sheet.answer(*at, typed),
            };
            match done {
                Ok(()) => _ = filling.left.pop_front(),
                Err(told) => self.screen.show(&told),
            }
        }
        if filling.left.is_empty() {
            return self.submit(filling.card, filling.button).await;
        }
        self.filling = Some(filling);
        self.offer();
        Ok(After::Ask)
    }
}

/// What was sent, in a line: `, sent action=approve, reason=ok`.
fn shown(inputs: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (name, value) in inputs {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(text, ", {name}={value}");
    }
    let text: String = plain(&text).replace('\n', " ").chars().take(MOST_SHOWN).collect();
    if text.is_empty() { text } else { format!(", sent {}", text.trim_start_matches(", ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::talk::testing::{ALICE, Stage, on_stage};

    /// `echo` sends a card that asks for a reason and a colour.
    async fn with_card(stage: &Stage) -> Value {
        let content = json!({ "type": "AdaptiveCard", "version": "1.3", "body": [
            { "type": "Input.Text", "id": "reason", "label": "Reason", "isRequired": true, "errorMessage": "say why" },
            { "type": "Input.ChoiceSet", "id": "colour", "value": "g", "choices": [
                { "title": "Red", "value": "r" }, { "title": "Green", "value": "g" }] },
        ], "actions": [{ "type": "Action.Submit", "title": "Send", "data": { "action": "send" } }] });
        let card = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "content": content });
        stage.echo("POST", "/messages", &json!({ "toPersonEmail": ALICE, "text": "?", "attachments": [card] })).await
    }

    /// What was sent with the last press, as the bot reads it.
    async fn pressed(stage: &Stage) -> Option<Value> {
        let journal = stage.steer("GET", "/journal?kind=event&max=1000", &Value::Null).await;
        let press = journal["entries"].as_array()?.iter().rfind(|entry| entry["resource"] == "attachmentActions")?;
        let path = format!("/attachment/actions/{}", press["id"].as_str()?);
        Some(stage.echo("GET", &path, &Value::Null).await["inputs"].clone())
    }

    #[tokio::test]
    async fn a_press_asks_for_what_is_not_filled_in_one_by_one() {
        on_stage(async |stage| {
            with_card(stage).await;
            let mut talk = stage.talk();
            assert_eq!(talk.hear("/press send").await, After::Ask);
            assert_eq!(talk.prompt(), "Reason (required): ");
            // Nothing will not do, and what was chosen by the card is kept by an empty line.
            talk.hear("").await;
            assert_eq!(talk.prompt(), "Reason (required): ");
            talk.hear("it is late").await;
            assert_eq!(talk.prompt(), "colour (one of them) [Green]: ");
            talk.hear("pink").await;
            assert_eq!(talk.prompt(), "colour (one of them) [Green]: ");
            let after = talk.hear("").await;
            assert!(matches!(after, After::Sent(_)), "{after:?}");
            assert_eq!(talk.prompt(), "echo> ");
            let sent = json!({ "action": "send", "reason": "it is late", "colour": "g" });
            assert_eq!(pressed(stage).await, Some(sent));

            // What is filled in is not asked for; the next time all of it is, with what was typed.
            talk.hear("/set reason still late").await;
            talk.hear("/press 1 of 1").await;
            assert_eq!(talk.prompt(), "colour (one of them) [Green]: ");
            talk.hear("red").await;
            let sent = json!({ "action": "send", "reason": "still late", "colour": "r" });
            assert_eq!(pressed(stage).await, Some(sent));
            talk.hear("/press 1").await;
            assert_eq!(talk.prompt(), "Reason (required) [still late]: ");
        })
        .await;
    }

    #[tokio::test]
    async fn a_press_can_be_given_up_and_a_card_that_is_gone_ends_it() {
        on_stage(async |stage| {
            let message = with_card(stage).await;
            let mut talk = stage.talk();
            for line in ["/press 1", "/cancel"] {
                assert_eq!(talk.hear(line).await, After::Ask);
            }
            assert_eq!(talk.prompt(), "echo> ");
            let mut news = stage.news().await;
            talk.hear("/press 1").await;
            let path = format!("/messages/{}", message["id"].as_str().unwrap());
            stage.echo("DELETE", &path, &Value::Null).await;
            talk.show(&news.recv().await.unwrap());
            assert_eq!(talk.hear("why not").await, After::Ask);
            assert_eq!((talk.prompt().as_str(), pressed(stage).await), ("echo> ", None));
            talk.hear("/press 1").await;
            assert_eq!(talk.hear("/quit").await, After::End);
        })
        .await;
    }

    #[test]
    fn what_was_sent_is_shown_in_one_line() {
        let inputs = json!({ "action": "approve", "cost": 7, "why": "two\nlines\u{1b}" });
        assert_eq!(shown(inputs.as_object().unwrap()), ", sent action=approve, cost=7, why=two lines");
        assert_eq!(shown(&Map::new()), "");
    }
}
