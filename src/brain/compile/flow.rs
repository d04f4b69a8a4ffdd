//! Flows: every step, every way on and every text of a dialogue is checked here.

mod graph;

use std::collections::BTreeSet;

use super::Compiler;
use crate::{
    brain::{
        flow::{
            expect::{Expect, Kind, YesNo},
            machine::{ANSWER, PROBLEM},
            plan::{self, Branch, Plan},
            script::{Flow, Lines, unless_said},
        },
        names::{Names, Scope},
        pattern,
        program::{Does, Say, Start},
        template::Text,
        uses::Uses,
        words,
    },
    definition::{
        Format, Reply, Spanned, codes,
        diagnostic::{did_you_mean, quote},
        flow::{self as written, ExpectKind},
    },
};

/// Flows of a bot, and steps of a flow.
const MAX_FLOWS: usize = 50;
const MAX_STEPS: usize = 50;
/// Most bytes of the name of a flow, a step or an answer.
const MAX_NAME: usize = 60;
/// Wrong answers where nothing is said.
const TRIES: u32 = 3;
/// Leads to the end instead of a step.
const END: &str = "end";

/// What a flow's parts are compiled with.
struct Within<'f> {
    flow: &'f written::Flow,
    names: Names<'f>,
}

impl Compiler<'_> {
    pub(super) fn flows(&mut self) -> Option<Box<[Flow]>> {
        let definition = self.definition;
        if let Some(flow) = definition.flows.get(MAX_FLOWS) {
            self.tell(codes::BAD_VALUE, &flow.name, format!("a bot has at most {MAX_FLOWS} flows"), None);
        }
        let made: Vec<_> = definition.flows.iter().take(MAX_FLOWS).map(|flow| self.flow(flow)).collect();
        made.into_iter().collect()
    }

    /// Tells flows that no rule starts; after all rules were compiled.
    pub(super) fn unused_flows(&mut self) {
        let definition = self.definition;
        for flow in &definition.flows {
            if self.started.contains(&flow.name.value) {
                continue;
            }
            let message = format!("no rule starts the flow {}", quote(&flow.name.value));
            let hint = format!("add a rule with `flow = \"{}\"`, or remove it", flow.name.value);
            self.tell(codes::UNUSED_FLOW, &flow.name, message, Some(hint));
        }
    }

    /// `flow = "…"` of a rule.
    pub(super) fn start(&mut self, start: &written::Start, names: Names<'_>) -> Option<Does> {
        if !matches!(names.scope, Scope::Message | Scope::Press | Scope::Timer) {
            let message = "there is nobody in this kind of rule who could be asked";
            let hint = "start flows from commands, `[fallback]`, or `[[on]]` with a message, a card or a timer";
            self.tell(codes::CONFLICT, &start.flow, message, Some(hint.into()));
            return None;
        }
        let definition = self.definition;
        let Some(number) = definition.flows.iter().position(|flow| flow.name.value == start.flow.value) else {
            let known = || definition.flows.iter().map(|flow| flow.name.value.as_str());
            let hint = did_you_mean(&start.flow.value, known())
                .unwrap_or_else(|| format!("add `[flow.{}]` with its steps", start.flow.value));
            let message = format!("there is no flow {}", quote(&start.flow.value));
            self.tell(codes::UNKNOWN_FLOW, &start.flow, message, Some(hint));
            return None;
        };
        self.started.insert(start.flow.value.clone());
        let asked = asked(&definition.flows[number]);
        let mut answers = Vec::new();
        for (name, data) in &start.answers {
            if !asked.contains(&name.value.as_str()) {
                let message = format!("no step of {} asks for {}", quote(&start.flow.value), quote(&name.value));
                let hint = did_you_mean(&name.value, asked.iter().copied());
                self.tell(codes::UNKNOWN_NAME, name, message, hint);
            }
            answers.push((name.value.as_str().into(), self.data(data, names)?));
        }
        Some(Does::Flow(Box::new(Start { flow: number, answers: answers.into() })))
    }

    fn flow(&mut self, flow: &written::Flow) -> Option<Flow> {
        self.named(&flow.name, "flow");
        if flow.steps.is_empty() {
            let message = format!("the flow {} has no step", quote(&flow.name.value));
            self.tell(codes::MISSING_KEY, &flow.name, message, Some("add `[[flow.NAME.step]]`".into()));
            return None;
        }
        if let Some(step) = flow.steps.get(MAX_STEPS) {
            self.tell(codes::BAD_VALUE, &step.name, format!("a flow has at most {MAX_STEPS} steps"), None);
        }
        self.step_names(flow);
        let mut answers: Vec<String> = flow.steps.iter().flat_map(answers).map(str::to_owned).collect();
        answers.extend([ANSWER.to_owned(), PROBLEM.to_owned()]);
        let within = Within { flow, names: Names { dialogue: Some(&answers), ..Names::of(Scope::Flow) } };
        let steps: Vec<_> = flow.steps.iter().enumerate().map(|(at, step)| self.step(at, step, &within)).collect();
        let late = flow.late.as_ref().map(|goto| self.step_of(goto, &within));
        let timed_out = match &flow.on_timeout {
            Some(replies) => self.says(replies, &within),
            None => Some(sentence(unless_said::TIMED_OUT)),
        };
        let mut said = |text: &Option<Spanned<String>>, otherwise: &str| match text {
            Some(text) => self.text(text, Format::Text, within.names),
            None => Some(Text::Plain(otherwise.into())),
        };
        let cancelled = said(&flow.cancelled, unless_said::CANCELLED);
        let gave_up = said(&flow.gave_up, unless_said::GAVE_UP);
        let gone = said(&flow.gone, unless_said::GONE);
        let hint = said(&flow.hint, unless_said::HINT);
        let (steps, lines): (Vec<_>, Vec<_>) = steps.into_iter().collect::<Option<Vec<_>>>()?.into_iter().unzip();
        let late = match late {
            Some(late) => Some(late?),
            None => None,
        };
        let plan = Plan {
            name: flow.name.value.as_str().into(),
            timeout: flow.timeout,
            late,
            cancel: words_of(&flow.cancel, unless_said::CANCEL),
            yes_no: yes_no(flow),
            steps: steps.into(),
        };
        self.graph(flow, &plan);
        let mut made = Flow {
            plan,
            lines: lines.into(),
            timed_out: timed_out?,
            cancelled: cancelled?,
            gave_up: gave_up?,
            gone: gone?,
            hint: hint?,
            uses: Uses::default(),
        };
        made.uses = made.all_uses();
        Some(made)
    }

    fn step_names(&mut self, flow: &written::Flow) {
        let mut seen = BTreeSet::new();
        for step in &flow.steps {
            self.named(&step.name, "step");
            if step.name.value == END {
                self.tell(codes::BAD_VALUE, &step.name, "`end` leads out of the flow, and is no name of a step", None);
            }
            if !seen.insert(step.name.value.as_str()) {
                let message = format!("there are two steps {}", quote(&step.name.value));
                self.tell(codes::CONFLICT, &step.name, message, Some("give each a name of its own".into()));
            }
            for name in answers(step) {
                if [ANSWER, PROBLEM].contains(&name) {
                    let message = format!("{} is not free for an answer", quote(name));
                    let hint = "it is what was just said, or what is wrong with it; choose another `into`";
                    self.tell(codes::BAD_VALUE, step.into.as_ref().unwrap_or(&step.name), message, Some(hint.into()));
                }
            }
        }
    }

    /// Names stand in templates and in JSON.
    fn named(&mut self, name: &Spanned<String>, what: &str) {
        let text = &name.value;
        let fits = text.len() <= MAX_NAME
            && text.chars().next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || (c == '-' && what != "answer"));
        if !fits {
            let message = format!("{} cannot be the name of a {what}", quote(text));
            let hint = format!("names are 1 to {MAX_NAME} of letters, digits and `_`, and begin with a letter");
            self.tell(codes::BAD_VALUE, name, message, Some(hint));
        }
    }

    fn step(&mut self, at: usize, step: &written::Step, within: &Within<'_>) -> Option<(plan::Step, Lines)> {
        let does = self.does(step, within);
        let ask = self.says(&step.ask, within);
        for to in step.ask.iter().filter_map(|reply| reply.to.first()) {
            let message = "a question is asked where the answer is heard";
            self.tell(codes::CONFLICT, to, message, Some("leave out `to`".into()));
        }
        let (say, end) = (self.says(&step.say, within), self.says(&step.end, within));
        let retry = step.retry.as_ref().map(|retry| self.text(retry, Format::Text, within.names));
        let check = step.check.as_ref().map(|check| self.condition(check, within.names));
        let remember: Vec<_> = step.remember.iter().map(|remember| self.remember(remember, within.names)).collect();
        let ways = self.ways(at, step, within);
        let (next, when): (Vec<_>, Vec<_>) = ways.into_iter().collect::<Option<Vec<_>>>()?.into_iter().unzip();
        let lines = Lines {
            ask: ask?,
            say: say?,
            end: end?,
            retry: match retry {
                Some(retry) => Some(retry?),
                None => None,
            },
            check: match check {
                Some(check) => Some(check?),
                None => None,
            },
            when: when.into(),
            remember: remember.into_iter().collect::<Option<_>>()?,
        };
        let made = plan::Step {
            name: step.name.value.as_str().into(),
            does: does?,
            tries: step.tries.as_ref().map_or(TRIES, |tries| tries.value),
            check: lines.check.is_some(),
            remember: !lines.remember.is_empty(),
            end: !lines.end.is_empty(),
            next: next.into(),
        };
        Some((made, lines))
    }

    fn does(&mut self, step: &written::Step, within: &Within<'_>) -> Option<plan::Does> {
        let asks = !step.ask.is_empty();
        if asks && let Some(say) = step.say.first() {
            let message = "a step asks or says something, and this does both";
            self.tell_at(codes::CONFLICT, say.span, message, Some("say it in `ask`, or in a step before".into()));
        }
        if let Some(span) = step.confirm {
            if step.expect.is_some() || !step.inputs.is_empty() || step.into.is_some() || step.check.is_some() {
                let message = "`confirm` is answered by yes or no, and keeps no answer";
                let hint = "leave out `expect`, `inputs`, `into` and `check`, or ask with `expect = \"bool\"`";
                self.tell_at(codes::CONFLICT, span, message, Some(hint.into()));
            }
            let no = step.no.as_ref().map(|goto| self.step_of(goto, within));
            return Some(plan::Does::Confirm {
                no: match no {
                    Some(no) => Some(no?),
                    None => None,
                },
            });
        }
        if let Some(no) = &step.no {
            let message = "`no` says where a no leads, and nothing is to be confirmed";
            self.tell(codes::CONFLICT, no, message, Some("add `confirm = true`, or use `next`".into()));
        }
        if let Some(into) = &step.into {
            self.named(into, "answer");
        }
        if !step.inputs.is_empty() {
            return self.form(step, asks);
        }
        if !asks {
            self.asks_nothing(step);
            return Some(plan::Does::Pass);
        }
        let expect = match &step.expect {
            Some(expect) => self.expect(expect)?,
            None => Expect::of(Kind::Text),
        };
        let into = step.into.as_ref().unwrap_or(&step.name);
        self.named(into, "answer");
        Some(plan::Does::Ask { expect, into: into.value.as_str().into() })
    }

    fn form(&mut self, step: &written::Step, asks: bool) -> Option<plan::Does> {
        if !asks {
            let message = "`inputs` are those of a card, and none is shown";
            let hint = "add `ask = { text = \"…\", card = \"cards/….json\" }`";
            self.tell(codes::MISSING_KEY, &step.name, message, Some(hint.into()));
        }
        if asks && step.ask.iter().all(|reply| reply.card.is_none()) {
            let message = "`inputs` are those of a card, and the question has none";
            let hint = "add a card: `ask = { text = \"…\", card = \"cards/….json\" }`";
            self.tell(codes::MISSING_KEY, &step.name, message, Some(hint.into()));
        }
        if step.expect.is_some() {
            let message = "a step expects words or the inputs of a card, not both";
            self.tell(codes::CONFLICT, &step.name, message, Some("keep `expect` or `inputs`".into()));
        }
        let mut inputs = Vec::new();
        for (name, expect) in &step.inputs {
            if step.into.is_none() {
                self.named(name, "answer");
            }
            inputs.push((name.value.as_str().into(), self.expect(expect)?));
        }
        Some(plan::Does::Form {
            inputs: inputs.into(),
            into: step.into.as_ref().map(|into| into.value.as_str().into()),
        })
    }

    fn asks_nothing(&mut self, step: &written::Step) {
        let needs = [
            (step.expect.is_some(), "expect"),
            (step.retry.is_some(), "retry"),
            (step.tries.is_some(), "tries"),
            (step.check.is_some(), "check"),
            (step.into.is_some(), "into"),
        ];
        if let Some((_, key)) = needs.iter().find(|(there, _)| *there) {
            let message = format!("`{key}` is about an answer, and nothing is asked");
            self.tell(codes::MISSING_KEY, &step.name, message, Some("add `ask = \"…\"`".into()));
        } else if step.say.is_empty() && step.end.is_empty() && step.next.is_none() && step.remember.is_empty() {
            let message = format!("the step {} does nothing", quote(&step.name.value));
            self.tell(codes::MISSING_KEY, &step.name, message, Some("add `ask = \"…\"`".into()));
        }
    }

    fn expect(&mut self, expect: &written::Expect) -> Option<Expect> {
        let kind = match &expect.kind {
            ExpectKind::Text => Kind::Text,
            ExpectKind::Int => Kind::Int,
            ExpectKind::Number => Kind::Number,
            ExpectKind::Bool => Kind::Bool,
            ExpectKind::Email => Kind::Email,
            ExpectKind::Date => Kind::Date,
            ExpectKind::Duration => Kind::Duration,
            ExpectKind::Choice(choices) => {
                let mut seen = Vec::new();
                for choice in choices {
                    let folded = words::folded(&choice.value);
                    if folded.is_empty() || seen.contains(&folded) {
                        let message = format!("the choice {} is empty or stands there twice", quote(&choice.value));
                        self.tell(codes::BAD_VALUE, choice, message, None);
                    }
                    seen.push(folded);
                }
                Kind::Choice(choices.iter().map(|choice| choice.value.as_str().into()).collect())
            }
            ExpectKind::Pattern(source) => {
                if let Err(error) = pattern::check(&source.value) {
                    let place = self.definition.place();
                    let span = error.range.map_or(source.span, |range| place.inside(source.span, range));
                    let hint = "in TOML write patterns in single quotes: there a backslash is only a backslash";
                    self.tell_at(codes::BAD_PATTERN, span, error.message, Some(hint.into()));
                    return None;
                }
                Kind::Pattern(source.value.as_str().into())
            }
        };
        Some(Expect { kind, min: expect.min, max: expect.max, optional: expect.optional })
    }

    /// The ways on of a step, each with its expression.
    fn ways(&mut self, at: usize, step: &written::Step, within: &Within<'_>) -> Vec<Option<(Branch, Option<Text>)>> {
        let Some(branches) = &step.next else {
            let below = (step.end.is_empty() && at + 1 < within.flow.steps.len()).then_some(at + 1);
            return vec![Some((Branch { when: false, goto: below }, None))];
        };
        if let Some(late) = branches.iter().skip_while(|branch| branch.when.is_some()).nth(1) {
            let message = "this way is never taken: the one before has no `when`";
            self.tell_at(codes::SHADOWED, late.span, message, Some("give that one a `when`, or remove this".into()));
        }
        let ways = branches.iter().map(|branch| {
            let when = branch.when.as_ref().map(|when| self.condition(when, within.names));
            let goto = if branch.goto.value == END { Some(None) } else { self.step_of(&branch.goto, within).map(Some) };
            let when = match when {
                Some(when) => Some(when?),
                None => None,
            };
            Some((Branch { when: when.is_some(), goto: goto? }, when))
        });
        ways.collect()
    }

    fn step_of(&mut self, goto: &Spanned<String>, within: &Within<'_>) -> Option<usize> {
        let names = || within.flow.steps.iter().map(|step| step.name.value.as_str());
        let found = names().position(|name| name == goto.value);
        if found.is_none() {
            let hint = did_you_mean(&goto.value, names()).unwrap_or_else(|| {
                let list: Vec<_> = names().map(|name| format!("`{name}`")).collect();
                format!("the steps are {}", list.join(", "))
            });
            let message =
                format!("there is no step {} in the flow {}", quote(&goto.value), quote(&within.flow.name.value));
            self.tell(codes::UNKNOWN_STEP, goto, message, Some(hint));
        }
        found
    }

    fn says(&mut self, replies: &[Reply], within: &Within<'_>) -> Option<Box<[Box<Say>]>> {
        let made: Vec<_> = replies.iter().map(|reply| self.say(reply, within.names)).collect();
        made.into_iter().collect()
    }
}

