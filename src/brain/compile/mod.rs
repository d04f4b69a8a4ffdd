//! From a definition to a program: every text, pattern, name and destination is checked here.

use std::{collections::BTreeSet, sync::Arc};

mod body;
mod command;
mod flow;
mod gate;
mod handler;
mod inbound;
mod on;
mod say;
mod schedule;

use super::{
    access::Access,
    destination,
    engine::Checker,
    names::{Names, Scope},
    program::{OnRule, Program, Rule},
};
use crate::{
    definition::{
        Code, Definition, Diagnostic, Doubt, Span, Spanned, codes, diagnostic::quote, handler::Form, rule::Action,
    },
    webex::kinds::Kinds,
};

/// Most bytes of a description or of a command's help: both stand in one message with others.
const MAX_HELP: usize = 1000;
/// Most rules of one bot.
const MAX_RULES: usize = 500;
/// Diagnostics of one kind told of one file: a file that is wrong throughout needs no thousand sentences.
const MAX_TOLD: usize = 50;

pub use self::gate::{OpenBots, Policy};

/// A program, unless a diagnostic is an error.
#[derive(Debug)]
pub struct Compiled {
    /// What to run.
    pub program: Option<Arc<Program>>,
    /// What is wrong, or probably not as meant.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a definition, under no policy.
#[must_use]
pub fn compile(definition: &Definition) -> Compiled {
    compile_with(&Checker::new(), &Policy::default(), definition)
}

/// Compiles one definition after the other, for less than [`compile`] takes for each.
pub fn compiler(policy: Policy) -> impl Fn(&Definition) -> Compiled {
    let checker = Checker::new();
    move |definition| compile_with(&checker, &policy, definition)
}

fn compile_with(checker: &Checker, policy: &Policy, definition: &Definition) -> Compiled {
    let (access, started) = (Access::default(), BTreeSet::new());
    let mut compiler = Compiler { checker, policy, definition, access, found: Vec::new(), started };
    let program = compiler.program();
    let mut diagnostics = compiler.found;
    diagnostics.sort_by_key(|found| (found.line, found.column));
    let broken = diagnostics.iter().any(Diagnostic::is_error);
    Compiled { program: program.filter(|_| !broken).map(Arc::new), diagnostics }
}

struct Compiler<'d> {
    checker: &'d Checker,
    policy: &'d Policy,
    definition: &'d Definition,
    /// `[access]` of the definition.
    access: Access,
    found: Vec<Diagnostic>,
    /// Flows that a rule starts.
    started: BTreeSet<String>,
}

impl Compiler<'_> {
    fn tell<T>(&mut self, code: Code, at: &Spanned<T>, message: impl Into<String>, hint: Option<String>) {
        self.tell_at(code, at.span, message, hint);
    }

    fn tell_at(&mut self, code: Code, span: Span, message: impl Into<String>, hint: Option<String>) {
        self.add(self.definition.place().at(code, span, message).maybe_hint(hint));
    }

    /// Tells what is wrong, once: a file that two rules use is looked at twice.
    fn add(&mut self, new: Diagnostic) {
        let told = self.found.iter().filter(|found| found.code == new.code).count();
        if told < MAX_TOLD && !self.found.contains(&new) {
            self.found.push(new);
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
        let rules =
            definition.commands.len() + definition.ons.len() + definition.schedules.len() + definition.inbounds.len();
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
        let access = self.top_access();
        let membership = definition.membership.as_ref().map(|membership| self.membership(membership));
        let rules: Vec<_> = definition.commands.iter().map(|command| self.command(command)).collect();
        let ons: Vec<_> = definition.ons.iter().map(|on| self.on(on)).collect();
        let fallback = definition.fallback.as_ref().map(|rule| self.body(rule, Names::of(Scope::Message)));
        let flows = self.flows();
        self.unused_flows();
        let schedules = self.schedules();
        let inbounds = self.inbounds();
        let kinds = self.kinds();
        let unasked = !definition.schedules.is_empty() || !definition.inbounds.is_empty();
        // Of a rule that is broken there is more to say than that there is none.
        if kinds == Kinds::default() && !unasked && !self.found.iter().any(Diagnostic::is_error) {
            let file = definition.place().file;
            self.found.push(
                Diagnostic::about_file(codes::NO_RULES, file, "the bot has no rule: it will never say anything")
                    .hint("add a `[[command]]`, an `[[on]]` or a `[fallback]`"),
            );
        }
        let ((schedules, schedule_rules), (inbounds, inbound_rules)) = (schedules?, inbounds?);
        let (access, denied) = access?;
        let rules: Box<[Rule]> = rules.into_iter().collect::<Option<_>>()?;
        let ons: Box<[OnRule]> = ons.into_iter().collect::<Option<_>>()?;
        let fallback = match fallback {
            Some(body) => Some(body?),
            None => None,
        };
        let rules_of_people = rules.iter().map(|rule| &rule.body).chain(&fallback);
        let ons_of_people = ons.iter().filter(|on| on.what.is_of_people()).map(|on| &on.body);
        self.open_bot(&rules_of_people.chain(ons_of_people).collect::<Vec<_>>());
        Some(Program {
            bot: definition.bot.clone(),
            digest: definition.digest,
            file: definition.place().file.into(),
            description: definition.description.as_ref().map(|text| text.value.as_str().into()),
            doubt: definition.doubt.as_ref().map_or(Doubt::Resend, |doubt| doubt.value),
            kinds,
            line_to_try: self.line_to_try().into(),
            rooms: definition.rooms.iter().map(|(n, id)| (n.value.as_str().into(), id.value.as_str().into())).collect(),
            ceiling: Arc::clone(&self.policy.ceiling),
            access: (!access.is_empty()).then(|| Box::new(access)),
            denied: denied.map(Box::new),
            membership: match membership {
                Some(membership) => Some(membership?),
                None => None,
            },
            vars: (!definition.vars.is_null()).then(|| Arc::new(definition.vars.clone())),
            rules,
            help: self.help(),
            ons,
            flows: flows?,
            schedules,
            schedule_rules,
            inbounds,
            inbound_rules,
            fallback,
        })
    }

    fn kinds(&self) -> Kinds {
        let flows = &self.definition.flows;
        let messages = !self.definition.commands.is_empty() || self.definition.fallback.is_some() || !flows.is_empty();
        let mut start = if messages { Kinds::default().with("messages.created") } else { Kinds::default() };
        if flows.iter().any(|flow| flow.steps.iter().any(|step| !step.inputs.is_empty())) {
            start = start.with("attachmentActions.created");
        }
        if self.definition.membership.is_some() {
            start = start.with("memberships.created");
        }
        if self.definition.asks_for_approval() {
            start = start.with("attachmentActions.created");
        }
        let wanted = self
            .definition
            .ons
            .iter()
            .fold(start, |kinds, on| on::kinds(&on.what).iter().fold(kinds, |all, one| all.with(one)));
        if self.forwards() { wanted.keeping_envelopes() } else { wanted }
    }

    /// Whether webhooks have to be kept as they came.
    fn forwards(&self) -> bool {
        let definition = self.definition;
        let rules = definition.commands.iter().map(|command| &command.rule);
        let mut rules = rules.chain(definition.ons.iter().map(|on| &on.rule)).chain(&definition.fallback);
        rules.any(
            |rule| matches!(&rule.action, Action::Handler(handler) if matches!(handler.form, Form::Forward { .. })),
        )
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
