//! The ledger: what was accepted against what became of it, row by row and message by message. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use uuid::Uuid;

use super::{
    bots::{Kind, LINES, Piece, Word, lines},
    evidence::{Event, Evidence, Fate, Knock, Promise, Reply, Said, State},
    story,
};

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wrong {
    /// Accepted, and without exactly one outcome, or without what its outcome promised.
    Lost,
    /// Said or stored more than once, and nothing says why.
    Duplicate,
    /// Handled or said before something that came before it.
    OutOfOrder,
    /// Said to nobody's message, or in another place.
    Stray,
}

/// One thing that is wrong, with all that is known of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    pub(crate) wrong: Wrong,
    pub(crate) what: String,
    pub(crate) story: Vec<String>,
}

/// What came of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Verdict {
    /// Messages whose webhook was answered 2xx.
    pub(crate) accepted: u64,
    /// Stored although no 2xx was seen: it was on its way when the service died.
    pub(crate) stored_unseen: u64,
    /// Refused or never delivered, by what came of the last try: Webex gave up, and nothing was promised.
    pub(crate) never_accepted: BTreeMap<String, u64>,
    /// Webhooks that came again and were known.
    pub(crate) repeated_webhooks: u64,
    pub(crate) finished: u64,
    /// Buried, by reason.
    pub(crate) buried: BTreeMap<String, u64>,
    /// Messages that were promised.
    pub(crate) deliveries: u64,
    /// Of them, marked as having been repeated in doubt.
    pub(crate) doubtful: u64,
    /// Messages said once more, and marked so.
    pub(crate) explained_duplicates: u64,
    /// Not said, because the bot would rather be silent.
    pub(crate) skipped: u64,
    /// Given up, by reason.
    pub(crate) failed: BTreeMap<String, u64>,
    pub(crate) findings: Vec<Finding>,
}

impl Verdict {
    pub(crate) fn count(&self, wrong: Wrong) -> usize {
        self.findings.iter().filter(|finding| finding.wrong == wrong).count()
    }
}

/// Judges a run that has come to rest.
pub(crate) fn judge(evidence: &Evidence) -> Verdict {
    let mut court = Court::new(evidence);
    for said in &evidence.said {
        court.message(said);
    }
    court.strangers();
    court.order_of_turns();
    court.order_of_sends();
    court.verdict
}

/// The evidence, found by what it is about.
struct Court<'e> {
    evidence: &'e Evidence,
    knocks: HashMap<(&'e str, &'e str), Vec<&'e Knock>>,
    events: HashMap<(&'e str, &'e str), Vec<&'e Event>>,
    promises: HashMap<Uuid, Vec<&'e Promise>>,
    replies: HashMap<(&'e str, Piece), Vec<&'e Reply>>,
    verdict: Verdict,
}

impl<'e> Court<'e> {
    fn new(evidence: &'e Evidence) -> Self {
        let mut court = Self {
            evidence,
            knocks: HashMap::new(),
            events: HashMap::new(),
            promises: HashMap::new(),
            replies: HashMap::new(),
            verdict: Verdict::default(),
        };
        for knock in &evidence.knocks {
            court.knocks.entry((&knock.bot, &knock.message)).or_default().push(knock);
        }
        for event in &evidence.events {
            if let Some(message) = &event.message {
                court.events.entry((&event.bot, message)).or_default().push(event);
            }
        }
        for promise in &evidence.promises {
            court.promises.entry(promise.event).or_default().push(promise);
        }
        for reply in &evidence.replies {
            if let Some(piece) = Piece::of(&reply.text) {
                court.replies.entry((&reply.bot, piece)).or_default().push(reply);
            }
        }
        court
    }

    fn find(&mut self, wrong: Wrong, number: Option<u32>, what: String) {
        let story = number.map(|number| story::of(self.evidence, number)).unwrap_or_default();
        self.verdict.findings.push(Finding { wrong, what, story });
    }

