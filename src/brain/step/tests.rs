use serde_json::json;

use super::*;
use crate::{
    base::{Event, StateOp, StateScope},
    brain::{
        Act, Destination, Effect, Then,
        fixture::{Asked, ME, World, compiled, member_event, message_event, press_event, program},
    },
    webex::model::{Membership, Message},
};

const ECHO: &str = "[fallback]\nreply = '{{ message.text }}'\n";

fn changed(mut event: Event, change: impl FnOnce(&mut Trigger)) -> Event {
    change(&mut event.trigger);
    event
}

fn from(person_id: &str, address: Option<&str>) -> Event {
    changed(message_event(), |trigger| {
        if let Trigger::Message { person, email, .. } = trigger {
            person_id.clone_into(person);
            *email = address.map(str::to_owned);
        }
    })
}

fn in_thread() -> Event {
    changed(message_event(), |trigger| {
        if let Trigger::Message { parent, .. } = trigger {
            *parent = Some("ROOT".into());
        }
    })
}

fn play(text: &str, event: &Event, world: &World) -> Asked {
    Asked::play(&program(text), event, world).unwrap()
}

#[test]
fn its_own_messages_and_those_of_other_bots_are_ignored_without_a_read() {
    let world = World::saying("hi");
    for (event, rule) in [
        (from(ME, Some("alice@example.com")), "none: own message"),
        (from("P", Some("Other@Webex.Bot")), "none: from another bot"),
        (from("P", Some("old@sparkbot.io")), "none: from another bot"),
    ] {
        let asked = play(ECHO, &event, &world);
        assert_eq!((asked.rule.as_str(), asked.deliveries.len(), asked.reads.len()), (rule, 0, 0));
    }
}

#[test]
fn a_bot_whose_address_only_the_message_tells_is_ignored_too() {
    let mut world = World::saying("hi");
    let bot = Message { person_email: Some("other@webex.bot".into()), ..Message::default() };
    world.message = Fact::Message(Box::new(bot));
    let asked = play("[fallback]\nreply = 'always this'\n", &from("P", None), &world);
    assert_eq!(asked.rule, "none: from another bot");
}

#[test]
fn a_message_that_is_gone_ends_the_turn_quietly() {
    let world = World { message: Fact::Missing, ..World::saying("hi") };
    let asked = play(ECHO, &message_event(), &world);
    assert_eq!((asked.rule.as_str(), asked.deliveries.len()), ("none: message is gone", 0));
}

#[test]
fn an_answer_that_needs_nothing_reads_nothing() {
    let asked = play("[fallback]\nreply = 'always this'\n", &message_event(), &World::saying("hi"));
    assert_eq!((asked.said(), asked.reads.len()), (vec!["always this"], 0));
}

#[test]
fn rules_are_tried_in_the_order_of_the_file() {
    let text = "[[command]]\npattern = 'p.ng'\nreply = 'first'\n[[command]]\nwords = ['ping']\nreply = 'second'\n";
    assert_eq!(Asked::of(&program(text), "ping").said(), ["first"]);
    assert_eq!(Asked::of(&program(text), "PING").said(), ["second"]);
    assert_eq!(Asked::of(&program(text), "x").rule, "none: nothing matched");
}

#[test]
fn a_reply_stays_in_the_thread_it_was_asked_in() {
    let parent = |reply: &str, event: &Event| {
        play(&format!("[fallback]\nreply = {{ text = 'x', {reply} }}\n"), event, &World::saying("hi")).deliveries[0]
            .parent
            .clone()
    };
    assert_eq!(parent("", &message_event()), None);
    assert_eq!(parent("", &in_thread()).as_deref(), Some("ROOT"));
    assert_eq!(parent("thread = true", &message_event()).as_deref(), Some("M"));
    assert_eq!(parent("thread = true", &in_thread()).as_deref(), Some("ROOT"));
    assert_eq!(parent("thread = false", &in_thread()), None);
    assert_eq!(parent("to = 'person'", &in_thread()), None, "another room has other threads");
}

