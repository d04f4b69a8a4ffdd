//! `botyard forget`: erases a person everywhere, and says what that was and what it cannot reach.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    time::Duration,
};

use serde_json::json;

use super::{
    out::{self, plain},
    run,
    source::{self, Source, broken},
    user,
};
use crate::{
    base::Digest,
    cli::{
        args::{ForgetArgs, SettingsArgs},
        exit::Exit,
        failure::{Failure, Outcome},
        settings,
    },
    http::admin::people,
    store::{ForgetAt, ForgetStep, Forgotten, StoreError},
};

/// On the store alone nobody waits in between.
const TO_THE_END: Duration = Duration::MAX;

/// What no command here can reach.
const NOT_REACHED: &str = "not reached: what Webex itself keeps, backups made before, logs that were written, and the \
                           definitions in `bots.d`";

/// `botyard forget`
pub(in crate::cli) fn forget(from: &SettingsArgs, args: &ForgetArgs) -> Outcome {
    let settings = settings::load(from)?;
    let names = people::person(&args.person).map_err(Failure::usage)?;
    run(async {
        let source = source::find(&settings).await?;
        let told = tell(&source, args, names).await;
        source.close().await;
        out::print(&told?)?;
        Ok(Exit::Fine)
    })
}

async fn tell(source: &Source, args: &ForgetArgs, names: Vec<String>) -> Result<String, Failure> {
    if !args.dry_run && !args.yes {
        let counted = all(source, names.clone(), true).await?;
        if !confirmed(&counted)? {
            return Err(Failure::problem("cancelled: nothing was erased"));
        }
    }
    let forgotten = all(source, names, args.dry_run).await?;
    if args.json {
        let mut told = json!(forgotten);
        told["dry_run"] = json!(args.dry_run);
        return Ok(told.to_string());
    }
    Ok(text(&forgotten, args.dry_run))
}

/// Every step, from the service or on the store.
async fn all(source: &Source, names: Vec<String>, dry_run: bool) -> Result<Forgotten, Failure> {
    match source {
        Source::Store(store) => {
            if let Some(bot) = people::bot_among(store, &names).await.map_err(broken)? {
                return Err(Failure::problem(format!("this is no person but the bot `{bot}`")));
            }
            let first = ForgetStep { names, at: ForgetAt::default(), dry_run };
            let done = people::steps(store, first, &user::command_line(), TO_THE_END).await;
            done.map_err(|error| match error {
                StoreError::Refused(why) => Failure::problem(why),
                other => broken(other),
            })
        }
        Source::Service(client) => {
            let mut all = Forgotten { names, ..Forgotten::default() };
            loop {
                let mut asked = json!({ "names": all.names, "dry_run": dry_run });
                if let Some(at) = &all.next {
                    out::say(&format!("so far {}, it goes on", rows(&all)));
                    asked["at"] = json!(at);
                }
                all.add(client.post("/v1/people/forget", &asked).await?.read()?);
                if all.next.is_none() {
                    return Ok(all);
                }
            }
        }
    }
}

fn rows(found: &Forgotten) -> String {
    let count = found.rows();
    format!("{count} {}", if count == 1 { "row" } else { "rows" })
}

/// Asks at a terminal; elsewhere nobody could answer.
fn confirmed(counted: &Forgotten) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::problem(
            "what is erased is gone for good: say `--yes` where nobody can be asked, or `--dry-run` to only count",
        ));
    }
    let mut err = io::stderr();
    let mut answer = String::new();
    let asked = write!(err, "{}\n\nerase {} for good? [y/N] ", text(counted, true), rows(counted));
    asked
        .and_then(|()| err.flush())
        .and_then(|()| io::stdin().lock().read_line(&mut answer))
        .map_err(Failure::fault)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// What was found and erased, for people.
fn text(of: &Forgotten, dry_run: bool) -> String {
    let names: Vec<_> = of.names.iter().map(|name| format!("`{}`", plain(name))).collect();
    let mut lines = vec![format!("known here as {}", names.join(", ")), String::new()];
    let parts = [
        ("events", of.events),
        ("deliveries", of.deliveries),
        ("sent messages", of.sent),
        ("state", of.state),
        ("dialogues", of.dialogues),
        ("timers", of.timers),
    ];
    let header = ["TABLE", if dry_run { "WOULD BE ERASED" } else { "ERASED" }];
    lines.push(out::table(header, parts.map(|(name, count)| [name.to_owned(), count.to_string()])));
    lines.push(String::new());
    if of.finished > 0 {
        lines.push(format!("{} of the events waited to be handled, and will not be any more", of.finished));
    }
    if of.later > 0 {
        lines.push(format!(
            "{} more are in a turn or have deliveries on their way: they are erased within a minute after that",
            of.later
        ));
    }
    if of.left > 0 {
        lines.push(format!(
            "{} values of memory that belong to a room, a bot or somebody else name the person, and stay",
            of.left
        ));
    }
    if !of.definitions.is_empty() {
        let bots: Vec<_> = of.definitions.iter().map(|bot| format!("`{}`", plain(bot))).collect();
        lines.push(format!("the definitions of {} name the person: change the files", bots.join(", ")));
    }
    if of.names.iter().all(|name| name.contains('@')) {
        lines.push(
            "no event tells the person's id any more, and memory is kept under the id: give it as well, if you know it"
                .to_owned(),
        );
    }
    lines.push(NOT_REACHED.to_owned());
    if !dry_run {
        lines.push(format!("the audit keeps no name, only the mark `{}`", mark(of)));
    }
    lines.join("\n")
}

/// What the audit says instead of the name that was given.
fn mark(of: &Forgotten) -> String {
    let asked = of.names.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
    Digest::of([asked.as_bytes()]).mark()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_erased_is_counted_and_what_was_not_is_said() {
        let all = Forgotten {
            names: vec!["bob@example.com".into(), "Y2lzY29".into()],
            events: 12,
            finished: 2,
            later: 1,
            deliveries: 9,
            sent: 4,
            state: 3,
            dialogues: 1,
            timers: 0,
            left: 1,
            definitions: vec!["oncall".into()],
            next: None,
        };
        insta::assert_snapshot!("erased", text(&all, false));
        let none = Forgotten { names: vec!["bob@example.com".into()], ..Forgotten::default() };
        insta::assert_snapshot!("nothing", text(&none, true));
    }
}
