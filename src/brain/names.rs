//! The names a template may use, and in which kind of rule they are there.
//!
//! Known names are checked when a definition is loaded and always defined when it runs. A few are lenient:
//! what they hold comes from outside, so a missing field prints nothing and is noted in the turn's record.

use crate::definition::rule::Scope as Memory;

/// A kind of rule, as far as names depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A message: commands, `[fallback]`, `[[on]]` with a message.
    Message,
    /// A press of a card's button.
    Press,
    /// A membership.
    Membership,
    /// A timer.
    Timer,
    /// A delivery that was given up.
    Failed,
    /// A step of a dialogue: a message, a press or a time-out.
    Flow,
    /// Neither a room nor a person: a schedule, a post of another program.
    Nowhere,
    /// A person and no room: a schedule of each person.
    Person,
    /// What a hook tells posts apart by.
    Post,
    /// Anything else that is there without a person's doing: a room that changed, a message that is gone.
    Bare,
}

/// The names that one rule's templates may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    /// What kind of rule it is.
    pub(super) scope: Scope,
    /// Names of the pattern's groups; none: there is no pattern.
    pub(super) groups: Option<&'a [String]>,
    /// Names of the command's arguments; none: there are none.
    pub(super) args: Option<&'a [String]>,
    /// Names of the dialogue's answers; none: it is not known which there are.
    pub(super) dialogue: Option<&'a [String]>,
}

impl Names<'_> {
    /// Those of a rule without pattern and arguments.
    pub(super) fn of(scope: Scope) -> Self {
        Self { scope, groups: None, args: None, dialogue: None }
    }
}

/// A name at the top: its fields (none: a plain value), and the scopes it is there in.
struct Known {
    name: &'static str,
    fields: &'static [&'static str],
    scopes: &'static [Scope],
}

/// Wherever there is a room, or may be.
const ROOMS: &[Scope] =
    &[Scope::Message, Scope::Press, Scope::Membership, Scope::Timer, Scope::Failed, Scope::Flow, Scope::Bare];

/// Wherever there is a person, or may be.
const PEOPLE: &[Scope] = &[
    Scope::Message,
    Scope::Press,
    Scope::Membership,
    Scope::Timer,
    Scope::Failed,
    Scope::Flow,
    Scope::Bare,
    Scope::Person,
];

/// In every rule.
const RULES: &[Scope] = &[
    Scope::Message,
    Scope::Press,
    Scope::Membership,
    Scope::Timer,
    Scope::Failed,
    Scope::Flow,
    Scope::Bare,
    Scope::Person,
    Scope::Nowhere,
];

const KNOWN: &[Known] = &[
    Known {
        name: "message",
        fields: &["text", "raw", "markdown", "html", "files", "id", "parent_id"],
        scopes: &[Scope::Message],
    },
    Known { name: "person", fields: &["id", "email", "display_name", "first_name", "org_id"], scopes: PEOPLE },
    Known { name: "room", fields: &["id", "title", "type"], scopes: ROOMS },
    Known { name: "bot", fields: &["id", "name", "email"], scopes: RULES },
    Known { name: "event", fields: &["kind", "at", "name", "value", "reason", "rule"], scopes: RULES },
    Known { name: "now", fields: &[], scopes: RULES },
];

/// Names whose fields are not known beforehand.
pub const LENIENT: &[&str] =
    &["payload", "headers", "inputs", "card", "response", "state", "dialogue", "vars", "members"];

/// Functions that templates may call.
const FUNCTIONS: &[&str] = &["range", "dict", "namespace"];

/// Whether a value may stand behind a name at the top without the template's doing.
pub(super) fn is_given(name: &str) -> bool {
    let more = ["match", "args", "data"];
    KNOWN.iter().any(|known| known.name == name) || LENIENT.contains(&name) || more.contains(&name)
}

/// Why a name cannot be used; the second is a hint.
pub(super) type Trouble = (String, String);

/// The memory and the key that a path below `state` names.
pub(super) fn memory(path: &str) -> Option<(Memory, &str)> {
    let mut parts = path.strip_prefix("state.")?.split('.');
    let scope = parts.next()?;
    let (_, scope) = Memory::ALL.into_iter().find(|(name, _)| *name == scope)?;
    parts.next().map(|key| (scope, key))
}

