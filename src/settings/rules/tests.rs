//! Each rule with what breaks it and what does not.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::settings::LoadOptions;

fn settings(overrides: &[(&str, &str)]) -> Settings {
    let overrides = overrides.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    Settings::load(&LoadOptions { overrides, ..LoadOptions::default() }).unwrap()
}

/// Settings that `serve` takes, but for the overrides.
fn serve(overrides: &[(&str, &str)]) -> Result<(), String> {
    let base = [("public_url", "https://bots.example.com")];
    let all: Vec<_> = base.iter().chain(overrides).copied().collect();
    settings(&all).validate(Role::Serve).map_err(|error| error.to_string())
}

#[test]
fn serve_says_that_it_needs_a_public_url_and_how_to_give_it() {
    let error = settings(&[]).validate(Role::Serve).unwrap_err().to_string();
    assert!(error.starts_with("`public_url` is not set") && error.contains("BOTYARD_PUBLIC_URL"), "{error}");
    for role in [Role::Dev, Role::Sim, Role::Other] {
        assert_eq!(settings(&[]).validate(role), Ok(()), "{role:?}");
    }
}

#[test]
fn backups_by_schedule_need_a_place_that_is_not_the_data_dir() {
    let refused = serve(&[("backup.every_hours", "24")]).unwrap_err();
    assert!(refused.starts_with("`backup.dir` is not set") && refused.contains("another disk"), "{refused}");
    let refused = serve(&[("backup.dir", "data")]).unwrap_err();
    assert!(refused.contains("is the data dir itself"), "{refused}");
    assert_eq!(serve(&[("backup.every_hours", "24"), ("backup.dir", "/srv/backups")]), Ok(()));
    assert!(serve(&[("backup.keep", "0")]).unwrap_err().contains("`backup.keep` cannot be 0"));
}

