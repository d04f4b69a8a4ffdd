//! From the text of a `usage` to a [`Usage`], or to everything that is wrong with it and where.

use std::{collections::BTreeSet, ops::Range};

use super::{
    Arg, Flag, MAX_ARGS, Usage,
    value::{KINDS, Kind},
};
use crate::definition::diagnostic::{did_you_mean, quote};

/// One thing wrong in a usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// What.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// A part of the line: a bare word, `<…>` or `[…]`.
struct Part<'t> {
    range: Range<usize>,
    open: Option<char>,
    /// Without the brackets.
    inside: &'t str,
}

impl Usage {
    /// Reads a usage line.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the line.
    pub fn parse(text: &str) -> Result<Self, Vec<Trouble>> {
        let mut parser = Parser { found: Vec::new(), names: BTreeSet::new() };
        let usage = parser.usage(text);
        if parser.found.is_empty() { Ok(usage) } else { Err(parser.found) }
    }
}

struct Parser {
    found: Vec<Trouble>,
    names: BTreeSet<String>,
}

impl Parser {
    fn tell(&mut self, range: &Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.found.push(Trouble { range: range.clone(), message: message.into(), hint: hint.into() });
    }

    fn usage(&mut self, text: &str) -> Usage {
        let parts = self.parts(text);
        let mut words: Vec<&str> = Vec::new();
        let (mut args, mut flags): (Vec<Arg>, Vec<Flag>) = (Vec::new(), Vec::new());
        let mut begun = false;
        for part in &parts {
            match part.open {
                None if part.inside.starts_with("--") => {
                    let name = part.inside;
                    self.tell(
                        &part.range,
                        format!("{} stands outside of brackets", quote(name)),
                        format!("a flag is always optional: write `[{name}]`"),
                    );
                    begun = true;
                }
                None if begun => {
                    let message = format!("the word {} stands behind an argument", quote(part.inside));
                    let hint = format!("words come first; for an argument write `<{}>`", part.inside);
                    self.tell(&part.range, message, hint);
                }
                None => words.push(part.inside),
                Some(open) => {
                    begun = true;
                    if open == '[' && part.inside.trim_start().starts_with('-') {
                        flags.extend(self.flag(part));
                    } else {
                        let arg = self.arg(&part.range, part.inside, open == '<');
                        if let Some(arg) = arg {
                            self.order(&part.range, &args, &arg);
                            args.push(arg);
                        }
                    }
                }
            }
        }
        if words.is_empty() && self.found.is_empty() {
            self.tell(
                &(0..text.len()),
                "a usage begins with the words of the command",
                "for example `page <team> [message...]`",
            );
        }
        if args.len() + flags.len() > MAX_ARGS {
            let message =
                format!("a command has at most {MAX_ARGS} arguments, this one has {}", args.len() + flags.len());
            self.tell(&(0..text.len()), message, "ask for the rest in a dialogue or a form");
        }
        Usage { words: words.join(" ").into(), args: args.into(), flags: flags.into() }
    }

    fn order(&mut self, range: &Range<usize>, before: &[Arg], arg: &Arg) {
        if let Some(last) = before.iter().find(|before| before.kind == Kind::Rest) {
            let message = format!("{} stands behind `{}...`, which takes everything", quote(&arg.name), last.name);
            self.tell(range, message, "what takes the rest of the line comes last");
        } else if arg.required
            && arg.kind != Kind::Rest
            && let Some(optional) = before.iter().find(|before| !before.required)
        {
            let message =
                format!("{} is required and stands behind {}, which is not", quote(&arg.name), quote(&optional.name));
            self.tell(range, message, "put the required ones first");
        }
    }

