//! Holds the code against the table of layers.
//!
//! The compiler does not know our layers: within one crate every module may use every other. So this test reads
//! the paths in `src/` and compares. Test code counts: what a unit test of a room needs of a room above it is a
//! sign that the test belongs here, in `tests/it`.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the source has failed")]

mod scan;
mod tokens;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use scan::{Target, references};

/// The rule. The same text stands in ARCHITECTURE.md, where its reasons are.
const TABLE: &str = "\
| layer | room | may use of ours | never touches |
| --- | --- | --- | --- |
| 4 | `main` | `cli` | |
| 4 | `cli` | everything but `main` | |
| 4 | `app` | everything but `main` `cli` | |
| 4 | `shutdown` | | |
| 4 | `http` | `base` `telemetry` `settings` `net` `webex` `definition` `store` `brain` `actors` | |
| 3 | `actors` | `base` `telemetry` `settings` `net` `webex` `definition` `store` `brain` `handlers` | |
| 3 | `trial` | `base` `definition` `brain` `handlers::script` `webex::model` `webex::kinds` | `tokio` `std::fs` `std::net` `std::env` `std::process` `std::thread` `std::time::Instant` `std::time::SystemTime` `chrono::Utc` |
| 2 | `brain` | `base` `definition` `webex::model` `webex::kinds` `handlers::answer` `handlers::script` `handlers::turn` | `tokio` `std::fs` `std::net` `std::env` `std::process` `std::thread` `std::time::Instant` `std::time::SystemTime` `chrono::Utc` |
| 2 | `handlers` | `base` | |
| 1 | `webex` | `base` `telemetry` `net` | |
| 1 | `net` | `base` `telemetry` | |
| 1 | `definition` | `base` `telemetry` | |
| 1 | `store` | `base` `telemetry` | |
| 0 | `settings` | `base` | |
| 0 | `telemetry` | | |
| 0 | `base` | | |
| aside | `sim` | `base` `net` | |
| aside | `fuzzing` | `base` `webex` `definition` `brain` `handlers::answer` `handlers::script` | |

| path | only in |
| --- | --- |
| `awc` | `net` |
| `sqlx` | `store` |
| `rhai` | `handlers` |
| `actix` | `actors` `http` `app` |
| `actix_web` | `http` `app` `sim` |
| `tokio::spawn` | `base` |
| `tokio::task::spawn` | `base` |
| `tokio::task::spawn_local` | `base` |
| `actix::spawn` | `base` |
| `actix_rt::spawn` | `base` |
| `actix_web::rt::spawn` | `base` |
";

/// [`TABLE`] as data.
struct Rules {
    rooms: BTreeMap<String, Room>,
    only_in: Vec<(Vec<String>, Vec<String>)>,
}

struct Room {
    /// Paths from the crate's root, e.g. `["webex", "model"]`.
    may_use: Vec<Vec<String>>,
    /// Foreign paths.
    never: Vec<Vec<String>>,
}

impl Rules {
    fn read(table: &str) -> Self {
        let (mut rooms, mut only_in) = (BTreeMap::new(), vec![]);
        let rows: Vec<Vec<&str>> = table
            .lines()
            .filter(|line| line.contains('`'))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        let all: Vec<String> = rows.iter().filter(|row| row.len() == 4).flat_map(|row| quoted(row[1])).collect();
        for row in &rows {
            match row[..] {
                [_, room, uses, never] => {
                    let named = quoted(uses);
                    let may_use = match uses.strip_prefix("everything") {
                        Some(_) => all.iter().filter(|room| !named.contains(room)).cloned().collect(),
                        None => named,
                    };
                    let room_rules = Room { may_use: split(&may_use), never: split(&quoted(never)) };
                    rooms.insert(quoted(room).concat(), room_rules);
                }
                [path, only] => only_in.extend(split(&quoted(path)).into_iter().map(|path| (path, quoted(only)))),
                _ => panic!("a row of the table of layers has neither 4 nor 2 columns: {row:?}"),
            }
        }
        Self { rooms, only_in }
    }

    /// What in `source` breaks the rules, as lines for a person. `file` is relative to `src`.
    fn broken_in(&self, file: &Path, source: &str) -> Vec<String> {
        let module = module_of(file);
        let room_name = module.first().cloned().unwrap_or_else(|| file.with_extension("").display().to_string());
        let place = |line: usize| format!("src/{}:{line}", file.display());
        // The root only declares the rooms.
        if room_name == "lib" {
            return vec![];
        }
        let Some(room) = self.rooms.get(&room_name) else {
            return vec![format!("{}: `{room_name}` has no row in the table of layers", place(1))];
        };
        references(source, &module)
            .into_iter()
            .filter_map(|reference| self.objection(&room_name, room, &reference.target).map(|why| (reference, why)))
            .map(|(reference, why)| format!("{}: {why}", place(reference.line)))
            .collect()
    }

