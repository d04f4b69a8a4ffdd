//! Can anybody ever pass? Tried with everybody and every place that the rules themselves name, and with somebody and
//! somewhere else: what differs in nothing that a rule asks for is decided alike.

use super::{Access, Asker, Because, Clause, Known, Layer, Place, Verdict, decide};

/// Most people and places that are tried; lists so long are written by programs.
const MAX_TRIES: usize = 20_000;

/// Why nobody can ever pass all layers, if so.
#[must_use]
pub fn never(layers: &[(Layer, &Access)]) -> Option<Because> {
    let clauses: Vec<&Clause> = layers.iter().flat_map(|(_, access)| [&access.allow, &access.deny]).collect();
    let mut emails: Vec<String> = Vec::new();
    let mut ids: Vec<&str> = Vec::new();
    for clause in &clauses {
        emails.extend(clause.domains.iter().map(|domain| match domain.strip_prefix("*.") {
            Some(parent) => format!("somebody@somewhere.{parent}"),
            None => format!("somebody@{domain}"),
        }));
        for entry in clause.people.iter().chain(clause.groups.iter().flat_map(|(_, members)| members.iter())) {
            if entry.contains('@') {
                emails.push(entry.to_string());
            } else {
                ids.push(entry);
            }
        }
    }
    emails.push("somebody@elsewhere.invalid".to_owned());
    emails.sort();
    emails.dedup();
    // Whose address is known may have any id and be in any organization, and the other way round.
    let by_email = emails.iter().map(|email| Asker { email: Known::Is(email), ..Asker::default() });
    let by_id = ids.iter().map(|id| Asker { id: Known::Is(id), ..Asker::default() });
    let people: Vec<Asker<'_>> = by_email.chain(by_id).collect();
    let mut rooms: Vec<&str> = clauses.iter().flat_map(|clause| clause.rooms.iter().map(|room| &**room)).collect();
    rooms.push("elsewhere");
    if people.len() * rooms.len() * 2 > MAX_TRIES {
        return None;
    }
    let mut reason = None;
    for asker in people {
        for room in &rooms {
            for place in [Place::Direct, Place::Group] {
                let asker = Asker { room: Known::Is(room), place: Known::Is(place), ..asker };
                match decide(layers, &asker) {
                    Verdict::Denied(because) => {
                        // The last layer is nearest to the rule that is told of.
                        if reason.as_ref().is_none_or(|before: &Because| because.layer > before.layer) {
                            reason = Some(because);
                        }
                    }
                    Verdict::Allowed(_) | Verdict::Unsure => return None,
                }
            }
        }
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(allow: &[(&str, &str)], deny: &[(&str, &str)]) -> Access {
        let clause = |pairs: &[(&str, &str)]| {
            let of = |wanted: &str| -> Box<[Box<str>]> {
                pairs.iter().filter(|(key, _)| *key == wanted).map(|(_, value)| (*value).into()).collect()
            };
            let place = pairs.iter().find(|(key, _)| *key == "where").and_then(|(_, place)| Place::parse(place));
            Clause {
                domains: of("domains"),
                orgs: of("orgs"),
                people: of("people"),
                rooms: of("rooms"),
                place,
                ..Clause::default()
            }
        };
        Access { allow: clause(allow), deny: clause(deny) }
    }

    #[test]
    fn layers_that_exclude_each_other_let_nobody_in() {
        let never = |bot: &Access, rule: &Access| never(&[(Layer::Bot, bot), (Layer::Rule, rule)]).is_some();
        let example = access(&[("domains", "example.com")], &[]);
        assert!(never(&example, &access(&[("domains", "other.org")], &[])));
        assert!(never(&example, &access(&[("people", "a@other.org")], &[])));
        assert!(never(&access(&[], &[("people", "a@b.c")]), &access(&[("people", "A@b.c")], &[])));
        assert!(never(&access(&[("where", "direct")], &[]), &access(&[("where", "group")], &[])));
        assert!(never(&access(&[("rooms", "R")], &[]), &access(&[("rooms", "S")], &[])));
        assert!(never(&access(&[], &[("domains", "example.com")]), &access(&[("people", "a@example.com")], &[])));
    }

    #[test]
    fn what_somebody_may_fulfil_is_let_be() {
        let never = |bot: &Access, rule: &Access| never(&[(Layer::Bot, bot), (Layer::Rule, rule)]).is_some();
        let example = access(&[("domains", "example.com")], &[]);
        assert!(!never(&example, &access(&[("people", "a@example.com")], &[])));
        assert!(!never(&example, &access(&[("orgs", "O")], &[])));
        assert!(!never(&example, &access(&[("people", "P")], &[])), "an id may belong to any address");
        assert!(!never(&Access::default(), &access(&[], &[("people", "a@b.c")])));
        assert!(!never(&access(&[("rooms", "R")], &[]), &access(&[("where", "direct")], &[])));
    }
}
