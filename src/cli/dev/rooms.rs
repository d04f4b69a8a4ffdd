//! Rooms that definitions name: at Webex they are there, so in `botyard dev` they are made, with the person at the
//! prompt and the bot in them.

use std::{path::PathBuf, time::Duration};

use crate::{
    base::{BotId, spawn::spawn},
    cli::control::Control,
    definition::{self, Loader},
};

/// How often it is looked for definitions that name other rooms.
const LOOK: Duration = Duration::from_secs(1);

/// A room that a bot's definition names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Named {
    bot: BotId,
    name: String,
    id: String,
}

/// Makes the rooms that definitions name, now and whenever that changes, for as long as the task lives.
pub(super) fn keep(control: Control, dirs: Vec<PathBuf>, person: String) -> tokio::task::JoinHandle<()> {
    spawn(async move {
        let mut loader = Loader::default();
        let mut made: Vec<Named> = Vec::new();
        loop {
            for room in named(&mut loader, &dirs) {
                if !made.contains(&room) && make(&control, &room, &person).await {
                    made.push(room);
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    })
}

fn named(loader: &mut Loader<Vec<Named>>, dirs: &[PathBuf]) -> Vec<Named> {
    let set = loader.load(&definition::scan(dirs), |definition| {
        let room = |(name, id): &(definition::Spanned<String>, definition::Spanned<String>)| Named {
            bot: definition.bot.clone(),
            name: name.value.clone(),
            id: id.value.clone(),
        };
        (Some(definition.rooms.iter().map(room).collect()), Vec::new())
    });
    set.definitions.into_values().flatten().collect()
}

/// Whether nothing is left to be done: the room is there, or can never be.
async fn make(control: &Control, room: &Named, person: &str) -> bool {
    let bot = format!("{}@webex.bot", room.bot);
    match control.keep_room(&room.id, &room.name, &[person, &bot]).await {
        Ok(()) => true,
        // The bot has not shown its token yet, so the simulator has not made it.
        Err(error) if error.is_missing() => false,
        Err(error) => {
            tracing::warn!(bot.id = %room.bot, room = room.name, %error, "the simulator cannot have a room that a definition names");
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_room_is_named_with_its_bot_and_read_again_when_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(folder.path().join("echo.toml"), text).unwrap();
        let (mut loader, dirs) = (Loader::default(), [folder.path().to_owned()]);
        write("[rooms]\nops = 'OPSROOM1'\n[fallback]\nreply = 'x'\n");
        let found = named(&mut loader, &dirs);
        assert_eq!((found[0].bot.as_str(), found[0].name.as_str(), found[0].id.as_str()), ("echo", "ops", "OPSROOM1"));
        write("[rooms]\nops = 'OPSROOM1'\nlab = 'LABROOM12'\n[fallback]\nreply = 'x'\n");
        assert_eq!(named(&mut loader, &dirs).len(), 2);
    }
}
