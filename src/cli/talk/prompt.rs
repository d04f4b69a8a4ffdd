//! The prompt: an editor for one line on a thread of its own, because waiting for a key blocks.

use std::{io::IsTerminal, sync::mpsc};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::{Behavior, Config, Editor, error::ReadlineError, history::MemHistory};
use tokio::sync::mpsc as queue;

use super::screen::Screen;
use crate::cli::failure::Failure;

/// Lines that are remembered, in memory only: what people say to bots is written to no file.
const HISTORY: usize = 500;

/// Whether there is somebody to prompt.
pub(in crate::cli) fn possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether the terminal wants bold and colours.
pub(in crate::cli) fn styled() -> bool {
    std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// What came from the prompt.
#[derive(Debug)]
enum Typed {
    Line(String),
    /// Ctrl-C, Ctrl-D, or the terminal is gone.
    End,
}

/// A prompt. Dropping it leaves the terminal as it was found.
#[derive(Debug)]
pub(in crate::cli) struct Prompt {
    screen: Screen,
    typed: queue::Receiver<Typed>,
    /// The next prompt to show; the editor waits for it, so that an answer can come before the next line.
    next: mpsc::Sender<String>,
    before: Option<Termios>,
    ended: bool,
}

impl Prompt {
    /// Starts an editor; it shows nothing before [`Prompt::ask`].
    pub(in crate::cli) fn start(screen: Screen) -> Result<Self, Failure> {
        let (to_us, typed) = queue::channel(1);
        let (next, prompts) = mpsc::channel::<String>();
        let on = screen.clone();
        // A signal may end the process while the editor has the terminal in its own mode.
        let before = tcgetattr(std::io::stdin()).ok();
        std::thread::Builder::new()
            .name("prompt".to_owned())
            .spawn(move || edit(&on, &prompts, &to_us))
            .map_err(Failure::fault)?;
        Ok(Self { screen, typed, next, before, ended: false })
    }

    /// Shows the prompt and lets the person type.
    pub(in crate::cli) fn ask(&self, prompt: String) {
        // An editor that is gone has said so, or is about to.
        let _ = self.next.send(prompt);
    }

    /// The next line; `None` when the person wants to end. Nothing is lost when it is not awaited to the end.
    pub(in crate::cli) async fn line(&mut self) -> Option<String> {
        match self.typed.recv().await {
            Some(Typed::Line(line)) => Some(line),
            Some(Typed::End) | None => {
                self.ended = true;
                None
            }
        }
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        self.screen.detach();
        if let Some(before) = &self.before {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
        if !self.ended {
            // The cursor stands behind the prompt.
            self.screen.show("");
        }
    }
}

fn edit(screen: &Screen, prompts: &mpsc::Receiver<String>, typed: &queue::Sender<Typed>) {
    // The terminal itself, so that the prompt is seen even when stdout goes elsewhere.
    let config = Config::builder().behavior(Behavior::PreferTerm).bracketed_paste(false).auto_add_history(true);
    let editor = config.max_history_size(HISTORY).map(rustyline::config::Builder::build).and_then(|config| {
        let history = MemHistory::with_config(&config);
        Editor::<(), MemHistory>::with_history(config, history)
    });
    let mut editor = match editor {
        Ok(editor) => editor,
        Err(error) => return screen.show(&format!("there can be no prompt: {error}")),
    };
    // A terminal that cannot be drawn on still takes lines; texts then go to stderr.
    if let Ok(printer) = editor.create_external_printer()
        && let Err(error) = screen.attach(printer)
    {
        screen.show(&format!("replies may disturb the prompt: {error}"));
    }
    while let Ok(prompt) = prompts.recv() {
        let line = match editor.readline(&prompt) {
            Ok(line) => Typed::Line(line),
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => Typed::End,
            Err(error) => {
                screen.show(&format!("the prompt ended: {error}"));
                Typed::End
            }
        };
        let over = matches!(line, Typed::End);
        if typed.blocking_send(line).is_err() || over {
            return;
        }
    }
}