    fn objection(&self, name: &str, room: &Room, target: &Target) -> Option<String> {
        match target {
            Target::Ours(path) => {
                let own = path.first().is_some_and(|first| first == name);
                if own || room.may_use.iter().any(|allowed| path.starts_with(allowed)) {
                    return None;
                }
                let allowed: Vec<String> = room.may_use.iter().map(|path| format!("`{}`", path.join("::"))).collect();
                let allowed = if allowed.is_empty() { "nothing of ours".into() } else { allowed.join(", ") };
                Some(format!("`crate::{}`: `{name}` may use {allowed}", path.join("::")))
            }
            Target::Foreign(path) => {
                let shown = path.join("::");
                if room.never.iter().any(|never| path.starts_with(never)) {
                    return Some(format!("`{shown}`: `{name}` never touches it"));
                }
                let mut rules = self.only_in.iter().filter(|(rule, _)| path.starts_with(rule));
                let (_, only) = rules.find(|(_, only)| !only.iter().any(|room| room == name))?;
                Some(format!("`{shown}`: belongs in `{}` only", only.join("`, `")))
            }
        }
    }
}

/// The words in back-ticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn split(paths: &[String]) -> Vec<Vec<String>> {
    paths.iter().map(|path| path.split("::").map(str::to_owned).collect()).collect()
}

/// `store/writer/batch.rs` is the module `store::writer::batch`, `store/mod.rs` is `store`; `lib.rs` and `main.rs`
/// are the root.
fn module_of(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(parts.last().map(String::as_str), Some("mod")) || parts == ["lib"] || parts == ["main"] {
        parts.pop();
    }
    parts
}

/// Every source file below `src`, relative to it.
fn source_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut files, mut folders) = (vec![], vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path.strip_prefix(&root).unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn no_room_reaches_past_its_layer() {
    let rules = Rules::read(TABLE);
    let broken: Vec<String> = source_files()
        .iter()
        .flat_map(|file| rules.broken_in(file, &read(&format!("src/{}", file.display()))))
        .collect();
    assert!(broken.is_empty(), "{} reference(s) break the table of layers:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn architecture_shows_the_same_table() {
    assert!(
        read("ARCHITECTURE.md").contains(TABLE),
        "the tables under \"The layers\" in ARCHITECTURE.md differ from `TABLE` in tests/it/layers.rs"
    );
}

#[test]
fn every_row_of_the_table_is_a_room_that_exists() {
    let rooms: BTreeSet<String> = Rules::read(TABLE).rooms.into_keys().collect();
    let found: BTreeSet<String> = source_files()
        .iter()
        .filter_map(|file| file.iter().next().map(|first| Path::new(first).with_extension("").display().to_string()))
        .filter(|room| room != "lib")
        .collect();
    assert_eq!(rooms, found);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, source: &str, expected: &[&str]) {
        assert_eq!(Rules::read(TABLE).broken_in(Path::new(file), source), expected, "{file}: {source}");
    }

    #[test]
    fn a_room_that_uses_a_room_above_it_is_caught_with_place_and_rule() {
        check(
            "net/client.rs",
            "use std::io;\nuse crate::{base::Secret, store::Store};",
            &["src/net/client.rs:2: `crate::store::Store`: `net` may use `base`, `telemetry`"],
        );
        check(
            "base/id.rs",
            "fn f() -> crate::store::Seq {}",
            &["src/base/id.rs:1: `crate::store::Seq`: `base` may use nothing of ours"],
        );
        check(
            "webex/ids.rs",
            "use super::super::definition;",
            &["src/webex/ids.rs:1: `crate::definition`: `webex` may use `base`, `telemetry`, `net`"],
        );
    }

    #[test]
    fn what_is_allowed_is_not_mentioned() {
        check("net/client.rs", "use crate::base::Secret; use super::egress::Egress; use awc::Client;", &[]);
        check("brain/step.rs", "use crate::webex::model; use crate::webex::model::Person; use std::fmt;", &[]);
        check("cli/serve.rs", "use crate::{app::App, sim, store::Store};", &[]);
        check("main.rs", "fn main() { botyard::cli::main() }", &[]);
    }

    #[test]
    fn a_part_of_a_room_may_be_allowed_alone() {
        check(
            "brain/step.rs",
            "use crate::webex::{model, Request};",
            &[
                "src/brain/step.rs:1: `crate::webex::Request`: `brain` may use `base`, `definition`, `webex::model`, `webex::kinds`, `handlers::answer`, `handlers::script`, `handlers::turn`",
            ],
        );
    }

    #[test]
    fn a_foreign_crate_outside_of_its_room_is_caught() {
        check("http/hooks.rs", "sqlx::query(\"x\")", &["src/http/hooks.rs:1: `sqlx::query`: belongs in `store` only"]);
        check(
            "store/mod.rs",
            "use actix::prelude::*;",
            &["src/store/mod.rs:1: `actix::prelude::*`: belongs in `actors`, `http`, `app` only"],
        );
        check(
            "actors/bot.rs",
            "actix::spawn(async {}); tokio::spawn(x);",
            &[
                "src/actors/bot.rs:1: `actix::spawn`: belongs in `base` only",
                "src/actors/bot.rs:1: `tokio::spawn`: belongs in `base` only",
            ],
        );
    }

    #[test]
    fn the_brain_stays_pure() {
        check(
            "brain/step.rs",
            "use std::time::SystemTime;",
            &["src/brain/step.rs:1: `std::time::SystemTime`: `brain` never touches it"],
        );
    }

    #[test]
    fn the_program_itself_is_only_a_door() {
        check("main.rs", "botyard::store::open()", &["src/main.rs:1: `crate::store::open`: `main` may use `cli`"]);
    }

    #[test]
    fn a_folder_without_a_row_is_caught() {
        check("widgets/mod.rs", "", &["src/widgets/mod.rs:1: `widgets` has no row in the table of layers"]);
    }
}
