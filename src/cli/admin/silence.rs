//! `botyard pause` and `botyard resume`: by the running service; with none running in the store, for the next start.

use serde_json::json;

use super::{
    bot_id, out, run,
    source::{self, Source, broken},
    unknown, user,
};
use crate::{
    actors::report::{PauseReport, ResumeReport},
    base::BotId,
    cli::{
        args::{SettingsArgs, WhomArgs},
        exit::Exit,
        failure::{Failure, Outcome},
        settings,
    },
    store::{Store, Whom},
};

/// `botyard pause`
pub(in crate::cli) fn pause(from: &SettingsArgs, args: &WhomArgs) -> Outcome {
    let (settings, whom) = (settings::load(from)?, whom(args)?);
    run(async {
        let source = source::find(&settings).await?;
        let paused = paused(&source, &whom).await;
        source.close().await;
        let paused = paused?;
        out::print(&if args.json { json!(paused).to_string() } else { paused_text(&whom, &paused) })?;
        Ok(Exit::Fine)
    })
}

async fn paused(source: &Source, whom: &Whom) -> Result<PauseReport, Failure> {
    known(source, whom).await?;
    match source {
        Source::Service(client) => Ok(client.post(&path(whom, "pause"), &json!({})).await?.read()?),
        Source::Store(store) => {
            let changed = store.pause(whom.clone(), user::command_line()).await.map_err(broken)?;
            Ok(PauseReport { changed })
        }
    }
}

/// `botyard resume`
pub(in crate::cli) fn resume(from: &SettingsArgs, args: &WhomArgs) -> Outcome {
    let (settings, whom) = (settings::load(from)?, whom(args)?);
    run(async {
        let source = source::find(&settings).await?;
        let resumed = resumed(&source, &whom).await;
        source.close().await;
        let resumed = resumed?;
        out::print(&if args.json { json!(resumed).to_string() } else { resumed_text(&whom, &resumed) })?;
        Ok(Exit::Fine)
    })
}

async fn resumed(source: &Source, whom: &Whom) -> Result<ResumeReport, Failure> {
    known(source, whom).await?;
    match source {
        Source::Service(client) => Ok(client.post(&path(whom, "resume"), &json!({})).await?.read()?),
        Source::Store(store) => {
            let lifted = store.resume(whom.clone(), user::command_line()).await.map_err(broken)?;
            let left = store.silence().await.map_err(broken)?;
            Ok(ResumeReport::of(&lifted, whom, &left))
        }
    }
}

fn whom(args: &WhomArgs) -> Result<Whom, Failure> {
    Ok(match &args.bot {
        Some(bot) => Whom::Bot(bot_id(bot)?),
        None => Whom::All,
    })
}

async fn known(source: &Source, whom: &Whom) -> Result<(), Failure> {
    match whom {
        Whom::Bot(bot) if source.bot(bot).await?.is_none() => Err(unknown::to(source, bot).await),
        _ => Ok(()),
    }
}

fn path(whom: &Whom, verb: &str) -> String {
    match whom {
        Whom::All => format!("/v1/{verb}"),
        Whom::Bot(bot) => format!("/v1/bots/{bot}/{verb}"),
    }
}

fn named(whom: &Whom) -> String {
    match whom {
        Whom::All => "--all".to_owned(),
        Whom::Bot(bot) => bot.to_string(),
    }
}

fn paused_text(whom: &Whom, report: &PauseReport) -> String {
    let (subject, is, its) = match whom {
        Whom::All => ("all bots".to_owned(), "are", "their"),
        Whom::Bot(bot) => (format!("`{bot}`"), "is", "its"),
    };
    let head = if report.changed { "" } else { " already" };
    format!(
        "{subject} {is} paused{head}: turns in hand finish; what comes in is stored and waits, and so do {its} \
         deliveries, also over restarts; `botyard resume {}` goes on",
        named(whom)
    )
}

fn resumed_text(whom: &Whom, report: &ResumeReport) -> String {
    let mut lines = Vec::new();
    if let Some(taken_at) = report.restored {
        lines.push(format!("the hold after the restore of the backup of {} is lifted", out::moment(taken_at)));
        if report.doubtful > 0 {
            lines.push(format!(
                "{} deliveries may have been sent after that backup was taken: each bot's `doubt` decides about them",
                report.doubtful
            ));
        }
        if report.timers > 0 {
            lines.push(format!("{} timers that came due meanwhile are not caught up with", report.timers));
        }
    }
    match whom {
        Whom::All if report.paused => lines.push("the pause of all bots is lifted".to_owned()),
        Whom::Bot(bot) if report.paused => lines.push(format!("the pause of `{bot}` is lifted")),
        _ => {}
    }
    if let (Whom::Bot(bot), Some(was)) = (whom, report.was) {
        lines.push(format!("`{bot}` was {}, and is tried again", was.as_str()));
    }
    if lines.is_empty() {
        lines.push(nothing(whom));
    }
    lines
        .extend(report.still.iter().map(|still| format!("still silent: {}: {}", still.bot, out::plain(&still.reason))));
    lines.join("\n")
}

fn nothing(whom: &Whom) -> String {
    let of = |bot: &BotId| format!("`{bot}` was not paused; if it is down, `botyard bots {bot}` says why");
    match whom {
        Whom::All => "nothing kept all bots down".to_owned(),
        Whom::Bot(bot) => of(bot),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actors::report::{BotState, StillSilent},
        base::Millis,
    };

    fn echo() -> Whom {
        Whom::Bot(BotId::parse("echo").unwrap())
    }

    #[test]
    fn what_a_pause_and_a_resume_came_to_is_told_in_whole_sentences() {
        let still = StillSilent {
            bot: BotId::parse("echo").unwrap(),
            reason: "paused by cli:alice@host; `botyard resume echo` lets it go on".into(),
        };
        let restored = ResumeReport {
            restored: Some(Millis(1_767_225_600_000)),
            doubtful: 3,
            timers: 1,
            still: vec![still],
            ..ResumeReport::default()
        };
        let parked = ResumeReport { paused: true, was: Some(BotState::Parked), ..ResumeReport::default() };
        let texts = [
            paused_text(&echo(), &PauseReport { changed: true }),
            paused_text(&Whom::All, &PauseReport { changed: false }),
            resumed_text(&Whom::All, &restored),
            resumed_text(&echo(), &parked),
            resumed_text(&echo(), &ResumeReport::default()),
            resumed_text(&Whom::All, &ResumeReport::default()),
        ];
        insta::assert_snapshot!(texts.join("\n\n"));
    }
}
