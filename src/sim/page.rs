//! Two parts of `docs/reference/simulator.md` are written from the code, so that they cannot tell another story:
//! the control API with the form of its rules, from the head of `control`, and the switches, from their fields.
//!
//! `UPDATE_REFERENCE=1 cargo test --lib sim::page` writes them anew. The table of operations is written by hand and
//! held against the routes by `api::operations`.

use super::{
    options::Retention,
    world::{Rule, Switches, World},
};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/simulator.md");
const CONTROL: &str = include_str!("control/mod.rs");
const WORLD: &str = include_str!("world/mod.rs");

/// What stands at the head of the control API, from its first table on. A heading is one of the page's third level.
fn control() -> String {
    let lines = CONTROL.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).skip_while(|line| !line.starts_with('|'));
    lines.fold(String::new(), |part, line| part + if line.starts_with("# ") { "##" } else { "" } + line + "\n")
}

/// Each switch with its default and what its field says.
fn switches() -> String {
    let (_, body) = WORLD.split_once("struct Switches {\n").expect("the struct stands in this file");
    let defaults = serde_json::to_value(Switches::default()).unwrap();
    let mut table = "| switch | default | what it does |\n| --- | --- | --- |\n".to_owned();
    let mut told = Vec::new();
    for line in body.lines().map(str::trim).take_while(|line| *line != "}") {
        if let Some(text) = line.strip_prefix("/// ") {
            told.push(text);
        } else if let Some((name, _)) = line.trim_start_matches("pub(crate) ").split_once(':') {
            let default = match &defaults[name] {
                serde_json::Value::Bool(true) => "on".to_owned(),
                serde_json::Value::Bool(false) => "off".to_owned(),
                other => other.to_string(),
            };
            table.extend(["| `", name, "` | ", &default, " | ", &told.join(" "), " |\n"]);
            told.clear();
        }
    }
    table
}

/// The page with the part between two marks replaced.
fn with(page: &str, name: &str, part: &str) -> String {
    let (from, to) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (head, rest) = page.split_once(&from).expect("the part begins");
    let (_, tail) = rest.split_once(&to).expect("the part ends");
    [head, &from, "\n", part, "\n", &to, tail].concat()
}

#[test]
fn the_page_says_what_the_code_says() {
    let page = std::fs::read_to_string(PATH).unwrap();
    let current = with(&with(&page, "control", &control()), "switches", &switches());
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(PATH, &current).unwrap();
    }
    let page = std::fs::read_to_string(PATH).unwrap();
    assert!(page == current, "docs/reference/simulator.md is old: UPDATE_REFERENCE=1 cargo test --lib sim::page");
}

#[test]
fn both_parts_have_their_rows() {
    for row in ["| `POST /sim/say` | ", "\n### Rules\n", "| `chance` | "] {
        assert!(control().contains(row), "no {row} in {}", control());
    }
    let count = serde_json::to_value(Switches::default()).unwrap().as_object().unwrap().len();
    assert_eq!(switches().lines().count(), 2 + count, "{}", switches());
    assert!(switches().lines().all(|row| !row.contains("|  |")), "{}", switches());
}

#[test]
fn the_control_api_has_no_call_that_its_table_does_not_name() {
    let arms = CONTROL.lines().filter_map(|line| line.trim().strip_prefix("(\""));
    let mut found = 0;
    for arm in arms {
        let (method, rest) = arm.split_once("\", [").unwrap();
        let (segments, _) = rest.split_once("]) =>").unwrap();
        let word = |segment: &str| match segment.strip_prefix('"') {
            Some(word) => word.trim_end_matches('"').to_owned(),
            None => format!("{{{segment}}}"),
        };
        let path = segments
            .split(", ")
            .filter(|segment| !segment.is_empty())
            .fold("/sim".to_owned(), |path, segment| path + "/" + word(segment).as_str());
        let named = |row: &&str| {
            let call = row.split(" | ").next().unwrap_or_default();
            call.contains(method) && call.split(['`', ' ', ',']).any(|part| part == path)
        };
        assert!(control().lines().any(|row| named(&row)), "the table at the head does not name {method} {path}");
        found += 1;
    }
    assert!(found > 15, "only {found} calls were found");
}

/// The calls of the control API that a document shows: path and body.
fn shown(document: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    document.lines().filter(|line| line.starts_with("$ curl ")).filter_map(|line| {
        let (_, call) = line.split_once("127.0.0.1:7070/sim/")?;
        let path = call.split(['?', ' ', '\'']).next()?;
        let body = call.split_once("-d '").map_or("{}", |(_, body)| body.trim_end_matches('\''));
        Some((path, body))
    })
}

#[test]
fn every_call_that_the_documents_show_is_one() {
    let mut world = World::empty(Retention::default(), 0);
    let mut rules = 0;
    for (path, body) in shown(include_str!("../../docs/reference/simulator.md"))
        .chain(shown(include_str!("../../docs/guide/simulator.md")))
    {
        assert!(control().contains(&format!("/sim/{path}`")), "the control API has no /sim/{path}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{body}: {error}"));
        if path == "rules" && body != serde_json::json!({}) {
            let rule: Rule = serde_json::from_value(body.clone()).unwrap_or_else(|error| panic!("{body}: {error}"));
            world.rules.add(rule, world.now).unwrap_or_else(|refusal| panic!("{body}: {}", refusal.message));
            rules += 1;
        }
    }
    assert!(rules > 2, "only {rules} rules are shown");
}
