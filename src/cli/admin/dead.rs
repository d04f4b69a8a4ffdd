//! `botyard dead`: dead letters as a table, one whole, and away with them.

use std::io::{self, BufRead, IsTerminal, Write};

use serde_json::Value;

use super::{
    bot_id,
    letters::{self, Verb},
    out::{self, cut, moment, plain},
    run,
    source::{self, Source},
    unknown,
};
use crate::{
    cli::{
        args::{DeadArgs, SettingsArgs},
        exit::Exit,
        failure::{Failure, Outcome},
        settings,
    },
    store::{Cause, Letter, LetterDetail, LetterFilter, LetterKind, LetterPage, LetterQuery},
};

/// Characters of a reason in the table; all of it is in the letter.
const REASON: usize = 60;
/// Letters that are counted before somebody is asked.
const COUNTED: u32 = 1000;

/// `botyard dead`
pub(in crate::cli) fn dead(from: &SettingsArgs, args: &DeadArgs) -> Outcome {
    let settings = settings::load(from)?;
    let bot = args.bot.as_deref().map(bot_id).transpose()?;
    let filter = letters::filter(bot, &args.which)?;
    if args.drop && args.id.is_none() && filter.is_all() && !args.all {
        return Err(letters::say_which("dead --drop", "a bot"));
    }
    run(async {
        let source = source::find(&settings).await?;
        let told = match (&args.id, args.drop) {
            (_, true) => drop(&source, args, filter).await,
            (Some(id), false) => show(&source, id, &filter, args.json).await,
            (None, false) => list(&source, args, filter).await,
        };
        source.close().await;
        out::print(&told?)?;
        Ok(Exit::Fine)
    })
}

async fn list(source: &Source, args: &DeadArgs, filter: LetterFilter) -> Result<String, Failure> {
    let bot = filter.bot.clone();
    let after = args.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|why: String| Failure::usage(format!("`--after`: {why}")))?;
    let told = source.letters(LetterQuery { filter, after, limit: args.limit }).await?;
    // Nothing of a bot that is not there is a slip of the pen, not an answer.
    if let Some(bot) = bot
        && told.data.letters.is_empty()
        && source.bot(&bot).await?.is_none()
    {
        return Err(unknown::to(source, &bot).await);
    }
    Ok(if args.json { told.json } else { table(&told.data) })
}

async fn show(source: &Source, id: &str, filter: &LetterFilter, json: bool) -> Result<String, Failure> {
    let told = source.letter(source.letter_id(id).await?).await?;
    let letter = &told.data.letter;
    match &filter.bot {
        Some(bot) if *bot != letter.bot => {
            Err(Failure::problem(format!("dead letter `{}` is of bot `{}`, not of `{bot}`", letter.id, letter.bot)))
        }
        _ => Ok(if json { told.json } else { whole(&told.data) }),
    }
}

async fn drop(source: &Source, args: &DeadArgs, mut filter: LetterFilter) -> Result<String, Failure> {
    if let Some(id) = &args.id {
        filter = LetterFilter { id: Some(source.letter_id(id).await?), ..LetterFilter::default() };
    }
    if !args.yes && !confirmed(source, &filter).await? {
        return Err(Failure::problem("cancelled: nothing was dropped"));
    }
    let moved = source.move_letters(Verb::Drop, &filter).await?;
    if args.json {
        return serde_json::to_string(&moved).map_err(Failure::fault);
    }
    Ok(format!("{} dropped", letters::counted(&moved)))
}

/// Asks at a terminal; elsewhere nobody could answer.
async fn confirmed(source: &Source, filter: &LetterFilter) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::problem("what is dropped is gone for good: say `--yes` where nobody can be asked"));
    }
    let query = LetterQuery { filter: filter.clone(), after: None, limit: COUNTED };
    let page = source.letters(query).await?.data;
    let count = page.letters.len();
    let many = if page.next.is_some() { format!("more than {count}") } else { count.to_string() };
    let mut err = io::stderr();
    let mut answer = String::new();
    let asked = write!(err, "drop {many} dead letters ({filter}) for good? [y/N] ").and_then(|()| err.flush());
    asked.and_then(|()| io::stdin().lock().read_line(&mut answer)).map_err(Failure::fault)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn table(page: &LetterPage) -> String {
    if page.letters.is_empty() {
        return "no dead letters".to_owned();
    }
    let rows = page.letters.iter().map(|letter| {
        [
            moment(letter.died_at),
            letter.bot.to_string(),
            letter.what.clone().unwrap_or_else(|| letter.kind.as_str().to_owned()),
            letter.cause.map_or("-", Cause::as_str).to_owned(),
            letter.attempt.to_string(),
            letter.replays.to_string(),
            cut(&plain(&why(letter)), REASON),
            letter.id.to_string(),
        ]
    });
    let header = ["DIED", "BOT", "KIND", "CAUSE", "TRIES", "REPLAYS", "REASON", "ID"];
    let mut text = out::table(header, rows);
    if let Some(next) = &page.next {
        text = format!("{text}\n\nthere are more: `--after {}`", plain(next));
    }
    text
}

