//! One case, from its first step to its end.

use serde::Serialize;

use super::{calls::Caller, ceiling, time, world::World};
use crate::{
    base::Millis,
    brain::{Engine, Program},
    definition::{
        Definition,
        cases::{Act, Case, CaseFile},
    },
};

/// The bot that is tested.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What was written.
    pub definition: &'a Definition,
    /// What was made of it.
    pub program: &'a Program,
    /// Renders templates and finds patterns.
    pub engine: &'a Engine,
    /// Who makes the calls that no step answers; none: they are shown.
    pub caller: Option<&'a dyn Caller>,
}

/// How a case went.
#[derive(Debug)]
pub struct Played {
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// What happened, in order.
    pub told: Vec<Line>,
    /// Steps that were played.
    pub steps: usize,
}

/// Why a case failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The line of the step, from 1.
    pub line: usize,
    /// What is wrong, as a sentence.
    pub what: String,
    /// What was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What came instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
}

impl Failure {
    pub(super) fn at(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into(), expected: None, got: None }
    }

    pub(super) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(super) fn got(mut self, got: impl Into<String>) -> Self {
        self.got = Some(got.into());
        self
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When, in the test.
    pub at: Millis,
    /// The line of the step that led to it.
    pub line: usize,
    /// Who did it; empty: nobody in the world.
    pub who: String,
    /// Where; empty: nowhere.
    pub room: String,
    /// What.
    pub what: String,
}

/// Plays a case.
#[must_use]
pub fn play(subject: &Subject<'_>, file: &CaseFile, case: &Case) -> Played {
    let Some(capped) = ceiling::capped(subject, file, case) else {
        let failure = Failure::at(file.line(case.name.span), "the definition cannot be used under this ceiling");
        return Played { failure: Some(failure), told: Vec::new(), steps: 0 };
    };
    let subject = &Subject { program: capped.as_deref().unwrap_or(subject.program), ..*subject };
    let mut world = World::new(subject, file, case);
    world.now = time::moment(case.now, case.zone, Millis(0));
    world.through = vec![world.now; subject.program.schedules().len()];
    let mut steps = 0;
    let failure = case.steps.iter().enumerate().find_map(|(at, step)| {
        steps += 1;
        world.cues.at = at;
        world.step(&step.act, file.line(step.span)).err()
    });
    let failure = failure.or_else(|| world.nothing_left().err());
    Played { failure, told: world.told, steps }
}

impl World<'_> {
    fn step(&mut self, act: &Act, line: usize) -> Result<(), Failure> {
        if let Act::Expect(expect) = act {
            return self.expect(expect, line);
        }
        self.nothing_left()?;
        self.last.line = line;
        let done = match act {
            Act::Person(act) => self.act(act),
            Act::Wait(length) => self.pass(self.now.plus(*length)),
            Act::Until(moment) => self.pass(time::moment(*moment, self.zone, self.now)),
            Act::Post(post) => self.post(post),
            Act::Given(given) => self.given(given),
            Act::Answer(answer) => self.answer(answer),
            Act::Expect(_) => Ok(()),
        };
        done.and_then(|()| self.settle()).map_err(|why| Failure::at(line, why))
    }
}