#[test]
fn an_answer_can_go_elsewhere() {
    let to = |to: &str| {
        let text = format!("[rooms]\nops = 'OPSROOM1'\n[fallback]\nreply = 'x'\nto = '{to}'\n");
        play(&text, &message_event(), &World::saying("hi")).deliveries[0].to.clone()
    };
    assert_eq!(to("@ops"), Destination::Room("OPSROOM1".into()));
    assert_eq!(to("person"), Destination::Person("P".into()));
    assert_eq!(to("lead@example.com"), Destination::Email("lead@example.com".into()));
    assert_eq!(to("room"), Destination::Room("R".into()));
}

#[test]
fn names_fall_back_to_the_address_and_titles_to_nothing_with_a_note() {
    let world = World { person: Fact::Missing, room: Fact::Missing, ..World::saying("hi") };
    let text = "[fallback]\nreply = '{{ person.first_name }}|{{ person.display_name }}|{{ room.title }}|'\n";
    let asked = play(text, &message_event(), &world);
    assert_eq!(asked.said(), ["alice@example.com|alice@example.com||"]);
    assert_eq!(asked.reads, ["person", "room"]);
    assert_eq!(asked.notes.len(), 2);
}

#[test]
fn what_the_event_tells_is_not_read() {
    let text = "[[on]]\nevent = 'memberships.created'\nwho = 'others'\nreply = 'Hi {{ person.display_name }} in a {{ room.type }} room'\n";
    let asked = play(text, &member_event("B"), &World::saying(""));
    assert_eq!((asked.said(), asked.reads.len()), (vec!["Hi Bob Example in a group room"], 0));
    assert_eq!(play(text, &member_event(ME), &World::saying("")).rule, "none: memberships.created of the bot itself");
}

#[test]
fn what_is_missing_below_a_lenient_name_is_noted() {
    let asked = Asked::of(&program("[fallback]\nreply = 'a{{ payload.title }}b'\n"), "hi");
    assert_eq!((asked.said(), asked.notes.len()), (vec!["ab"], 1));
    let empty = Asked::of(&program("[fallback]\nreply = '{{ payload.title }}'\n"), "hi");
    assert_eq!(empty.deliveries.len(), 0);
    assert!(empty.notes.iter().any(|note| note.contains("empty")));
}

#[test]
fn a_template_that_fails_names_its_rule_and_nothing_that_was_said() {
    let failing = program("[[command]]\nwords = ['add']\nreply = \"\\n{{ args.rest | int + 1 }}\"\n");
    assert_eq!(Asked::of(&failing, "add 41").said(), ["42"]);
    let error = Asked::play(&failing, &message_event(), &World::saying("add hunter2")).unwrap_err();
    assert_eq!(error, "the template of command \"add\" failed in its line 2: invalid operation");
}

#[test]
fn a_template_that_runs_away_with_what_was_said_fails() {
    let text = "[[command]]\nwords = ['x']\nreply = '{% for a in message.text %}{% for b in message.text %}{{ message.text }}{% endfor %}{% endfor %}'\n";
    let error = Asked::play(&program(text), &message_event(), &World::saying(&"x ".repeat(500))).unwrap_err();
    assert_eq!(error, "the template of command \"x\" failed in its line 1: engine ran out of fuel");
}

#[test]
fn a_long_answer_is_several_messages_in_order() {
    let text = "[fallback]\nreply = { text = '{{ message.text }}', thread = true }\n";
    let asked = Asked::of(&program(text), &"word ".repeat(4000));
    assert_eq!(asked.deliveries.len(), 3);
    assert!(
        asked.deliveries.iter().all(|d| d.parent.as_deref() == Some("M") && d.text.as_ref().unwrap().len() <= 7439)
    );
}

#[test]
fn the_mention_is_stripped_before_anything_matches() {
    let mut world = World::saying("Test Bot ping");
    if let Fact::Message(message) = &mut world.message {
        message.html = Some(format!("<p><spark-mention data-object-id=\"{ME}\">Test</spark-mention> ping</p>"));
    }
    let text = "[[command]]\nwords = ['ping']\nreply = '{{ message.raw }}'\n";
    assert_eq!(play(text, &message_event(), &world).said(), ["Test Bot ping"]);
}

#[test]
fn other_events_are_nobodys_business() {
    let event = changed(message_event(), |trigger| {
        if let Trigger::Message { change, .. } = trigger {
            *change = Change::Deleted;
        }
    });
    assert_eq!(play(ECHO, &event, &World::saying("")).rule, "none: no rule for messages.deleted");
}

