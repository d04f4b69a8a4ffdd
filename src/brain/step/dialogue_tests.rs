//! Dialogues through the pure core: what is said, kept and set, word by word.

use std::sync::Arc;

use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::{
    base::{Event, Millis, StateOp, Trigger, Version, dialogue_timer},
    brain::{
        Delivery, Effect, Engine, Fact, Facts, Program, SetTimer, Step, Turn,
        fixture::{World, compiled, compiled_beside, me, message_event, press_event, program},
        step,
    },
};

const BOOKING: &str = r#"
[[command]]
words = ["book"]
flow = { name = "booking", answers = { day = "{{ args.rest }}" } }
[fallback]
reply = "what?"
[flow.booking]
timeout = "5m"
on_timeout = { reply = "Still there, {{ person.first_name }}?", goto = "sure" }
cancelled = "No booking."
[[flow.booking.step]]
name = "day"
ask = "Which day?"
expect = "date"
[[flow.booking.step]]
name = "people"
ask = { markdown = "**How many** on {{ dialogue.day }}?" }
expect = { type = "int", min = 1 }
retry = "{{ dialogue.problem }} You said {{ dialogue.answer }}."
tries = 2
check = "dialogue.answer != 13"
next = [{ when = "dialogue.people > 10", goto = "big" }, { goto = "sure" }]
[[flow.booking.step]]
name = "big"
say = "A party!"
[[flow.booking.step]]
name = "sure"
confirm = true
no = "day"
end = "Booked for {{ dialogue.people }}."
remember = { scope = "person", key = "last", set = "{{ dialogue.day }}" }
"#;

/// A card that says what it asks, with what nobody may forge.
const REPORT: &str = r#"{ "type": "AdaptiveCard", "version": "1.3", "body": [
    { "type": "Input.Text", "id": "what", "label": "What?" }, { "type": "Input.Date", "id": "when", "label": "When?" } ],
    "actions": [{ "type": "Action.Submit", "title": "Send" }] }"#;

fn beside(text: &str) -> Arc<Program> {
    let (program, found) = compiled_beside(text, &[("report.json", REPORT)]);
    assert!(found.is_empty(), "{found:?}");
    program.unwrap()
}

/// One person in one room, and what the store would keep of it.
struct Talk {
    program: Arc<Program>,
    now: Millis,
    group: bool,
    version: i64,
    dialogue: Option<(Value, Millis)>,
    timer: Option<SetTimer>,
    remembered: Vec<StateOp>,
    deliveries: Vec<Delivery>,
    rule: String,
    notes: Vec<String>,
    reads: Vec<&'static str>,
}

impl Talk {
    fn with(text: &str) -> Self {
        Self {
            program: beside(text),
            now: Millis(1_767_225_600_000),
            group: false,
            version: 0,
            dialogue: None,
            timer: None,
            remembered: Vec::new(),
            deliveries: Vec::new(),
            rule: String::new(),
            notes: Vec::new(),
            reads: Vec::new(),
        }
    }

    fn say(&mut self, text: &str) -> Vec<String> {
        let mut event = message_event();
        if let Trigger::Message { room_type, .. } = &mut event.trigger {
            *room_type = Some(if self.group { "group" } else { "direct" }.into());
        }
        event.at = self.now;
        self.play(&event, World::saying(text)).unwrap()
    }

    fn late(&mut self) -> Vec<String> {
        let timer = self.timer.clone().expect("no timer is set");
        self.now = timer.at;
        self.play(&timer.event, World::saying("")).unwrap()
    }

