//! The names a template may use, and in which kind of rule they are there.
//!
//! Known names are checked when a definition is loaded and always defined when it runs. A few are lenient:
//! what they hold comes from outside, so a missing field prints nothing and is noted in the turn's record.

/// A kind of rule, as far as names depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `[[command]]` with `words`.
    Words,
    /// `[[command]]` with `pattern`.
    Pattern,
    /// `[[on]]` with a membership event.
    Membership,
    /// `[fallback]`.
    Fallback,
}

/// A name at the top: its fields (none: a plain value), and the scopes it is there in.
struct Known {
    name: &'static str,
    fields: &'static [&'static str],
    scopes: &'static [Scope],
}

const EVERYWHERE: &[Scope] = &[Scope::Words, Scope::Pattern, Scope::Membership, Scope::Fallback];
const MESSAGES: &[Scope] = &[Scope::Words, Scope::Pattern, Scope::Fallback];

const KNOWN: &[Known] = &[
    Known {
        name: "message",
        fields: &["text", "raw", "markdown", "html", "files", "id", "parent_id"],
        scopes: MESSAGES,
    },
    Known { name: "person", fields: &["id", "email", "display_name", "first_name"], scopes: EVERYWHERE },
    Known { name: "room", fields: &["id", "title", "type"], scopes: EVERYWHERE },
    Known { name: "bot", fields: &["id", "name", "email"], scopes: EVERYWHERE },
    Known { name: "args", fields: &["rest"], scopes: &[Scope::Words] },
    Known { name: "event", fields: &["kind", "at"], scopes: EVERYWHERE },
    Known { name: "now", fields: &[], scopes: EVERYWHERE },
];

/// Names whose fields are not known beforehand.
pub const LENIENT: &[&str] = &["payload", "inputs", "response", "state", "dialogue"];

/// Functions that templates may call.
const FUNCTIONS: &[&str] = &["range", "dict", "namespace"];

/// Why a name cannot be used; the second is a hint.
pub(super) type Trouble = (String, String);

/// Checks a dotted name as a template uses it. `groups` are the names a pattern gives to `match`.
pub(super) fn check(path: &str, scope: Scope, groups: &[String]) -> Result<(), Trouble> {
    let mut parts = path.split('.');
    let root = parts.next().unwrap_or_default();
    let field = parts.next();
    if LENIENT.contains(&root) || FUNCTIONS.contains(&root) {
        return Ok(());
    }
    if root == "match" && scope == Scope::Pattern {
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        return match field {
            Some(field) if !groups.contains(&field) => Err((
                format!("the pattern has no group called `{field}`"),
                suggest(field, &groups, "name a group with `(?<name>…)`"),
            )),
            _ => Ok(()),
        };
    }
    let Some(known) = KNOWN.iter().find(|known| known.name == root) else {
        let names: Vec<&str> = KNOWN.iter().filter(|known| known.scopes.contains(&scope)).map(|k| k.name).collect();
        let trouble = if root == "match" {
            "`match` is there only in a command with a `pattern`".to_owned()
        } else {
            format!("there is no `{root}`")
        };
        return Err((trouble, suggest(root, &names, "templates see")));
    };
    if !known.scopes.contains(&scope) {
        return Err((why_not(root, scope), "see the names of each kind of rule in the reference".to_owned()));
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

fn why_not(root: &str, scope: Scope) -> String {
    match (root, scope) {
        ("message", Scope::Membership) => "there is no `message` when people come and go".to_owned(),
        ("args", _) => "`args` is there only in a command with `words`".to_owned(),
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
        for path in ["message.text", "person.first_name", "room", "args.rest", "now", "payload.a.b", "range"] {
            assert_eq!(check(path, Scope::Words, &[]), Ok(()), "{path}");
        }
        assert_eq!(check("match.number", Scope::Pattern, &["number".into()]), Ok(()));
    }

    #[test]
    fn others_are_refused_with_the_likely_one() {
        let hint = |path, scope| check(path, scope, &["number".into()]).unwrap_err().1;
        assert_eq!(hint("person.frist_name", Scope::Words), "did you mean `first_name`?");
        assert_eq!(hint("mesage.text", Scope::Fallback), "did you mean `message`?");
        assert_eq!(hint("match.nmber", Scope::Pattern), "did you mean `number`?");
        assert!(check("match.number", Scope::Words, &[]).is_err());
        assert!(check("message.text", Scope::Membership, &[]).is_err());
        assert!(check("args.rest", Scope::Fallback, &[]).is_err());
        assert!(check("now.year", Scope::Fallback, &[]).is_err());
    }
}
