//! From a definition to a program: every text, pattern, name and destination is checked here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

mod body;
mod flow;
mod on;
mod say;

use super::{
    destination,
    engine::Checker,
    help,
    names::{Names, Scope},
    pattern,
    program::{Match, Program, Rule},
    words,
};
use crate::{
    definition::{Code, Command, Definition, Diagnostic, Doubt, Listens, Span, Spanned, codes, diagnostic::quote},
    webex::kinds::Kinds,
};

/// Most bytes of one word of a command.
const MAX_WORD: usize = 100;
/// Most bytes of a description or of a command's help: both stand in one message with others.
const MAX_HELP: usize = 1000;
/// Most rules of one bot.
const MAX_RULES: usize = 500;
/// Diagnostics of one kind told of one file: a file that is wrong throughout needs no thousand sentences.
const MAX_TOLD: usize = 50;

/// A program, unless a diagnostic is an error.
#[derive(Debug)]
pub struct Compiled {
    /// What to run.
    pub program: Option<Arc<Program>>,
    /// What is wrong, or probably not as meant.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a definition.
#[must_use]
pub fn compile(definition: &Definition) -> Compiled {
    compile_with(&Checker::new(), definition)
}

/// Compiles one definition after the other, for less than [`compile`] takes for each.
pub fn compiler() -> impl Fn(&Definition) -> Compiled {
    let checker = Checker::new();
    move |definition| compile_with(&checker, definition)
}

fn compile_with(checker: &Checker, definition: &Definition) -> Compiled {
    let mut compiler = Compiler { checker, definition, found: Vec::new(), started: BTreeSet::new() };
    let program = compiler.program();
    let mut diagnostics = compiler.found;
    diagnostics.sort_by_key(|found| (found.line, found.column));
    let broken = diagnostics.iter().any(Diagnostic::is_error);
    Compiled { program: program.filter(|_| !broken).map(Arc::new), diagnostics }
}

struct Compiler<'d> {
    checker: &'d Checker,
    definition: &'d Definition,
    found: Vec<Diagnostic>,
    /// Flows that a rule starts.
    started: BTreeSet<String>,
}

