//! `serve` with something wrong: it does not start, names the setting, and says what to do.

use std::fs;

use crate::support::program::{Ground, Ran};

const USUAL: [(&str, &str); 4] = [
    ("BOTYARD_PUBLIC_URL", "https://bots.example.com"),
    ("BOTYARD_LISTEN", "127.0.0.1:0"),
    ("BOTYARD_ADMIN__LISTEN", "127.0.0.1:0"),
    ("BOTYARD_WEBEX__API_URL", "http://127.0.0.1:9/v1"),
];

/// Starts a service that must refuse to run.
fn refused(ground: &Ground, env: &[(&str, &str)]) -> String {
    let all: Vec<_> = USUAL.iter().chain(env).copied().collect();
    let Ran { code, out, err } = ground.run(&["serve"], &all);
    assert_eq!((code, out.as_str()), (78, ""), "{env:?}: {err}");
    assert!(err.starts_with("botyard: ") && !err.contains("panicked"), "{err}");
    err
}

fn names(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
}

#[test]
fn without_a_public_url_serve_says_how_to_give_one() {
    let ground = Ground::new();
    let ran = ground.run(&["serve"], &[]);
    assert_eq!((ran.code, ran.out.as_str()), (78, ""));
    names(&ran.err, &["`public_url` is not set", "BOTYARD_PUBLIC_URL", "botyard dev"]);
    assert!(!ground.path("data").exists(), "a refusal leaves nothing behind");
}

#[test]
fn a_wrong_setting_is_named_with_where_it_was_given() {
    let ground = Ground::new();
    ground.write("no.pem", "none");
    for (variable, value, words) in [
        ("BOTYARD_PUBLIC_URL", "http://bots.example.com", &["`public_url`", "plain http", "https"][..]),
        ("BOTYARD_PUBLIC_URL", "https://me:s3cret@example.com", &["`public_url`", "leave it out"]),
        ("BOTYARD_PUBLIC_URI", "https://x", &["`BOTYARD_PUBLIC_URI`", "did you mean `BOTYARD_PUBLIC_URL`"]),
        ("BOTYARD_WEBEX__CONECTIONS", "9", &["did you mean `BOTYARD_WEBEX__CONNECTIONS`"]),
        ("BOTYARD_WEBEX__CONNECTIONS", "many", &["`webex.connections`", "`many`", "whole number"]),
        ("BOTYARD_WEBEX__CONNECTIONS", "0", &["`webex.connections`", "at least 1"]),
        ("BOTYARD_WEBEX__API_URL", "http://webexapis.com/v1", &["`webex.api_url`", "plain http"]),
        ("BOTYARD_WEBEX__API_URL", "https://example.com/v1", &["`webex.api_url`", "`webex.hosts`"]),
        ("BOTYARD_LISTEN", "here", &["`listen`", "BOTYARD_LISTEN", "127.0.0.1:8080"]),
        ("BOTYARD_LOG__LEVEL", "loud", &["`log.level`", "`loud`"]),
        ("BOTYARD_LOG__FORMAT", "xml", &["`log.format`", "`json`"]),
        ("BOTYARD_SIM__ALLOW_REMOTE", "perhaps", &["`sim.allow_remote`", "`perhaps`"]),
        ("BOTYARD_INSTANCE", "Not A Name", &["`instance`", "BOTYARD_INSTANCE"]),
        ("BOTYARD_SEAL__KEY", "s3cret", &["`seal.key`", "64 hex digits"]),
        ("BOTYARD_SEAL__KEY_FILE", "nowhere", &["`nowhere`", "BOTYARD_SEAL__KEY_FILE"]),
        ("BOTYARD_ADMIN__TOKEN_FILE", "nowhere", &["`nowhere`", "admin token"]),
        ("BOTYARD_EGRESS__PROXY", "socks5://me:s3cret@proxy:1", &["`egress.proxy`", "http://"]),
        ("BOTYARD_EGRESS__PROXY", "me:s3cret@:::", &["`egress.proxy`"]),
        ("BOTYARD_EGRESS__NO_PROXY", "10.0.0.0/99", &["`egress.no_proxy`", "10.0.0.0/99"]),
        ("BOTYARD_EGRESS__EXTRA_CA_FILE", "nowhere", &["`egress.extra_ca_file`", "`nowhere`"]),
        ("BOTYARD_EGRESS__EXTRA_CA_FILE", "no.pem", &["`egress.extra_ca_file`", "BEGIN CERTIFICATE"]),
        ("BOTYARD_CONFIG", "nowhere.toml", &["`nowhere.toml`", "cannot be read"]),
    ] {
        names(&refused(&ground, &[(variable, value)]), words);
    }
}

#[test]
fn a_wrong_settings_file_is_shown_at_its_line() {
    let ground = Ground::new();
    for (text, words) in [
        ("listn = \"127.0.0.1:1\"\n", &["unknown setting `listn`", "botyard.toml`", "did you mean `listen`"][..]),
        ("[webex]\nconnections = \"many\"\n", &["`webex.connections`", "is a text but needs a whole number"]),
        ("[seal]\nkey = s3cret\n", &["botyard.toml`", "line 2"]),
        ("[webex\n", &["no TOML", "line 1"]),
    ] {
        ground.write("botyard.toml", text);
        names(&refused(&ground, &[]), words);
    }
}

