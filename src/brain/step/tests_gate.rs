//! Who may use a rule, with which words, how often, and who must agree.

use serde_json::{Value, json};

use super::*;
use crate::{
    base::{BotId, Event, Millis, StateOp, StateScope, Version},
    brain::{
        Act, Destination, Effect, OpenBots, Policy, Program, Then,
        access::{Access, Clause},
        compiler,
        fixture::{Asked, ME, World, compiled, member_event, message_event, press_event, program},
    },
    definition::{DefinitionSource, Diagnostic, SharedFile},
    webex::model::{Message, Person},
};

const PAGE: &str = "[[command]]\nusage = 'page <team> [count:int] [--urgent] [message...]'\naliases = ['call out']\nhelp = 'Page a team'\n\
    reply = '{{ args.team }}|{{ args.count }}|{{ args.urgent }}|{{ args.message }}'\n";

fn in_direct(mut event: Event) -> Event {
    if let Trigger::Message { room_type, .. } = &mut event.trigger {
        *room_type = Some("direct".into());
    }
    event
}

fn by(address: &str) -> Event {
    let mut event = message_event();
    if let Trigger::Message { email, .. } = &mut event.trigger {
        *email = Some(address.into());
    }
    event
}

fn codes(found: &[Diagnostic]) -> Vec<&str> {
    found.iter().map(|found| found.code).collect()
}

fn under(policy: Policy, text: &str, shared: &[(&str, &str)]) -> (Option<std::sync::Arc<Program>>, Vec<Diagnostic>) {
    let file =
        |(name, text): &(&str, &str)| SharedFile { file: format!("_shared/{name}.toml").into(), text: (*text).into() };
    let source = DefinitionSource::new(BotId::parse("some").unwrap(), "some.toml", text)
        .sharing(shared.iter().map(file).collect());
    let (definition, mut found) = crate::definition::parse(&source);
    let compiled = compiler(policy)(&definition.unwrap());
    found.extend(compiled.diagnostics);
    (compiled.program, found)
}

#[test]
fn arguments_reach_the_template_and_aliases_are_the_same_command() {
    let program = program(PAGE);
    let asked = Asked::of(&program, "page \"on call\" 3 --urgent disk full");
    assert_eq!((asked.said(), asked.rule.as_str()), (vec!["on call|3|True|disk full"], "command \"page\""));
    let asked = Asked::of(&program, "CALL out ops");
    assert_eq!((asked.said(), asked.rule.as_str()), (vec!["ops||False|"], "command \"page\""));
}

#[test]
fn what_does_not_fit_is_answered_with_the_usage() {
    let asked = Asked::of(&program(PAGE), "page");
    let expected =
        "“team” is missing: one word, or several in quotes.\nUsage: page <team> [--urgent] [count:int] [message...]";
    assert_eq!(
        (asked.said(), asked.rule.as_str()),
        (vec![expected], "none: command \"page\" was written in another way")
    );
    let denied = format!("{PAGE}access = {{ people = ['bob@example.com'] }}\n");
    assert_eq!(Asked::of(&program(&denied), "page").deliveries, [], "no usage for those who may not use it");
}

#[test]
fn a_mentioned_person_is_known_like_the_one_who_writes() {
    let text = "[[command]]\nusage = 'thank <who:person>'\nreply = '{{ args.who.first_name }} {{ args.who.email }} {{ args.who.id }}'\n";
    let html = "<p><spark-mention data-object-type=\"person\" data-object-id=\"P\">Alice Example</spark-mention></p>";
    let mut world = World::saying("thank Alice Example");
    if let Fact::Message(message) = &mut world.message {
        message.html = Some(html.replace("<p>", "<p>thank "));
    }
    let asked = Asked::play(&program(text), &message_event(), &world).unwrap();
    assert_eq!(asked.said(), ["Alice alice@example.com P"]);
    assert_eq!(Asked::of(&program(text), "thank bob@example.com").said(), ["bob@example.com bob@example.com"]);
}

