//! The corpus of broken definitions (`tests/corpus/rejects`): what `botyard check` says of each, as it says it.
//!
//! A message is written once and read by everybody who gets something wrong. So each is looked at here, and one that
//! changes is seen in the snapshot beside its definition (`INSTA_UPDATE=always cargo test --lib rejects` writes them).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use chrono_tz::Tz;

use super::{Checked, look};
use crate::{
    base::Millis,
    brain::{OpenBots, Policy},
    definition::{codes, render},
};

/// The moment of the check: 2026-01-01T00:00:00Z.
const NOW: Millis = Millis(1_767_225_600_000);

/// Codes that a file with something wrong in it cannot provoke, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("not-utf8", "a text file in a repository is UTF-8"),
    ("too-large", "nobody wants a file of a megabyte in a repository"),
    ("unreadable", "git keeps no such permissions"),
    ("same-token", "it is about several definitions, and has a test of its own"),
];

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/rejects")
}

fn checked() -> Checked {
    look(&[corpus()], Policy::default(), NOW, Tz::UTC)
}

#[test]
fn every_broken_definition_is_answered_as_its_snapshot_shows() {
    let found = checked();
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for diagnostic in &found.diagnostics {
        shown.entry(diagnostic.unit().to_owned()).or_default().push(render(diagnostic, false));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(corpus().join("answers"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (unit, diagnostics) in &shown {
            let text = diagnostics.join("\n\n").replace(&format!("{}/", corpus().display()), "");
            insta::assert_snapshot!(unit.replace('.', "-"), text);
        }
    });
}

#[test]
fn no_broken_definition_passes_and_there_are_many() {
    let found = checked();
    let told: BTreeSet<&str> = found.diagnostics.iter().map(crate::definition::Diagnostic::unit).collect();
    let mut units = BTreeSet::new();
    for entry in fs::read_dir(corpus()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name != "answers" && name != "_shared" {
            units.insert(name.strip_suffix(".toml").unwrap_or(&name).to_owned());
        }
    }
    let silent: Vec<_> = units.iter().filter(|unit| !told.contains(unit.as_str())).collect();
    assert!(silent.is_empty(), "nothing is said of {silent:?}");
    assert!(units.len() >= 80, "{}", units.len());
}

#[test]
fn every_code_is_provoked_by_some_file() {
    let strict = |open| look(&[corpus()], Policy { open, ..Policy::default() }, NOW, Tz::UTC);
    let found = [checked(), strict(OpenBots::Warned), strict(OpenBots::Refused)];
    let told: BTreeSet<&str> = found.iter().flat_map(|found| &found.diagnostics).map(|found| found.code).collect();
    let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|(code, _)| *code).collect();
    let missing: Vec<_> = codes::ALL
        .iter()
        .map(|(_, code)| code.name)
        .filter(|code| !told.contains(code) && !elsewhere.contains(code))
        .collect();
    assert!(missing.is_empty(), "no file of tests/corpus/rejects provokes {missing:?}");
    let needless: Vec<_> = elsewhere.intersection(&told).collect();
    assert!(needless.is_empty(), "{needless:?} can be provoked after all");
}

#[test]
fn no_answer_shows_a_secret() {
    for diagnostic in checked().diagnostics {
        let shown = format!("{}{diagnostic}", render(&diagnostic, false));
        assert!(!shown.contains("NTM4MDhlZGE"), "{shown}");
    }
}
