//! The files a simulator is started with: a seed (people, bots, rooms, webhooks, switches, faults) and faults alone.
//!
//! What is wrong is told with file, line and what to do. A seed is tried out on an empty world, entry by entry, so
//! that what only the world can know (an address nobody has, a filter that is none) also has its place.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use toml::Spanned;

use super::{
    options::{Retention, SimError},
    world::{Rule, SeedBot, SeedEntry, SeedPerson, SeedRoom, SeedWebhook, Setup, Switches, World},
};

/// Largest file in bytes; a seed of a thousand bots has some 100 KB.
const MOST_BYTES: u64 = 4 << 20;

/// The TOML of `--seed`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedForm {
    #[serde(default = "yes")]
    usual_people: bool,
    chance_seed: Option<u64>,
    switches: Option<Spanned<Switches>>,
    #[serde(default)]
    people: Vec<Spanned<SeedPerson>>,
    #[serde(default)]
    bots: Vec<Spanned<SeedBot>>,
    #[serde(default)]
    rooms: Vec<Spanned<SeedRoom>>,
    #[serde(default)]
    webhooks: Vec<Spanned<SeedWebhook>>,
    #[serde(default)]
    faults: Vec<Spanned<Rule>>,
}

fn yes() -> bool {
    true
}

/// The TOML or JSON of `--faults`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultsForm<R> {
    chance_seed: Option<u64>,
    #[serde(default = "Vec::new")]
    faults: Vec<R>,
}

/// Reads a seed file into what is there without one.
pub(crate) fn read_seed(path: &Path, setup: &mut Setup) -> Result<(), SimError> {
    let file = File::read(path, "seed")?;
    let form: SeedForm = file.toml()?;
    setup.usual_people = form.usual_people;
    setup.chance_seed = form.chance_seed.unwrap_or(setup.chance_seed);
    if let Some(switches) = form.switches {
        switches.get_ref().check().map_err(|refusal| file.wrong_at(&switches.span(), &refusal.message))?;
        setup.switches = switches.into_inner();
    }
    let mut entries: Vec<(Range<usize>, SeedEntry)> = Vec::new();
    entries.extend(form.people.into_iter().map(|entry| (entry.span(), SeedEntry::Person(entry.into_inner()))));
    entries.extend(form.bots.into_iter().map(|entry| (entry.span(), SeedEntry::Bot(entry.into_inner()))));
    entries.extend(form.rooms.into_iter().map(|entry| (entry.span(), SeedEntry::Room(entry.into_inner()))));
    entries.extend(form.webhooks.into_iter().map(|entry| (entry.span(), SeedEntry::Webhook(entry.into_inner()))));
    entries.extend(form.faults.into_iter().map(|entry| (entry.span(), SeedEntry::Fault(entry.into_inner()))));
    let mut trial = World::empty(Retention::default(), 0);
    if form.usual_people {
        trial.plant_usual();
    }
    for (span, entry) in entries {
        trial.plant(&entry).map_err(|refusal| file.wrong_at(&span, &refusal.message))?;
        setup.entries.push(entry);
    }
    Ok(())
}

/// Reads a file of faults: JSON when its name ends so, else TOML.
pub(crate) fn read_faults(path: &Path, setup: &mut Setup) -> Result<(), SimError> {
    let file = File::read(path, "faults")?;
    let mut trial = World::empty(Retention::default(), 0);
    let mut add = |setup: &mut Setup, rule: Rule| {
        let entry = SeedEntry::Fault(rule);
        trial.plant(&entry).map_err(|refusal| refusal.message)?;
        setup.entries.push(entry);
        Ok::<_, String>(())
    };
    let chance_seed = if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        let form: FaultsForm<Rule> =
            serde_json::from_str(&file.text).map_err(|error| file.wrong(&error.to_string()))?;
        for (number, rule) in form.faults.into_iter().enumerate() {
            add(setup, rule).map_err(|reason| file.wrong(&format!("fault {}: {reason}", number + 1)))?;
        }
        form.chance_seed
    } else {
        let form: FaultsForm<Spanned<Rule>> = file.toml()?;
        for rule in form.faults {
            let span = rule.span();
            add(setup, rule.into_inner()).map_err(|reason| file.wrong_at(&span, &reason))?;
        }
        form.chance_seed
    };
    setup.chance_seed = chance_seed.unwrap_or(setup.chance_seed);
    Ok(())
}