#[test]
fn a_public_url_is_https_unless_it_is_loopback() {
    for fine in [
        "https://bots.example.com",
        "https://h:8443/a/b/",
        "http://127.0.0.1:8080",
        "http://localhost/x",
        "http://[::1]:1",
    ] {
        assert_eq!(serve(&[("public_url", fine)]), Ok(()), "{fine}");
    }
    for wrong in [
        "http://bots.example.com",
        "http://10.0.0.1",
        "bots.example.com",
        "ftp://x",
        "https://u:hunter2@x",
        "https://x/?a",
        "https://x/#a",
    ] {
        let error = serve(&[("public_url", wrong)]).unwrap_err();
        assert!(error.starts_with("`public_url` ") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn the_public_url_keeps_its_path_and_ends_with_no_slash() {
    for url in ["https://h/yard", "https://h/yard/"] {
        assert_eq!(settings(&[("public_url", url)]).public_url.as_deref(), Some("https://h/yard"));
    }
    assert!(settings(&[]).public_url.is_none());
}

#[test]
fn a_base_path_is_a_plain_path_and_the_public_url_ends_with_it() {
    assert_eq!(serve(&[("public_url", "https://h/x/yard"), ("base_path", "yard/")]), Ok(()));
    for wrong in ["a b", "../x", "/a//b", "/x?y"] {
        assert!(serve(&[("base_path", wrong)]).unwrap_err().starts_with("`base_path` is "), "{wrong}");
    }
    let error = serve(&[("public_url", "https://h/other"), ("base_path", "/yard")]).unwrap_err();
    assert!(error.starts_with("`public_url` ") && error.contains("`base_path` (`/yard`)"), "{error}");
}

#[test]
fn tokens_go_to_listed_hosts_and_in_clear_only_to_loopback() {
    assert_eq!(serve(&[("webex.api_url", "http://127.0.0.1:7070/v1/")]), Ok(()));
    let gov = ("webex.api_url", "https://api-usgov.webex.com/v1");
    let error = serve(&[gov]).unwrap_err();
    assert!(error.starts_with("`webex.api_url` ") && error.contains("`webex.hosts`"), "{error}");
    assert_eq!(serve(&[gov, ("webex.hosts", "api-usgov.webex.com")]), Ok(()));
    let remote = ("webex.api_url", "http://sim.example.com/v1");
    let listed = ("webex.hosts", "sim.example.com");
    assert!(serve(&[remote, listed]).unwrap_err().contains("plain http"));
    assert_eq!(serve(&[remote, listed, ("sim.allow_remote", "true")]), Ok(()));
}

#[test]
fn the_simulator_stays_on_loopback_unless_allowed() {
    for role in [Role::Dev, Role::Sim] {
        let error = settings(&[("sim.listen", "0.0.0.0:7070")]).validate(role).unwrap_err().to_string();
        assert!(error.starts_with("`sim.listen` ") && error.contains("sim.allow_remote"), "{error}");
        let allowed = settings(&[("sim.listen", "0.0.0.0:7070"), ("sim.allow_remote", "true")]);
        assert_eq!(allowed.validate(role), Ok(()));
    }
    assert_eq!(serve(&[("sim.listen", "0.0.0.0:7070")]), Ok(()), "serve starts none");
}

#[test]
fn two_listeners_need_two_ports() {
    let error = serve(&[("admin.listen", "127.0.0.1:8080")]).unwrap_err();
    assert!(error.starts_with("`admin.listen` "), "{error}");
    assert_eq!(serve(&[("listen", "127.0.0.1:0"), ("admin.listen", "127.0.0.1:0")]), Ok(()));
    assert_eq!(serve(&[("listen", "127.0.0.1:1"), ("admin.listen", "127.0.0.2:1")]), Ok(()));
}

#[test]
fn nothing_that_has_to_happen_happens_zero_times() {
    for key in
        ["webex.connections", "webex.timeout_seconds", "bots.turns_at_once", "store.queue", "retention.seen_hours"]
    {
        let error = settings(&[(key, "0")]).validate(Role::Other).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{key}` cannot be 0")), "{error}");
    }
    assert!(serve(&[("bots_dir", ",")]).unwrap_err().starts_with("`bots_dir` names no folder"));
}

#[test]
fn a_seal_key_is_given_once_and_whole() {
    let key = "ab".repeat(32);
    assert_eq!(serve(&[("seal.key", &key)]), Ok(()));
    for wrong in ["hunter2", &"zz".repeat(32), &"ab".repeat(31)] {
        let error = serve(&[("seal.key", wrong)]).unwrap_err();
        assert!(error.starts_with("`seal.key` ") && !error.contains(wrong), "{error}");
    }
    let error = serve(&[("seal.key", &key), ("seal.key_file", "/x")]).unwrap_err();
    assert!(error.contains("`seal.key_file`") && !error.contains(&key), "{error}");
}

#[test]
fn a_folder_everybody_may_write_to_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let mode = |mode| std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    let error = serve(&[("bots_dir", path)]).unwrap_err();
    assert!(error.starts_with("`bots_dir` ") && error.contains(&format!("chmod o-w {path}")), "{error}");
    for fine in [0o755, 0o775, 0o1777] {
        mode(fine);
        assert_eq!(serve(&[("bots_dir", path)]), Ok(()), "{fine:o}");
    }
}

#[test]
fn a_token_file_others_can_read_is_refused_but_for_a_mounted_secret() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, "x").unwrap();
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let file = ("admin.token_file", path.to_str().unwrap());
    mode(0o644);
    let error = serve(&[file]).unwrap_err();
    assert!(error.starts_with("`admin.token_file` ") && error.contains("chmod 600"), "{error}");
    assert_eq!(serve(&[file, ("secrets.dirs", dir.path().to_str().unwrap())]), Ok(()));
    for fine in [0o600, 0o640] {
        mode(fine);
        assert_eq!(serve(&[file]), Ok(()), "{fine:o}");
    }
}
