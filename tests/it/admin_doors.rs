//! Who may ask the admin listener what.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use botyard::base::{Clock, EventId, Millis};
use botyard::{
    actors::{
        archivist::{BackupReport, BackupState},
        line::Line,
        rehearsal::{Rehearsal, Would},
        report::{
            Applied, AppliedChange, BotState, BotStatus, PauseReport, ReloadReport, ResumeReport, WebhookSummary,
        },
        runner::OpenCalls,
    },
    base::{BotId, Secret},
    http::{
        Admin, EffectsDoor, Limits, Readiness, Running, ServerMode, SteerError, Steered, Steering,
        server::{bind, serve},
    },
    store::{Accepted, BackupStage, BackupTaken, By, Class, NewEvent, Store, StoreError, Whom},
    telemetry::{CONTENT_TYPE, Metrics},
};

use crate::support::{
    fake_store::FakeStore,
    raw_http::{Answer, send},
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const BOT_TOKEN: &str = "the-bots-own-token";

/// A house of one bot that does as it is told.
#[derive(Default)]
struct Puppet {
    /// Every word about pauses and backups, and who said it.
    words: Mutex<Vec<String>>,
    reloads: Mutex<Vec<bool>>,
    tokens: Mutex<Vec<(BotId, Secret, By)>>,
}

fn echo() -> BotId {
    BotId::parse("echo").unwrap()
}

fn status() -> BotStatus {
    BotStatus {
        id: echo(),
        state: BotState::Running,
        reason: None,
        digest: Some("abcdef012345".into()),
        name: Some("Echo".into()),
        email: Some("echo@webex.bot".into()),
        waiting: 1,
        deliveries: 2,
        buried: 3,
        webhooks: WebhookSummary { in_step: true, ..WebhookSummary::default() },
        last_error: None,
        diagnostics: Vec::new(),
    }
}

fn report() -> ReloadReport {
    let applied = Applied { bot: echo(), digest: "abcdef012345".into(), change: AppliedChange::Changed };
    ReloadReport { applied: vec![applied], ..ReloadReport::default() }
}

fn backup_of(file: PathBuf, state: BackupState) -> BackupReport {
    let taken = BackupTaken { file: file.clone(), taken_at: Millis(5), bytes: 2048, schema: 4, bots: 1, pending: 2 };
    let taken = (state == BackupState::Done).then_some(taken);
    BackupReport { id: 7, file, state, stage: BackupStage::Copying, done: 0, of: 2048, taken, error: None }
}

impl Steering for Puppet {
    fn bots(&self) -> Steered<'_, Vec<BotStatus>> {
        Box::pin(async { Ok(vec![status()]) })
    }

    fn bot(&self, bot: BotId) -> Steered<'_, BotStatus> {
        Box::pin(async move { if bot == echo() { Ok(status()) } else { Err(SteerError::UnknownBot) } })
    }

    fn reload(&self, confirm: bool) -> Steered<'_, ReloadReport> {
        self.reloads.lock().unwrap().push(confirm);
        Box::pin(async { Ok(report()) })
    }

    fn put_token(&self, bot: BotId, token: Secret, by: By) -> Steered<'_, ()> {
        Box::pin(async move {
            match token.expose() {
                "taken" => Err(SteerError::Conflict("this token is that of bot `hello`".into())),
                "absent" => Err(SteerError::Unavailable("the roster does not answer".into())),
                "late" => Err(SteerError::Closing),
                _ => {
                    self.tokens.lock().unwrap().push((bot, token, by));
                    Ok(())
                }
            }
        })
    }

    fn pause(&self, whom: Whom, by: By) -> Steered<'_, PauseReport> {
        self.words.lock().unwrap().push(format!("pause {whom:?} by {by}"));
        Box::pin(async move {
            if whom == Whom::All || whom == Whom::Bot(echo()) {
                Ok(PauseReport { changed: true })
            } else {
                Err(SteerError::UnknownBot)
            }
        })
    }

    fn resume(&self, whom: Whom, by: By) -> Steered<'_, ResumeReport> {
        self.words.lock().unwrap().push(format!("resume {whom:?} by {by}"));
        Box::pin(async { Ok(ResumeReport { paused: true, ..ResumeReport::default() }) })
    }

    fn back_up(&self, file: PathBuf, force: bool, by: By) -> Steered<'_, BackupReport> {
        self.words.lock().unwrap().push(format!("backup {} {force} by {by}", file.display()));
        Box::pin(async move { Ok(backup_of(file, BackupState::Running)) })
    }

    fn backup(&self) -> Steered<'_, Option<BackupReport>> {
        Box::pin(async { Ok(Some(backup_of("/srv/b.db".into(), BackupState::Done))) })
    }

    fn rehearse(&self, _: BotId, _: Vec<u8>) -> Steered<'_, Rehearsal> {
        Box::pin(async { Ok(Rehearsal::because(Would::Unknown, "a puppet rehearses nothing")) })
    }
}