/// The operations on the bot's memory.
fn remembered(asked: &Asked) -> Vec<StateOp> {
    let ops = asked.effects.iter().filter_map(|effect| match effect {
        Effect::Remember(op) => Some(op.clone()),
        _ => None,
    });
    ops.collect()
}

fn codes(text: &str) -> Vec<&'static str> {
    compiled(text).1.into_iter().map(|found| found.code).collect()
}

#[test]
fn where_a_condition_is_false_the_next_rule_is_tried() {
    let text = "[[command]]\nwords = ['go']\nwhen = 'args.rest == \"home\"'\nreply = 'first'\n\
        [[command]]\nwords = ['go']\nreply = 'second'\n[fallback]\nwhen = 'message.text | length > 5'\nreply = 'long'\n";
    let (program, _) = compiled(text);
    let program = program.unwrap();
    assert_eq!(Asked::of(&program, "go home").said(), ["first"]);
    assert_eq!(Asked::of(&program, "go out").said(), ["second"]);
    assert_eq!(Asked::of(&program, "longer").said(), ["long"]);
    assert_eq!(Asked::of(&program, "short").rule, "none: nothing matched");
}

#[test]
fn what_is_remembered_keeps_its_kind_and_lapses() {
    let text = "[[command]]\nwords = ['note']\nreply = 'noted'\nremember = [\
        { scope = 'person', key = 'last', set = { text = '{{ args.rest }}', n = '{{ args.rest | length }}' }, expires = '1h' },\
        { scope = 'bot', key = 'count', add = 1 }, { key = 'log', append = '{{ args.rest }}', keep = 3 }]\n";
    let ops = remembered(&Asked::of(&program(text), "note it"));
    let person = StateScope::Person("P".into());
    assert_eq!(
        ops[0],
        StateOp::Set { scope: person.clone(), key: "last".into(), value: json!({ "text": "it", "n": 2 }) }
    );
    assert!(
        matches!(&ops[1], StateOp::Expire { scope, key, at } if *scope == person && key == "last" && at.0 == 3_600_000)
    );
    assert_eq!(ops[2], StateOp::Add { scope: StateScope::Bot, key: "count".into(), amount: 1 });
    assert!(matches!(&ops[3], StateOp::Append { scope: StateScope::Room(room), keep: 3, .. } if room == "R"));
}

#[test]
fn templates_see_the_memory_they_name_and_nothing_else_is_read() {
    let text = "[fallback]\nreply = '{{ state.room.count }} of {{ state.bot.total }}'\n";
    let world = World::saying("hi").knowing(StateScope::Room("R".into()), "count", json!(3));
    let asked = play(text, &message_event(), &world);
    assert_eq!((asked.said(), asked.reads.clone()), (vec!["3 of"], vec!["state".to_owned(), "state".to_owned()]));
    assert_eq!(asked.notes, ["`state.bot.total` is missing: it printed nothing"]);
}

#[test]
fn several_answers_go_where_each_says_and_nowhere_twice() {
    let text = "[rooms]\nops = 'OPSROOM1'\n[[command]]\nwords = ['all']\nreply = [\
        { text = 'here' }, { text = 'there', to = ['@ops', 'OPSROOM1', 'person'] }, { text = 'no', when = 'false' },\
        { text = 'said', to = '{{ args.rest }}' }]\n";
    let asked = Asked::of(&program(text), "all @ops, lead@example.com");
    let to: Vec<_> = asked.deliveries.iter().map(|d| (d.text.clone().unwrap(), d.to.clone())).collect();
    assert_eq!(
        to,
        [
            ("here".to_owned(), Destination::Room("R".into())),
            ("there".to_owned(), Destination::Room("OPSROOM1".into())),
            ("there".to_owned(), Destination::Person("P".into())),
            ("said".to_owned(), Destination::Room("OPSROOM1".into())),
            ("said".to_owned(), Destination::Email("lead@example.com".into())),
        ]
    );
    let error = Asked::play(&program(text), &message_event(), &World::saying("all hunter2")).unwrap_err();
    assert_eq!(error, "the `to` of command \"all\" is no place a message can go to");
}

