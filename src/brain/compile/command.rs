//! Commands: what they listen for, and whether another before them takes it.

use std::collections::BTreeMap;

use super::Compiler;
use crate::{
    brain::{
        names::{Names, Scope},
        pattern,
        program::{Match, Rule},
        usage::Usage,
        words,
    },
    definition::{Command, Help, Listens, Span, Spanned, codes, diagnostic::quote},
};

/// Most bytes of one word of a command.
const MAX_WORD: usize = 100;

/// The words that a command begins with, and their places.
fn leading(command: &Command) -> Vec<(String, Span)> {
    let plain = |words: &[Spanned<String>]| words.iter().map(|word| (words::folded(&word.value), word.span)).collect();
    match &command.listens {
        Listens::Words(list) => plain(list),
        Listens::Usage(usage, aliases) => {
            let own = Usage::parse(&usage.value).ok().map(|parsed| (words::folded(&parsed.words), usage.span));
            let mut all: Vec<(String, Span)> = own.into_iter().collect();
            all.extend(plain(aliases));
            all
        }
        Listens::Pattern(_) => Vec::new(),
    }
}

/// As it is shown, with one space between two words.
fn written(word: &Spanned<String>) -> Box<str> {
    word.value.split_whitespace().collect::<Vec<_>>().join(" ").into()
}

impl Compiler<'_> {
    /// How the generated help looks, if there is one: some command must have a line in it, and none may be `help`.
    pub(super) fn help(&self) -> Option<Help> {
        let own = self.definition.commands.iter().flat_map(leading).any(|(words, _)| words == "help");
        let lines = self.definition.commands.iter().any(|command| command.help.is_some() && !command.hidden);
        let form = self.definition.help.as_ref().map_or(Help::Text, |help| help.value);
        (lines && !own && form != Help::None).then_some(form)
    }

    /// What takes no argument is a better line to try than what complains of one that is missing.
    pub(super) fn line_to_try(&self) -> String {
        let complete = |command: &Command| match &command.listens {
            Listens::Words(list) => list.first().map(|word| word.value.trim().to_owned()),
            Listens::Usage(usage, _) => {
                let usage = Usage::parse(&usage.value).ok()?;
                usage.args.iter().all(|arg| !arg.required).then(|| usage.words.into())
            }
            Listens::Pattern(_) => None,
        };
        let word = self.definition.commands.iter().filter(|command| !command.hidden).find_map(complete);
        word.or_else(|| self.help().map(|_| "help".to_owned())).unwrap_or_else(|| "hello".to_owned())
    }

    /// A word that an earlier command listens for already never reaches the later one. A command with a condition
    /// may let it pass.
    pub(super) fn shadowed(&mut self) {
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        let mut patterns: Vec<&str> = Vec::new();
        for (number, command) in self.definition.commands.iter().enumerate() {
            let passes = command.rule.when.is_some();
            for (words, span) in leading(command) {
                let mut prefix = String::new();
                let mut earlier = None;
                for part in words.split(' ') {
                    prefix = if prefix.is_empty() { part.to_owned() } else { format!("{prefix} {part}") };
                    earlier = earlier.or_else(|| taken.get(&prefix).copied());
                }
                if earlier.is_some_and(|earlier| earlier != number) {
                    let message = format!("{} is never reached: a command before listens for it", quote(&words));
                    self.tell_at(codes::SHADOWED, span, message, Some("remove it, or move its command up".into()));
                }
                if !passes {
                    taken.entry(words).or_insert(number);
                }
            }
            if let Listens::Pattern(pattern) = &command.listens {
                if patterns.contains(&pattern.value.as_str()) {
                    let message = "this pattern is never reached: a command before has the same";
                    self.tell(codes::SHADOWED, pattern, message, Some("remove it, or move its command up".into()));
                }
                if !passes {
                    patterns.push(&pattern.value);
                }
            }
        }
    }

    pub(super) fn command(&mut self, command: &Command) -> Option<Rule> {
        let (listens, body) = match &command.listens {
            Listens::Words(list) => {
                self.words(list);
                let args = ["rest".to_owned()];
                let body = self.body(&command.rule, Names { args: Some(&args), ..Names::of(Scope::Message) });
                (Match::Words(list.iter().map(written).collect()), body?)
            }
            Listens::Usage(line, aliases) => {
                self.words(aliases);
                let usage = self.usage(line)?;
                let mut args: Vec<String> = usage.names().collect();
                args.push("rest".to_owned());
                let body = self.body(&command.rule, Names { args: Some(&args), ..Names::of(Scope::Message) });
                let also = aliases.iter().map(written).collect();
                (Match::Usage(Box::new(usage), also), body?)
            }
            Listens::Pattern(source) => {
                let groups = match pattern::check(&source.value) {
                    Ok(groups) => groups,
                    Err(error) => {
                        let place = self.definition.place();
                        let span = error.range.map_or(source.span, |range| place.inside(source.span, range));
                        // Whoever wrote it in single quotes knows already.
                        let quoted = place.text.get(source.span.range()).is_some_and(|text| text.starts_with('"'));
                        let hint = if quoted {
                            "in TOML write patterns in single quotes: there a backslash is only a backslash"
                        } else {
                            "patterns are those of Rust's `regex`: no look-around, no back-references, of bounded size"
                        };
                        self.tell_at(codes::BAD_PATTERN, span, error.message, Some(hint.into()));
                        return None;
                    }
                };
                let body = self.body(&command.rule, Names { groups: Some(&groups), ..Names::of(Scope::Message) });
                (Match::Pattern(source.value.as_str().into()), body?)
            }
        };
        let help = command.help.as_ref().map(|help| help.value.trim().into());
        Some(Rule { listens, help, hidden: command.hidden, body })
    }

    fn words(&mut self, list: &[Spanned<String>]) {
        for word in list.iter().filter(|word| word.value.len() > MAX_WORD) {
            self.tell(codes::BAD_VALUE, word, format!("a word has at most {MAX_WORD} bytes"), None);
        }
    }

    fn usage(&mut self, line: &Spanned<String>) -> Option<Usage> {
        match Usage::parse(&line.value) {
            Ok(usage) if usage.words.len() <= MAX_WORD => Some(usage),
            Ok(_) => {
                self.tell(codes::BAD_VALUE, line, format!("the words of a usage have at most {MAX_WORD} bytes"), None);
                None
            }
            Err(troubles) => {
                for trouble in troubles {
                    let span = self.definition.place().inside(line.span, trouble.range);
                    self.tell_at(codes::BAD_USAGE, span, trouble.message, Some(trouble.hint));
                }
                None
            }
        }
    }
}
