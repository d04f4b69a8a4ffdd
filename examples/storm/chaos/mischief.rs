//! What is done to a run besides killing: Webex in trouble, and hands on `bots.d`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Result;
use serde_json::{Value, json};

use super::{bots::Kind, chance::Chance, cloud::Cloud};

/// No fault lasts longer than this, by the simulator's clock.
const LONGEST_FAULT_MS: u64 = 1_500;
/// How long a definition is gone at most: well within the grace time.
pub(crate) const LONGEST_GONE: Duration = Duration::from_secs(5);

/// A fault of Webex: its name in the summary, and the rule.
pub(crate) fn fault(chance: &mut Chance) -> (&'static str, Value) {
    let for_ms = chance.within(300..LONGEST_FAULT_MS);
    let times = chance.within(1..6);
    let status = *chance.pick(&[500, 502, 503, 504]);
    let reads = *chance.pick(&["/messages/", "/people/", "/rooms/", "/webhooks"]);
    let send =
        |rule: Value| over(json!({ "method": "POST", "path": "/messages", "for_ms": for_ms, "times": times }), rule);
    let read = |rule: Value| over(json!({ "method": "GET", "path": reads, "for_ms": for_ms, "times": times }), rule);
    let hook = |rule: Value| over(json!({ "on": "delivery", "path": "messages/created", "for_ms": for_ms }), rule);
    match chance.within(0..17) {
        0 => ("429 with seconds", send(json!({ "status": 429, "retry_after": "1" }))),
        1 => ("429 without a time", send(json!({ "status": 429 }))),
        2 => ("429 with nonsense", send(json!({ "status": 429, "retry_after": "soon" }))),
        3 => ("429 as a page", read(json!({ "status": 429, "retry_after": "1", "html": true }))),
        4 => ("5xx to a send", send(json!({ "status": status }))),
        5 => ("5xx to a read", read(json!({ "status": status }))),
        6 => ("send dropped before it is done", send(json!({ "wire": "drop" }))),
        7 | 8 => ("send dropped after it is done", send(json!({ "wire": "lose" }))),
        9 => ("answer to a send cut in half", send(json!({ "wire": "truncate" }))),
        10 => ("read dropped", read(json!({ "wire": "drop" }))),
        11 => ("slow sends", send(json!({ "delay_ms": [20, 600], "times": 0 }))),
        12 => ("slow reads", read(json!({ "delay_ms": [20, 300], "times": 0 }))),
        13 => ("webhooks twice or thrice", hook(json!({ "copies": chance.within(2..4), "chance": 0.5 }))),
        14 => ("webhooks late", hook(json!({ "delay_ms": [50, 800], "chance": 0.4 }))),
        15 => ("webhooks in another order", hook(json!({ "reorder": true, "delay_ms": 300, "chance": 0.3 }))),
        _ => ("webhooks before their message", hook(json!({ "hide_ms": 150, "chance": 0.3 }))),
    }
}

fn over(mut under: Value, rule: Value) -> Value {
    if let (Value::Object(under), Value::Object(rule)) = (&mut under, rule) {
        under.extend(rule);
    }
    under
}

/// How the definition of a bot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Good,
    Broken,
    Gone(Instant),
}

/// `bots.d`, and what was done to it.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: PathBuf,
    log_room: String,
    bots: Vec<(String, Kind, u32, Stands)>,
}

