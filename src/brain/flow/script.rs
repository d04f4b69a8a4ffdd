//! A flow with its words: what the program keeps of a `[flow.NAME]`.

use super::plan::Plan;
use crate::brain::{
    program::{Does, Say},
    template::Text,
    uses::Uses,
};

/// A flow.
#[derive(Debug, PartialEq)]
pub(in crate::brain) struct Flow {
    pub(in crate::brain) plan: Plan,
    /// For each step of the plan.
    pub(in crate::brain) lines: Box<[Lines]>,
    /// What is said when nobody answered in time.
    pub(in crate::brain) timed_out: Box<[Box<Say>]>,
    pub(in crate::brain) cancelled: Text,
    pub(in crate::brain) gave_up: Text,
    pub(in crate::brain) gone: Text,
    /// Said once with a question in a room with others.
    pub(in crate::brain) hint: Text,
    /// What all of it uses.
    pub(in crate::brain) uses: Uses,
}

/// The words of a step.
#[derive(Debug, PartialEq, Default)]
pub(in crate::brain) struct Lines {
    pub(in crate::brain) ask: Box<[Box<Say>]>,
    pub(in crate::brain) say: Box<[Box<Say>]>,
    pub(in crate::brain) end: Box<[Box<Say>]>,
    /// To a wrong answer; none: what is wrong with it.
    pub(in crate::brain) retry: Option<Text>,
    pub(in crate::brain) check: Option<Text>,
    /// The expressions of the ways on.
    pub(in crate::brain) when: Box<[Option<Text>]>,
    /// Each a [`Does::Remember`].
    pub(in crate::brain) remember: Box<[Does]>,
}

/// What is said where the definition says nothing.
pub(in crate::brain) mod unless_said {
    pub(in crate::brain) const CANCEL: &[&str] = &["cancel", "stop"];
    pub(in crate::brain) const CANCELLED: &str = "Cancelled.";
    pub(in crate::brain) const GAVE_UP: &str = "I could not make sense of that, so let us stop here.";
    pub(in crate::brain) const TIMED_OUT: &str = "Nobody answered, so I stopped waiting.";
    pub(in crate::brain) const GONE: &str = "I was changed meanwhile and cannot go on with this. Please begin anew.";
    pub(in crate::brain) const HINT: &str = "(Please mention me in your answer: in this room I see nothing else.)";
    pub(in crate::brain) const STALE: &str = "This question is not open any more, or not yours.";
}
