//! `botyard test --calls real`: what no step answers is made as the service makes it, and its answer is played.

use std::net::SocketAddr;

use botyard::{
    base::{Secret, spawn::spawn},
    handlers::signing,
    webex::{SignatureHeaders, signature},
};
use serde_json::{Value, json};

use crate::support::{
    handler::{Heard, Program},
    program::{Ground, Ran},
    raw_http,
};

/// Settings of whoever lets programs of this machine be called, each once.
const ALLOWED: [(&str, &str); 3] =
    [("BOTYARD_HANDLERS__ALLOW", "127.0.0.1"), ("BOTYARD_HANDLERS__ATTEMPTS", "1"), ("TICKET_KEY", "hush-hush")];

/// Plays one case of a bot.
async fn played(bot: &str, steps: &str, args: &[&str], env: &[(&str, &str)]) -> Ran {
    let ground = Ground::with(&[
        ("pager/bot.toml", bot),
        ("pager/pager.test.toml", &format!("[[case]]\nname = 'a'\nsteps = [{steps}]\n")),
        ("pager/answer.sh", "read -r turn; echo \"$PWD\" | grep -q pager && echo 'I ran where I live'\n"),
    ]);
    ground.run_beside(&[&["test"], args].concat(), env).await
}

async fn really(bot: &str, steps: &str) -> Ran {
    played(bot, steps, &["--calls=real", "--verbose"], &ALLOWED).await
}

