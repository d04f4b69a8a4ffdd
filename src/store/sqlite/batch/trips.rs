//! The trips of a batch to the engine's thread.
//!
//! The engine has a thread of its own, and whoever asks it waits: two switches of threads for each question, which cost
//! as much as a small statement does, and a batch of twenty requests is a dozen statements. So what does not need the
//! answer of another goes along with it, as one text: first all that has to be known, then all that is written, then
//! who may go, then that they went. A part that has nothing to do is given an empty list, so that each trip has one
//! text, prepared once.

use std::sync::LazyLock;

use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Executor, Row, SqlSafeStr, SqlStr, Sqlite, SqliteConnection,
    sqlite::{SqliteArguments, SqliteQueryResult},
};

use super::{
    Round,
    accept::{self, Incoming},
    claim, deliver,
    memory::{COUNT_KEYS, LOAD_STATE, LOAD_TALKS, SAVE_STATE, SAVE_TALKS},
    pack,
    promise::PROMISE,
    turn::{self, Decided, Ends},
};
use crate::store::{
    Claimed, Marked, SUSPECT,
    sqlite::{
        engine::{self, Trouble},
        request::{ClaimJob, MarkJob},
    },
};

/// A text and the values for its parameters so far.
pub(super) type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

static LOOK: LazyLock<SqlStr> = LazyLock::new(|| {
    let looks = one_row(&[turn::HELD, LOAD_STATE, COUNT_KEYS, LOAD_TALKS, deliver::MARKED]);
    text(format!("{}; {looks}", engine::BEGIN))
});

static WRITE: LazyLock<SqlStr> =
    LazyLock::new(|| all(&[accept::SEEN, &accept::store_if_all_new(), turn::FINISH, PROMISE, deliver::RECORD]));

static REMEMBER: LazyLock<SqlStr> = LazyLock::new(|| all(&[SAVE_STATE, SAVE_TALKS]));

static MAY_GO: LazyLock<SqlStr> = LazyLock::new(|| text(one_row(&[claim::CLAIMABLE, deliver::MARKABLE])));

static GO: LazyLock<SqlStr> = LazyLock::new(|| all(&[claim::CLAIM, deliver::MARK]));

/// One statement after the other.
fn all(statements: &[&str]) -> SqlStr {
    text(pack::parts(statements).join(";"))
}

/// One row of what several statements gather, a column each.
fn one_row(looks: &[&str]) -> String {
    format!("SELECT ({})", pack::parts(looks).join("), ("))
}

/// Of our own statements alone.
fn text(parts: String) -> SqlStr {
    AssertSqlSafe(parts).into_sql_str()
}

/// What a batch has to know before it writes, each a list as `pack::list` reads it.
#[derive(Debug)]
pub(super) struct Found {
    /// Whose claims hold.
    pub(super) held: String,
    /// What the turns rely on.
    pub(super) memory: Remembered,
    /// Whose marks hold.
    pub(super) marked: String,
}

/// What stands in the memory of bots.
#[derive(Debug)]
pub(super) struct Remembered {
    pub(super) state: String,
    pub(super) keys: String,
    pub(super) talks: String,
}

impl Default for Found {
    /// Nothing was asked.
    fn default() -> Self {
        let nothing = || "[]".to_owned();
        let memory = Remembered { state: nothing(), keys: nothing(), talks: nothing() };
        Self { held: nothing(), memory, marked: nothing() }
    }
}

/// Begins the transaction, and looks.
pub(super) async fn look(
    conn: &mut SqliteConnection,
    ends: &Ends<'_>,
    results: &deliver::Results<'_>,
) -> Result<Found, Trouble> {
    if ends.is_empty() && results.is_empty() {
        engine::begin(conn).await?;
        return Ok(Found::default());
    }
    let query = results.bind(ends.bind(sqlx::query(LOOK.clone()))?)?;
    let row = conn.fetch_one(query).await?;
    let memory = Remembered { state: row.try_get(1)?, keys: row.try_get(2)?, talks: row.try_get(3)? };
    Ok(Found { held: row.try_get(0)?, memory, marked: row.try_get(4)? })
}

