//! Faults on demand: a list of rules, the first that fits decides and is used up.
//!
//! `rule` is the form in which a fault is written, `effect` what comes of it, `chance` the seeded generator
//! behind probabilities and spans, `hidden` what an event has told of too early.

mod chance;
mod effect;
mod hidden;
mod rule;

use chance::Dice;
pub(crate) use effect::{Effect, List, Wire};
pub(crate) use hidden::Hidden;
pub(crate) use rule::{Asked, EMPTIED, Rule};

use crate::{base::Millis, sim::refusal::Refusal};

/// More rules than any test writes.
const MOST_RULES: usize = 1_000;

/// A rule with what is left of it.
#[derive(Debug)]
struct InForce {
    rule: Rule,
    /// Uses left; 0 is without end.
    left: u32,
    /// When it ends by itself.
    until: Option<Millis>,
    dice: Dice,
}

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Rules {
    in_force: Vec<InForce>,
    last_id: u64,
    seed: u64,
    /// What cannot be read yet.
    pub(crate) hidden: Hidden,
}

impl Rules {
    /// None yet; what is drawn hangs on `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { in_force: Vec::new(), last_id: 0, seed, hidden: Hidden::default() }
    }

    /// What the generator started from.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Starts the generator anew, for the rules in force too.
    pub(crate) fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
        for force in &mut self.in_force {
            force.dice = Dice::new(seed, force.rule.id);
        }
    }

    /// Adds one behind the others; its id.
    pub(crate) fn add(&mut self, rule: Rule, now: Millis) -> Result<u64, Refusal> {
        rule.check()?;
        self.expire(now);
        if self.in_force.len() >= MOST_RULES {
            return Err(Refusal::new(409, format!("at most {MOST_RULES} rules at once")));
        }
        self.last_id += 1;
        let id = self.last_id;
        let until = rule.for_ms.map(|millis| now.plus(std::time::Duration::from_millis(millis)));
        let (left, dice) = (rule.often(), Dice::new(self.seed, id));
        self.in_force.push(InForce { rule: Rule { id, ..rule }, left, until, dice });
        Ok(id)
    }

    /// Removes one. Whether it was there.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.in_force.len();
        self.in_force.retain(|force| force.rule.id != id);
        self.in_force.len() < before
    }

    /// Removes all.
    pub(crate) fn clear(&mut self) {
        self.in_force.clear();
    }

    /// Whether there is nothing to look at: the usual case, and the cheap one.
    pub(crate) fn is_empty(&self) -> bool {
        self.in_force.is_empty()
    }

    /// Those in force, with how often and how long they are left.
    pub(crate) fn list(&mut self, now: Millis) -> Vec<Rule> {
        self.expire(now);
        let left = |force: &InForce| Rule {
            times: Some(force.left),
            for_ms: force.until.map(|until| crate::base::whole_millis(until.since(now))),
            ..force.rule.clone()
        };
        self.in_force.iter().map(left).collect()
    }

    /// What the first rule that fits does; uses it up.
    pub(crate) fn apply(&mut self, asked: Asked<'_>, now: Millis) -> Option<Effect> {
        self.expire(now);
        let fits = |force: &mut InForce| {
            force.rule.fits(asked) && force.rule.chance.is_none_or(|chance| force.dice.happens(chance))
        };
        let at = self.in_force.iter_mut().position(fits)?;
        let force = self.in_force.get_mut(at)?;
        let effect = force.effect();
        match force.left {
            0 => {}
            1 => {
                self.in_force.remove(at);
            }
            _ => force.left -= 1,
        }
        Some(effect)
    }

    fn expire(&mut self, now: Millis) {
        self.in_force.retain(|force| force.until.is_none_or(|until| now < until));
    }
}

