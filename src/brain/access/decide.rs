//! The verdict over the facts.

use super::{Access, Because, Clause, Layer, Place};
use crate::brain::ids;

/// A fact, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Known<T> {
    /// Nobody has looked yet.
    #[default]
    Unread,
    /// It was looked for, and Webex does not tell.
    Untold,
    /// This.
    Is(T),
}

/// Who asks, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asker<'a> {
    /// Person id.
    pub id: Known<&'a str>,
    /// Address.
    pub email: Known<&'a str>,
    /// Organization id.
    pub org: Known<&'a str>,
    /// Room id.
    pub room: Known<&'a str>,
    /// Direct or group.
    pub place: Known<Place>,
}

/// What it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every layer allows; what allowed, of each that names anybody.
    Allowed(Vec<Because>),
    /// A layer denies.
    Denied(Because),
    /// It depends on something that nobody has looked for yet.
    Unsure,
}

/// Does something fit?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fits {
    Yes,
    No,
    /// Unread, or untold: the two differ in what follows.
    Open(bool),
}

/// Decides over all layers. A fact that Webex does not tell fits no rule that allows and every rule that denies.
#[must_use]
pub fn decide(layers: &[(Layer, &Access)], asker: &Asker<'_>) -> Verdict {
    let mut allowed = Vec::new();
    let mut denied: Option<Because> = None;
    let mut unsure = false;
    let mut deny = |because: Because| {
        // The same whatever the order of the layers.
        if denied.as_ref().is_none_or(|before| because.rank() < before.rank()) {
            denied = Some(because);
        }
    };
    for (layer, access) in layers {
        match denies(*layer, &access.deny, asker) {
            Some(Ok(because)) => deny(because),
            Some(Err(())) => unsure = true,
            None => {}
        }
        for part in [
            who(*layer, &access.allow, asker),
            rooms(*layer, &access.allow, asker),
            place(*layer, &access.allow, asker),
        ] {
            match part {
                Part::Silent => {}
                Part::Allows(because) => allowed.push(because),
                Part::Denies(because) => deny(because),
                Part::Unsure => unsure = true,
            }
        }
    }
    match denied {
        Some(because) => Verdict::Denied(because),
        None if unsure => Verdict::Unsure,
        None => Verdict::Allowed(allowed),
    }
}

impl Because {
    fn rank(&self) -> (bool, Layer, &str, &str) {
        (!self.key.starts_with("deny."), self.layer, self.key, &self.sentence)
    }
}

/// What one part of what a layer allows comes to.
enum Part {
    /// It says nothing.
    Silent,
    Allows(Because),
    Denies(Because),
    Unsure,
}

fn because(layer: Layer, key: &'static str, verb: &str, value: &str) -> Because {
    Because { layer, key, sentence: format!("`{key}` in {} {verb} {value}", layer.as_str()) }
}