/// What the statements of the second trip did, as far as it matters.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// How many keys were noted as seen.
    pub(super) seen: usize,
    /// The number of the last event that was stored.
    pub(super) stored: i64,
    /// The number of the last delivery that was promised.
    pub(super) promised: i64,
}

/// Writes.
pub(super) async fn write(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    incoming: &Incoming<'_>,
    ends: &Decided<'_>,
    results: &deliver::Counted<'_>,
) -> Result<Written, Trouble> {
    let (ended, promised) = ends.len();
    if incoming.len() == 0 && ended == 0 && results.len() == 0 {
        return Ok(Written::default());
    }
    let query = incoming.bind(sqlx::query(WRITE.clone()), round)?;
    let query = results.bind(ends.bind(query, round)?, round)?;
    let done = carry_out(tx, query).await?;
    let seen = done.first().map_or(0, rows);
    let stored = if seen == incoming.len() { seen } else { 0 };
    have_done(&done, &[seen, stored, ended, promised, results.len()])?;
    let written = Written { seen, stored: done[1].last_insert_rowid(), promised: done[3].last_insert_rowid() };
    if ends.memory.has_changed() {
        carry_out(tx, ends.memory.bind_save(sqlx::query(REMEMBER.clone()))?).await?;
    }
    Ok(written)
}

/// Claims and marks what may be: asks, and does it.
pub(super) async fn go(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    claims: &[ClaimJob],
    marks: &[MarkJob],
) -> Result<(Vec<Vec<Claimed>>, Vec<Vec<Marked>>), Trouble> {
    let (wanted_claims, wanted_marks) = (claim::claims(claims)?, claim::wanted(marks)?);
    if wanted_claims.is_empty() && wanted_marks.is_empty() {
        return Ok((claim::told(claims, Vec::new()), deliver::marked(marks, Vec::new())));
    }
    let query = sqlx::query(MAY_GO.clone()).bind(pack::json(&wanted_claims)?).bind(SUSPECT);
    let row = tx.fetch_one(query.bind(pack::json(&wanted_marks)?)).await?;
    let (claimable, markable): (Vec<claim::Free>, _) = (pack::list(row.try_get(0)?)?, pack::list(row.try_get(1)?)?);

    let ((held, suspects), leaving) = (claim::claimed(&claimable), deliver::leaving(&markable));
    let claim = |query: Query<'static>, seqs: &[i64], hold: i64| -> Result<_, Trouble> {
        Ok(query.bind(pack::json(seqs)?).bind(round.now.0).bind(hold))
    };
    if !held.is_empty() || !leaving.is_empty() {
        let query = claim(sqlx::query(GO.clone()), &held, 1)?;
        let done = carry_out(tx, query.bind(pack::json(&leaving)?).bind(round.now.0)).await?;
        have_done(&done, &[held.len(), leaving.len()])?;
    }
    if !suspects.is_empty() {
        let done = carry_out(tx, claim(sqlx::query(claim::CLAIM), &suspects, 0)?).await?;
        have_done(&done, &[suspects.len()])?;
    }
    Ok((claim::told(claims, claimable), deliver::marked(marks, markable)))
}

async fn carry_out(tx: &mut SqliteConnection, query: Query<'_>) -> Result<Vec<SqliteQueryResult>, Trouble> {
    Ok(tx.execute_many(query).try_collect().await?)
}

fn rows(done: &SqliteQueryResult) -> usize {
    usize::try_from(done.rows_affected()).unwrap_or(usize::MAX)
}

/// Each statement must have done all that it was given, or the rest of the transaction rests on what is not there.
fn have_done(done: &[SqliteQueryResult], wanted: &[usize]) -> Result<(), Trouble> {
    let done: Vec<usize> = done.iter().map(rows).collect();
    if done == wanted {
        Ok(())
    } else {
        Err(Trouble::Other(format!("the statements of a batch wrote {done:?} rows and should have written {wanted:?}")))
    }
}