struct AdminDoor {
    running: Running,
    store: Arc<FakeStore>,
    puppet: Arc<Puppet>,
    readiness: Readiness,
}

async fn open(mode: ServerMode) -> AdminDoor {
    let (store, puppet, readiness) =
        (Arc::new(FakeStore::default()), Arc::new(Puppet::default()), Readiness::default());
    readiness.set_listening(true);
    let admin = Admin {
        token: Secret::new(TOKEN),
        store: Arc::clone(&store) as Arc<dyn Store>,
        metrics: Arc::new(Metrics::new()),
        steering: Arc::clone(&puppet) as Arc<dyn Steering>,
        readiness: readiness.clone(),
        effects: EffectsDoor::new(OpenCalls::new(Arc::clone(&store) as Arc<dyn Store>, Clock::System), Line::new()),
        simulator: true,
    };
    let limits = Limits { header: Duration::from_secs(1), connections: 64 };
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "admin.listen").unwrap();
    let running = serve(listener, mode, limits, admin.routes()).await.unwrap();
    AdminDoor { running, store, puppet, readiness }
}

impl AdminDoor {
    async fn ask(&self, method: &str, path: &str, auth: Option<&str>, body: &str) -> Answer {
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(auth.map(|auth| ("Authorization", auth)));
        let answer = send(self.running.addr(), method, path, &headers, body).await;
        for secret in [TOKEN, BOT_TOKEN] {
            assert!(!answer.body.contains(secret) && !answer.head.contains(secret), "{answer:?}");
        }
        answer
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, Some(&format!("Bearer {TOKEN}")), "").await
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, Some(&format!("bearer {TOKEN}")), body).await
    }
}

#[actix_web::test]
async fn probes_and_metrics_are_open_in_either_mode() {
    for mode in [ServerMode::Here, ServerMode::Workers(1)] {
        let door = open(mode).await;
        let live = door.ask("GET", "/livez", None, "").await;
        assert_eq!((live.status, live.body.as_str()), (200, "ok\n"));
        let ready = door.ask("GET", "/readyz", None, "").await;
        let expected = serde_json::json!({ "ready": true, "reasons": [], "simulator": true });
        assert_eq!((ready.status, ready.json()), (200, expected));
        let metrics = door.ask("GET", "/metrics", None, "").await;
        assert_eq!((metrics.status, metrics.header("content-type")), (200, Some(CONTENT_TYPE)));
        assert!(metrics.body.contains("botyard_build_info") && metrics.body.ends_with("# EOF\n"));
        let post = door.ask("POST", "/livez", None, "").await;
        assert_eq!((post.status, post.code().as_str()), (405, "method_not_allowed"));
        door.running.stop(true).await;
    }
}

