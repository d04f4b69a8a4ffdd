//! `[flow.NAME]`: a dialogue with steps, as it was written.

use std::time::Duration;

use super::{
    data::Data,
    place::{Span, Spanned},
    rule::{Remember, Reply},
};

/// A dialogue that a rule can start.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// Its name.
    pub name: Spanned<String>,
    /// Where its table stands.
    pub span: Span,
    /// How long one answer is waited for.
    pub timeout: Duration,
    /// What is said when nobody answered in time.
    pub on_timeout: Option<Vec<Reply>>,
    /// The step that a time-out leads to; none: it ends.
    pub late: Option<Spanned<String>>,
    /// Words that end it at any step; none written: `cancel`, `stop`.
    pub cancel: Vec<Spanned<String>>,
    /// Words for yes and for no, in place of the English ones.
    pub yes: Vec<Spanned<String>>,
    /// See `yes`.
    pub no: Vec<Spanned<String>>,
    /// What is said when it was cancelled.
    pub cancelled: Option<Spanned<String>>,
    /// What is said after too many wrong answers.
    pub gave_up: Option<Spanned<String>>,
    /// What is said when its step is gone from the definition.
    pub gone: Option<Spanned<String>>,
    /// What is said once with a question in a room with others.
    pub hint: Option<Spanned<String>>,
    /// Its steps, in the order of the file.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Where its table stands.
    pub span: Span,
    /// Its name.
    pub name: Spanned<String>,
    /// The question.
    pub ask: Vec<Reply>,
    /// What is said without waiting for an answer.
    pub say: Vec<Reply>,
    /// What an answer must be; none written: any text.
    pub expect: Option<Expect>,
    /// The inputs of the question's card, by id.
    pub inputs: Vec<(Spanned<String>, Expect)>,
    /// It asks whether all is right.
    pub confirm: Option<Span>,
    /// Where a no leads; none: it cancels.
    pub no: Option<Spanned<String>>,
    /// What is said to a wrong answer.
    pub retry: Option<Spanned<String>>,
    /// How many wrong answers there may be.
    pub tries: Option<Spanned<u32>>,
    /// An expression that must hold for the answer.
    pub check: Option<Spanned<String>>,
    /// The name of the answer.
    pub into: Option<Spanned<String>>,
    /// What is kept when it is answered.
    pub remember: Vec<Remember>,
    /// Where it leads; none written: to the step below it.
    pub next: Option<Vec<Branch>>,
    /// What is said when it is the last.
    pub end: Vec<Reply>,
}

/// One way on.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// Where it stands.
    pub span: Span,
    /// An expression that must hold.
    pub when: Option<Spanned<String>>,
    /// The step, or `end`.
    pub goto: Spanned<String>,
}

/// What an answer must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// The kind.
    pub kind: ExpectKind,
    /// Least number; of a text its least length.
    pub min: Option<f64>,
    /// Greatest number; of a text its greatest length.
    pub max: Option<f64>,
    /// An input that may stay empty.
    pub optional: bool,
}

/// The kinds of answers.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpectKind {
    /// Anything that is not empty.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// Yes or no.
    Bool,
    /// An address.
    Email,
    /// A day.
    Date,
    /// A length of time.
    Duration,
    /// One of these.
    Choice(Vec<Spanned<String>>),
    /// What fits a pattern.
    Pattern(Spanned<String>),
}

impl ExpectKind {
    /// Those that are one word.
    pub const WORDS: [(&'static str, Self); 7] = [
        ("text", Self::Text),
        ("int", Self::Int),
        ("number", Self::Number),
        ("bool", Self::Bool),
        ("email", Self::Email),
        ("date", Self::Date),
        ("duration", Self::Duration),
    ];
}

/// `flow = "booking"` of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// Which flow.
    pub flow: Spanned<String>,
    /// Answers that are known already.
    pub answers: Vec<(Spanned<String>, Data)>,
}
