//! What would happen if somebody said something, and which rule decides: the same step as in earnest, over a person,
//! a room and a message that are made up.

use chrono_tz::Tz;

use super::{
    Decision, Delivery, Effect, Engine, Fact, Facts, Me, Program, Read, Step, Turn,
    access::{Access, Asker, Because, Known, Layer, Place, Verdict, decide},
    program::Body,
    step,
};
use crate::{
    base::{Change, Event, Millis, Trigger, Version},
    webex::model::{Message, Person, Room},
};

/// Steps of one turn, with everything there to be read.
const MAX_STEPS: usize = 32;

/// Somebody who says something.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// Person id; any, where it is not known.
    pub person: String,
    /// Address.
    pub email: Option<String>,
    /// Organization id.
    pub org: Option<String>,
    /// Room id.
    pub room: String,
    /// Whether it is a room of two.
    pub direct: bool,
    /// What is said.
    pub text: String,
    /// The moment.
    pub now: Millis,
    /// The zone of the house.
    pub zone: Tz,
}

/// Which rule of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// A command, by its place in the definition.
    Command(usize),
    /// An `[[on]]`, by its place in the definition.
    On(usize),
    /// `[fallback]`.
    Fallback,
}

/// What comes of it.
#[derive(Debug, Clone)]
pub struct Why {
    /// As the turn's record would name it.
    pub rule: String,
    /// The rule that matched, whether it is allowed or not.
    pub which: Option<Which>,
    /// What each layer says, the deciding one included.
    pub layers: Vec<Told>,
    /// What the bot would say.
    pub says: Vec<Delivery>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// What one layer says.
#[derive(Debug, Clone)]
pub struct Told {
    /// Which.
    pub layer: Layer,
    /// Whether it lets the person in.
    pub allows: bool,
    /// Why; none: it says nothing.
    pub because: Vec<Because>,
}

/// Plays it.
///
/// # Errors
/// The sentence with which the turn fails.
pub fn why(engine: &Engine, program: &Program, said: &Said) -> Result<Why, String> {
    let decision = play(engine, program, said)?;
    let which = matched(program, &decision.rule);
    let own = which.and_then(|which| program.body(which)).and_then(|body| body.gate.as_ref()).map(|gate| &gate.access);
    let nothing = Access::default();
    let layers = [
        (Layer::Ceiling, &*program.ceiling),
        (Layer::Bot, program.access.as_deref().unwrap_or(&nothing)),
        (Layer::Rule, own.unwrap_or(&nothing)),
    ];
    let layers = layers.into_iter().map(|layer| told(layer, said)).collect();
    let says = decision.effects.into_iter().filter_map(|effect| match effect {
        Effect::Say(delivery) => Some(delivery),
        _ => None,
    });
    Ok(Why { which, layers, says: says.collect(), notes: decision.notes, rule: decision.rule })
}

fn told((layer, access): (Layer, &Access), said: &Said) -> Told {
    let asker = Asker {
        id: Known::Is(&said.person),
        email: said.email.as_deref().map_or(Known::Untold, Known::Is),
        org: said.org.as_deref().map_or(Known::Untold, Known::Is),
        room: Known::Is(&said.room),
        place: Known::Is(if said.direct { Place::Direct } else { Place::Group }),
    };
    match decide(&[(layer, access)], &asker) {
        Verdict::Allowed(because) => Told { layer, allows: true, because },
        Verdict::Denied(because) => Told { layer, allows: false, because: vec![because] },
        Verdict::Unsure => Told { layer, allows: false, because: Vec::new() },
    }
}

/// The rule that a record is about: records of what was kept out name it too.
fn matched(program: &Program, record: &str) -> Option<Which> {
    let label = record.strip_prefix("none: ").unwrap_or(record);
    let names = |known: &str| label == known || label.strip_prefix(known).is_some_and(|rest| rest.starts_with(' '));
    let mut commands = program.rules.iter().map(super::program::Rule::labels);
    if let Some(number) = commands.position(|labels| labels.iter().any(|known| names(known))) {
        return Some(Which::Command(number));
    }
    if let Some(number) = program.ons.iter().position(|on| names(&on.what.label())) {
        return Some(Which::On(number));
    }
    (names("fallback") && program.fallback.is_some()).then_some(Which::Fallback)
}

impl Program {
    fn body(&self, which: Which) -> Option<&Body> {
        match which {
            Which::Command(number) => self.rules.get(number).map(|rule| &rule.body),
            Which::On(number) => self.ons.get(number).map(|on| &on.body),
            Which::Fallback => self.fallback.as_ref(),
        }
    }
}

fn play(engine: &Engine, program: &Program, said: &Said) -> Result<Decision, String> {
    let kind = if said.direct { "direct" } else { "group" };
    let event = Event {
        at: said.now,
        actor: Some(said.person.clone()),
        trigger: Trigger::Message {
            change: Change::Created,
            id: "message".into(),
            room: said.room.clone(),
            room_type: Some(kind.into()),
            person: said.person.clone(),
            email: said.email.clone(),
            parent: None,
        },
    };
    let me = Me { id: "me".into(), name: program.bot().to_string(), email: format!("{}@webex.bot", program.bot()) };
    let mut facts = Facts::new();
    for _ in 0..MAX_STEPS {
        match step(engine, program, &Turn { event: &event, me: &me, facts: &facts, now: said.now, zone: said.zone }) {
            Step::Done(decision) => return Ok(decision),
            Step::Fail(sentence) => return Err(sentence),
            Step::Need(reads) => facts.extend(reads.into_iter().map(|read| {
                let fact = fact(&read, said);
                (read, fact)
            })),
        }
    }
    Err("the turn asks for more and more".to_owned())
}

fn fact(read: &Read, said: &Said) -> Fact {
    match read {
        Read::Message(id) => Fact::Message(Box::new(Message {
            id: id.clone(),
            room_id: said.room.clone(),
            text: Some(said.text.clone()),
            person_id: said.person.clone(),
            person_email: said.email.clone(),
            ..Message::default()
        })),
        Read::Person(id) if *id == said.person => Fact::Person(Box::new(Person {
            id: id.clone(),
            emails: said.email.clone().into_iter().collect(),
            org_id: said.org.clone(),
            ..Person::default()
        })),
        Read::Room(id) => {
            let kind = if said.direct { "direct" } else { "group" };
            Fact::Room(Box::new(Room { id: id.clone(), title: None, kind: Some(kind.into()) }))
        }
        Read::Members(_) => Fact::Members(Vec::new()),
        Read::State(..) => Fact::State(Version(0), None),
        Read::Dialogue { .. } => Fact::Dialogue(Version(0), None),
        // Which rule it is, not what its script says.
        Read::Script(_) => Fact::Script(Ok(serde_json::Value::Object(serde_json::Map::new()))),
        Read::Person(_) | Read::Press(_) | Read::Sent(_) => Fact::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brain::fixture::program;

    #[test]
    fn the_deciding_rule_is_named_whether_it_lets_in_or_keeps_out() {
        let text = "[access]\ndomains = ['example.com']\n[[command]]\nwords = ['ping']\nreply = 'pong'\n\
            [[command]]\nusage = 'page <team>'\naccess = { people = ['lead@example.com'] }\nreply = 'x'\n[fallback]\nreply = 'eh?'\n";
        let program = program(text);
        let ask = |email: &str, text: &str| {
            let said = Said {
                person: "somebody".into(),
                email: Some(email.into()),
                room: "R".into(),
                text: text.into(),
                ..Said::default()
            };
            let why = why(&Engine::new(), &program, &said).unwrap();
            let layers: Vec<_> = why.layers.iter().map(|told| (told.allows, told.because.len())).collect();
            (why.which, layers, why.says.len())
        };
        assert_eq!(ask("a@example.com", "ping"), (Some(Which::Command(0)), vec![(true, 0), (true, 1), (true, 0)], 1));
        assert_eq!(
            ask("a@example.com", "page ops"),
            (Some(Which::Command(1)), vec![(true, 0), (true, 1), (false, 1)], 0)
        );
        assert_eq!(
            ask("lead@example.com", "page"),
            (Some(Which::Command(1)), vec![(true, 0), (true, 1), (true, 1)], 1)
        );
        assert_eq!(ask("a@other.org", "hello"), (Some(Which::Fallback), vec![(true, 0), (false, 1), (true, 0)], 0));
    }
}
