//! Notices that something below `bots.d` changed, and tells the roster to look.
//!
//! The guarantee is a stat look each second: file notification is blind on network file systems, some bind
//! mounts and the swapped symlinks of mounted ConfigMaps. Notification only hastens the look. A change counts
//! when it stands still over two looks 100 ms apart, so that a file half written is not read.

use std::{os::unix::fs::MetadataExt, path::PathBuf, sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use notify::{RecursiveMode, Watcher as _};

use super::{
    exit::ExitGuard,
    line::Line,
    roster::{Look, Roster, TokenFiles},
};
use crate::{
    base::{Mark, Point},
    definition::scan,
};

/// Between two looks when nothing happens.
const LOOK: Duration = Duration::from_secs(1);
/// A change counts when two looks this far apart see the same.
const STILL: Duration = Duration::from_millis(100);
/// Looks at a change that does not come to rest; then the roster is told anyway.
const PATIENCE: u32 = 5;

/// The watcher.
pub struct Watcher {
    dirs: Vec<PathBuf>,
    roster: Line<Roster>,
    /// A mark of what the roster was last told of.
    told: Mark,
    looking: bool,
    notified: bool,
    /// Hastens looks where it works; dropped with the actor.
    notifier: Option<notify::RecommendedWatcher>,
    exit: ExitGuard,
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watcher").field("dirs", &self.dirs).finish_non_exhaustive()
    }
}

/// Something may have changed: look now.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Hasten;

impl Watcher {
    /// A watcher over `dirs`; `notified: false` makes it rely on looking alone, as on a blind file system.
    #[must_use]
    pub fn new(dirs: Vec<PathBuf>, roster: Line<Roster>, notified: bool, exit: ExitGuard) -> Self {
        Self { dirs, roster, told: see(&[], &[]), looking: false, notified, notifier: None, exit }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        self.exit.pass(Point::InWatcher);
        if std::mem::replace(&mut self.looking, true) {
            return;
        }
        let (dirs, roster, told) = (self.dirs.clone(), self.roster.clone(), self.told);
        let look = async move {
            let now = settled(dirs, &roster, told).await?;
            if let Some(roster) = roster.addr()
                && let Err(error) = roster.send(Look { confirm_removals: false }).await
            {
                tracing::warn!(error = %error, "the roster did not look; it is told again at the next look");
                return None;
            }
            Some(now)
        };
        ctx.spawn(look.into_actor(self).map(|now, watcher, _| {
            watcher.looking = false;
            if let Some(now) = now {
                watcher.told = now;
            }
        }));
    }

    fn notify_of_changes(&mut self, ctx: &mut Context<Self>) {
        let hasten = ctx.address().recipient::<Hasten>();
        let told = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                // A full mailbox is as good as told: the next look is a second away at most.
                let _ = hasten.try_send(Hasten);
            }
        };
        let watching = notify::recommended_watcher(told).and_then(|mut notifier| {
            for dir in &self.dirs {
                notifier.watch(dir, RecursiveMode::Recursive)?;
            }
            Ok(notifier)
        });
        match watching {
            Ok(notifier) => self.notifier = Some(notifier),
            Err(error) => {
                tracing::debug!(error = %error, "file notification does not work here; looking each second does");
            }
        }
    }
}

/// A mark of what one look saw: definitions, and the files that tokens are read from. What was seen is compared with
/// what is seen next and serves nothing else, and of thousands of files it would be much to keep.
fn see(dirs: &[PathBuf], tokens: &[PathBuf]) -> Mark {
    let stat = |path: &PathBuf| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.len(), found.modified().ok()?, found.ino()))
    };
    Mark::of(&(scan(dirs), tokens.iter().map(stat).collect::<Vec<_>>()))
}

/// Waits until what is seen differs from `told` and stands still; `None` when nothing changed.
async fn settled(dirs: Vec<PathBuf>, roster: &Line<Roster>, told: Mark) -> Option<Mark> {
    let tokens = match roster.addr() {
        Some(roster) => roster.send(TokenFiles).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let places = Arc::new((dirs, tokens));
    let look = || {
        let places = places.clone();
        async move { tokio::task::spawn_blocking(move || see(&places.0, &places.1)).await.ok() }
    };
    let mut last = look().await?;
    if last == told {
        return None;
    }
    for _ in 0..PATIENCE {
        tokio::time::sleep(STILL).await;
        let now = look().await?;
        if now == last {
            break;
        }
        last = now;
    }
    Some(last)
}

impl Actor for Watcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.notified {
            self.notify_of_changes(ctx);
        }
        self.look(ctx);
        ctx.run_interval(LOOK, Self::look);
    }
}

impl Handler<Hasten> for Watcher {
    type Result = ();

    fn handle(&mut self, _: Hasten, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}
