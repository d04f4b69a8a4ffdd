//! Which calls of a case its steps answer: read from the steps before anything is compared.
//!
//! A call that no step answers needs nobody to wait for it: it is over at once, or really made. One that a step
//! answers is open until that step, as one is in the house whose program takes its time. So it must be known when the
//! call is made, and the steps say it: each of them is for one call, in their order.

use std::collections::BTreeSet;

use super::calls::fits;
use crate::{
    brain::Target,
    definition::cases::{Act, Expected, Step},
};

/// The steps of a case, and how far it has come.
#[derive(Debug)]
pub(super) struct Cues<'a> {
    steps: &'a [Step],
    /// The step that is being played.
    pub(super) at: usize,
    /// Steps that are for a call that was made.
    taken: BTreeSet<usize>,
}

impl<'a> Cues<'a> {
    pub(super) fn new(steps: &'a [Step]) -> Self {
        Self { steps, at: 0, taken: BTreeSet::new() }
    }

    /// Whether a step to come answers this call; the steps that do are taken by it.
    pub(super) fn answers(&mut self, target: &Target) -> bool {
        let beside = self.later().find_map(|(at, step)| match &step.act {
            Act::Expect(expect) => match &expect.what {
                Expected::Calls(shape, answer) if fits(shape, target) => {
                    Some((at, answer.as_ref().map(|answer| answer.more)))
                }
                _ => None,
            },
            _ => None,
        });
        if let Some((at, _)) = beside {
            self.taken.insert(at);
        }
        let (from, mut answered, mut more) = match beside {
            Some((at, Some(more))) => (at, true, more),
            Some((at, None)) => (at, false, true),
            None => (self.at, false, true),
        };
        // Steps that answer by themselves: as many as it takes until nothing more will come.
        while more {
            let next = self.later().filter(|(at, _)| *at > from).find_map(|(at, step)| match &step.act {
                Act::Answer(answer) => Some((at, answer.more)),
                _ => None,
            });
            let Some((at, goes_on)) = next else { break };
            self.taken.insert(at);
            (answered, more) = (true, goes_on);
        }
        answered
    }

    fn later(&self) -> impl Iterator<Item = (usize, &'a Step)> {
        self.steps.iter().enumerate().skip(self.at + 1).filter(|(at, _)| !self.taken.contains(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::parse_cases;

    fn call(url: &str) -> Target {
        Target::Call { method: "GET".into(), url: url.into(), headers: Vec::new(), body: None }
    }

    fn answered(steps: &str, urls: &[&str]) -> Vec<bool> {
        let text = format!("[[case]]\nname = 'a'\nsteps = [{{ alice = 'go' }}, {steps}]\n");
        let (file, found) = parse_cases("a.test.toml", &text);
        assert_eq!(found, []);
        let file = file.unwrap();
        let mut cues = Cues::new(&file.cases[0].steps);
        urls.iter().map(|url| cues.answers(&call(url))).collect()
    }

    #[test]
    fn each_step_answers_one_call_and_the_rest_is_answered_by_none() {
        let beside = "{ bot.calls = 'a', answer = 'x' }, { bot.calls = 'b' }";
        assert_eq!(answered(beside, &["http://h/a", "http://h/b", "http://h/a"]), [true, false, false]);
        let alone = "{ bot.calls = 'b' }, { wait = '5s' }, { answer = 'x' }";
        assert_eq!(answered(alone, &["http://h/b", "http://h/b"]), [true, false]);
        assert_eq!(answered("{ answer = 'x' }, { answer = 'y' }", &["http://h/a"; 3]), [true, true, false]);
    }

    #[test]
    fn answers_that_go_on_belong_to_the_call_that_the_first_is_for() {
        let more = "{ bot.calls = 'a', answer = { text = 'x', more = true } }, { answer = 'y' }";
        assert_eq!(answered(more, &["http://h/a", "http://h/a"]), [true, false]);
    }

    #[test]
    fn what_was_played_answers_nothing_any_more() {
        let (file, _) =
            parse_cases("a.test.toml", "[[case]]\nname = 'a'\nsteps = [{ bot.calls = 'a', answer = 'x' }]\n");
        let file = file.unwrap();
        assert!(!Cues::new(&file.cases[0].steps).answers(&call("http://h/a")), "the step that is being played");
    }
}
