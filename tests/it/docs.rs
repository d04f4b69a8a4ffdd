//! Holds the documents against what they are about: what they name is there, and is named as it is.
//!
//! A document that once was right is the one that misleads. So everything in them that a machine can look up is
//! looked up: links, settings, commands and flags, tests, files, the bot that the README shows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every document, relative to the root.
fn documents() -> Vec<PathBuf> {
    let (mut found, mut folders) = (vec![], vec![PathBuf::from("docs")]);
    for entry in fs::read_dir(root()).unwrap().map(Result::unwrap) {
        let name = PathBuf::from(entry.file_name());
        found.extend((name.extension() == Some("md".as_ref())).then_some(name));
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap().map(Result::unwrap) {
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.extension() == Some("md".as_ref()) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "{found:?}");
    found
}

/// What stands in back-ticks in a line of prose, and the lines of fenced blocks with their language.
fn code(text: &str) -> Vec<(String, String)> {
    let (mut found, mut fence) = (vec![], None::<String>);
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), &fence) {
            (Some(_), Some(_)) => fence = None,
            (Some(language), None) => fence = Some(language.to_owned()),
            (None, Some(language)) => found.push((language.clone(), line.to_owned())),
            (None, None) => {
                found.extend(line.split('`').skip(1).step_by(2).map(|span| (String::new(), span.to_owned())));
            }
        }
    }
    found
}

/// The words of a text that begin with `start` and go on with what `part` lets through.
fn words<'a>(text: &'a str, start: &str, part: impl Fn(char) -> bool + Copy) -> Vec<&'a str> {
    let at = text.match_indices(start).map(|(at, _)| at);
    at.filter_map(|at| text.get(at..)?.split(|c| !part(c)).next()).collect()
}

/// The problems of all documents, one a line; a test wants none.
fn none_of(problems: &[String]) {
    assert!(problems.is_empty(), "{} in the documents:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn the_whole_bot_in_the_readme_is_the_one_that_ships() {
    let shipped = read("bots.d/hello.toml");
    assert!(read("README.md").contains(&format!("```toml\n{shipped}```\n")), "README.md shows another `hello.toml`");
}

#[test]
fn every_link_leads_somewhere() {
    let mut problems = vec![];
    for document in documents() {
        let text = read(&document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains("{{") || link.contains(char::is_whitespace) {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => document.clone(),
                path => document.parent().unwrap_or(Path::new("")).join(path),
            };
            if !root().join(&target).exists() {
                problems.push(format!("{}: `{link}` leads nowhere", document.display()));
            } else if !anchor.is_empty() && !anchors(&read(&target)).contains(anchor) {
                problems.push(format!("{}: `{link}` names no heading", document.display()));
            }
        }
    }
    none_of(&problems);
}

/// Headings as links name them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn every_setting_that_is_named_is_one() {
    let reference = read("docs/reference/settings.md");
    let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let mut known: BTreeSet<&str> = words(&reference, "BOTYARD_", upper).into_iter().collect();
    known.extend(["BOTYARD_", "BOTYARD_CONFIG", botyard::base::breaking::VARIABLE]);
    let others = ["Dockerfile", "docker-compose.yml", ".env.example", "scripts/docker-proof.sh"];
    let mut problems = vec![];
    for path in documents().into_iter().chain(others.map(PathBuf::from)) {
        let text = read(&path);
        for name in words(&text, "BOTYARD_", upper).into_iter().filter(|name| !known.contains(name)) {
            problems.push(format!("{}: `{name}` is no setting", path.display()));
        }
        let keys: BTreeSet<&str> =
            reference.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
        let sections: BTreeSet<&str> = keys.iter().filter_map(|key| Some(key.split_once('.')?.0)).collect();
        for (_, span) in code(&text).iter().filter(|(language, _)| language.is_empty()) {
            let Some((section, key)) = span.split_once('.') else { continue };
            let plain = key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            let file = ["d", "db", "key", "json", "token", "toml", "md"].contains(&key);
            if sections.contains(section) && plain && !key.is_empty() && !file && !keys.contains(span.as_str()) {
                problems.push(format!("{}: `{span}` is no setting", path.display()));
            }
        }
    }
    none_of(&problems);
}

