//! `botyard why`: what a bot would do if somebody said something, and which access rule decides. Reads definitions
//! and settings alone; nothing is sent and nobody is asked.

use std::{fmt::Write as _, io::Write as _};

use chrono_tz::Tz;
use serde_json::json;

use super::{
    args::{SettingsArgs, WhyArgs},
    exit::Exit,
    failure::{Failure, Outcome},
    settings,
};
use crate::{
    actors::policy::policy,
    base::Clock,
    brain::{
        self, Engine,
        access::Layer,
        why::{Said, Told, Which, Why, why},
    },
    definition::{self, Definition, Loader, Span, codes},
};

/// What stands for an id that nobody gave.
const UNKNOWN: &str = "(not given)";

/// Runs the command.
pub(super) fn run(from: &SettingsArgs, args: &WhyArgs) -> Outcome {
    let settings = settings::load(from)?;
    let compile = brain::compiler(policy(&settings));
    let set = Loader::default().load(&definition::scan(&settings.bots_dir), |definition| {
        let compiled = compile(&definition);
        let ready = compiled.program.map(|program| std::sync::Arc::new((definition, program)));
        (ready, compiled.diagnostics)
    });
    let Some((_, ready)) = set.definitions.iter().find(|(bot, _)| bot.as_str() == args.bot) else {
        let broken = set.refused.iter().any(|bot| bot.as_str() == args.bot);
        let known: Vec<_> = set.definitions.keys().map(|bot| format!("`{bot}`")).collect();
        return Err(Failure::problem(if broken {
            format!("the definition of `{}` cannot be used: `botyard check` says why", args.bot)
        } else {
            format!("there is no bot `{}`: there are {}", args.bot, known.join(", "))
        }));
    };
    let (definition, program) = &**ready;
    let said = said(args, definition, settings.schedule.timezone)?;
    let why = why(&Engine::new(), program, &said).map_err(Failure::problem)?;
    let text = if args.json { format!("{:#}", as_json(definition, &why)) } else { shown(definition, &why) };
    writeln!(std::io::stdout().lock(), "{text}").map_err(Failure::fault)?;
    Ok(Exit::Fine)
}

fn said(args: &WhyArgs, definition: &Definition, zone: Tz) -> Result<Said, Failure> {
    let address = args.person.contains('@');
    let room = match args.room.as_deref() {
        None => UNKNOWN.to_owned(),
        Some(name) => match name.strip_prefix('@') {
            None => name.to_owned(),
            Some(name) => {
                let found = definition.rooms.iter().find(|(known, _)| known.value == name);
                let unknown = || Failure::problem(format!("`[rooms]` of `{}` does not know `{name}`", args.bot));
                found.map(|(_, id)| id.value.clone()).ok_or_else(unknown)?
            }
        },
    };
    Ok(Said {
        person: if address { UNKNOWN.to_owned() } else { args.person.clone() },
        email: if address { Some(args.person.clone()) } else { None },
        org: args.org.clone(),
        room,
        direct: args.room.is_none() || args.direct,
        text: args.text.clone(),
        now: Clock::System.now(),
        zone,
    })
}

/// Where the rule that matched, or its access, stands.
fn span(definition: &Definition, why: &Why, layer: Layer) -> Option<Span> {
    let rule = match why.which? {
        Which::Command(number) => &definition.commands.get(number)?.rule,
        Which::On(number) => &definition.ons.get(number)?.rule,
        Which::Fallback => definition.fallback.as_ref()?,
    };
    match layer {
        Layer::Ceiling => None,
        Layer::Bot => definition.access.access.as_ref().map(|access| access.span),
        Layer::Rule => Some(rule.gate.access.as_ref().map_or(rule.span, |access| access.span)),
    }
}

fn place(definition: &Definition, span: Option<Span>) -> Option<String> {
    let found = definition.place().at(codes::BAD_VALUE, span?, "");
    Some(format!("{}:{}", found.file, found.line))
}

/// The layer that decides: the first that keeps out, else the last that says anything.
fn deciding(why: &Why) -> Option<&Told> {
    let out = why.layers.iter().find(|told| !told.allows);
    out.or_else(|| why.layers.iter().rev().find(|told| !told.because.is_empty()))
}

fn shown(definition: &Definition, why: &Why) -> String {
    let mut text = String::new();
    let matched = place(definition, span(definition, why, Layer::Rule)).map(|place| format!(" ({place})"));
    let _ = writeln!(text, "{}{}", why.rule, matched.unwrap_or_default());
    for told in &why.layers {
        let verdict = match (told.allows, told.because.is_empty()) {
            (true, true) => "says nothing".to_owned(),
            (allows, _) => {
                let because: Vec<&str> = told.because.iter().map(|because| because.sentence.as_str()).collect();
                format!("{}: {}", if allows { "lets in" } else { "keeps out" }, because.join("; "))
            }
        };
        let at = place(definition, span(definition, why, told.layer)).filter(|_| !told.because.is_empty());
        let at = at.map(|at| format!(" ({at})")).unwrap_or_default();
        let _ = writeln!(text, "  {:<24} {verdict}{at}", told.layer.as_str().replace('`', ""));
    }
    match deciding(why).and_then(|told| told.because.first()) {
        Some(because) => {
            let _ = writeln!(text, "decided by: {}", because.sentence);
        }
        None => text.push_str("decided by: no access rule says anything, so everybody may\n"),
    }
    if why.says.is_empty() {
        text.push_str("it would say nothing\n");
    }
    for delivery in &why.says {
        let said = delivery.text.as_deref().or(delivery.markdown.as_deref()).unwrap_or_default();
        let card = if delivery.card.is_some() { " (with a card)" } else { "" };
        let _ = writeln!(text, "it would say{card}: {}", said.replace('\n', "\n    "));
    }
    for note in &why.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text.trim_end().to_owned()
}

fn as_json(definition: &Definition, why: &Why) -> serde_json::Value {
    let layer = |told: &Told| {
        json!({
            "layer": told.layer.as_str().replace('`', ""),
            "allows": told.allows,
            "because": told.because.iter().map(|because| because.sentence.as_str()).collect::<Vec<_>>(),
            "place": place(definition, span(definition, why, told.layer)).filter(|_| !told.because.is_empty()),
        })
    };
    json!({
        "rule": why.rule,
        "place": place(definition, span(definition, why, Layer::Rule)),
        "allowed": why.layers.iter().all(|told| told.allows),
        "decided_by": deciding(why).and_then(|told| told.because.first()).map(|because| because.sentence.as_str()),
        "layers": why.layers.iter().map(layer).collect::<Vec<_>>(),
        "says": why.says,
        "notes": why.notes,
    })
}