fn why(letter: &Letter) -> String {
    let reason = letter.reason.as_deref().unwrap_or("-");
    if letter.doubtful { format!("may have been sent! {reason}") } else { reason.to_owned() }
}

/// One letter with all that is known of it.
fn whole(of: &LetterDetail) -> String {
    let letter = &of.letter;
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| lines.push(format!("{name:<14}{}", plain(&value)));
    line(letter.kind.as_str(), letter.id.to_string());
    line("bot", letter.bot.to_string());
    if let Some(what) = &letter.what {
        line("kind", what.clone());
    }
    if let Some(event) = letter.event {
        line("answers", format!("event {event}"));
    }
    line("died", moment(letter.died_at));
    line("cause", letter.cause.map_or("-", Cause::as_str).to_owned());
    line("reason", letter.reason.clone().unwrap_or_else(|| "-".to_owned()));
    if letter.doubtful {
        line("doubtful", "a try of it may have arrived although nothing says so".to_owned());
    }
    let since = if letter.kind == LetterKind::Event { "accepted" } else { "promised" };
    line(since, moment(letter.accepted_at));
    line("tries", letter.attempt.to_string());
    if letter.replays > 0 {
        line("replays", letter.replays.to_string());
    }
    line("in order with", of.order_key.clone());
    if let Some(tracking_id) = &of.tracking_id {
        line("TrackingID", tracking_id.clone());
    }
    for (name, part) in [("record", &of.record), ("content", &of.content), ("envelope", &of.envelope)] {
        if let Some(part) = part {
            lines.push(format!("{name}\n{}", indented(part)));
        }
    }
    if of.content.is_none() {
        lines.push("content       erased: it cannot be replayed".to_owned());
    }
    lines.join("\n")
}

fn indented(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let blot = |line: &str| line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>();
    text.lines().map(|line| format!("  {}", blot(line))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::{BotId, Millis};

    fn letter(last: u8, kind: LetterKind) -> Letter {
        Letter {
            id: format!("01935f00-0000-7000-8000-0000000000{last:02x}").parse().unwrap(),
            kind,
            bot: BotId::parse("echo").unwrap(),
            what: (kind == LetterKind::Event).then(|| "messages.created".into()),
            event: (kind == LetterKind::Delivery).then(|| "01935f00-0000-7000-8000-000000000001".parse().unwrap()),
            cause: Some(Cause::Failed),
            reason: Some("the template of fallback failed in its line 1: invalid operation".into()),
            attempt: 1,
            accepted_at: Millis(1_767_225_600_000),
            died_at: Millis(1_767_225_601_000),
            replays: 0,
            doubtful: false,
        }
    }

    fn given_up() -> Letter {
        Letter {
            cause: Some(Cause::GaveUp),
            reason: Some("given up after 8 tries:\u{1b}[2J overloaded (503)".into()),
            attempt: 8,
            replays: 2,
            doubtful: true,
            ..letter(2, LetterKind::Delivery)
        }
    }

    #[test]
    fn letters_are_a_table_that_says_when_there_are_more() {
        let page = LetterPage {
            letters: vec![given_up(), letter(1, LetterKind::Event)],
            next: Some("1767225601000.event.1".into()),
        };
        insta::assert_snapshot!(table(&page));
        assert_eq!(table(&LetterPage { letters: Vec::new(), next: None }), "no dead letters");
    }

    #[test]
    fn a_letter_is_shown_whole_with_what_people_wrote_and_nothing_that_moves_the_cursor() {
        let detail = |letter, content| LetterDetail {
            letter,
            order_key: "aVn3kQ0cS1mVYx2k6cJ8Wg".into(),
            tried_at: Some(Millis(1_767_225_600_500)),
            tracking_id: None,
            record: None,
            content,
            envelope: None,
        };
        let event = LetterDetail {
            record: Some(json!({ "program": "0123456789ab", "took_ms": 3 })),
            ..detail(
                letter(1, LetterKind::Event),
                Some(json!({ "v": "1", "trigger": { "kind": "message", "id": "M" } })),
            )
        };
        insta::assert_snapshot!("event", whole(&event));
        let delivery = LetterDetail {
            tracking_id: Some("ROUTER_1".into()),
            ..detail(given_up(), Some(json!({ "v": "1", "to": { "room": "R" }, "text": "bell \u{7} and \u{9b}31m" })))
        };
        insta::assert_snapshot!("delivery", whole(&delivery));
        insta::assert_snapshot!("erased", whole(&detail(letter(1, LetterKind::Event), None)));
    }
}