impl Folder {
    /// Writes a definition for each: its id and what it is like.
    pub(crate) fn write(dir: &Path, bots: &[(String, Kind)], log_room: &str) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let bots = bots.iter().map(|(bot, kind)| (bot.clone(), *kind, 1, Stands::Good)).collect();
        let folder = Self { dir: dir.to_owned(), log_room: log_room.to_owned(), bots };
        for bot in 0..folder.bots.len() {
            folder.put(bot, &folder.text(bot))?;
        }
        Ok(folder)
    }

    fn path(&self, bot: usize) -> PathBuf {
        self.dir.join(&self.bots[bot].0).with_extension("toml")
    }

    fn text(&self, bot: usize) -> String {
        let (id, kind, version, _) = &self.bots[bot];
        kind.definition(&variable(id), *version, &self.log_room)
    }

    /// As an editor does: beside it, then renamed.
    fn put(&self, bot: usize, text: &str) -> io::Result<()> {
        let path = self.path(bot);
        let half = path.with_extension("tmp");
        fs::write(&half, text)?;
        fs::rename(half, path)
    }

    /// One change to one definition; its name in the summary.
    pub(crate) fn change(&mut self, chance: &mut Chance) -> Result<&'static str> {
        let bot = chance.place(self.bots.len());
        let (done, stands) = match (self.bots[bot].3, chance.within(0..10)) {
            (Stands::Broken, _) => {
                self.put(bot, &self.text(bot))?;
                ("mended", Stands::Good)
            }
            (Stands::Gone(_), _) => {
                self.put(bot, &self.text(bot))?;
                ("brought back", Stands::Good)
            }
            (Stands::Good, 0..5) => {
                self.bots[bot].2 += 1;
                self.put(bot, &self.text(bot))?;
                ("changed", Stands::Good)
            }
            (Stands::Good, 5..7) => {
                let broken =
                    *chance.pick(&["[fallback\n", "[fallback]\nreply = \"{{ nobody.knows }}\"\n", "reply = 7\n"]);
                self.put(bot, broken)?;
                ("broken", Stands::Broken)
            }
            (Stands::Good, 7..9) => {
                fs::remove_file(self.path(bot))?;
                ("taken away", Stands::Gone(Instant::now()))
            }
            (Stands::Good, _) => {
                self.put(bot, &self.text(bot))?;
                ("touched", Stands::Good)
            }
        };
        self.bots[bot].3 = stands;
        Ok(done)
    }

    /// Brings back what has been gone for long.
    pub(crate) fn bring_back(&mut self, longest: Duration) -> Result<u64> {
        let mut back = 0;
        for bot in 0..self.bots.len() {
            if matches!(self.bots[bot].3, Stands::Gone(since) if since.elapsed() >= longest) {
                self.put(bot, &self.text(bot))?;
                self.bots[bot].3 = Stands::Good;
                back += 1;
            }
        }
        Ok(back)
    }

    /// Makes every definition good again.
    pub(crate) fn mend(&mut self) -> Result<()> {
        for bot in 0..self.bots.len() {
            self.put(bot, &self.text(bot))?;
            self.bots[bot].3 = Stands::Good;
        }
        Ok(())
    }
}

/// The environment variable that holds a bot's token.
pub(crate) fn variable(bot: &str) -> String {
    format!("{}_TOKEN", bot.to_uppercase().replace('-', "_"))
}

/// What was done, and how often.
pub(crate) type Tally = BTreeMap<String, u64>;

/// One thing, drawn: mostly trouble at Webex.
pub(crate) async fn one(
    chance: &mut Chance,
    cloud: &Cloud,
    folder: &mut Folder,
    faults: &mut Tally,
    reloads: &mut Tally,
) -> Result<()> {
    if chance.one_in(3) {
        *reloads.entry(folder.change(chance)?.to_owned()).or_default() += 1;
        return Ok(());
    }
    let (name, rule) = fault(chance);
    cloud.control("POST", "/rules", rule).await?;
    *faults.entry(name.to_owned()).or_default() += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_drawn_and_ends_by_itself() {
        let mut chance = Chance::new(1);
        let drawn: BTreeMap<_, _> = (0..500).map(|_| fault(&mut chance)).collect();
        assert_eq!(drawn.len(), 16, "{:?}", drawn.keys());
        assert!(drawn.values().all(|rule| rule["for_ms"].as_u64().is_some_and(|time| time < LONGEST_FAULT_MS)));
    }

    #[test]
    fn whatever_was_done_to_a_folder_it_can_be_mended() {
        let dir = tempfile::tempdir().unwrap();
        let bots: Vec<_> = (0..5).map(|n| (format!("chaos-{n}"), Kind::ALL[n])).collect();
        let mut folder = Folder::write(dir.path(), &bots, "ROOM").unwrap();
        let mut chance = Chance::new(3);
        let done: std::collections::BTreeSet<_> = (0..100).map(|_| folder.change(&mut chance).unwrap()).collect();
        assert_eq!(done.len(), 6, "{done:?}");
        folder.mend().unwrap();
        let set = botyard::definition::load(&[dir.path().to_owned()]);
        assert_eq!((set.definitions.len(), set.diagnostics), (5, vec![]));
    }
}