    fn play(&mut self, event: &Event, mut world: World) -> Result<Vec<String>, String> {
        let version = Version(if self.dialogue.is_some() { self.version } else { 0 });
        world.dialogue = Fact::Dialogue(version, self.dialogue.clone());
        let (engine, mut facts) = (Engine::new(), Facts::new());
        self.reads.clear();
        loop {
            let turn = Turn { event, me: &me(), facts: &facts, now: self.now, zone: Tz::UTC };
            match step(&engine, &self.program, &turn) {
                Step::Need(reads) => {
                    for read in reads {
                        self.reads.push(read.kind());
                        let fact = world.fact(&read);
                        assert!(facts.insert(read, fact).is_none());
                    }
                }
                Step::Fail(why) => return Err(why),
                Step::Done(decision) => {
                    self.deliveries.clear();
                    self.rule = decision.rule;
                    self.notes = decision.notes;
                    for effect in decision.effects {
                        self.keep(effect, version);
                    }
                    let text = |said: &Delivery| said.text.clone().or(said.markdown.clone()).unwrap();
                    return Ok(self.deliveries.iter().map(text).collect());
                }
            }
        }
    }

    fn keep(&mut self, effect: Effect, version: Version) {
        match effect {
            Effect::Say(delivery) => self.deliveries.push(delivery),
            Effect::Remember(op) => self.remembered.push(op),
            Effect::Dialogue(step) => {
                assert_eq!((step.room.as_str(), step.person.as_str(), step.read), ("R", "P", version));
                self.version += 1;
                self.dialogue = step.value;
            }
            Effect::Timer(timer) => {
                assert_eq!(timer.name, dialogue_timer("R", "P"));
                assert_eq!(timer.event.order_key(), message_event().order_key(), "behind what was said before it");
                self.timer = Some(timer);
            }
            Effect::CancelTimer(name) => {
                assert_eq!(name, dialogue_timer("R", "P"));
                self.timer = None;
            }
            Effect::Call(_) => unreachable!("a dialogue calls nobody"),
        }
    }

    fn answers(&self) -> Value {
        self.dialogue.as_ref().unwrap().0["answers"].clone()
    }
}

#[test]
fn a_whole_dialogue_is_held_and_its_end_is_remembered() {
    let mut talk = Talk::with(BOOKING);
    assert_eq!(talk.say("book"), ["Which day?"]);
    assert_eq!(talk.rule, "command \"book\"");
    assert_eq!(talk.timer.as_ref().unwrap().at, Millis(talk.now.0 + 300_000));
    assert_eq!(talk.say("31.12.2026"), ["**How many** on 2026-12-31?"]);
    assert_eq!(talk.rule, "flow \"booking\"");
    assert_eq!(talk.say("0"), ["That must be at least 1. You said 0."]);
    assert_eq!(
        talk.say("12"),
        ["A party!", "Is this right?\n- day: 2026-12-31\n- people: 12\n\nPlease answer yes or no."]
    );
    assert_eq!(talk.say("no"), ["Which day?"]);
    assert_eq!(talk.say("tomorrow"), ["**How many** on 2026-01-02?"]);
    assert_eq!(talk.say("4")[0].lines().next(), Some("Is this right?"));
    assert_eq!(talk.answers(), json!({ "day": "2026-01-02", "people": 4 }));
    assert_eq!(talk.say("Yes!"), ["Booked for 4."]);
    assert!(talk.dialogue.is_none() && talk.timer.is_none());
    assert!(
        matches!(talk.remembered.as_slice(), [StateOp::Set { key, value, .. }] if key == "last" && *value == json!("2026-01-02"))
    );
    assert_eq!(talk.say("4"), ["what?"], "it is over");
}

#[test]
fn answers_given_along_are_not_asked_for_and_what_is_read_is_read_once() {
    let mut talk = Talk::with(BOOKING);
    assert_eq!(talk.say("book 2026-12-31"), ["**How many** on 2026-12-31?"]);
    assert_eq!(talk.reads, ["message", "dialogue", "person"]);
    let mut talk = Talk::with(BOOKING);
    assert_eq!(talk.say("book soon"), ["Which day?"]);
}

