//! A bot's memory and dialogues, changed by hand.

use sqlx::SqliteConnection;

use super::{Change, Stop, audit};
use crate::{
    base::{BotId, StateScope, dialogue_timer},
    store::{
        Act, ActKind, EndDialogue, MOST_OF_AN_EDIT, StateChange, StateEdit, StateEdited,
        sqlite::batch::{self, COUNT_KEYS, Round},
    },
};

const SET: &str = "
    INSERT INTO state (bot, scope, key, version, value, expires_at)
    SELECT $2, value->>0, value->>1, 1, value->>2, value->>3 FROM jsonb_each($1) WHERE true
    ON CONFLICT (bot, scope, key) DO UPDATE SET
        version = state.version + 1, value = excluded.value, expires_at = excluded.expires_at";

/// As a turn forgets: the row stays for a while, so that its version is not used again.
const REMOVE: &str = "
    UPDATE state SET version = version + 1, value = NULL, expires_at = $3
    WHERE bot = $2 AND (scope, key) IN (SELECT value->>0, value->>1 FROM jsonb_each($1))
      AND value IS NOT NULL AND (expires_at IS NULL OR expires_at > $3)";

const THERE: &str = "
    SELECT count(*) FROM jsonb_each($1) AS t
    JOIN state AS s ON s.bot = $2 AND s.scope = t.value->>0 AND s.key = t.value->>1";

impl Change for StateEdit {
    type Answer = StateEdited;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<StateEdited, Stop> {
        let bot = self.bot.as_str();
        if !round.book.knows(&self.bot) {
            return Err(Stop::Refused(format!("there is no bot `{bot}`")));
        }
        if self.changes.len() > MOST_OF_AN_EDIT {
            return Err(Stop::Refused(format!("an edit has at most {MOST_OF_AN_EDIT} changes")));
        }
        for change in &self.changes {
            change.check().map_err(Stop::Refused)?;
        }
        let (set, gone): (Vec<&StateChange>, Vec<_>) = self.changes.iter().partition(|change| change.value.is_some());
        self.leave_room(tx, round, &set).await?;
        let rows: Vec<_> = set
            .iter()
            .map(|change| {
                (&change.scope, &change.key, change.value.as_ref().map(ToString::to_string), change.expires_at)
            })
            .collect();
        let keys: Vec<_> = gone.iter().map(|change| (&change.scope, &change.key)).collect();
        let mut edited = StateEdited::default();
        if !rows.is_empty() {
            let done = sqlx::query(SET).bind(batch::json(&rows)?).bind(bot).execute(&mut *tx).await?;
            edited.set = done.rows_affected();
        }
        if !keys.is_empty() {
            let remove = sqlx::query(REMOVE).bind(batch::json(&keys)?).bind(bot).bind(round.now.0);
            edited.removed = remove.execute(&mut *tx).await?.rows_affected();
        }
        if edited.set + edited.removed > 0 {
            audit::write(tx, round, &self.act(edited)).await?;
        }
        Ok(edited)
    }
}

impl StateEdit {
    async fn leave_room(&self, tx: &mut SqliteConnection, round: &Round<'_>, set: &[&StateChange]) -> Result<(), Stop> {
        let keys: Vec<_> = set.iter().map(|change| (&change.scope, &change.key)).collect();
        let there: i64 =
            sqlx::query_scalar(THERE).bind(batch::json(&keys)?).bind(self.bot.as_str()).fetch_one(&mut *tx).await?;
        let new = (keys.len() as u64).saturating_sub(there.unsigned_abs());
        if new == 0 {
            return Ok(());
        }
        let count: String = sqlx::query_scalar(COUNT_KEYS).bind(batch::json(&[&self.bot])?).fetch_one(tx).await?;
        let count = batch::list::<(BotId, i64)>(&count)?.first().map_or(0, |(_, keys)| keys.unsigned_abs());
        if count + new > round.keys_per_bot {
            return Err(Stop::Refused(batch::too_many(&self.bot, count, round.keys_per_bot)));
        }
        Ok(())
    }

    /// Names the key, but neither the room nor the person: the audit must not keep who is to be forgotten.
    fn act(&self, edited: StateEdited) -> Act {
        let subject = match self.changes.as_slice() {
            _ if self.import => "import".to_owned(),
            [one] => {
                let scope = StateScope::parse(&one.scope).map_or("", |scope| scope.word());
                format!("{} {scope} {}", if one.value.is_some() { "set" } else { "remove" }, one.key)
            }
            many => format!("{} keys", many.len()),
        };
        Act {
            by: self.by.clone(),
            kind: ActKind::StateEdit,
            bot: Some(self.bot.clone()),
            subject,
            rows: edited.set + edited.removed,
            note: None,
        }
    }
}

impl Change for EndDialogue {
    /// Whether there was one.
    type Answer = bool;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<bool, Stop> {
        if !round.book.knows(&self.bot) {
            return Err(Stop::Refused(format!("there is no bot `{}`", self.bot)));
        }
        // As a turn ends it: a turn that has read it finds at its commit that it is not what it read, and steps again.
        let ended = sqlx::query(
            "UPDATE dialogues SET version = version + 1, value = NULL, until = $4
             WHERE bot = $1 AND room = $2 AND person = $3 AND value IS NOT NULL AND until > $4",
        )
        .bind(self.bot.as_str())
        .bind(self.room.as_str())
        .bind(self.person.as_str())
        .bind(round.now.0)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if ended == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM timers WHERE bot = $1 AND name = $2")
            .bind(self.bot.as_str())
            .bind(dialogue_timer(&self.room, &self.person))
            .execute(&mut *tx)
            .await?;
        let act = Act {
            by: self.by.clone(),
            kind: ActKind::DialogueEnd,
            bot: Some(self.bot.clone()),
            subject: crate::base::dialogue_mark(&self.room, &self.person),
            rows: ended,
            note: None,
        };
        audit::write(tx, round, &act).await?;
        Ok(true)
    }
}
