//! All definitions of all folders. Never a `Result`: one broken file hides no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read,
    path::PathBuf,
    sync::Arc,
};

use super::{
    codes, companion,
    diagnostic::{Diagnostic, quote},
    files::{Snapshot, Stat, Unit, scan},
    model::Definition,
    parse::parse,
    shared::Shared,
    source::{Companion, DefinitionSource},
    spread::spread,
    twins::{self, TokenPlace},
};
use crate::base::{BotId, id::BotIdError};

/// Largest definition file in bytes.
pub const MAX_FILE: u64 = 1024 * 1024;

/// What the folders hold.
#[derive(Debug, Clone)]
pub struct LoadedSet<T> {
    /// What was made of every usable definition.
    pub definitions: BTreeMap<BotId, T>,
    /// Bots whose files are there but not usable: they are refused, not gone.
    pub refused: BTreeSet<BotId>,
    /// Everything wrong with anything, by file and line.
    pub diagnostics: Vec<Diagnostic>,
    /// Folders that could not be read, and why: nothing may be concluded from what is missing.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Definitions found on the disk, usable or not.
    pub files: usize,
}

/// What was made of one definition, if it could be, and what there is to say about it. It stays as long as the
/// definition's file does, so it takes no more room than it needs.
#[derive(Debug, Clone)]
struct LoadedUnit<T> {
    made: Option<T>,
    diagnostics: Box<[Diagnostic]>,
    token: Option<Box<TokenPlace>>,
}

/// What was on the disk, and what it came to.
type Known<T> = (Arc<Unit>, LoadedUnit<T>);

/// Loads again and again, reading only what changed since the last time.
///
/// It keeps what its caller makes of each definition and not the definition itself: that is several times as
/// large as a program, and of no use once there is one.
#[derive(Debug)]
pub struct Loader<T> {
    known: BTreeMap<PathBuf, Known<T>>,
    /// What definitions share, by the `bots.d` it is in.
    shared: BTreeMap<PathBuf, (Arc<Unit>, Shared)>,
}

impl<T> Default for Loader<T> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), shared: BTreeMap::new() }
    }
}

impl<T: Clone + Send> Loader<T> {
    /// The set as it is in a look; reads those definitions that differ from the last call's, on all cores if they
    /// are many, and makes of each what `make` does. Nothing made is one more definition refused; `make` says why.
    pub fn load<M>(&mut self, look: &Snapshot, make: M) -> LoadedSet<T>
    where
        M: Fn(Definition) -> (Option<T>, Vec<Diagnostic>) + Sync,
    {
        self.known.retain(|path, _| look.units.contains_key(path));
        self.share(look);
        let nothing = Shared::default();
        let differs = |(path, unit): &(&PathBuf, &Arc<Unit>)| self.known.get(*path).is_none_or(|(k, _)| k != *unit);
        let changed: Vec<_> = look.units.iter().filter(differs).collect();
        let loaded = spread(&changed, |(_, unit)| {
            let shared = self.shared.get(&*unit.dir).map_or(&nothing, |(_, shared)| shared);
            load_unit(unit, shared, &make)
        });
        let known = changed.into_iter().zip(loaded);
        self.known.extend(known.map(|((path, unit), loaded)| (path.clone(), (Arc::clone(unit), loaded))));
        self.assemble(look)
    }

    /// Makes what is kept of these smaller: whoever they were given to has what is taken away.
    pub fn lighten(&mut self, given: &BTreeMap<BotId, T>, lighten: impl Fn(&mut T)) {
        let given = self.known.values_mut().filter(|(unit, _)| given.contains_key(unit.id()));
        given.filter_map(|(_, loaded)| loaded.made.as_mut()).for_each(lighten);
    }

