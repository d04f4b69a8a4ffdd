//! `botyard test`: plays the conversations that stand beside definitions, and says which went otherwise.
//!
//! No simulator, no store, no sockets: the brain over a world in memory whose clock stands still. So all tests of a
//! folder take less time than starting a service. Only with `--calls real` anything leaves this process.

mod find;
mod junit;
mod real;
mod report;
mod webhook;

use std::{fs, path::PathBuf, sync::Arc, time::Instant};

use find::Found;
use real::Real;
use report::{Report, Suite, Told};

use super::{
    args::{Calls, SettingsArgs, TestArgs},
    exit::Exit,
    failure::{Failure, Outcome},
    settings,
};
use crate::{
    brain::{self, Engine, Program},
    definition::{self, Definition, Diagnostic, LoadedSet, Loader},
    settings::Settings,
    trial::{self, Caller, Subject},
};

/// Runs the command.
pub(super) fn test(from: &SettingsArgs, args: &TestArgs) -> Outcome {
    // Without a path, and for calls, the settings are needed; otherwise a test is the same on every machine.
    let needed = args.paths.is_empty() || args.calls == Calls::Real;
    let settings = if needed { Some(settings::load(from)?) } else { None };
    let paths = match &settings {
        Some(settings) if args.paths.is_empty() => settings.bots_dir.clone(),
        _ => args.paths.clone(),
    };
    let settings = settings.filter(|_| args.calls == Calls::Real);
    let report = run(&paths, args.filter.as_deref(), settings.as_ref())?;
    if let Some(file) = &args.junit {
        let written = fs::write(file, junit::document(&report));
        written.map_err(|error| Failure::problem(format!("cannot write `{}`: {error}", file.display())))?;
    }
    let shown = if args.json { report.print_json() } else { report.print_text(args.verbose) };
    shown.map_err(Failure::fault)?;
    Ok(if report.is_fine() { Exit::Fine } else { Exit::Problem })
}

/// A definition that can be run.
type Ready = Arc<(Definition, Arc<Program>)>;

/// Plays what there is below some folders or in some files. With settings, calls that no step answers are made as
/// those say.
fn run(paths: &[PathBuf], filter: Option<&str>, calls: Option<&Settings>) -> Result<Report, Failure> {
    let started = Instant::now();
    let found = find::find(paths).map_err(Failure::problem)?;
    if found.is_empty() {
        let shown: Vec<_> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
        let text =
            format!("no `*.test.toml` in {}; `botyard new NAME` writes one beside a definition", shown.join(", "));
        return Err(Failure::problem(text));
    }
    let mut dirs: Vec<PathBuf> = found.iter().map(|found| found.dir.clone()).collect();
    dirs.dedup();
    let set = load(&dirs);
    let engine = Engine::new();
    let real = calls.map(|settings| Real::new(settings, dirs.clone())).transpose()?;
    let caller = real.as_ref().map(|real| real as &dyn Caller);
    let mut report = Report::default();
    for found in &found {
        report.suites.push(suite(found, &set, (&engine, caller), filter));
    }
    report.suites.retain(|suite| filter.is_none() || !suite.cases.is_empty() || suite.is_broken());
    if let (Some(filter), true) = (filter, report.suites.is_empty()) {
        return Err(Failure::problem(format!("no case has `{filter}` in its name (`bot: name of the case`)")));
    }
    report.took = started.elapsed();
    Ok(report)
}

fn load(dirs: &[PathBuf]) -> LoadedSet<Ready> {
    let compile = brain::compiler(brain::Policy::default());
    Loader::default().load(&definition::scan(dirs), |definition| {
        let compiled = compile(&definition);
        let ready = compiled.program.map(|program| Arc::new((definition, program)));
        (ready, compiled.diagnostics)
    })
}

fn suite(
    found: &Found,
    set: &LoadedSet<Ready>,
    (engine, caller): (&Engine, Option<&dyn Caller>),
    filter: Option<&str>,
) -> Suite {
    let mut suite = Suite::new(found);
    let text = match fs::read_to_string(&found.path) {
        Ok(text) => text,
        Err(error) => {
            suite.trouble = Some(format!("`{}` cannot be read: {error}", found.path.display()));
            return suite;
        }
    };
    let (file, diagnostics) = definition::parse_cases(&found.shown, &text);
    suite.diagnostics = diagnostics;
    let Some(mut file) = file else { return suite };
    suite.diagnostics.extend(find::read_bodies(&mut file, &found.path));
    let Some(ready) = set.definitions.iter().find(|(bot, _)| bot.as_str() == found.bot).map(|(_, ready)| ready) else {
        // Why it cannot be used is what its author must know now.
        let about = set.diagnostics.iter().filter(|diagnostic| diagnostic.unit() == found.bot && diagnostic.is_error());
        let about: Vec<Diagnostic> = about.cloned().collect();
        suite.trouble = Some(if about.is_empty() {
            format!("there is no definition of `{}` beside `{}`", found.bot, found.shown)
        } else {
            format!("the definition of `{}` cannot be used", found.bot)
        });
        suite.diagnostics.extend(about);
        return suite;
    };
    let subject = Subject { definition: &ready.0, program: &ready.1, engine, caller };
    suite.diagnostics.extend(trial::check(&subject, &file));
    if suite.is_broken() {
        return suite;
    }
    for case in &file.cases {
        if filter.is_some_and(|filter| !format!("{}: {}", found.bot, case.name.value).contains(filter)) {
            continue;
        }
        let started = Instant::now();
        let played = trial::play(&subject, &file, case);
        let line = file.line(case.name.span);
        suite.cases.push(Told { name: case.name.value.clone(), line, took: started.elapsed(), played });
    }
    suite
}

/// Whether all tests of a folder pass; what is told of them if not.
#[cfg(test)]
pub(in crate::cli) fn passed(dir: &std::path::Path) -> Result<(), String> {
    let report = run(&[dir.to_owned()], None, None).map_err(|_told| format!("no tests in `{}`", dir.display()))?;
    if report.is_fine() { Ok(()) } else { Err(report.text(false, false)) }
}

#[cfg(test)]
mod played;
#[cfg(test)]
mod tests;
