//! Dead letters for the commands that list, drop and replay them: which are meant, who answers, and how many moved.

use serde::Serialize;
use serde_json::json;

use super::{
    events::{self, Wanted},
    out,
    source::{Source, Told, broken, unless},
    user, when,
};
use crate::{
    base::{BotId, Clock, EventId},
    cli::{args::LetterArgs, failure::Failure},
    store::{
        Cause, LetterDetail, LetterFilter, LetterKind, LetterPage, LetterQuery, LetterStep, LettersMoved, Store,
        StoreError,
    },
};

/// How far back the beginning of an id is looked for.
const NEWEST: u32 = 1000;

/// What is to be done with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Let them be handled or sent again.
    Replay,
    /// Delete them.
    Drop,
}

impl Verb {
    /// What they are afterwards.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Replay => "replayed",
            Self::Drop => "dropped",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Replay => "/v1/dead/replay",
            Self::Drop => "/v1/dead/drop",
        }
    }
}

/// What the flags choose; the id is looked up later, as only the beginning of it may be given.
pub(super) fn filter(bot: Option<BotId>, args: &LetterArgs) -> Result<LetterFilter, Failure> {
    let now = Clock::System.now();
    let moment = |flag, text: &Option<String>| text.as_deref().map(|text| when::moment(flag, text, now)).transpose();
    Ok(LetterFilter {
        id: None,
        bot,
        kind: args.kind.as_deref().and_then(LetterKind::parse),
        cause: args.reason.as_deref().and_then(Cause::parse),
        since: moment("--since", &args.since)?,
        until: moment("--until", &args.until)?,
        doubtful: false,
    })
}

/// Nothing was said that chooses, and `--all` neither.
pub(super) fn say_which(command: &str, bot: &str) -> Failure {
    Failure::usage(format!(
        "`botyard {command}`: say which dead letters are meant: `--id ID`, {bot}, `--reason CAUSE`, `--kind KIND`, \
         `--since TIME`, `--until TIME`, or `--all`; `botyard dead` lists them"
    ))
}

/// `1 event`, `2 events and 1 delivery`.
pub(super) fn counted(moved: &LettersMoved) -> String {
    let some = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let events = some(moved.events, "event", "events");
    let deliveries = some(moved.deliveries, "delivery", "deliveries");
    match (moved.events, moved.deliveries) {
        (_, 0) => events,
        (0, _) => deliveries,
        _ => format!("{events} and {deliveries}"),
    }
}

impl Source {
    /// A page of the list.
    pub(super) async fn letters(&self, query: LetterQuery) -> Result<Told<LetterPage>, Failure> {
        match self {
            Self::Service(client) => {
                let answered = client.get(&path(&query)).await?;
                Ok(Told { data: answered.read()?, json: answered.json() })
            }
            Self::Store(store) => told(store.letters(query).await.map_err(broken)?),
        }
    }

    /// One whole.
    pub(super) async fn letter(&self, id: EventId) -> Result<Told<LetterDetail>, Failure> {
        let found = match self {
            Self::Service(client) => match unless(client.get(&format!("/v1/dead/{id}")).await, "unknown_letter")? {
                Some(answered) => Some(Told { data: answered.read()?, json: answered.json() }),
                None => None,
            },
            Self::Store(store) => store.letter(id).await.map_err(broken)?.map(told).transpose()?,
        };
        found.ok_or_else(|| {
            Failure::problem(format!(
                "there is no dead letter `{id}`: `botyard dead` lists them; `botyard events --id {id}` tells what became \
                 of an event"
            ))
        })
    }

    /// The id that is meant, where only its beginning may be given.
    pub(super) async fn letter_id(&self, text: &str) -> Result<EventId, Failure> {
        match events::wanted(text).map_err(Failure::problem)? {
            Wanted::Id(id) => Ok(id),
            Wanted::Prefix(prefix) => {
                let query = LetterQuery { limit: NEWEST, ..LetterQuery::default() };
                let page = self.letters(query).await?.data;
                let ids: Vec<_> = page.letters.iter().map(|letter| letter.id).collect();
                events::only_of(&prefix, &ids, "dead letter").map_err(Failure::problem)
            }
        }
    }