#[test]
fn every_command_and_flag_that_is_named_is_one() {
    let (mut problems, mut help) = (vec![], BTreeMap::new());
    for document in documents() {
        for (_, line) in code(&read(&document)) {
            let line = line.trim().trim_start_matches("$ ").split(['#', '|', '<', ';', ',']).next().unwrap_or_default();
            let line = line.trim_start_matches("docker compose exec botyard ").trim_start_matches("sudo ");
            let Some(rest) = line.strip_prefix("botyard ") else { continue };
            let mut rest = rest.split_whitespace();
            let command = rest.next().unwrap_or_default();
            if command.starts_with(|c: char| !c.is_ascii_lowercase()) || command.ends_with("...") || command == "serves"
            {
                continue;
            }
            let told = help.entry(command.to_owned()).or_insert_with(|| help_of(command));
            match told {
                None => problems.push(format!("{}: `{line}`: there is no `botyard {command}`", document.display())),
                Some(told) => problems.extend(
                    rest.filter(|word| word.starts_with("--") && !told.contains(*word))
                        .map(|flag| format!("{}: `{line}`: there is no `{flag}`", document.display())),
                ),
            }
        }
    }
    assert!(help.len() > 8, "hardly any command was found: {:?}", help.keys());
    none_of(&problems);
}

/// What the program itself says of a command, and of the commands below it.
fn help_of(command: &str) -> Option<String> {
    let ask = |words: &[&str]| {
        let told = Command::new(env!("CARGO_BIN_EXE_botyard")).args(words).arg("--help").output().unwrap();
        told.status.success().then(|| String::from_utf8(told.stdout).unwrap())
    };
    let told = ask(&[command])?;
    // Some have words of their own: `token set`, `state import`, `dialogues BOT end`.
    let nested = [&[command, "set"][..], &[command, "import"], &[command, "BOT", "end"]];
    Some(nested.iter().filter_map(|words| ask(words)).fold(told, |told, more| told + &more))
}

#[test]
fn every_test_that_a_guarantee_names_is_there() {
    let text = read("docs/guarantees.md");
    let mut problems = vec![];
    let mut held = 0;
    for promise in text.split("\n## ").skip(1) {
        let title = promise.lines().next().unwrap_or_default();
        let names: Vec<String> = code(promise).into_iter().map(|(_, span)| span).filter(|span| is_test(span)).collect();
        if names.is_empty() && !promise.contains("by construction") {
            problems.push(format!("`{title}`: names no test, and does not say that it holds by construction"));
        }
        held += names.len();
        problems
            .extend(names.iter().filter(|name| !test_exists(name)).map(|name| format!("`{title}`: no test `{name}`")));
    }
    assert!(held > 40, "only {held} tests were found");
    none_of(&problems);
}

/// `room::file::a_sentence_in_small_letters`
fn is_test(span: &str) -> bool {
    let mut parts = span.rsplit("::");
    let name = parts.next().unwrap_or_default();
    let small =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    name.matches('_').count() > 2 && parts.clone().count() > 0 && small(name) && parts.all(small)
}

/// Whether there is such a function where the path leads: `a::tests::f` is in `src/a.rs`, `src/a/mod.rs` or
/// `src/a/tests.rs`, `a::play::f` in `src/a/play.rs`, `a::f` in `tests/it/a.rs`.
fn test_exists(path: &str) -> bool {
    let (module, name) = path.rsplit_once("::").unwrap_or_default();
    let module = module.replace("::", "/");
    let mut files = vec![format!("tests/it/{module}.rs")];
    if let Some(outer) = module.strip_suffix("/tests") {
        files.extend([format!("src/{outer}.rs"), format!("src/{outer}/mod.rs")]);
    }
    if module.contains("/tests") || module.ends_with("/play") {
        files.extend([format!("src/{module}.rs"), format!("src/{module}/mod.rs")]);
    }
    let function = format!("fn {name}(");
    files.iter().any(|file| fs::read_to_string(root().join(file)).is_ok_and(|source| source.contains(&function)))
}

#[test]
fn every_file_that_the_map_names_is_there() {
    let mut problems = vec![];
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"] {
        for (_, span) in code(&read(document)).iter().filter(|(language, _)| language.is_empty()) {
            let top = [
                "src/",
                "tests/",
                "docs/",
                "examples/",
                "migrations/",
                "scripts/",
                "schema/",
                "bots.d/",
                ".ci/",
                ".config/",
            ];
            let path = span.trim_end_matches('/');
            let plain = !path.contains([' ', '*', '<', '{', '…']);
            if plain && top.iter().any(|top| span.starts_with(top)) && !root().join(path).exists() {
                problems.push(format!("{document}: there is no `{span}`"));
            }
        }
    }
    none_of(&problems);
}