    /// Reads what is shared and differs from the last time; those who may use it are read again too.
    fn share(&mut self, look: &Snapshot) {
        let differs = |dir: &PathBuf| self.shared.get(dir).map(|(unit, _)| unit) != look.shared.get(dir);
        let changed: Vec<PathBuf> =
            self.shared.keys().chain(look.shared.keys()).filter(|dir| differs(dir)).cloned().collect();
        for dir in changed {
            self.known.retain(|_, (unit, _)| *unit.dir != *dir);
            self.shared.remove(&dir);
            if let Some(unit) = look.shared.get(&dir) {
                self.shared.insert(dir, (Arc::clone(unit), Shared::read(unit)));
            }
        }
    }

    fn assemble(&self, look: &Snapshot) -> LoadedSet<T> {
        let mut set = LoadedSet {
            definitions: BTreeMap::new(),
            refused: BTreeSet::new(),
            diagnostics: Vec::new(),
            unreadable: look.unreadable.clone(),
            files: self.known.len(),
        };
        for (name, why) in &look.strays {
            let message = format!("{} is not read as a definition: {why}", quote(name));
            set.diagnostics.push(Diagnostic::about_file(codes::NOT_A_DEFINITION, name, message));
        }
        set.diagnostics.extend(self.shared.values().flat_map(|(_, shared)| shared.diagnostics.iter().cloned()));
        let mut by_id: BTreeMap<&str, Vec<&Known<T>>> = BTreeMap::new();
        for known in self.known.values() {
            by_id.entry(known.0.id()).or_default().push(known);
        }
        for (id, group) in by_id {
            for (unit, loaded) in &group {
                set.diagnostics.extend(loaded.diagnostics.iter().cloned());
                for (other, _) in group.iter().filter(|(other, _)| other.path() != unit.path()) {
                    set.diagnostics.push(duplicate(id, unit, other));
                }
            }
            let Ok(bot) = BotId::parse(id) else { continue };
            match group.as_slice() {
                [(_, LoadedUnit { made: Some(made), .. })] => {
                    set.definitions.insert(bot, made.clone());
                }
                _ => {
                    set.refused.insert(bot);
                }
            }
        }
        set.diagnostics.extend(twins::told(self.known.values().filter_map(|(_, loaded)| loaded.token.as_deref())));
        set.diagnostics.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        // What is wrong with a shared file is told once, not once for each that uses it.
        set.diagnostics.dedup();
        set
    }
}

/// Loads everything once.
#[must_use]
pub fn load(dirs: &[PathBuf]) -> LoadedSet<Arc<Definition>> {
    Loader::default().load(&scan(dirs), as_it_is)
}

fn as_it_is(definition: Definition) -> (Option<Arc<Definition>>, Vec<Diagnostic>) {
    (Some(Arc::new(definition)), Vec::new())
}

fn duplicate(id: &str, unit: &Unit, other: &Unit) -> Diagnostic {
    let message = format!("two definitions are called {}: this one and `{}`", quote(id), other.path().display());
    Diagnostic::about_file(codes::DUPLICATE_ID, &*unit.main, message).hint(format!(
        "rename or remove one of `{}` and `{}`",
        unit.path().display(),
        other.path().display()
    ))
}

fn load_unit<T>(
    unit: &Unit,
    shared: &Shared,
    make: impl Fn(Definition) -> (Option<T>, Vec<Diagnostic>),
) -> LoadedUnit<T> {
    let refuse = |found: Diagnostic| LoadedUnit { made: None, diagnostics: Box::new([found]), token: None };
    let bot = match BotId::parse(unit.id()) {
        Ok(bot) => bot,
        Err(error) => {
            let hint = match &error {
                BotIdError::Reserved(name) => format!("rename it, for example to `{name}-bot.toml`"),
                _ => format!("rename it, for example to `{}.toml`", suggestion(unit.id())),
            };
            let message = format!("{} is no bot id: {error}", quote(unit.id()));
            return refuse(Diagnostic::about_file(codes::BAD_ID, &*unit.main, message).hint(hint));
        }
    };
    match read(unit) {
        Ok(text) => {
            let used = shared.used_by(&text);
            let source = DefinitionSource::new(bot, &*unit.main, text).sharing(used).with_files(companions(unit));
            let (definition, mut diagnostics) = parse(&source);
            let token = definition.as_ref().and_then(TokenPlace::of);
            let (made, more) = definition.map(make).unwrap_or_default();
            diagnostics.extend(more);
            LoadedUnit { made, diagnostics: diagnostics.into(), token }
        }
        Err(found) => refuse(*found),
    }
}