    /// All of them, a step at a time; what takes several says how far it is.
    pub(super) async fn move_letters(&self, verb: Verb, filter: &LetterFilter) -> Result<LettersMoved, Failure> {
        let mut moved = LettersMoved::default();
        let mut from: Option<String> = None;
        loop {
            moved.add(self.step(verb, filter, from.as_deref()).await.map_err(|failure| so_far(verb, &moved, failure))?);
            match &moved.next {
                Some(next) if moved.full.is_none() => from = Some(next.clone()),
                _ => return Ok(moved),
            }
            if moved.moved() > 0 {
                out::say(&format!("{} {} so far", counted(&moved), verb.done()));
            }
        }
    }

    async fn step(&self, verb: Verb, filter: &LetterFilter, from: Option<&str>) -> Result<LettersMoved, Failure> {
        match self {
            Self::Service(client) => {
                let body = json!({ "which": filter, "all": filter.is_all(), "from": from });
                Ok(client.post(verb.path(), &body).await?.read()?)
            }
            Self::Store(store) => {
                let from = from.map(str::parse).transpose().map_err(|why: String| Failure::fault(why))?;
                let (step, by) = (LetterStep { filter: filter.clone(), from }, user::command_line());
                let moved = match verb {
                    Verb::Replay => store.replay(step, by).await,
                    Verb::Drop => store.drop_letters(step, by).await,
                };
                moved.map_err(|error| match error {
                    StoreError::Refused(why) => Failure::problem(why),
                    other => broken(other),
                })
            }
        }
    }
}

/// What was moved before a step failed stays moved, and that is said.
fn so_far(verb: Verb, moved: &LettersMoved, failure: Failure) -> Failure {
    if moved.moved() > 0 {
        out::say(&format!("{} {} before it failed; the rest stays as it was", counted(moved), verb.done()));
    }
    failure
}

fn told<T: Serialize>(data: T) -> Result<Told<T>, Failure> {
    let json = serde_json::to_string(&data).map_err(Failure::fault)?;
    Ok(Told { json, data })
}

fn path(query: &LetterQuery) -> String {
    let LetterQuery { filter, after, limit } = query;
    let mut path = format!("/v1/dead?limit={limit}");
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            path = format!("{path}&{name}={value}");
        }
    };
    put("bot", filter.bot.as_ref().map(ToString::to_string));
    put("kind", filter.kind.map(|kind| kind.as_str().to_owned()));
    put("cause", filter.cause.map(|cause| cause.as_str().to_owned()));
    put("since", filter.since.map(|at| at.0.to_string()));
    put("until", filter.until.map(|at| at.0.to_string()));
    put("after", after.map(|after| after.to_string()));
    path
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;
    use crate::{base::Millis, cli::args::Cli};

    #[test]
    fn the_flags_name_every_cause_and_kind_and_nothing_else() {
        let parse = |args: &[&str]| Cli::command().try_get_matches_from(args);
        for cause in Cause::ALL {
            parse(&["botyard", "dead", "--reason", cause.as_str()]).unwrap();
            parse(&["botyard", "replay", "--reason", cause.as_str()]).unwrap();
        }
        let wrong = parse(&["botyard", "dead", "--reason", "sorrow"]).unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::InvalidValue);
    }

    #[test]
    fn the_query_says_what_is_wanted() {
        let filter = LetterFilter {
            bot: BotId::parse("echo").ok(),
            kind: Some(LetterKind::Delivery),
            cause: Some(Cause::GaveUp),
            since: Some(Millis(5)),
            until: Some(Millis(9)),
            ..LetterFilter::default()
        };
        let query = LetterQuery { filter, after: "1.event.2".parse().ok(), limit: 7 };
        let expected = "/v1/dead?limit=7&bot=echo&kind=delivery&cause=gave_up&since=5&until=9&after=1.event.2";
        assert_eq!(path(&query), expected);
    }

    #[test]
    fn what_moved_is_counted_in_words() {
        let moved = |events, deliveries| counted(&LettersMoved { events, deliveries, ..LettersMoved::default() });
        assert_eq!(moved(0, 0), "0 events");
        assert_eq!((moved(1, 0), moved(0, 2)), ("1 event".into(), "2 deliveries".into()));
        assert_eq!(moved(2, 1), "2 events and 1 delivery");
    }
}
