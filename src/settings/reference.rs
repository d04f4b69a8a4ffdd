//! `docs/reference/settings.md` is written from `botyard.toml`, so that it cannot tell another story.

use super::keys::{self, assignment};

const HEAD: &str = "\
# Settings

Written from `botyard.toml` by a test; do not edit. Write it anew with
`UPDATE_REFERENCE=1 cargo test --lib settings::reference`.

Four layers, the later one wins, key by key: the defaults (compiled in), a file (`--config FILE` or `BOTYARD_CONFIG`;
without either a `botyard.toml` in the working directory), the environment, flags. An empty variable counts as not set.
An unknown key or `BOTYARD_` variable is refused by name; those that Kubernetes makes for a service (`BOTYARD_PORT…`,
`BOTYARD_SERVICE_…`) are ignored.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut section = String::new();
    let mut reason: Vec<&str> = Vec::new();
    let mut keys = keys::all().into_iter();
    for line in keys::DEFAULTS.lines() {
        if let Some((_, value, example)) = assignment(line) {
            let key = keys.next().unwrap();
            let own_section = key.name.split_once('.').map_or("", |(section, _)| section).to_owned();
            if own_section != section {
                page.extend(["\n## `[", &own_section, "]`\n"]);
                section = own_section;
            }
            let kind = if example { "not set; for example" } else { "default" };
            let (name, variable, reason_text) = (&key.name, key.variable(), reason.join("\n"));
            page.extend([format!("\n### `{name}`\n\n{kind} `{value}` · `{variable}`\n\n{reason_text}\n")]);
            reason.clear();
        } else if let Some(text) = line.strip_prefix("# ") {
            reason.push(text);
        } else if line.is_empty() {
            reason.clear();
        }
    }
    page
}

#[test]
fn the_reference_says_what_the_file_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/settings.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/reference/settings.md is old: UPDATE_REFERENCE=1 cargo test --lib settings::reference"
    );
}

#[test]
fn every_setting_has_its_reason() {
    for entry in page().split("\n### ").skip(1) {
        let body = entry.split("\n\n").nth(2).unwrap_or_default();
        assert!(body.trim_end().ends_with('.') && body.len() > 30, "{entry}");
    }
}

#[test]
fn the_example_environment_names_only_settings() {
    let example = include_str!("../../.env.example");
    let names = example.lines().map(|line| line.trim_start_matches('#')).filter(|line| line.starts_with("BOTYARD_"));
    let names: Vec<_> = names.filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(names.contains(&"BOTYARD_PUBLIC_URL"), "{names:?}");
    let known: Vec<_> = keys::all().iter().map(keys::Key::variable).collect();
    for name in names {
        assert!(known.iter().any(|variable| variable == name), "`{name}` in .env.example is no setting");
    }
}
