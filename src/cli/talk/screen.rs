//! The terminal below everything that is shown while somebody types: whole texts, above the prompt.
//!
//! Replies, log lines and reload reports come from many threads at any time. While a prompt stands, only its editor
//! knows where the cursor is, so it has to draw them; without one they go to stderr as they are. Whoever shows
//! something never waits: the editor's own queue holds one text, and a thread of its own waits for it.

use std::{
    io::{self, Write as _},
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use rustyline::ExternalPrinter;

/// Texts that may wait for being drawn. What comes faster than a terminal draws is not read by anybody.
const QUEUE: usize = 1_024;

/// Where texts are shown. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Screen {
    prompt: Arc<Mutex<Option<mpsc::SyncSender<String>>>>,
}

impl Screen {
    /// Shows a text on lines of its own.
    pub(in crate::cli) fn show(&self, text: &str) {
        let mut text = text.trim_end().to_owned();
        text.push('\n');
        let mut prompt = self.prompt.lock().unwrap_or_else(PoisonError::into_inner);
        match prompt.as_ref().map(|queue| queue.try_send(text.clone())) {
            Some(Ok(()) | Err(mpsc::TrySendError::Full(_))) => {}
            gone => {
                if gone.is_some() {
                    *prompt = None;
                }
                // With stderr gone there is nobody left to show it to.
                let _ = io::stderr().write_all(text.as_bytes());
            }
        }
    }

    /// From now on the prompt's editor draws.
    pub(super) fn attach(&self, mut printer: impl ExternalPrinter + Send + 'static) -> io::Result<()> {
        let (queue, texts) = mpsc::sync_channel::<String>(QUEUE);
        std::thread::Builder::new().name("screen".to_owned()).spawn(move || {
            while let Ok(text) = texts.recv() {
                if printer.print(text).is_err() {
                    return;
                }
            }
        })?;
        *self.prompt.lock().unwrap_or_else(PoisonError::into_inner) = Some(queue);
        Ok(())
    }

    /// The prompt is gone: from now on stderr.
    pub(super) fn detach(&self) {
        *self.prompt.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A log line is written in one piece.
impl io::Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.show(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands on what it is asked to draw.
    struct Page(mpsc::Sender<String>);

    impl ExternalPrinter for Page {
        fn print(&mut self, text: String) -> rustyline::Result<()> {
            self.0.send(text).map_err(|gone| io::Error::other(gone).into())
        }
    }

    #[test]
    fn while_a_prompt_stands_its_editor_draws_whole_lines() {
        let (page, drawn) = mpsc::channel();
        let screen = Screen::default();
        screen.attach(Page(page)).unwrap();
        screen.show("one\ntwo");
        screen.clone().write_all(b"WARN three\n").unwrap();
        assert_eq!([drawn.recv().unwrap(), drawn.recv().unwrap()], ["one\ntwo\n", "WARN three\n"]);
        screen.detach();
        // The thread that draws ends with its queue.
        assert!(drawn.recv().is_err());
    }
}