#[actix_web::test]
async fn everything_else_is_closed_without_the_token_even_what_does_not_exist() {
    let door = open(ServerMode::Here).await;
    let wrong = format!("Bearer {TOKEN}x");
    let basic = format!("Basic {TOKEN}");
    for auth in [None, Some(wrong.as_str()), Some(basic.as_str()), Some("Bearer"), Some("Bearer "), Some(TOKEN)] {
        for (method, path) in [
            ("GET", "/v1/bots"),
            ("GET", "/v1/bots/echo"),
            ("GET", "/v1/events"),
            ("POST", "/v1/reload"),
            ("POST", "/v1/bots/echo/token"),
            ("DELETE", "/v1/bots/echo"),
            ("GET", "/v1/nothing"),
            ("GET", "/"),
        ] {
            let answer = door.ask(method, path, auth, "{}").await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"), "{method} {path} {auth:?}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    assert!(door.puppet.reloads.lock().unwrap().is_empty());
    for path in ["/v1/nothing", "/"] {
        assert_eq!(door.get(path).await.code(), "not_found");
    }
    assert_eq!(door.post("/v1/bots", "{}").await.code(), "method_not_allowed");
}

#[actix_web::test]
async fn not_ready_says_why() {
    let door = open(ServerMode::Here).await;
    door.readiness.set_listening(false);
    door.store.answer_with(Some(StoreError::DiskFull));
    let answer = door.ask("GET", "/readyz", None, "").await;
    assert_eq!((answer.status, answer.json()["ready"].as_bool()), (503, Some(false)));
    let reasons = answer.json()["reasons"].to_string();
    assert!(reasons.contains("ingress") && reasons.contains("disk"), "{reasons}");
    for _ in 0..5 {
        door.ask("GET", "/readyz", None, "").await;
    }
    assert!(door.store.probes.load(Ordering::SeqCst) < 6, "asking often does not write often");
    assert_eq!(door.ask("GET", "/livez", None, "").await.status, 200);
}

#[actix_web::test]
async fn bots_are_shown_as_the_house_reports_them() {
    let door = open(ServerMode::Here).await;
    let bots = door.get("/v1/bots").await;
    assert_eq!((bots.status, bots.json()), (200, serde_json::json!({ "bots": [status()] })));
    let bot = door.get("/v1/bots/echo").await;
    assert_eq!(serde_json::from_str::<BotStatus>(&bot.body).unwrap(), status());
    for path in ["/v1/bots/nobody", "/v1/bots/NO-ID"] {
        assert_eq!(door.get(path).await.code(), "unknown_bot");
    }
}

#[actix_web::test]
async fn events_are_listed_by_bot_and_state_and_shown_one_by_one() {
    let door = open(ServerMode::Here).await;
    let id = EventId::new();
    let event = NewEvent {
        bot: echo(),
        id,
        kind: "messages.created",
        order_key: "R|P".into(),
        dedupe_key: "K".into(),
        seen_until: Millis(1),
        class: Class::Interactive,
        due_at: Millis(0),
        payload: Vec::new(),
        envelope: None,
        answers: None,
    };
    assert!(matches!(door.store.accept(event).await, Ok(Accepted::New(_))));
    for (query, found) in [
        ("", 1),
        ("?bot=echo&state=waiting&limit=5", 1),
        ("?bot=&state=", 1),
        ("?bot=hello", 0),
        ("?state=buried", 0),
        ("?limit=0", 0),
    ] {
        let answer = door.get(&format!("/v1/events{query}")).await;
        assert_eq!(answer.json()["events"].as_array().map(Vec::len), Some(found), "{query}: {answer:?}");
    }
    for query in ["?state=lost", "?limit=many", "?bto=echo"] {
        let answer = door.get(&format!("/v1/events{query}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{query}");
    }
    let one = door.get(&format!("/v1/events/{id}")).await;
    assert_eq!((one.json()["id"].as_str(), one.json()["order_key"].as_str()), (Some(&*id.to_string()), Some("R|P")));
    for id in [EventId::new().to_string(), "17".to_owned()] {
        assert_eq!(door.get(&format!("/v1/events/{id}")).await.code(), "unknown_event");
    }
    door.store.answer_with(Some(StoreError::Engine("secret plans".into())));
    let failed = door.get("/v1/events").await;
    assert_eq!((failed.status, failed.code().as_str()), (503, "store_failed"));
    assert!(!failed.body.contains("plans"));
}

#[actix_web::test]
async fn a_reload_is_waited_for_if_asked() {
    let door = open(ServerMode::Here).await;
    let waited = door.post("/v1/reload", r#"{"wait":true,"confirm":true}"#).await;
    assert_eq!(waited.status, 200);
    assert_eq!(serde_json::from_str::<ReloadReport>(&waited.body).unwrap(), report());
    assert_eq!(door.post("/v1/reload", "{}").await.status, 202);
    while door.puppet.reloads.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(*door.puppet.reloads.lock().unwrap(), [true, false]);
    for body in ["", "7", r#"{"wiat":true}"#] {
        assert_eq!(door.post("/v1/reload", body).await.code(), "bad_request", "{body}");
    }
}

#[actix_web::test]
async fn a_token_is_handed_on_and_never_shown() {
    let door = open(ServerMode::Here).await;
    let put = door.post("/v1/bots/echo/token", &format!(r#"{{"token":"{BOT_TOKEN}"}}"#)).await;
    assert_eq!((put.status, put.body.as_str()), (204, ""));
    assert_eq!(*door.puppet.tokens.lock().unwrap(), [(echo(), Secret::new(BOT_TOKEN), By::admin(None))]);
    let bodies = [
        format!("\"{BOT_TOKEN}\""),
        format!(r#"{{"{BOT_TOKEN}":1}}"#),
        format!(r#"{{"token":["{BOT_TOKEN}"]}}"#),
        format!(r#"{{"token":"{BOT_TOKEN} "}}"#),
        r#"{"token":""}"#.to_owned(),
    ];
    for body in bodies {
        let answer = door.post("/v1/bots/echo/token", &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{body}");
    }
    for (word, status, code) in [("taken", 409, "conflict"), ("absent", 503, "unavailable"), ("late", 503, "closing")] {
        let answer = door.post("/v1/bots/echo/token", &format!(r#"{{"token":"{word}"}}"#)).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    let large = format!(r#"{{"token":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(door.post("/v1/bots/echo/token", &large).await.code(), "body_too_large");
    let headers = [("Authorization", &*format!("Bearer {TOKEN}")), ("Content-Type", "text/plain")];
    let plain = send(door.running.addr(), "POST", "/v1/bots/echo/token", &headers, "{}").await;
    assert_eq!((plain.status, plain.code().as_str()), (415, "not_json"));
}

#[actix::test]
async fn who_did_what_is_told_and_a_word_that_is_no_act_is_refused_with_those_that_are() {
    let door = open(ServerMode::Here).await;
    let answer = door.ask("GET", "/v1/audit?bot=echo&act=replay&limit=5", Some(&format!("Bearer {TOKEN}")), "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"acts":[]}"#));
    let answer = door.ask("GET", "/v1/audit?act=sung", Some(&format!("Bearer {TOKEN}")), "").await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("`token_set`"), "{}", answer.body);
    door.running.stop(false).await;
}

#[actix::test]
async fn pauses_and_backups_are_steered_and_a_path_that_is_none_is_refused() {
    let door = open(ServerMode::Here).await;
    for (path, answer) in [
        ("/v1/pause", (200, r#"{"changed":true}"#)),
        ("/v1/bots/echo/pause", (200, r#"{"changed":true}"#)),
        ("/v1/bots/nobody/pause", (404, "unknown_bot")),
        ("/v1/resume", (200, r#""paused":true"#)),
        ("/v1/bots/echo/resume", (200, r#""still":[]"#)),
    ] {
        let told = door.post(path, "{}").await;
        assert_eq!(told.status, answer.0, "{path}: {}", told.body);
        assert!(told.body.contains(answer.1), "{path}: {}", told.body);
    }
    let begun = door.post("/v1/backup", r#"{"file":"/srv/b.db"}"#).await;
    assert_eq!(begun.status, 202);
    assert!(begun.body.contains(r#""state":"running""#), "{}", begun.body);
    let refused = door.post("/v1/backup", r#"{"file":"b.db"}"#).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "bad_request"));
    let newest = door.ask("GET", "/v1/backup", Some(&format!("Bearer {TOKEN}")), "").await;
    assert!(newest.status == 200 && newest.body.contains(r#""state":"done""#), "{}", newest.body);
    assert_eq!(door.ask("GET", "/v1/backup", None, "").await.status, 401);
    door.running.stop(false).await;
}

#[actix::test]
async fn a_silent_house_is_ready_and_says_why_it_is_silent() {
    let door = open(ServerMode::Here).await;
    door.readiness.set_silence(Some("all bots were paused".to_owned()));
    let told = door.ask("GET", "/readyz", None, "").await;
    assert_eq!(told.status, 200);
    assert!(told.body.contains(r#""reasons":["all bots were paused"]"#), "{}", told.body);
    door.running.stop(false).await;
}

#[actix_web::test]
async fn a_person_is_forgotten_step_by_step_under_every_form_of_the_name() {
    const ID: &str = "7c1e5a02-3f0b-4b7e-9f57-0e3f5c7d9a11";
    let door = open(ServerMode::Here).await;
    let asked = format!(r#"{{"names":["ann@example.com","{ID}"],"dry_run":true}}"#);
    let answer = door.post("/v1/people/forget", &asked).await;
    assert_eq!(
        (answer.status, &answer.json()["events"], &answer.json()["next"]),
        (200, &serde_json::json!(2), &serde_json::Value::Null)
    );
    let steps = door.store.forgotten();
    assert!(steps.len() == 2 && steps.iter().all(|(step, _)| step.dry_run && step.names.len() == 3), "{steps:?}");
    let goes_on = r#"{"names":["ann@example.com"],"at":{"events":7}}"#;
    assert_eq!(door.post("/v1/people/forget", goes_on).await.status, 200);
    assert_eq!(door.store.forgotten()[2].0.at, botyard::store::ForgetAt::Events(7));
    for wrong in ["{}", r#"{"names":[]}"#, r#"{"names":["ann"]}"#, r#"{"names":["ann@example.com"],"at":{"moon":1}}"#] {
        assert_eq!(door.post("/v1/people/forget", wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(door.store.forgotten().len(), 3);
}
