//! The registrar against a Webex of a few lines, under Tokio's paused clock.

use std::sync::{Mutex, atomic::AtomicUsize, atomic::Ordering};

use actix::{Addr, ResponseFuture};
use serde_json::{Value, json};
use tokio::time::pause;

use super::*;
use crate::{
    actors::{
        api::CallError,
        testing::{bot, store::FakeStore, until, wire::reply},
    },
    base::Secret,
    store::NewWebhook,
    webex::Reply,
};

/// Webhooks by token (here: by bot), and how the next requests fail.
#[derive(Default)]
struct Cloud {
    webhooks: HashMap<BotId, Vec<Value>>,
    made: usize,
    requests: Vec<String>,
    page: usize,
    fails: HashMap<BotId, CallError>,
    /// The answer to the next POST gets lost after it was carried out.
    loses_answer: bool,
    refuses: Option<&'static str>,
    secrets_known_when_made: Vec<bool>,
}

/// Answers as the api would.
#[derive(Clone)]
struct FakeWebex {
    cloud: Arc<Mutex<Cloud>>,
    store: FakeStore,
    busy: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Actor for FakeWebex {
    type Context = Context<Self>;
}

impl Handler<Call> for FakeWebex {
    type Result = ResponseFuture<Result<Reply, CallError>>;
    fn handle(&mut self, call: Call, _: &mut Self::Context) -> Self::Result {
        let webex = self.clone();
        Box::pin(async move {
            let busy = webex.busy.fetch_add(1, Ordering::SeqCst) + 1;
            webex.most.fetch_max(busy, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
            webex.busy.fetch_sub(1, Ordering::SeqCst);
            webex.answer(&call)
        })
    }
}

impl FakeWebex {
    fn answer(&self, call: &Call) -> Result<Reply, CallError> {
        let mut cloud = self.cloud.lock().unwrap();
        let path = call.request.path.trim_start_matches("https://webex.test");
        cloud.requests.push(format!("{} {path}", call.request.method));
        if let Some(error) = cloud.fails.get(&call.bot) {
            return Err(error.clone());
        }
        let body = call.request.body.as_ref().map(|body| serde_json::from_slice::<Value>(body.bytes()).unwrap());
        let id = path.strip_prefix("/webhooks/").map(str::to_owned);
        match (call.request.method, id, body) {
            ("GET", ..) => Ok(cloud.list(&call.bot, path)),
            ("POST", _, Some(mut body)) => {
                if cloud.refuses == body["resource"].as_str() {
                    return Ok(reply(400, r#"{"message":"not offered"}"#));
                }
                let secret = Secret::new(body["secret"].as_str().unwrap());
                let stored = self.store.webhook_rows().iter().any(|row| row.secret == secret);
                cloud.secrets_known_when_made.push(stored);
                cloud.made += 1;
                body["id"] = json!(format!("made{}", cloud.made));
                body["status"] = json!("active");
                cloud.webhooks.entry(call.bot.clone()).or_default().push(body.clone());
                if std::mem::take(&mut cloud.loses_answer) {
                    return Err(CallError::Deadline("the connection broke".into()));
                }
                Ok(reply(200, &body.to_string()))
            }
            ("PUT", Some(id), Some(body)) => Ok(cloud.put(&call.bot, &id, &body)),
            ("DELETE", Some(id), None) => {
                let webhooks = cloud.webhooks.entry(call.bot.clone()).or_default();
                let before = webhooks.len();
                webhooks.retain(|webhook| webhook["id"] != json!(id));
                Ok(reply(if webhooks.len() < before { 204 } else { 404 }, ""))
            }
            other => panic!("nobody asks that: {other:?}"),
        }
    }
}

impl Cloud {
    fn list(&mut self, bot: &BotId, path: &str) -> Reply {
        let webhooks = self.webhooks.entry(bot.clone()).or_default();
        let from: usize = path.split_once("from=").map_or(0, |(_, from)| from.parse().unwrap());
        let size = if self.page == 0 { 100 } else { self.page };
        let items: Vec<_> = webhooks.iter().skip(from).take(size).collect();
        let next = (from + size < webhooks.len()).then(|| format!("https://webex.test/webhooks?from={}", from + size));
        Reply { next, ..reply(200, &json!({ "items": items }).to_string()) }
    }

    fn put(&mut self, bot: &BotId, id: &str, body: &Value) -> Reply {
        let webhooks = self.webhooks.entry(bot.clone()).or_default();
        let Some(webhook) = webhooks.iter_mut().find(|webhook| webhook["id"] == json!(id)) else {
            return reply(404, "");
        };
        for (field, value) in body.as_object().unwrap() {
            webhook[field] = value.clone();
        }
        reply(200, &webhook.to_string())
    }
}

/// Stands for the supervisor.
#[derive(Default)]
struct Listener(Arc<Mutex<Vec<Reconciled>>>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<Reconciled> for Listener {
    type Result = ();
    fn handle(&mut self, told: Reconciled, _: &mut Self::Context) {
        self.0.lock().unwrap().push(told);
    }
}

struct House {
    registrar: Addr<Registrar>,
    webex: FakeWebex,
    store: FakeStore,
    routes: Routes,
    told: Arc<Mutex<Vec<Reconciled>>>,
}

impl House {
    fn new() -> Self {
        pause();
        let (store, listener, routes) = (FakeStore::default(), Listener::default(), Routes::new());
        let told = Arc::clone(&listener.0);
        let webex =
            FakeWebex { cloud: Arc::default(), store: store.clone(), busy: Arc::default(), most: Arc::default() };
        let settings = RegistrarSettings {
            instance: InstanceName::parse("prod").unwrap(),
            public_url: "https://bots.test/yard/".into(),
            at_once: 4,
            every: Duration::from_mins(5),
            deadline: Duration::from_mins(1),
        };
        let neighbours = RegistrarNeighbours {
            store: Arc::new(store.clone()),
            api: {
                let api = webex.clone().start().recipient();
                Arc::new(move || Some(api.clone()))
            },
            routes: routes.clone(),
            metrics: Arc::new(Metrics::new()),
            clock: Clock::following_tokio(),
            told: listener.start().recipient(),
        };
        let registrar = Registrar::new(settings, neighbours, ExitGuard::unwatched()).start();
        Self { registrar, webex, store, routes, told }
    }

    fn cloud(&self) -> std::sync::MutexGuard<'_, Cloud> {
        self.webex.cloud.lock().unwrap()
    }

    async fn reconcile(&self, name: &str) {
        let wanted = Kinds::default().with("messages.created").with("attachmentActions.created");
        self.registrar.send(Reconcile { bot: bot(name), wanted }).await.unwrap();
    }

    fn looks(&self, name: &str) -> usize {
        self.told.lock().unwrap().iter().filter(|told| told.bot == bot(name)).count()
    }

    /// The report of the next look.
    async fn next(&self, name: &str) -> Report {
        let before = self.looks(name);
        until("it was looked at", || self.looks(name) > before).await;
        self.last(name)
    }

    fn last(&self, name: &str) -> Report {
        self.told.lock().unwrap().iter().rfind(|told| told.bot == bot(name)).unwrap().report.clone()
    }

    fn webhooks(&self, name: &str) -> Vec<Value> {
        self.cloud().webhooks.get(&bot(name)).cloned().unwrap_or_default()
    }

    fn is_routed(&self, name: &str) -> Vec<bool> {
        let (_, route) = self.routes.reader().get(name).unwrap();
        let secret = |webhook: &Value| Secret::new(webhook["secret"].as_str().unwrap());
        self.webhooks(name).iter().map(|webhook| route.secrets.contains(&secret(webhook))).collect()
    }
}

fn webhook(id: &str, name: &str, target: &str) -> Value {
    json!({"id": id, "name": name, "targetUrl": target, "resource": "messages", "event": "created",
        "status": "active", "secret": "theirs"})
}

fn changes(created: u64, updated: u64, deleted: u64, adopted: u64) -> Changes {
    Changes { created, updated, deleted, adopted }
}

#[actix::test]
async fn a_new_bot_gets_its_webhooks_their_secrets_stored_before() {
    let house = House::new();
    house.reconcile("echo").await;
    let report = house.next("echo").await;
    assert_eq!((report.in_step, report.error, report.changes), (true, None, changes(2, 0, 0, 0)));
    let webhooks = house.webhooks("echo");
    assert_eq!(webhooks[0]["name"], "botyard/prod/echo/messages.created");
    assert_eq!(webhooks[0]["targetUrl"], "https://bots.test/yard/hooks/echo");
    assert_ne!(webhooks[0]["secret"], webhooks[1]["secret"]);
    assert_eq!(house.cloud().secrets_known_when_made, [true, true]);
    assert_eq!(house.is_routed("echo"), [true, true]);
    let again = house.next("echo").await;
    assert_eq!((again.in_step, again.changes, again.so_far), (true, Changes::default(), changes(2, 0, 0, 0)));
}

#[actix::test]
async fn every_page_is_read_and_a_stale_webhook_of_ours_on_the_last_is_mended() {
    let house = House::new();
    house.reconcile("echo").await;
    house.next("echo").await;
    {
        let mut cloud = house.cloud();
        cloud.page = 2;
        let webhooks = cloud.webhooks.get_mut(&bot("echo")).unwrap();
        webhooks[1]["targetUrl"] = json!("https://old.test/hooks/echo");
        for number in 0..5 {
            webhooks.insert(0, webhook(&format!("F{number}"), "theirs", "https://other.test/?token=x"));
        }
    }
    let report = house.next("echo").await;
    assert_eq!((report.in_step, report.changes), (true, changes(0, 1, 0, 0)));
    assert_eq!(report.foreign.len(), 5);
    assert_eq!(report.doubling().next().unwrap(), "theirs (https://other.test/)");
    assert_eq!(house.webhooks("echo").len(), 7, "nothing of others was touched");
}

#[actix::test]
async fn an_answer_that_got_lost_makes_no_second_webhook() {
    let house = House::new();
    house.cloud().loses_answer = true;
    house.reconcile("echo").await;
    let report = house.next("echo").await;
    assert_eq!(report.error.as_deref(), Some("no answer in time (the connection broke)"));
    let report = house.next("echo").await;
    assert_eq!((report.in_step, report.changes), (true, changes(1, 0, 0, 1)));
    assert_eq!(house.webhooks("echo").len(), 2);
    assert_eq!(house.is_routed("echo"), [true, true]);
    assert_eq!(house.store.webhook_rows().len(), 2);
}

#[actix::test]
async fn an_orphan_of_ours_is_adopted_with_a_secret_we_know() {
    let house = House::new();
    let orphan = webhook("W", "botyard/prod/echo/messages.created", "https://bots.test/yard/hooks/echo");
    house.cloud().webhooks.insert(bot("echo"), vec![orphan]);
    house.reconcile("echo").await;
    let report = house.next("echo").await;
    assert_eq!((report.in_step, report.changes), (true, changes(1, 0, 0, 1)));
    assert_ne!(house.webhooks("echo")[0]["secret"], "theirs");
    assert_eq!(house.is_routed("echo"), [true, true]);
}

#[actix::test]
async fn a_webhook_switched_off_is_switched_on_at_once_and_rests_when_it_happens_again() {
    let house = House::new();
    house.reconcile("echo").await;
    house.next("echo").await;
    let switch_off = || house.cloud().webhooks.get_mut(&bot("echo")).unwrap()[0]["status"] = json!("inactive");
    switch_off();
    let report = house.next("echo").await;
    assert_eq!((report.in_step, report.changes), (true, changes(0, 1, 0, 0)));
    assert_eq!(house.webhooks("echo")[0]["status"], "active");
    let seen = report.at;
    switch_off();
    house.reconcile("echo").await;
    let report = house.next("echo").await;
    assert!(!report.in_step && report.notes[0].contains("rests"), "{report:?}");
    assert_eq!(house.webhooks("echo")[0]["status"], "inactive");
    let report = house.next("echo").await;
    assert!(report.in_step && report.at.since(seen) >= REST, "{report:?}");
    assert_eq!(house.webhooks("echo")[0]["status"], "active");
}

#[actix::test]
async fn a_kind_that_webex_does_not_offer_is_noted_and_holds_no_other() {
    let house = House::new();
    house.cloud().refuses = Some("messages");
    house.reconcile("echo").await;
    let report = house.next("echo").await;
    assert_eq!((report.in_step, report.error, report.changes), (false, None, changes(1, 0, 0, 0)));
    assert_eq!(report.notes, ["Webex does not make the webhook `messages.created`: not offered (400)"]);
    assert_eq!(house.store.webhook_rows().len(), 1);
}

#[actix::test]
async fn one_bad_bot_stops_no_other_and_looks_are_paced() {
    let house = House::new();
    let names: Vec<_> = (0..30).map(|number| format!("bot{number}")).collect();
    house.cloud().fails.insert(bot("bot0"), CallError::Unauthorized);
    for name in &names {
        house.reconcile(name).await;
    }
    until("all were looked at", || names.iter().all(|name| house.looks(name) > 0)).await;
    for name in &names {
        assert_eq!(house.last(name).in_step, name != "bot0");
    }
    assert_eq!(house.last("bot0").error.as_deref(), Some("Webex refuses the token"));
    assert_eq!(house.webex.most.load(Ordering::SeqCst), 4);
    house.cloud().fails.clear();
    until("the bad one is well again", || house.last("bot0").in_step).await;
    let reports = house.registrar.send(Reports).await.unwrap();
    assert!(reports.len() == 30 && reports.iter().all(|(_, report)| report.in_step));
}

#[actix::test]
async fn a_bot_that_leaves_takes_its_own_webhooks_along_and_nothing_else() {
    let house = House::new();
    house.reconcile("echo").await;
    house.next("echo").await;
    let strangers = ["botyard/test/echo/messages.created", "botyard/prod/parrot/messages.created", "mine"];
    for (number, name) in strangers.iter().enumerate() {
        let stranger = webhook(&format!("F{number}"), name, "https://bots.test/yard/hooks/echo");
        house.cloud().webhooks.get_mut(&bot("echo")).unwrap().push(stranger);
    }
    house.registrar.send(Deregister { bot: bot("echo") }).await.unwrap();
    until("it has left", || house.told.lock().unwrap().last().unwrap().leaving).await;
    let report = house.last("echo");
    assert_eq!((report.in_step, report.changes), (true, changes(0, 0, 2, 0)));
    let left: Vec<_> = house.webhooks("echo").iter().map(|webhook| webhook["name"].clone()).collect();
    assert_eq!(left, strangers);
    assert!(house.store.webhook_rows().is_empty());
    let requests = house.cloud().requests.len();
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(house.cloud().requests.len(), requests, "nobody looks any more");
}

#[actix::test]
async fn a_dismissed_bot_keeps_its_webhooks_and_is_left_alone() {
    let house = House::new();
    house.reconcile("echo").await;
    house.next("echo").await;
    house.registrar.send(Dismiss { bot: bot("echo") }).await.unwrap();
    let requests = house.cloud().requests.len();
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(house.cloud().requests.len(), requests);
    assert_eq!(house.webhooks("echo").len(), 2);
}

#[actix::test]
async fn a_webhook_that_became_unwanted_is_removed_and_its_secret_leaves_the_routes_a_look_later() {
    let house = House::new();
    house.reconcile("echo").await;
    house.next("echo").await;
    let wanted = Kinds::default().with("messages.created");
    house.registrar.send(Reconcile { bot: bot("echo"), wanted }).await.unwrap();
    let report = house.next("echo").await;
    assert_eq!((report.in_step, report.changes), (true, changes(0, 0, 1, 0)));
    assert_eq!(house.routes.reader().get("echo").unwrap().1.secrets.len(), 2, "its last events may be on their way");
    house.next("echo").await;
    assert_eq!(house.routes.reader().get("echo").unwrap().1.secrets.len(), 1);
}

#[actix::test]
async fn a_former_secret_is_accepted_until_a_look_finds_nothing_to_change() {
    let house = House::new();
    house.reconcile("echo").await;
    house.next("echo").await;
    let secrets = || house.routes.reader().get("echo").unwrap().1.secrets.clone();
    let former = secrets();
    // Somebody deletes a webhook; what it was the last to bring may still be on its way.
    house.cloud().webhooks.get_mut(&bot("echo")).unwrap().remove(0);
    assert_eq!(house.next("echo").await.changes, changes(1, 0, 0, 0));
    assert!(former.iter().all(|secret| secrets().contains(secret)));
    assert_eq!(house.is_routed("echo"), [true, true]);
    house.next("echo").await;
    assert_eq!(former.iter().filter(|secret| secrets().contains(secret)).count(), 1);
    assert_eq!(house.is_routed("echo"), [true, true]);
}

#[actix::test]
async fn a_secret_staged_before_a_crash_is_used_not_piled_up() {
    let house = House::new();
    let (resource, event, secret) = ("messages".into(), "created".into(), Secret::new("staged"));
    house.store.stage_webhook(NewWebhook { bot: bot("echo"), resource, event, secret }).await.unwrap();
    house.reconcile("echo").await;
    assert!(house.next("echo").await.in_step);
    assert_eq!(house.webhooks("echo")[0]["secret"], "staged");
    assert_eq!(house.store.webhook_rows().len(), 2);
}
