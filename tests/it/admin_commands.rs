//! The commands that talk to a running service, as a script runs them: the real program against a real listener.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Output,
    sync::{Arc, Mutex},
    time::Duration,
};

use assert_cmd::Command;
use botyard::{
    actors::{
        archivist::{BackupReport, BackupState},
        line::Line,
        rehearsal::{Rehearsal, Would},
        report::{
            Applied, AppliedChange, BotState, BotStatus, Finding, PauseReport, RefusedDefinition, ReloadReport,
            ResumeReport, WebhookSummary,
        },
        runner::OpenCalls,
    },
    base::{BotId, Clock, EventId, Millis, Secret},
    http::{
        Admin, EffectsDoor, Limits, Readiness, Running, ServerMode, SteerError, Steered, Steering,
        server::{bind, serve},
    },
    store::{BackupStage, BackupTaken, By, Class, NewEvent, Store, Whom},
    telemetry::Metrics,
};
use tempfile::TempDir;

use crate::support::fake_store::FakeStore;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A house of one bot.
#[derive(Default)]
struct Puppet {
    /// Every word about pauses and backups, and who said it.
    words: Mutex<Vec<String>>,
    /// Whether each reload was confirmed.
    reloads: Mutex<Vec<bool>>,
    tokens: Mutex<Vec<Secret>>,
}

fn echo() -> BotId {
    BotId::parse("echo").unwrap()
}

fn status() -> BotStatus {
    BotStatus {
        id: echo(),
        state: BotState::Parked,
        reason: Some("Webex refuses its token".into()),
        digest: Some("abcdef012345".into()),
        name: Some("Echo".into()),
        email: Some("echo@webex.bot".into()),
        waiting: 1,
        deliveries: 0,
        buried: 0,
        webhooks: WebhookSummary { in_step: true, ..WebhookSummary::default() },
        last_error: None,
        diagnostics: Vec::new(),
    }
}

fn report() -> ReloadReport {
    let finding = Finding {
        severity: "error".into(),
        code: "syntax".into(),
        message: "a value is missing".into(),
        file: "broken.toml".into(),
        line: 1,
        column: 4,
        width: 1,
        excerpt: "x =".into(),
        hint: None,
    };
    ReloadReport {
        applied: vec![Applied { bot: echo(), digest: "abcdef012345".into(), change: AppliedChange::Changed }],
        refused: vec![RefusedDefinition { bot: "broken".into(), diagnostics: vec![finding] }],
        ..ReloadReport::default()
    }
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
        let broken = if confirm { Vec::new() } else { report().refused };
        Box::pin(async { Ok(ReloadReport { refused: broken, ..report() }) })
    }

    fn put_token(&self, _: BotId, token: Secret, _: By) -> Steered<'_, ()> {
        Box::pin(async move {
            if token.expose() == "taken" {
                return Err(SteerError::Conflict("this token is that of bot `hello`".into()));
            }
            self.tokens.lock().unwrap().push(token);
            Ok(())
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

/// A service with its data dir.
struct Service {
    dir: TempDir,
    running: Running,
    store: Arc<FakeStore>,
    puppet: Arc<Puppet>,
    readiness: Readiness,
}

async fn start(simulator: bool) -> Service {
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
        simulator,
    };
    let limits = Limits { header: Duration::from_secs(1), connections: 64 };
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "admin.listen").unwrap();
    let running = serve(listener, ServerMode::Workers(1), limits, admin.routes()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let endpoint = serde_json::json!({ "pid": 1, "listen": "127.0.0.1:1", "admin": running.addr() });
    fs::write(dir.path().join("service.json"), endpoint.to_string()).unwrap();
    let service = Service { dir, running, store, puppet, readiness };
    service.leave_token(TOKEN);
    service
}

impl Service {
    fn leave_token(&self, token: &str) {
        let path = self.dir.path().join("admin.token");
        fs::write(&path, token).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Runs the program beside the service.
    async fn run(&self, args: &[&str], stdin: &str) -> Ran {
        let mut command = Command::cargo_bin("botyard").unwrap();
        command.env_clear().current_dir(self.dir.path()).args(args).write_stdin(stdin.to_owned());
        command.args(["--data-dir", "."]).args(["--set", "admin.listen=127.0.0.1:0"]);
        tokio::task::spawn_blocking(move || Ran::from(command.output().unwrap())).await.unwrap()
    }
}

#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ran = Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) };
        assert!(!ran.out.contains(TOKEN) && !ran.err.contains(TOKEN), "{ran:?}");
        ran
    }
}