impl Compiler<'_> {
    fn tell<T>(&mut self, code: Code, at: &Spanned<T>, message: impl Into<String>, hint: Option<String>) {
        self.tell_at(code, at.span, message, hint);
    }

    fn tell_at(&mut self, code: Code, span: Span, message: impl Into<String>, hint: Option<String>) {
        if self.found.iter().filter(|found| found.code == code.name).count() < MAX_TOLD {
            self.found.push(self.definition.place().at(code, span, message).maybe_hint(hint));
        }
    }

    fn bounds(&mut self) {
        let definition = self.definition;
        let helps = definition.commands.iter().filter_map(|command| command.help.as_ref());
        for text in helps.chain(&definition.description).filter(|text| text.value.len() > MAX_HELP) {
            let message =
                format!("a description or help has at most {MAX_HELP} bytes, this one has {}", text.value.len());
            self.tell(codes::BAD_VALUE, text, message, Some("say the rest in a command's reply".into()));
        }
        let rules = definition.commands.len() + definition.ons.len();
        if rules > MAX_RULES {
            let message = format!("a bot has at most {MAX_RULES} rules, this one has {rules}");
            self.tell_at(codes::BAD_VALUE, Span::default(), message, Some("split it, or use patterns".into()));
        }
    }

    fn program(&mut self) -> Option<Program> {
        let definition = self.definition;
        for (name, id) in &definition.rooms {
            if let Err(why) = destination::room(&id.value) {
                let message = format!("{} is given no room id: {why}", quote(&name.value));
                self.tell(codes::BAD_DESTINATION, id, message, Some("copy the id of the room".into()));
            }
        }
        self.bounds();
        self.shadowed();
        let rules: Vec<_> = definition.commands.iter().map(|command| self.command(command)).collect();
        let ons: Vec<_> = definition.ons.iter().map(|on| self.on(on)).collect();
        let fallback = definition.fallback.as_ref().map(|rule| self.body(rule, Names::of(Scope::Message)));
        let flows = self.flows();
        self.unused_flows();
        let kinds = self.kinds();
        if kinds == Kinds::default() {
            let file = definition.place().file;
            self.found.push(
                Diagnostic::about_file(codes::NO_RULES, file, "the bot has no rule: it will never say anything")
                    .hint("add a `[[command]]`, an `[[on]]` or a `[fallback]`"),
            );
        }
        Some(Program {
            bot: definition.bot.clone(),
            digest: definition.digest,
            description: definition.description.as_ref().map(|text| text.value.as_str().into()),
            doubt: definition.doubt.as_ref().map_or(Doubt::Resend, |doubt| doubt.value),
            kinds,
            line_to_try: self.line_to_try().into(),
            rooms: definition.rooms.iter().map(|(n, id)| (n.value.as_str().into(), id.value.as_str().into())).collect(),
            rules: rules.into_iter().collect::<Option<_>>()?,
            help: self.help().map(Into::into),
            ons: ons.into_iter().collect::<Option<_>>()?,
            flows: flows?,
            fallback: match fallback {
                Some(say) => Some(say?),
                None => None,
            },
        })
    }

    fn kinds(&self) -> Kinds {
        let flows = &self.definition.flows;
        let messages = !self.definition.commands.is_empty() || self.definition.fallback.is_some() || !flows.is_empty();
        let mut start = if messages { Kinds::default().with("messages.created") } else { Kinds::default() };
        if flows.iter().any(|flow| flow.steps.iter().any(|step| !step.inputs.is_empty())) {
            start = start.with("attachmentActions.created");
        }
        self.definition
            .ons
            .iter()
            .fold(start, |kinds, on| on::kinds(&on.what).iter().fold(kinds, |all, one| all.with(one)))
    }

    /// A bot that listens for `help` itself answers it itself.
    fn help(&self) -> Option<String> {
        let own = self.definition.commands.iter().any(|command| match &command.listens {
            Listens::Words(list) => list.iter().any(|word| words::folded(&word.value) == "help"),
            Listens::Pattern(_) => false,
        });
        if own { None } else { help::page(self.definition) }
    }

    fn line_to_try(&self) -> String {
        let first_word = self.definition.commands.iter().find_map(|command| match &command.listens {
            Listens::Words(words) => words.first().map(|word| word.value.trim().to_owned()),
            Listens::Pattern(_) => None,
        });
        let help = || self.help().map(|_| "help".to_owned());
        first_word.or_else(help).unwrap_or_else(|| "hello".to_owned())
    }

    /// A word that an earlier command listens for already never reaches the later one.
    fn shadowed(&mut self) {
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        for (number, command) in self.definition.commands.iter().enumerate() {
            let Listens::Words(list) = &command.listens else { continue };
            for word in list {
                let folded = words::folded(&word.value);
                let mut prefix = String::new();
                let mut earlier = None;
                for part in folded.split(' ') {
                    prefix = if prefix.is_empty() { part.to_owned() } else { format!("{prefix} {part}") };
                    earlier = earlier.or_else(|| taken.get(&prefix).copied());
                }
                if earlier.is_some_and(|earlier| earlier != number) {
                    let message = format!("{} is never reached: a command before listens for it", quote(&word.value));
                    self.tell(codes::SHADOWED, word, message, Some("remove it, or move its command up".into()));
                }
                taken.entry(folded).or_insert(number);
            }
        }
    }

    fn command(&mut self, command: &Command) -> Option<Rule> {
        match &command.listens {
            Listens::Words(list) => {
                for word in list.iter().filter(|word| word.value.len() > MAX_WORD) {
                    self.tell(codes::BAD_VALUE, word, format!("a word has at most {MAX_WORD} bytes"), None);
                }
                let args = ["rest".to_owned()];
                let body = self.body(&command.rule, Names { args: Some(&args), ..Names::of(Scope::Message) })?;
                let list = list.iter().map(|word| words::folded(&word.value).into()).collect();
                Some(Rule { listens: Match::Words(list), body })
            }
            Listens::Pattern(source) => {
                let groups = match pattern::check(&source.value) {
                    Ok(groups) => groups,
                    Err(error) => {
                        let place = self.definition.place();
                        let span = error.range.map_or(source.span, |range| place.inside(source.span, range));
                        let hint = "in TOML write patterns in single quotes: there a backslash is only a backslash";
                        self.tell_at(codes::BAD_PATTERN, span, error.message, Some(hint.into()));
                        return None;
                    }
                };
                let body = self.body(&command.rule, Names { groups: Some(&groups), ..Names::of(Scope::Message) })?;
                Some(Rule { listens: Match::Pattern(source.value.as_str().into()), body })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        brain::fixture::{compiled, program},
        definition::render,
    };

    fn shown(text: &str) -> String {
        let (program, found) = compiled(text);
        assert_eq!(program.is_none(), found.iter().any(Diagnostic::is_error));
        found.iter().map(|d| render(d, false)).collect::<Vec<_>>().join("\n\n")
    }

    #[test]
    fn a_bad_pattern_is_shown_at_its_place() {
        insta::assert_snapshot!(shown("[[command]]\npattern = '\\bINC(?<number>\\d{6}\\b'\nreply = 'x'\n"));
    }

    #[test]
    fn a_template_with_a_syntax_error_is_shown_at_its_place() {
        insta::assert_snapshot!(shown("[fallback]\nreply = \"Hello\\n{{ message.text | }}\"\n"));
    }

    #[test]
    fn unknown_names_are_shown_at_their_places_inside_the_string() {
        insta::assert_snapshot!(shown(
            "[[command]]\npattern = '(?<number>\\d+)'\nreply = \"\"\"\n{{ match.nummer }}\n{{ persn.email }} {{ person.frist_name | uper }}\n\"\"\"\n"
        ));
    }

    #[test]
    fn a_template_that_never_ends_is_refused() {
        insta::assert_snapshot!(shown(
            "[fallback]\nreply = '{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}'\n"
        ));
    }

    #[test]
    fn events_rooms_and_destinations_are_checked() {
        insta::assert_snapshot!(shown(
            "[rooms]\nops = 'Y2lzY29zcGFyazovL3VzL1JPT00vYQ'\nbad = 'x y'\n[[on]]\nevent = 'membership.created'\nreply = 'x'\n[fallback]\nreply = { text = 'x', to = '@opps' }\n"
        ));
    }

    #[test]
    fn what_is_never_reached_or_does_nothing_is_a_warning() {
        let twice = "[[command]]\nwords = ['ping']\nreply = 'a'\n[[command]]\nwords = ['PING me', 'x']\nreply = 'b'\n";
        let (program, found) = compiled(twice);
        assert!(program.is_some());
        assert_eq!(found.iter().map(|d| (d.code, d.line)).collect::<Vec<_>>(), [("shadowed", 5)]);
        let (program, found) = compiled("description = 'nothing'\n");
        assert!(program.is_some());
        assert_eq!(found[0].code, "no-rules");
    }

    #[test]
    fn only_wanted_kinds_are_wanted() {
        let kinds = |text: &str| program(text).kinds().iter().map(|(r, e)| format!("{r}.{e}")).collect::<Vec<_>>();
        assert_eq!(kinds("[fallback]\nreply = 'x'\n"), ["messages.created"]);
        assert_eq!(kinds("[[on]]\nevent = 'memberships.deleted'\nreply = 'x'\n"), ["memberships.deleted"]);
    }

    #[test]
    fn texts_are_bounded() {
        let long = "x".repeat(crate::brain::engine::MAX_OUTPUT + 1);
        let found = compiled(&format!("[fallback]\nreply = '{long}'\n")).1;
        assert_eq!((found[0].code, found[0].excerpt.len()), ("bad-value", 0));
    }
}
