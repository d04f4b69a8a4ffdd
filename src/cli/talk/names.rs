//! Names of bots and people in sentences. Pure.

use super::place::Bot;
use crate::{cli::control::Person, definition::diagnostic::nearest};

/// Names in a list that a person should still read.
const MOST_NAMES: usize = 12;

/// The sentence for a bot that the simulator does not know.
pub(in crate::cli) fn unknown_bot(bot: &Bot, people: &[Person]) -> String {
    let known: Vec<Bot> = people.iter().filter(|person| person.bot).map(|person| Bot::of(&person.email)).collect();
    if known.is_empty() {
        return format!("there is no bot `{}` at the simulator, nor any other yet: is the service running?", bot.name);
    }
    match nearest(&bot.name, known.iter().map(|known| known.name.as_str())) {
        Some(near) => format!("there is no bot `{}`; did you mean `{near}`?", bot.name),
        None => format!("there is no bot `{}`; there are {}", bot.name, bots(people)),
    }
}

/// The bots among them.
pub(super) fn bots(people: &[Person]) -> String {
    listed(people.iter().filter(|person| person.bot).map(|person| Bot::of(&person.email).name))
}

/// The people among them.
pub(super) fn humans(people: &[Person]) -> String {
    let name = |person: &Person| person.email.strip_suffix("@example.com").unwrap_or(&person.email).to_owned();
    listed(people.iter().filter(|person| !person.bot).map(name))
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.sort();
    let more = names.len().saturating_sub(MOST_NAMES);
    names.truncate(MOST_NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(email: &str) -> Person {
        Person { email: email.into(), name: String::new(), bot: email.ends_with("@webex.bot"), tokens: vec![] }
    }

    #[test]
    fn an_unknown_bot_is_answered_with_those_that_there_are() {
        let people = [person("alice@example.com"), person("echo@webex.bot"), person("hello@webex.bot")];
        let said = |name: &str, people: &[Person]| unknown_bot(&Bot::named(name), people);
        insta::assert_snapshot!([said("ecko", &people), said("zz", &people), said("echo", &people[..1])].join("\n"));
    }

    #[test]
    fn a_long_list_of_names_ends() {
        let many = (0..20).map(|number| format!("bot-{number:02}"));
        assert!(listed(many).ends_with("`bot-11` and 8 more"));
    }
}
