//! Where the steps of a flow lead: none that nothing leads to, and no circle in which nobody is asked.

use super::Compiler;
use crate::{
    brain::flow::plan::Plan,
    definition::{codes, diagnostic::quote, flow as written},
};

impl Compiler<'_> {
    /// Steps that nothing leads to, and circles in which nobody is asked.
    pub(super) fn graph(&mut self, flow: &written::Flow, plan: &Plan) {
        let mut reached = vec![false; plan.steps.len()];
        let mut open: Vec<usize> = plan.late.into_iter().chain([0]).collect();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut reached[at], true) {
                open.extend(plan.steps[at].ways());
            }
        }
        for (step, _) in flow.steps.iter().zip(&reached).filter(|(_, reached)| !**reached) {
            let message = format!("nothing leads to the step {}", quote(&step.name.value));
            let hint = "name it in the `next` of another step, or remove it";
            self.tell(codes::UNREACHABLE_STEP, &step.name, message, Some(hint.into()));
        }
        if let Some(at) = circle(plan) {
            let name = &flow.steps[at].name;
            let message = format!("the step {} leads back to itself without anybody being asked", quote(&name.value));
            self.tell(codes::ENDLESS_FLOW, name, message, Some("lead it to a step with `ask`, or to `end`".into()));
        }
    }
}

/// A step that asks nothing and is come to again through such steps alone.
fn circle(plan: &Plan) -> Option<usize> {
    (0..plan.steps.len()).find(|start| {
        let mut seen = vec![false; plan.steps.len()];
        let mut open = vec![*start];
        while let Some(at) = open.pop() {
            if plan.steps[at].does.waits() {
                continue;
            }
            for next in plan.steps[at].ways() {
                if next == *start {
                    return true;
                }
                if !std::mem::replace(&mut seen[next], true) {
                    open.push(next);
                }
            }
        }
        false
    })
}
