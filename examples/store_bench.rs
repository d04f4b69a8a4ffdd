//! How fast the store is, and where the time goes: `cargo run --release --example store_bench [EVENTS [LANES…]]`.
//!
//! So many lanes at once take events through the whole write set: accept (inbox and seen), claim, end of the turn
//! with one delivery, mark, record. A batch is what queues during a commit, so the number of lanes is about the
//! size of a batch. CPU is read per thread, because the engine's, the writer's and the callers' differ. What an
//! accept takes is what Webex waits for: half of them, all but one of a hundred, and the longest.

#![expect(clippy::print_stdout, reason = "it prints its results")]

use std::{
    collections::BTreeMap,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use botyard::{
    base::{BotId, Clock, Digest, EventId, Lease, Millis, Seq},
    store::{
        Accepted, Class, DeliveryOutcome, DeliveryResult, Doorbell, Lane, NewBot, NewDelivery, NewEvent, Store as _,
        TurnAnswer, TurnCommit, TurnOutcome, Wake,
        sqlite::{OpenOptions, SealKey, SqliteStore},
    },
};

const BOTS: usize = 100;

/// What is handed along is not looked at: `mark` needs only the number, and numbers run with the turns.
struct Deaf(std::sync::mpsc::Sender<(EventId, Seq)>);

impl Doorbell for Deaf {
    fn ring(&self, wake: Wake) {
        for row in wake.deliveries {
            if self.0.send((row.id, row.seq)).is_err() {
                // The round is over.
                return;
            }
        }
    }
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1).map(|text| text.parse());
    let events: usize = args.next().unwrap_or(Ok(40_000)).context("EVENTS is a number")?;
    let lanes: Vec<usize> = args.collect::<Result<_, _>>().context("LANES are numbers")?;
    let lanes = if lanes.is_empty() { vec![1, 4, 16, 64, 256] } else { lanes };
    println!(
        "{:>6} {:>9} {:>10} {:>8} | accept in ms: {:>6} {:>6} {:>6} | CPU in µs per event: {:>6} {:>6} {:>7} {:>6}",
        "lanes", "events/s", "commits/s~", "ms/event", "p50", "p99", "max", "engine", "writer", "callers", "store"
    );
    for lanes in lanes {
        let events = if lanes == 1 { events / 8 } else { events };
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?
            .block_on(tokio::task::LocalSet::new().run_until(round(lanes, events)))?;
    }
    Ok(())
}

async fn round(lanes: usize, events: usize) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut options =
        OpenOptions::new(dir.path().to_owned(), Clock::System, SealKey::from_bytes([1; 32]), Arc::new(Deaf(sender)));
    options.faults.sync_delay =
        std::env::var("SYNC_DELAY_MS").ok().and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
    let store = SqliteStore::open(options).await?;
    let mut leases = Vec::new();
    for index in 0..BOTS {
        let bot = BotId::parse(&format!("bot-{index}"))?;
        let digest = Digest::of([bot.as_str().as_bytes()]);
        store
            .put_bot(NewBot { bot: bot.clone(), definition: bot.clone(), digest, source: String::new(), kinds: 1 })
            .await?;
        leases.push(store.take_lease(bot, "bench".into()).await?);
    }
    // Ids of deliveries to their numbers, as far as rung.
    let numbers = std::cell::RefCell::new(BTreeMap::new());
    let number = |id: EventId| -> Result<Seq> {
        let mut numbers = numbers.borrow_mut();
        if let Some(seq) = numbers.remove(&id) {
            return Ok(seq);
        }
        // The answer may come a moment before the ring.
        loop {
            let (rung, seq) = receiver.recv()?;
            if rung == id {
                return Ok(seq);
            }
            numbers.insert(rung, seq);
        }
    };

    let accepts = std::cell::RefCell::new(Vec::with_capacity(events));
    let before = cpu()?;
    let start = Instant::now();
    let per_lane = events / lanes;
    let work = (0..lanes).map(|lane| {
        let (store, leases, number, accepts) = (&store, &leases, &number, &accepts);
        async move {
            for n in 0..per_lane {
                let accept = one(store, &leases[(lane * 31 + n) % BOTS], lane, n, number).await?;
                accepts.borrow_mut().push(accept);
            }
            Ok::<_, anyhow::Error>(())
        }
    });
    for done in futures_util::future::join_all(work).await {
        done?;
    }
    let took = start.elapsed();
    let after = cpu()?;
    store.close().await?;

    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let events = (per_lane * lanes) as f64;
    let spent = |thread: &str| {
        let of = |at: &BTreeMap<String, u64>| at.get(thread).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let spent = (of(&after) - of(&before)) as f64 / 1000.0 / events;
        spent
    };
    let (engine, writer, callers) = (spent("store-writer"), spent("store"), spent("store_bench"));
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let commits = events * 5.0 / lanes as f64 / took.as_secs_f64();
    let mut accepts = accepts.into_inner();
    accepts.sort_unstable();
    let rank = |percent: usize| accepts.get(accepts.len() * percent / 100).or(accepts.last());
    let ms = |percent| rank(percent).map_or(0.0, |took| took.as_secs_f64() * 1000.0);
    println!(
        "{lanes:>6} {:>9.0} {commits:>10.0} {:>8.3} | {:>13} {:>6.2} {:>6.2} {:>6.1} | {:>20} {engine:>6.1} {writer:>6.1} {callers:>7.1} {:>6.1}",
        events / took.as_secs_f64(),
        took.as_secs_f64() * 1000.0 / events,
        "",
        ms(50),
        ms(99),
        ms(100),
        "",
        engine + writer
    );
    Ok(())
}

