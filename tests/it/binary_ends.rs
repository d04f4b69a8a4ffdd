//! How the real service ends, well and badly: what was accepted is answered, and known to be answered.

use std::{collections::BTreeMap, time::Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    house::ECHO,
    live::{Live, eventually},
    program::Process,
    raw_http,
};

const PEOPLE: [&str; 3] = ["alice@example.com", "bob@example.com", "carol@example.com"];

/// Deliveries that may have been sent before the last kill, and were repeated.
async fn doubtful(service: &Process) -> usize {
    let (_, admin) = service.serves().await;
    let text = raw_http::send(admin, "GET", "/metrics", &[], "").await.body;
    let count = text.lines().find_map(|line| line.strip_prefix("botyard_deliveries_total{outcome=\"doubtful\"} "));
    count.unwrap().parse().unwrap()
}

#[actix::test]
async fn what_was_accepted_before_a_kill_is_answered_after_it() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    // An answer of Webex takes its time, so that a kill finds events in every state.
    live.rule(json!({ "method": "POST", "path": "/messages", "delay_ms": 15, "times": 0 })).await;
    let mut service = live.serve().await;
    live.registered("echo").await;
    let (mut said, mut repeated, mut answered) = (BTreeMap::new(), 0, 0);
    for round in 0..3 {
        for number in 0..24 {
            let text = format!("round {round}, number {number}");
            let (_, id) = live.say(PEOPLE[number % 3], "echo", &text).await;
            said.insert(id, text);
        }
        // In the middle of it: some are answered, some under way, some not even delivered.
        answered = live.replies("echo", 0, answered + 6 + round).await.len();
        service.signal(Signal::KILL);
        let (status, _) = service.ended().await;
        assert_eq!(status.code(), None, "{status}");
        service = live.serve().await;
        live.registered("echo").await;
        eventually("an answer to all that was accepted", || async {
            let accepted = live.accepted().await;
            let replies = live.replies("echo", 0, 0).await;
            // The bot's own messages are accepted as well, and not answered.
            accepted.iter().filter_map(|id| said.get(id)).all(|text| replies.contains(text)).then_some(())
        })
        .await;
        let text = format!("after round {round}");
        let (after, id) = live.say(PEOPLE[0], "echo", &text).await;
        said.insert(id, text.clone());
        // What was stored just before its 200 could leave is answered, too, and may be answered later than this.
        eventually("an answer to what is new", || async {
            live.replies("echo", after, 1).await.contains(&text).then_some(())
        })
        .await;
        repeated += doubtful(&service).await;
    }
    service.stop().await;
    let accepted = live.accepted().await.iter().filter(|id| said.contains_key(*id)).count();
    assert!(accepted > 21, "the kills came in the middle: {accepted} of {}", said.len());
    let replies = live.replies("echo", 0, 0).await;
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for reply in &replies {
        *counts.entry(reply).or_default() += 1;
    }
    let twice: usize = counts.values().map(|count| count - 1).sum();
    assert!(twice <= repeated, "{twice} answers too many, {repeated} known to be doubtful: {counts:#?}");
}

#[actix::test]
async fn asked_to_stop_it_finishes_what_is_in_hand() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    live.rule(json!({ "method": "POST", "path": "/messages", "delay_ms": 300 })).await;
    live.say(PEOPLE[0], "echo", "last words").await;
    committed(&live).await;
    let asked = Instant::now();
    let log = service.stop().await;
    assert!(asked.elapsed().as_secs() < 8, "{:?}", asked.elapsed());
    assert_eq!(live.replies("echo", 0, 0).await, ["last words"]);
    assert!(log.iter().any(|line| line.contains("stopping")), "{log:#?}");
    assert!(log.iter().all(|line| !line.contains("WARN") && !line.contains("ERROR")), "{log:#?}");
    assert!(!live.ground.path("data/service.json").exists(), "nobody is sent to a service that has ended");
    let service = live.serve().await;
    live.registered("echo").await;
    assert_eq!(live.ask("echo", "again").await, "again");
    assert_eq!(live.replies("echo", 0, 0).await, ["last words", "again"]);
    service.stop().await;
}

#[actix::test]
async fn asked_twice_it_ends_at_once_and_loses_nothing() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let mut service = live.serve().await;
    live.registered("echo").await;
    live.rule(json!({ "method": "POST", "path": "/messages", "delay_ms": 20_000 })).await;
    live.say(PEOPLE[0], "echo", "slow").await;
    committed(&live).await;
    let asked = Instant::now();
    service.signal(Signal::TERM);
    service.logged("stopping").await;
    while !service.gone() {
        service.signal(Signal::INT);
        tokio::task::yield_now().await;
    }
    let (status, log) = service.ended().await;
    assert_eq!(status.code(), Some(0), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("stopped at once")), "{log:#?}");
    assert!(asked.elapsed().as_secs() < 6, "it did not wait for the drain: {:?}", asked.elapsed());
    let service = live.serve().await;
    assert!(live.replies("echo", 0, 1).await.contains(&"slow".to_owned()));
    service.stop().await;
}

/// Waits until the answer is promised: the turn is over, its delivery under way.
async fn committed(live: &Live) {
    eventually("a finished turn", || async {
        let events = live.run(&["events", "echo", "--state", "finished"]).await;
        events.out.contains("finished").then_some(())
    })
    .await;
}
