//! A post of another program: the first rule of its hook that applies. What cannot be said as the rule says is said
//! plainly, to the same place, so that an alert always arrives; and the event is buried, so that somebody looks.

use serde_json::Value;

use super::{Stepper, Stop, act::Acting, nothing, scene::Scene};
use crate::{
    brain::{
        Decision, Destination, Effect,
        messages::messages,
        program::{Body, Does},
        uses::Uses,
        values::Found,
    },
    definition::Format,
};

/// Characters of a payload that are said where its rule fails.
const EXCERPT: usize = 2_000;

impl<'a> Stepper<'a> {
    pub(super) fn inbound(self, name: &str, payload: &Value) -> Result<Decision, Stop> {
        let label = format!("inbound \"{name}\"");
        let scene = Scene::of(self);
        let found = Found::default();
        let mut rules = self.program.inbound_rules.iter().filter(|(hook, _)| **hook == *name).peekable();
        if rules.peek().is_none() {
            return Ok(nothing(&format!("none: there is no {label} any more")));
        }
        for (_, body) in rules {
            match self.act(&label, body, &scene, &found) {
                Ok(Some(decision)) => return Ok(decision),
                Ok(None) => {}
                Err(Stop::Fail(reason)) => return self.plainly(&label, body, &scene, &found, payload, reason),
                Err(need) => return Err(need),
            }
        }
        Ok(nothing(&format!("none: no rule of {label} applies")))
    }

    /// Says what came in as it came, wherever the rule would have said something.
    fn plainly(
        self,
        label: &str,
        body: &'a Body,
        scene: &Scene<'a>,
        found: &'a Found,
        payload: &Value,
        reason: String,
    ) -> Result<Decision, Stop> {
        // Not all that the rule uses: where it goes is all that is needed, and that much must be known.
        let mut uses = Uses::default();
        let says = body.does.iter().filter_map(|does| match does {
            Does::Say(say) => Some(say),
            _ => None,
        });
        let says: Vec<_> = says.collect();
        says.iter().flat_map(|say| &say.to).filter_map(|to| to.text()?.uses()).for_each(|used| uses.join(used));
        let (values, _) = scene.values(&uses, found)?;
        let mut acting = Acting { stepper: self, scene, values, label, decision: nothing(label) };
        let mut all: Vec<Destination> = Vec::new();
        for say in says {
            match acting.destinations(&say.to) {
                Ok(some) => {
                    for one in some {
                        if !all.contains(&one) {
                            all.push(one);
                        }
                    }
                }
                Err(Stop::Need(reads)) => return Err(Stop::Need(reads)),
                // Where this one goes cannot be told either; the others still can.
                Err(Stop::Fail(_)) => {}
            }
        }
        if all.is_empty() {
            return Err(Stop::Fail(reason));
        }
        let text = format!("This came in for {label}, and could not be said as its rule says:\n{}", excerpt(payload));
        for destination in all {
            for part in messages(&text, Format::Text, &destination, None) {
                acting.deliver(part);
            }
        }
        let mut decision = acting.decision;
        decision.effects.retain(|effect| matches!(effect, Effect::Say(_)));
        decision.buried = Some(reason);
        Ok(decision)
    }
}

