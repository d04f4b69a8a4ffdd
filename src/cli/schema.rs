//! `botyard schema`: writes the JSON schema of a definition where the definitions' first lines say that it is, so
//! that an editor completes and checks what this very program understands.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Component, Path, PathBuf},
};

use super::{
    args::{SchemaArgs, SettingsArgs},
    exit::Exit,
    failure::{Failure, Outcome},
    settings,
};
use crate::definition::{self, shape};

/// What the first line of a definition begins with, when it names its schema.
const POINTER: &str = "#:schema ";

/// Runs the command.
pub(super) fn schema(from: &SettingsArgs, args: &SchemaArgs) -> Outcome {
    if args.print {
        std::io::stdout().lock().write_all(shape::schema().as_bytes()).map_err(Failure::fault)?;
        return Ok(Exit::Fine);
    }
    let dirs = if args.dirs.is_empty() { settings::load(from)?.bots_dir } else { args.dirs.clone() };
    let places = places(&dirs);
    if places.is_empty() {
        return Err(Failure::problem(
            "no definition says where its schema is: begin one with `#:schema ../schema/bot.schema.json`, \
             or print it with `botyard schema --print`",
        ));
    }
    let mut out = std::io::stdout().lock();
    for place in places {
        let what = write(&place)?;
        writeln!(out, "{what} {}", place.display()).map_err(Failure::fault)?;
    }
    Ok(Exit::Fine)
}

/// Every file that a definition names, once.
fn places(dirs: &[PathBuf]) -> BTreeSet<PathBuf> {
    let look = definition::scan(dirs);
    let files = look.units.values().map(|unit| unit.dir.join(&*unit.main));
    files.filter_map(|file| pointed(&file, &fs::read_to_string(&file).ok()?)).collect()
}

/// Where a definition's first line points, if it points to a file.
fn pointed(file: &Path, text: &str) -> Option<PathBuf> {
    let target = text.lines().next()?.strip_prefix(POINTER)?.trim();
    if target.is_empty() || target.contains("://") {
        return None;
    }
    let joined = file.parent()?.join(target);
    // Without `..` in the middle, so that two ways to one file are one.
    let mut plain = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    Some(plain)
}

/// Writes one; a file that is no schema of ours is left alone.
fn write(place: &Path) -> Result<&'static str, Failure> {
    let wanted = shape::schema();
    let failed = |error: std::io::Error| Failure::problem(format!("`{}` cannot be written: {error}", place.display()));
    match fs::read_to_string(place) {
        Ok(there) if there == wanted => return Ok("is current:"),
        Ok(there) if !there.contains(shape::TITLE) => {
            return Err(Failure::problem(format!(
                "`{}` is there and is no schema of Botyard's: move it away, or let `#:schema` point elsewhere",
                place.display()
            )));
        }
        _ => {}
    }
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(place, wanted).map_err(failed)?;
    Ok("written:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_points_to_a_file_beside_it() {
        let at = |text: &str| pointed(Path::new("a/bots.d/x/bot.toml"), text);
        assert_eq!(at("#:schema ../../schema/bot.json\n"), Some(PathBuf::from("a/schema/bot.json")));
        assert_eq!(at("#:schema ./bot.json"), Some(PathBuf::from("a/bots.d/x/bot.json")));
        for none in ["", "# x\n#:schema a.json", "#:schema https://example.com/x.json", "#:schema "] {
            assert_eq!(at(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_no_schema_of_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("new/bot.json");
        assert_eq!(write(&place).unwrap(), "written:");
        assert_eq!(write(&place).unwrap(), "is current:");
        fs::write(&place, format!("{{\"title\": \"{}\"}}", shape::TITLE)).unwrap();
        assert_eq!(write(&place).unwrap(), "written:", "an older one is replaced");
        fs::write(&place, "my notes").unwrap();
        assert!(write(&place).is_err());
        assert_eq!(fs::read_to_string(&place).unwrap(), "my notes");
    }
}
