//! What every scene stands on: upstream and service, a load sent and answered, and what it took.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::time::sleep;

use crate::{
    driver::{Load, Pace, Said, Target, Until, drive},
    figures::{Flow, Times},
    ledger::Ledger,
    process,
    service::{Plan, Service, Start},
    upstream::Upstream,
};

/// Answers are waited for as long as some came within this time.
const STALL: Duration = Duration::from_secs(20);
/// After the last answer, how long is waited for one too many.
pub(crate) const LINGER: Duration = Duration::from_millis(500);
/// At most so many messages a second are written down; a load that reaches it ends early.
const MOST_A_SECOND: u64 = 40_000;

/// What all scenes have in common.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) plan: Plan,
    pub(crate) connections: usize,
    pub(crate) threads: usize,
    pub(crate) time: Duration,
    pub(crate) show_metrics: bool,
}

impl Setup {
    pub(crate) fn load(&self, pace: Pace, until: Until) -> Load {
        Load { connections: self.connections, threads: self.threads, bot: None, pace, until }
    }

    /// So many people write to each bot that every connection has some, and no bot has one alone.
    pub(crate) fn pairs(&self, bots: usize) -> usize {
        bots * self.connections.div_ceil(bots).max(8)
    }

    pub(crate) fn with(&self, bots: usize, settings: &[(&str, String)]) -> Plan {
        let mut plan = self.plan.clone();
        plan.bots = bots;
        plan.settings.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        plan
    }
}

/// Upstream and service, ready to be stormed.
pub(crate) struct Stage {
    pub(crate) upstream: Upstream,
    pub(crate) service: Service,
    pub(crate) target: Arc<Target>,
    next_message: u64,
    show_metrics: bool,
}

impl Stage {
    pub(crate) async fn open(plan: &Plan, pairs: usize, show_metrics: bool) -> Result<(Self, Start)> {
        tell(&format!("starting the service with {} bots …", plan.bots));
        let upstream = Upstream::start(plan.bots)?;
        let (service, start, hooks) = Service::start(plan, &upstream).await?;
        let target = Arc::new(Target::new(service.listen, &hooks, pairs)?);
        Ok((Self { upstream, service, target, next_message: 1, show_metrics }, start))
    }

    /// Sends, waits for the answers and adds it all up.
    pub(crate) async fn load(&mut self, name: &str, load: Load) -> Result<Flow> {
        let mut running = self.send(name, load).await?;
        self.finish(&mut running).await
    }

    pub(crate) async fn send(&mut self, name: &str, load: Load) -> Result<Running> {
        tell(&format!("{name}: {} …", describe(load)));
        let running = self.begin(name, load, 0)?;
        let said = drive(&self.target, &running.ledger, load).await?;
        self.sent(running, said)
    }

    /// Whose webhooks are about to be sent: by `drive`, with this ledger. It has room for `more` besides.
    pub(crate) fn begin(&self, name: &str, load: Load, more: usize) -> Result<Running> {
        let capacity = capacity(load, MOST_A_SECOND, self.target.pairs)? + more;
        let ledger = Arc::new(Ledger::new(self.next_message, capacity, self.target.pairs, load.connections));
        self.upstream.record(&ledger);
        let before = Used::now(self.service.pid(), &self.upstream)?;
        Ok(Running { name: name.to_owned(), load, ledger, before, said: Said::default() })
    }

    /// Its webhooks have been sent.
    pub(crate) fn sent(&mut self, running: Running, said: Said) -> Result<Running> {
        self.next_message = running.ledger.end();
        self.service.check()?;
        Ok(Running { said, ..running })
    }

    pub(crate) async fn finish(&mut self, running: &mut Running) -> Result<Flow> {
        self.wait_for_answers(&running.ledger).await?;
        let Running { name, load, ledger, before, said } = running;
        let used = Used::now(self.service.pid(), &self.upstream)?.since(before);
        let memory = process::memory(self.service.pid())?;
        if self.show_metrics {
            tell(&format!("metrics after `{name}`:\n{}", self.service.metrics().await?));
        }
        let (accepted, replies) = ledger.progress();
        let each = |time: Duration| time.as_secs_f64() * 1e3 / float(accepted.max(1));
        Ok(Flow {
            name: name.clone(),
            bots: self.target.bots(),
            connections: load.connections,
            seconds: said.took.as_secs_f64(),
            accepted,
            refused: said.statuses.iter().filter(|(status, _)| **status != 200).map(|(s, c)| (*s, *c)).collect(),
            acks_per_second: float(accepted) / said.took.as_secs_f64(),
            ack_ms: Times::of(&ledger.ack_times()),
            replies,
            replies_per_second: float(replies) / ledger.answering_time().as_secs_f64().max(1e-9),
            reply_ms: Times::of(&ledger.answer_times()),
            faults: ledger.faults(),
            cpu_ms: each(used.service),
            cpu_ms_by_thread: used.threads.into_iter().map(|(name, time)| (name, each(time))).collect(),
            own_cpu_ms: each(used.own),
            reads: float(used.reads) / float(accepted.max(1)),
            memory,
        })
    }