fn excerpt(payload: &Value) -> String {
    let whole = match payload {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    let mut excerpt: String = whole.chars().take(EXCERPT).collect();
    if excerpt.len() < whole.len() {
        excerpt.push_str("\n…");
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::{
        base::{Event, Millis, Trigger},
        brain::{
            Engine,
            fixture::{Asked, World, compiled, program},
        },
    };

    const HOOK: &str =
        "[rooms]\nops = 'OPSROOM1'\n[[inbound]]\nname = 'alert'\nauth = { bearer = 'env:X' }\nto = '@ops'\n";

    fn post(payload: Value) -> Event {
        let headers = [("x-kind".to_owned(), "test".to_owned())].into();
        Event { at: Millis(0), actor: None, trigger: Trigger::Inbound { name: "alert".into(), payload, headers } }
    }

    fn play(text: &str, payload: Value) -> Result<Asked, String> {
        Asked::play(&program(text), &post(payload), &World::saying(""))
    }

    #[test]
    fn a_post_is_said_where_its_rule_says() {
        let text = format!("{HOOK}reply = '{{{{ payload.title }}}} {{{{ headers[\"x-kind\"] }}}}'\n");
        let asked = play(&text, json!({ "title": "disk full" })).unwrap();
        assert_eq!((asked.rule.as_str(), asked.said()), ("inbound \"alert\"", vec!["disk full test"]));
        assert_eq!(asked.deliveries[0].to, Destination::Room("OPSROOM1".into()));
        assert_eq!(asked.buried, None);
    }

    #[test]
    fn rules_of_one_hook_are_tried_in_order() {
        let more = "[[inbound]]\nname = 'alert'\nto = 'OTHERROOM'\nreply = 'else'\n";
        let text = format!("{HOOK}when = 'payload.level == \"high\"'\nreply = 'high'\n{more}");
        assert_eq!(play(&text, json!({ "level": "high" })).unwrap().said(), ["high"]);
        assert_eq!(play(&text, json!({ "level": "low" })).unwrap().said(), ["else"]);
    }

    #[test]
    fn what_cannot_be_said_as_its_rule_says_is_said_plainly_and_buried() {
        let text =
            format!("{HOOK}reply = {{ markdown = '{{{{ payload.count + 1 }}}}', key = '{{{{ payload.id }}}}' }}\n");
        let asked = play(&text, json!({ "count": "many", "title": "disk full" })).unwrap();
        assert!(asked.buried.as_deref().unwrap().contains("the template of inbound \"alert\" failed"));
        assert_eq!(asked.deliveries[0].to, Destination::Room("OPSROOM1".into()));
        assert!(asked.said()[0].contains("\"title\": \"disk full\""), "{:?}", asked.said());
        assert_eq!(asked.effects.len(), 1);
        let asked = play(&text, json!("plain words")).unwrap();
        assert!(asked.said()[0].ends_with("\nplain words"), "{:?}", asked.said());
    }

    #[test]
    fn without_a_place_to_say_it_the_failure_alone_is_kept() {
        let text = format!("{}to = '{{{{ payload.count + 1 }}}}'\nreply = 'x'\n", HOOK.replace("to = '@ops'\n", ""));
        let failed = play(&text, json!({ "count": "many" })).unwrap_err();
        assert!(failed.contains("the template of inbound \"alert\" failed"), "{failed}");
    }

    #[test]
    fn posts_are_the_same_where_their_template_says_so() {
        let with = program(&format!("{HOOK}reply = 'x'\ndedupe = '{{{{ payload.id }}}}/{{{{ headers[\"x-n\"] }}}}'\n"));
        let none = program(&format!("{HOOK}reply = 'x'\n"));
        let broken = program(&format!("{HOOK}reply = 'x'\ndedupe = '{{{{ payload.id + 1 }}}}'\n"));
        let headers: BTreeMap<_, _> = [("x-n".to_owned(), "7".to_owned())].into();
        let key = |program: &crate::brain::Program, id: Value| {
            program.inbounds()[0].key(&Engine::new(), &json!({ "id": id }), &headers)
        };
        assert_eq!(key(&with, json!(5)).as_deref(), Some("5/7"));
        assert_eq!(key(&none, json!(5)), None);
        assert_eq!(key(&broken, json!("x")), None, "an alert twice is better than none");
    }

    #[test]
    fn what_a_hook_cannot_be_is_told_at_its_place() {
        let of = |lines: &str| {
            let found =
                compiled(&format!("[rooms]\nops = 'OPSROOM1'\n[[inbound]]\n{lines}to = '@ops'\nreply = 'x'\n")).1;
            found.iter().map(|d| (d.code, d.line)).collect::<Vec<_>>()
        };
        assert_eq!(of("name = 'a'\n"), [("missing-key", 3)]);
        assert_eq!(of("auth = { bearer = 'env:X' }\n"), [("missing-key", 3)]);
        assert_eq!(of("name = 'A b'\nauth = { bearer = 'env:X' }\n"), [("bad-value", 4)]);
        assert_eq!(of("name = 'a'\nauth = { bearer = 'hunter2' }\n"), [("literal-secret", 5)]);
        assert_eq!(of("name = 'a'\nauth = { bearer = 'env:BOTYARD_X' }\n"), [("bad-token", 5)]);
        assert_eq!(of("name = 'a'\nauth = { none = true }\n"), [("open-hook", 5)]);
        assert_eq!(of("name = 'a'\nauth = {}\n"), [("missing-key", 5)]);
        assert_eq!(of("name = 'a'\nauth = { none = true, bearer = 'env:X' }\n"), [("conflict", 5)]);
        assert_eq!(of("name = 'a'\nauth = { hmac = { secret = 'env:X' } }\n"), [("missing-key", 5)]);
        let hmac = "name = 'a'\nauth = { hmac = { secret = 'env:X', header = 'X-S', algorithm = 'md5' } }\n";
        assert_eq!(of(hmac), [("bad-value", 5)]);
        assert_eq!(of("name = 'a'\nauth = { basic = { user = 'a:b', password = 'env:X' } }\n"), [("bad-value", 5)]);
        assert_eq!(of("name = 'a'\nauth = { bearer = 'env:X' }\nbody_limit = 10\n"), [("bad-value", 6)]);
        assert_eq!(of("name = 'a'\nauth = { bearer = 'env:X' }\ndedupe = '{{ person.id }}'\n"), [("unknown-name", 6)]);
        let second = "name = 'a'\nauth = { bearer = 'env:X' }\nto = '@ops'\nreply = 'x'\n[[inbound]]\nname = 'a'\nauth = { bearer = 'env:Y' }\n";
        assert_eq!(of(second), [("conflict", 10)]);
    }
}
