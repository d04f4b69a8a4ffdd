//! `botyard replay`: dead letters are handled or sent again; or, with `--dry-run`, what would come of it.

use serde::Serialize;
use serde_json::json;

use super::{
    bot_id,
    client::Client,
    letters::{self, Verb},
    out::{self, plain},
    run,
    source::{self, Source},
    unknown,
};
use crate::{
    actors::rehearsal::{Promise, Rehearsal, Would},
    brain::Destination,
    cli::{
        args::{ReplayArgs, SettingsArgs},
        exit::Exit,
        failure::{Failure, Outcome},
        settings,
    },
    store::{Letter, LetterFilter, LetterKind, LetterQuery, LettersMoved},
};

/// `botyard replay`
pub(in crate::cli) fn replay(from: &SettingsArgs, args: &ReplayArgs) -> Outcome {
    let settings = settings::load(from)?;
    let bot = args.bot.as_deref().map(bot_id).transpose()?;
    let filter = LetterFilter { doubtful: args.doubtful, ..letters::filter(bot, &args.which)? };
    if args.id.is_none() && filter.is_all() && !args.all {
        return Err(letters::say_which("replay", "`--bot BOT`"));
    }
    run(async {
        let source = source::find(&settings).await?;
        let done = go(&source, args, filter).await;
        source.close().await;
        let (text, exit) = done?;
        out::print(&text)?;
        Ok(exit)
    })
}

async fn go(source: &Source, args: &ReplayArgs, mut filter: LetterFilter) -> Result<(String, Exit), Failure> {
    if let Some(id) = &args.id {
        filter = LetterFilter { id: Some(source.letter_id(id).await?), ..LetterFilter::default() };
    }
    if let Some(bot) = &filter.bot
        && source.bot(bot).await?.is_none()
    {
        return Err(unknown::to(source, bot).await);
    }
    if args.dry_run {
        return rehearse(source, args, filter).await.map(|text| (text, Exit::Fine));
    }
    if let Some(id) = filter.id {
        source.letter(id).await?;
    }
    let moved = source.move_letters(Verb::Replay, &filter).await?;
    let exit = if moved.full.is_some() { Exit::Problem } else { Exit::Fine };
    if args.json {
        return Ok((serde_json::to_string(&moved).map_err(Failure::fault)?, exit));
    }
    for note in left(&moved) {
        out::say(&note);
    }
    let stopped = if matches!(source, Source::Store(_)) { "; they are handled when the service runs" } else { "" };
    Ok((format!("{} replayed{stopped}", letters::counted(&moved)), exit))
}

/// What was left where it is, and what to do about it.
fn left(moved: &LettersMoved) -> Vec<String> {
    let mut notes = Vec::new();
    if moved.retired > 0 {
        let many = moved.retired;
        notes.push(format!("left {many}, whose bots are retired: put their definitions back, and replay them then"));
    }
    if moved.doubtful > 0 {
        let many = moved.doubtful;
        notes.push(format!("left {many} that may have been sent already: `--doubtful` replays them, too"));
    }
    if moved.erased > 0 {
        notes.push(format!("left {}, whose content was erased: there is nothing to replay", moved.erased));
    }
    if let Some(bot) = &moved.full {
        notes.push(format!("ended where bot `{bot}` has no room for more: go on when it has worked some off"));
    }
    notes
}

/// A letter and what would become of it.
#[derive(Debug, Serialize)]
struct Rehearsed {
    letter: Letter,
    rehearsal: Rehearsal,
}

async fn rehearse(source: &Source, args: &ReplayArgs, filter: LetterFilter) -> Result<String, Failure> {
    let Source::Service(client) = source else {
        return Err(Failure::problem(
            "`--dry-run` asks the bots themselves, and no service is running: start it with `botyard serve`, or look at \
             what is stored with `botyard dead --id ID`",
        ));
    };
    let page = source.letters(LetterQuery { filter, after: None, limit: args.limit }).await?.data;
    let mut rehearsed = Vec::with_capacity(page.letters.len());
    for letter in page.letters {
        let rehearsal = ask(client, &letter).await?;
        rehearsed.push(Rehearsed { letter, rehearsal });
    }
    // In the order in which they would go.
    rehearsed.reverse();
    if args.json {
        return Ok(json!({ "letters": rehearsed, "more": page.next.is_some() }).to_string());
    }
    let mut text = show(&rehearsed);
    if page.next.is_some() {
        text = format!("{text}\n\nthere are more: `--limit` shows up to 1000");
    }
    Ok(text)
}

async fn ask(client: &Client, letter: &Letter) -> Result<Rehearsal, Failure> {
    Ok(client.post(&format!("/v1/dead/{}/rehearse", letter.id), &json!({})).await?.read()?)
}

fn show(rehearsed: &[Rehearsed]) -> String {
    if rehearsed.is_empty() {
        return "no dead letters".to_owned();
    }
    let mut parts: Vec<_> = rehearsed.iter().map(one).collect();
    parts.push("nothing was sent or written".to_owned());
    parts.join("\n\n")
}