/// Names under which the answers of a step are kept.
fn answers(step: &written::Step) -> Vec<&str> {
    match (&step.into, step.confirm) {
        (_, Some(_)) => Vec::new(),
        (Some(into), _) => vec![&into.value],
        (None, _) if !step.inputs.is_empty() => step.inputs.iter().map(|(name, _)| name.value.as_str()).collect(),
        (None, _) if !step.ask.is_empty() => vec![&step.name.value],
        _ => Vec::new(),
    }
}

/// Names of answers that can be given along: those of questions in words.
fn asked(flow: &written::Flow) -> Vec<&str> {
    flow.steps.iter().filter(|step| step.inputs.is_empty()).flat_map(answers).collect()
}

fn words_of(written: &[Spanned<String>], otherwise: &[&str]) -> Box<[Box<str>]> {
    if written.is_empty() {
        return otherwise.iter().map(|word| Box::from(*word)).collect();
    }
    written.iter().map(|word| words::folded(&word.value).into()).collect()
}

fn yes_no(flow: &written::Flow) -> YesNo {
    let usual = YesNo::default();
    let of = |written: &[Spanned<String>], usual| if written.is_empty() { usual } else { words_of(written, &[]) };
    YesNo { yes: of(&flow.yes, usual.yes), no: of(&flow.no, usual.no) }
}

