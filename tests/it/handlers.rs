//! Programs that answer for a bot: over HTTP, at once or later; any API; a webhook passed on; a program of this host.

use std::{fs, path::Path};

use botyard::{
    base::Secret,
    handlers::signing,
    webex::{SignatureHeaders, signature},
};
use serde_json::{Value, json};

use crate::support::{
    handler::{Answer, Heard, Program},
    house::{House, Plan, address},
    raw_http,
};

fn json_answer(value: &Value) -> Answer {
    (200, "application/json", value.to_string())
}

/// Secrets of the tests, in files below a folder that definitions may read from.
struct Secrets(tempfile::TempDir);

impl Secrets {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("signing"), "hush-hush").unwrap();
        Self(dir)
    }

    fn place(&self) -> String {
        format!("file:{}/signing", self.0.path().canonicalize().unwrap().display())
    }
}

/// A house that may call programs of this machine.
async fn house(secrets: &Secrets, more: &[(&'static str, &str)], text: &str) -> House {
    let mut settings = vec![
        ("handlers.allow", "127.0.0.1".to_owned()),
        ("handlers.attempts", "2".to_owned()),
        ("secrets.dirs", secrets.0.path().canonicalize().unwrap().display().to_string()),
    ];
    settings.extend(more.iter().map(|&(key, value)| (key, value.to_owned())));
    let house = House::build(Plan { settings, ..Plan::default() }, &[("pager/bot.toml", text)]).await;
    house.registered(&["pager"]).await;
    house
}

fn texts(replies: &[Value]) -> Vec<&str> {
    replies.iter().map(|reply| reply["text"].as_str().unwrap_or_default()).collect()
}

#[actix::test]
async fn a_program_over_http_is_told_the_turn_and_its_effects_happen() {
    let secrets = Secrets::new();
    let program = Program::start(|_, _| {
        json_answer(&json!({"effects": [
            {"say": {"text": "paged", "thread": true}},
            {"remember": {"scope": "room", "key": "pages", "add": 1}},
        ]}))
    })
    .await;
    let text = format!(
        "[[command]]\nwords = ['page']\nack = 'One moment'\nhttp = {{ url = '{}', secret = '{}' }}\n\
         [[command]]\nwords = ['count']\nreply = '{{{{ state.room.pages }}}}'\n",
        program.url("/page"),
        secrets.place()
    );
    let house = house(&secrets, &[], &text).await;
    let after = house.sim.say(&address("pager"), "page db it is down").await;
    let replies = house.sim.replies("pager", after, 2).await;
    assert_eq!(texts(&replies), ["One moment", "paged"]);
    let heard = program.heard();
    let [Heard { line, body, .. }] = &heard[..] else { panic!("{} calls", heard.len()) };
    assert_eq!(line, "POST /page");
    let turn: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(turn["version"], "1");
    assert_eq!(turn["message"]["text"], "page db it is down");
    assert_eq!((&turn["bot"]["id"], &turn["attempt"]), (&json!("pager"), &json!(1)));
    assert_eq!(turn["person"]["email"], "alice@example.com");
    assert_eq!(turn["room"]["type"], "direct");
    let (id, time) = (heard[0].header("webhook-id"), heard[0].header("webhook-timestamp"));
    assert_eq!(id, turn["call"]);
    let now = time.parse().unwrap();
    assert!(signing::verify(&Secret::new("hush-hush"), id, time, heard[0].header("webhook-signature"), body, now));
    house.quiet().await;
    assert_eq!(house.sim.ask("pager", "count").await, "1");
    house.close().await;
}

#[actix::test]
async fn a_program_that_takes_a_call_over_answers_as_often_as_it_likes() {
    let secrets = Secrets::new();
    let program = Program::start(|_, _| (202, "text/plain", String::new())).await;
    let text = format!("[fallback]\nhttp = '{}'\n", program.url("/slow"));
    let house = house(&secrets, &[], &text).await;
    let after = house.sim.say(&address("pager"), "what is the answer?").await;
    let turn =
        house.sim.eventually("the program to be called", || async { program.heard().first().map(Heard::json) }).await;
    let path = format!("/effects/{}", turn["call"].as_str().unwrap());
    assert_eq!(turn["effects"]["url"], format!("http://{}{path}", house.app().admin_addr()));
    let post = async |token: &str, body: Value| {
        let auth = format!("Bearer {token}");
        let headers = [("Content-Type", "application/json"), ("Authorization", &auth)];
        raw_http::send(house.app().admin_addr(), "POST", &path, &headers, body.to_string()).await
    };
    let token = turn["effects"]["token"].as_str().unwrap();
    assert_eq!(post("wrong", json!({"effects": [{"say": "x"}]})).await.status, 404);
    let bad = post(token, json!({"effects": [{"sya": "x"}]})).await;
    assert_eq!((bad.status, bad.code()), (400, "bad_request".to_owned()));
    assert!(bad.body.contains("effects[0].sya"), "{}", bad.body);
    assert_eq!(post(token, json!({"effects": [{"say": "thinking"}]})).await.status, 202);
    assert_eq!(post(token, json!({"effects": [{"say": "42"}], "done": true})).await.status, 202);
    let replies = house.sim.replies("pager", after, 2).await;
    assert_eq!(texts(&replies), ["thinking", "42"]);
    house.quiet().await;
    assert_eq!(post(token, json!({"effects": [{"say": "late"}]})).await.status, 404, "the call is over");
    assert_eq!(program.heard().len(), 1);
    house.close().await;
}

#[actix::test]
async fn a_second_call_while_the_first_is_made_is_refused_or_made_beside_it() {
    let secrets = Secrets::new();
    let program = Program::start(|_, _| (202, "text/plain", String::new())).await;
    let text = format!(
        "[[command]]\nwords = ['one']\non_error = '{{{{ response.cause }}}}: {{{{ response.error }}}}'\n\
         http = {{ url = '{0}', busy = 'refuse' }}\n\
         [[command]]\nwords = ['many']\nhttp = {{ url = '{0}', busy = 'parallel' }}\n",
        program.url("/slow")
    );
    let house = house(&secrets, &[], &text).await;
    let called = async |times: usize| {
        let heard = || async { (program.heard().len() == times).then_some(()) };
        house.sim.eventually("the program to be called", heard).await;
    };
    house.sim.say(&address("pager"), "one").await;
    called(1).await;
    assert_eq!(house.sim.ask("pager", "one").await, "busy: the call before it is still being made");
    house.sim.say(&address("pager"), "many").await;
    house.sim.say(&address("pager"), "many").await;
    called(3).await;
    for turn in program.heard().iter().map(Heard::json) {
        let (path, auth) = (format!("/effects/{}", turn["call"].as_str().unwrap()), &turn["effects"]["token"]);
        let auth = format!("Bearer {}", auth.as_str().unwrap());
        let headers = [("Content-Type", "application/json"), ("Authorization", &*auth)];
        let done = json!({"done": true}).to_string();
        assert_eq!(raw_http::send(house.app().admin_addr(), "POST", &path, &headers, done).await.status, 202);
    }
    house.close().await;
}

#[actix::test]
async fn a_call_is_repeated_under_its_id_and_given_up_with_a_sentence() {
    let secrets = Secrets::new();
    let program = Program::start(|number, _| match number {
        0 => (503, "text/plain", "busy".to_owned()),
        1 => (200, "text/plain", "now it works".to_owned()),
        _ => (500, "text/plain", "never".to_owned()),
    })
    .await;
    let text = format!(
        "[fallback]\non_error = 'That did not work: {{{{ response.error }}}}'\nhttp = '{}'\n",
        program.url("/flaky")
    );
    let house = house(&secrets, &[], &text).await;
    assert_eq!(house.sim.ask("pager", "please").await, "now it works");
    let heard = program.heard();
    assert_eq!(heard[0].header("webhook-id"), heard[1].header("webhook-id"));
    assert_eq!((&heard[0].json()["attempt"], &heard[1].json()["attempt"]), (&json!(1), &json!(2)));
    let said = house.sim.ask("pager", "again").await;
    assert_eq!(said, "That did not work: given up after 2 tries: it answered 500");
    let (status, dead) = house.admin("GET", "/dead", None).await;
    assert_eq!((status, dead["letters"].as_array().unwrap().len()), (200, 1), "{dead}");
    assert_eq!(dead["letters"][0]["cause"], "gave_up");
    house.close().await;
}

#[actix::test]
async fn what_is_near_is_not_called_unless_the_operator_says_so() {
    let secrets = Secrets::new();
    let program = Program::start(|_, _| (200, "text/plain", "leaked".to_owned())).await;
    let text = format!("[fallback]\non_error = '{{{{ response.error }}}}'\nhttp = '{}'\n", program.url("/"));
    let house = house(&secrets, &[("handlers.allow", "")], &text).await;
    let said = house.sim.ask("pager", "hello").await;
    assert!(said.contains("`handlers.allow`") && said.contains("127.0.0.1"), "{said}");
    assert!(program.heard().is_empty());
    house.close().await;
}

#[actix::test]
async fn an_api_is_called_with_secrets_and_its_response_has_a_branch_a_status() {
    let secrets = Secrets::new();
    let program = Program::start(|_, heard| {
        if heard.json()["title"] == "gone" {
            (404, "application/json", r#"{"why":"no such ticket"}"#.to_owned())
        } else {
            (201, "application/json", r#"{"id":7}"#.to_owned())
        }
    })
    .await;
    let text = format!(
        r#"
[[command]]
words = ["ticket"]
[command.call]
url = "{}"
query = {{ by = "{{{{ person.email }}}}" }}
secrets = {{ KEY = "{}" }}
headers = {{ Authorization = "Bearer secret:KEY", X-Said = "{{{{ args.rest }}}}" }}
json = {{ title = "{{{{ args.rest }}}}", urgent = true }}
reply = [
  {{ text = "ticket {{{{ response.json.id }}}} for {{{{ args.rest }}}}", when = "response.status == 201" }},
  {{ text = "refused: {{{{ response.json.why }}}}", when = "response.status == 404" }},
]
"#,
        program.url("/tickets"),
        secrets.place()
    );
    let house = house(&secrets, &[], &text).await;
    assert_eq!(house.sim.ask("pager", "ticket secret:KEY").await, "ticket 7 for secret:KEY");
    assert_eq!(house.sim.ask("pager", "ticket gone").await, "refused: no such ticket");
    let heard = program.heard();
    assert_eq!(heard[0].line, "POST /tickets?by=alice%40example.com");
    assert_eq!(heard[0].header("authorization"), "Bearer hush-hush");
    assert_eq!(heard[0].header("x-said"), "secret:KEY", "what people write names no secret");
    assert_eq!(heard[0].json(), json!({"title": "secret:KEY", "urgent": true}));
    assert_eq!(heard[0].header("content-type"), "application/json");
    let stored = fs::read(house.data_dir().join("botyard.db")).unwrap_or_default();
    assert!(!stored.windows(9).any(|nine| nine == b"hush-hush"), "a secret stands in the database");
    house.close().await;
}

#[actix::test]
async fn a_webhook_is_forwarded_byte_for_byte_and_signed_anew() {
    let secrets = Secrets::new();
    let program =
        Program::start(|number, _| if number == 0 { (500, "", String::new()) } else { (204, "", String::new()) }).await;
    let text = format!(
        "[[on]]\nevent = 'message'\nforward = {{ url = '{}', secret = '{}' }}\n",
        program.url("/bot"),
        secrets.place()
    );
    let house = house(&secrets, &[], &text).await;
    house.sim.say(&address("pager"), "hello program").await;
    house.sim.eventually("the webhook to be passed on", || async { (program.heard().len() == 2).then_some(()) }).await;
    house.quiet().await;
    let heard = program.heard();
    assert_eq!(heard[0].body, heard[1].body);
    let envelope = heard[1].json();
    assert_eq!((&envelope["resource"], &envelope["event"]), (&json!("messages"), &json!("created")));
    assert_eq!(envelope["data"]["personEmail"], "alice@example.com");
    assert!(envelope["name"].as_str().unwrap().starts_with("botyard/"), "it is what Webex sent");
    let headers = SignatureHeaders { spark: Some(heard[1].header("x-spark-signature")), webex: None };
    signature::verify(headers, &heard[1].body, &[Secret::new("hush-hush")]).unwrap();
    house.close().await;
}

/// A program of this host in the folder of its definition.
fn exec(house_dir: &Path, name: &str, text: &str) {
    let path = house_dir.join("pager").join(name);
    fs::write(path, text).unwrap();
}

#[actix::test]
async fn a_program_of_this_host_is_run_only_where_that_is_allowed() {
    let secrets = Secrets::new();
    let text = "[[command]]\nwords = ['run']\non_error = '{{ response.error }}'\nexec = ['/bin/sh', 'answer.sh']\n";
    let mut house = house(&secrets, &[], text).await;
    exec(&house.bots_dir(), "answer.sh", "read -r turn; echo \"$PWD\" | grep -q pager && echo 'I ran where I live'\n");
    let refused = house.sim.ask("pager", "run").await;
    assert!(refused.contains("`handlers.exec = true`"), "{refused}");
    house.stop().await;
    house.set("handlers.exec", "true");
    house.open().await.unwrap();
    house.registered(&["pager"]).await;
    assert_eq!(house.sim.ask("pager", "run").await, "I ran where I live");
    house.close().await;
}

#[actix::test]
async fn a_script_answers_inside_the_turn() {
    let secrets = Secrets::new();
    let text = "[[command]]\nwords = ['add']\nscript = '''\nlet sum = 0;\n\
                for word in args.rest.split(\" \") { sum += parse_int(word); }\nsay(`that is ${sum}`);\n'''\n";
    let house = house(&secrets, &[], text).await;
    assert_eq!(house.sim.ask("pager", "add 3 4").await, "that is 7");
    house.close().await;
}

#[actix::test]
async fn a_call_that_was_cut_off_is_made_again_under_its_id() {
    let secrets = Secrets::new();
    let program = Program::start(|number, _| match number {
        0 => (202, "text/plain", String::new()),
        _ => (200, "text/plain", "here at last".to_owned()),
    })
    .await;
    let text = format!("[fallback]\nhttp = '{}'\n", program.url("/"));
    let mut house = house(&secrets, &[("bots.drain_seconds", "0")], &text).await;
    let after = house.sim.say(&address("pager"), "hello").await;
    house.sim.eventually("the first call", || async { program.heard().first().cloned() }).await;
    house.stop_now().await;
    house.open().await.unwrap();
    let replies = house.sim.replies("pager", after, 1).await;
    assert_eq!(texts(&replies), ["here at last"]);
    let heard = program.heard();
    assert_eq!(heard[0].header("webhook-id"), heard[1].header("webhook-id"));
    assert_eq!(heard[1].json()["attempt"], 2);
    house.close().await;
}

#[actix::test]
async fn a_worker_takes_turn_after_turn() {
    let secrets = Secrets::new();
    let text = "[fallback]\nexec = { command = ['/bin/sh', 'worker.sh'], worker = true }\n";
    let house = house(&secrets, &[("handlers.exec", "true")], text).await;
    let worker =
        "n=0; while read -r turn; do n=$((n+1)); echo \"{\\\"effects\\\":[{\\\"say\\\":\\\"turn $n\\\"}]}\"; done\n";
    exec(&house.bots_dir(), "worker.sh", worker);
    assert_eq!(house.sim.ask("pager", "a").await, "turn 1");
    assert_eq!(house.sim.ask("pager", "b").await, "turn 2");
    house.close().await;
}

/// How many calls the program has heard of.
async fn heard(house: &House, program: &Program, count: usize) {
    let so_many = || async { (program.heard().len() == count).then_some(()) };
    house.sim.eventually(&format!("{count} calls"), so_many).await;
}

/// Ends the open call with this number.
async fn ends(house: &House, program: &Program, number: usize, said: &str) {
    let turn = program.heard()[number].json();
    let (path, auth) = (
        format!("/effects/{}", turn["call"].as_str().unwrap()),
        format!("Bearer {}", turn["effects"]["token"].as_str().unwrap()),
    );
    let headers = [("Content-Type", "application/json"), ("Authorization", auth.as_str())];
    let body = json!({ "effects": [{ "say": said }], "done": true }).to_string();
    assert_eq!(raw_http::send(house.app().admin_addr(), "POST", &path, &headers, body).await.status, 202);
}

#[actix::test]
async fn a_call_beside_another_waits_goes_beside_it_or_is_refused_as_its_rule_says() {
    let secrets = Secrets::new();
    let program = Program::start(|_, _| (202, "text/plain", String::new())).await;
    let rule = |busy: &str| {
        format!(
            "[[command]]\nwords = ['{busy}']\non_error = '{{{{ response.error }}}}'\n\
             http = {{ url = '{}', busy = '{busy}' }}\n",
            program.url("/")
        )
    };
    let text = ["queue", "parallel", "refuse"].map(rule).concat();
    let house = house(&secrets, &[], &text).await;
    let after = house.sim.say(&address("pager"), "parallel one").await;
    heard(&house, &program, 1).await;
    house.sim.say(&address("pager"), "parallel two").await;
    heard(&house, &program, 2).await;
    ends(&house, &program, 1, "second").await;
    assert_eq!(texts(&house.sim.replies("pager", after, 1).await), ["second"]);
    ends(&house, &program, 0, "first").await;
    assert_eq!(texts(&house.sim.replies("pager", after, 2).await), ["second", "first"]);

    let after = house.sim.say(&address("pager"), "refuse one").await;
    heard(&house, &program, 3).await;
    house.sim.say(&address("pager"), "refuse two").await;
    let busy = "the call before it is still being made";
    assert_eq!(texts(&house.sim.replies("pager", after, 1).await), [busy]);
    ends(&house, &program, 2, "done").await;
    house.quiet().await;
    let after = house.sim.say(&address("pager"), "refuse three").await;
    heard(&house, &program, 4).await;
    ends(&house, &program, 3, "three").await;
    assert_eq!(texts(&house.sim.replies("pager", after, 1).await), ["three"]);

    let after = house.sim.say(&address("pager"), "queue one").await;
    heard(&house, &program, 5).await;
    house.sim.say(&address("pager"), "queue two").await;
    ends(&house, &program, 4, "one").await;
    heard(&house, &program, 6).await;
    ends(&house, &program, 5, "two").await;
    assert_eq!(texts(&house.sim.replies("pager", after, 2).await), ["one", "two"]);
    house.close().await;
}
