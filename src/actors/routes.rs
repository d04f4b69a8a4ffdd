//! What ingress needs of every bot, as a snapshot that is read without a lock.
//!
//! Whoever changes a bot (registrar, roster) changes [`Routes`]; each HTTP worker holds a [`RouteReader`] with
//! the newest snapshot it has seen and, per request, compares one number. Only after a change does it take the
//! lock, for as long as cloning a pointer lasts.
//!
//! A change copies the table only while a reader still holds the former one, so that starting ten thousand
//! bots before traffic comes costs ten thousand changes in place, not ten thousand copies.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::hooks::Hooks;
use crate::{
    base::{BotId, Secret},
    store::{RouteRow, Store, StoreError},
    webex::Kinds,
};

/// What ingress needs of one bot. Without a secret every webhook of it is refused.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// Every live secret of its webhooks; during a rotation there are two.
    pub secrets: Vec<Secret>,
    /// Its own person id, to drop its own echoes.
    pub me: Option<Box<str>>,
    /// Which kinds of event it wants.
    pub kinds: Kinds,
    /// Its hooks for other programs; none: its definition was not looked at yet. From its program, never from the store.
    pub hooks: Option<Arc<Hooks>>,
    /// The change that made it what it is: a snapshot of the store that was begun before must not undo it.
    changed: u64,
}

/// All routes at one moment.
pub type Table = HashMap<BotId, Arc<Route>>;

/// The routes as those see them who change them. Cheap to clone: all clones are the same routes.
#[derive(Debug, Clone, Default)]
pub struct Routes(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Raised by every change, under the lock.
    version: AtomicU64,
    table: Mutex<Arc<Table>>,
}

impl Routes {
    /// No bot is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the routes what the store says, except for bots that were changed while it was being asked.
    ///
    /// # Errors
    /// When the store cannot be read; the routes stay as they are.
    pub async fn refresh(&self, store: &dyn Store) -> Result<(), StoreError> {
        let begun = self.0.version.load(Ordering::Acquire);
        let rows = store.routes().await?;
        self.publish_as_of(begun, rows);
        Ok(())
    }

    /// Makes these rows the only routes there are.
    pub fn publish(&self, rows: Vec<RouteRow>) {
        self.publish_as_of(u64::MAX, rows);
    }

    fn publish_as_of(&self, begun: u64, rows: Vec<RouteRow>) {
        self.edit(|table, version| {
            let fresh = rows.into_iter().map(|row| {
                let mut route = Route::from_row(&row, version);
                route.hooks = table.get(&row.bot).and_then(|known| known.hooks.clone());
                // Secrets and identity were changed while the store was being asked: those are newer than its
                // answer. What the bot wants comes from the store alone.
                if let Some(kept) = table.get(&row.bot).filter(|route| route.changed > begun) {
                    route = Route { kinds: route.kinds, ..Route::clone(kept) };
                }
                (row.bot, Arc::new(route))
            });
            let mut fresh: Table = fresh.collect();
            for (bot, route) in table.iter().filter(|(_, route)| route.changed > begun) {
                fresh.entry(bot.clone()).or_insert_with(|| Arc::clone(route));
            }
            fresh.shrink_to_fit();
            *table = fresh;
        });
    }

    /// Makes or replaces the route of one bot.
    pub fn put(&self, row: &RouteRow) {
        self.edit(|table, version| {
            let hooks = table.get(&row.bot).and_then(|known| known.hooks.clone());
            table.insert(row.bot.clone(), Arc::new(Route { hooks, ..Route::from_row(row, version) }));
        });
    }

    /// Changes the route of one bot, an empty one if there is none yet. In force for every request that
    /// begins after this returns: so a secret that was added here may be registered at Webex.
    pub fn change(&self, bot: &BotId, change: impl FnOnce(&mut Route)) {
        self.edit(|table, version| {
            let route = Arc::make_mut(table.entry(bot.clone()).or_default());
            change(route);
            route.changed = version;
        });
    }

    /// What is known of a bot's hooks.
    #[must_use]
    pub fn hooks(&self, bot: &BotId) -> Option<Arc<Hooks>> {
        self.0.lock().get(bot)?.hooks.clone()
    }

    /// Forgets a bot: its webhooks are answered 404 from now on.
    pub fn remove(&self, bot: &BotId) {
        self.edit(|table, _| {
            table.remove(bot);
        });
    }

    /// A reader for one HTTP worker.
    #[must_use]
    pub fn reader(&self) -> RouteReader {
        RouteReader { shared: Arc::clone(&self.0), seen: RefCell::default() }
    }