/// A sentence of our own, said where it happens.
fn sentence(text: &str) -> Box<[Box<Say>]> {
    Box::new([Box::new(Say {
        text: Text::Plain(text.into()),
        format: Format::Text,
        thread: None,
        to: Box::default(),
        more: None,
    })])
}

impl Flow {
    fn all_uses(&self) -> Uses {
        // The type of the room decides whether a mention is needed.
        let mut uses = Uses { room_type: true, ..Uses::default() };
        let texts = [&self.cancelled, &self.gave_up, &self.gone, &self.hint];
        texts.into_iter().filter_map(Text::uses).for_each(|used| uses.join(used));
        for say in &self.timed_out {
            say.join_uses(&mut uses);
        }
        for lines in &self.lines {
            let says = lines.ask.iter().chain(&lines.say).chain(&lines.end);
            says.for_each(|say| say.join_uses(&mut uses));
            lines.remember.iter().for_each(|remember| remember.join_uses(&mut uses));
            let texts = lines.retry.iter().chain(&lines.check).chain(lines.when.iter().flatten());
            texts.filter_map(Text::uses).for_each(|used| uses.join(used));
        }
        // An answer that is not there yet is no news.
        uses.lenient_only(|path| !path.starts_with("dialogue"))
    }
}

#[cfg(test)]
mod tests;
