//! Faults on demand: a list of rules, the first that fits decides and is used up.
//!
//! One form serves requests and deliveries: what it is about, how often, and what happens instead.

use serde::{Deserialize, Serialize};

use crate::sim::refusal::Refusal;

/// More rules than any test writes.
const MOST_RULES: usize = 1_000;
/// Ten minutes: longer than any timeout one may want to see.
const LONGEST_DELAY: u64 = 600_000;
/// Copies of one delivery.
const MOST_COPIES: u32 = 10;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Given by the simulator.
    #[serde(default, skip_deserializing)]
    pub(crate) id: u64,
    /// Requests to the API, or webhook deliveries.
    #[serde(default)]
    pub(crate) on: On,
    /// Only this token's requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// Only requests of, or deliveries to, who has this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    /// Only this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// Requests: only paths below `/v1` that begin so, as `/messages`. Deliveries: `resource/event` that begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// How often; 0 means until it is removed.
    #[serde(default = "once")]
    pub(crate) times: u32,
    /// What happens.
    #[serde(flatten)]
    pub(crate) effect: Effect,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum On {
    /// Requests to the API.
    #[default]
    Request,
    /// Webhook deliveries.
    Delivery,
}

/// What happens instead of, or around, the usual thing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Effect {
    /// Request: answered with this, unhandled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// With `status`: raw text of `Retry-After`, sensible or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<String>,
    /// Request: handled (or refused) after this long. Delivery: sent after this long, holding up its room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delay_ms: Option<u64>,
    /// Delivery: sent so often; 0 drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) copies: Option<u32>,
}

fn once() -> u32 {
    1
}

/// What a rule is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Request or delivery.
    pub(crate) on: On,
    /// The request's token.
    pub(crate) token: Option<&'a str>,
    /// Who asks, or whose webhook it is.
    pub(crate) email: Option<&'a str>,
    /// The request's method.
    pub(crate) method: &'a str,
    /// The request's path below `/v1`, or `resource/event`.
    pub(crate) path: &'a str,
}

impl<'a> Asked<'a> {
    /// A request.
    pub(crate) fn request(token: Option<&'a str>, email: Option<&'a str>, method: &'a str, path: &'a str) -> Self {
        Self { on: On::Request, token, email, method, path }
    }

    /// A delivery of `resource/event`.
    pub(crate) fn delivery(email: Option<&'a str>, path: &'a str) -> Self {
        Self { on: On::Delivery, token: None, email, method: "POST", path }
    }
}

impl Rule {
    fn fits(&self, asked: Asked<'_>) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found.is_some_and(|found| wanted.eq_ignore_ascii_case(found)))
        };
        self.on == asked.on
            && self.token.as_deref().is_none_or(|token| Some(token) == asked.token)
            && is(&self.email, asked.email)
            && is(&self.method, Some(asked.method))
            && self.path.as_deref().is_none_or(|path| asked.path.starts_with(path))
    }

    fn check(&self) -> Result<(), Refusal> {
        let effect = &self.effect;
        let problem = match self.on {
            On::Request if effect.copies.is_some() => Some("`copies` is for deliveries: add `\"on\": \"delivery\"`"),
            On::Request if effect.status.is_none() && effect.delay_ms.is_none() => {
                Some("a rule on requests needs `status` or `delay_ms`")
            }
            On::Delivery if effect.copies.is_none() && effect.delay_ms.is_none() => {
                Some("a rule on deliveries needs `copies` or `delay_ms`")
            }
            On::Delivery if effect.status.is_some() => Some("`status` is for requests"),
            _ if effect.status.is_some_and(|status| !(400..=599).contains(&status)) => {
                Some("`status` is one of 400 to 599")
            }
            _ if effect.retry_after.is_some() && effect.status.is_none() => Some("`retry_after` goes with `status`"),
            _ if effect.retry_after.as_deref().is_some_and(|text| !text.chars().all(|c| (' '..='~').contains(&c))) => {
                Some("`retry_after` is printable ASCII")
            }
            _ if effect.delay_ms.is_some_and(|delay| delay > LONGEST_DELAY) => Some("`delay_ms` is at most 600000"),
            _ if effect.copies.is_some_and(|copies| copies > MOST_COPIES) => Some("`copies` is at most 10"),
            _ => None,
        };
        problem.map_or(Ok(()), |problem| Err(Refusal::bad(problem)))
    }
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
    last_id: u64,
}