/// What lies beside a `bot.toml`. What cannot be used is told when the definition names it, and by nobody else:
/// there may be anything in a folder.
fn companions(unit: &Unit) -> BTreeMap<String, Companion> {
    let folder = unit.path();
    let prefix = format!("{}/", unit.name);
    let mut left = companion::MOST_TEXTS;
    let beside = unit.files.iter().filter(|(name, _)| *name != unit.main);
    let named = beside.filter_map(|(name, stat)| Some((name.strip_prefix(&prefix)?, stat)));
    let read = |(name, stat): (&str, &Stat)| {
        let made = match companion::open(&folder, name) {
            Err(why) => Companion::Unusable(why),
            Ok(_) if !companion::is_text(name) => Companion::Bytes(stat.size),
            Ok((_, size)) if size > companion::MOST_TEXT => Companion::Bytes(size),
            Ok((_, size)) if size > left => Companion::Unusable("the texts of one bot have at most 2 MiB".into()),
            Ok((file, _)) => {
                let mut text = String::new();
                match file.take(companion::MOST_TEXT).read_to_string(&mut text) {
                    Ok(_) => Companion::Text(text),
                    Err(error) => Companion::Unusable(error.to_string()),
                }
            }
        };
        if let Companion::Text(text) = &made {
            left = left.saturating_sub(text.len() as u64);
        }
        (name.to_owned(), made)
    };
    named.map(read).collect()
}

fn read(unit: &Unit) -> Result<String, Box<Diagnostic>> {
    let about = |code, message: String| Box::new(Diagnostic::about_file(code, &*unit.main, message));
    let mut bytes = Vec::new();
    let path = unit.dir.join(&*unit.main);
    File::open(&path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| about(codes::UNREADABLE, format!("`{}` cannot be read: {error}", path.display())))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(about(codes::TOO_LARGE, format!("`{}` is larger than 1 MiB", path.display())));
    }
    // At the start, those of all bots are in memory at once until they are stored.
    bytes.shrink_to_fit();
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|b| **b == b'\n').count() + 1;
        let found = about(codes::NOT_UTF8, format!("line {line} holds a byte that is not UTF-8"));
        Box::new(Diagnostic { line, column: 1, ..found.hint("save the file as UTF-8") })
    })
}

