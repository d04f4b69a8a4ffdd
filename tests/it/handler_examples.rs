//! The programs of `examples/handlers`, run as a person would run them.

use std::{fs, path::PathBuf};

use crate::support::{
    clients::set_up,
    house::{House, Plan, address},
    served::Served,
};

/// An example that listens where it likes.
fn served(program: &str, file: &str, before: &[&str], env: &[(&str, &str)]) -> Served {
    Served::start(program, &example(file), &[before, &["0"]].concat(), env)
}

fn example(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/handlers").join(file)
}

async fn house(secrets: Option<&str>, definition: &str) -> House {
    let mut settings = vec![("handlers.allow", "127.0.0.1".to_owned()), ("handlers.exec", "true".to_owned())];
    settings.extend(secrets.map(|dir| ("secrets.dirs", dir.to_owned())));
    let house = House::build(Plan { settings, ..Plan::default() }, &[("helper/bot.toml", definition)]).await;
    house.registered(&["helper"]).await;
    house
}

#[actix::test]
async fn python_answers_once_as_a_worker_and_as_a_signed_service() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().canonicalize().unwrap().display().to_string();
    fs::write(dir.path().join("key"), "whsec_aHVzaC1odXNo").unwrap();
    let served = served("bin/python", "answer.py", &["--serve"], &[("HANDLER_SECRET", "whsec_aHVzaC1odXNo")]);
    let (python, file) = (set_up("bin/python").display().to_string(), example("answer.py").display().to_string());
    let definition = format!(
        "[[command]]\nwords = ['once']\nexec = ['{python}', '{file}']\n\
         [[command]]\nwords = ['stay']\nexec = {{ command = ['{python}', '{file}', '--worker'], worker = true }}\n\
         [[command]]\nwords = ['serve']\nhttp = {{ url = 'http://127.0.0.1:{}/', secret = 'file:{folder}/key' }}\n\
         [[command]]\nwords = ['forge']\non_error = 'refused'\nhttp = 'http://127.0.0.1:{}/'\n\
         [[command]]\nwords = ['last']\nreply = '{{{{ state.person.last }}}}'\n",
        served.port, served.port
    );
    let house = house(Some(&folder), &definition).await;
    for line in ["once two three", "stay two three", "stay two three four", "serve two"] {
        let words = line.split(' ').count();
        let said = house.sim.ask("helper", line).await;
        assert!(said.starts_with(&format!("{words} words from Alice")), "{line}: {said}");
        house.quiet().await;
        assert_eq!(house.sim.ask("helper", "last").await, line);
    }
    assert_eq!(house.sim.ask("helper", "forge one").await, "refused", "it is not signed");
    house.close().await;
}

#[actix::test]
async fn a_slow_python_service_takes_the_call_over_and_answers_twice() {
    let served = served("bin/python", "slow.py", &[], &[]);
    let house = house(None, &format!("[fallback]\nhttp = 'http://127.0.0.1:{}/'\n", served.port)).await;
    let after = house.sim.say(&address("helper"), "otters").await;
    let replies = house.sim.replies("helper", after, 2).await;
    assert_eq!(replies[0]["text"], "Looking…");
    assert_eq!(replies[1]["text"], "I found this about: otters");
    house.close().await;
}

#[actix::test]
async fn node_and_a_shell_answer_too() {
    let served = served("bin/node", "answer.mjs", &["--serve"], &[]);
    let (node, file) = (set_up("bin/node").display().to_string(), example("answer.mjs").display().to_string());
    let shell = example("uptime.sh").display().to_string();
    let definition = format!(
        "[[command]]\nwords = ['serve']\nhttp = 'http://127.0.0.1:{}/'\n\
         [[command]]\nwords = ['once']\nexec = {{ command = ['{node}', '{file}'] }}\n\
         [[command]]\nwords = ['stay']\nexec = {{ command = ['{node}', '{file}', '--worker'], worker = true }}\n\
         [[command]]\nwords = ['uptime']\nexec = ['/bin/sh', '{shell}']\n",
        served.port
    );
    let house = house(None, &definition).await;
    assert_eq!(house.sim.ask("helper", "serve abc").await, "cba evres");
    assert_eq!(house.sim.ask("helper", "once abc").await, "cba ecno");
    assert_eq!(house.sim.ask("helper", "stay abc").await, "cba yats");
    assert!(house.sim.ask("helper", "uptime").await.starts_with("This host has been up for"));
    house.close().await;
}

#[actix::test]
async fn a_flask_bot_with_ciscos_sdk_runs_unchanged_behind_forward() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().canonicalize().unwrap().display().to_string();
    fs::write(dir.path().join("webhook"), "as-it-always-was").unwrap();
    let mut house = House::build(Plan::default(), &[("helper.toml", "[fallback]\nreply = 'not yet'\n")]).await;
    house.registered(&["helper"]).await;
    let api = format!("{}/", house.sim.api());
    let env = [
        ("WEBEX_ACCESS_TOKEN", "sim-bot-helper"),
        ("WEBEX_BASE_URL", api.as_str()),
        ("WEBHOOK_SECRET", "as-it-always-was"),
    ];
    let served = served("bin/python", "flask_bot.py", &[], &env);
    house.stop().await;
    house.set("handlers.allow", "127.0.0.1");
    house.set("secrets.dirs", folder.clone());
    let definition = format!(
        "[[on]]\nevent = 'message'\nforward = {{ url = 'http://127.0.0.1:{}/webhook', secret = 'file:{folder}/webhook' }}\n",
        served.port
    );
    house.write("helper.toml", &definition);
    house.open().await.unwrap();
    house.registered(&["helper"]).await;
    assert_eq!(house.sim.ask("helper", "good morning").await, "You said: good morning");
    house.close().await;
}
