//! The state in a file: loaded at start, saved a moment after changes and at the end.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{options::SimError, shared::Shared, world::World};

/// How long changes are gathered before they are written.
const DEBOUNCE: Duration = Duration::from_secs(1);

/// A file that holds a world.
pub(crate) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// At this path; it need not be there yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Fills an empty world. `false` when there is no file yet.
    pub(crate) fn load(&self, world: &mut World) -> Result<bool, SimError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A folder that is not there or not ours is better known now than at the first save.
                self.write(b"").and_then(|()| fs::remove_file(&self.path)).map_err(|error| self.error(error))?;
                return Ok(false);
            }
            Err(error) => return Err(self.error(error)),
        };
        let refused = |reason: String| SimError::State { path: self.path.clone(), reason };
        let saved = serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
        world.load(saved).map_err(refused)?;
        Ok(true)
    }

    /// Saves after changes, until `finish`, and then once more.
    pub(crate) async fn keep(self, shared: Arc<Shared>, finish: CancellationToken) {
        let file = Arc::new(self);
        let mut changes = shared.subscribe();
        let mut saved = shared.act(|world| world.revision());
        loop {
            tokio::select! {
                () = finish.cancelled() => {}
                // The sender lives in `shared`, so this never ends.
                _ = changes.changed() => tokio::select! {
                    () = finish.cancelled() => {}
                    () = tokio::time::sleep(DEBOUNCE) => {}
                },
            }
            let ending = finish.is_cancelled();
            changes.mark_unchanged();
            saved = Self::save(&file, &shared, saved).await;
            if ending {
                return;
            }
        }
    }

    /// Writes the world, if it is another than the one saved last.
    async fn save(file: &Arc<Self>, shared: &Shared, saved: u64) -> u64 {
        let (revision, state) = shared.act(|world| {
            let revision = world.revision();
            (revision, (revision != saved).then(|| world.save()))
        });
        let Some(state) = state else { return saved };
        let writer = Arc::clone(file);
        let written = tokio::task::spawn_blocking(move || {
            let bytes = serde_json::to_vec(&state).map_err(io::Error::other)?;
            writer.write(&bytes)
        });
        match written.await.map_err(io::Error::other).and_then(|written| written) {
            Ok(()) => revision,
            Err(error) => {
                tracing::error!(%error, path = %file.path.display(), "the simulator's state could not be saved");
                saved
            }
        }
    }

    /// Beside the old file first, then in its place: a reader finds the one or the other, whole.
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            // It holds tokens and webhook secrets.
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut file = options.open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }

    fn error(&self, source: io::Error) -> SimError {
        SimError::StateFile { path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::options::Retention;

    #[test]
    fn a_file_that_holds_something_else_is_named_with_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        fs::write(&path, "{\"version\": 1,\n oops").unwrap();
        let mut world = World::empty(Retention::default(), 0);
        let error = StateFile::new(path).load(&mut world).unwrap_err().to_string();
        assert!(error.contains("state.json") && error.contains("line 2"), "{error}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_known_at_start() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::new(dir.path().join("none").join("state.json"));
        assert!(file.load(&mut World::empty(Retention::default(), 0)).is_err());
        let file = StateFile::new(dir.path().join("state.json"));
        assert!(!file.load(&mut World::empty(Retention::default(), 0)).unwrap());
        assert!(!dir.path().join("state.json").exists());
    }

    #[test]
    fn what_is_written_can_be_loaded_and_read_by_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::new(dir.path().join("state.json"));
        file.write(&serde_json::to_vec(&World::seeded().save()).unwrap()).unwrap();
        let mut world = World::empty(Retention::default(), 0);
        assert!(file.load(&mut world).unwrap());
        assert!(world.authenticate("sim-alice").is_some());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file.path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
