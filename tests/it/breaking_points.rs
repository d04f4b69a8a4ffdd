//! The real program, stopped dead at each named point and started again: the ledger of the simulator and that of the
//! store must agree. Only a debug build has the points.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::process::ExitStatusExt,
};

use botyard::{
    app::open_store_alone,
    base::{Clock, Point, breaking::VARIABLE},
    settings::{LoadOptions, Settings},
    store::{DeliverySummary, EventDetail, EventQuery, EventState, Store},
};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    house::{ECHO, address},
    live::{Live, eventually},
    program::Process,
};

const PEOPLE: [&str; 3] = ["alice@example.com", "bob@example.com", "carol@example.com"];

/// The points that an event comes by, and that take the whole process along.
const ON_THE_WAY: [Point; 9] = [
    Point::AfterVerify,
    Point::BeforeAccept,
    Point::AfterAccept,
    Point::BeforeRing,
    Point::MidTurn,
    Point::BeforeTurnCommit,
    Point::AfterTurnCommit,
    Point::BeforeSend,
    Point::AfterSend,
];

/// What was said to the bot: by id, the text.
type Said = BTreeMap<String, String>;

async fn everybody_says(live: &Live, said: &mut Said, what: &str) {
    for person in PEOPLE {
        let text = format!("{what}, {person}");
        let (_, id) = live.say(person, "echo", &text).await;
        said.insert(id, text);
    }
}

/// Waits until it is dead; it must have died at this point and of nothing else.
async fn died_at(service: Process, point: Point) {
    let (status, log) = service.ended().await;
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{point:?}: {status}\n{}", log.join("\n"));
    let last = log.iter().rfind(|line| line.contains("breaking point")).unwrap();
    assert!(last.contains(&format!("\"{}\"", point.word())), "{last}");
}

/// The events of the bot as the store has them, while no service runs.
async fn stored(live: &Live) -> Vec<EventDetail> {
    let data_dir = live.ground.path("data").display().to_string();
    let overrides = vec![("data_dir".to_owned(), data_dir)];
    let settings = Settings::load(&LoadOptions { overrides, ..LoadOptions::default() }).unwrap();
    let store = open_store_alone(&settings, &Clock::System).await.unwrap();
    let mut details = Vec::new();
    for event in store.events(EventQuery { bot: None, state: None, limit: 1_000 }).await.unwrap() {
        details.push(store.event(event.id).await.unwrap().unwrap());
    }
    store.close().await.unwrap();
    details
}

/// The bot's messages at the simulator: by id, the text.
async fn answers(live: &Live) -> Said {
    let wait = json!({ "bot": address("echo"), "after": 0, "replies": 0, "timeout_ms": 1_000 });
    let waited = live.sim.control("POST", "/wait", wait).await.ok();
    let word = |message: &Value, name: &str| message[name].as_str().unwrap_or_default().to_owned();
    waited["messages"].as_array().unwrap().iter().map(|message| (word(message, "id"), word(message, "text"))).collect()
}

/// Runs a bot of this definition through every point; answers what its house and the simulator know in the end.
async fn stopped_dead_everywhere(definition: &str) -> Ledgers {
    let live = Live::new(&[("echo.toml", definition)], &[]).await;
    // The store is made, the definition stored, and nothing more.
    let starting = [
        ("migrating:3=abort", Point::Migrating),
        ("migrated=abort", Point::Migrated),
        ("reloading=abort", Point::Reloading),
    ];
    for (rule, point) in starting {
        died_at(live.start(&[(VARIABLE, rule)]), point).await;
    }
    let mut said = Said::new();
    for point in ON_THE_WAY {
        let service = live.start(&[(VARIABLE, &format!("{}=abort", point.word()))]);
        service.serves().await;
        live.registered("echo").await;
        everybody_says(&live, &mut said, point.word()).await;
        died_at(service, point).await;
        // In between it finds its feet: an event that is there three times when it goes down counts as the cause.
        let service = live.serve().await;
        live.settled(&service).await;
        service.signal(Signal::KILL);
        service.ended().await;
    }

    // A definition is changed, and stored as the last good one, when it ends.
    let service = live.start(&[(VARIABLE, "reloading:2=abort")]);
    service.serves().await;
    live.ground.write("bots.d/echo.toml", &definition.replace("{{ message.text }}", "now: {{ message.text }}"));
    died_at(service, Point::Reloading).await;

    let service = live.serve().await;
    live.registered("echo").await;
    live.say(PEOPLE[0], "echo", "the end").await;
    eventually("an answer by the last good definition", || async {
        answers(&live).await.values().any(|text| text == "now: the end").then_some(())
    })
    .await;
    live.settled(&service).await;
    service.stop().await;
    let (events, answers, accepted) = (stored(&live).await, answers(&live).await, live.accepted().await);
    let accepted: Vec<_> = accepted.iter().filter_map(|id| said.get(id)).cloned().collect();
    assert!(accepted.len() > 5, "some of it was acknowledged: {accepted:?}");
    Ledgers { events, answers, accepted }
}

