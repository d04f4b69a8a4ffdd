//! Waiting for something to happen: a bot's answers, an entry of the journal.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json as value;
use tokio::time::{Instant, timeout_at};

use super::{Outcome, Query, json, person, room};
use crate::{
    base::Millis,
    sim::{
        refusal::Refusal,
        shared::Shared,
        world::{Message, Search, World},
    },
};

/// No request waits longer: ten minutes.
const LONGEST_WAIT: u64 = 600_000;
const USUAL_WAIT: u64 = 10_000;
/// Replies one can wait for at once.
const MOST_REPLIES: usize = 10_000;

/// Real time that a silence lasts at least: who moves the simulator's clock by an hour has not
/// given a bot the time to answer.
const SHORTEST_SILENCE: Duration = Duration::from_millis(200);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    bot: Option<String>,
    room: Option<String>,
    #[serde(default)]
    after: u64,
    replies: Option<usize>,
    silent_ms: Option<u64>,
    timeout_ms: Option<u64>,
}

pub(super) async fn replies(shared: &Shared, body: &[u8]) -> Outcome {
    let wait: Wait = parse_wait(body)?;
    let time = wait.timeout_ms.unwrap_or(USUAL_WAIT).min(LONGEST_WAIT);
    let enough = wait.replies.or_else(|| wait.silent_ms.is_none().then_some(1));
    let mut silence = wait.silent_ms.map(Silence::of);
    let mut found = 0;
    let answered = until(shared, time, |world| {
        let messages = written(world, &wait)?;
        found = messages.len();
        let answered = enough.is_some_and(|enough| found >= enough);
        let missing = match &mut silence {
            _ if answered => None,
            Some(silence) => {
                let flying = match wait.bot.as_deref().map(|bot| person(world, bot)) {
                    None => world.is_flying(None),
                    Some(bot) => bot.is_ok_and(|bot| world.is_flying(Some(bot))),
                };
                silence.missing(found, flying, world.now)
            }
            None => return Ok(Found::NotYet),
        };
        match missing {
            Some(Missing { simulated: true, .. }) if !world.is_running() => return Ok(Found::NotYet),
            Some(Missing { least, .. }) => return Ok(Found::NotBefore(least)),
            None => {}
        }
        let messages: Vec<_> = messages.into_iter().map(|message| world.show_message(message)).collect();
        json(&value!({ "seq": world.seq(), "silent": !answered, "messages": messages })).map(Found::This)
    })
    .await?;
    let late = || match wait.replies {
        Some(replies) => format!("{found} of {replies} replies within {time} ms"),
        None if wait.silent_ms.is_none() => format!("{found} of 1 replies within {time} ms"),
        None => format!("never silent for so long within {time} ms; {found} messages"),
    };
    answered.ok_or_else(|| Refusal::new(504, late()))
}

/// A silence that is waited for: by the simulator's clock, with a little real time, and not while something is
/// on its way that could be answered.
struct Silence {
    wanted: u64,
    /// What was heard last, and when.
    heard: Option<(usize, Millis, Instant)>,
}

impl Silence {
    fn of(wanted: u64) -> Self {
        Self { wanted, heard: None }
    }

    /// What of it is missing; `None` when it is whole.
    fn missing(&mut self, found: usize, flying: bool, now: Millis) -> Option<Missing> {
        let (before, since, real) = *self.heard.get_or_insert_with(|| (found, now, Instant::now()));
        let wanted = Duration::from_millis(self.wanted);
        if before != found || flying {
            self.heard = Some((found, now, Instant::now()));
            return Some(Missing { simulated: true, least: wanted });
        }
        let simulated = wanted.saturating_sub(now.since(since));
        let lived = wanted.min(SHORTEST_SILENCE).saturating_sub(real.elapsed());
        let least = simulated.max(lived);
        (!least.is_zero()).then_some(Missing { simulated: !simulated.is_zero(), least })
    }
}

/// What is missing of a silence.
struct Missing {
    /// Whether time of the simulator is missing, which may stand still.
    simulated: bool,
    /// How long it takes at least while that time runs.
    least: Duration,
}

fn parse_wait(body: &[u8]) -> Result<Wait, Refusal> {
    let wait: Wait = super::parse(body)?;
    if wait.bot.is_none() && wait.room.is_none() {
        return Err(Refusal::bad("name a `bot`, a `room` or both"));
    }
    if wait.replies.is_some_and(|replies| replies > MOST_REPLIES) {
        return Err(Refusal::bad(format!("`replies` is at most {MOST_REPLIES}")));
    }
    if wait.silent_ms == Some(0) {
        return Err(Refusal::bad("`silent_ms` is at least 1"));
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
    let show = |world: &World, even_none: bool| -> Result<Found<Vec<u8>>, Refusal> {
        let email = |id| world.people.get(id).map(|person| person.email.clone());
        let entries: Vec<_> = world.journal.search(&search).map(|entry| entry.show(email)).collect();
        if entries.is_empty() && !even_none {
            return Ok(Found::NotYet);
        }
        json(&value!({ "seq": world.seq(), "oldest": world.journal.oldest(), "entries": entries })).map(Found::This)
    };
    match until(shared, time, |world| show(world, false)).await? {
        Some(answer) => Ok(answer),
        None => match shared.act(|world| show(world, true))? {
            Found::This(answer) => Ok(answer),
            Found::NotYet | Found::NotBefore(_) => Ok(Vec::new()),
        },
    }
}

/// What a look at the world came to.
enum Found<T> {
    This(T),
    /// Look again when something changed.
    NotYet,
    /// Look again when something changed, or after this long.
    NotBefore(Duration),
}

/// Looks at the world now and after each change, until there is something to say or the time is over.
async fn until<T>(
    shared: &Shared,
    time: u64,
    mut look: impl FnMut(&World) -> Result<Found<T>, Refusal>,
) -> Result<Option<T>, Refusal> {
    let mut changes = shared.subscribe();
    let deadline = Instant::now() + Duration::from_millis(time);
    loop {
        let again = match shared.act(|world| look(world))? {
            Found::This(found) => return Ok(Some(found)),
            Found::NotYet => deadline,
            Found::NotBefore(wait) => deadline.min(Instant::now() + wait),
        };
        let changed = timeout_at(again, changes.changed()).await.is_ok();
        if !changed && Instant::now() >= deadline {
            return Ok(None);
        }
    }
}