/// The nearest possible id, for a hint.
fn suggestion(id: &str) -> String {
    let mapped: String = id
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .take(64)
        .collect();
    let trimmed = mapped.trim_matches('-');
    if BotId::parse(trimmed).is_ok() { trimmed.to_owned() } else { "my-bot".to_owned() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const GOOD: &str = "[fallback]\nreply = \"hi\"\n";

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn codes_of<T>(set: &LoadedSet<T>) -> Vec<(&str, &str)> {
        set.diagnostics.iter().map(|d| (d.file.as_str(), d.code)).collect()
    }

    #[test]
    fn one_broken_file_hides_no_other() {
        let large = "#".repeat(1024 * 1024 + 1);
        let root = folder(&[
            ("a.toml", GOOD.as_bytes()),
            ("b.toml", b"x ="),
            ("c.toml", b"\xff"),
            ("d.toml", large.as_bytes()),
            ("e/bot.toml", GOOD.as_bytes()),
            ("f.yaml", b""),
        ]);
        let set = load(&[root.path().to_owned()]);
        assert_eq!(set.definitions.keys().map(BotId::as_str).collect::<Vec<_>>(), ["a", "e"]);
        assert_eq!(set.refused.iter().map(BotId::as_str).collect::<Vec<_>>(), ["b", "c", "d"]);
        assert_eq!(
            codes_of(&set),
            [("b.toml", "syntax"), ("c.toml", "not-utf8"), ("d.toml", "too-large"), ("f.yaml", "not-a-definition")]
        );
        assert_eq!(set.files, 5);
    }

    #[test]
    fn two_that_name_one_token_are_both_told() {
        let bot = |token: &str| format!("token = \"{token}\"\n{GOOD}");
        let (one, other) = (bot("env:T"), bot("env:U"));
        let files = [("a.toml", one.as_bytes()), ("b.toml", other.as_bytes()), ("c.toml", one.as_bytes())];
        let set = load(&[folder(&files).path().to_owned()]);
        assert_eq!(codes_of(&set), [("a.toml", "same-token"), ("c.toml", "same-token")]);
        assert_eq!(
            (set.diagnostics[0].line, set.diagnostics[0].message.as_str()),
            (1, "`c.toml` names the same token")
        );
        assert_eq!(set.definitions.len(), 3, "a warning: the second is held when it starts");
    }

    #[test]
    fn two_of_one_name_are_both_refused_with_both_places() {
        let root = folder(&[("echo.toml", GOOD.as_bytes()), ("echo/bot.toml", GOOD.as_bytes())]);
        let more = folder(&[("other.toml", GOOD.as_bytes()), ("echo.toml", GOOD.as_bytes())]);
        let set = load(&[root.path().to_owned(), more.path().to_owned()]);
        assert_eq!(set.definitions.keys().map(BotId::as_str).collect::<Vec<_>>(), ["other"]);
        assert!(set.refused.contains("echo"));
        assert!(set.diagnostics.iter().all(|d| d.code == "duplicate-id"));
        let places = [root.path().join("echo.toml"), root.path().join("echo"), more.path().join("echo.toml")];
        for place in places {
            assert!(set.diagnostics.iter().any(|d| d.message.contains(&place.display().to_string())), "{place:?}");
        }
    }

    #[test]
    fn a_name_that_is_no_id_is_refused_with_one_that_is() {
        let root = folder(&[("My Bot.toml", GOOD.as_bytes()), ("all.toml", GOOD.as_bytes())]);
        let set = load(&[root.path().to_owned()]);
        assert!(set.definitions.is_empty());
        let hints: Vec<_> = set.diagnostics.iter().filter_map(|d| d.hint.as_deref()).collect();
        assert_eq!(hints, ["rename it, for example to `my-bot.toml`", "rename it, for example to `all-bot.toml`"]);
    }

    #[test]
    fn a_reserved_name_and_a_double_one_look_like_this() {
        let root = folder(&[
            ("schema.toml", GOOD.as_bytes()),
            ("echo.toml", GOOD.as_bytes()),
            ("echo/bot.toml", GOOD.as_bytes()),
        ]);
        let set = load(&[root.path().to_owned()]);
        let shown: Vec<_> = set.diagnostics.iter().map(|found| crate::definition::render(found, false)).collect();
        let shown = shown.join("\n\n").replace(&root.path().display().to_string(), "bots.d");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_change_of_what_is_shared_reaches_those_who_use_it() {
        let user = "use = ['about']\n[[command]]\nwords = ['ping']\nreply = 'pong'\n";
        let about = |word: &str| format!("[[command]]\nwords = ['{word}']\nreply = 'x'\n");
        let root = folder(&[
            ("a.toml", user.as_bytes()),
            ("b.toml", GOOD.as_bytes()),
            ("_shared/about.toml", about("about").as_bytes()),
        ]);
        let dirs = [root.path().to_owned()];
        let mut loader = Loader::default();
        let first = loader.load(&scan(&dirs), as_it_is);
        assert_eq!((first.diagnostics.len(), first.definitions["a"].commands.len(), first.files), (0, 2, 2));
        fs::write(root.path().join("_shared/about.toml"), about("other")).unwrap();
        let second = loader.load(&scan(&dirs), as_it_is);
        assert_ne!(second.definitions["a"].digest, first.definitions["a"].digest);
        assert_eq!(second.definitions["b"].digest, first.definitions["b"].digest);
        fs::write(root.path().join("_shared/about.toml"), "wordz = 1\n[[command]]\nwords = 1\n").unwrap();
        let third = loader.load(&scan(&dirs), as_it_is);
        assert!(third.refused.contains("a") && third.definitions.contains_key("b"));
        let told: Vec<_> = third.diagnostics.iter().map(|d| (d.file.as_str(), d.line, d.code)).collect();
        assert_eq!(told[0], ("_shared/about.toml", 1, "unknown-key"));
        assert!(told.iter().all(|(file, ..)| *file == "_shared/about.toml"), "{told:?}");
        fs::remove_dir_all(root.path().join("_shared")).unwrap();
        assert!(loader.load(&scan(&dirs), as_it_is).refused.contains("a"));
    }

    #[test]
    fn only_what_changed_is_read_again() {
        let root = folder(&[("a.toml", GOOD.as_bytes()), ("b.toml", GOOD.as_bytes())]);
        let dirs = [root.path().to_owned()];
        let mut loader = Loader::default();
        let first = loader.load(&scan(&dirs), as_it_is);
        fs::write(root.path().join("b.toml"), b"x =").unwrap();
        let second = loader.load(&scan(&dirs), as_it_is);
        assert!(Arc::ptr_eq(&first.definitions["a"], &second.definitions["a"]));
        assert!(second.refused.contains("b") && second.definitions.len() == 1);
        fs::remove_file(root.path().join("b.toml")).unwrap();
        let third = loader.load(&scan(&dirs), as_it_is);
        assert!(third.refused.is_empty() && third.diagnostics.is_empty());
    }

    #[test]
    fn what_lies_in_the_folder_of_a_bot_belongs_to_it_and_nothing_beyond() {
        let large = "x".repeat(300 * 1024);
        let root = folder(&[
            ("secret.json", b"{}"),
            ("oncall/bot.toml", GOOD.as_bytes()),
            ("oncall/cards/a.json", b"{\"a\": 1}"),
            ("oncall/plan.pdf", b"%PDF"),
            ("oncall/bad.txt", b"\xff"),
            ("oncall/large.json", large.as_bytes()),
            ("oncall/.hidden.json", b"{}"),
            ("oncall/bot.test.toml", b""),
        ]);
        std::os::unix::fs::symlink("../../secret.json", root.path().join("oncall/cards/out.json")).unwrap();
        let set = load(&[root.path().to_owned()]);
        let source = &set.definitions["oncall"].source;
        let names: Vec<_> = source.files().keys().map(String::as_str).collect();
        assert_eq!(names, ["bad.txt", "cards/a.json", "cards/out.json", "large.json", "plan.pdf"]);
        assert_eq!(source.companion("cards/a.json"), Ok("{\"a\": 1}"));
        assert!(source.companion("cards/out.json").unwrap_err().0.contains("a link leads out"));
        assert!(source.companion("bad.txt").is_err() && source.companion("large.json").is_err());
        assert_eq!(source.sendable("plan.pdf"), Ok("oncall/plan.pdf".into()));
        let revived = DefinitionSource::from_json(&source.to_json()).unwrap();
        assert_eq!(revived.companion("cards/a.json"), Ok("{\"a\": 1}"), "the last good one keeps its cards");
    }

    #[test]
    fn a_card_that_changed_makes_another_definition() {
        let root = folder(&[("a/bot.toml", GOOD.as_bytes()), ("a/cards/x.json", b"1")]);
        let dirs = [root.path().to_owned()];
        let mut loader = Loader::default();
        let first = loader.load(&scan(&dirs), as_it_is);
        fs::write(root.path().join("a/cards/x.json"), "22").unwrap();
        let second = loader.load(&scan(&dirs), as_it_is);
        assert_ne!(first.definitions["a"].digest, second.definitions["a"].digest);
    }
}