#[test]
fn a_wrong_answer_too_many_a_cancel_word_and_a_time_out_end_it() {
    let mut talk = Talk::with(BOOKING);
    talk.say("book today");
    talk.say("13");
    assert_eq!(talk.say("many"), ["I could not make sense of that, so let us stop here."]);
    assert!(talk.dialogue.is_none() && talk.timer.is_none());
    talk.say("book today");
    assert_eq!(talk.say("Cancel."), ["No booking."]);
    assert!(talk.dialogue.is_none());
    talk.say("book today");
    assert_eq!(talk.late(), ["Still there, Alice?", "Is this right?\n- day: 2026-01-01\n\nPlease answer yes or no."]);
    assert_eq!(talk.late(), ["Still there, Alice?"]);
    assert!(talk.dialogue.is_none());
}

#[test]
fn a_timer_that_was_replaced_and_a_message_that_came_too_late_change_nothing() {
    let mut talk = Talk::with(BOOKING);
    talk.say("book");
    let stale = talk.timer.clone().unwrap();
    talk.say("today");
    let before = talk.dialogue.clone();
    assert_eq!(talk.play(&stale.event, World::saying("")).unwrap(), Vec::<String>::new());
    assert_eq!((talk.rule.as_str(), &talk.dialogue), ("none: a dialogue that went on or is over", &before));
    talk.now = Millis(talk.timer.as_ref().unwrap().at.0 + 1);
    assert_eq!(talk.say("4"), ["what?"], "its timer is on the way");
    assert_eq!(talk.say("book")[0], "Which day?");
    assert_eq!(talk.notes, ["the dialogue of flow \"booking\" was given up for it"]);
    let stale = stale.event;
    talk.dialogue = None;
    assert_eq!(talk.play(&stale, World::saying("")).unwrap(), Vec::<String>::new());
}

#[test]
fn in_a_room_with_others_a_mention_is_asked_for_once() {
    let mut talk = Talk::with(BOOKING);
    talk.group = true;
    let hint = "(Please mention me in your answer: in this room I see nothing else.)";
    assert_eq!(talk.say("book"), [format!("Which day?\n\n{hint}")]);
    assert_eq!(talk.say("today"), ["**How many** on 2026-01-01?"]);
    let mut talk = Talk::with(&BOOKING.replace("cancelled =", "hint = 'Use @{{ bot.name }}.'\ncancelled ="));
    talk.group = true;
    assert_eq!(talk.say("book today"), ["**How many** on 2026-01-01?\n\nUse @Test Bot."]);
}

#[test]
fn a_changed_definition_goes_on_where_the_step_is_and_else_says_so() {
    let mut talk = Talk::with(BOOKING);
    talk.say("book");
    talk.program = program(&BOOKING.replace("How many", "Now how many"));
    assert_eq!(talk.say("today"), ["**Now how many** on 2026-01-01?"]);
    let gone = BOOKING.replace("\"people\"", "\"persons\"").replace("dialogue.people", "dialogue.persons");
    talk.program = program(&gone);
    let open = talk.dialogue.clone();
    assert_eq!(talk.say("4"), ["I was changed meanwhile and cannot go on with this. Please begin anew."]);
    assert!(talk.dialogue.is_none() && talk.timer.is_none());
    let without = "[fallback]\nreply = 'what?'\n";
    for (text, rule) in [
        (without.to_owned(), "flow \"booking\""),
        (without.replace("reply", "when = 'false'\nreply"), "flow \"booking\""),
    ] {
        talk.program = program(&text);
        talk.dialogue.clone_from(&open);
        let event = Event {
            at: talk.now,
            actor: None,
            trigger: Trigger::Timer {
                name: dialogue_timer("R", "P"),
                room: "R".into(),
                person: Some("P".into()),
                value: json!({ "$dialogue": { "started": open.as_ref().unwrap().0["started"], "serial": open.as_ref().unwrap().0["serial"] } }),
            },
        };
        let said = talk.play(&event, World::saying("")).unwrap();
        assert_eq!((said.len(), talk.rule.as_str()), (1, rule), "told when it times out");
        assert!(talk.dialogue.is_none());
    }
}

