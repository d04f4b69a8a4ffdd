//! `botyard audit`: who did what, newest first.

use serde::Deserialize;
use serde_json::json;

use super::{
    bot_id,
    out::{self, cut, moment, plain},
    run,
    source::{self, Source, Told, broken},
    unknown,
};
use crate::{
    cli::{
        args::{AuditArgs, SettingsArgs},
        exit::Exit,
        failure::{Failure, Outcome},
        settings,
    },
    store::{ActKind, AuditQuery, AuditRow, Store},
};

/// Characters of a subject in the table; all of it is in the JSON.
const SUBJECT: usize = 60;

/// `botyard audit`
pub(in crate::cli) fn audit(from: &SettingsArgs, args: &AuditArgs) -> Outcome {
    let settings = settings::load(from)?;
    let bot = args.bot.as_deref().map(bot_id).transpose()?;
    let kind = args.act.as_deref().map(kind).transpose()?;
    let query = AuditQuery { bot: bot.clone(), kind, before: args.before, limit: args.limit };
    run(async {
        let source = source::find(&settings).await?;
        let told = ask(&source, query).await;
        let unknown = match (&told, &bot) {
            // Nothing of a bot that never was is a slip of the pen, not an answer.
            (Ok(told), Some(bot)) if told.data.is_empty() && source.bot(bot).await?.is_none() => {
                Some(unknown::to(&source, bot).await)
            }
            _ => None,
        };
        source.close().await;
        if let Some(unknown) = unknown {
            return Err(unknown);
        }
        let told = told?;
        out::print(&if args.json { told.json } else { table(&told.data) })?;
        Ok(Exit::Fine)
    })
}

fn kind(word: &str) -> Result<ActKind, Failure> {
    ActKind::parse(word).ok_or_else(|| {
        let known: Vec<_> = ActKind::ALL.iter().map(|kind| format!("`{}`", kind.word())).collect();
        Failure::problem(format!("`--act {}` is no act: there are {}", plain(word), known.join(", ")))
    })
}

async fn ask(source: &Source, query: AuditQuery) -> Result<Told<Vec<AuditRow>>, Failure> {
    #[derive(Deserialize)]
    struct List {
        acts: Vec<AuditRow>,
    }
    match source {
        Source::Service(client) => {
            let answered = client.get(&path(&query)).await?;
            let List { acts } = answered.read()?;
            Ok(Told { json: answered.json(), data: acts })
        }
        Source::Store(store) => {
            let data = store.audit(query).await.map_err(broken)?;
            Ok(Told { json: json!({ "acts": data }).to_string(), data })
        }
    }
}

fn path(query: &AuditQuery) -> String {
    let mut path = format!("/v1/audit?limit={}", query.limit);
    if let Some(bot) = &query.bot {
        path = format!("{path}&bot={bot}");
    }
    if let Some(kind) = query.kind {
        path = format!("{path}&act={}", kind.word());
    }
    if let Some(before) = query.before {
        path = format!("{path}&before={before}");
    }
    path
}

fn table(acts: &[AuditRow]) -> String {
    if acts.is_empty() {
        return "no acts".to_owned();
    }
    let rows = acts.iter().map(|act| {
        let subject = act.note.as_ref().map_or_else(|| act.subject.clone(), |note| format!("{}: {note}", act.subject));
        [
            act.seq.to_string(),
            moment(act.at),
            act.who.to_string(),
            act.act.clone(),
            act.bot.clone().unwrap_or_else(|| "-".to_owned()),
            act.rows.to_string(),
            cut(&plain(&subject), SUBJECT),
        ]
    });
    out::table(["NO", "TIME", "WHO", "ACT", "BOT", "ROWS", "SUBJECT"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{BotId, Millis},
        store::By,
    };

    #[test]
    fn acts_are_a_table_newest_first() {
        let act = |seq, by, act: &str, bot: Option<&str>, note: Option<&str>| AuditRow {
            seq,
            at: Millis(1_767_225_600_000),
            who: by,
            act: act.into(),
            bot: bot.map(Into::into),
            subject: "reason failed".into(),
            rows: 3,
            note: note.map(Into::into),
        };
        let acts = [
            act(8, By::admin(Some("alice@host")), "replay", None, None),
            act(7, By::house("bots.d"), "definition", Some("echo"), Some("a\nb")),
        ];
        insta::assert_snapshot!(table(&acts));
        assert_eq!(table(&[]), "no acts");
    }

    #[test]
    fn the_query_says_what_is_wanted() {
        let bot = BotId::parse("echo").ok();
        let query = AuditQuery { bot, kind: Some(ActKind::Drop), before: Some(9), limit: 5 };
        assert_eq!(path(&query), "/v1/audit?limit=5&bot=echo&act=drop&before=9");
    }
}
