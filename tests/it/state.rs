//! What a bot keeps, looked at and changed from the command line: beside a running service and without one.

use std::fs;

use serde_json::{Value, json};

use crate::support::{house::ECHO, live::Live, program::Ran};

fn read(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap()
}

/// Subjects and rows of the acts of one kind, the oldest first.
async fn acts(live: &Live, kind: &str) -> Vec<(String, u64)> {
    let told = read(&live.run(&["audit", "echo", "--act", kind, "--json"]).await);
    let acts = told["acts"].as_array().unwrap().iter().rev();
    acts.map(|act| (act["subject"].as_str().unwrap().to_owned(), act["rows"].as_u64().unwrap())).collect()
}

#[actix::test]
async fn memory_is_set_shown_taken_out_and_put_in_whoever_answers() {
    let live = Live::new(&[("echo.toml", ECHO), ("other.toml", &ECHO.replace("ECHO", "OTHER"))], &[]).await;
    let mut service = Some(live.serve().await);
    live.registered("echo").await;
    for round in ["beside", "alone"] {
        let value = format!("[\"{round}\", 1]");
        for args in [
            &["state", "set", "echo", "topic", &value][..],
            &["state", "set", "echo", "since", "2026-01-01", "--room", "ROOM+/="],
            &["state", "set", "echo", "seen", "-7", "--person", "PERSON", "--expires", "2h"],
            &["state", "set", "echo", "number", "12", "--text"],
        ] {
            let ran = live.run(args).await;
            assert_eq!((ran.code, ran.out.ends_with("is set\n")), (0, true), "{ran:?}");
        }
        let topic = live.run(&["state", "get", "echo", "topic"]).await;
        assert_eq!(topic.out, format!("[\"{round}\",1]\n"));
        let since = live.run(&["state", "get", "echo", "since", "--room", "ROOM+/="]).await;
        assert_eq!(since.out, "2026-01-01\n", "a text as it is");
        assert_eq!(read(&live.run(&["state", "get", "echo", "number", "--json"]).await)["value"], "12");
        let table = live.run(&["state", "get", "echo"]).await;
        assert!(table.out.starts_with("SCOPE") && table.out.lines().count() == 5, "{table:?}");

        let lines = live.run(&["state", "export", "echo"]).await;
        let keys: Vec<_> =
            lines.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["key"].clone()).collect();
        assert_eq!(keys, ["number", "topic", "seen", "since"], "bot, person, room");
        let file = live.ground.path(&format!("{round}.json"));
        let file = file.to_str().unwrap();
        let whole = live.run(&["state", "export", "echo", file, "--json"]).await;
        assert_eq!((whole.code, whole.out.as_str()), (0, ""), "{whole:?}");
        assert!(
            live.run(&["state", "export", "echo", file]).await.err.contains("cannot be written"),
            "nothing is replaced"
        );
        let imported = live.run(&["state", "import", "other", file]).await;
        assert_eq!(imported.out, "4 keys imported\n", "{imported:?}");
        assert_eq!(live.run(&["state", "export", "other"]).await.out, lines.out);

        let removed = live.run(&["state", "set", "echo", "topic", "--remove"]).await;
        assert_eq!(removed.out, "`topic` is removed\n");
        let again = live.run(&["state", "set", "echo", "topic", "--remove", "--json"]).await;
        assert_eq!(read(&again), json!({ "set": 0, "removed": 0 }));
        let gone = live.run(&["state", "get", "echo", "topic"]).await;
        assert!(gone.code == 1 && gone.err.contains("keeps no `topic`"), "{gone:?}");
        if let Some(service) = service.take() {
            service.stop().await;
        }
    }
    let sets = ["set bot topic", "set room since", "set person seen", "set bot number", "remove bot topic"];
    let told: Vec<_> = acts(&live, "state_edit").await;
    assert_eq!(told, [sets, sets].concat().iter().map(|text| ((*text).to_owned(), 1)).collect::<Vec<_>>());
}

#[actix::test]
async fn what_cannot_be_kept_is_refused_with_the_reason_and_nothing_is_changed() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    let large = format!("\"{}\"", "x".repeat(70_000));
    let path = live.ground.path("bad.jsonl");
    fs::write(&path, "{\"scope\":\"bot\",\"key\":\"a\",\"value\":1}\n{\"scope\":\"team\",\"key\":\"b\",\"value\":1}\n")
        .unwrap();
    let bad = path.to_str().unwrap();
    for (args, code, said) in [
        (&["state", "set", "echo", "$once/1", "1"][..], 1, "is a key of Botyard itself"),
        (&["state", "set", "echo", "", "1"], 64, "the key is empty"),
        (&["state", "set", "echo", "big", &large], 64, "has 70002 bytes as JSON, and may have 65536"),
        (&["state", "set", "echo", "a", "1", "--room", "a b"], 64, "a scope is"),
        (&["state", "set", "echo", "a"], 64, "required"),
        (&["state", "set", "echo", "a", "1", "--expires", "2020-01-01"], 64, "no moment to come"),
        (&["state", "set", "ecko", "a", "1"], 1, "did you mean `echo`?"),
        (&["state", "get", "ecko"], 1, "did you mean `echo`?"),
        (&["state", "import", "echo", bad], 1, "line 2: a scope is"),
        (&["state", "import", "echo", "none.json"], 1, "cannot be read"),
        (&["dialogues", "ecko"], 1, "did you mean `echo`?"),
        (&["dialogues", "echo", "end", "-abc"], 1, "begins with `-abc`"),
    ] {
        let ran = live.run(args).await;
        assert!(ran.code == code && ran.err.contains(said), "{args:?} {ran:?}");
    }
    assert_eq!(live.run(&["state", "export", "echo"]).await.out.trim(), "");
    assert_eq!(live.run(&["state", "get", "echo"]).await.out, "it keeps nothing\n");
    assert_eq!(live.run(&["dialogues", "echo"]).await.out, "no dialogue is open\n");
    assert_eq!(acts(&live, "state_edit").await, []);
    service.stop().await;
}