fn who(layer: Layer, clause: &Clause, asker: &Asker<'_>) -> Part {
    if clause.names_nobody() {
        return Part::Silent;
    }
    let mut unread = false;
    let mut keys = Vec::new();
    for (key, entry, fits) in people_of(clause, asker) {
        match fits {
            Fits::Yes => return Part::Allows(because(layer, key, "names", &format!("`{entry}`"))),
            Fits::Open(is_unread) => unread |= is_unread,
            Fits::No => {}
        }
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    if unread {
        return Part::Unsure;
    }
    let listed: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
    let sentence = format!(
        "{} in {} {} not the person",
        listed.join(", "),
        layer.as_str(),
        if keys.len() == 1 { "names" } else { "name" }
    );
    Part::Denies(Because { layer, key: keys.first().copied().unwrap_or("people"), sentence })
}

fn rooms(layer: Layer, clause: &Clause, asker: &Asker<'_>) -> Part {
    if clause.rooms.is_empty() {
        return Part::Silent;
    }
    match asker.room {
        Known::Unread => Part::Unsure,
        Known::Is(room) if clause.rooms.iter().any(|known| ids::same(known, room)) => {
            Part::Allows(because(layer, "rooms", "names", "the room"))
        }
        _ => Part::Denies(because(layer, "rooms", "names", "not this room")),
    }
}

fn place(layer: Layer, clause: &Clause, asker: &Asker<'_>) -> Part {
    let Some(wanted) = clause.place else { return Part::Silent };
    let value = format!("`{}`", wanted.as_str());
    match asker.place {
        Known::Unread => Part::Unsure,
        Known::Is(place) if place == wanted => Part::Allows(because(layer, "where", "is", &value)),
        _ => Part::Denies(because(layer, "where", "is", &value)),
    }
}

/// Whether anything in a `deny` fits: which, or that it cannot be told yet.
fn denies(layer: Layer, clause: &Clause, asker: &Asker<'_>) -> Option<Result<Because, ()>> {
    let deny = |key: &'static str, what: &str| because(layer, deny_key(key), "names", what);
    let mut found: Vec<(Fits, Because)> = people_of(clause, asker)
        .into_iter()
        .map(|(key, entry, fits)| (fits, deny(key, &format!("`{entry}`"))))
        .collect();
    if !clause.rooms.is_empty() {
        let fits = fits(asker.room, |room| clause.rooms.iter().any(|known| ids::same(known, room)));
        found.push((fits, deny("rooms", "the room")));
    }
    if let Some(place) = clause.place {
        found.push((fits(asker.place, |is| is == place), deny("where", &format!("`{}`", place.as_str()))));
    }
    let mut unread = false;
    let mut first: Option<Because> = None;
    for (fits, because) in found {
        match fits {
            Fits::No => {}
            Fits::Open(true) => unread = true,
            Fits::Yes | Fits::Open(false) => {
                if first.as_ref().is_none_or(|before| because.rank() < before.rank()) {
                    first = Some(because);
                }
            }
        }
    }
    match first {
        Some(because) => Some(Ok(because)),
        None => unread.then_some(Err(())),
    }
}

fn deny_key(key: &'static str) -> &'static str {
    match key {
        "domains" => "deny.domains",
        "orgs" => "deny.orgs",
        "people" => "deny.people",
        "groups" => "deny.groups",
        "rooms" => "deny.rooms",
        _ => "deny.where",
    }
}

/// Every entry about people: its key, itself, whether it fits.
fn people_of<'c>(clause: &'c Clause, asker: &Asker<'_>) -> Vec<(&'static str, &'c str, Fits)> {
    let domains =
        clause.domains.iter().map(|entry| ("domains", &**entry, fits(asker.email, |email| in_domain(email, entry))));
    let orgs = clause.orgs.iter().map(|entry| ("orgs", &**entry, fits(asker.org, |org| ids::same(org, entry))));
    let people = clause.people.iter().map(|entry| ("people", &**entry, is_person(entry, asker)));
    let groups = clause.groups.iter().map(|(name, members)| {
        let all = members.iter().map(|member| is_person(member, asker));
        let best = all.fold(Fits::No, |best, next| match (best, next) {
            (Fits::Yes, _) | (_, Fits::Yes) => Fits::Yes,
            (Fits::Open(one), Fits::Open(other)) => Fits::Open(one || other),
            (Fits::Open(open), Fits::No) | (Fits::No, Fits::Open(open)) => Fits::Open(open),
            (Fits::No, Fits::No) => Fits::No,
        });
        ("groups", &**name, best)
    });
    domains.chain(orgs).chain(people).chain(groups).collect()
}

fn fits<T: Copy>(known: Known<T>, test: impl FnOnce(T) -> bool) -> Fits {
    match known {
        Known::Unread => Fits::Open(true),
        Known::Untold => Fits::Open(false),
        Known::Is(value) if test(value) => Fits::Yes,
        Known::Is(_) => Fits::No,
    }
}

/// An entry with an `@` is an address, any other a person id.
fn is_person(entry: &str, asker: &Asker<'_>) -> Fits {
    if entry.contains('@') {
        fits(asker.email, |email| email.to_lowercase() == entry.to_lowercase())
    } else {
        fits(asker.id, |id| ids::same(id, entry))
    }
}

fn in_domain(email: &str, entry: &str) -> bool {
    let Some((_, domain)) = email.rsplit_once('@') else { return false };
    let (domain, entry) = (domain.to_lowercase(), entry.to_lowercase());
    match entry.strip_prefix("*.") {
        Some(parent) => domain.strip_suffix(parent).is_some_and(|below| below.len() > 1 && below.ends_with('.')),
        None => domain == entry,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(entries: &[&str]) -> Box<[Box<str>]> {
        entries.iter().map(|entry| (*entry).into()).collect()
    }

    fn domains(entries: &[&str]) -> Clause {
        Clause { domains: list(entries), ..Clause::default() }
    }

    fn allow(allow: Clause) -> Access {
        Access { allow, ..Access::default() }
    }

    const ALICE: Asker<'static> = Asker {
        id: Known::Is("P"),
        email: Known::Is("Alice@example.com"),
        org: Known::Untold,
        room: Known::Is("R"),
        place: Known::Is(Place::Group),
    };

    fn denied(layers: &[(Layer, &Access)], asker: &Asker<'_>) -> String {
        match decide(layers, asker) {
            Verdict::Denied(because) => because.sentence,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn without_a_rule_everybody_may() {
        assert_eq!(decide(&[(Layer::Bot, &Access::default())], &Asker::default()), Verdict::Allowed(vec![]));
    }

    #[test]
    fn any_list_lets_in_and_the_one_that_did_is_named() {
        let groups: Box<[crate::brain::access::Group]> =
            Box::new([("leads".into(), ["p".into(), "alice@EXAMPLE.com".into()].into())]);
        let access = allow(Clause { domains: list(&["other.com"]), groups, ..Clause::default() });
        let Verdict::Allowed(because) = decide(&[(Layer::Rule, &access)], &ALICE) else { panic!("denied") };
        assert_eq!(because[0].sentence, "`groups` in `access` of the rule names `leads`");
        assert_eq!(
            denied(&[(Layer::Bot, &allow(domains(&["b.com"])))], &ALICE),
            "`domains` in `[access]` of the bot names not the person"
        );
    }

    #[test]
    fn people_may_come_from_anywhere_and_still_not_be_in_the_right_place() {
        let here = |place| allow(Clause { place: Some(place), ..domains(&["example.com"]) });
        assert!(matches!(decide(&[(Layer::Bot, &here(Place::Group))], &ALICE), Verdict::Allowed(_)));
        assert_eq!(
            denied(&[(Layer::Bot, &here(Place::Direct))], &ALICE),
            "`where` in `[access]` of the bot is `direct`"
        );
        let room = allow(Clause { rooms: list(&["OTHER"]), ..Clause::default() });
        assert_eq!(denied(&[(Layer::Rule, &room)], &ALICE), "`rooms` in `access` of the rule names not this room");
    }

    #[test]
    fn a_domain_is_that_domain_and_a_star_those_below_it() {
        let fits = |email: &str, entry: &str| in_domain(email, entry);
        assert!(fits("a@Example.com", "example.COM") && fits("a@x.example.com", "*.example.com"));
        for (email, entry) in [
            ("a@x.example.com", "example.com"),
            ("a@example.com", "*.example.com"),
            ("a@.example.com", "*.example.com"),
            ("a@badexample.com", "*.example.com"),
            ("a@example.com.evil.org", "example.com"),
            ("example.com", "example.com"),
        ] {
            assert!(!fits(email, entry), "{email} {entry}");
        }
    }

    #[test]
    fn what_nobody_has_read_is_asked_for_and_what_webex_does_not_tell_lets_nobody_in() {
        let org = |org: &str| Clause { orgs: list(&[org]), ..Clause::default() };
        let unread = Asker { org: Known::Unread, ..ALICE };
        assert_eq!(decide(&[(Layer::Bot, &allow(org("O")))], &unread), Verdict::Unsure);
        assert!(matches!(decide(&[(Layer::Bot, &allow(org("O")))], &ALICE), Verdict::Denied(_)));
        let deny = Access { deny: org("O"), ..Access::default() };
        assert_eq!(decide(&[(Layer::Bot, &deny)], &unread), Verdict::Unsure);
        assert!(matches!(decide(&[(Layer::Bot, &deny)], &ALICE), Verdict::Denied(_)));
        let sure = allow(domains(&["other.com"]));
        assert!(
            matches!(decide(&[(Layer::Bot, &deny), (Layer::Rule, &sure)], &unread), Verdict::Denied(_)),
            "no need to read"
        );
    }

    fn any_clause() -> impl Strategy<Value = Clause> {
        let some = |of: &'static [&'static str]| {
            prop::sample::subsequence(of, 0..=of.len())
                .prop_map(|list| list.into_iter().map(Into::into).collect::<Box<[Box<str>]>>())
        };
        (
            some(&["example.com", "*.example.com", "other.org"]),
            some(&["O1", "O2"]),
            some(&["alice@example.com", "P", "bob@other.org", "Q"]),
            some(&["R", "S"]),
            prop::option::of(prop_oneof![Just(Place::Direct), Just(Place::Group)]),
        )
            .prop_map(|(domains, orgs, people, rooms, place)| Clause {
                domains,
                orgs,
                people,
                rooms,
                place,
                groups: Box::default(),
            })
    }

    fn known<T: Copy + std::fmt::Debug>(values: &'static [T]) -> impl Strategy<Value = Known<T>> {
        prop_oneof![1 => Just(Known::Unread), 1 => Just(Known::Untold), 6 => prop::sample::select(values).prop_map(Known::Is)]
    }

    fn any_asker() -> impl Strategy<Value = Asker<'static>> {
        (
            prop::sample::select(&["P", "Q", "Z"][..]).prop_map(Known::Is),
            known(&["alice@example.com", "x@a.example.com", "bob@other.org", "z@z.z"]),
            known(&["O1", "O2", "O3"]),
            prop::sample::select(&["R", "S", "T"][..]).prop_map(Known::Is),
            known(&[Place::Direct, Place::Group]),
        )
            .prop_map(|(id, email, org, room, place)| Asker { id, email, org, room, place })
    }

    fn reversed(clause: &Clause) -> Clause {
        let turned = |list: &[Box<str>]| list.iter().rev().cloned().collect();
        Clause {
            domains: turned(&clause.domains),
            orgs: turned(&clause.orgs),
            people: turned(&clause.people),
            rooms: turned(&clause.rooms),
            ..clause.clone()
        }
    }

    proptest! {
        #[test]
        fn deny_wins_whatever_the_order(
            clauses in prop::collection::vec((any_clause(), any_clause()), 3),
            asker in any_asker(),
            turn in 0..3usize,
        ) {
            let layers: Vec<_> = [Layer::Ceiling, Layer::Bot, Layer::Rule].into_iter()
                .zip(clauses.into_iter().map(|(allow, deny)| Access { allow, deny })).collect();
            let plain: Vec<_> = layers.iter().map(|(layer, access)| (*layer, access)).collect();
            let verdict = decide(&plain, &asker);

            // Any entry of any `deny` that fits denies, whatever any layer allows.
            let hit = layers.iter().any(|(_, access)| {
                let deny = &access.deny;
                let email = |test: &dyn Fn(&str) -> bool| matches!(asker.email, Known::Is(email) if test(email));
                deny.domains.iter().any(|entry| email(&|email| in_domain(email, entry)))
                    || deny.people.iter().any(|entry| email(&|email| email == &**entry) || asker.id == Known::Is(&**entry))
                    || deny.orgs.iter().any(|entry| asker.org == Known::Is(&**entry))
                    || deny.rooms.iter().any(|entry| asker.room == Known::Is(&**entry))
                    || deny.place.is_some_and(|place| asker.place == Known::Is(place))
            });
            if hit {
                prop_assert!(matches!(&verdict, Verdict::Denied(because) if because.key.starts_with("deny.")), "{:?}", verdict);
            }

            // The order of layers and of entries changes nothing.
            let turned: Vec<_> = layers.iter()
                .map(|(layer, access)| (*layer, Access { allow: reversed(&access.allow), deny: reversed(&access.deny) })).collect();
            let mut other: Vec<_> = turned.iter().map(|(layer, access)| (*layer, access)).collect();
            other.rotate_left(turn);
            match (verdict.clone(), decide(&other, &asker)) {
                (Verdict::Denied(one), Verdict::Denied(other)) => prop_assert_eq!(one.layer, other.layer),
                (Verdict::Allowed(_), Verdict::Allowed(_)) | (Verdict::Unsure, Verdict::Unsure) => {}
                (one, other) => prop_assert!(false, "{:?} and {:?}", one, other),
            }

            // A layer more never lets anybody in who was not.
            if !matches!(verdict, Verdict::Allowed(_)) {
                return Ok(());
            }
            for number in 0..3 {
                let mut fewer = plain.clone();
                fewer.remove(number);
                prop_assert!(matches!(decide(&fewer, &asker), Verdict::Allowed(_)));
            }
        }
    }
}