/// What is known in the end.
struct Ledgers {
    /// The store's.
    events: Vec<EventDetail>,
    /// What the bot said, by id.
    answers: Said,
    /// What was said to it and acknowledged.
    accepted: Vec<String>,
}

impl Ledgers {
    /// What was acknowledged and not answered, and what was answered beyond what the store knows to have been sent.
    /// Every event has one outcome, and its effects were committed once.
    fn compare(&self) -> (Vec<&str>, Vec<&str>) {
        let mut known = BTreeSet::new();
        for event in &self.events {
            assert_eq!((event.summary.state, event.deliveries.len()), (EventState::Finished, 1), "{event:?}");
            if let Some(id) = &event.deliveries[0].remote_id {
                assert!(known.insert(id), "{event:?}");
            }
        }
        let answered: BTreeSet<_> = self.answers.values().map(|text| text.trim_start_matches("now: ")).collect();
        let lost = self.accepted.iter().map(String::as_str).filter(|text| !answered.contains(text)).collect();
        let unknown =
            self.answers.iter().filter(|(id, _)| !known.contains(id)).map(|(_, text)| text.as_str()).collect();
        (lost, unknown)
    }

    fn deliveries(&self, state: &str) -> Vec<&DeliverySummary> {
        self.events.iter().map(|event| &event.deliveries[0]).filter(|delivery| delivery.state == state).collect()
    }
}

#[actix::test]
async fn stopped_dead_at_every_point_nothing_is_lost_and_only_what_is_doubtful_is_said_twice() {
    let ledgers = stopped_dead_everywhere(ECHO).await;
    let (lost, unknown) = ledgers.compare();
    assert!(lost.is_empty(), "acknowledged and not answered: {lost:?}");
    let sent = ledgers.deliveries("sent");
    assert_eq!(sent.len(), ledgers.events.len());
    let doubtful: Vec<_> = sent.into_iter().filter(|delivery| delivery.doubtful).collect();
    assert!(doubtful.len() >= 2, "one was stopped before it left, one after: {doubtful:?}");
    // What was said beside is the first try of a delivery that is marked.
    let marked: Vec<_> =
        doubtful.iter().map(|delivery| &ledgers.answers[delivery.remote_id.as_ref().unwrap()]).collect();
    assert!(!unknown.is_empty() && unknown.len() <= doubtful.len(), "{unknown:?}");
    assert!(unknown.iter().all(|text| marked.iter().any(|marked| marked.ends_with(text))), "{unknown:?}, {marked:?}");
}

#[actix::test]
async fn a_bot_that_prefers_silence_says_nothing_twice_wherever_it_is_stopped() {
    let definition = ECHO.replace("[fallback]", "deliveries = { doubt = \"skip\" }\n[fallback]");
    let ledgers = stopped_dead_everywhere(&definition).await;
    let (lost, unknown) = ledgers.compare();
    let (sent, skipped) = (ledgers.deliveries("sent"), ledgers.deliveries("skipped"));
    assert_eq!(sent.len() + skipped.len(), ledgers.events.len());
    assert!(skipped.len() >= 2, "one was stopped before it left, one after: {skipped:?}");
    assert!(skipped.iter().all(|delivery| delivery.doubtful) && !sent.iter().any(|delivery| delivery.doubtful));
    let texts: BTreeSet<_> = ledgers.answers.values().collect();
    assert_eq!(texts.len(), ledgers.answers.len(), "nothing was said twice");
    assert!(!unknown.is_empty() && lost.len() + unknown.len() <= skipped.len(), "{lost:?}, {unknown:?}, {skipped:?}");
}

#[actix::test]
async fn an_event_that_takes_the_process_down_three_times_is_buried_and_all_others_are_answered() {
    let bomb = ECHO.replace("ECHO", "BOMB");
    let live = Live::new(&[("bomb.toml", &bomb), ("echo.toml", ECHO)], &[]).await;
    let fatal = (VARIABLE, "mid_turn:bomb=abort");
    let mut service = live.start(&[fatal]);
    service.serves().await;
    live.registered("bomb").await;
    live.registered("echo").await;
    // Turns that are in hand each time it goes down, and have nothing to do with it.
    let slow = json!({ "method": "GET", "path": "/messages/", "email": address("echo"), "delay_ms": 700, "times": 0 });
    live.rule(slow).await;
    for person in PEOPLE {
        live.say(person, "echo", person).await;
    }
    eventually("turns in hand", || async {
        let claimed = live.run(&["events", "echo", "--state", "claimed", "--json"]).await.out;
        (claimed.matches("\"claimed\"").count() == 3).then_some(())
    })
    .await;
    live.say(PEOPLE[0], "bomb", "tick").await;
    for _ in 0..2 {
        died_at(service, Point::MidTurn).await;
        service = live.start(&[fatal]);
    }
    died_at(service, Point::MidTurn).await;
    let service = live.serve().await;
    live.settled(&service).await;
    service.stop().await;
    let events = stored(&live).await;
    let buried: Vec<_> = events.iter().filter(|event| event.summary.state == EventState::Buried).collect();
    assert_eq!(buried.len(), 1, "{buried:?}");
    assert_eq!(buried[0].summary.bot.as_str(), "bomb");
    let reason = buried[0].summary.reason.as_deref().unwrap();
    assert!(reason.starts_with("took the process down"), "{reason}");
    let others = events.iter().filter(|event| event.summary.state != EventState::Buried);
    assert!(others.clone().all(|event| event.summary.state == EventState::Finished), "{events:?}");
    assert_eq!(others.count(), 3);
    // One that was being sent when it went down may be there twice.
    let answered: BTreeSet<_> = live.replies("echo", 0, 0).await.into_iter().collect();
    assert_eq!(answered, PEOPLE.map(str::to_owned).into());
    assert!(live.replies("bomb", 0, 0).await.is_empty());
}

