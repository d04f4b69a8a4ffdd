//! What came of the tests, for people and for programs.

use std::{
    fmt::Write as _,
    io::{IsTerminal, Write},
    time::Duration,
};

use serde_json::{Value, json};

use super::find::Found;
use crate::{
    definition::{Diagnostic, render},
    trial::{Failure, Line, Played, diff},
};

/// What came of all files.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) suites: Vec<Suite>,
    pub(super) took: Duration,
}

/// What came of one file.
#[derive(Debug)]
pub(super) struct Suite {
    pub(super) bot: String,
    /// The file, as its reader finds it.
    pub(super) path: String,
    /// Why nothing could be played.
    pub(super) trouble: Option<String>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) cases: Vec<Told>,
}

/// What came of one case.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) took: Duration,
    pub(super) played: Played,
}

impl Suite {
    pub(super) fn new(found: &Found) -> Self {
        let (bot, path) = (found.bot.clone(), found.path.display().to_string());
        Self { bot, path, trouble: None, diagnostics: Vec::new(), cases: Vec::new() }
    }

    /// Whether it could not be played.
    pub(super) fn is_broken(&self) -> bool {
        self.trouble.is_some() || self.diagnostics.iter().any(Diagnostic::is_error)
    }

    fn failed(&self) -> usize {
        self.cases.iter().filter(|case| case.played.failure.is_some()).count()
    }
}

impl Report {
    /// Whether all went as expected.
    pub(super) fn is_fine(&self) -> bool {
        self.suites.iter().all(|suite| !suite.is_broken() && suite.failed() == 0)
    }

    pub(super) fn print_text(&self, verbose: bool) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        out.write_all(self.text(verbose, colour).as_bytes())
    }

    pub(super) fn text(&self, verbose: bool, colour: bool) -> String {
        let mut out = String::new();
        for suite in &self.suites {
            for diagnostic in &suite.diagnostics {
                let _ = writeln!(out, "{}\n", render(diagnostic, colour));
            }
            if let Some(trouble) = &suite.trouble {
                let _ = writeln!(out, "error: {trouble}\n");
            }
            for case in &suite.cases {
                if let Some(failure) = &case.played.failure {
                    let _ = writeln!(out, "{} {}: {}", painted("FAILED", "31", colour), suite.bot, case.name);
                    explain(&mut out, &suite.path, failure, colour);
                    tell(&mut out, &case.played.told);
                } else if verbose {
                    let _ = writeln!(out, "{} {}: {}", painted("passed", "32", colour), suite.bot, case.name);
                    tell(&mut out, &case.played.told);
                }
            }
        }
        for suite in self.suites.iter().filter(|suite| !suite.is_broken()) {
            let (all, failed) = (suite.cases.len(), suite.failed());
            let sign = if failed == 0 { painted("ok", "32", colour) } else { painted("FAILED", "31", colour) };
            let broken = if failed == 0 { String::new() } else { format!(", {failed} failed") };
            let _ = writeln!(out, "{sign} {} ({}): {} passed{broken}", suite.bot, suite.path, all - failed);
        }
        let _ = writeln!(out, "\n{}", self.summary());
        out
    }

    fn summary(&self) -> String {
        let cases: usize = self.suites.iter().map(|suite| suite.cases.len()).sum();
        let failed: usize = self.suites.iter().map(Suite::failed).sum();
        let broken = self.suites.iter().filter(|suite| suite.is_broken()).count();
        let steps: usize = self.suites.iter().flat_map(|suite| &suite.cases).map(|case| case.played.steps).sum();
        let mut parts = vec![format!("{} passed", count(cases - failed, "case"))];
        if failed > 0 {
            parts.push(format!("{failed} failed"));
        }
        if broken > 0 {
            parts.push(format!("{} could not be played", count(broken, "file")));
        }
        format!("{}; {} in {:.2} s", parts.join(", "), count(steps, "step"), self.took.as_secs_f64())
    }

    pub(super) fn print_json(&self) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &self.json())?;
        writeln!(out)
    }

    fn json(&self) -> Value {
        let cases = |suite: &Suite| -> Value {
            let case = |case: &Told| {
                let mut told = json!({
                    "name": case.name,
                    "line": case.line,
                    "passed": case.played.failure.is_none(),
                    "steps": case.played.steps,
                    "took_ms": case.took.as_secs_f64() * 1000.0,
                    "told": case.played.told,
                });
                if let (Value::Object(fields), Some(failure)) = (&mut told, &case.played.failure) {
                    fields.insert("failure".to_owned(), json!(failure));
                }
                told
            };
            suite.cases.iter().map(case).collect()
        };
        let suites = self.suites.iter().map(|suite| {
            json!({
                "bot": suite.bot,
                "file": suite.path,
                "trouble": suite.trouble,
                "diagnostics": suite.diagnostics,
                "cases": cases(suite),
            })
        });
        json!({ "fine": self.is_fine(), "took_ms": self.took.as_secs_f64() * 1000.0, "suites": suites.collect::<Value>() })
    }
}

/// Why a case failed: where, what, and the difference.
fn explain(out: &mut String, path: &str, failure: &Failure, colour: bool) {
    let _ = writeln!(out, "  {path}:{}: {}", failure.line, failure.what);
    match (&failure.expected, &failure.got) {
        (Some(expected), Some(got)) if expected.contains('\n') && got.contains('\n') => {
            let _ = writeln!(out, "    - expected, + got");
            for (sign, line) in diff(expected, got) {
                let paint = match sign {
                    '-' => "31",
                    '+' => "32",
                    _ => "0",
                };
                let _ = writeln!(out, "    {}", painted(format!("{sign} {line}").trim_end(), paint, colour));
            }
        }
        (expected, got) => {
            for (name, text) in [("expected", expected), ("got     ", got)] {
                if let Some(text) = text {
                    let _ = writeln!(out, "    {name}  {}", text.replace('\n', "\n              "));
                }
            }
        }
    }
}

/// What happened, a line each, with the line of the step it belongs to.
pub(super) fn tell(out: &mut String, told: &[Line]) {
    let mut last = None;
    for line in told {
        if last.is_some_and(|last| last != line.at) {
            let _ = writeln!(out, "       --- {}", line.at);
        }
        last = Some(line.at);
        let room = if line.room.is_empty() { String::new() } else { format!(" ({})", line.room) };
        let who = if line.who.is_empty() { String::new() } else { format!("{}{room}: ", line.who) };
        let _ = writeln!(out, "  {:>4} {who}{}", line.line, line.what.replace('\n', "\n         "));
    }
    out.push('\n');
}

fn painted(text: &str, paint: &str, colour: bool) -> String {
    if colour && paint != "0" { format!("\u{1b}[{paint}m{text}\u{1b}[0m") } else { text.to_owned() }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
