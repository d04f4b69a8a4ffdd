//! What a file of tests names and the definition does not have: told before anything is played.

use super::play::Subject;
use crate::definition::{
    Diagnostic,
    cases::{Act, CaseFile},
    codes,
    diagnostic::{did_you_mean, quote},
};

/// Everything in a file of tests that its bot does not know.
#[must_use]
pub fn check(subject: &Subject<'_>, file: &CaseFile) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let hooks: Vec<&str> = subject.program.inbounds().iter().map(|hook| &*hook.name).collect();
    for step in file.cases.iter().flat_map(|case| &case.steps) {
        let Act::Post(post) = &step.act else { continue };
        if !hooks.contains(&post.hook.value.as_str()) {
            let hint = did_you_mean(&post.hook.value, hooks.iter().copied());
            let hint = hint.unwrap_or_else(|| "it posts to an `[[inbound]]` of the definition, by its `name`".into());
            let message = format!("the bot has no inbound hook {}", quote(&post.hook.value));
            found.push(file.place().at(codes::BAD_VALUE, post.hook.span, message).hint(hint));
        }
    }
    found
}
