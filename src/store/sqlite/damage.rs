//! Is the database whole? Asked at each start, as far as that may cost; and what is remembered when it turns out, in
//! the middle of work, that it is not.
//!
//! A check reads every page, and a service that starts is one that does not answer: so its size bounds it. What it
//! would have found in a larger file is found when that page is read; then the process ends, and leaves a note that
//! makes the next start look as closely as can be, however long that takes.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use sqlx::SqliteConnection;

use super::{
    engine::{self, Look, Trouble},
    log_scan,
};

/// Up to this size in bytes every start looks: 0.2 s, as much as opening costs otherwise.
const ALWAYS: u64 = 64 << 20;

/// Up to this size a start looks that follows an unclean stop: 1 to 2 s. Nothing of ours damages a file by being
/// killed, but a power cut may, with a disk that says "synced" and is not.
const AFTER_UNCLEAN: u64 = 512 << 20;

/// The note, in the data dir.
const NOTE: &str = "damaged";

/// Leaves the note that the database is damaged. When it cannot be left, the damage is found again where it was.
pub(super) fn remember(data_dir: &Path, why: &str) {
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(data_dir.join(NOTE));
    if let Err(error) = file.and_then(|mut file| writeln!(file, "{why}")) {
        tracing::warn!(%error, "that the database is damaged could not be noted");
    }
}

/// What to say when damage is found in the middle of work.
pub(super) fn sentence(why: &str) -> String {
    format!("the database is damaged ({why}): the next start looks closer, and says what to do")
}

/// Whether what the last process left says that it was not closed.
pub(super) fn stopped_unclean(log: &Path) -> bool {
    fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

/// What is missing from the log. To be asked before the engine is: it forgets what does not fit.
pub(super) fn of_log(log: &Path) -> Option<String> {
    match log_scan::missing(log) {
        Ok(missing) => missing.map(|what| format!("of its log, `{}`, {what}", log.display())),
        Err(error) => Some(format!("its log, `{}`, cannot be read: {error}", log.display())),
    }
}

/// What is wrong with the database, as far as this start looks.
pub(super) async fn of_database(
    conn: &mut SqliteConnection,
    path: &Path,
    unclean: bool,
) -> Result<Option<String>, Trouble> {
    let size = fs::metadata(path).map_or(0, |file| file.len());
    let note = path.with_file_name(NOTE);
    let noted = fs::read_to_string(&note).ok();
    let look = match noted {
        Some(_) => Look::Close,
        None if size <= ALWAYS || unclean && size <= AFTER_UNCLEAN => Look::Quick,
        None => return Ok(None),
    };
    if let Some(noted) = &noted {
        tracing::warn!(
            noted = noted.trim(),
            "the database was found damaged: it is looked at closely, which takes time"
        );
    }
    let found = engine::damage(conn, look).await?;
    if let (None, Some(_)) = (&found, noted) {
        tracing::warn!("the database is whole; what was found may have been memory, a cable, or another file");
        if let Err(error) = fs::remove_file(&note) {
            tracing::warn!(%error, note = %note.display(), "the note that it was damaged could not be removed");
        }
    }
    Ok(found)
}
