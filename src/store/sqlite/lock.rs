//! One process per data dir: a lock the kernel lets go of when its holder ends, however it ends.

use std::{
    fs::{File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::Duration,
};

/// The lock, held until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Why the lock is not ours.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another process has it, and did not let go in time.
    Held {
        /// Its process id and command, as it wrote them down.
        holder: String,
    },
    /// The lock file cannot be opened.
    Io(io::Error),
}

/// How often a held lock is tried again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Takes the lock of a data dir; waits at most `patience` for another process to end.
pub(super) async fn take(data_dir: &Path, patience: Duration) -> Result<Lock, LockError> {
    let path = data_dir.join("lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(LockError::Io)?;
    let end = tokio::time::Instant::now() + patience;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
            Err(TryLockError::WouldBlock) => {}
        }
        if tokio::time::Instant::now() >= end {
            return Err(LockError::Held { holder: holder(&mut file) });
        }
        if !told {
            told = true;
            tracing::info!(
                data_dir = %data_dir.display(),
                holder = holder(&mut file),
                patience_seconds = patience.as_secs(),
                "another process has the data dir: waiting for it to end",
            );
        }
        tokio::time::sleep(LOOK_AGAIN.min(end - tokio::time::Instant::now())).await;
    }
    // Only for people; the lock itself is the kernel's.
    let own = format!("{}\n{}\n", std::process::id(), command(std::env::args()));
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(own.as_bytes()))
        .map_err(LockError::Io)?;
    Ok(Lock { _file: file })
}

/// `process 4711 (botyard serve)`, from what the holder wrote.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(4096).read_to_string(&mut text));
    let mut lines = text.lines();
    match (read, lines.next(), lines.next()) {
        (Ok(_), Some(pid), Some(command)) => format!("process {pid} ({command})"),
        _ => "a process that has not said who it is".to_owned(),
    }
}

/// Program and verb: enough to know it, and no argument that might be private.
fn command(mut args: impl Iterator<Item = String>) -> String {
    let program = args.next().unwrap_or_default();
    let program = Path::new(&program).file_name().map_or_else(|| program.clone(), |n| n.to_string_lossy().into_owned());
    match args.next() {
        Some(verb) if !verb.starts_with('-') => format!("{program} {verb}"),
        _ => program,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_held_lock_is_waited_for_and_then_refused_naming_the_holder() {
        let dir = tempfile::tempdir().unwrap();
        let held = take(dir.path(), Duration::ZERO).await.unwrap();
        let start = tokio::time::Instant::now();
        let Err(LockError::Held { holder }) = take(dir.path(), Duration::from_secs(30)).await else {
            panic!("two processes in one data dir");
        };
        assert_eq!(start.elapsed().as_secs(), 30);
        assert!(holder.starts_with(&format!("process {} (", std::process::id())), "{holder}");
        drop(held);
        take(dir.path(), Duration::ZERO).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_lock_that_is_let_go_while_waiting_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let held = take(dir.path(), Duration::ZERO).await.unwrap();
        let waiting = take(dir.path(), Duration::from_secs(30));
        let letting_go = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(held);
        };
        let (taken, ()) = tokio::join!(waiting, letting_go);
        taken.unwrap();
    }

    #[test]
    fn the_command_is_program_and_verb_and_nothing_more() {
        let of = |args: &[&str]| command(args.iter().map(|&a| a.to_owned()).collect::<Vec<_>>().into_iter());
        assert_eq!(of(&["/usr/bin/botyard", "serve", "--x", "secret"]), "botyard serve");
        assert_eq!(of(&["botyard", "--key", "secret"]), "botyard");
    }
}
