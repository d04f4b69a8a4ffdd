//! Which files of tests there are, and which bot each is about.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use crate::definition::{
    Diagnostic,
    cases::{Act, Body, CaseFile},
    codes, files,
};

/// How a file of tests ends.
const ENDING: &str = ".test.toml";
/// As deep as the loader looks into a bot's folder.
const DEPTH: usize = 3;
/// Largest file that a test posts.
const MAX_BODY: u64 = 1024 * 1024;

/// A file of tests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// The `bots.d` it is below.
    pub(super) dir: PathBuf,
    /// The bot it is about.
    pub(super) bot: String,
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its name below `dir`, with `/`.
    pub(super) shown: String,
}

/// Files of tests in folders of definitions, in a bot's folder, or named themselves, in order.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    for path in paths {
        let told = |error: io::Error| format!("`{}` cannot be read: {error}", path.display());
        if fs::metadata(path).map_err(told)?.is_dir() {
            if path.join("bot.toml").is_file() {
                let dir = above(path);
                below(&dir, path, 0, &mut found).map_err(told)?;
            } else {
                for entry in fs::read_dir(path).map_err(told)? {
                    let entry = entry.map_err(told)?.path();
                    if entry.is_dir() {
                        if entry.join("bot.toml").is_file() {
                            below(path, &entry, 1, &mut found).map_err(told)?;
                        }
                    } else {
                        found.extend(one(path, &entry));
                    }
                }
            }
        } else {
            found.extend(about(path)?);
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// A file given by name: of tests, or a definition with tests beside it.
fn about(path: &Path) -> Result<Vec<Found>, String> {
    let folder = above(path);
    let in_a_bots_folder = folder.join("bot.toml").is_file();
    let dir = if in_a_bots_folder { above(&folder) } else { folder.clone() };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if name.ends_with(ENDING) {
        return Ok(one(&dir, path).into_iter().collect());
    }
    let mut found = Vec::new();
    if in_a_bots_folder {
        below(&dir, &folder, 1, &mut found)
            .map_err(|error| format!("`{}` cannot be read: {error}", folder.display()))?;
    } else if let Some(bot) = name.strip_suffix(".toml") {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            found.extend(one(&dir, &entry.path()).filter(|found| found.bot == bot));
        }
    }
    Ok(found)
}

fn below(dir: &Path, folder: &Path, depth: usize, found: &mut Vec<Found>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if depth < DEPTH {
                below(dir, &path, depth + 1, found)?;
            }
        } else {
            found.extend(one(dir, &path));
        }
    }
    Ok(())
}

/// The folder that something is in, also when it was named without one.
fn above(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        // `.` and `..` name their folder from within.
        _ if path.components().all(|part| !matches!(part, Component::Normal(_))) => path.join(".."),
        _ => PathBuf::from("."),
    }
}

fn one(dir: &Path, path: &Path) -> Option<Found> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(ENDING)?;
    if name.starts_with('.') || files::ignored(stem) {
        return None;
    }
    let inside = path.strip_prefix(dir).ok()?;
    let mut parts = inside.iter().map(|part| part.to_string_lossy().into_owned());
    let first = parts.next()?;
    // Beside a definition the bot is the first word: `echo.test.toml`, `echo.more.test.toml`.
    let bot = if inside.components().count() > 1 { first.clone() } else { stem.split('.').next()?.to_owned() };
    let shown = std::iter::once(first).chain(parts).collect::<Vec<_>>().join("/");
    Some(Found { dir: dir.to_owned(), bot, path: path.to_owned(), shown })
}

/// Reads the files that a test posts. They stand beside it.
pub(super) fn read_bodies(file: &mut CaseFile, path: &Path) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let folder = above(path);
    let place = file.clone();
    for step in file.cases.iter_mut().flat_map(|case| &mut case.steps) {
        let Act::Post(post) = &mut step.act else { continue };
        let Body::File(name) = &post.body else { continue };
        match body(&folder, &name.value) {
            Ok(value) => post.body = Body::Value(value),
            Err(why) => {
                let message = format!("`{}` cannot be posted: {why}", name.value);
                let hint = "a path beside the file of tests, such as `firing.json`";
                found.push(place.place().at(codes::BAD_VALUE, name.span, message).hint(hint));
            }
        }
    }
    found
}

fn body(folder: &Path, name: &str) -> Result<serde_json::Value, String> {
    let relative = Path::new(name);
    if relative.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err("it leads out of the folder".to_owned());
    }
    let path = folder.join(relative);
    let metadata = fs::metadata(&path).map_err(|error| error.to_string())?;
    if metadata.len() > MAX_BODY {
        return Err("it is larger than 1 MiB".to_owned());
    }
    let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    if relative.extension().is_some_and(|ending| ending == "json") {
        return serde_json::from_str(&text).map_err(|error| format!("it is no JSON: {error}"));
    }
    Ok(text.into())
}