/// One event, through everything that is written for it. Answers how long its accept took.
async fn one(
    store: &SqliteStore,
    lease: &Lease,
    lane: usize,
    n: usize,
    number: &impl Fn(EventId) -> Result<Seq>,
) -> Result<Duration> {
    let id = EventId::new();
    let new = NewEvent {
        bot: lease.bot.clone(),
        id,
        kind: "messages.created",
        order_key: format!("{:0>79}|{:0>79}", lane, n % 50),
        dedupe_key: format!("messages.created|{:x}{:0>60}", id.0.as_u128().reverse_bits(), n),
        seen_until: Clock::System.now().plus(Duration::from_hours(72)),
        class: Class::Interactive,
        due_at: Millis(0),
        payload: vec![b'x'; 450],
        envelope: None,
        answers: None,
    };
    let start = Instant::now();
    let Accepted::New(seq) = store.accept(new).await? else { bail!("a new event was a duplicate") };
    let accept = start.elapsed();
    if store.claim(lease.clone(), vec![seq]).await?.is_empty() {
        bail!("a head was not given out");
    }
    let delivery = NewDelivery {
        id: EventId::new(),
        order_key: format!("room:{lane:0>79}"),
        class: Class::Interactive,
        lane: Lane::Webex,
        due_at: Millis(0),
        takes_place: None,
        payload: vec![b'x'; 250],
    };
    let delivery_id = delivery.id;
    let commit = TurnCommit {
        lease: lease.clone(),
        event: seq,
        attempt: 1,
        reads: Vec::new(),
        state: Vec::new(),
        dialogue: None,
        deliveries: vec![delivery],
        timers: Vec::new(),
        cancelled: Vec::new(),
        outcome: TurnOutcome::Finished,
        record: Some(r#"{"needs":["message","person"],"rule":"command \"ping\"","steps":2}"#.to_owned()),
    };
    if store.commit_turn(commit).await? != TurnAnswer::Committed {
        bail!("a turn was not committed");
    }
    let seq = number(delivery_id)?;
    let [mark] = store.mark(lease.clone(), vec![seq]).await?[..] else { bail!("a head may not leave") };
    let outcome = DeliveryOutcome::Sent { remote_id: Some(format!("{n:0>79}")) };
    let tracking_id = Some("ROUTER_63F5B6C4".to_owned());
    let result = DeliveryResult {
        seq,
        epoch: lease.epoch,
        attempt: mark.attempt,
        outcome,
        doubtful: false,
        tracking_id,
        sent: Vec::new(),
        failure: None,
        then: Vec::new(),
    };
    if !store.record(result).await? {
        bail!("a send was not recorded");
    }
    Ok(accept)
}

/// Nanoseconds on a CPU so far, by thread name.
fn cpu() -> Result<BTreeMap<String, u64>> {
    let mut spent = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        let name = fs::read_to_string(path.join("comm"))?.trim().to_owned();
        let stat = fs::read_to_string(path.join("schedstat"))?;
        let ns: u64 = stat.split(' ').next().unwrap_or_default().parse()?;
        *spent.entry(name).or_default() += ns;
    }
    Ok(spent)
}