#[actix::test]
async fn stopped_dead_during_a_backup_it_leaves_none_that_is_half_and_the_next_succeeds() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let service = live.start(&[(VARIABLE, "backing_up=abort")]);
    service.serves().await;
    live.registered("echo").await;
    assert_eq!(live.ask("echo", "before").await, "before");
    assert_ne!(live.run(&["backup", "b.db"]).await.code, 0);
    died_at(service, Point::BackingUp).await;
    assert!(!live.ground.path("b.db").exists());
    // The archivist panics over the first word, and another hears the second.
    let service = live.start(&[(VARIABLE, "in_archivist=panic")]);
    service.serves().await;
    assert_ne!(live.run(&["backup", "b.db"]).await.code, 0);
    eventually("a backup", || async { (live.run(&["backup", "b.db"]).await.code == 0).then_some(()) }).await;
    assert!(live.ground.path("b.db").exists());
    live.registered("echo").await;
    assert_eq!(live.ask("echo", "after").await, "after");
    service.stop().await;
}

#[actix::test]
async fn stopped_dead_behind_a_run_of_a_schedule_it_runs_once() {
    let schedule = "[[schedule]]\nname = 's'\nevery = '10s'\nmissed = 'all'\nto = 'alice@example.com'\n\
                    reply = '{{ event.value }}'\n";
    let live = Live::new(&[("echo.toml", &format!("{ECHO}{schedule}"))], &[]).await;
    // The first move is that it begins, the second its first run.
    died_at(live.start(&[(VARIABLE, "after_schedule:echo:2=abort")]), Point::AfterSchedule).await;
    let service = live.serve().await;
    // By its second run it has looked at the first, whose end nobody had told it.
    let said = live.replies("echo", 0, 2).await;
    live.settled(&service).await;
    assert_eq!(said.iter().collect::<BTreeSet<_>>().len(), said.len(), "{said:?}");
    service.stop().await;
    let runs = stored(&live).await.into_iter().filter(|event| event.summary.kind == "schedule").count();
    assert!(runs >= said.len(), "{runs} {said:?}");
}

#[actix::test]
async fn a_panic_of_the_store_s_writer_ends_the_process_and_what_was_acknowledged_is_answered() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let service = live.start(&[(VARIABLE, "before_accept:echo:2=panic")]);
    service.serves().await;
    live.registered("echo").await;
    assert_eq!(live.ask("echo", "before").await, "before");
    // That it was sent must be on record, or it is rightly said again.
    live.settled(&service).await;
    live.say(PEOPLE[0], "echo", "wh1sper").await;
    let (status, log) = service.ended().await;
    assert_eq!(status.code(), Some(70), "{}", log.join("\n"));
    assert!(log.iter().any(|line| line.contains("a part of the program panicked")), "{}", log.join("\n"));
    assert!(log.last().unwrap().contains("the store's writer panicked"), "{}", log.join("\n"));
    let service = live.serve().await;
    live.registered("echo").await;
    assert_eq!(live.ask("echo", "after").await, "after");
    service.stop().await;
}

#[actix::test]
async fn a_panic_of_the_supervisor_ends_the_process() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let service = live.start(&[(VARIABLE, "in_supervisor=panic")]);
    let (status, log) = service.ended().await;
    assert_eq!(status.code(), Some(70), "{}", log.join("\n"));
    assert!(log.last().unwrap().contains("the supervisor panicked"), "{}", log.join("\n"));
    let service = live.serve().await;
    live.registered("echo").await;
    assert_eq!(live.ask("echo", "back again").await, "back again");
    service.stop().await;
}

#[actix::test]
async fn a_rule_that_cannot_be_read_is_refused() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let (status, log) = live.start(&[(VARIABLE, "nowhere=abort")]).ended().await;
    assert_eq!(status.code(), Some(78));
    assert!(log.last().unwrap().contains("nowhere=abort"), "{log:?}");
}
