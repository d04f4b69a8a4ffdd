//! Named places where a test may break the program: stop it dead, let it panic, let it hang.
//!
//! Only builds with debug assertions have them. There a [`Breaking`] holds rules and is handed in like a clock, so
//! that two houses in one process do not share them and a test can arm one at a moment of its own; the real program
//! reads them from the variable [`VARIABLE`]. In a release build the same type is empty and passing a point is
//! nothing: no rule, no word and no branch of it is compiled, and a set variable is refused.

use super::BotId;

/// The environment variable that a debug build of the program reads its rules from, as in `after_send:3=abort`:
/// point, bot (optional), which pass (`3` the third, `3+` from the third on, else the first), what happens
/// (`abort`, `panic`, `hang`). Several go with commas.
pub const VARIABLE: &str = "BOTYARD_BREAK";

macro_rules! points {
    ($($(#[$doc:meta])+ $name:ident = $word:literal,)+) => {
        /// A place that can be broken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Point { $($(#[$doc])+ $name,)+ }

        #[cfg(debug_assertions)]
        impl Point {
            /// All of them, in the order in which an event comes by.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in rules.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

points! {
    /// One step of bringing the schema up to date is done, and the transaction of all of them not committed.
    Migrating = "migrating",
    /// The schema is brought up to date, and nothing else of the start has happened.
    Migrated = "migrated",
    /// A definition is stored, and its bot was not told to run on it yet.
    Reloading = "reloading",
    /// The store is copied, and the copy not in its place.
    BackingUp = "backing_up",
    /// A change of the seal key has done one of its steps: it is begun, some rows are sealed anew, all are and it is
    /// ended but for the key's file.
    Resealing = "resealing",
    /// A webhook's signature is good, and nothing is stored.
    AfterVerify = "after_verify",
    /// An event is written, and its transaction not committed.
    BeforeAccept = "before_accept",
    /// An event is committed, and its webhook not answered.
    AfterAccept = "after_accept",
    /// Events or deliveries are committed, and nobody was woken for them.
    BeforeRing = "before_ring",
    /// A turn has read what it wanted to know, and not decided.
    MidTurn = "mid_turn",
    /// A turn is decided, and its commit not asked for.
    BeforeTurnCommit = "before_turn_commit",
    /// A turn is committed, and its bot does not know.
    AfterTurnCommit = "after_turn_commit",
    /// A delivery is marked, and has not left.
    BeforeSend = "before_send",
    /// A delivery has left and was answered, and its outcome is not recorded.
    AfterSend = "after_send",
    /// The bot's actor looks at its bell.
    InBot = "in_bot",
    /// The api is told something.
    InApi = "in_api",
    /// The registrar is told something, or looks at its moments.
    InRegistrar = "in_registrar",
    /// The registrar looks at one bot's webhooks.
    InLook = "in_look",
    /// The roster looks at the definitions.
    InRoster = "in_roster",
    /// The watcher looks at the files.
    InWatcher = "in_watcher",
    /// The sweeper looks for due work.
    InSweeper = "in_sweeper",
    /// The janitor cleans.
    InJanitor = "in_janitor",
    /// The meter reads.
    InMeter = "in_meter",
    /// A run of a schedule is committed, or that it begins; nobody else knows yet.
    AfterSchedule = "after_schedule",
    /// The scheduler looks what is due.
    InScheduler = "in_scheduler",
    /// The archivist begins a backup.
    InArchivist = "in_archivist",
    /// The supervisor looks around.
    InSupervisor = "in_supervisor",
}

#[cfg(debug_assertions)]
pub use armed::Breaking;

/// Passing a point of a release build.
#[cfg(not(debug_assertions))]
#[derive(Debug, Clone, Default)]
pub struct Breaking(());

#[cfg(not(debug_assertions))]
impl Breaking {
    /// There are no points in this build.
    ///
    /// # Errors
    /// Whatever is asked for.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(()));
        }
        Err(format!("`{VARIABLE}` is set, but a release build has no breaking points; unset it, or use a debug build"))
    }

    /// Nothing.
    #[inline]
    #[expect(clippy::unused_async, reason = "the face of a build that has points")]
    pub async fn pass(&self, _: Point, _: Option<&BotId>) {}

    /// Nothing.
    #[inline]
    pub fn pass_now(&self, _: Point, _: Option<&BotId>) {}
}

#[cfg(debug_assertions)]
mod armed {
    use std::{
        collections::HashMap,
        sync::{Arc, Mutex, MutexGuard, PoisonError},
    };

    use super::{BotId, Point, VARIABLE};

    /// What happens at a point.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Act {
        Abort,
        Panic,
        Hang,
    }

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Rule {
        point: Point,
        bot: Option<String>,
        /// From 1.
        pass: u32,
        /// At every later pass, too.
        on: bool,
        act: Act,
        passed: u32,
    }

    /// The rules in force. Cheap to clone: all clones are the same.
    #[derive(Debug, Clone, Default)]
    pub struct Breaking(Arc<Mutex<Rules>>);

    #[derive(Debug, Default)]
    struct Rules {
        rules: Vec<Rule>,
        passes: HashMap<Point, usize>,
    }

    impl Breaking {
        /// Reads rules; nothing, from a text that is empty.
        ///
        /// # Errors
        /// A sentence that names the rule that cannot be read.
        pub fn parse(text: &str) -> Result<Self, String> {
            let breaking = Self::default();
            breaking.arm(text)?;
            Ok(breaking)
        }

        /// Puts these rules in the place of those there are; an empty text takes all away.
        ///
        /// # Errors
        /// As [`Breaking::parse`]; the rules there are stay then.
        pub fn arm(&self, text: &str) -> Result<(), String> {
            let rules = text.split(',').map(str::trim).filter(|rule| !rule.is_empty());
            let rules = rules.map(|text| rule(text).ok_or_else(|| refusal(text))).collect::<Result<_, _>>()?;
            self.lock().rules = rules;
            Ok(())
        }

        /// How often a point was passed, whatever happened there.
        #[must_use]
        pub fn passes(&self, point: Point) -> usize {
            self.lock().passes.get(&point).copied().unwrap_or_default()
        }

        /// Comes by a point, with a bot where it is one's own.
        pub async fn pass(&self, point: Point, bot: Option<&BotId>) {
            if self.look(point, bot) == Some(Act::Hang) {
                std::future::pending::<()>().await;
            }
        }

        /// The same where nothing can be awaited; a hang stops the whole thread there.
        pub fn pass_now(&self, point: Point, bot: Option<&BotId>) {
            while self.look(point, bot) == Some(Act::Hang) {
                std::thread::park();
            }
        }

        fn look(&self, point: Point, bot: Option<&BotId>) -> Option<Act> {
            let act = self.lock().come_by(point, bot)?;
            match act {
                Act::Abort => {
                    tracing::error!(point = point.word(), "breaking point: abort");
                    std::process::abort();
                }
                Act::Panic => std::panic::panic_any(point.word()),
                Act::Hang => Some(act),
            }
        }

        fn lock(&self) -> MutexGuard<'_, Rules> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Rules {
        fn come_by(&mut self, point: Point, bot: Option<&BotId>) -> Option<Act> {
            *self.passes.entry(point).or_default() += 1;
            let concerned = |rule: &&mut Rule| {
                rule.point == point
                    && rule.bot.as_deref().is_none_or(|only| bot.is_some_and(|bot| bot.as_str() == only))
            };
            let mut act = None;
            for rule in self.rules.iter_mut().filter(concerned) {
                rule.passed += 1;
                if rule.passed == rule.pass || (rule.on && rule.passed > rule.pass) {
                    act = act.or(Some(rule.act));
                }
            }
            act
        }
    }

    /// `point[:bot][:pass[+]]=act`
    fn rule(text: &str) -> Option<Rule> {
        let (place, act) = text.split_once('=')?;
        let mut parts = place.split(':');
        let word = parts.next()?;
        let point = Point::ALL.iter().copied().find(|point| point.word() == word)?;
        let act = match act {
            "abort" => Act::Abort,
            "panic" => Act::Panic,
            "hang" => Act::Hang,
            _ => return None,
        };
        let mut rule = Rule { point, bot: None, pass: 1, on: false, act, passed: 0 };
        for part in parts {
            let number = part.strip_suffix('+').unwrap_or(part);
            match number.parse() {
                Ok(pass) => (rule.pass, rule.on) = (pass, number != part),
                Err(_) => rule.bot = Some(BotId::parse(part).ok()?.as_str().to_owned()),
            }
        }
        (rule.pass > 0).then_some(rule)
    }

    fn refusal(text: &str) -> String {
        let points: Vec<_> = Point::ALL.iter().map(|point| point.word()).collect();
        format!(
            "`{VARIABLE}`: the rule `{text}` cannot be read; it looks like `after_send:3=abort`, the acts are abort, \
             panic and hang, the points {}",
            points.join(", ")
        )
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn bot(name: &str) -> BotId {
            BotId::parse(name).unwrap()
        }

        fn acts(rules: &str, comes: &[(Point, &str)]) -> Vec<Option<Act>> {
            let breaking = Breaking::parse(rules).unwrap();
            let come_by = |&(point, by): &(Point, &str)| breaking.lock().come_by(point, Some(&bot(by)));
            comes.iter().map(come_by).collect()
        }

        #[test]
        fn a_rule_holds_for_its_point_its_bot_and_its_pass() {
            let comes = [
                (Point::AfterSend, "echo"),
                (Point::MidTurn, "echo"),
                (Point::AfterSend, "other"),
                (Point::AfterSend, "echo"),
                (Point::AfterSend, "echo"),
            ];
            assert_eq!(acts("after_send:echo:2=abort", &comes), [None, None, None, Some(Act::Abort), None]);
            let (hang, panic) = (Some(Act::Hang), Some(Act::Panic));
            assert_eq!(acts("after_send:2+=hang, mid_turn=panic", &comes), [None, panic, hang, hang, hang]);
            assert_eq!(acts("", &comes), [None; 5]);
        }

        #[test]
        fn a_rule_that_cannot_be_read_is_refused_with_all_that_can_be_said() {
            for rule in
                ["after_sent=abort", "after_send", "after_send=stop", "after_send:0=abort", "after_send:B!=abort"]
            {
                let refusal = Breaking::parse(rule).unwrap_err();
                assert!(refusal.contains(rule) && refusal.contains("mid_turn"), "{refusal}");
            }
        }

        #[test]
        fn every_point_is_passed_somewhere() {
            let (mut folders, mut source) = (vec![std::path::PathBuf::from("src")], String::new());
            while let Some(folder) = folders.pop() {
                for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                    let path = entry.path();
                    if path.is_dir() {
                        folders.push(path);
                    } else if !path.ends_with("base/breaking.rs") {
                        source += &std::fs::read_to_string(path).unwrap();
                    }
                }
            }
            for point in Point::ALL {
                assert!(source.contains(&format!("Point::{point:?}")), "nobody comes by {point:?}");
            }
        }
    }
}
