//! Who kills, starts and makes trouble, and at last brings everything to rest.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use botyard::base::{Clock, Millis, whole_millis};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    Options,
    chance::Chance,
    cloud::Cloud,
    evidence::Knock,
    house::House,
    mischief::{self, Folder, LONGEST_GONE, Tally},
    talk::Talk,
};

/// How long the first start may take, until every bot has its webhooks.
const FIRST_START: Duration = Duration::from_mins(1);
/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(100);
/// Between two lines about how it goes.
const NEWS: Duration = Duration::from_secs(10);

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) kills: u64,
    pub(crate) asked: u64,
    pub(crate) starts: u64,
    pub(crate) longest_drain: Duration,
    /// When the service was killed or asked to end.
    pub(crate) stops: Vec<Millis>,
    pub(crate) faults: Tally,
    pub(crate) reloads: Tally,
}

/// The one who does it.
pub(crate) struct Conduct<'r> {
    options: &'r Options,
    cloud: &'r Cloud,
    pub(crate) house: House,
    folder: Folder,
    chance: Chance,
    pub(crate) done: Done,
}

impl<'r> Conduct<'r> {
    pub(crate) fn new(options: &'r Options, cloud: &'r Cloud, house: House, folder: Folder, chance: Chance) -> Self {
        Self { options, cloud, house, folder, chance, done: Done::default() }
    }

    fn start(&mut self) -> Result<()> {
        self.done.starts += 1;
        self.house.start()
    }

    fn kill(&mut self) -> Result<()> {
        self.done.kills += 1;
        self.done.stops.push(Clock::System.now());
        self.house.kill()
    }

    /// The first start, until every bot has its webhooks.
    pub(crate) async fn open(&mut self, bots: usize) -> Result<()> {
        self.start()?;
        let in_step = |bot: &Value| bot["state"] == "running" && bot["webhooks"]["in_step"] == true;
        let ready = |shown: &[Value]| shown.len() == bots && shown.iter().all(in_step);
        self.until("every bot to have its webhooks", FIRST_START, ready).await
    }