impl InForce {
    fn effect(&mut self) -> Effect {
        let rule = &self.rule;
        Effect {
            rule: rule.id,
            delay_ms: rule.delay_ms.map_or(0, |span| self.dice.between(span.least, span.most)),
            status: rule.status,
            retry_after: rule.retry_after.clone(),
            html: rule.html,
            wire: rule.wire,
            slow_ms: rule.slow_ms,
            list: rule.list,
            revoke: rule.revoke,
            scan: rule.scan.map(|scan| (scan, rule.scan_ms)),
            copies: rule.copies,
            reorder: rule.reorder,
            hide_ms: rule.hide_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_000);

    fn with(rules: &[&str]) -> Rules {
        let mut all = Rules::new(1);
        for json in rules {
            all.add(serde_json::from_str(json).unwrap(), NOW).unwrap();
        }
        all
    }

    fn post() -> Asked<'static> {
        Asked::request(Some("t"), Some("a@example.com"), "POST", "/messages", "")
    }

    #[test]
    fn a_rule_is_used_up_by_what_fits_it() {
        let mut rules = with(&[r#"{"method":"post","path":"/messages","times":2,"status":503}"#]);
        assert_eq!(rules.apply(Asked { method: "GET", ..post() }, NOW), None);
        assert_eq!(rules.apply(Asked { path: "/rooms", ..post() }, NOW), None);
        for _ in 0..2 {
            assert_eq!(rules.apply(post(), NOW).and_then(|effect| effect.status), Some(503));
        }
        assert_eq!(rules.apply(post(), NOW), None);
        assert!(rules.is_empty());
    }

    #[test]
    fn a_rule_without_a_count_stays_until_it_is_removed() {
        let mut rules = with(&[r#"{"on":"delivery","email":"ECHO@webex.bot","times":0,"copies":2}"#]);
        let asked = Asked::delivery(Some("echo@webex.bot"), "messages/created");
        for _ in 0..5 {
            assert_eq!(rules.apply(asked, NOW).and_then(|effect| effect.copies), Some(2));
        }
        assert!(rules.remove(1) && !rules.remove(1));
        assert_eq!(rules.apply(asked, NOW), None);
    }

    #[test]
    fn a_rule_for_a_time_ends_with_it_and_says_what_is_left() {
        let mut rules = with(&[r#"{"status":503,"for_ms":500}"#]);
        assert!(rules.apply(post(), Millis(1_499)).is_some());
        assert_eq!(rules.list(Millis(1_400))[0].for_ms, Some(100));
        assert_eq!(rules.apply(post(), Millis(1_500)), None);
        assert!(rules.is_empty());
    }

    #[test]
    fn the_first_that_fits_decides_and_one_that_does_not_come_lets_the_next() {
        let mut rules = with(&[r#"{"status":500,"chance":0.5}"#, r#"{"status":503,"times":0}"#]);
        let drawn: Vec<u16> = (0..64).filter_map(|_| rules.apply(post(), NOW)?.status).collect();
        assert_eq!(drawn.len(), 64);
        assert!(drawn.contains(&500) && drawn.contains(&503));
        rules.set_seed(1);
        let again: Vec<u16> = (0..64).filter_map(|_| rules.apply(post(), NOW)?.status).collect();
        assert_eq!(again, drawn, "the same seed draws the same");
        rules.set_seed(2);
        let other: Vec<u16> = (0..64).filter_map(|_| rules.apply(post(), NOW)?.status).collect();
        assert_ne!(other, drawn);
    }

    #[test]
    fn a_span_is_drawn_from_anew_each_time() {
        let mut rules = with(&[r#"{"delay_ms":[100,900],"times":0}"#]);
        let drawn: Vec<u64> = (0..20).map(|_| rules.apply(post(), NOW).unwrap().delay_ms).collect();
        assert!(drawn.iter().all(|millis| (100..=900).contains(millis)));
        assert!(drawn.iter().any(|millis| *millis != drawn[0]));
    }

    #[test]
    fn there_are_no_more_rules_than_there_may_be() {
        let mut rules = Rules::new(1);
        let rule = || Rule { status: Some(500), ..Rule::default() };
        (0..MOST_RULES).for_each(|_| assert!(rules.add(rule(), NOW).is_ok()));
        assert_eq!(rules.add(rule(), NOW).unwrap_err().status, 409);
    }
}
