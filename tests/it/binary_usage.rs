//! The command line as a script sees it: help, usage, and `check` over good and bad definitions.

use std::fs;

use crate::support::program::Ground;

const COMMANDS: [&str; 15] = [
    "dev",
    "serve",
    "check",
    "new",
    "test",
    "schema",
    "sim",
    "chat",
    "bots",
    "events",
    "dead",
    "replay",
    "reload",
    "token",
    "healthcheck",
];

#[test]
fn help_lists_every_command() {
    let help = Ground::new().run(&["--help"], &[]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    insta::assert_snapshot!(help.out);
}

#[test]
fn every_command_explains_itself() {
    let ground = Ground::new();
    for command in COMMANDS {
        let help = ground.run(&[command, "--help"], &[]);
        assert_eq!((help.code, help.err.as_str()), (0, ""), "{command}");
        assert!(help.out.contains(&format!("Usage: botyard {command}")), "{}", help.out);
        // Every argument and option says what it is for.
        let mut lines = help.out.lines().peekable();
        while let Some(line) = lines.next() {
            let option = line.trim_start().starts_with('-') || line.trim_start().starts_with(['<', '[']);
            // What clap adds below a sentence: the default, the variable, the possible values.
            let added = line.trim_start().starts_with(['[', '-']) && line.starts_with("          ");
            if option && !added && !line.contains("Print help") {
                let told = line.trim().contains("  ");
                let below = lines.peek().is_some_and(|next| next.starts_with("          "));
                assert!(told || below, "{command}: {line}");
            }
        }
    }
    let version = ground.run(&["--version"], &[]);
    assert_eq!((version.code, version.out), (0, format!("botyard {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_wrong_command_line_ends_with_64_and_says_what_is_wrong() {
    let ground = Ground::new();
    for (args, words) in [
        (&[][..], "Usage: botyard"),
        (&["chekc"], "'check'"),
        (&["serve", "now"], "unexpected argument 'now'"),
        (&["check", "--jsn"], "--json"),
        (&["serve", "--set", "listen"], "--set key=value"),
        (&["token", "set"], "<BOT>"),
        (&["chat"], "<BOT>"),
        (&["events", "--state", "lost"], "buried"),
        (&["sim", "--listen", "here"], "127.0.0.1:7070"),
    ] {
        let ran = ground.run(args, &[]);
        assert_eq!((ran.code, ran.out.as_str()), (64, ""), "{args:?}: {ran:?}");
        assert!(ran.err.contains(words), "{args:?}: {ran:?}");
    }
}

/// One file for each way to get a definition wrong, and a good one.
fn troubled() -> Ground {
    Ground::with(&[
        ("good.toml", "token = \"env:GOOD_TOKEN\"\n[fallback]\nreply = \"{{ message.text }}\"\n"),
        ("broken.toml", "[fallback]\nreply = oops\n"),
        ("key.toml", "[[command]]\nwords = [\"hi\"]\nreplay = \"hello\"\n"),
        ("pattern.toml", "[[command]]\npattern = '\\bINC(?<number>\\d{6}'\nreply = \"x\"\n"),
        ("template.toml", "[fallback]\nreply = \"{{ message.text | shout }} {% if %}\"\n"),
        ("name.toml", "[fallback]\nreply = \"{{ mesage.text }}\"\n"),
        (
            "endless.toml",
            "[fallback]\nreply = \"{% for a in range(9999) %}{% for b in range(9999) %}.{% endfor %}{% endfor %}\"\n",
        ),
        ("literal.toml", "token = \"NmE1s3cretNTQtZDk4Zi00YjY4LTk3ZTQtMTlk\"\n[fallback]\nreply = \"x\"\n"),
        ("own.toml", "token = \"env:BOTYARD_SEAL__KEY\"\n[fallback]\nreply = \"x\"\n"),
        ("twin.toml", "[fallback]\nreply = \"x\"\n"),
        ("twin/bot.toml", "[fallback]\nreply = \"y\"\n"),
        ("all.toml", "[fallback]\nreply = \"x\"\n"),
    ])
}

#[test]
fn check_shows_every_problem_of_every_file_at_once() {
    let checked = troubled().run(&["check"], &[]);
    assert_eq!((checked.code, checked.err.as_str()), (1, ""));
    insta::assert_snapshot!(checked.out);
}

#[test]
fn check_tells_the_same_as_json() {
    let ground = troubled();
    let checked = ground.run(&["check", "--json"], &[]);
    assert_eq!((checked.code, checked.err.as_str()), (1, ""));
    let report: serde_json::Value = serde_json::from_str(&checked.out).unwrap();
    let text = ground.run(&["check"], &[]).out;
    let (good, all, errors) = (&report["good"], &report["definitions"], &report["errors"]);
    assert!(text.contains(&format!("{good} of {all} definitions can be run; {errors} errors")), "{report:#} {text}");
    for diagnostic in report["diagnostics"].as_array().unwrap() {
        assert!(text.contains(diagnostic["code"].as_str().unwrap()), "{diagnostic}");
    }
}

#[test]
fn check_of_good_definitions_is_fine_and_needs_nothing() {
    let ground = Ground::new();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/bots.d");
    let checked = ground.run(&["check", shipped], &[("BOTYARD_PUBLIC_URL", "nonsense")]);
    assert_eq!(checked.code, 0);
    assert!(checked.out.ends_with("definitions can be run; 0 errors, 0 warnings\n"), "{checked:?}");
    assert_eq!(fs::read_dir(ground.path("")).unwrap().count(), 1, "it leaves nothing behind");
}

#[test]
fn check_of_a_folder_that_is_not_there_is_a_problem() {
    let ground = Ground::new();
    let checked = ground.run(&["check", "nowhere"], &[]);
    assert_eq!(checked.code, 1);
    assert!(checked.out.starts_with("error: `nowhere` cannot be read"), "{checked:?}");
    let json = ground.run(&["check", "nowhere", "--json"], &[]);
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, &report["unreadable"][0]["dir"], &report["errors"]), (1, &"nowhere".into(), &1.into()));
}
