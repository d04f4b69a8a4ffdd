//! The people of a run: they write to bots, alone and in groups, and do not care what is going on.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    bots::Kind,
    chance::Chance,
    cloud::Cloud,
    evidence::{Said, address},
};

/// Who is there.
#[derive(Debug)]
pub(crate) struct Cast {
    /// Addresses.
    pub(crate) people: Vec<String>,
    /// Ids, and what they are like.
    pub(crate) bots: Vec<(String, Kind)>,
    /// Group rooms: id, places of the people, places of the bots.
    pub(crate) groups: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl Cast {
    /// People, bots and rooms at the simulator; also the room that some bots answer into.
    pub(crate) async fn gather(
        cloud: &Cloud,
        bots: Vec<(String, Kind)>,
        chance: &mut Chance,
    ) -> Result<(Self, String)> {
        let people: Vec<String> = (0..8).map(|person| format!("person{person}@example.com")).collect();
        for email in &people {
            cloud.control("POST", "/people", json!({ "email": email, "name": format!("{email} Example") })).await?;
        }
        for (bot, _) in &bots {
            cloud.meet(&token(bot)).await?;
        }
        let mut groups = Vec::new();
        for group in 0..6 {
            let insiders: Vec<usize> = (0..4).map(|n| (group + n * 3) % people.len()).collect();
            let listeners: Vec<usize> = (0..4).map(|_| chance.place(bots.len())).collect();
            let addresses: Vec<String> = listeners.iter().map(|&bot| address(&bots[bot].0)).collect();
            let members =
                insiders.iter().map(|&person| people[person].as_str()).chain(addresses.iter().map(String::as_str));
            let mut members: Vec<&str> = members.collect();
            members.sort_unstable();
            members.dedup();
            let room = cloud.open_room(&format!("Group {group}"), &members).await?;
            groups.push((room, insiders, listeners));
        }
        let addresses: Vec<String> = bots.iter().map(|(bot, _)| address(bot)).collect();
        let everybody: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let log = cloud.open_room("Log", &everybody).await?;
        Ok((Self { people, bots, groups }, log))
    }
}

/// The token of a bot at the simulator.
pub(crate) fn token(bot: &str) -> String {
    format!("sim-bot-{bot}")
}

/// What all people share.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) said: RefCell<Vec<Said>>,
    /// Nobody says any more.
    pub(crate) over: Cell<bool>,
    next: Cell<u32>,
}

impl Talk {
    /// One person speaks, about so many times a second, until it is over.
    pub(crate) async fn speak(&self, cloud: &Cloud, cast: &Cast, mut chance: Chance, each_second: u64) -> Result<()> {
        let pause = 2_000 / each_second.max(1);
        while !self.over.get() {
            sleep(Duration::from_millis(chance.within(0..pause))).await;
            self.say_one(cloud, cast, &mut chance).await?;
        }
        Ok(())
    }

    async fn say_one(&self, cloud: &Cloud, cast: &Cast, chance: &mut Chance) -> Result<()> {
        let (person, bot, room) = if chance.one_in(3) {
            let (room, insiders, listeners) = chance.pick(&cast.groups);
            (*chance.pick(insiders), *chance.pick(listeners), Some(room))
        } else {
            (chance.place(cast.people.len()), chance.place(cast.bots.len()), None)
        };
        let (id, kind) = &cast.bots[bot];
        let word = *chance.pick(kind.words());
        let number = self.next.get() + 1;
        self.next.set(number);
        let (person, text) = (&cast.people[person], word.text(number));
        let what = match room {
            Some(room) => json!({ "as": person, "to": room, "text": text, "mention": [address(id)] }),
            None => json!({ "as": person, "to": address(id), "text": text }),
        };
        let said: Value = cloud.control("POST", "/say", what).await?;
        let message = said["message"]["id"].as_str().context("a message without an id")?.to_owned();
        self.said.borrow_mut().push(Said { number, bot: id.clone(), kind: *kind, word, id: message });
        Ok(())
    }
}
