//! The machine: what becomes of a dialogue when something is heard. Pure; it says what is to be said, and others
//! find the words.

use chrono::NaiveDate;
use serde_json::Value;

use super::{
    expect::{Around, Fits},
    plan::{Does, Plan},
    talk::{Answers, MAX_ANSWERS, Talk},
};
use crate::base::Millis;

/// What the machine hears.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::brain) enum Heard {
    /// The person said something.
    Text(String),
    /// The person pressed the button of the step's card.
    Form(Answers),
    /// Nobody answered in time.
    Late,
}

/// When and where it is heard.
#[derive(Debug, Clone)]
pub(in crate::brain) struct Scene<'a> {
    pub(in crate::brain) now: Millis,
    /// The day that it is.
    pub(in crate::brain) today: NaiveDate,
    /// Mark of the running program.
    pub(in crate::brain) program: &'a str,
    /// The room has others in it.
    pub(in crate::brain) group: bool,
    /// Root of the thread that it is heard in.
    pub(in crate::brain) parent: Option<&'a str>,
}

/// An expression of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::brain) enum Question {
    /// The `check` of a step.
    Check(usize),
    /// The `when` of a way on of a step.
    Branch(usize, usize),
}

/// Knows what the machine cannot: the expressions of the definition.
pub(in crate::brain) trait Judge: Fits {
    /// Whether an expression holds over these answers.
    fn holds(&self, question: Question, answers: &Answers) -> Result<bool, String>;
}

/// Beside the answers: what was just said, and what is wrong with it. No answer has these names.
pub(in crate::brain) const ANSWER: &str = "answer";
pub(in crate::brain) const PROBLEM: &str = "problem";

/// Something to be done, in order.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::brain) struct Did {
    pub(in crate::brain) what: What,
    /// The answers as they were then; with `answer` and `problem` where there are such.
    pub(in crate::brain) answers: Answers,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::brain) enum What {
    /// Ask the question of a step; `hint`: and say that a mention is needed.
    Ask { step: usize, hint: bool },
    /// Say what a step that asks nothing says.
    Say { step: usize },
    /// Say that the answer cannot be taken.
    Retry { step: usize },
    /// Keep what a step keeps.
    Remember { step: usize },
    /// Say what a step says at the end.
    End { step: usize },
    /// Say that it was cancelled.
    Cancelled,
    /// Say that there were too many wrong answers.
    GaveUp,
    /// Say that it took too long.
    TimedOut,
    /// Say that the step is gone.
    Gone,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::brain) struct Walk {
    pub(in crate::brain) did: Vec<Did>,
    /// Where it stands now; nothing: it is over.
    pub(in crate::brain) talk: Option<Talk>,
}

/// Begins a dialogue.
pub(in crate::brain) fn start(
    plan: &Plan,
    given: Answers,
    scene: &Scene<'_>,
    judge: &dyn Judge,
) -> Result<Walk, String> {
    let talk = Talk {
        flow: plan.name.to_string(),
        step: String::new(),
        answers: Answers::new(),
        given,
        tries: 0,
        program: scene.program.to_owned(),
        started: scene.now,
        serial: 0,
        asked: 0,
        deadline: scene.now,
        group: scene.group,
        hinted: false,
        late: false,
        parent: scene.parent.map(str::to_owned),
    };
    let mut walker = Walker { plan, scene, judge, talk, did: Vec::new() };
    let goes_on = walker.enter(0)?;
    Ok(walker.done(goes_on))
}

/// Moves a dialogue that is under way.
pub(in crate::brain) fn hear(
    plan: &Plan,
    talk: Talk,
    heard: &Heard,
    scene: &Scene<'_>,
    judge: &dyn Judge,
) -> Result<Walk, String> {
    let step = plan.find(&talk.step);
    let mut walker = Walker { plan, scene, judge, talk, did: Vec::new() };
    let goes_on = match (step, heard) {
        // Also when the step is gone: whoever wants to stop needs no explanation.
        (_, Heard::Text(said)) if plan.is_cancelled_by(said) => walker.over(What::Cancelled),
        (None, _) => walker.over(What::Gone),
        (Some(_), Heard::Late) => walker.late()?,
        (Some(step), Heard::Text(said)) => walker.text(step, said)?,
        (Some(step), Heard::Form(inputs)) => walker.form(step, inputs)?,
    };
    Ok(walker.done(goes_on))
}

