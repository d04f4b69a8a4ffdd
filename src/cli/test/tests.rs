use std::{fs, path::Path};

use super::*;

const ECHO: &str = "[[command]]\nwords = ['ping']\nreply = { markdown = 'pong, **{{ person.first_name }}**' }\n[fallback]\nreply = '{{ message.text }}'\n";

pub(super) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

pub(super) fn played(root: &Path, filter: Option<&str>) -> Report {
    run(&[root.to_owned()], filter, None).unwrap()
}

/// The text of a report without what differs from run to run.
pub(super) fn text(report: &Report, root: &Path) -> String {
    let text = report.text(false, false).replace(&format!("{}/", root.display()), "");
    match text.rsplit_once(" in ") {
        Some((before, _)) => format!("{before} in N s"),
        None => text,
    }
}

pub(super) fn steps(steps: &str) -> String {
    format!("[[case]]\nname = 'a case'\nsteps = [\n{steps}\n]\n")
}

#[test]
fn a_conversation_that_goes_as_expected_passes() {
    let test = steps(
        "{ alice = 'ping' },\n{ bot = 'pong, **Alice**' },\n{ bob = 'a_b', in = 'Ops' },\n{ bot = 'a_b', rule = 'fallback' },\n{ bot.silent = true },\n{ alice = 'not to you', in = 'Ops', mention = false }",
    );
    let root = folder(&[
        ("echo.toml", ECHO),
        ("echo.test.toml", &test),
        ("more/bot.toml", ECHO),
        ("more/deep/x.test.toml", &test),
    ]);
    let report = played(root.path(), None);
    assert!(report.is_fine(), "{}", text(&report, root.path()));
    let bots: Vec<_> = report.suites.iter().map(|suite| (suite.bot.as_str(), suite.cases[0].played.steps)).collect();
    assert_eq!(bots, [("echo", 6), ("more", 6)]);
}

#[test]
fn what_went_otherwise_is_shown_with_its_line_and_what_happened() {
    let said = steps("{ alice = 'ping' },\n{ bot = 'pong, **Bob**' }");
    let more = steps("{ alice = 'a' },\n{ alice = 'b' },\n{ bot = 'b' }").replace("a case", "too much");
    let lines = steps("{ alice = \"one\\ntwo\\nthree\" },\n{ bot = \"one\\n2\\nthree\" }").replace("a case", "lines");
    let quiet = steps("{ alice = 'ping' },\n{ bot.says = true },\n{ bot = 'more' }").replace("a case", "too little");
    let root = folder(&[("echo.toml", ECHO), ("echo.test.toml", &format!("{said}{more}{lines}{quiet}"))]);
    let report = played(root.path(), None);
    assert!(!report.is_fine());
    insta::assert_snapshot!(text(&report, root.path()));
}

#[test]
fn a_file_that_cannot_be_played_says_why() {
    let good = steps("{ alice = 'ping' },\n{ bot.says = true }");
    let root = folder(&[
        ("echo.toml", ECHO),
        ("echo.test.toml", "[[case]]\nname = 'x'\nsteps = [{ alcie = 'hi' }]\n"),
        ("gone.test.toml", &good),
        ("bad.toml", "[fallback]\nrepyl = 'x'\n"),
        ("bad.test.toml", &good),
        ("hook.toml", ECHO),
        ("hook.test.toml", "[[case]]\nname = 'x'\nsteps = [{ post = 'alert', file = '../x.json' }]\n"),
    ]);
    let report = played(root.path(), None);
    assert!(!report.is_fine());
    insta::assert_snapshot!(text(&report, root.path()));
}

#[test]
fn cases_can_be_picked_by_name() {
    let two = format!(
        "{}{}",
        steps("{ alice = 'x' },\n{ bot = 'x' }"),
        steps("{ alice = 'x' },\n{ bot = 'y' }").replace("a case", "another")
    );
    let root = folder(&[("echo.toml", ECHO), ("echo.test.toml", &two), ("b.toml", ECHO), ("b.test.toml", &two)]);
    let names = |filter: &str| {
        let report = played(root.path(), Some(filter));
        report
            .suites
            .iter()
            .flat_map(|suite| suite.cases.iter().map(|case| format!("{}: {}", suite.bot, case.name)))
            .collect::<Vec<_>>()
    };
    assert_eq!(names("echo: an"), ["echo: another"]);
    assert_eq!(names("a case"), ["b: a case", "echo: a case"]);
    assert!(run(&[root.path().to_owned()], Some("nothing"), None).is_err());
}

#[test]
fn a_bot_a_folder_and_a_file_can_be_named() {
    let test = steps("{ alice = 'x' },\n{ bot = 'x' }");
    let root = folder(&[
        ("echo.toml", ECHO),
        ("echo.test.toml", &test),
        ("echo.more.test.toml", &test),
        ("more/bot.toml", ECHO),
        ("more/x.test.toml", &test),
        (".hidden.test.toml", "x"),
    ]);
    let found = |path: &str| {
        let report = run(&[root.path().join(path)], None, None).unwrap();
        assert!(report.is_fine());
        report
            .suites
            .iter()
            .map(|suite| suite.path.strip_prefix(&format!("{}/", root.path().display())).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("echo.toml"), ["echo.more.test.toml", "echo.test.toml"]);
    assert_eq!(found("more"), ["more/x.test.toml"]);
    assert_eq!(found("more/bot.toml"), ["more/x.test.toml"]);
    assert_eq!(found("more/x.test.toml"), ["more/x.test.toml"]);
    let empty = folder(&[("echo.toml", ECHO)]);
    assert!(run(&[empty.path().to_owned()], None, None).is_err());
}

#[test]
fn the_junit_document_says_what_failed_and_is_escaped() {
    let test = steps("{ alice = '<&\"> ]]>' },\n{ bot = 'y' }");
    let root = folder(&[("echo.toml", ECHO), ("echo.test.toml", &test), ("gone.test.toml", &test)]);
    let mut report = played(root.path(), None);
    report.took = std::time::Duration::ZERO;
    for case in report.suites.iter_mut().flat_map(|suite| &mut suite.cases) {
        case.took = std::time::Duration::ZERO;
    }
    insta::assert_snapshot!(junit::document(&report).replace(&format!("{}/", root.path().display()), ""));
}

#[test]
fn thousands_of_steps_are_one_small_test_run() {
    let many: Vec<_> = (0..2_000).map(|n| format!("{{ alice = 'word {n}' }},\n{{ bot = 'word {n}' }},\n")).collect();
    let many = many.concat();
    let root = folder(&[("echo.toml", ECHO), ("echo.test.toml", &steps(&many))]);
    let report = played(root.path(), None);
    assert!(report.is_fine());
    assert_eq!(report.suites[0].cases[0].played.steps, 4_000);
}
