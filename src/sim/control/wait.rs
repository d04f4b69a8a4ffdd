//! Waiting for something to happen: a bot's answers, an entry of the journal.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json as value;
use tokio::time::{Instant, timeout_at};

use super::{Outcome, Query, json, person, room};
use crate::sim::{
    refusal::Refusal,
    shared::Shared,
    world::{Message, Search, World},
};

/// No request waits longer: ten minutes.
const LONGEST_WAIT: u64 = 600_000;
const USUAL_WAIT: u64 = 10_000;
/// Replies one can wait for at once.
const MOST_REPLIES: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    bot: Option<String>,
    room: Option<String>,
    #[serde(default)]
    after: u64,
    #[serde(default = "one")]
    replies: usize,
    timeout_ms: Option<u64>,
}

fn one() -> usize {
    1
}

pub(super) async fn replies(shared: &Shared, body: &[u8]) -> Outcome {
    let wait: Wait = parse_wait(body)?;
    let time = wait.timeout_ms.unwrap_or(USUAL_WAIT).min(LONGEST_WAIT);
    let mut found = 0;
    let answer = until(shared, time, |world| {
        let messages = written(world, &wait)?;
        found = messages.len();
        if found < wait.replies {
            return Ok(None);
        }
        let messages: Vec<_> = messages.into_iter().map(|message| world.show_message(message)).collect();
        json(&value!({ "seq": world.seq(), "messages": messages })).map(Some)
    });
    answer.await?.ok_or_else(|| Refusal::new(504, format!("{found} of {} replies within {time} ms", wait.replies)))
}

fn parse_wait(body: &[u8]) -> Result<Wait, Refusal> {
    let wait: Wait = super::parse(body)?;
    if wait.bot.is_none() && wait.room.is_none() {
        return Err(Refusal::bad("name a `bot`, a `room` or both"));
    }
    if wait.replies > MOST_REPLIES {
        return Err(Refusal::bad(format!("`replies` is at most {MOST_REPLIES}")));
    }
    Ok(wait)
}

/// What the bot, or any bot, has written so far.
fn written<'w>(world: &'w World, wait: &Wait) -> Result<Vec<&'w Message>, Refusal> {
    let place = wait.room.as_deref().map(|name| room(world, name)).transpose()?;
    if let Some(bot) = &wait.bot {
        // A bot that has never called has not answered either: it may be about to.
        let Ok(bot) = person(world, bot) else { return Ok(Vec::new()) };
        let own = world.messages.written_since(bot, wait.after);
        return Ok(own.filter(|message| place.is_none_or(|place| place == message.room)).take(MOST_REPLIES).collect());
    }
    let Some(place) = place.and_then(|place| world.rooms.get(place)) else { return Ok(Vec::new()) };
    let by_bot = |message: &&Message| world.people.get(message.author).is_some_and(|author| author.bot);
    Ok(world.messages.in_room_since(place, wait.after).filter(by_bot).take(MOST_REPLIES).collect())
}

pub(super) async fn journal(shared: &Shared, query: &Query) -> Outcome {
    let time = query.number("wait_ms")?.unwrap_or(0).min(LONGEST_WAIT);
    let kind = query.text("kind");
    if kind.is_some_and(|kind| !["request", "event", "delivery"].contains(&kind)) {
        return Err(Refusal::bad("`kind` is `request`, `event` or `delivery`"));
    }
    let max = query.number("max")?.unwrap_or(100).min(10_000);
    let search = shared.act(|world| {
        Ok::<_, Refusal>(Search {
            after: query.number("after")?.unwrap_or(0),
            kind: kind.map(str::to_owned),
            room: query.text("room").map(|name| room(world, name)).transpose()?,
            person: query.text("person").map(|email| person(world, email)).transpose()?,
            max: usize::try_from(max).unwrap_or(usize::MAX),
        })
    })?;
    let show = |world: &World, even_none: bool| {
        let email = |id| world.people.get(id).map(|person| person.email.clone());
        let entries: Vec<_> = world.journal.search(&search).map(|entry| entry.show(email)).collect();
        if entries.is_empty() && !even_none {
            return Ok(None);
        }
        json(&value!({ "seq": world.seq(), "oldest": world.journal.oldest(), "entries": entries })).map(Some)
    };
    match until(shared, time, |world| show(world, false)).await? {
        Some(answer) => Ok(answer),
        None => Ok(shared.act(|world| show(world, true))?.unwrap_or_default()),
    }
}

/// Looks at the world now and after each change, until there is something to say or the time is over.
async fn until<T>(
    shared: &Shared,
    time: u64,
    mut look: impl FnMut(&World) -> Result<Option<T>, Refusal>,
) -> Result<Option<T>, Refusal> {
    let mut changes = shared.subscribe();
    let deadline = Instant::now() + Duration::from_millis(time);
    loop {
        if let Some(found) = shared.act(|world| look(world))? {
            return Ok(Some(found));
        }
        if timeout_at(deadline, changes.changed()).await.is_err() {
            return Ok(None);
        }
    }
}
