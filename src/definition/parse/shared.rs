//! What a definition takes from `_shared`: rules of snippets, groups, values.

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::{reader, reader::Reader, syntax};
use crate::definition::{
    codes,
    data::Data,
    diagnostic::{Diagnostic, did_you_mean, quote},
    mask,
    place::{Place, Span, Spanned},
    shared::{GROUPS, VARS},
};

/// Keys of a snippet.
pub(in crate::definition) const SNIPPET: &[&str] = &["command", "on", "schedule", "inbound", "flow", "fallback"];

/// Snippets of one definition.
const MAX_USED: usize = 16;
/// Members of one group.
const MAX_MEMBERS: usize = 2_000;

/// What was taken.
pub(super) struct Taken {
    pub(super) groups: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
    pub(super) vars: Value,
}

/// Reads the shared files of a definition. Rules of a snippet are handed to `take`, in the order of `use`; their
/// places are those that [`Place::starts`] gives each file.
pub(super) fn read(
    place: Place<'_>,
    uses: &[Spanned<String>],
    found: &mut Vec<Diagnostic>,
    mut take: impl FnMut(&mut Reader<'_>),
) -> Taken {
    for extra in uses.iter().skip(MAX_USED) {
        let message = format!("a definition uses at most {MAX_USED} snippets");
        found.push(place.at(codes::BAD_VALUE, extra.span, message).hint("put some of them into one file"));
    }
    for (number, name) in uses.iter().enumerate().take(MAX_USED) {
        let snippets = || place.starts().filter(|(_, file)| ![GROUPS, VARS].contains(&file.name()));
        if uses.iter().take(number).any(|before| before.value == name.value) {
            let message = format!("{} is used twice", quote(&name.value));
            found.push(place.at(codes::CONFLICT, name.span, message).hint("remove one"));
        } else if let Some((start, file)) = snippets().find(|(_, file)| file.name() == name.value) {
            table(place, start, &file.text, found, |table, found| {
                take(&mut Reader::new(place, found, table, "a snippet", Span::new(start..start), SNIPPET));
            });
        } else {
            let hint = did_you_mean(&name.value, snippets().map(|(_, file)| file.name()))
                .unwrap_or_else(|| format!("write it as `_shared/{}.toml` beside the bots", name.value));
            let message = format!("there is no snippet {} in `_shared`", quote(&name.value));
            found.push(place.at(codes::UNKNOWN_SNIPPET, name.span, message).hint(hint));
        }
    }
    let mut taken = Taken { groups: Vec::new(), vars: Value::Null };
    for (start, file) in place.starts() {
        match file.name() {
            GROUPS => table(place, start, &file.text, found, |table, found| taken.groups = groups(place, table, found)),
            VARS => table(place, start, &file.text, found, |table, found| taken.vars = vars(place, table, found)),
            _ => {}
        }
    }
    taken
}

/// Reads a shared text so that its places follow those of the texts before it.
fn table(
    place: Place<'_>,
    start: usize,
    text: &str,
    found: &mut Vec<Diagnostic>,
    read: impl FnOnce(&DeTable<'_>, &mut Vec<Diagnostic>),
) {
    let moved = format!("{}{}", "\n".repeat(start), text.trim_start_matches('\u{feff}'));
    let (table, errors) = DeTable::parse_recoverable(&moved);
    if errors.is_empty() {
        read(table.get_ref(), found);
    } else {
        found.extend(syntax(place, &errors));
    }
}

fn groups(
    place: Place<'_>,
    table: &DeTable<'_>,
    found: &mut Vec<Diagnostic>,
) -> Vec<(Spanned<String>, Vec<Spanned<String>>)> {
    let mut groups = Vec::new();
    for (name, value) in table {
        let name = Spanned::new(name.get_ref().to_string(), Span::new(name.span()));
        let DeValue::Array(items) = value.get_ref() else {
            let message = format!("the group {} is a list of addresses and person ids", quote(&name.value));
            let hint = format!("for example `{} = [\"lead@example.com\"]`", name.value);
            found.push(place.at(codes::WRONG_TYPE, Span::new(value.span()), message).hint(hint));
            continue;
        };
        let mut members = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(member) if !member.trim().is_empty() && members.len() < MAX_MEMBERS => {
                    members.push(Spanned::new(member.trim().to_owned(), Span::new(item.span())));
                }
                DeValue::String(member) if !member.trim().is_empty() => {
                    let message = format!("a group has at most {MAX_MEMBERS} members");
                    found.push(
                        place.at(codes::BAD_VALUE, Span::new(item.span()), message).hint("name a domain instead"),
                    );
                    break;
                }
                _ => {
                    let message = "a member of a group is an address or a person id";
                    let hint = "for example `\"lead@example.com\"`";
                    found.push(place.at(codes::WRONG_TYPE, Span::new(item.span()), message).hint(hint));
                }
            }
        }
        groups.push((name, members));
    }
    groups
}