    fn flag(&mut self, part: &Part<'_>) -> Option<Flag> {
        let (dashed, value) = part.inside.trim().split_once(char::is_whitespace).unwrap_or((part.inside.trim(), ""));
        let fits = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let Some(name) = dashed.strip_prefix("--").filter(|name| fits(name)) else {
            let bare = dashed.trim_start_matches('-').to_lowercase();
            let hint = if fits(&bare) {
                format!("write `--{bare}`")
            } else {
                "a flag is two dashes, then `a-z`, `0-9` and `-`".to_owned()
            };
            self.tell(&part.range, format!("{} is no flag", quote(dashed)), hint);
            return None;
        };
        if !self.names.insert(name.replace('-', "_")) {
            self.twice(&part.range, name);
        }
        let value = value.trim();
        if value.is_empty() {
            return Some(Flag { name: name.into(), takes: None });
        }
        let Some(inside) = value.strip_prefix('<').and_then(|value| value.strip_suffix('>')) else {
            let hint = format!("for example `[--{name} <{name}:int>]`");
            self.tell(&part.range, format!("what `--{name}` takes stands in `<` and `>`"), hint);
            return None;
        };
        let (shown, kind) = self.name_and_kind(&part.range, inside)?;
        if kind == Kind::Rest {
            self.tell(&part.range, format!("`--{name}` cannot take the rest of the line"), "only an argument can");
            return None;
        }
        Some(Flag { name: name.into(), takes: Some((shown.into(), kind)) })
    }

    fn arg(&mut self, range: &Range<usize>, inside: &str, required: bool) -> Option<Arg> {
        let (name, kind) = self.name_and_kind(range, inside)?;
        if !self.names.insert(name.to_owned()) {
            self.twice(range, name);
        }
        Some(Arg { name: name.into(), kind, required })
    }

    fn twice(&mut self, range: &Range<usize>, name: &str) {
        self.tell(range, format!("there are two called {}", quote(name)), "give one another name");
    }