impl Rules {
    /// Adds one behind the others; its id.
    pub(crate) fn add(&mut self, rule: Rule) -> Result<u64, Refusal> {
        rule.check()?;
        if self.rules.len() >= MOST_RULES {
            return Err(Refusal::new(409, format!("at most {MOST_RULES} rules at once")));
        }
        self.last_id += 1;
        self.rules.push(Rule { id: self.last_id, ..rule });
        Ok(self.last_id)
    }

    /// Removes one. Whether it was there.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.id != id);
        self.rules.len() < before
    }

    /// Removes all.
    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Those in force, with how often they are left.
    pub(crate) fn list(&self) -> &[Rule] {
        &self.rules
    }

    /// What the first rule that fits does; uses it up.
    pub(crate) fn apply(&mut self, asked: Asked<'_>) -> Option<Effect> {
        let at = self.rules.iter().position(|rule| rule.fits(asked))?;
        let rule = self.rules.get_mut(at)?;
        let effect = rule.effect.clone();
        match rule.times {
            0 => {}
            1 => {
                self.rules.remove(at);
            }
            _ => rule.times -= 1,
        }
        Some(effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Rule {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_rule_is_used_up_by_what_fits_it() {
        let mut rules = Rules::default();
        rules.add(rule(r#"{"method":"post","path":"/messages","times":2,"status":503}"#)).unwrap();
        let post = Asked::request(Some("t"), Some("a@example.com"), "POST", "/messages");
        assert_eq!(rules.apply(Asked { method: "GET", ..post }), None);
        assert_eq!(rules.apply(Asked { path: "/rooms", ..post }), None);
        for _ in 0..2 {
            assert_eq!(rules.apply(post).and_then(|effect| effect.status), Some(503));
        }
        assert_eq!(rules.apply(post), None);
        assert!(rules.list().is_empty());
    }

    #[test]
    fn a_rule_without_a_count_stays_until_it_is_removed() {
        let mut rules = Rules::default();
        let id = rules.add(rule(r#"{"on":"delivery","email":"ECHO@webex.bot","times":0,"copies":2}"#)).unwrap();
        let asked = Asked::delivery(Some("echo@webex.bot"), "messages/created");
        for _ in 0..5 {
            assert_eq!(rules.apply(asked).and_then(|effect| effect.copies), Some(2));
        }
        assert!(rules.remove(id) && !rules.remove(id));
        assert_eq!(rules.apply(asked), None);
    }

    #[test]
    fn a_rule_that_makes_no_sense_is_refused_with_the_reason() {
        let mut rules = Rules::default();
        for (json, word) in [
            ("{}", "needs `status`"),
            (r#"{"status":200}"#, "400 to 599"),
            (r#"{"copies":2}"#, "for deliveries"),
            (r#"{"on":"delivery"}"#, "needs `copies`"),
            (r#"{"on":"delivery","copies":1,"status":500}"#, "for requests"),
            (r#"{"on":"delivery","copies":11}"#, "at most 10"),
            (r#"{"delay_ms":600001}"#, "at most 600000"),
            (r#"{"delay_ms":1,"retry_after":"1"}"#, "goes with `status`"),
            (r#"{"status":429,"retry_after":"a\nb"}"#, "printable"),
        ] {
            let refusal = rules.add(rule(json)).unwrap_err();
            assert!(refusal.message.contains(word), "{json}: {}", refusal.message);
        }
        assert!(serde_json::from_str::<Rule>(r#"{"stattus":500}"#).is_err());
    }
}