fn one(Rehearsed { letter, rehearsal }: &Rehearsed) -> String {
    let kind = letter.kind.as_str();
    let mut lines = vec![format!("{kind} {} of bot `{}`: {}", letter.id, letter.bot, verdict(letter, rehearsal))];
    let mut line = |text: String| lines.push(format!("  {}", plain(&text)));
    if let Some(rule) = &rehearsal.rule {
        line(format!("rule: {rule}"));
    }
    if letter.doubtful {
        line("it may have been sent already: only `--doubtful` or `--id` replays it".to_owned());
    }
    for promise in &rehearsal.deliveries {
        line(said(promise));
    }
    for operation in &rehearsal.state {
        line(format!("remember: {}", json!(operation)));
    }
    for what in &rehearsal.also {
        line(format!("also: {what}"));
    }
    for note in &rehearsal.notes {
        line(format!("note: {note}"));
    }
    if let Some(program) = &rehearsal.program {
        line(format!("program: {program}"));
    }
    lines.join("\n")
}

fn verdict(letter: &Letter, of: &Rehearsal) -> String {
    let reason = of.reason.as_deref().map(|reason| format!(": {}", plain(reason))).unwrap_or_default();
    match (of.would, letter.kind) {
        (Would::Act, LetterKind::Event) => "would be answered".to_owned(),
        (Would::Act, LetterKind::Delivery) => "would be sent again".to_owned(),
        (Would::Nothing, _) => "would be finished without an answer".to_owned(),
        (Would::Wait, _) => format!("would wait{reason}"),
        (Would::Fail, _) => format!("would die again{reason}"),
        (Would::Unknown, _) => format!("nobody can tell{reason}"),
    }
}

fn said(promise: &Promise) -> String {
    let to = match &promise.to {
        Destination::Room(id) => format!("room {id}"),
        Destination::Person(id) => format!("person {id}"),
        Destination::Email(address) => address.clone(),
    };
    let thread = if promise.in_thread { ", in a thread" } else { "" };
    let text: Vec<_> = promise.text.lines().map(str::trim_end).collect();
    let text = text.join(" ⏎ ");
    match promise.act.as_str() {
        "post" => format!("to {to}{thread}: {text}"),
        "edit" | "replace" => format!("{} a message in {to}: {text}", promise.act),
        "delete" => format!("delete a message in {to}"),
        act => format!("{act} {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{BotId, Millis, StateOp, StateScope},
        store::Cause,
    };

    fn letter(last: u8, kind: LetterKind) -> Letter {
        Letter {
            id: format!("01935f00-0000-7000-8000-0000000000{last:02x}").parse().unwrap(),
            kind,
            bot: BotId::parse("echo").unwrap(),
            what: None,
            event: None,
            cause: Some(Cause::Failed),
            reason: None,
            attempt: 1,
            accepted_at: Millis(1_767_225_600_000),
            died_at: Millis(1_767_225_601_000),
            replays: 0,
            doubtful: false,
        }
    }

    fn promise(to: Destination, text: &str) -> Promise {
        Promise { act: "post".into(), to, text: text.into(), in_thread: false }
    }

    #[test]
    fn a_rehearsal_shows_what_would_be_said_and_remembered_or_why_not() {
        let scope = StateScope::Bot;
        let acts = Rehearsal {
            would: Would::Act,
            rule: Some("command \"count\"".into()),
            reason: None,
            program: Some("0123456789ab".into()),
            deliveries: vec![
                promise(Destination::Room("R".into()), "one\n  two\u{7}"),
                Promise { in_thread: true, ..promise(Destination::Email("lead@example.com".into()), "x") },
                Promise { act: "edit".into(), ..promise(Destination::Room("R".into()), "changed") },
                Promise { act: "leave".into(), ..promise(Destination::Room("R".into()), "") },
            ],
            state: vec![StateOp::Add { scope, key: "count".into(), amount: 1 }],
            also: vec!["forget the timer `x`".into()],
            notes: vec!["`payload.x` is missing: it printed nothing".into()],
        };
        let nothing = Rehearsal { would: Would::Nothing, reason: None, ..Rehearsal::because(Would::Nothing, "") };
        let nothing = Rehearsal { rule: Some("none: message is gone".into()), ..nothing };
        let again = Rehearsal {
            deliveries: vec![promise(Destination::Person("P".into()), "hello")],
            reason: None,
            ..Rehearsal::because(Would::Act, "")
        };
        let rehearsed = [
            Rehearsed { letter: letter(1, LetterKind::Event), rehearsal: acts },
            Rehearsed { letter: letter(2, LetterKind::Event), rehearsal: nothing },
            Rehearsed {
                letter: letter(3, LetterKind::Event),
                rehearsal: Rehearsal::because(Would::Fail, "the template of fallback failed in its line 1"),
            },
            Rehearsed {
                letter: letter(4, LetterKind::Event),
                rehearsal: Rehearsal::because(Would::Unknown, "the bot is parked: Webex refuses its token"),
            },
            Rehearsed { letter: Letter { doubtful: true, ..letter(5, LetterKind::Delivery) }, rehearsal: again },
        ];
        insta::assert_snapshot!(show(&rehearsed));
        assert_eq!(show(&[]), "no dead letters");
    }

    #[test]
    fn what_is_left_is_said_with_what_to_do() {
        let moved = LettersMoved {
            retired: 1,
            doubtful: 2,
            erased: 3,
            full: BotId::parse("echo").ok(),
            ..LettersMoved::default()
        };
        insta::assert_snapshot!(left(&moved).join("\n"));
        assert!(left(&LettersMoved::default()).is_empty());
    }
}