fn vars(place: Place<'_>, table: &DeTable<'_>, found: &mut Vec<Diagnostic>) -> Value {
    let mut all = Map::new();
    for (name, value) in table {
        all.insert(name.get_ref().to_string(), plain(place, &reader::data(value), found));
    }
    Value::Object(all)
}

/// A value as it is: nothing in it is a template, and nothing may be a secret.
fn plain(place: Place<'_>, data: &Data, found: &mut Vec<Diagnostic>) -> Value {
    match data {
        Data::Plain(value) => value.clone(),
        Data::Text(text) => {
            if mask::looks_secret(&text.value) {
                let hint = "definitions are copied and shown: secrets stand where `env:NAME` or `file:/path` says";
                let message = "this looks like a secret";
                found.push(place.at(codes::LITERAL_TOKEN, text.span, message).hint(hint));
            }
            text.value.clone().into()
        }
        Data::List(items) => items.iter().map(|item| plain(place, item, found)).collect(),
        Data::Table(entries) => {
            entries.iter().map(|(name, data)| (name.value.clone(), plain(place, data, found))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use crate::{
        base::BotId,
        definition::{
            Definition, Diagnostic,
            source::{DefinitionSource, SharedFile},
        },
    };

    fn parsed(text: &str, shared: &[(&str, &str)]) -> (Option<Definition>, Vec<Diagnostic>) {
        let files = shared
            .iter()
            .map(|(name, text)| SharedFile { file: format!("_shared/{name}.toml").into(), text: (*text).into() });
        parse(&DefinitionSource::new(BotId::parse("echo").unwrap(), "echo.toml", text).sharing(files.collect()))
    }

    #[test]
    fn rules_of_snippets_follow_the_bots_own() {
        let about = "[[command]]\nwords = ['about']\nreply = 'x'\n[fallback]\nreply = 'theirs'\n";
        let text = "use = ['about']\n[[command]]\nwords = ['ping']\nreply = 'pong'\n";
        let (definition, found) = parsed(text, &[("about", about)]);
        assert_eq!(found, []);
        let definition = definition.unwrap();
        assert_eq!((definition.commands.len(), definition.fallback.is_some()), (2, true));
        let place = definition.place().at(crate::definition::codes::BAD_VALUE, definition.commands[1].span, "x");
        assert_eq!((place.file.as_str(), place.line), ("_shared/about.toml", 1));
    }

    #[test]
    fn groups_and_values_are_read_and_what_is_wrong_is_told_at_its_place() {
        let (definition, found) = parsed(
            "[fallback]\nreply = 'x'\n",
            &[("groups", "leads = ['a@b.c']\n"), ("vars", "desk = 'x'\nn = { a = [1] }\n")],
        );
        assert_eq!(found, []);
        let definition = definition.unwrap();
        assert_eq!(definition.groups[0].1[0].value, "a@b.c");
        assert_eq!(definition.vars, serde_json::json!({ "desk": "x", "n": { "a": [1] } }));
        let secret = format!("x = 1\nkey = '{}'\n", "a1".repeat(30));
        let (_, found) = parsed(
            "use = ['abuot', 'about', 'about']\n[fallback]\nreply = 'x'\n",
            &[("about", "[[command]\n"), ("groups", "leads = 'a'\nothers = [1]\n"), ("vars", &secret)],
        );
        let told: Vec<_> = found.iter().map(|d| (d.file.as_str(), d.line, d.code)).collect();
        assert_eq!(
            told,
            [
                ("echo.toml", 1, "unknown-snippet"),
                ("_shared/about.toml", 1, "syntax"),
                ("echo.toml", 1, "conflict"),
                ("_shared/groups.toml", 1, "wrong-type"),
                ("_shared/groups.toml", 2, "wrong-type"),
                ("_shared/vars.toml", 2, "literal-token"),
            ]
        );
        assert_eq!(found[0].hint.as_deref(), Some("did you mean `about`?"));
        assert!(!found[5].excerpt.contains("a1a1"), "{}", found[5].excerpt);
    }
}
