//! Sending a file, and saving one that was shown.

use std::{io::ErrorKind, path::Path};

use tokio::{fs, io::AsyncWriteExt};

use super::{
    conversation::{After, Sent, Talk, Trouble},
    file,
    place::{self, Place},
};
use crate::cli::control::{MOST_FILE, Upload};

impl Talk {
    /// Sends a file, here, with some words.
    pub(super) async fn send_file(&mut self, path: &str, text: &str) -> Result<After, Trouble> {
        let path = Path::new(path);
        let bytes = read(path).await?;
        let mut fields = Vec::new();
        match &self.place {
            Place::Direct => {
                fields.push(("toPersonEmail", self.bot.email.clone()));
                fields.push(("text", text.to_owned()));
            }
            Place::Group { id, .. } => {
                fields.push(("roomId", id.clone()));
                fields.push(place::field(place::words(text, &self.members(id).await?)));
            }
        }
        fields.retain(|(_, value)| !value.is_empty());
        let name = path.file_name().map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned());
        let upload = Upload { name, kind: file::kind(path), bytes, fields };
        self.wait_until_it_hears().await?;
        let token = self.control.token(&self.me).await?;
        let seq = self.control.seq().await?;
        let held = self.hold().await?;
        let message = self.control.upload(&upload, &token).await;
        let unheard_until = self.let_go(held).await?;
        let message = message?;
        if self.asks {
            let size = file::size(u64::try_from(upload.bytes.len()).unwrap_or(u64::MAX));
            self.screen.show(&format!("* sent `{}`, {size}", upload.name));
        }
        Ok(After::Sent(Sent { room: message.room_id, seq, message: Some(message.id), unheard_until }))
    }

    /// Saves a file under a path, in a folder, or here under its own name. It never overwrites.
    pub(super) async fn save_file(&self, number: usize, path: Option<&str>) -> Result<(), Trouble> {
        let facts = self.shelf.file(number)?.clone();
        let own = file::safe_name(&facts, number);
        let path = match path.map(Path::new) {
            None => Path::new(&own).to_owned(),
            Some(folder) if fs::metadata(folder).await.is_ok_and(|found| found.is_dir()) => folder.join(&own),
            Some(path) => path.to_owned(),
        };
        let token = self.control.token(&self.me).await?;
        let bytes = self.control.file(&facts.url, &token).await.map_err(|error| format!("file {number}: {error}"))?;
        let shown = path.display();
        let saved = async {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&path).await?;
            file.write_all(&bytes).await?;
            file.flush().await
        };
        saved.await.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => format!("`{shown}` is there already: `/save {number} PATH` takes another name"),
            _ => format!("`{shown}` cannot be written: {error}"),
        })?;
        let size = file::size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.screen.show(&format!("* saved `{shown}`, {size}"));
        Ok(())
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| format!("`{shown}` cannot be read: {error}");
    let found = fs::metadata(path).await.map_err(unreadable)?;
    if !found.is_file() {
        return Err(format!("`{shown}` is no file"));
    }
    if found.len() > MOST_FILE as u64 {
        return Err(format!("`{shown}` is larger than the {} MB that Webex takes", MOST_FILE >> 20));
    }
    fs::read(path).await.map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_file_is_not_sent() {
        let dir = tempfile::tempdir().unwrap();
        let said = read(dir.path()).await.unwrap_err();
        assert!(said.ends_with("is no file"), "{said}");
        let said = read(&dir.path().join("none")).await.unwrap_err();
        assert!(said.contains("cannot be read"), "{said}");
        let large = dir.path().join("large");
        std::fs::File::create(&large).unwrap().set_len(MOST_FILE as u64 + 1).unwrap();
        let said = read(&large).await.unwrap_err();
        assert!(said.contains("larger than the 100 MB"), "{said}");
    }
}