/// A file, and how to complain about it.
struct File {
    path: PathBuf,
    kind: &'static str,
    text: String,
}

impl File {
    fn read(path: &Path, kind: &'static str) -> Result<Self, SimError> {
        let unreadable = |source| SimError::File { kind, path: path.to_owned(), source };
        let length = fs::metadata(path).map_err(unreadable)?.len();
        let file = |text| Self { path: path.to_owned(), kind, text };
        if length > MOST_BYTES {
            return Err(file(String::new()).wrong(&format!("it has {length} bytes, and at most {MOST_BYTES} are read")));
        }
        fs::read_to_string(path).map(file).map_err(unreadable)
    }

    fn toml<T: DeserializeOwned>(&self) -> Result<T, SimError> {
        toml::from_str(&self.text).map_err(|error| match error.span() {
            Some(span) => self.wrong_at(&span, error.message()),
            None => self.wrong(error.message()),
        })
    }

    fn wrong_at(&self, span: &Range<usize>, reason: &str) -> SimError {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        self.wrong(&format!("line {line}: {reason}"))
    }

    fn wrong(&self, reason: &str) -> SimError {
        SimError::Content { kind: self.kind, path: self.path.clone(), reason: reason.trim_end().replace('\n', ", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        (dir, path)
    }

    fn seed(text: &str) -> Result<Setup, String> {
        let (_dir, path) = written("seed.toml", text);
        let mut setup = Setup::default();
        read_seed(&path, &mut setup).map(|()| setup).map_err(|error| error.to_string())
    }

    fn faults(name: &str, text: &str) -> Result<Setup, String> {
        let (_dir, path) = written(name, text);
        let mut setup = Setup::default();
        read_faults(&path, &mut setup).map(|()| setup).map_err(|error| error.to_string())
    }

    const GOOD: &str = r#"
        [[people]]
        email = "dana@example.com"
        tokens = ["dana"]

        [[people]]
        email = "alice@example.com"
        name = "Alice A."

        [[bots]]
        name = "echo"
        tokens = ["echo-token"]

        [[rooms]]
        title = "Ops"
        members = ["alice@example.com", "dana@example.com", "echo@webex.bot"]
        moderators = ["dana@example.com"]

        [[webhooks]]
        owner = "echo@webex.bot"
        name = "all"
        target_url = "http://127.0.0.1:1/"
        resource = "messages"
        event = "created"
        secret = "s"

        [[faults]]
        status = 503
        path = "/messages"
    "#;

    #[test]
    fn a_seed_gives_every_run_the_same_ids() {
        let setup = std::sync::Arc::new(seed(GOOD).unwrap());
        let start = || {
            let mut world = World::empty(Retention::default(), 0);
            world.setup = std::sync::Arc::clone(&setup);
            world.seed();
            world
        };
        let (mut one, two) = (start(), start());
        let text = |world: &World| serde_json::to_string(&world.save()).unwrap();
        assert_eq!(text(&one), text(&two));
        let alice = one.authenticate("sim-alice").unwrap();
        assert_eq!(one.person(alice).unwrap().name, "Alice A.");
        assert!(one.authenticate("echo-token").is_some() && one.authenticate("sim-bot-echo").is_some());
        assert_eq!((one.rooms.iter().count(), one.webhooks.iter().count()), (1, 1));
        one.rules.clear();
        one.people.revoke("dana");
        one.reset();
        assert!(one.authenticate("dana").is_some(), "a reset comes back to the seed");
        assert_eq!(one.rules.list(one.now).len(), 1);
    }

    #[test]
    fn what_is_wrong_in_a_seed_has_its_line_and_the_way_out() {
        let person = "[[people]]\nemail = \"dana@example.com\"\n";
        for (text, line, word) in [
            ("\n[[peple]]\n".to_owned(), 2, "unknown field `peple`"),
            (format!("{person}nme = \"D\"\n"), 3, "unknown field `nme`"),
            (format!("{person}tokens = [\"a b\"]\n"), 1, "printable ASCII"),
            (format!("{person}tokens = [\"sim-bob\"]\n"), 1, "belongs to somebody"),
            ("[[people]]\nemail = \"a@webex.bot\"\n".to_owned(), 1, "under `[[bots]]`"),
            ("[[bots]]\nname = \"a@webex.bot\"\n".to_owned(), 1, "before `@webex.bot`"),
            ("[[bots]]\nname = \"A B\"\n".to_owned(), 1, "no bot name"),
            (format!("{person}\n[[rooms]]\ntitle = \"r\"\nmembers = [\"x@webex.bot\"]\n"), 4, "under `[[bots]]`"),
            ("[[rooms]]\ntitle = \"r\"\nmembers = []\n".to_owned(), 1, "names nobody"),
            ("[[rooms]]\ntitle = \" \"\nmembers = [\"bob@example.com\"]\n".to_owned(), 1, "Title cannot be empty"),
            ("[[rooms]]\ntitle = \"r\"\nmembers = [\"bob@example.com\"]\n".repeat(2), 4, "two rooms `r`"),
            (
                "[[rooms]]\ntitle = \"r\"\nmembers = [\"bob@example.com\"]\nmoderators = [\"carol@example.com\"]\n"
                    .to_owned(),
                1,
                "not in `members`",
            ),
            (
                "[[webhooks]]\nowner = \"bob@example.com\"\nname = \"n\"\ntarget_url = \"h\"\nresource = \"rooms\"\n\
                 event = \"all\"\n"
                    .to_owned(),
                1,
                "targetUrl is not",
            ),
            ("[switches]\ncats = true\n".to_owned(), 2, "unknown field `cats`"),
            ("[switches]\ndelivery_timeout_ms = 0\n".to_owned(), 1, "1 to 600000"),
            ("[[faults]]\nstatus = 503\n\n[[faults]]\nstatus = 200\n".to_owned(), 4, "400 to 599"),
            ("title = \"unclosed\n".to_owned(), 1, ""),
        ] {
            let error = seed(&text).unwrap_err();
            assert!(error.contains(&format!("line {line}: ")) && error.contains(word), "{text}: {error}");
            assert!(error.contains("seed.toml"), "{error}");
        }
    }

    #[test]
    fn faults_are_read_from_toml_and_from_json() {
        let toml = faults("faults.toml", "chance_seed = 7\n[[faults]]\nstatus = 503\ndelay_ms = [1, 5]\n").unwrap();
        let json = r#"{"chance_seed": 7, "faults": [{"status": 503, "delay_ms": [1, 5]}]}"#;
        let json = faults("faults.json", json).unwrap();
        assert_eq!((toml.chance_seed, toml.entries.len()), (7, 1));
        assert_eq!(format!("{:?}", toml.entries), format!("{:?}", json.entries));
    }

    #[test]
    fn what_is_wrong_in_faults_has_its_place() {
        let error = faults("f.toml", "[[faults]]\nstatus = 503\nchance = \"often\"\n").unwrap_err();
        assert!(error.contains("line 3: ") && error.contains("f.toml"), "{error}");
        let error = faults("f.toml", "\n[[faults]]\nretry_after = \"1\"\nslow_ms = 1\n").unwrap_err();
        assert!(error.contains("line 2: `retry_after` goes with `status`"), "{error}");
        let error = faults("f.json", "{\"faults\": [{\"status\": 503},\n {\"stat\": 1}]}").unwrap_err();
        assert!(error.contains("line 2") && error.contains("unknown field `stat`"), "{error}");
        let error = faults("f.json", r#"{"faults": [{"status": 503}, {"status": 1}]}"#).unwrap_err();
        assert!(error.contains("fault 2: `status` is one of"), "{error}");
        let missing = read_faults(Path::new("/nowhere/f.toml"), &mut Setup::default()).unwrap_err();
        assert!(missing.to_string().contains("/nowhere/f.toml"), "{missing}");
    }
}