#[actix_web::test]
async fn bots_are_a_table_or_json_and_an_unknown_one_is_named() {
    let service = start(false).await;
    let table = service.run(&["bots"], "").await;
    assert_eq!((table.code, table.err.as_str()), (0, ""));
    assert!(table.out.starts_with("BOT ") && table.out.contains("echo: parked: Webex refuses its token"), "{table:?}");
    let json = service.run(&["bots", "--json"], "").await;
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json.out).unwrap(),
        serde_json::json!({ "bots": [status()] })
    );
    let one = service.run(&["bots", "echo", "--json"], "").await;
    assert_eq!(serde_json::from_str::<BotStatus>(&one.out).unwrap(), status());
    let card = service.run(&["bots", "echo"], "").await;
    assert!(card.out.contains("email       echo@webex.bot"), "{card:?}");
    let unknown = service.run(&["bots", "ecko"], "").await;
    assert_eq!((unknown.code, unknown.out.as_str()), (1, ""));
    assert_eq!(unknown.err, "botyard: there is no bot `ecko`: did you mean `echo`?\n");
}

#[actix_web::test]
async fn events_are_listed_and_told_by_id_or_its_beginning() {
    let service = start(false).await;
    let id = EventId::new();
    let event = NewEvent {
        bot: echo(),
        id,
        kind: "messages.created",
        order_key: "room|person".into(),
        dedupe_key: "key".into(),
        seen_until: Millis(1),
        class: Class::Interactive,
        due_at: Millis(0),
        payload: Vec::new(),
        envelope: None,
        answers: None,
    };
    service.store.accept(event).await.unwrap();
    let whole = id.to_string();
    let list = service.run(&["events", "echo", "--state", "waiting"], "").await;
    assert!(list.code == 0 && list.out.starts_with("TIME ") && list.out.contains(&whole), "{list:?}");
    for id in [whole.as_str(), whole.split_at(13).0] {
        let story = service.run(&["events", "echo", "--id", id], "").await;
        assert!(story.code == 0 && story.out.contains("in order with `room|person`"), "{story:?}");
    }
    let json = service.run(&["events", "--id", &whole, "--json"], "").await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json.out).unwrap()["order_key"], "room|person");
    for (args, code, said) in [
        (vec!["events", "nobody"], 1, "there is no bot `nobody`"),
        (vec!["events", "hello", "--id", &whole], 1, "is of bot `echo`"),
        (vec!["events", "--id", "ffffffff"], 1, "begins with `ffffffff`"),
        (vec!["events", "--id", "00000000-0000-7000-8000-000000000000"], 1, "never accepted"),
        (vec!["events", "--id", "what"], 1, "no id of an event"),
        (vec!["events", "--state", "lost"], 64, "waiting, claimed, finished, buried"),
        (vec!["events", "--limit", "0"], 64, "--limit"),
    ] {
        let ran = service.run(&args, "").await;
        assert!(ran.code == code && ran.err.contains(said), "{args:?}: {ran:?}");
    }
}

#[actix_web::test]
async fn a_reload_that_refuses_something_ends_with_1() {
    let service = start(false).await;
    let refused = service.run(&["reload", "--wait"], "").await;
    assert_eq!(refused.code, 1);
    assert!(refused.out.contains("error[syntax]") && refused.out.contains("1 applied, 1 refused"), "{refused:?}");
    let confirmed = service.run(&["reload", "--wait", "--confirm-removals", "--json"], "").await;
    let told: ReloadReport = serde_json::from_str(&confirmed.out).unwrap();
    assert_eq!((confirmed.code, told.applied), (0, report().applied));
    let at_once = service.run(&["reload"], "").await;
    assert!(at_once.code == 0 && at_once.out.contains("--wait"), "{at_once:?}");
    while service.puppet.reloads.lock().unwrap().len() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(*service.puppet.reloads.lock().unwrap(), [false, true, false]);
}

#[actix_web::test]
async fn a_token_is_piped_in_and_never_shown() {
    let service = start(false).await;
    let kept = service.run(&["token", "set", "echo"], " s3cret-token\n").await;
    assert_eq!((kept.code, kept.out.as_str()), (0, ""));
    assert!(kept.err.contains("is kept, sealed") && !kept.err.contains("s3cret"), "{kept:?}");
    assert_eq!(*service.puppet.tokens.lock().unwrap(), [Secret::new("s3cret-token")]);
    for (bot, stdin, said) in [
        ("echo", "", "there is no token"),
        ("echo", "Bearer s3cret", "spaces"),
        ("echo", "taken", "that of bot `hello`"),
        ("ecko", "s3cret", "did you mean `echo`"),
        ("Echo", "s3cret", "a bot id is made of"),
    ] {
        let ran = service.run(&["token", "set", bot], stdin).await;
        assert!(ran.code == 1 && ran.err.contains(said) && !ran.err.contains("s3cret"), "{ran:?}");
    }
    assert_eq!(service.puppet.tokens.lock().unwrap().len(), 1);
}