#[test]
fn mistakes_of_a_usage_are_told_at_their_places() {
    let found = compiled("[[command]]\nusage = 'page <team:wrod> [x'\nreply = '{{ args.taem }}'\n").1;
    assert_eq!(
        found.iter().map(|d| (d.code, d.line, d.column)).collect::<Vec<_>>(),
        [("bad-usage", 2, 15), ("bad-usage", 2, 27)]
    );
    let found = compiled("[[command]]\nusage = 'page <team>'\nreply = '{{ args.taem }}'\n").1;
    assert_eq!((codes(&found), found[0].hint.as_deref()), (vec!["unknown-name"], Some("did you mean `team`?")));
    assert_eq!(codes(&compiled("[[command]]\nwords = ['a']\naliases = ['b']\nreply = 'x'\n").1), ["conflict"]);
    assert_eq!(
        codes(&compiled("[[command]]\nusage = 'a <b>'\nreply = 'x'\n[[command]]\nwords = ['A b']\nreply = 'y'\n").1),
        ["shadowed"]
    );
    let passes = "[[command]]\nwords = ['a']\nwhen = 'room.type == \"direct\"'\nreply = 'x'\n[[command]]\nwords = ['a']\nreply = 'y'\n";
    assert_eq!(compiled(passes).1, []);
}

