//! The layers as people give them.

use std::io::Write as _;

use super::*;
use crate::settings::LogFormat;

fn env(pairs: &[(&str, &str)]) -> LoadOptions {
    let env = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    LoadOptions { env, ..LoadOptions::default() }
}

fn load_env(pairs: &[(&str, &str)]) -> Result<Settings, String> {
    Settings::load(&env(pairs)).map_err(|error| error.to_string())
}

fn load_file(text: &str) -> Result<Settings, String> {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let path = file.path().to_owned();
    let options = LoadOptions { file: Some(path.clone()), ..LoadOptions::default() };
    Settings::load(&options).map_err(|error| error.to_string().replace(path.to_str().unwrap(), "FILE"))
}

#[test]
fn the_defaults_stand_in_the_file_that_explains_them() {
    let settings = load_env(&[]).unwrap();
    assert_eq!(settings.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(settings.admin.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(settings.webex.api_url, "https://webexapis.com/v1");
    assert_eq!(settings.webex.requests_per_minute, 300);
    assert_eq!(settings.bots_dir, [Path::new("bots.d")]);
    assert_eq!((settings.store.sync_delay_ms, settings.log.format), (0, LogFormat::Text));
    assert!(settings.public_url.is_none() && settings.egress.proxy.is_none() && settings.seal.key.is_none());
}

#[test]
fn every_setting_of_the_code_stands_in_the_file_and_the_other_way_round() {
    let keys = keys::all();
    let sections: std::collections::BTreeSet<_> =
        keys.iter().map(|key| key.name.split_once('.').map_or("", |(section, _)| section)).collect();
    for section in sections {
        let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
        // serde names every field it knows when it meets one it does not.
        let mut layer = Layer::of_toml(keys::DEFAULTS, "", Path::new(""), &keys).unwrap();
        layer.0.insert(format!("{prefix}zzz"), Value::new(None, 1));
        let built = Config::builder().add_source(layer).build().unwrap();
        let error = built.try_deserialize::<Settings>().unwrap_err().to_string();
        let (_, known) = error.split_once("expected ").unwrap();
        let known = known.split(" for key").next().unwrap();
        let mut of_code: Vec<_> = known.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let mut of_file: Vec<_> = keys
            .iter()
            .filter_map(|key| key.name.strip_prefix(&prefix))
            .map(|rest| rest.split('.').next().unwrap().to_owned())
            .collect();
        of_code.sort_unstable();
        of_file.sort_unstable();
        of_file.dedup();
        assert_eq!(of_code, of_file, "[{section}]");
    }
}

#[test]
fn every_form_of_a_variable_is_read() {
    let settings = load_env(&[
        ("BOTYARD_LISTEN", "127.0.0.1:9000"),
        ("BOTYARD_PUBLIC_URL", "https://bots.example.com/yard/"),
        ("BOTYARD_BASE_PATH", "yard/"),
        ("BOTYARD_INSTANCE", "007"),
        ("BOTYARD_BOTS_DIR", "/etc/bots, /srv/bots,"),
        ("BOTYARD_ADMIN__LISTEN", "[::1]:1"),
        ("BOTYARD_WEBEX__REQUESTS_PER_MINUTE", "9000"),
        ("BOTYARD_EGRESS__NO_PROXY", ".corp,10.0.0.0/8"),
        ("BOTYARD_SECRETS__DIRS", "/run/secrets"),
        ("BOTYARD_SIM__ALLOW_REMOTE", "true"),
        ("BOTYARD_LOG__FORMAT", "json"),
        ("BOTYARD_SEAL__KEY", "0123456789012345678901234567890123456789012345678901234567890123"),
    ])
    .unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:9000");
    assert_eq!(settings.public_url.as_deref(), Some("https://bots.example.com/yard"));
    assert_eq!((settings.base_path.as_str(), settings.instance.as_str()), ("/yard", "007"));
    assert_eq!(settings.bots_dir, [Path::new("/etc/bots"), Path::new("/srv/bots")]);
    assert_eq!((settings.admin.listen.to_string().as_str(), settings.webex.requests_per_minute), ("[::1]:1", 9000));
    assert_eq!(settings.egress.no_proxy, [".corp", "10.0.0.0/8"]);
    assert!(settings.sim.allow_remote && settings.log.format == LogFormat::Json);
    let key = settings.seal.key.unwrap();
    assert_eq!(key.expose(), "0123456789012345678901234567890123456789012345678901234567890123", "kept digit by digit");
}

#[test]
fn what_others_put_into_the_environment_and_what_is_empty_is_ignored() {
    let settings = load_env(&[
        ("PATH", "/bin"),
        ("BOTYARDS", "x"),
        ("BOTYARD_SERVICE_HOST", "10.0.0.1"),
        ("BOTYARD_SERVICE_PORT_HTTP", "80"),
        ("BOTYARD_PORT", "tcp://10.0.0.1:80"),
        ("BOTYARD_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("BOTYARD_ADMIN_SERVICE_HOST", "10.0.0.1"),
        ("BOTYARD_ADMIN_PORT_8081_TCP", "tcp://10.0.0.1:8081"),
        ("BOTYARD_TEST_THREADS", "1"),
        ("BOTYARD_CONFIG", ""),
        ("BOTYARD_PUBLIC_URL", ""),
    ])
    .unwrap();
    assert_eq!(settings.public_url, None);
}

#[test]
fn the_later_layer_wins_key_by_key() {
    let dir = tempfile::tempdir().unwrap();
    let text = "instance = \"file\"\nlisten = \"127.0.0.1:1\"\ndata_dir = \"file\"\n[webex]\nconnections = 7\n";
    std::fs::write(dir.path().join("botyard.toml"), text).unwrap();
    let options = LoadOptions {
        dir: Some(dir.path().to_owned()),
        env: vec![("BOTYARD_LISTEN".into(), "127.0.0.1:2".into()), ("BOTYARD_DATA_DIR".into(), "env".into())],
        overrides: vec![("data_dir".into(), "flag".into()), ("bots_dir".into(), "a,b".into())],
        ..LoadOptions::default()
    };
    let settings = Settings::load(&options).unwrap();
    assert_eq!((settings.instance.as_str(), settings.listen.port()), ("file", 2));
    assert_eq!((settings.data_dir.to_str(), settings.bots_dir.len()), (Some("flag"), 2));
    assert_eq!((settings.webex.connections, settings.webex.timeout_seconds), (7, 30));

    let named = dir.path().join("other.toml");
    std::fs::write(&named, "instance = \"named\"").unwrap();
    let env = vec![("BOTYARD_CONFIG".into(), named.to_str().unwrap().to_owned())];
    let settings = Settings::load(&LoadOptions { env, ..options }).unwrap();
    assert_eq!(settings.instance.as_str(), "named", "a named file takes the place of the one that lies there");
}

#[test]
fn an_unknown_key_is_refused_by_name_with_a_guess() {
    let cases = [
        (load_file("publicurl = \"x\""), "unknown setting `publicurl` in `FILE`, did you mean `public_url`?"),
        (
            load_file("[webex]\nconections = 1"),
            "unknown setting `webex.conections` in `FILE`, did you mean `webex.connections`?",
        ),
        (load_file("[coffee]\ncups = 1"), "unknown setting `coffee.cups` in `FILE`"),
        (load_file("[coffee]"), "unknown setting `coffee` in `FILE`"),
        (
            load_env(&[("BOTYARD_ADMIN_LISTEN", "x")]),
            "unknown setting `BOTYARD_ADMIN_LISTEN` in the environment, did you mean `BOTYARD_ADMIN__LISTEN`?",
        ),
        (
            load_env(&[("BOTYARD_LITSEN", "x")]),
            "unknown setting `BOTYARD_LITSEN` in the environment, did you mean `BOTYARD_LISTEN`?",
        ),
        (
            load_env(&[("BOTYARD_listen", "x")]),
            "unknown setting `BOTYARD_listen` in the environment, did you mean `BOTYARD_LISTEN`?",
        ),
    ];
    for (result, expected) in cases {
        assert_eq!(result.unwrap_err(), expected);
    }
    let overrides = vec![("webex.url".to_owned(), "x".to_owned())];
    let error = Settings::load(&LoadOptions { overrides, ..LoadOptions::default() }).unwrap_err().to_string();
    assert!(error.starts_with("unknown setting `webex.url` on the command line"), "{error}");
}

#[test]
fn a_wrong_value_names_key_and_place() {
    let cases = [
        (load_file("listen = 8080"), "`listen` in `FILE` is a number but needs a text in quotes"),
        (load_file("bots_dir = \"x\""), "`bots_dir` in `FILE` is a text but needs a list of texts"),
        (load_file("bots_dir = [1]"), "`bots_dir` in `FILE` is a list but needs a list of texts"),
        (load_file("webex = 1"), "unknown setting `webex` in `FILE`"),
        (
            load_file("[webex]\nconnections = -1"),
            "`webex.connections` in `FILE` is a number but needs a whole number, not below zero",
        ),
        (load_file("[log]\nformat = \"xml\""), "`log.format` in `FILE` is neither `text` nor `json`"),
        (
            load_env(&[("BOTYARD_WEBEX__CONNECTIONS", "many")]),
            "`webex.connections` in the environment variable `BOTYARD_WEBEX__CONNECTIONS` is `many` but needs a whole number, not below zero",
        ),
        (
            load_env(&[("BOTYARD_SIM__ALLOW_REMOTE", "si")]),
            "`sim.allow_remote` in the environment variable `BOTYARD_SIM__ALLOW_REMOTE` is `si` but needs `true` or `false`",
        ),
    ];
    for (result, expected) in cases {
        let error = result.unwrap_err();
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
    for (variable, value) in
        [("BOTYARD_LISTEN", "8080"), ("BOTYARD_INSTANCE", "Main"), ("BOTYARD_WEBEX__DELIVERY_ATTEMPTS", "99999999999")]
    {
        let error = load_env(&[(variable, value)]).unwrap_err();
        let key = variable.strip_prefix("BOTYARD_").unwrap().replace("__", ".").to_lowercase();
        assert!(error.contains(&format!("`{key}`")) && error.contains(variable), "{error}");
    }
}

#[test]
fn a_file_that_is_none_says_where() {
    let error = load_file("listen = \"a\"\n[webex\n").unwrap_err();
    assert!(error.starts_with("the settings file `FILE` is no TOML at line 2, column "), "{error}");
    let missing = LoadOptions { file: Some("/nowhere/b.toml".into()), ..LoadOptions::default() };
    let error = Settings::load(&missing).unwrap_err().to_string();
    assert!(error.starts_with("the settings file `/nowhere/b.toml` cannot be read: "), "{error}");
    let nothing = LoadOptions { dir: Some("/nowhere".into()), ..LoadOptions::default() };
    assert!(Settings::load(&nothing).is_ok());
}

#[test]
fn no_secret_is_ever_shown() {
    for text in [
        "[seal]\nkey = \"hunter2",
        "[seal]\nkey = hunter2",
        "[seal]\nkey = [\"hunter2\"]",
        "[egress]\nproxy = { url = \"hunter2\" }",
        "[egress]\nproxy = \"hunter2\"\nproxy = \"hunter2\"",
    ] {
        let error = load_file(text).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
    let options = env(&[("BOTYARD_EGRESS__PROXY", "http://u:hunter2@p:1"), ("BOTYARD_SEAL__KEY", "hunter2")]);
    let settings = Settings::load(&options).unwrap();
    let shown = format!("{options:?} {settings:?}");
    assert!(!shown.contains("hunter2") && shown.contains("[REDACTED]"), "{shown}");
    assert!(settings.egress.proxy.is_some_and(|proxy| proxy.expose() == "http://u:hunter2@p:1"));
}