/// Checks a dotted name as a template uses it.
pub(super) fn check(path: &str, names: Names<'_>) -> Result<(), Trouble> {
    let mut parts = path.split('.');
    let root = parts.next().unwrap_or_default();
    let field = parts.next();
    if root == "state" && memory(path).is_none() {
        let scopes: Vec<&str> = Memory::ALL.iter().map(|(name, _)| *name).collect();
        return Err(match field {
            Some(field) if !scopes.contains(&field) => {
                (format!("`state` has no `{field}`"), suggest(field, &scopes, "`state` has"))
            }
            _ => (
                format!("`{path}` names no key"),
                "write `state.bot.KEY`, `state.room.KEY` or `state.person.KEY`".into(),
            ),
        });
    }
    if root == "members" && field.is_none() {
        return Err((
            "`members` names no room".into(),
            "write `members.NAME` with a name of `[rooms]`, or `members.room`".into(),
        ));
    }
    if let ("dialogue", Some(answers)) = (root, names.dialogue) {
        return listed(field, answers, "no step asks for", "`dialogue` has");
    }
    if LENIENT.contains(&root) || FUNCTIONS.contains(&root) {
        return Ok(());
    }
    if let ("match", Some(groups)) = (root, names.groups) {
        return listed(field, groups, "the pattern has no group called", "name a group with `(?<name>…)`");
    }
    if let ("args", Some(args)) = (root, names.args) {
        return listed(field, args, "the command has no argument called", "`args` has");
    }
    let Some(known) = KNOWN.iter().find(|known| known.name == root) else {
        let mut all: Vec<&str> =
            KNOWN.iter().filter(|known| known.scopes.contains(&names.scope)).map(|k| k.name).collect();
        all.extend(names.args.map(|_| "args").into_iter().chain(names.groups.map(|_| "match")));
        let trouble = match root {
            "match" => "`match` is there only in a command with a `pattern`".to_owned(),
            "args" => "`args` is there only in a command with `words`".to_owned(),
            _ => format!("there is no `{root}`"),
        };
        return Err((trouble, suggest(root, &all, "templates see")));
    };
    if !known.scopes.contains(&names.scope) {
        return Err((why_not(root, names.scope), "see the names of each kind of rule in the reference".to_owned()));
    }
    match field {
        Some(field) if !known.fields.contains(&field) => {
            let hint = if known.fields.is_empty() {
                format!("`{root}` is a plain value")
            } else {
                suggest(field, known.fields, &format!("`{root}` has"))
            };
            Err((format!("`{root}` has no `{field}`"), hint))
        }
        _ => Ok(()),
    }
}

/// A field that must be one of a rule's own.
fn listed(field: Option<&str>, known: &[String], trouble: &str, otherwise: &str) -> Result<(), Trouble> {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    match field {
        Some(field) if !known.contains(&field) => {
            let otherwise = if known.is_empty() && otherwise.ends_with("has") { "it has none" } else { otherwise };
            Err((format!("{trouble} `{field}`"), suggest(field, &known, otherwise)))
        }
        _ => Ok(()),
    }
}

fn why_not(root: &str, scope: Scope) -> String {
    match (root, scope) {
        ("message", Scope::Membership) => "there is no `message` when people come and go".to_owned(),
        ("message", Scope::Press) => {
            "there is no `message` when a card is pressed: what was entered is in `inputs`".to_owned()
        }
        ("message", Scope::Flow) => {
            "there is no `message` in a flow: what was said is `dialogue.answer` in `check` and `retry`".to_owned()
        }
        _ => format!("`{root}` is not there in this kind of rule"),
    }
}

fn suggest(name: &str, known: &[&str], otherwise: &str) -> String {
    crate::definition::diagnostic::did_you_mean(name, known.iter().copied()).unwrap_or_else(|| {
        let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        format!("{otherwise} {}", list.join(", ")).trim_end().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_pass_where_they_are_there() {
        let args = ["rest".to_owned()];
        let words = Names { args: Some(&args), ..Names::of(Scope::Message) };
        for path in
            ["message.text", "person.first_name", "room", "args.rest", "now", "payload.a.b", "range", "state.room.n"]
        {
            assert_eq!(check(path, words), Ok(()), "{path}");
        }
        let groups = ["number".to_owned()];
        assert_eq!(check("match.number", Names { groups: Some(&groups), ..Names::of(Scope::Message) }), Ok(()));
    }

    #[test]
    fn others_are_refused_with_the_likely_one() {
        let (args, groups) = (["rest".to_owned()], ["number".to_owned()]);
        let words = Names { args: Some(&args), ..Names::of(Scope::Message) };
        let pattern = Names { groups: Some(&groups), ..Names::of(Scope::Message) };
        let plain = Names::of(Scope::Message);
        let hint = |path, names| check(path, names).unwrap_err().1;
        assert_eq!(hint("person.frist_name", words), "did you mean `first_name`?");
        assert_eq!(hint("mesage.text", plain), "did you mean `message`?");
        assert_eq!(hint("match.nmber", pattern), "did you mean `number`?");
        assert_eq!(hint("state.rom.x", plain), "did you mean `room`?");
        assert!(check("state.room", plain).unwrap_err().0.contains("names no key"));
        assert!(check("match.number", words).is_err());
        assert!(check("message.text", Names::of(Scope::Membership)).is_err());
        assert!(check("args.rest", plain).is_err());
        assert!(check("now.year", plain).is_err());
    }
}
