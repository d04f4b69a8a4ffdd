//! `botyard dialogues`: which are open, how one stands, and an end to them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{
    bot_id, out,
    out::{cut, moment, plain},
    run,
    source::{self, Source, broken},
    unknown, user,
};
use crate::{
    base::{BotId, Millis},
    cli::{
        args::{DialoguesArgs, DialoguesCommand, SettingsArgs},
        exit::Exit,
        failure::{Failure, Outcome},
        settings,
    },
    store::{DialoguePage, DialogueQuery, EndDialogue, MOST_OF_A_PAGE, OpenDialogue, Store, StoreError},
};

/// Characters of an id in the table; its beginning will do in a command.
const SHORT: usize = 8;

/// `botyard dialogues`
pub(in crate::cli) fn dialogues(from: &SettingsArgs, args: &DialoguesArgs) -> Outcome {
    let settings = settings::load(from)?;
    let bot = bot_id(&args.bot)?;
    run(async {
        let source = source::find(&settings).await?;
        let told = tell(&source, bot, args).await;
        source.close().await;
        out::print(&told?)?;
        Ok(Exit::Fine)
    })
}

async fn tell(source: &Source, bot: BotId, args: &DialoguesArgs) -> Result<String, Failure> {
    let open = all(source, &bot).await?;
    match &args.command {
        None if args.json => Ok(json!({ "dialogues": open }).to_string()),
        None => Ok(table(&open)),
        Some(DialoguesCommand::Show { id }) => {
            let one = find(&open, id)?;
            Ok(if args.json { json!(one).to_string() } else { card(one) })
        }
        Some(DialoguesCommand::End { id, all }) => {
            let chosen: Vec<&OpenDialogue> = match id {
                Some(id) => vec![find(&open, id)?],
                None if *all => open.iter().collect(),
                None => return Err(Failure::usage("say which by the beginning of its id, or `--all`")),
            };
            let mut ended = 0_u64;
            for one in chosen {
                ended += u64::from(end(source, &bot, one).await?);
            }
            Ok(match (args.json, ended) {
                (true, _) => json!({ "ended": ended }).to_string(),
                (false, 1) => "1 dialogue ended; the person was not told".to_owned(),
                (false, many) => format!("{many} dialogues ended; nobody was told"),
            })
        }
    }
}

async fn all(source: &Source, bot: &BotId) -> Result<Vec<OpenDialogue>, Failure> {
    if source.bot(bot).await?.is_none() {
        return Err(unknown::to(source, bot).await);
    }
    let mut query = DialogueQuery { bot: bot.clone(), after: None, limit: MOST_OF_A_PAGE };
    let mut open = Vec::new();
    loop {
        let page: DialoguePage = match source {
            Source::Service(client) => client.get(&path(&query)).await?.read()?,
            Source::Store(store) => store.list_dialogues(query.clone()).await.map_err(broken)?,
        };
        open.extend(page.dialogues);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(open),
        }
    }
}

fn path(query: &DialogueQuery) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let path = format!("/v1/bots/{}/dialogues?limit={}", query.bot, query.limit);
    match &query.after {
        Some((room, person)) => format!("{path}&after_room={}&after_person={}", encoded(room), encoded(person)),
        None => path,
    }
}

async fn end(source: &Source, bot: &BotId, one: &OpenDialogue) -> Result<bool, Failure> {
    match source {
        Source::Service(client) => {
            let body = json!({ "room": one.room, "person": one.person });
            let ended: Value = client.post(&format!("/v1/bots/{bot}/dialogues/end"), &body).await?.read()?;
            Ok(ended["ended"] == true)
        }
        Source::Store(store) => {
            let (room, person) = (one.room.clone(), one.person.clone());
            let end = EndDialogue { bot: bot.clone(), room, person, by: user::command_line() };
            store.end_dialogue(end).await.map_err(|error| match error {
                StoreError::Refused(why) => Failure::problem(why),
                other => broken(other),
            })
        }
    }
}

fn find<'a>(open: &'a [OpenDialogue], id: &str) -> Result<&'a OpenDialogue, Failure> {
    let mut found = open.iter().filter(|one| one.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Failure::problem(format!("no open dialogue has an id that begins with `{}`", plain(id)))),
        (Some(_), Some(_)) => Err(Failure::problem(format!(
            "several dialogues have an id that begins with `{}`: say more of it",
            plain(id)
        ))),
    }
}

fn text<'a>(of: &'a OpenDialogue, field: &str) -> &'a str {
    of.value.get(field).and_then(Value::as_str).unwrap_or("?")
}

fn time(of: &OpenDialogue, field: &str) -> String {
    of.value.get(field).and_then(Value::as_i64).map_or_else(|| "?".to_owned(), |at| moment(Millis(at)))
}

fn table(open: &[OpenDialogue]) -> String {
    if open.is_empty() {
        return "no dialogue is open".to_owned();
    }
    let rows = open.iter().map(|one| {
        [
            cut(&one.id, SHORT + 1).trim_end_matches('…').to_owned(),
            text(one, "flow").to_owned(),
            text(one, "step").to_owned(),
            time(one, "started"),
            time(one, "deadline"),
            one.person.clone(),
            one.room.clone(),
        ]
    });
    out::table(["ID", "FLOW", "STEP", "SINCE", "UNTIL", "PERSON", "ROOM"], rows)
}

/// One whole, with what the person answered.
fn card(of: &OpenDialogue) -> String {
    let mut lines = vec![
        format!("id       {}", of.id),
        format!("flow     {}", plain(text(of, "flow"))),
        format!("step     {}", plain(text(of, "step"))),
        format!("since    {}", time(of, "started")),
        format!("until    {}", time(of, "deadline")),
        format!("program  {}", plain(text(of, "program"))),
        format!("person   {}", plain(&of.person)),
        format!("room     {}", plain(&of.room)),
    ];
    let answers = of.value.get("answers").and_then(Value::as_object);
    for (name, value) in answers.into_iter().flatten() {
        lines.push(format!("answer   {}: {}", plain(name), plain(&value.to_string())));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::dialogue_mark;

    fn open(person: &str) -> OpenDialogue {
        OpenDialogue {
            id: dialogue_mark("R", person),
            room: "R".into(),
            person: person.into(),
            version: 2,
            until: Millis(1_767_312_000_000),
            value: json!({
                "flow": "booking", "step": "people", "answers": { "day": "2026-12-31\u{1b}" }, "program": "abcdef012345",
                "started": 1_767_225_600_000_i64, "deadline": 1_767_226_200_000_i64,
            }),
        }
    }

    #[test]
    fn open_dialogues_are_a_table_without_answers_and_one_is_shown_with_them() {
        insta::assert_snapshot!("table", table(&[open("alice"), open("bob")]));
        insta::assert_snapshot!("card", card(&open("alice")));
        assert_eq!(table(&[]), "no dialogue is open");
    }

    #[test]
    fn one_is_found_by_the_beginning_of_its_id() {
        let all = [open("alice"), open("bob")];
        assert_eq!(find(&all, all[1].id.get(..6).unwrap()).unwrap().person, "bob");
        assert!(format!("{:?}", find(&all, "?").unwrap_err()).contains("begins with `?`"));
        assert!(format!("{:?}", find(&all, "").unwrap_err()).contains("several"));
    }
}