    /// Looks at the bots until they are as wanted, twice in a row.
    async fn until(&mut self, what: &str, patience: Duration, wanted: impl Fn(&[Value]) -> bool) -> Result<()> {
        let (began, mut times) = (Instant::now(), 0);
        while times < 2 {
            self.house.check()?;
            let shown = self.house.bots().await.unwrap_or_default();
            times = if wanted(&shown) { times + 1 } else { 0 };
            if began.elapsed() > patience {
                let shown: Vec<String> = shown.iter().map(Value::to_string).collect();
                bail!("waited {} s for {what}:\n{}", patience.as_secs(), shown.join("\n"));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Kills and makes trouble until it is enough.
    pub(crate) async fn storm(&mut self, talk: &Talk, tell: &dyn Fn(&str)) -> Result<()> {
        let (began, mut told) = (Instant::now(), Instant::now());
        while self.done.kills < self.options.kills && began.elapsed() < self.options.time {
            self.live().await?;
            match self.chance.within(0..6) {
                0 => {
                    self.done.asked += 1;
                    self.done.stops.push(Clock::System.now());
                    let drain = self.house.stop().await?;
                    self.done.longest_drain = self.done.longest_drain.max(drain);
                }
                1 => {
                    // Twice within a second: what the first start was about to do is cut off as well.
                    self.kill()?;
                    self.start()?;
                    sleep(Duration::from_millis(self.chance.within(0..700))).await;
                    self.kill()?;
                }
                _ => self.kill()?,
            }
            self.start()?;
            if told.elapsed() > NEWS {
                told = Instant::now();
                tell(&format!(
                    "{:.0} s: {} kills, {} stops, {} faults, {} changes of definitions, {} messages",
                    began.elapsed().as_secs_f64(),
                    self.done.kills,
                    self.done.asked,
                    self.done.faults.values().sum::<u64>(),
                    self.done.reloads.values().sum::<u64>(),
                    talk.said.borrow().len(),
                ));
            }
        }
        Ok(())
    }

    /// One life of the service, with up to four things that go wrong in it.
    async fn live(&mut self) -> Result<()> {
        let life = self.chance.within(self.options.life_ms.clone());
        let mut moments: Vec<u64> = (0..self.chance.within(0..5)).map(|_| self.chance.within(0..life)).collect();
        moments.sort_unstable();
        let mut now = 0;
        for moment in moments {
            sleep(Duration::from_millis(moment - now)).await;
            now = moment;
            let (faults, reloads) = (&mut self.done.faults, &mut self.done.reloads);
            mischief::one(&mut self.chance, self.cloud, &mut self.folder, faults, reloads).await?;
        }
        sleep(Duration::from_millis(life - now)).await;
        let back = self.folder.bring_back(LONGEST_GONE)?;
        if back > 0 {
            *self.done.reloads.entry("brought back".to_owned()).or_default() += back;
        }
        Ok(())
    }

    /// Ends all trouble, waits until nothing is left to do and ends the service; how long the rest took.
    pub(crate) async fn rest(&mut self, tell: &dyn Fn(&str)) -> Result<Duration> {
        self.cloud.control("DELETE", "/rules", json!({})).await?;
        self.folder.mend()?;
        let began = Instant::now();
        loop {
            let totals = self.cloud.control("GET", "", Value::Null).await?;
            let waiting = totals["deliveries"]["waiting"].as_u64().context("the simulator counts no deliveries")?;
            if waiting == 0 {
                break;
            }
            if began.elapsed() > self.options.patience {
                bail!("{waiting} webhooks are still on their way");
            }
            sleep(LOOK).await;
        }
        let idle = |bot: &Value| bot["state"] == "running" && bot["waiting"] == 0 && bot["deliveries"] == 0;
        let at_rest = |shown: &[Value]| !shown.is_empty() && shown.iter().all(idle);
        if let Err(error) = self.until("all that was accepted to be done", self.options.patience, at_rest).await {
            // The ledger tells what is left, and all that is known of it.
            tell(&format!("{error:#}"));
        }
        let rest = began.elapsed();
        self.done.longest_drain = self.done.longest_drain.max(self.house.stop().await?);
        Ok(rest)
    }
}

/// From each stop to the first webhook answered 2xx after it, where no other stop came in between: the middle and
/// the longest, in milliseconds.
pub(crate) fn first_200(stops: &[Millis], knocks: &[Knock]) -> Option<(u64, u64)> {
    let mut good: Vec<Millis> = knocks.iter().filter(|knock| knock.accepted()).map(|knock| knock.at).collect();
    good.sort_unstable();
    let mut times: Vec<u64> = (0..stops.len())
        .filter_map(|stop| {
            let first = *good.get(good.partition_point(|at| *at <= stops[stop]))?;
            let next = stops.get(stop + 1);
            next.is_none_or(|next| first < *next).then(|| whole_millis(first.since(stops[stop])))
        })
        .collect();
    times.sort_unstable();
    Some((*times.get(times.len() / 2)?, *times.last()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_200_after_each_stop_counts_unless_another_stop_came_before_it() {
        let knock = |at, status| Knock { bot: String::new(), message: String::new(), at: Millis(at), status };
        let knocks = [
            knock(90, Some(200)),
            knock(120, None),
            knock(130, Some(503)),
            knock(150, Some(200)),
            knock(450, Some(200)),
        ];
        assert_eq!(first_200(&[Millis(100), Millis(300), Millis(400)], &knocks), Some((50, 50)));
        assert_eq!(first_200(&[Millis(100), Millis(350)], &knocks), Some((100, 100)));
        assert_eq!(first_200(&[Millis(500)], &knocks), None);
    }
}
