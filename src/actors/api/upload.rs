//! A file of a bot's folder, read to be sent. It is whole in memory for as long as that takes, so files have a limit
//! and only few are sent at once.

use std::path::{Path, PathBuf};

use crate::{definition::companion, webex::Upload};

/// Files on their way at once, over all bots.
pub(super) const AT_ONCE: usize = 2;

/// Reads a file by its path below one of the folders of definitions. The error is a sentence.
pub(super) async fn read(dirs: &[PathBuf], path: &str) -> Result<Upload, String> {
    let (dirs, relative) = (dirs.to_vec(), path.to_owned());
    let read = tokio::task::spawn_blocking(move || companion::read(&dirs, &relative)).await;
    let bytes = read.unwrap_or_else(|_| Err("reading it broke off".to_owned()));
    let bytes = bytes.map_err(|why| format!("the file `{path}` cannot be sent: {why}"))?;
    let name = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Upload { name, bytes })
}