const FORM: &str = r#"
[[command]]
words = ["report"]
flow = "report"
[[on]]
card = "other"
reply = "another card"
[flow.report]
[[flow.report.step]]
name = "form"
ask = { text = "What happened?", card = "report.json", context = { n = 1 } }
inputs = { what = "text", when = "date", note = "text?" }
end = "{{ dialogue.what }} on {{ dialogue.when }}{{ dialogue.note }}, {{ state.bot.thanks }}"
"#;

#[test]
fn a_card_is_answered_by_the_one_who_was_asked_while_its_question_is_open() {
    let mut talk = Talk::with(FORM);
    assert_eq!(talk.say("report"), ["What happened?"]);
    let context = talk.deliveries[0].context.clone();
    assert_eq!(context["n"], 1);
    assert_eq!(talk.deliveries[0].card.as_ref().unwrap()["body"][0]["id"], "what");
    let press = |talk: &mut Talk, inputs: Value, context: &Value| {
        talk.play(&press_event(), World::pressing(inputs, context.clone())).unwrap()
    };
    let wrong = press(&mut talk, json!({ "what": "fire", "when": "soon" }), &context);
    assert!(wrong[0].starts_with("when: That is no date"), "{wrong:?}");
    assert_eq!(talk.say("fire")[0], "Please fill in the card and press its button.");
    let other = press(&mut talk, json!({ "action": "other" }), &json!({ "n": 1 }));
    assert_eq!(other, ["another card"]);
    let stale = press(
        &mut talk,
        json!({ "what": "x", "when": "today" }),
        &json!({ "$dialogue": { "started": 1, "serial": 1 } }),
    );
    assert_eq!(stale, ["This question is not open any more, or not yours."]);
    let right = press(&mut talk, json!({ "what": "fire", "when": "2026-01-01", "approved": "yes" }), &context);
    assert_eq!(right, ["fire on 2026-01-01,"]);
    assert!(talk.dialogue.is_none());
    let again = press(&mut talk, json!({ "what": "fire", "when": "2026-01-01" }), &context);
    assert_eq!(again, ["This question is not open any more, or not yours."]);
}

#[test]
fn a_time_out_is_said_in_the_thread_in_which_the_dialogue_is_held() {
    let mut talk = Talk::with(BOOKING);
    let mut event = message_event();
    if let Trigger::Message { parent, room_type, .. } = &mut event.trigger {
        *parent = Some("ROOT".into());
        *room_type = Some("direct".into());
    }
    talk.play(&event, World::saying("book")).unwrap();
    assert_eq!(talk.deliveries[0].parent.as_deref(), Some("ROOT"));
    talk.late();
    assert!(talk.deliveries.iter().all(|said| said.parent.as_deref() == Some("ROOT")), "{:?}", talk.deliveries);
}

#[test]
fn a_dialogue_of_another_version_that_cannot_be_read_is_replaced() {
    let mut talk = Talk::with(BOOKING);
    talk.dialogue = Some((json!({ "v": 9 }), Millis(i64::MAX)));
    talk.version = 7;
    assert_eq!(talk.say("hello"), ["what?"]);
    assert_eq!(talk.say("book"), ["Which day?"]);
    assert_eq!(talk.version, 8);
}

#[test]
fn a_template_that_fails_in_a_flow_names_the_flow_and_nothing_that_was_said() {
    let failing = BOOKING.replace("Which day?", "{{ dialogue.people + 1 }}");
    assert!(compiled(&failing).0.is_some());
    let mut talk = Talk::with(&failing);
    let mut event = message_event();
    event.at = talk.now;
    let why = talk.play(&event, World::saying("book")).unwrap_err();
    assert_eq!(why, "the template of flow \"booking\" failed in its line 1: invalid operation");
}
