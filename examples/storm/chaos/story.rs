//! All that is known of one message, in the order of its life: what somebody needs who looks for the cause.

use botyard::base::Millis;

use super::{
    bots::Piece,
    evidence::{Evidence, Promise},
};

/// Lines for a person.
pub(crate) fn of(evidence: &Evidence, number: u32) -> Vec<String> {
    let Some(said) = evidence.said.iter().find(|said| said.number == number) else {
        return vec![format!("nobody said number {number}")];
    };
    let mut told = vec![format!("said to {} ({:?}, {:?}) as {}", said.bot, said.kind, said.word, said.id)];
    for knock in evidence.knocks.iter().filter(|knock| knock.message == said.id) {
        let answer = knock.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        told.push(format!("{} webhook to {}: {answer}", knock.at.iso(), knock.bot));
    }
    for event in evidence.events.iter().filter(|event| event.message.as_deref() == Some(&said.id)) {
        told.push(format!(
            "{} event {} ({}) of {} in order {}: {:?} {}, {} attempts, {} doubts, rule {}, reason {}",
            event.accepted_at.iso(),
            event.seq,
            event.id,
            event.bot,
            event.order_key,
            event.state,
            when(event.finished_at),
            event.attempt,
            event.doubts,
            event.rule.as_deref().unwrap_or("-"),
            event.reason.as_deref().unwrap_or("-"),
        ));
        told.extend(evidence.promises.iter().filter(|promise| promise.event == event.id).map(promised));
    }
    for reply in &evidence.replies {
        if let Some(piece) = Piece::of(&reply.text).filter(|piece| piece.number == number) {
            let line = piece.line;
            told.push(format!(
                "at {} {} said it (line {line}) in {} as {}",
                reply.seq, reply.bot, reply.room, reply.id
            ));
        }
    }
    told
}

fn promised(promise: &Promise) -> String {
    format!(
        "{} delivery {} in order {}: {:?} {}, {} attempts, doubtful: {}, as {}, reason {}",
        promise.created_at.iso(),
        promise.seq,
        promise.order_key,
        promise.fate,
        when(promise.finished_at),
        promise.attempt,
        promise.doubtful,
        promise.remote_id.as_deref().unwrap_or("-"),
        promise.reason.as_deref().unwrap_or("-"),
    )
}

fn when(at: Option<Millis>) -> String {
    at.map_or_else(|| "never".to_owned(), Millis::iso)
}
