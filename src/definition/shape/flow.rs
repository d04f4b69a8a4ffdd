//! The shape of dialogues.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{
    OneOrMore, TextOrMore,
    rule::{Remember, Reply},
};

/// A flow by name, or with answers that are known already.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Start {
    Name(String),
    Table(StartTable),
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct StartTable {
    /// Its name.
    name: String,
    /// Answers by name: a good one is not asked for. Empty ones do not count.
    answers: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A dialogue: questions one after the other, each with what its answer must be.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Flow {
    /// How long one answer is waited for: `10s` to `30d`. Default: `10m`.
    timeout: Option<String>,
    /// What is said when nobody answered in time, and perhaps the step that it leads to.
    on_timeout: Option<OnTimeout>,
    /// Words that end it at any step. Default: `cancel`, `stop`.
    cancel: Option<TextOrMore>,
    /// What is said when it was cancelled.
    cancelled: Option<String>,
    /// What is said after too many wrong answers.
    gave_up: Option<String>,
    /// What is said when the step is gone from the definition.
    gone: Option<String>,
    /// Said once with a question in a room with others, where the bot sees only what mentions it.
    hint: Option<String>,
    /// Words for yes, in place of the English ones.
    yes: Option<TextOrMore>,
    /// Words for no, in place of the English ones.
    no: Option<TextOrMore>,
    /// Its steps; it begins with the first.
    #[schemars(length(min = 1))]
    step: Vec<FlowStep>,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum OnTimeout {
    Text(String),
    Table(OnTimeoutTable),
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct OnTimeoutTable {
    /// What is said.
    reply: Option<Reply>,
    /// The step that it leads to; a second time-out in a row ends it.
    goto: Option<String>,
}

/// A step: `ask` and what is expected, or `confirm`, or something said on the way.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct FlowStep {
    /// Its name; also that of its answer: `dialogue.NAME`.
    name: String,
    /// The question.
    ask: Option<Reply>,
    /// What is said without waiting for an answer.
    say: Option<Reply>,
    /// What the answer must be. Default: any text.
    expect: Option<Expect>,
    /// The inputs of the question's card by id, and what each must be; each is `dialogue.ID`.
    inputs: Option<BTreeMap<String, Expect>>,
    /// It asks whether all is right; without `ask` it shows all answers.
    confirm: Option<bool>,
    /// The step that a no leads to. Default: it cancels.
    no: Option<String>,
    /// What is said to a wrong answer. `dialogue.problem` says what is wrong, `dialogue.answer` what was said.
    retry: Option<String>,
    /// How many wrong answers end it. Default: 3.
    #[schemars(range(min = 1, max = 20))]
    tries: Option<u32>,
    /// An expression that must hold for the answer, which is `dialogue.answer`.
    check: Option<String>,
    /// The name of the answer. Default: the name of the step.
    into: Option<String>,
    /// What it keeps in the bot's memory when it is answered.
    remember: Option<OneOrMore<Remember>>,
    /// The step that follows, or the first way whose `when` holds. Default: the step below; the last one ends it.
    next: Option<Next>,
    /// What is said when it ends here.
    end: Option<Reply>,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Next {
    Step(String),
    Ways(Vec<Way>),
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Way {
    /// An expression that must hold.
    when: Option<String>,
    /// The step, or `end`.
    goto: String,
}

/// A kind, a list of choices, or more.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Expect {
    /// `text`, `int`, `number`, `bool`, `email`, `date`, `duration`; an input that may stay empty with `?` behind it.
    Kind(String),
    /// One of these.
    Choice(Vec<String>),
    /// More.
    Table(ExpectTable),
}

/// `type`, `choice` or `pattern`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct ExpectTable {
    /// The kind.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// One of these.
    choice: Option<Vec<String>>,
    /// A regular expression, anywhere in the answer.
    pattern: Option<String>,
    /// The least number; of a text its least length.
    min: Option<f64>,
    /// The greatest number; of a text its greatest length.
    max: Option<f64>,
    /// An input that may stay empty.
    optional: Option<bool>,
}