#[test]
fn the_members_of_a_room_are_written_to_one_by_one_without_bots() {
    let member = |id: &str, email: &str| Membership {
        person_id: id.into(),
        person_email: Some(email.into()),
        ..Membership::default()
    };
    let members = vec![
        member("P", "alice@example.com"),
        member("Q", "bob@example.com"),
        member(ME, "x"),
        member("B", "b@webex.bot"),
    ];
    let world = World { members: Fact::Members(members), ..World::saying("hi") };
    let asked = play("[fallback]\nreply = 'hi'\nto = 'members_of:room'\n", &message_event(), &world);
    let to: Vec<_> = asked.deliveries.iter().map(|d| d.to.clone()).collect();
    assert_eq!(to, [Destination::Person("P".into()), Destination::Person("Q".into())]);
}

#[test]
fn a_topic_reaches_the_rooms_that_subscribed() {
    let text = "[[command]]\nwords = ['join']\nsubscribe = 'news/{{ args.rest }}'\n[[command]]\nwords = ['leave']\n\
        unsubscribe = 'news/{{ args.rest }}'\n[[command]]\nwords = ['tell']\nreply = 'new!'\nto = 'topic:news/{{ args.rest }}'\n";
    let program = program(text);
    let kept = |asked: &Asked| match remembered(asked).as_slice() {
        [StateOp::Set { scope: StateScope::Bot, key, value }] => Some((key.clone(), value.clone())),
        _ => None,
    };
    assert_eq!(kept(&Asked::of(&program, "join a")), Some(("$topic/news/a".into(), json!(["R"]))));
    let world = |text: &str| World::saying(text).knowing(StateScope::Bot, "$topic/news/a", json!(["R", "S"]));
    let play = |text: &str| Asked::play(&program, &message_event(), &world(text)).unwrap();
    assert_eq!(kept(&play("join a")), None, "it was subscribed before");
    assert_eq!(kept(&play("leave a")).unwrap().1, json!(["S"]));
    let to: Vec<_> = play("tell a").deliveries.into_iter().map(|d| d.to).collect();
    assert_eq!(to, [Destination::Room("R".into()), Destination::Room("S".into())]);
}

#[test]
fn only_the_first_press_of_a_card_counts() {
    let text = "[[on]]\ncard = 'approve'\nonce = true\nalready = 'too late'\n\
        reply = { text = 'approved {{ card.context.id }} {{ inputs.why }}', replace = true }\n";
    let world = || World::pressing(json!({ "action": "approve", "why": "ok" }), json!({ "id": 7 }));
    let first = play(text, &press_event(), &world());
    assert_eq!(first.said(), ["approved 7 ok"]);
    assert_eq!((first.deliveries[0].act.clone(), first.rule.as_str()), (Act::Replace("M".into()), "card \"approve\""));
    assert!(matches!(&remembered(&first)[0], StateOp::Set { key, .. } if key == "$once/M"));
    let later = play(text, &press_event(), &world().knowing(StateScope::Bot, "$once/M", json!({ "by": "Q" })));
    assert_eq!((later.said(), later.deliveries[0].parent.as_deref()), (vec!["too late"], Some("M")));
    assert_eq!(later.rule, "none: card \"approve\" was pressed before");
    let other = play(text, &press_event(), &World::pressing(json!({ "action": "deny" }), json!(null)));
    assert_eq!(other.rule, "none: no rule for this button");
}

#[test]
fn a_key_names_a_message_and_its_context_goes_along_once() {
    let text = "[fallback]\nreply = { text = '{{ message.text }}', key = 'k-{{ room.id }}', then = 'thread', context = { n = 1 } }\n";
    let asked = Asked::of(&program(text), &"word ".repeat(2000));
    let keys: Vec<_> =
        asked.deliveries.iter().map(|d| d.key.as_ref().map(|key| (key.key.as_str(), key.then))).collect();
    assert_eq!(keys, [Some(("k-R", Then::Thread)), None], "the first part alone");
    assert_eq!(asked.deliveries[0].context, json!({ "n": 1 }));
    assert!(asked.deliveries[1].context.is_null());
}

