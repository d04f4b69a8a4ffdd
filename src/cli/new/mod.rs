//! `botyard new`: a definition to start from, with its tests, that can be checked, tested and talked to at once.

mod starters;

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use self::starters::Starter;
use super::{
    args::{NewArgs, SettingsArgs},
    exit::Exit,
    failure::{Failure, Outcome},
    settings,
};
use crate::base::BotId;

/// Runs the command.
pub(super) fn new(from: &SettingsArgs, args: &NewArgs) -> Outcome {
    let Some(name) = &args.name else {
        tell(&starters::list()).map_err(Failure::fault)?;
        return Ok(Exit::Fine);
    };
    let bot = BotId::parse(name).map_err(Failure::problem)?;
    let starter = starters::find(&args.starter).map_err(Failure::problem)?;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => settings::load(from)?.bots_dir.into_iter().next().unwrap_or_else(|| PathBuf::from("bots.d")),
    };
    let written = write(&dir, &bot, starter)?;
    tell(&next(&dir, &bot, starter, &written)).map_err(Failure::fault)?;
    Ok(Exit::Fine)
}

/// Writes the files of a starter; none of them when one of them is there.
fn write(dir: &Path, bot: &BotId, starter: &Starter) -> Result<Vec<PathBuf>, Failure> {
    // A file and a folder of one name would both be refused by the loader.
    let taken = [dir.join(format!("{bot}.toml")), dir.join(bot.as_str())];
    let files: Vec<(PathBuf, String)> =
        starter.files(bot).into_iter().map(|(path, text)| (dir.join(path), text)).collect();
    if let Some(path) = taken.iter().chain(files.iter().map(|(path, _)| path)).find(|path| path.exists()) {
        return Err(Failure::problem(format!("`{}` is there already; choose another name", path.display())));
    }
    for (path, text) in &files {
        let done = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            // Whoever wrote it since the look above keeps what is theirs.
            OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
        });
        done.map_err(|error| Failure::problem(format!("cannot write `{}`: {error}", path.display())))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// What was done, and what to do now.
fn next(dir: &Path, bot: &BotId, starter: &Starter, written: &[PathBuf]) -> String {
    let files: Vec<String> = written.iter().map(|path| format!("  {}\n", path.display())).collect();
    let dir = dir.display();
    format!(
        "{bot}: {}\n\n{}\nnow try\n  botyard test {}  what stands beside it is played\n  botyard dev --bots-dir {dir}  talk to it, then say: {}\n{}",
        starter.about,
        files.concat(),
        written.first().map(|path| path.display().to_string()).unwrap_or_default(),
        starter.try_it,
        starter.note.map(|note| format!("\n{}\n", note.replace("BOTNAME", bot.as_str()))).unwrap_or_default(),
    )
}

fn tell(text: &str) -> std::io::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes())
}

#[cfg(test)]
mod tests;
