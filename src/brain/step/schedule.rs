//! A schedule that came due: what it does, or for whom it does it at a time of their own.

use std::time::Duration;

use chrono_tz::Tz;

use super::{Stepper, Stop, is_bot, nothing, scene::Scene};
use crate::{
    base::{Event, Millis, Trigger},
    brain::{
        Decision, Effect, Fact, Read, Schedule, SetTimer,
        cron::{self, Missed},
        ids,
        values::Found,
    },
};

/// People whom one schedule may be for.
const MAX_PEOPLE: usize = 500;
/// A person's run that is later than this was missed.
const LATE: Duration = Duration::from_mins(1);

impl Stepper<'_> {
    pub(super) fn schedule(
        self,
        name: &str,
        planned: Millis,
        zone: &str,
        person: Option<&str>,
    ) -> Result<Decision, Stop> {
        let label = format!("schedule \"{name}\"");
        let program = self.program;
        let found = program.schedules.iter().zip(&program.schedule_rules).find(|(one, _)| *one.name == *name);
        let Some((schedule, rule)) = found else { return Ok(nothing(&format!("none: there is no {label} any more"))) };
        if let (Some(room), None) = (&rule.people_of, person) {
            return self.spread(&label, schedule, room, planned, zone);
        }
        let decision = self.act(&label, &rule.body, &Scene::of(self), &Found::default())?;
        Ok(decision.unwrap_or_else(|| nothing(&format!("none: {label} does not apply"))))
    }

    /// Sets a timer for each person of the room, at the moment that the planned time is for them.
    fn spread(
        self,
        label: &str,
        schedule: &Schedule,
        room: &str,
        planned: Millis,
        zone: &str,
    ) -> Result<Decision, Stop> {
        let mut decision = nothing(label);
        let read = Read::Members(room.to_owned());
        let members = match self.turn.facts.get(&read) {
            Some(Fact::Members(members)) => members,
            Some(_) => {
                decision.notes.push("Webex does not show the bot who is in the room".to_owned());
                return Ok(decision);
            }
            None => return Err(Stop::Need(vec![read])),
        };
        let me = &self.turn.me.id;
        let people = members
            .iter()
            .filter(|member| !ids::same(&member.person_id, me) && !member.person_email.as_deref().is_some_and(is_bot));
        let people: Vec<&str> = people.map(|member| member.person_id.as_str()).collect();
        if people.len() > MAX_PEOPLE {
            return Err(Stop::Fail(format!("the room of {label} has more than {MAX_PEOPLE} people")));
        }
        let reads = people.iter().map(|person| Read::Person((*person).to_owned()));
        let missing: Vec<_> = reads.filter(|read| !self.turn.facts.contains_key(read)).collect();
        if !missing.is_empty() {
            return Err(Stop::Need(missing));
        }
        let house = cron::zone(zone).unwrap_or(Tz::UTC);
        let (mut unknown, mut late) = (0, 0);
        for person in people {
            let own = match self.turn.facts.get(&Read::Person(person.to_owned())) {
                Some(Fact::Person(known)) => known.timezone.as_deref().and_then(|zone| cron::zone(zone).ok()),
                _ => None,
            };
            unknown += usize::from(own.is_none());
            let Some(at) = schedule.plan.for_person(planned, own, house) else { continue };
            if schedule.plan.missed == Missed::Skip && at.plus(LATE) < self.turn.now {
                late += 1;
                continue;
            }
            let trigger = Trigger::Schedule {
                name: schedule.name.to_string(),
                planned: at,
                zone: String::new(),
                person: Some(person.to_owned()),
            };
            // One of this name, however often the run is prepared.
            let name = format!("$schedule/{}/{}/{person}", schedule.name, planned.0);
            decision.effects.push(Effect::Timer(SetTimer { name, at, event: Event { at, actor: None, trigger } }));
        }
        if unknown > 0 {
            decision.notes.push(format!("{unknown} of its people say no time zone: the schedule's stands for it"));
        }
        if late > 0 {
            decision.notes.push(format!("{late} of its people have missed it"));
        }
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        brain::{
            Destination,
            fixture::{Asked, World, compiled, program},
        },
        webex::model::Membership,
    };

    const DAY: &str = "[rooms]\nteam = 'TEAMROOM1'\n[[schedule]]\nname = 'day'\ncron = '0 9 * * *'\nto = '@team'\n";

    fn due(name: &str, planned: &str, person: Option<&str>) -> Event {
        let planned = Millis::from_iso(planned).unwrap();
        let (name, person) = (name.to_owned(), person.map(str::to_owned));
        Event {
            at: planned,
            actor: None,
            trigger: Trigger::Schedule { name, planned, zone: "Asia/Tokyo".into(), person },
        }
    }

    fn play(text: &str, event: &Event, world: &World) -> Asked {
        Asked::play(&program(text), event, world).unwrap()
    }

    #[test]
    fn what_comes_due_is_said_where_it_says() {
        let text = format!("{DAY}reply = 'good morning of {{{{ event.name }}}}, {{{{ event.value }}}}'\n");
        let asked = play(&text, &due("day", "2026-11-30T09:00:00Z", None), &World::saying(""));
        assert_eq!(asked.rule, "schedule \"day\"");
        assert_eq!(asked.said(), ["good morning of day, 2026-11-30T09:00:00.000Z"]);
        assert_eq!(asked.deliveries[0].to, Destination::Room("TEAMROOM1".into()));
    }

    #[test]
    fn one_that_is_gone_or_does_not_apply_says_nothing() {
        let text = format!("{DAY}reply = 'x'\nwhen = '1 > 2'\n");
        let rule = |name| play(&text, &due(name, "2026-11-30T09:00:00Z", None), &World::saying("")).rule;
        assert_eq!(rule("day"), "none: schedule \"day\" does not apply");
        assert_eq!(rule("old"), "none: there is no schedule \"old\" any more");
    }

    fn team() -> World {
        let member = |id: &str, email: &str| Membership {
            person_id: id.into(),
            person_email: Some(email.into()),
            ..Membership::default()
        };
        let members = vec![
            member("me", "test@webex.bot"),
            member("P", "alice@example.com"),
            member("B", "other@webex.bot"),
            member("Q", "bob@example.com"),
        ];
        World { members: Fact::Members(members), ..World::saying("") }
    }

    #[test]
    fn each_person_of_the_room_gets_a_timer_for_their_own_time() {
        let text = format!("{DAY}per_person_zone = true\nreply = 'morning, {{{{ person.first_name }}}}'\n");
        // 09:00 of the 30th where the day begins first.
        let asked = play(&text, &due("day", "2026-11-29T19:00:00Z", None), &team());
        assert_eq!(asked.reads, ["members", "person", "person"]);
        let timers: Vec<_> = asked
            .effects
            .iter()
            .map(|effect| match effect {
                Effect::Timer(timer) => (timer.event.person().unwrap().to_owned(), timer.at.iso()),
                other => panic!("{other:?}"),
            })
            .collect();
        let berlin = |person: &str| (person.to_owned(), "2026-11-30T08:00:00.000Z".to_owned());
        assert_eq!(timers, [berlin("P"), berlin("Q")]);
        let asked = play(&text, &due("day", "2026-11-30T08:00:00Z", Some("P")), &team());
        assert_eq!(asked.said(), ["morning, Alice"]);
        assert_eq!(asked.deliveries[0].to, Destination::Person("P".into()));
    }

    #[test]
    fn a_person_who_says_no_zone_has_it_by_the_zone_of_the_schedule_or_of_the_house() {
        let mut world = team();
        world.person = Fact::Missing;
        let at = |more: &str| {
            let text = format!("{DAY}per_person_zone = true\nreply = 'x'\n{more}");
            let asked = play(&text, &due("day", "2026-11-29T19:00:00Z", None), &world);
            assert!(asked.notes[0].starts_with("2 of its people say no time zone"), "{:?}", asked.notes);
            let Effect::Timer(timer) = &asked.effects[0] else { panic!() };
            timer.at.iso()
        };
        assert_eq!(at(""), "2026-11-30T00:00:00.000Z", "Tokyo");
        assert_eq!(at("timezone = 'Europe/Berlin'\n"), "2026-11-30T08:00:00.000Z");
    }

    #[test]
    fn days_without_a_run_stand_in_a_file_beside_the_definition() {
        use crate::{
            base::BotId,
            brain::{Policy, compiler},
            definition::{Companion, DefinitionSource, parse},
        };
        let with = |dates: &str| {
            let text = format!("{DAY}except = 'holidays.txt'\nreply = 'x'\n");
            let files = [("holidays.txt".to_owned(), Companion::Text(dates.to_owned()))].into();
            let source = DefinitionSource::new(BotId::parse("some").unwrap(), "some/bot.toml", text).with_files(files);
            let compiled = compiler(Policy::default())(&parse(&source).0.unwrap());
            (compiled.program, compiled.diagnostics.into_iter().map(|found| found.message).collect::<Vec<_>>())
        };
        let (program, _) = with("2026-12-24\n2026-12-25  # Christmas\n");
        let plan = program.unwrap().schedules()[0].plan.clone();
        let next = plan.next(Millis::from_iso("2026-12-23T12:00:00Z").unwrap(), Tz::UTC).unwrap();
        assert_eq!(next.iso(), "2026-12-26T09:00:00.000Z");
        let (program, told) = with("2026-12-24\nChristmas\n");
        assert!(program.is_none());
        assert_eq!(told, ["line 2 of `holidays.txt`: this line is no date: write `2026-12-25`"]);
    }

    #[test]
    fn what_a_schedule_cannot_be_is_told_at_its_place() {
        let told = |text: &str| {
            let found = compiled(text).1;
            found.iter().map(|d| (d.code, d.line)).collect::<Vec<_>>()
        };
        let of = |lines: &str| told(&format!("[rooms]\nteam = 'TEAMROOM1'\n[[schedule]]\n{lines}"));
        let fine = "cron = '0 9 * * *'\nreply = 'x'\nto = '@team'\n";
        assert_eq!(of(fine), []);
        assert_eq!(of("cron = '0 9 * *'\nreply = 'x'\nto = '@team'\n"), [("bad-cron", 4)]);
        assert_eq!(of("cron = '0 0 30 2 *'\nreply = 'x'\nto = '@team'\n"), [("never-runs", 4)]);
        assert_eq!(of(&format!("{fine}timezone = 'Berlin'\n")), [("bad-timezone", 7)]);
        assert_eq!(of(&format!("{fine}except = ['25.12.2026']\n")), [("bad-dates", 7)]);
        assert_eq!(of("every = '1s'\nreply = 'x'\nto = '@team'\n"), [("bad-value", 4)]);
        assert_eq!(of("every = '15m'\ncron = '0 9 * * *'\nreply = 'x'\nto = '@team'\n"), [("conflict", 4)]);
        assert_eq!(of("reply = 'x'\nto = '@team'\n"), [("missing-key", 3)]);
        assert_eq!(of("cron = '0 9 * * *'\nreply = 'x'\n"), [("missing-key", 5)]);
        assert_eq!(of("cron = '0 9 * * *'\nreply = 'x'\nto = 'room'\n"), [("bad-destination", 6)]);
        assert_eq!(of("cron = '0 9 * * *'\nreply = '{{ message.text }}'\nto = '@team'\n"), [("unknown-name", 5)]);
        assert_eq!(of("cron = '0 9 * * *'\nper_person_zone = true\nreply = 'x'\n"), [("bad-destination", 6)]);
        let twice = format!("{fine}[[schedule]]\n{fine}");
        assert_eq!(of(&twice), [("conflict", 7)]);
    }
}
