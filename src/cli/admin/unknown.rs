//! A bot that is not there: perhaps one was meant that is.

use super::source::Source;
use crate::{base::BotId, cli::failure::Failure, definition::diagnostic::did_you_mean};

/// Bots that are named when none is near.
const SOME: usize = 10;

/// There is no such bot among those that the source knows.
pub(super) async fn to(source: &Source, bot: &BotId) -> Failure {
    match source.bots().await {
        Ok(told) => among(bot, told.data.iter().map(|known| known.status.id.as_str())),
        Err(failure) => failure,
    }
}

/// There is no such bot among these.
pub(super) fn among<'a>(bot: &BotId, known: impl Iterator<Item = &'a str> + Clone) -> Failure {
    Failure::problem(sentence(bot.as_str(), known))
}

fn sentence<'a>(bot: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(meant) = did_you_mean(bot, known.clone()) {
        return format!("there is no bot `{bot}`: {meant}");
    }
    let some: Vec<_> = known.clone().take(SOME).map(|id| format!("`{id}`")).collect();
    let more = known.count().saturating_sub(some.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    if some.is_empty() {
        format!("there is no bot `{bot}`, nor any other: drop a definition into `bots.d`")
    } else {
        format!("there is no bot `{bot}`; there are {}{more}", some.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bot_that_was_probably_meant_is_named() {
        assert_eq!(sentence("ehco", ["echo", "hello"].into_iter()), "there is no bot `ehco`: did you mean `echo`?");
        assert_eq!(sentence("x", ["echo", "hello"].into_iter()), "there is no bot `x`; there are `echo`, `hello`");
        let many: Vec<_> = (0..12).map(|n| format!("bot-{n}")).collect();
        let text = sentence("x", many.iter().map(String::as_str));
        assert!(text.ends_with("`bot-9` and 2 more"), "{text}");
        assert!(sentence("x", [].into_iter()).contains("bots.d"));
    }
}