    /// `team`, `count:int`, `size:small|large`, `message...`
    fn name_and_kind<'t>(&mut self, range: &Range<usize>, inside: &'t str) -> Option<(&'t str, Kind)> {
        let inside = inside.trim();
        let (name, kind) = match inside.split_once(':') {
            Some((name, kind)) => (name.trim_end(), Some(kind.trim())),
            None => (inside, None),
        };
        let (name, rest) = match name.strip_suffix("...").or_else(|| name.strip_suffix('…')) {
            Some(name) => (name, true),
            None => (name, false),
        };
        let fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !fits {
            let hint = "a name is made of letters, digits and `_`, as in `<team>` or `[count:int]`";
            self.tell(range, format!("{} is no name of an argument", quote(name)), hint);
            return None;
        }
        let kind = match kind {
            None | Some("rest") if rest => Kind::Rest,
            None => Kind::Word,
            Some(typed) if rest || typed.ends_with("...") => {
                self.tell(
                    range,
                    format!("`{name}...` takes the rest of the line as it is, so it has no type"),
                    format!("write `{name}...`"),
                );
                return None;
            }
            Some(kind) if kind.contains('|') => self.choice(range, kind)?,
            Some(kind) => {
                let known = Kind::named(kind);
                if known.is_none() {
                    let names: Vec<_> = KINDS.iter().map(|kind| format!("`{kind}`")).collect();
                    let hint = did_you_mean(kind, KINDS.iter().copied()).unwrap_or_else(|| {
                        format!("types are {}, or a choice as in `size:small|large`", names.join(", "))
                    });
                    self.tell(range, format!("there is no type {}", quote(kind)), hint);
                }
                known?
            }
        };
        Some((name, kind))
    }

    fn choice(&mut self, range: &Range<usize>, list: &str) -> Option<Kind> {
        let options: Vec<&str> = list.split('|').map(str::trim).collect();
        let folded: BTreeSet<String> = options.iter().map(|option| option.to_lowercase()).collect();
        if options.iter().any(|option| option.is_empty() || option.contains(char::is_whitespace)) {
            self.tell(range, "an option of a choice is one word", "for example `<size:small|large>`");
            return None;
        }
        if folded.len() < options.len() {
            self.tell(range, "a choice has the same option twice", "remove one");
            return None;
        }
        Some(Kind::Choice(options.into_iter().map(Into::into).collect()))
    }

    fn parts<'t>(&mut self, text: &'t str) -> Vec<Part<'t>> {
        let mut parts = Vec::new();
        let mut at = 0;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            at += rest.len() - rest.trim_start().len();
            let rest = rest.trim_start();
            let Some(first) = rest.chars().next() else { return parts };
            let (length, open, inside) = match first {
                '<' | '[' => {
                    let close = if first == '<' { '>' } else { ']' };
                    let Some(end) = rest.find(close) else {
                        let range = at..text.len();
                        self.tell(&range, format!("`{first}` is never closed"), format!("add `{close}`"));
                        return parts;
                    };
                    (end + 1, Some(first), rest.get(1..end).unwrap_or_default())
                }
                '>' | ']' => {
                    let open = if first == '>' { '<' } else { '[' };
                    self.tell(
                        &(at..at + 1),
                        format!("`{first}` closes nothing"),
                        format!("add `{open}` before it, or remove it"),
                    );
                    at += 1;
                    continue;
                }
                _ => {
                    let length = rest.find(|c: char| c.is_whitespace() || "<>[]".contains(c)).unwrap_or(rest.len());
                    (length, None, rest.get(..length).unwrap_or_default())
                }
            };
            parts.push(Part { range: at..at + length, open, inside });
            at += length;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_line_of_the_readme_is_read() {
        let line = "page <team> [count:int] [--urgent] [message...]";
        let usage = Usage::parse(line).unwrap();
        assert_eq!((&*usage.words, usage.args.len(), usage.flags.len()), ("page", 3, 1));
        assert_eq!(usage.args[1], Arg { name: "count".into(), kind: Kind::Int, required: false });
        assert_eq!(usage.args[2].kind, Kind::Rest);
        assert_eq!(usage.line("page"), "page <team> [--urgent] [count:int] [message...]");
        assert_eq!(usage.names().collect::<Vec<_>>(), ["team", "count", "message", "urgent"]);
    }

    #[test]
    fn words_choices_and_flags_with_a_value_are_read() {
        let usage = Usage::parse("order  pizza <size:small|large> [--note-to <who:person>] <address...>").unwrap();
        assert_eq!(&*usage.words, "order pizza");
        assert_eq!(usage.args[0].kind, Kind::Choice(["small".into(), "large".into()].into()));
        assert_eq!(usage.flags[0].takes, Some(("who".into(), Kind::Person)));
        assert_eq!(usage.flags[0].key(), "note_to");
        assert!(usage.args[1].required);
    }

    #[test]
    fn everything_wrong_is_told_at_its_place() {
        let told = |text: &str| {
            let found = Usage::parse(text).unwrap_err();
            found
                .iter()
                .map(|t| format!("{} | {} | {}", text.get(t.range.clone()).unwrap(), t.message, t.hint))
                .collect::<Vec<_>>()
        };
        insta::assert_snapshot!(
            [
                "<team>",
                "page <team",
                "page team]",
                "page <te am>",
                "page <count:intt>",
                "page <count:colour>",
                "page [a] <b>",
                "page [a...] [b]",
                "page <a> to <b>",
                "page --urgent",
                "page [-u]",
                "page [--Urgent!]",
                "page [--level level:int]",
                "page [--level <level...>]",
                "page <a> [a]",
                "page <size:a||b>",
                "page <size:a|A>",
                "page <a:int...>",
                "page <a-b> [c:in]",
            ]
            .map(|text| told(text).join("\n"))
            .join("\n")
        );
    }

    proptest! {
        #[test]
        fn no_line_panics_and_every_place_is_in_it(text in "[a-z<>\\[\\]:|. \\-é…]{0,40}") {
            for trouble in Usage::parse(&text).err().unwrap_or_default() {
                prop_assert!(text.get(trouble.range).is_some());
            }
        }

        #[test]
        fn a_line_that_is_shown_is_read_as_the_same(text in "[a-z]{1,4}( <[a-z]{3}(:int|:a\\|b)?>)?( \\[--[a-z]{2}( <x:date>)?\\])?( \\[[a-z]{4}(\\.\\.\\.)?\\])?") {
            if let Ok(usage) = Usage::parse(&text) {
                prop_assert_eq!(Usage::parse(&usage.line(&usage.words)), Ok(usage));
            }
        }
    }
}