#[actix_web::test]
async fn a_service_on_the_simulator_is_given_no_token() {
    let service = start(true).await;
    fs::create_dir(service.dir.path().join("bots.d")).unwrap();
    fs::write(service.dir.path().join("bots.d/echo.toml"), "[fallback]\nreply = \"hi\"\n").unwrap();
    let ran = service.run(&["token", "set", "echo", "--bots-dir", "bots.d"], "s3cret").await;
    assert!(ran.code == 0 && ran.err.contains("for the next start"), "{ran:?}");
    assert!(service.puppet.tokens.lock().unwrap().is_empty());
    assert!(service.dir.path().join("botyard.db").exists());
}

#[actix_web::test]
async fn health_needs_no_token_and_says_what_is_wrong() {
    let service = start(false).await;
    fs::remove_file(service.dir.path().join("admin.token")).unwrap();
    let well = service.run(&["healthcheck"], "").await;
    assert_eq!((well.code, well.out.as_str(), well.err.as_str()), (0, "ready\n", ""));
    service.readiness.set_listening(false);
    let ill = service.run(&["healthcheck"], "").await;
    assert_eq!((ill.code, ill.err.as_str()), (1, "botyard: not ready: the ingress is not open\n"));
}

#[actix_web::test]
async fn a_wrong_or_missing_admin_token_is_said_with_its_file() {
    let service = start(false).await;
    service.leave_token(&"x".repeat(40));
    let wrong = service.run(&["bots"], "").await;
    assert!(wrong.code == 1 && wrong.err.contains("admin.token`") && wrong.err.contains("--data-dir"), "{wrong:?}");
    fs::remove_file(service.dir.path().join("admin.token")).unwrap();
    let missing = service.run(&["reload"], "").await;
    assert!(missing.code == 78 && missing.err.contains("there is no admin token at"), "{missing:?}");
}

#[actix_web::test]
async fn with_nobody_there_each_command_says_so() {
    let service = start(false).await;
    let address = service.running.addr().to_string();
    service.running.stop(true).await;
    let service = Service { running: start(false).await.running, ..service };
    for command in ["bots", "events", "reload", "healthcheck"] {
        let ran = service.run(&[command], "").await;
        assert!(ran.code == 1 && ran.err.contains(&format!("nobody listens on `{address}`")), "{ran:?}");
        assert!(command == "healthcheck" || ran.err.contains("botyard serve"), "{ran:?}");
    }
    assert!(!service.dir.path().join("botyard.db").exists(), "a look makes no store");
}

#[actix_web::test]
async fn a_bot_or_all_of_them_are_paused_and_resumed_by_name() {
    let service = start(false).await;
    let paused = service.run(&["pause", "echo"], "").await;
    assert!(paused.code == 0 && paused.out.contains("`echo` is paused: turns in hand finish"), "{paused:?}");
    let all = service.run(&["resume", "--all", "--json"], "").await;
    assert!(serde_json::from_str::<ResumeReport>(&all.out).unwrap().paused, "{all:?}");
    let words = service.puppet.words.lock().unwrap().clone();
    assert!(words[0].starts_with("pause Bot(") && words[0].contains(" by admin:"), "{words:?}");
    assert!(words[1].starts_with("resume All by admin:"), "{words:?}");
    let unknown = service.run(&["pause", "ecko"], "").await;
    assert!(unknown.code == 1 && unknown.err.contains("did you mean `echo`"), "{unknown:?}");
    for args in [vec!["pause"], vec!["pause", "echo", "--all"], vec!["resume"]] {
        let ran = service.run(&args, "").await;
        assert_eq!(ran.code, 64, "{ran:?}");
    }
}

#[actix_web::test]
async fn a_backup_is_asked_for_by_its_whole_path_and_waited_for() {
    let service = start(false).await;
    let made = service.run(&["backup", "b.db"], "").await;
    assert!(made.code == 0 && made.out.starts_with("/srv/b.db: the store of 1970-01-01"), "{made:?}");
    assert!(made.err.contains("the seal key is not in it"), "{made:?}");
    let word = service.puppet.words.lock().unwrap().remove(0);
    let whole = service.dir.path().canonicalize().unwrap().join("b.db");
    assert!(word.starts_with(&format!("backup {} false by admin:", whole.display())), "{word}");
    let json = service.run(&["backup", "b.db", "--json"], "").await;
    assert_eq!(serde_json::from_str::<BackupTaken>(&json.out).unwrap().bytes, 2048);
}