    async fn wait_for_answers(&mut self, ledger: &Ledger) -> Result<()> {
        let (mut answered_before, mut since) = (0, Instant::now());
        loop {
            let (accepted, answered) = ledger.progress();
            // What was stored and not acknowledged is answered as well, and must not hide what is missing.
            if answered >= accepted && ledger.faults().lost == 0 {
                break;
            }
            if answered > answered_before {
                (answered_before, since) = (answered, Instant::now());
            } else if since.elapsed() > STALL {
                tell(&format!(
                    "{} answers did not come; the service said:\n{}",
                    ledger.faults().lost,
                    self.service.said()
                ));
                break;
            }
            self.service.check()?;
            sleep(Duration::from_millis(10)).await;
        }
        sleep(LINGER).await;
        Ok(())
    }

    pub(crate) fn memory(&self) -> Result<process::Memory> {
        process::memory(self.service.pid())
    }

    pub(crate) async fn close(self) -> Result<()> {
        let unknown = self.upstream.asked().unknown;
        if unknown > 0 {
            tell(&format!("{unknown} requests asked the upstream for what it does not have"));
        }
        self.service.end().await
    }
}

/// A load, until all of it was answered.
pub(crate) struct Running {
    name: String,
    load: Load,
    pub(crate) ledger: Arc<Ledger>,
    before: Used,
    said: Said,
}

/// What was used up to a moment, or between two.
struct Used {
    service: Duration,
    threads: BTreeMap<String, Duration>,
    own: Duration,
    reads: u64,
}

impl Used {
    fn now(pid: u32, upstream: &Upstream) -> Result<Self> {
        Ok(Self {
            service: process::cpu(pid)?,
            threads: process::cpu_by_thread(pid)?,
            own: process::cpu(std::process::id())?,
            reads: upstream.asked().reads,
        })
    }

    fn since(mut self, before: &Self) -> Self {
        self.service = self.service.saturating_sub(before.service);
        self.own = self.own.saturating_sub(before.own);
        self.reads -= before.reads;
        for (name, time) in &mut self.threads {
            *time = time.saturating_sub(before.threads.get(name).copied().unwrap_or_default());
        }
        self
    }
}

/// How many messages a load may have at most.
pub(crate) fn capacity(load: Load, most_a_second: u64, pairs: usize) -> Result<usize> {
    let most = match load.until {
        Until::Elapsed(time) => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are small and positive")]
            let most = if let Pace::Rate(rate) = load.pace { rate.ceil() as u64 + 1 } else { most_a_second };
            (time.as_secs() + 1) * most
        }
        Until::Count(count) => count,
        Until::Rounds(rounds) => rounds * u64::try_from(pairs)?,
    };
    Ok(usize::try_from(most)?)
}

pub(crate) fn describe(load: Load) -> String {
    let pace = match load.pace {
        Pace::Acked => "each as soon as the last was acknowledged".to_owned(),
        Pace::Answered => "each as soon as the last was answered".to_owned(),
        Pace::Rate(rate) => format!("{rate:.0} a second"),
    };
    let until = match load.until {
        Until::Elapsed(time) => format!("{} s", time.as_secs_f64()),
        Until::Count(count) => format!("{count} messages"),
        Until::Rounds(rounds) => format!("{rounds} of every pair"),
    };
    format!("{until}, {pace}, {} connections", load.connections)
}

/// Says what goes on, so that nobody takes a measurement for a hang.
pub(crate) fn tell(what: &str) {
    let _ = writeln!(std::io::stderr(), "storm: {what}");
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_has_room_for_what_its_load_may_send() {
        let capacity =
            |pace, until| capacity(Load { connections: 1, threads: 1, bot: None, pace, until }, 10, 7).unwrap();
        assert_eq!(capacity(Pace::Acked, Until::Elapsed(Duration::from_secs(3))), 40);
        assert_eq!(capacity(Pace::Rate(2.5), Until::Elapsed(Duration::from_secs(3))), 16);
        assert_eq!(capacity(Pace::Acked, Until::Count(5)), 5);
        assert_eq!(capacity(Pace::Acked, Until::Rounds(2)), 14);
    }
}
