//! The record of a turn: what `botyard events` tells of it. No content, no secrets.

use std::time::Duration;

use serde::Serialize;

use crate::{base::whole_millis, brain::Program};

/// What a turn collects on its way.
#[derive(Debug, Default)]
pub(super) struct Record {
    needs: Vec<Need>,
    pub(super) conflicts: usize,
    /// What is being read right now.
    pub(super) reading: Option<&'static str>,
}

/// One read, and how it went.
#[derive(Debug, Serialize)]
pub(super) struct Need {
    pub(super) cached: bool,
    pub(super) missing: bool,
    pub(super) read: &'static str,
    pub(super) took_ms: u64,
}

/// As it is stored.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(skip_serializing_if = "is_zero")]
    conflicts: usize,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    needs: &'a [Need],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
    program: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    took_ms: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Record {
    pub(super) fn needed(&mut self, need: Need) {
        self.needs.push(need);
    }

    /// As JSON: of a turn of this program that took so long. Of one that was decided, which rule it was, and what
    /// there is to note.
    pub(super) fn told(&self, program: &Program, took: Duration, decided: Option<(&str, &[String])>) -> Option<String> {
        let told = Told {
            conflicts: self.conflicts,
            needs: &self.needs,
            notes: decided.map(|(_, notes)| notes).unwrap_or_default(),
            program: program.digest().short(),
            rule: decided.map(|(rule, _)| rule),
            took_ms: whole_millis(took),
        };
        serde_json::to_string(&told).ok()
    }
}
