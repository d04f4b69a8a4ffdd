//! A flow without its words: which steps there are, what each expects, and where each leads.

use std::time::Duration;

use super::expect::{Expect, YesNo};

/// The bare form of a `[flow.NAME]`, what the machine walks over.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::brain) struct Plan {
    pub(in crate::brain) name: Box<str>,
    /// How long one answer is waited for.
    pub(in crate::brain) timeout: Duration,
    /// Where a time-out leads; nowhere: it ends the dialogue.
    pub(in crate::brain) late: Option<usize>,
    /// Words that end it at any step.
    pub(in crate::brain) cancel: Box<[Box<str>]>,
    pub(in crate::brain) yes_no: YesNo,
    /// Never empty; it begins with the first.
    pub(in crate::brain) steps: Box<[Step]>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::brain) struct Step {
    pub(in crate::brain) name: Box<str>,
    pub(in crate::brain) does: Does,
    /// Answers that may be wrong before it gives up; at least one.
    pub(in crate::brain) tries: u32,
    /// Whether an expression must hold for the answer.
    pub(in crate::brain) check: bool,
    /// Whether something is remembered when it is answered.
    pub(in crate::brain) remember: bool,
    /// Whether something is said when it ends the dialogue.
    pub(in crate::brain) end: bool,
    /// Where it leads: the first whose expression holds. Nothing of it: the end.
    pub(in crate::brain) next: Box<[Branch]>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::brain) enum Does {
    /// Asks, and keeps the answer under a name.
    Ask { expect: Expect, into: Box<str> },
    /// Asks by a card: inputs by id.
    Form { inputs: Box<[(Box<str>, Expect)]>, into: Option<Box<str>> },
    /// Asks whether all is right; a no leads elsewhere, or cancels.
    Confirm { no: Option<usize> },
    /// Asks nothing: says what it has to say and goes on.
    Pass,
}

impl Does {
    /// Whether it waits for somebody.
    pub(in crate::brain) fn waits(&self) -> bool {
        !matches!(self, Self::Pass)
    }
}

/// One way on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::brain) struct Branch {
    /// Whether an expression must hold.
    pub(in crate::brain) when: bool,
    /// The step it leads to; none: the end.
    pub(in crate::brain) goto: Option<usize>,
}

impl Step {
    /// The steps that it can lead to.
    pub(in crate::brain) fn ways(&self) -> impl Iterator<Item = usize> {
        let no = match self.does {
            Does::Confirm { no } => no,
            _ => None,
        };
        self.next.iter().filter_map(|branch| branch.goto).chain(no)
    }
}

impl Plan {
    pub(in crate::brain) fn find(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|step| &*step.name == name)
    }

    /// Whether a message says to stop: a cancel word and nothing else.
    pub(in crate::brain) fn is_cancelled_by(&self, said: &str) -> bool {
        self.cancel.iter().any(|word| crate::brain::words::rest(said, word).is_some_and(str::is_empty))
    }
}