#[test]
fn timers_are_set_and_forgotten_and_come_back_with_what_they_were_given() {
    let text = "[[command]]\nwords = ['later']\ntimer = { name = 'r-{{ person.id }}', after = '5m', value = { what = '{{ args.rest }}' } }\n\
        [[command]]\nwords = ['never']\ncancel_timer = 'r-{{ person.id }}'\n[[on]]\nevent = 'timer'\nreply = '{{ event.value.what }}'\n";
    let program = program(text);
    let asked = Asked::of(&program, "later tea");
    let Some(Effect::Timer(timer)) = asked.effects.first() else { panic!("{asked:?}") };
    assert_eq!((timer.name.as_str(), timer.at.0), ("r-P", 300_000));
    let fired = Asked::play(&program, &timer.event, &World::saying("")).unwrap();
    assert_eq!((fired.said(), fired.rule.as_str()), (vec!["tea"], "on timer"));
    assert_eq!(fired.deliveries[0].to, Destination::Room("R".into()));
    assert_eq!(Asked::of(&program, "never").effects, [Effect::CancelTimer("r-P".into())]);
}

#[test]
fn messages_are_deleted_and_rooms_left() {
    let text =
        "[[command]]\nwords = ['tidy']\ndelete = 'status'\n[[command]]\nwords = ['go']\nreply = 'bye'\nleave = true\n";
    let acts = |said: &str| Asked::of(&program(text), said).deliveries.into_iter().map(|d| d.act).collect::<Vec<_>>();
    assert_eq!(acts("tidy"), [Act::DeleteKey("status".into())]);
    assert_eq!(acts("go"), [Act::Post, Act::Leave]);
}

#[test]
fn mentions_direct_messages_files_and_edits_have_rules_of_their_own() {
    let text = "[[on]]\nevent = 'file'\nreply = 'a file'\n[[on]]\nevent = 'mention'\nreply = 'in a group'\n\
        [[on]]\nevent = 'direct'\nreply = 'direct'\n[[on]]\nevent = 'edit'\nreply = 'edited: {{ message.text }}'\n";
    let in_room = |kind: &str| {
        changed(message_event(), |trigger| {
            if let Trigger::Message { room_type, .. } = trigger {
                *room_type = Some(kind.into());
            }
        })
    };
    assert_eq!(play(text, &in_room("group"), &World::saying("x")).said(), ["in a group"]);
    assert_eq!(play(text, &in_room("direct"), &World::saying("x")).said(), ["direct"]);
    let mut world = World::saying("x");
    if let Fact::Message(message) = &mut world.message {
        message.files.push("https://example.com/1".into());
    }
    assert_eq!(play(text, &in_room("group"), &world).said(), ["a file"]);
    let edited = changed(message_event(), |trigger| {
        if let Trigger::Message { change, .. } = trigger {
            *change = Change::Updated;
        }
    });
    assert_eq!(play(text, &edited, &World::saying("y")).said(), ["edited: y"]);
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    for (text, code) in [
        ("[fallback]\nonce = true\nreply = 'x'\n", "conflict"),
        ("[fallback]\ndelete = true\n", "conflict"),
        ("[fallback]\nreply = { text = 'x', edit = true }\n", "conflict"),
        ("[fallback]\nreply = { text = 'x', then = 'skip' }\n", "conflict"),
        ("[fallback]\nto = 'room'\nleave = true\n", "conflict"),
        ("[fallback]\nremember = { key = '$x', set = 1 }\n", "bad-value"),
        ("[fallback]\nremember = { key = 'x', set = 1, add = 1 }\n", "conflict"),
        ("[fallback]\nremember = { key = 'x' }\n", "missing-key"),
        ("[fallback]\ntimer = { name = 'x' }\n", "missing-key"),
        ("[fallback]\ntimer = { name = 'x', after = 'soon' }\n", "bad-value"),
        ("[fallback]\nwhen = 'mesage.text'\nreply = 'x'\n", "unknown-name"),
        ("[fallback]\nwhen = 'a =='\nreply = 'x'\n", "bad-template"),
        ("[fallback]\n", "missing-key"),
        ("[[on]]\nevent = 'mention'\nwho = 'bot'\nreply = 'x'\n", "conflict"),
        ("[[on]]\nevent = 'mention'\nname = 'x'\nreply = 'x'\n", "conflict"),
    ] {
        assert_eq!(codes(text), [code], "{text}");
    }
}