    fn edit(&self, edit: impl FnOnce(&mut Table, u64)) {
        let mut table = self.0.lock();
        let version = self.0.version.load(Ordering::Relaxed) + 1;
        edit(Arc::make_mut(&mut table), version);
        self.0.version.store(version, Ordering::Release);
    }
}

impl Shared {
    /// A panic of another holder leaves a whole table behind: each edit is one insert, remove or exchange.
    fn lock(&self) -> MutexGuard<'_, Arc<Table>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Route {
    fn from_row(row: &RouteRow, changed: u64) -> Self {
        Self {
            secrets: row.secrets.clone(),
            me: row.me.as_deref().map(Box::from),
            kinds: Kinds(row.kinds),
            hooks: None,
            changed,
        }
    }
}

/// The routes as one HTTP worker sees them.
#[derive(Debug)]
pub struct RouteReader {
    shared: Arc<Shared>,
    seen: RefCell<(u64, Arc<Table>)>,
}

impl RouteReader {
    /// The route of a bot, by the text of the path.
    pub fn get(&self, bot: &str) -> Option<(BotId, Arc<Route>)> {
        let mut seen = self.seen.borrow_mut();
        if self.shared.version.load(Ordering::Acquire) != seen.0 {
            let table = self.shared.lock();
            *seen = (self.shared.version.load(Ordering::Relaxed), Arc::clone(&table));
        }
        seen.1.get_key_value(bot).map(|(bot, route)| (bot.clone(), Arc::clone(route)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bot(name: &str) -> BotId {
        BotId::parse(name).unwrap()
    }

    fn row(name: &str, secrets: &[&str]) -> RouteRow {
        let secrets = secrets.iter().copied().map(Secret::new).collect();
        RouteRow { bot: bot(name), secrets, me: Some("ME".into()), kinds: 1 }
    }

    fn secrets(reader: &RouteReader, name: &str) -> Option<Vec<String>> {
        let (_, route) = reader.get(name)?;
        Some(route.secrets.iter().map(|secret| secret.expose().to_owned()).collect())
    }

    #[test]
    fn a_reader_sees_each_change_at_its_next_look() {
        let routes = Routes::new();
        let reader = routes.reader();
        assert_eq!(secrets(&reader, "echo"), None);
        routes.publish(vec![row("echo", &["a"]), row("hello", &["b"])]);
        assert_eq!(secrets(&reader, "echo"), Some(vec!["a".into()]));
        routes.change(&bot("echo"), |route| route.secrets.push(Secret::new("c")));
        assert_eq!(secrets(&reader, "echo"), Some(vec!["a".into(), "c".into()]));
        assert_eq!(secrets(&reader, "hello"), Some(vec!["b".into()]), "others stay");
        routes.put(&row("echo", &["d"]));
        assert_eq!(secrets(&reader, "echo"), Some(vec!["d".into()]));
        routes.remove(&bot("echo"));
        assert_eq!(secrets(&reader, "echo"), None);
    }

    #[test]
    fn a_route_held_by_a_request_is_not_changed_under_it() {
        let routes = Routes::new();
        let reader = routes.reader();
        routes.publish(vec![row("echo", &["a"])]);
        let (_, held) = reader.get("echo").unwrap();
        routes.change(&bot("echo"), |route| route.secrets.clear());
        assert_eq!(held.secrets.len(), 1);
        assert_eq!(secrets(&reader, "echo"), Some(vec![]));
    }

    #[test]
    fn a_slow_look_at_the_store_does_not_undo_what_changed_meanwhile() {
        let routes = Routes::new();
        let reader = routes.reader();
        routes.publish(vec![row("echo", &["old"]), row("hello", &["old"]), row("gone", &["old"])]);
        let begun = routes.0.version.load(Ordering::Acquire);
        routes.change(&bot("echo"), |route| route.secrets.push(Secret::new("new")));
        routes.change(&bot("young"), |route| route.secrets.push(Secret::new("new")));
        routes.publish_as_of(begun, vec![row("echo", &["old"]), row("hello", &["stored"])]);
        assert_eq!(secrets(&reader, "echo"), Some(vec!["old".into(), "new".into()]));
        assert_eq!(secrets(&reader, "young"), Some(vec!["new".into()]));
        assert_eq!(secrets(&reader, "hello"), Some(vec!["stored".into()]));
        assert_eq!(secrets(&reader, "gone"), None);
    }

    #[test]
    fn changes_before_the_first_look_copy_nothing() {
        let routes = Routes::new();
        routes.publish(vec![row("echo", &["a"])]);
        let before = Arc::as_ptr(&routes.0.lock());
        routes.change(&bot("echo"), |route| route.secrets.clear());
        assert_eq!(Arc::as_ptr(&routes.0.lock()), before);
    }
}
