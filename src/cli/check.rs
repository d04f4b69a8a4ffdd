//! `botyard check`: every problem of every definition, with place and hint. Needs no secrets, data dir or network.

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
};

use chrono_tz::Tz;
use serde_json::json;

use super::{
    args::{CheckArgs, SettingsArgs},
    exit::Exit,
    failure::{Failure, Outcome},
    settings,
};
use crate::{
    actors::policy::policy,
    base::{BotId, Clock, Millis},
    brain::{self, Policy},
    definition::{self, Diagnostic, Loader, render},
};

/// Runs of a schedule that are shown.
const SHOWN: usize = 3;

/// Runs the command.
pub(super) fn check(from: &SettingsArgs, args: &CheckArgs) -> Outcome {
    let settings = settings::load(from)?;
    let dirs = if args.dirs.is_empty() { settings.bots_dir.clone() } else { args.dirs.clone() };
    let found = look(&dirs, policy(&settings), Clock::System.now(), settings.schedule.timezone);
    let written = if args.json { print_json(&found) } else { print_text(&found) };
    written.map_err(Failure::fault)?;
    Ok(if found.errors() > 0 { Exit::Problem } else { Exit::Fine })
}

struct Checked {
    /// Definitions that can be run.
    good: usize,
    /// Definitions found, usable or not.
    files: usize,
    diagnostics: Vec<Diagnostic>,
    unreadable: Vec<(PathBuf, String)>,
    schedules: Vec<Planned>,
}

/// When a schedule runs next.
struct Planned {
    bot: BotId,
    name: String,
    /// Moments, and how people write them.
    next: Vec<(Millis, String)>,
}

impl Checked {
    fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count() + self.unreadable.len()
    }

    fn warnings(&self) -> usize {
        self.diagnostics.iter().filter(|diagnostic| !diagnostic.is_error()).count()
    }
}

fn look(dirs: &[PathBuf], policy: Policy, now: Millis, zone: Tz) -> Checked {
    let compile = brain::compiler(policy);
    let loaded = Loader::default().load(&definition::scan(dirs), |definition| {
        let compiled = compile(&definition);
        (compiled.program, compiled.diagnostics)
    });
    let schedules = loaded.definitions.iter().flat_map(|(bot, program)| {
        program.schedules().iter().map(move |schedule| Planned {
            bot: bot.clone(),
            name: schedule.name.to_string(),
            next: schedule.plan.coming(now, zone).take(SHOWN).collect(),
        })
    });
    Checked {
        schedules: schedules.collect(),
        good: loaded.definitions.len(),
        files: loaded.files,
        diagnostics: loaded.diagnostics,
        unreadable: loaded.unreadable,
    }
}

fn print_text(found: &Checked) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for diagnostic in &found.diagnostics {
        writeln!(out, "{}\n", render(diagnostic, colour))?;
    }
    for (dir, reason) in &found.unreadable {
        writeln!(out, "error: `{}` cannot be read: {reason}\n", dir.display())?;
    }
    for Planned { bot, name, next } in &found.schedules {
        let next: Vec<_> = next.iter().map(|(_, written)| written.as_str()).collect();
        let next = if next.is_empty() { "never again".to_owned() } else { next.join(", ") };
        writeln!(out, "{bot}: schedule \"{name}\" runs next {next}")?;
    }
    if !found.schedules.is_empty() {
        writeln!(out)?;
    }
    let (errors, warnings) = (found.errors(), found.warnings());
    writeln!(
        out,
        "{} of {} definitions can be run; {errors} {}, {warnings} {}",
        found.good,
        found.files,
        if errors == 1 { "error" } else { "errors" },
        if warnings == 1 { "warning" } else { "warnings" },
    )
}

fn print_json(found: &Checked) -> std::io::Result<()> {
    let unreadable: Vec<_> =
        found.unreadable.iter().map(|(dir, reason)| json!({ "dir": dir, "reason": reason })).collect();
    let schedules: Vec<_> = found
        .schedules
        .iter()
        .map(|Planned { bot, name, next }| {
            let next: Vec<_> = next.iter().map(|(at, _)| at).map(|at| at.iso()).collect();
            json!({ "bot": bot, "name": name, "next": next })
        })
        .collect();
    let report = json!({
        "definitions": found.files,
        "good": found.good,
        "errors": found.errors(),
        "warnings": found.warnings(),
        "diagnostics": found.diagnostics,
        "unreadable": unreadable,
        "schedules": schedules,
    });
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &report)?;
    writeln!(out)
}

#[cfg(test)]
mod rejects;