#[actix::test]
async fn a_call_that_no_step_answers_is_made_and_its_answer_is_played() {
    let program = Program::start(|_, heard| match heard.line.as_str() {
        "POST /page" => {
            let answer = json!({"effects": [{"say": "paged"}, {"remember": {"scope": "room", "key": "n", "add": 1}}]});
            (200, "application/json", answer.to_string())
        }
        _ => (201, "application/json", r#"{"id":7}"#.to_owned()),
    })
    .await;
    let bot = format!(
        "[[command]]\nwords = ['page']\nack = 'One moment'\nhttp = {{ url = '{}', secret = 'env:TICKET_KEY' }}\n\
         [[command]]\nwords = ['ticket']\n[command.call]\nurl = '{}'\nsecrets = {{ KEY = 'env:TICKET_KEY' }}\n\
         headers = {{ Authorization = 'Bearer secret:KEY' }}\njson = {{ title = '{{{{ args.rest }}}}' }}\n\
         reply = 'ticket {{{{ response.json.id }}}}, {{{{ response.status }}}}'\n",
        program.url("/page"),
        program.url("/tickets")
    );
    let steps = "{ alice = 'page db' }, { bot = 'One moment' }, { bot.calls = '/page' }, { bot = 'paged' },\n\
                 { bot.remembers.room.n = 1 },\n\
                 { bob = 'ticket disk' }, { bot.calls = '/tickets' }, { bot = 'ticket 7, 201' },\n\
                 { bob = 'ticket fan' }, { bot.calls = '/tickets', answer = { status = 409, json = { id = 0 } } },\n\
                 { bot = 'ticket 0, 409' }";
    let ran = really(&bot, steps).await;
    assert_eq!(ran.code, 0, "{}", ran.out);
    let heard = program.heard();
    let [page, ticket] = &heard[..] else { panic!("what a step answers is not made: {heard:?}") };
    let (id, time) = (page.header("webhook-id"), page.header("webhook-timestamp"));
    let signed = page.header("webhook-signature");
    assert!(signing::verify(&Secret::new("hush-hush"), id, time, signed, &page.body, time.parse().unwrap()));
    assert_eq!((&page.json()["message"]["text"], &page.json()["attempt"]), (&json!("page db"), &json!(1)));
    assert_eq!((ticket.header("authorization"), &ticket.json()["title"]), ("Bearer hush-hush", &json!("disk")));
    assert!(ran.out.contains("(answers 201: {\"id\":7})"), "{}", ran.out);
    assert!(!ran.out.contains("hush-hush"), "{}", ran.out);

    let shown = played(&bot, "{ alice = 'page db' }, { bot = 'One moment' }", &["-v"], &ALLOWED).await;
    assert_eq!(shown.code, 0, "{}", shown.out);
    assert!(shown.out.contains("/page: not made)"), "{}", shown.out);
    assert_eq!(program.heard().len(), 2, "without the flag nothing is called");
}

/// Answers later, in the way that a handler does.
async fn answer_later(turn: Value) {
    let url = turn["effects"]["url"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    let (host, path) = url.split_once('/').unwrap();
    let (address, path): (SocketAddr, _) = (host.parse().unwrap(), format!("/{path}"));
    let auth = format!("Bearer {}", turn["effects"]["token"].as_str().unwrap());
    let headers = [("Content-Type", "application/json"), ("Authorization", &*auth)];
    for answer in [
        json!({"effects": [{"say": {"text": "thinking", "key": "k"}}]}),
        json!({"effects": [{"say": {"text": "42", "key": "k"}}], "done": true}),
    ] {
        assert_eq!(raw_http::send(address, "POST", &path, &headers, answer.to_string()).await.status, 202);
    }
}

#[actix::test]
async fn what_a_program_posts_after_it_took_a_call_over_is_played_in_its_order() {
    let program = Program::start(|_, heard| {
        spawn(answer_later(heard.json()));
        (202, "text/plain", String::new())
    })
    .await;
    let bot = format!("[fallback]\nhttp = '{}'\n", program.url("/slow"));
    let ran = really(&bot, "{ alice = 'well?' }, { bot = 'thinking', key = 'k' }, { bot.edits = '42' }").await;
    assert_eq!(ran.code, 0, "{}", ran.out);
}

#[actix::test]
async fn a_webhook_is_made_up_for_a_program_that_is_forwarded_to() {
    let program = Program::start(|_, _| (204, "", String::new())).await;
    let bot = format!(
        "[[on]]\nevent = 'message'\nforward = {{ url = '{}', secret = 'env:TICKET_KEY' }}\n",
        program.url("/bot")
    );
    let ran = really(&bot, "{ alice = 'hello program', in = 'Ops' }, { bot.calls = { form = 'forward' } }").await;
    assert_eq!(ran.code, 0, "{}", ran.out);
    let heard: Heard = program.heard().remove(0);
    let envelope = heard.json();
    assert_eq!((&envelope["resource"], &envelope["event"]), (&json!("messages"), &json!("created")));
    assert_eq!(
        (&envelope["data"]["personEmail"], &envelope["data"]["roomType"]),
        (&json!("alice@example.com"), &json!("group"))
    );
    let headers = SignatureHeaders { spark: Some(heard.header("x-spark-signature")), webex: None };
    signature::verify(headers, &heard.body, &[Secret::new("hush-hush")]).unwrap();
}

#[actix::test]
async fn a_program_of_this_host_is_run_only_where_the_settings_say_so() {
    let bot = "[fallback]\non_error = '{{ response.error }} ({{ response.cause }})'\nexec = ['/bin/sh', 'answer.sh']\n";
    let args = ["--calls", "real", "--set", "handlers.exec=true"];
    let ran = played(bot, "{ alice = 'go' }, { bot = 'I ran where I live' }", &args, &[]).await;
    assert_eq!(ran.code, 0, "{}", ran.out);
    let ran = really(bot, "{ alice = 'go' }, { bot = 'I ran where I live' }").await;
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("`handlers.exec = true`") && ran.out.contains("(refused)"), "{}", ran.out);
}

#[actix::test]
async fn what_does_not_work_is_told_as_the_service_tells_it() {
    let program = Program::start(|_, _| (500, "text/plain", "never".to_owned())).await;
    let said = |url: &str| {
        format!("[fallback]\non_error = '{{{{ response.cause }}}}: {{{{ response.error }}}}'\nhttp = '{url}'\n")
    };
    let steps = |part: &str| format!("{{ alice = 'go' }}, {{ bot.says = {{ contains = '{part}' }} }}");
    let ran = really(&said(&program.url("/")), &steps("gave_up: given up after 1 tries: it answered 500")).await;
    assert_eq!(ran.code, 0, "{}", ran.out);
    // The discard port: nobody is there.
    let ran = really(&said("http://127.0.0.1:9/"), &steps("gave_up: given up after 1 tries: ")).await;
    assert_eq!(ran.code, 0, "{}", ran.out);
    let guarded = [("BOTYARD_HANDLERS__ALLOW", "")];
    let near = steps("refused: `127.0.0.1` is this machine");
    let ran = played(&said(&program.url("/")), &near, &["--calls=real"], &guarded).await;
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert_eq!(program.heard().len(), 1);
    let listen = program.address.to_string();
    let own = [("BOTYARD_HANDLERS__ALLOW", "127.0.0.1"), ("BOTYARD_ADMIN__LISTEN", listen.as_str())];
    let ran = played(&said(&program.url("/")), &steps("is Botyard itself"), &["--calls=real"], &own).await;
    assert_eq!(ran.code, 0, "{}", ran.out);
}

#[test]
fn a_flag_or_a_setting_that_is_wrong_is_named() {
    let ground = Ground::with(&[("echo.toml", "[fallback]\nreply = 'x'\n")]);
    ground.write("bots.d/echo.test.toml", "[[case]]\nname = 'a'\nsteps = [{ alice = 'a' }, { bot = 'x' }]\n");
    let ran = ground.run(&["test", "--calls", "maybe"], &[]);
    assert!(
        ran.code == 64 && ran.err.contains("'maybe'") && ran.err.contains("[possible values: shown, real]"),
        "{ran:?}"
    );
    let ran = ground.run(&["test", "--calls", "real"], &[("BOTYARD_HANDLERS__ALLOW", "pager:9000")]);
    assert!(ran.code == 78 && ran.err.contains("`handlers.allow`: `pager:9000`"), "{ran:?}");
    assert_eq!(ground.run(&["test", "--calls", "real"], &[]).code, 0);
}