struct Walker<'a> {
    plan: &'a Plan,
    scene: &'a Scene<'a>,
    judge: &'a dyn Judge,
    talk: Talk,
    did: Vec<Did>,
}

impl Walker<'_> {
    fn done(mut self, goes_on: bool) -> Walk {
        self.talk.serial = self.talk.serial.saturating_add(1);
        self.talk.deadline = self.scene.now.plus(self.plan.timeout);
        self.scene.program.clone_into(&mut self.talk.program);
        Walk { did: self.did, talk: goes_on.then_some(self.talk) }
    }

    fn act(&mut self, what: What) {
        self.did.push(Did { what, answers: self.talk.answers.clone() });
    }

    fn over(&mut self, what: What) -> bool {
        self.act(what);
        false
    }

    /// Comes to a step and goes on until one waits; whether one does.
    fn enter(&mut self, first: usize) -> Result<bool, String> {
        let mut at = first;
        // Each step can be passed once without anybody being asked; more would be a circle.
        for _ in 0..=self.plan.steps.len() {
            let Some(step) = self.plan.steps.get(at) else { return Ok(false) };
            self.talk.step = step.name.to_string();
            self.talk.tries = 0;
            if step.does.waits() && !self.given(at)? {
                let hint = self.talk.group && !self.talk.hinted && !matches!(step.does, Does::Form { .. });
                self.talk.hinted |= hint;
                self.talk.asked = self.talk.asked.saturating_add(1);
                self.act(What::Ask { step: at, hint });
                return Ok(true);
            }
            if !step.does.waits() {
                self.act(What::Say { step: at });
            }
            match self.leave(at)? {
                Some(next) => at = next,
                None => return Ok(false),
            }
        }
        Err(format!("flow `{}` goes in a circle without a question, at step `{}`", self.plan.name, self.talk.step))
    }

    /// Takes the answer that it was started with, if there is a good one. Each is tried once.
    fn given(&mut self, at: usize) -> Result<bool, String> {
        let Does::Ask { into, .. } = &self.plan.steps[at].does else { return Ok(false) };
        let Some(value) = self.talk.given.remove(&**into) else { return Ok(false) };
        let said = match &value {
            Value::String(text) => text.clone(),
            Value::Null => return Ok(false),
            other => other.to_string(),
        };
        Ok(self.taken(at, &said)?.is_ok())
    }

    /// What follows a step that is done; nothing: the end was said.
    fn leave(&mut self, at: usize) -> Result<Option<usize>, String> {
        let step = &self.plan.steps[at];
        if step.remember {
            self.act(What::Remember { step: at });
        }
        for (number, branch) in step.next.iter().enumerate() {
            if !branch.when || self.judge.holds(Question::Branch(at, number), &self.talk.answers)? {
                if branch.goto.is_none() && step.end {
                    self.act(What::End { step: at });
                }
                return Ok(branch.goto);
            }
        }
        if step.end {
            self.act(What::End { step: at });
        }
        Ok(None)
    }

    /// The answer was taken: goes on.
    fn onward(&mut self, at: usize) -> Result<bool, String> {
        self.talk.late = false;
        match self.leave(at)? {
            Some(next) => self.enter(next),
            None => Ok(false),
        }
    }

    fn late(&mut self) -> Result<bool, String> {
        match self.plan.late {
            // Nobody is there: a second time in a row ends it.
            Some(goto) if !self.talk.late => {
                self.act(What::TimedOut);
                let goes_on = self.enter(goto)?;
                self.talk.late = true;
                Ok(goes_on)
            }
            _ => Ok(self.over(What::TimedOut)),
        }
    }

    fn text(&mut self, at: usize, said: &str) -> Result<bool, String> {
        match &self.plan.steps[at].does {
            Does::Confirm { no } => match self.plan.yes_no.read(said) {
                Some(true) => self.onward(at),
                Some(false) => self.refused(*no),
                None => Ok(self.again(at, said, "Please answer `yes` or `no`.".to_owned())),
            },
            Does::Form { .. } => Ok(self.again(at, said, "Please fill in the card and press its button.".to_owned())),
            Does::Ask { .. } => match self.taken(at, said)? {
                Ok(()) => self.onward(at),
                Err(problem) => Ok(self.again(at, said, problem)),
            },
            // It never waited here; the definition was changed under it.
            Does::Pass => self.enter(at),
        }
    }

    fn refused(&mut self, no: Option<usize>) -> Result<bool, String> {
        self.talk.late = false;
        match no {
            Some(step) => self.enter(step),
            None => Ok(self.over(What::Cancelled)),
        }
    }

    fn form(&mut self, at: usize, inputs: &Answers) -> Result<bool, String> {
        let around = self.around();
        let Does::Form { inputs: wanted, into } = &self.plan.steps[at].does else {
            return Ok(self.again(at, "", "Please answer in words.".to_owned()));
        };
        let mut read = Answers::new();
        for (name, expect) in wanted {
            let said = match inputs.get(&**name) {
                Some(Value::String(text)) => text.clone(),
                None | Some(Value::Null) => String::new(),
                Some(other) => other.to_string(),
            };
            if said.trim().is_empty() && expect.optional {
                read.insert(name.to_string(), Value::String(String::new()));
                continue;
            }
            match expect.read(&said, &around) {
                Ok(value) => {
                    read.insert(name.to_string(), value);
                }
                Err(problem) => return Ok(self.again(at, &said, format!("{name}: {problem}"))),
            }
        }
        let mut answers = self.talk.answers.clone();
        match into {
            Some(into) => {
                answers.insert(into.to_string(), Value::Object(read));
            }
            None => answers.extend(read),
        }
        match self.kept(at, answers, None)? {
            Ok(()) => self.onward(at),
            Err(problem) => Ok(self.again(at, "", problem)),
        }
    }

    /// Reads an answer and keeps it, or says what is wrong with it.
    fn taken(&mut self, at: usize, said: &str) -> Result<Result<(), String>, String> {
        let Does::Ask { expect, into } = &self.plan.steps[at].does else { return Ok(Ok(())) };
        let value = match expect.read(said, &self.around()) {
            Ok(value) => value,
            Err(problem) => return Ok(Err(problem)),
        };
        let mut answers = self.talk.answers.clone();
        answers.insert(into.to_string(), value.clone());
        self.kept(at, answers, Some(value))
    }

    fn kept(&mut self, at: usize, answers: Answers, answer: Option<Value>) -> Result<Result<(), String>, String> {
        if serde_json::to_string(&answers).map_or(usize::MAX, |text| text.len()) > MAX_ANSWERS {
            return Ok(Err("That is more than I can keep.".to_owned()));
        }
        if self.plan.steps[at].check {
            let mut seen = answers.clone();
            seen.extend(answer.map(|answer| (ANSWER.to_owned(), answer)));
            if !self.judge.holds(Question::Check(at), &seen)? {
                return Ok(Err("That cannot be taken.".to_owned()));
            }
        }
        self.talk.answers = answers;
        Ok(Ok(()))
    }

    /// The answer was no good: once more, if there may be one.
    fn again(&mut self, at: usize, said: &str, problem: String) -> bool {
        self.talk.late = false;
        self.talk.tries = self.talk.tries.saturating_add(1);
        let goes_on = self.talk.tries < self.plan.steps[at].tries;
        let mut answers = self.talk.answers.clone();
        answers.insert(ANSWER.to_owned(), said.into());
        answers.insert(PROBLEM.to_owned(), problem.into());
        self.did.push(Did { what: if goes_on { What::Retry { step: at } } else { What::GaveUp }, answers });
        goes_on
    }

    fn around(&self) -> Around<'_> {
        Around { yes_no: &self.plan.yes_no, today: self.scene.today, fits: self.judge }
    }
}