    /// One message: accepted or not, its outcome, what was promised and what was said.
    fn message(&mut self, said: &'e Said) {
        let key = (said.bot.as_str(), said.id.as_str());
        let knocks = self.knocks.get(&key).map_or(0, |knocks| knocks.iter().filter(|knock| knock.accepted()).count());
        let about = |what: &str| format!("message {} to {}: {what}", said.number, said.bot);
        let rows = self.events.get(&key).cloned().unwrap_or_default();
        if knocks > 0 {
            self.verdict.accepted += 1;
            self.verdict.repeated_webhooks += knocks as u64 - 1;
        }
        let event = match rows[..] {
            [] if knocks > 0 => {
                return self.find(Wrong::Lost, Some(said.number), about("answered 2xx, and no row of it"));
            }
            [] => {
                let last = self.knocks.get(&key).and_then(|knocks| knocks.last());
                let why = last.map_or("never tried".to_owned(), |knock| {
                    knock.status.map_or("nobody answered".to_owned(), |status| format!("answered {status}"))
                });
                *self.verdict.never_accepted.entry(why).or_default() += 1;
                return;
            }
            [event] => event,
            _ => return self.find(Wrong::Duplicate, Some(said.number), about("stored more than once")),
        };
        self.verdict.stored_unseen += u64::from(knocks == 0);
        let promises = self.promises.get(&event.id).cloned().unwrap_or_default();
        match event.state {
            State::Pending => self.find(Wrong::Lost, Some(said.number), about("accepted, and without an outcome")),
            State::Buried => {
                let reason = event.reason.clone().unwrap_or_else(|| "no reason".to_owned());
                *self.verdict.buried.entry(reason).or_default() += 1;
                if !promises.is_empty() {
                    self.find(Wrong::Stray, Some(said.number), about("buried, and promised something all the same"));
                }
            }
            State::Finished => {
                self.verdict.finished += 1;
                self.finished(said, event, &promises);
            }
        }
    }

