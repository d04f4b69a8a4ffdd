//! What a rehearsal found: what a bot would do with an event, without having done it. Plain data, for the admin API
//! and the command line.

use actix::Message;
use serde::{Deserialize, Serialize};

use crate::{
    base::{BotId, StateOp},
    brain::{Act, Decision, Delivery, Destination, Effect},
};

/// Characters of a text that are shown.
const EXCERPT: usize = 300;

/// Find out what the bot of today would do with this event, without doing it.
#[derive(Debug, Message)]
#[rtype(result = "Rehearsal")]
pub struct Rehearse {
    /// Which bot.
    pub bot: BotId,
    /// `Event::encode`.
    pub payload: Vec<u8>,
}

/// What would become of an event, or of a delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// In one word.
    pub would: Would,
    /// The rule that matches.
    pub rule: Option<String>,
    /// Why it would wait or fail, or is not known.
    pub reason: Option<String>,
    /// Short digest of the program that was asked.
    pub program: Option<String>,
    /// What it would send, in order.
    pub deliveries: Vec<Promise>,
    /// What it would remember.
    pub state: Vec<StateOp>,
    /// What else it would do, a sentence each: timers, dialogues, calls of handlers.
    #[serde(default)]
    pub also: Vec<String>,
    /// What is worth knowing about it.
    pub notes: Vec<String>,
}

/// What would become of it, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Would {
    /// The bot would send or remember something.
    Act,
    /// The bot would have nothing to say.
    Nothing,
    /// It would wait: something cannot be read now.
    Wait,
    /// It would be buried again.
    Fail,
    /// Nobody can tell now.
    Unknown,
}

/// Something for Webex that would be promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// What is done, in one word: `post`, `edit`, `replace`, `delete`, `leave`.
    pub act: String,
    /// Where to.
    pub to: Destination,
    /// The beginning of the text, or of the markdown.
    pub text: String,
    /// It would stand in a thread.
    pub in_thread: bool,
}

impl From<&Delivery> for Promise {
    fn from(delivery: &Delivery) -> Self {
        let whole = delivery.markdown.as_deref().or(delivery.text.as_deref()).unwrap_or_default();
        let mut text: String = whole.chars().take(EXCERPT).collect();
        if text.len() < whole.len() {
            text.push('…');
        }
        let act = match &delivery.act {
            Act::Post => "post",
            Act::Edit(_) => "edit",
            Act::Replace(_) => "replace",
            Act::Delete(_) | Act::DeleteKey(_) => "delete",
            Act::Leave => "leave",
        };
        Self { act: act.to_owned(), to: delivery.to.clone(), text, in_thread: delivery.parent.is_some() }
    }
}

impl Rehearsal {
    /// Without effects, for this reason.
    #[must_use]
    pub fn because(would: Would, reason: impl Into<String>) -> Self {
        Self {
            would,
            rule: None,
            reason: Some(reason.into()),
            program: None,
            deliveries: Vec::new(),
            state: Vec::new(),
            also: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// What a decision would lead to.
    #[must_use]
    pub fn of(decision: Decision) -> Self {
        let (mut deliveries, mut state, mut also) = (Vec::new(), Vec::new(), Vec::new());
        for effect in &decision.effects {
            match effect {
                Effect::Say(delivery) => deliveries.push(Promise::from(delivery)),
                Effect::Remember(operation) => state.push(operation.clone()),
                Effect::Dialogue(step) if step.value.is_some() => also.push("go on with the dialogue".to_owned()),
                Effect::Dialogue(_) => also.push("end the dialogue".to_owned()),
                Effect::Call(call) => also.push(format!("call {}", call.target.place())),
                Effect::Timer(timer) => also.push(format!("set the timer `{}` to {}", timer.name, timer.at.iso())),
                Effect::CancelTimer(name) => also.push(format!("forget the timer `{name}`")),
            }
        }
        let silent = deliveries.is_empty() && state.is_empty() && also.is_empty();
        Self {
            would: if silent { Would::Nothing } else { Would::Act },
            rule: Some(decision.rule),
            reason: None,
            program: None,
            deliveries,
            state,
            also,
            notes: decision.notes,
        }
    }

    /// What the replay of a delivery would do: send it as it stands, or fail as it cannot be read.
    #[must_use]
    pub fn of_delivery(payload: &[u8]) -> Self {
        match Delivery::decode(payload) {
            Ok(delivery) => Self {
                would: Would::Act,
                rule: None,
                reason: None,
                program: None,
                deliveries: vec![Promise::from(&delivery)],
                state: Vec::new(),
                also: Vec::new(),
                notes: Vec::new(),
            },
            Err(_) => Self::because(Would::Fail, "this version cannot read the stored delivery"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str) -> Delivery {
        Delivery { text: Some(text.into()), ..Delivery::to(Destination::Room("R".into())) }
    }

    #[test]
    fn a_decision_is_told_with_the_beginning_of_what_would_be_said() {
        let effects = vec![Effect::Say(say(&"ä".repeat(1_000))), Effect::Say(say("short"))];
        let told = Rehearsal::of(Decision { effects, rule: "fallback".into(), notes: vec!["n".into()], buried: None });
        assert_eq!((told.would, told.rule.as_deref()), (Would::Act, Some("fallback")));
        assert_eq!(told.deliveries[0].text.chars().count(), EXCERPT + 1);
        assert_eq!(told.deliveries[1].text, "short");
        let nothing = Rehearsal::of(Decision { rule: "none: own message".into(), ..Decision::default() });
        assert_eq!((nothing.would, nothing.deliveries.len()), (Would::Nothing, 0));
    }

    #[test]
    fn a_delivery_is_sent_as_it_stands_or_cannot_be_read() {
        assert_eq!(Rehearsal::of_delivery(&say("again").encode()).deliveries[0].text, "again");
        assert_eq!(Rehearsal::of_delivery(b"{}").would, Would::Fail);
    }
}