#[test]
fn what_others_could_read_or_write_is_refused_with_the_chmod_line() {
    let ground = Ground::new();
    ground.write("seal", &"ab".repeat(32));
    ground.mode("seal", 0o644);
    names(&refused(&ground, &[("BOTYARD_SEAL__KEY_FILE", "seal")]), &["`seal.key_file`", "chmod 600 seal"]);
    ground.write("admin", &"ab".repeat(32));
    ground.mode("admin", 0o644);
    names(&refused(&ground, &[("BOTYARD_ADMIN__TOKEN_FILE", "admin")]), &["`admin.token_file`", "chmod 600 admin"]);
    ground.mode("bots.d", 0o777);
    names(&refused(&ground, &[]), &["`bots_dir`", "writable by everyone", "chmod o-w bots.d"]);
}

#[test]
fn a_simulator_beyond_loopback_needs_its_flag() {
    let ground = Ground::new();
    for args in [&["sim", "--listen", "0.0.0.0:0"][..], &["dev", "--no-prompt", "--set", "sim.listen=0.0.0.0:0"]] {
        let ran = ground.run(args, &[]);
        assert_eq!(ran.code, 78, "{ran:?}");
        names(&ran.err, &["0.0.0.0:0", "sim.allow_remote"]);
    }
}

#[test]
fn a_taken_port_is_named_with_its_setting() {
    let ground = Ground::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    names(&refused(&ground, &[("BOTYARD_LISTEN", &address)]), &[&address, "another program", "BOTYARD_LISTEN"]);
    let said = refused(&ground, &[("BOTYARD_ADMIN__LISTEN", &address)]);
    names(&said, &[&address, "`admin.listen`", "BOTYARD_ADMIN__LISTEN"]);
}

#[test]
fn a_data_dir_that_cannot_be_written_comes_with_the_fix() {
    let ground = Ground::new();
    ground.write("file", "");
    for dir in ["file", "file/below"] {
        let said = refused(&ground, &[("BOTYARD_DATA_DIR", dir)]);
        names(&said, &[&format!("the data dir `{dir}`"), "part of the path is a file", "BOTYARD_DATA_DIR"]);
    }
    names(&refused(&ground, &[("BOTYARD_DATA_DIR", "/proc/botyard")]), &["the data dir `/proc/botyard`", "data_dir"]);
}

#[test]
fn a_data_dir_of_the_simulator_is_not_used_for_real() {
    let ground = Ground::new();
    ground.write("data/used-for", "simulator");
    names(&refused(&ground, &[]), &["belong to the simulator", "BOTYARD_DATA_DIR"]);
    ground.write("data/used-for", "serve");
    let dev = ground.run(&["dev", "--no-prompt", "--data-dir", "data"], &[]);
    assert_eq!(dev.code, 78, "{dev:?}");
    names(&dev.err, &["against Webex", "--data-dir"]);
}

#[actix::test]
async fn a_store_with_another_key_a_lost_key_or_damage_is_refused() {
    let ground = Ground::new();
    let first = ground.serve(&[]);
    first.serves().await;
    first.stop().await;
    ground.write("other", &"cd".repeat(32));
    ground.mode("other", 0o600);
    let said = refused(&ground, &[("BOTYARD_SEAL__KEY_FILE", "other")]);
    names(&said, &["the seal key does not fit", "`seal.key_file`", "BOTYARD_SEAL__KEY_FILE"]);
    let key = ground.path("data/seal.key");
    fs::rename(&key, ground.path("kept")).unwrap();
    names(&refused(&ground, &[]), &["seal.key` is gone", "BOTYARD_SEAL__KEY_FILE"]);
    fs::rename(ground.path("kept"), key).unwrap();
    for rest in ["botyard.db-wal", "botyard.db-shm"] {
        let _ = fs::remove_file(ground.path("data").join(rest));
    }
    ground.write("data/botyard.db", &"no database ".repeat(1000));
    names(&refused(&ground, &[]), &["damaged or no database", "backup"]);
}

#[actix::test]
async fn a_data_dir_in_use_is_waited_for_and_then_refused_naming_its_holder() {
    let ground = Ground::new();
    let first = ground.serve(&[]);
    first.serves().await;
    let all: Vec<_> = USUAL.iter().copied().chain([("BOTYARD_STORE__LOCK_WAIT_SECONDS", "1")]).collect();
    let second = ground.run_beside(&["serve"], &all).await;
    assert_eq!(second.code, 78, "{second:?}");
    let holder = format!("process {} (botyard serve)", first.pid());
    names(&second.err, &["waiting for it to end", "is in use by", &holder, "within 1 s", "BOTYARD_DATA_DIR"]);
    let third = ground.serve(&[]);
    third.logged("waiting for it to end").await;
    first.stop().await;
    third.serves().await;
    third.stop().await;
}