    fn finished(&mut self, said: &'e Said, event: &Event, promises: &[&'e Promise]) {
        let about = |what: &str| format!("message {} to {}: {what}", said.number, said.bot);
        let rule = event.rule.as_deref().unwrap_or("none");
        if promises.is_empty() || rule.starts_with("none") {
            return self.find(Wrong::Lost, Some(said.number), about(&format!("finished without an answer: {rule}")));
        }
        if said.kind == Kind::Fragile && said.word == Word::Boom {
            self.find(Wrong::Stray, Some(said.number), about("answered although its template cannot"));
        }
        self.verdict.deliveries += promises.len() as u64;
        let mut told = BTreeSet::new();
        for promise in promises {
            self.delivery(said, promise, &mut told);
        }
        let whole = promises.iter().all(|promise| promise.fate == Fate::Sent);
        if said.word == Word::Long && whole && !(0..LINES).all(|line| told.contains(&line)) {
            self.find(Wrong::Lost, Some(said.number), about("a part of its long answer is missing"));
        }
    }

    /// One promise against what was said. `told` collects the lines of a long answer.
    fn delivery(&mut self, said: &'e Said, promise: &'e Promise, told: &mut BTreeSet<u32>) {
        let about = |what: &str| format!("message {} to {}, delivery {}: {what}", said.number, said.bot, promise.seq);
        let Some(piece) = promise.piece.filter(|piece| piece.number == said.number) else {
            return self.find(Wrong::Stray, Some(said.number), about("promises something else"));
        };
        let copies = self.replies.get(&(said.bot.as_str(), piece)).cloned().unwrap_or_default();
        self.verdict.doubtful += u64::from(promise.doubtful);
        told.extend(copies.iter().flat_map(|copy| lines(&copy.text)));
        match promise.fate {
            Fate::Pending => self.find(Wrong::Lost, Some(said.number), about("never ended")),
            Fate::Sent if copies.is_empty() => self.find(Wrong::Lost, Some(said.number), about("sent, and not there")),
            Fate::Sent => {
                if let Some(id) = &promise.remote_id
                    && copies.iter().all(|copy| copy.id != *id)
                {
                    self.find(Wrong::Stray, Some(said.number), about("sent as a message that is another one"));
                }
            }
            Fate::Failed => {
                let reason = promise.reason.clone().unwrap_or_else(|| "no reason".to_owned());
                *self.verdict.failed.entry(reason).or_default() += 1;
            }
            Fate::Skipped => self.verdict.skipped += 1,
        }
        if promise.room.as_ref().is_some_and(|room| copies.iter().any(|copy| copy.room != *room)) {
            self.find(Wrong::Stray, Some(said.number), about("said in another room"));
        }
        let more = copies.len().saturating_sub(1) as u64;
        if more > 0 {
            if promise.doubtful && said.kind != Kind::Careful && copies.len() as u64 <= promise.attempt {
                self.verdict.explained_duplicates += more;
            } else {
                let what =
                    format!("said {} times in {} tries, doubtful: {}", copies.len(), promise.attempt, promise.doubtful);
                self.find(Wrong::Duplicate, Some(said.number), about(&what));
            }
        }
    }

    /// What belongs to nothing that was said.
    fn strangers(&mut self) {
        let known: HashMap<u32, &Said> = self.evidence.said.iter().map(|said| (said.number, said)).collect();
        let ids: BTreeSet<(&str, &str)> =
            self.evidence.said.iter().map(|said| (said.bot.as_str(), said.id.as_str())).collect();
        for event in &self.evidence.events {
            if event.message.as_ref().is_some_and(|id| !ids.contains(&(event.bot.as_str(), id.as_str()))) {
                let what = format!("event {} of {} is about a message that nobody said to it", event.id, event.bot);
                self.find(Wrong::Stray, None, what);
            }
        }
        let events: HashMap<Uuid, &Event> = self.evidence.events.iter().map(|event| (event.id, event)).collect();
        let mut promised: BTreeSet<(&str, Piece)> = BTreeSet::new();
        for promise in &self.evidence.promises {
            if !events.contains_key(&promise.event) {
                let what = format!("delivery {} of {} answers an event that is not there", promise.seq, promise.bot);
                self.find(Wrong::Stray, promise.piece.map(|piece| piece.number), what);
            }
            promised.extend(promise.piece.map(|piece| (promise.bot.as_str(), piece)));
        }
        for reply in &self.evidence.replies {
            let piece = Piece::of(&reply.text);
            let fits = piece.is_some_and(|piece| {
                known.get(&piece.number).is_some_and(|said| said.bot == reply.bot)
                    && promised.contains(&(reply.bot.as_str(), piece))
            });
            if !fits {
                let what = format!("{} said something that it had not promised (message {})", reply.bot, reply.id);
                self.find(Wrong::Stray, piece.map(|piece| piece.number), what);
            }
        }
    }

    /// Inside an order key: one turn after the other, in the order of acceptance.
    fn order_of_turns(&mut self) {
        let mut keys: BTreeMap<(&str, &str), Vec<&Event>> = BTreeMap::new();
        for event in self.evidence.events.iter().filter(|event| event.finished_at.is_some()) {
            keys.entry((&event.bot, &event.order_key)).or_default().push(event);
        }
        for events in keys.into_values() {
            let mut last_promise = i64::MIN;
            for (at, event) in events.iter().enumerate() {
                let earlier = at.checked_sub(1).map(|at| events[at]);
                let promises = self.promises.get(&event.id).cloned().unwrap_or_default();
                let first = promises.iter().map(|promise| promise.seq).min();
                let overtook = earlier.is_some_and(|earlier| event.finished_at < earlier.finished_at);
                if overtook || first.is_some_and(|first| first <= last_promise) {
                    let what = format!("event {} of {} overtook one of its order key", event.seq, event.bot);
                    self.find(Wrong::OutOfOrder, self.number_of(event), what);
                }
                last_promise =
                    promises.iter().map(|promise| promise.seq).max().unwrap_or(last_promise).max(last_promise);
            }
        }
    }

    fn number_of(&self, event: &Event) -> Option<u32> {
        let message = event.message.as_deref()?;
        let mut said = self.evidence.said.iter();
        said.find(|said| said.bot == event.bot && said.id == message).map(|said| said.number)
    }

    /// Into one destination: one after the other, in the order of promise. What is known to have been sent was
    /// there before anything of what was promised later.
    fn order_of_sends(&mut self) {
        let mut destinations: BTreeMap<(&str, &str), Vec<&Promise>> = BTreeMap::new();
        for promise in &self.evidence.promises {
            destinations.entry((&promise.bot, &promise.order_key)).or_default().push(promise);
        }
        for promises in destinations.into_values() {
            let mut sent = 0;
            for promise in promises {
                let Some(piece) = promise.piece else { continue };
                let copies = self.replies.get(&(promise.bot.as_str(), piece)).cloned().unwrap_or_default();
                if copies.iter().any(|copy| copy.seq < sent) {
                    let what = format!("delivery {} of {} overtook one to the same place", promise.seq, promise.bot);
                    self.find(Wrong::OutOfOrder, Some(piece.number), what);
                }
                let known = copies.iter().filter(|copy| promise.remote_id.as_ref() == Some(&copy.id));
                sent = known.map(|copy| copy.seq).max().unwrap_or(sent).max(sent);
            }
        }
    }
}

#[cfg(test)]
mod tests;