#[test]
fn help_is_an_overview_and_a_page_for_each_command() {
    let text = format!(
        "description = 'Pages'\n{PAGE}[[command]]\nwords = ['secret']\nhelp = 'psst'\nhidden = true\nreply = 'x'\n\
        [[command]]\nwords = ['lead']\nhelp = 'for leads'\naccess = {{ people = ['lead@example.com'] }}\nreply = 'x'\n"
    );
    let program = program(&text);
    assert_eq!(
        Asked::of(&program, "help").said(),
        [
            "Pages\n\n- **page**, **call out** `<team> [--urgent] [count:int] [message...]`: Page a team\n- **help**: Show this list"
        ]
    );
    let lead = Asked::play(&program, &by("lead@example.com"), &World::saying("help")).unwrap();
    assert!(lead.said()[0].contains("- **lead**: for leads"));
    insta::assert_snapshot!(Asked::of(&program, "help page").said()[0], @r"
    **page** `<team> [--urgent] [count:int] [message...]`

    Page a team

    - `team`: one word, or several in quotes
    - `count`: a whole number, may be left out
    - `message`: some text, may be left out
    - `--urgent`: may be given

    Also: call out
    ");
    assert!(Asked::of(&program, "help lead").said()[0].starts_with("Pages"), "no page for what they may not use");
    assert!(Asked::of(&program, "help secret").said()[0].contains("psst"), "who knows it may ask");
}

#[test]
fn help_may_be_a_card_or_nothing() {
    let card = Asked::of(&program(&format!("help = 'card'\n{PAGE}")), "help");
    let delivery = &card.deliveries[0];
    assert!(delivery.markdown.as_ref().unwrap().contains("**page**"), "for clients that draw no card");
    let body = delivery.card.as_ref().unwrap()["body"].to_string();
    assert!(body.contains("page &lt;team>") || body.contains("page <team>"), "{body}");
    let one = Asked::of(&program(&format!("help = 'card'\n{PAGE}")), "help page");
    assert!(one.deliveries[0].card.as_ref().unwrap()["body"][2]["facts"][0]["title"] == json!("team"));
    assert_eq!(Asked::of(&program(&format!("help = 'none'\n{PAGE}")), "help").rule, "none: nothing matched");
}

#[test]
fn what_is_nearly_a_command_is_answered_with_its_usage() {
    let asked = Asked::of(&program(PAGE), "pgae ops");
    assert_eq!(
        asked.said(),
        ["I do not know that. Did you mean this?\nUsage: page <team> [--urgent] [count:int] [message...]"]
    );
    assert_eq!(Asked::of(&program(PAGE), "hello there").rule, "none: nothing matched");
    let with_fallback = program(&format!("{PAGE}[fallback]\nreply = 'eh?'\n"));
    assert_eq!(Asked::of(&with_fallback, "pgae ops").said(), ["eh?"]);
    let hidden = program(&format!("{PAGE}hidden = true\n[[command]]\nwords = ['x']\nhelp = 'x'\nreply = 'x'\n"));
    assert_eq!(Asked::of(&hidden, "pgae ops").deliveries, []);
}

#[test]
fn who_may_not_is_told_directly_and_not_in_a_group_unless_it_was_written() {
    let text = "[access]\ndomains = ['other.org']\n[fallback]\nreply = 'hi'\n";
    let asked = Asked::of(&program(text), "hi");
    assert_eq!(asked.rule, "none: fallback is denied: `domains` in `[access]` of the bot names not the person");
    assert_eq!(asked.deliveries, []);
    let direct = Asked::play(&program(text), &in_direct(message_event()), &World::saying("hi")).unwrap();
    assert_eq!(direct.said(), ["You may not use this."]);
    let written = text.replace("[fallback]", "denied = 'Sorry {{ person.first_name }}'\n[fallback]");
    assert_eq!(Asked::of(&program(&written), "hi").said(), ["Sorry Alice"]);
    let own = "[fallback]\nreply = 'hi'\naccess = { deny = { people = ['alice@example.com'] } }\ndenied = 'not you'\n";
    assert_eq!(Asked::of(&program(own), "hi").said(), ["not you"]);
    assert_eq!(Asked::play(&program(own), &by("bob@example.com"), &World::saying("hi")).unwrap().said(), ["hi"]);
}

#[test]
fn what_is_needed_to_decide_is_read_and_no_more() {
    let reads =
        |access: &str| Asked::of(&program(&format!("[fallback]\nreply = 'x'\naccess = {{ {access} }}\n")), "hi").reads;
    assert_eq!(reads("domains = ['example.com']"), Vec::<String>::new());
    assert_eq!(reads("orgs = ['ORG']"), ["person"]);
    assert_eq!(reads("orgs = ['ORG'], people = ['alice@example.com']"), Vec::<String>::new());
    assert_eq!(reads("where = 'group'"), Vec::<String>::new());
}

#[test]
fn the_ceiling_of_the_settings_holds_for_everything() {
    let deny = Clause { people: Box::new(["alice@example.com".into()]), ..Clause::default() };
    let ceiling = std::sync::Arc::new(Access { deny, ..Access::default() });
    let text = "[access]\npeople = ['alice@example.com', 'bob@example.com']\n[[command]]\nwords = ['a']\nhelp = 'x'\nreply = 'x'\n[[on]]\ncard = 'go'\nreply = 'x'\n";
    let (program, _) = under(Policy { ceiling, ..Policy::default() }, text, &[]);
    let program = program.unwrap();
    for said in ["a", "help"] {
        let asked = Asked::of(&program, said);
        assert!(
            asked.deliveries.is_empty() && asked.rule.contains("`deny.people` in `[access]` of the settings"),
            "{}",
            asked.rule
        );
    }
    let press =
        Asked::play(&program, &press_event(), &World::pressing(json!({ "action": "go" }), Value::Null)).unwrap();
    assert!(press.deliveries.is_empty() && press.reads.contains(&"person".to_owned()), "only the presser's id decides");
    assert_eq!(Asked::play(&program, &by("bob@example.com"), &World::saying("a")).unwrap().said(), ["x"]);
}

#[test]
fn groups_and_values_come_from_what_is_shared() {
    let shared = [("groups", "leads = ['alice@example.com']\n"), ("vars", "desk = 'helpdesk'\n")];
    let text = "[[command]]\nwords = ['a']\naccess = { groups = ['leads'] }\nreply = 'ask {{ vars.desk }}'\n";
    let (program, found) = under(Policy::default(), text, &shared);
    assert_eq!(found, []);
    assert_eq!(Asked::of(program.as_ref().unwrap(), "a").said(), ["ask helpdesk"]);
    assert!(
        Asked::play(program.as_ref().unwrap(), &by("bob@example.com"), &World::saying("a"))
            .unwrap()
            .deliveries
            .is_empty()
    );
    let found = under(Policy::default(), &text.replace("vars.desk", "vars.dsek"), &shared).1;
    assert_eq!((codes(&found), found[0].hint.as_deref()), (vec!["unknown-name"], Some("did you mean `desk`?")));
    let found = under(Policy::default(), &text.replace("'leads'", "'laeds'"), &shared).1;
    assert_eq!((codes(&found), found[0].hint.as_deref()), (vec!["unknown-group"], Some("did you mean `leads`?")));
}

#[test]
fn an_open_bot_is_warned_of_or_refused_and_what_is_meant_is_let_be() {
    let told = |open: OpenBots, top: &str, rule: &str| {
        let text = format!("{top}[[command]]\nwords = ['a']\nreply = 'x'\n{rule}");
        let found = under(Policy { open, ..Policy::default() }, &text, &[]).1;
        found.iter().map(|found| found.code).collect::<Vec<_>>()
    };
    assert_eq!(told(OpenBots::Fine, "", ""), Vec::<&str>::new());
    assert_eq!(told(OpenBots::Warned, "", ""), ["open-bot"]);
    assert_eq!(told(OpenBots::Warned, "access = 'anyone'\n", ""), Vec::<&str>::new());
    assert_eq!(told(OpenBots::Refused, "access = 'anyone'\n", ""), ["access-required"]);
    assert_eq!(told(OpenBots::Refused, "[access]\ndomains = ['a.b']\n", ""), Vec::<&str>::new());
    assert_eq!(told(OpenBots::Refused, "", "access = { people = 'a@b.c' }\n"), Vec::<&str>::new());
    assert_eq!(told(OpenBots::Warned, "[access]\nwhere = 'direct'\n", ""), ["open-bot"]);
}

#[test]
fn rules_that_let_nobody_in_are_told_and_so_is_what_names_nobody() {
    let top = "[access]\ndomains = ['example.com']\n";
    let told = |access: &str| compiled(&format!("{top}[[command]]\nwords = ['a']\naccess = {access}\nreply = 'x'\n")).1;
    assert_eq!(codes(&told("{ people = ['a@other.org'] }")), ["never-allowed"]);
    assert_eq!(told("{ people = ['a@example.com'] }"), []);
    for (access, code) in [
        ("{}", "bad-value"),
        ("'everyone'", "bad-value"),
        ("{ people = [] }", "bad-value"),
        ("{ domains = ['@example.com'] }", "bad-access"),
        ("{ people = ['alice'] }", "bad-access"),
        ("{ rooms = ['@nowhere'] }", "bad-access"),
        ("{ groups = ['x'] }", "unknown-group"),
        ("{ pepole = ['a@b.c'] }", "unknown-key"),
    ] {
        assert_eq!(codes(&told(access)).first(), Some(&code), "{access}");
    }
    let nobody = "[[on]]\nevent = 'timer'\nreply = 'x'\nto = 'a@b.c'\naccess = { people = ['a@b.c'] }\n[fallback]\nreply = 'x'\n";
    assert_eq!(codes(&compiled(nobody).1), ["conflict"]);
}

#[test]
fn a_cooldown_is_by_person_and_rule_and_told_once() {
    let program = program("[[command]]\nwords = ['go']\ncooldown = '90s'\nreply = 'gone'\n");
    let scope = StateScope::Person("P".into());
    let first = Asked::of(&program, "go");
    assert_eq!(first.said(), ["gone"]);
    let kept = json!({ "until": 90_000, "told": false });
    assert_eq!(
        first.effects[0],
        Effect::Remember(StateOp::Set {
            scope: scope.clone(),
            key: "$cool/command \"go\"".into(),
            value: kept.clone()
        })
    );
    let again = |kept: Value| {
        let world = World::saying("go").knowing(scope.clone(), "$cool/command \"go\"", kept);
        Asked::play(&program, &message_event(), &world).unwrap()
    };
    assert_eq!(again(kept).said(), ["Not so fast: try again in 1 minute 30 seconds."]);
    assert_eq!(again(json!({ "until": 90_000, "told": true })).effects, []);
    assert_eq!(again(json!({ "until": 0, "told": true })).said(), ["gone"]);
}

const DEPLOY: &str = "[rooms]\nops = 'OPSROOM1'\n[[command]]\nusage = 'deploy <what>'\nreply = 'deploying {{ args.what }}'\n\
    approve = { by = { domains = ['example.com'] }, count = 2, within = '1h', to = '@ops' }\n";

fn kept_request(asked: &Asked) -> (String, Value) {
    let found = asked.effects.iter().find_map(|effect| match effect {
        Effect::Remember(StateOp::Set { key, value, .. }) => Some((key.clone(), value.clone())),
        _ => None,
    });
    found.unwrap()
}

fn press_by(person_id: &str) -> Event {
    let mut event = press_event();
    if let Trigger::CardAction { person, .. } = &mut event.trigger {
        *person = person_id.into();
    }
    event
}

fn pressing(action: &str, key: &str, kept: &Value, said: &str) -> World {
    let id = key.strip_prefix("$approve/").unwrap();
    let world = World::pressing(json!({ "action": action }), json!({ "$approve": id }));
    let message = Message { id: "M".into(), text: Some(said.into()), person_id: "P".into(), ..Message::default() };
    World { message: Fact::Message(Box::new(message)), ..world }.knowing(StateScope::Bot, key, kept.clone())
}

#[test]
fn what_needs_approval_asks_on_a_card_and_is_done_by_the_press_that_completes_it() {
    let program = program(DEPLOY);
    assert!(program.kinds().iter().any(|(resource, _)| resource == "attachmentActions"));
    let asked = Asked::of(&program, "deploy prod");
    assert_eq!(asked.rule, "command \"deploy\" waits for approval");
    let card = &asked.deliveries[0];
    assert_eq!(
        (card.to.clone(), card.key.as_ref().unwrap().then),
        (Destination::Room("OPSROOM1".into()), Then::Replace)
    );
    assert!(
        card.card.is_some() && card.text.as_ref().unwrap().contains("Alice Example asks for approval: deploy prod")
    );
    assert_eq!(asked.said()[1], "This needs approval: I have asked for it.");
    let (key, kept) = kept_request(&asked);
    assert_eq!(card.context, json!({ "$approve": key.strip_prefix("$approve/").unwrap() }));

    let play = |who: &str, action: &str, kept: &Value| {
        Asked::play(&program, &press_by(who), &pressing(action, &key, kept, "deploy prod")).unwrap()
    };
    assert!(play("P", "$approve", &kept).said()[0].starts_with("You asked for this yourself"));
    let first = play("Q", "$approve", &kept);
    assert_eq!(first.said(), ["Alice Example approved: 1 of 2."]);
    let (_, half) = kept_request(&first);
    assert_eq!(play("Q", "$approve", &half).said(), ["You have approved this already."]);
    let done = play("S", "$approve", &half);
    assert_eq!(done.rule, "approval of command \"deploy\": done");
    assert_eq!(done.deliveries[0].act, Act::Replace("M".into()));
    assert_eq!((done.said()[1], done.deliveries[1].to.clone()), ("deploying prod", Destination::Room("R".into())));
    assert!(done.effects.contains(&Effect::CancelTimer(key.clone())));

    let rejected = play("S", "$reject", &half);
    assert_eq!(
        rejected.said(),
        [
            "Alice Example rejected what Alice Example asked for: deploy prod",
            "Alice Example rejected this: deploy prod"
        ]
    );
}

const DEPLOY_BY_DIALOGUE: &str = "[[command]]\nusage = 'deploy <what>'\nflow = 'deploy'\n\
    approve = { by = { domains = ['example.com'] } }\n[[command]]\nusage = 'restart <what>'\n\
    reply = 'restarting {{ args.what }}'\napprove = { by = { domains = ['example.com'] } }\n\
    [[flow.deploy.step]]\nname = 'where'\nask = 'Where to?'\nexpect = 'text'\nend = 'to {{ dialogue.where }}'\n";

#[test]
fn what_is_approved_may_start_a_dialogue_with_whoever_asked_and_is_no_answer_in_one() {
    let program = program(DEPLOY_BY_DIALOGUE);
    let approved = |said: &str, dialogue: Fact| {
        let asked = Asked::of(&program, said);
        assert!(asked.rule.ends_with("waits for approval") && !started(&asked), "{}", asked.rule);
        let (key, kept) = kept_request(&asked);
        let world = World { dialogue, ..pressing("$approve", &key, &kept, said) };
        Asked::play(&program, &press_by("Q"), &world).unwrap()
    };
    let none = || Fact::Dialogue(Version(0), None);
    let first = approved("deploy prod", none());
    assert_eq!(first.rule, "approval of command \"deploy\": done");
    let asks = |done: &Asked| done.said()[1].starts_with("Where to?");
    assert!(asks(&first) && first.deliveries[1].to == Destination::Room("R".into()));
    let step = first.effects.iter().find_map(|effect| match effect {
        Effect::Dialogue(step) => Some(step.clone()),
        _ => None,
    });
    let step = step.unwrap();
    assert_eq!((step.room.as_str(), step.person.as_str()), ("R", "P"), "with who asked, not with who approved");

    let open = || Fact::Dialogue(Version(3), step.value.clone());
    let beside = approved("restart db", open());
    assert_eq!((beside.rule.as_str(), beside.said()[1]), ("approval of command \"restart\": done", "restarting db"));
    assert!(!started(&beside), "the dialogue that is open stays as it is");
    let instead = approved("deploy lab", open());
    assert!(instead.rule == "approval of command \"deploy\": done" && asks(&instead), "{}", instead.rule);
    assert_eq!(instead.notes, ["the dialogue of flow \"deploy\" was given up for it"]);
}

fn started(asked: &Asked) -> bool {
    asked.effects.iter().any(|effect| matches!(effect, Effect::Dialogue(_)))
}

#[test]
fn a_forged_or_late_press_does_nothing() {
    let program = program(DEPLOY);
    let (key, kept) = kept_request(&Asked::of(&program, "deploy prod"));
    let mut world = pressing("$approve", &key, &kept, "deploy prod");
    world.sent = Fact::Sent(Box::default());
    assert_eq!(Asked::play(&program, &press_by("Q"), &world).unwrap().rule, "none: no rule for this button");
    let mut world = pressing("$approve", &key, &kept, "deploy prod");
    world.state.clear();
    assert_eq!(Asked::play(&program, &press_by("Q"), &world).unwrap().said(), ["This is no longer open."]);
    let mut world = pressing("$approve", &key, &kept, "deploy prod");
    world.person =
        Fact::Person(Box::new(Person { id: "Q".into(), emails: vec!["q@evil.org".into()], ..Person::default() }));
    let denied = Asked::play(&program, &press_by("Q"), &world).unwrap();
    assert_eq!(
        (denied.effects.len(), denied.rule.contains("is denied: `domains` in `by` of `approve`")),
        (0, true),
        "{}",
        denied.rule
    );
}

#[test]
fn a_request_lapses() {
    let program = program(DEPLOY);
    let asked = Asked::of(&program, "deploy prod");
    let (key, kept) = kept_request(&asked);
    let timer = asked.effects.iter().find_map(|effect| match effect {
        Effect::Timer(timer) => Some(timer.clone()),
        _ => None,
    });
    let timer = timer.unwrap();
    assert_eq!((timer.name.as_str(), timer.at), (key.as_str(), Millis(3_600_000)));
    let world = World::saying("").knowing(StateScope::Bot, &key, kept);
    let lapsed = Asked::play(&program, &timer.event, &world).unwrap();
    assert_eq!(lapsed.said(), ["Nobody approved in time what Alice Example asked for: deploy prod"]);
    assert_eq!(lapsed.deliveries[0].key.as_ref().unwrap().then, Then::Replace);
}

#[test]
fn a_bot_leaves_a_room_it_was_brought_to_by_an_outsider() {
    let text = "[membership]\nadded_by = { domains = ['other.org'] }\ndenied = 'Sorry, not here.'\n\
        [[on]]\nevent = 'memberships.created'\nreply = 'Hello!'\n";
    let brought = |text: &str, actor: Option<&str>| {
        let event = Event { actor: actor.map(str::to_owned), ..member_event(ME) };
        Asked::play(&program(text), &event, &World::saying("")).unwrap()
    };
    let out = brought(text, Some("P"));
    assert_eq!(out.deliveries[0].text.as_deref(), Some("Sorry, not here."));
    assert_eq!(out.deliveries[1].act, Act::Leave);
    assert_eq!(brought(text, None).deliveries.len(), 2, "who is not told is an outsider");
    assert_eq!(brought(&text.replace("other.org", "example.com"), Some("P")).said(), ["Hello!"]);
    let only = program("[membership]\nadded_by = ['alice@example.com']\n[fallback]\nreply = 'x'\n");
    assert!(only.kinds().iter().any(|(resource, event)| (resource, event) == ("memberships", "created")));
}
