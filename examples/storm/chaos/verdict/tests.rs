//! A judge that finds nothing proves nothing: each fault is planted, and has to be found as what it is.

use botyard::base::Millis;

use super::*;

/// Two messages of one person to one bot, in one room: accepted, answered, in order.
fn fine() -> Evidence {
    let mut evidence = Evidence::default();
    for number in [1_u32, 2] {
        let at = Millis(i64::from(number) * 100);
        let (message, seq) = (format!("M{number}"), i64::from(number));
        let event = Uuid::from_u128(u128::from(number));
        evidence.said.push(Said {
            number,
            bot: "echo".into(),
            kind: Kind::Echo,
            word: Word::Plain,
            id: message.clone(),
        });
        evidence.knocks.push(Knock { bot: "echo".into(), message: message.clone(), at, status: Some(200) });
        evidence.events.push(Event {
            seq,
            id: event,
            bot: "echo".into(),
            order_key: "room and person".into(),
            state: State::Finished,
            attempt: 1,
            doubts: 0,
            accepted_at: at,
            finished_at: Some(at),
            reason: None,
            rule: Some("fallback".into()),
            message: Some(message),
        });
        evidence.promises.push(Promise {
            seq,
            event,
            bot: "echo".into(),
            order_key: "room".into(),
            fate: Fate::Sent,
            attempt: 1,
            doubtful: false,
            created_at: at,
            finished_at: Some(at),
            remote_id: Some(format!("R{number}")),
            reason: None,
            piece: Some(Piece { number, line: 0 }),
            room: Some("room".into()),
        });
        evidence.replies.push(reply(number, u64::from(number) * 10, &format!("R{number}")));
    }
    evidence
}

fn reply(number: u32, seq: u64, id: &str) -> Reply {
    Reply { seq, id: id.into(), bot: "echo".into(), room: "room".into(), text: Word::Plain.text(number) }
}

/// What is found when this is done to a run in which everything is right.
fn found(plant: impl FnOnce(&mut Evidence)) -> Vec<Wrong> {
    let mut evidence = fine();
    plant(&mut evidence);
    let mut found: Vec<_> = judge(&evidence).findings.iter().map(|finding| finding.wrong).collect();
    found.dedup();
    found
}

#[test]
fn a_run_in_which_all_is_right_has_no_finding() {
    let verdict = judge(&fine());
    assert_eq!((verdict.findings.len(), verdict.accepted, verdict.finished, verdict.deliveries), (0, 2, 2, 2));
}

#[test]
fn what_is_lost_is_found() {
    assert_eq!(found(|it| _ = (it.events.pop(), it.promises.pop(), it.replies.pop())), [Wrong::Lost]);
    assert_eq!(found(|it| it.replies.truncate(1)), [Wrong::Lost]);
    assert_eq!(found(|it| it.events[1].rule = Some("none: message is gone".into())), [Wrong::Lost]);
    assert_eq!(found(|it| it.promises[1].fate = Fate::Pending), [Wrong::Lost]);
    let pending = |it: &mut Evidence| (it.events[1].state, it.events[1].finished_at) = (State::Pending, None);
    assert_eq!(found(pending), [Wrong::Lost]);
    // The first line of a long answer alone is not the answer.
    assert_eq!(found(|it| it.said[1].word = Word::Long), [Wrong::Lost]);
}

#[test]
fn what_was_never_accepted_is_not_lost() {
    let mut evidence = fine();
    evidence.knocks[1].status = None;
    evidence.events.pop();
    evidence.promises.pop();
    evidence.replies.pop();
    let verdict = judge(&evidence);
    assert_eq!((verdict.findings.len(), verdict.accepted), (0, 1));
    assert_eq!(verdict.never_accepted, BTreeMap::from([("nobody answered".to_owned(), 1)]));
}

#[test]
fn what_was_buried_or_given_up_or_skipped_says_so_and_is_not_lost() {
    let mut evidence = fine();
    evidence.events[0].state = State::Buried;
    evidence.events[0].reason = Some("failed".into());
    evidence.promises.remove(0);
    evidence.replies.remove(0);
    evidence.promises[0].fate = Fate::Failed;
    evidence.replies.clear();
    let verdict = judge(&evidence);
    assert_eq!(verdict.findings.len(), 0);
    assert_eq!((verdict.buried["failed"], verdict.failed["no reason"]), (1, 1));
    assert_eq!(found(|it| it.events[1].state = State::Buried), [Wrong::Stray], "it has promised something");
}

#[test]
fn what_is_said_twice_needs_a_mark_and_as_many_tries() {
    let twice = |it: &mut Evidence| it.replies.push(reply(2, 30, "R2 again"));
    assert_eq!(found(twice), [Wrong::Duplicate]);
    let marked = |it: &mut Evidence| {
        it.replies.push(reply(2, 30, "R2 again"));
        (it.promises[1].doubtful, it.promises[1].attempt) = (true, 2);
    };
    assert_eq!(found(marked), []);
    let too_often = |it: &mut Evidence| {
        marked(it);
        it.replies.push(reply(2, 31, "R2 once more"));
    };
    assert_eq!(found(too_often), [Wrong::Duplicate]);
    let careful = |it: &mut Evidence| {
        marked(it);
        it.said[1].kind = Kind::Careful;
    };
    assert_eq!(found(careful), [Wrong::Duplicate], "this bot would rather be silent");
    let stored_twice = |it: &mut Evidence| {
        let again = Event { seq: 3, id: Uuid::from_u128(3), ..it.events[1].clone() };
        it.events.push(again);
    };
    assert_eq!(found(stored_twice), [Wrong::Duplicate]);
}

#[test]
fn what_overtakes_is_found_in_turns_and_in_sends() {
    assert_eq!(found(|it| it.events[1].finished_at = Some(Millis(50))), [Wrong::OutOfOrder]);
    let promised_before = |it: &mut Evidence| {
        (it.promises[0].seq, it.promises[1].seq) = (2, 1);
        it.promises.swap(0, 1);
        (it.replies[0].seq, it.replies[1].seq) = (20, 10);
    };
    assert_eq!(found(promised_before), [Wrong::OutOfOrder]);
    assert_eq!(found(|it| it.replies[1].seq = 5), [Wrong::OutOfOrder]);
    // Two people do not wait for each other.
    let others = |it: &mut Evidence| {
        it.events[1].order_key = "room and somebody else".into();
        it.events[1].finished_at = Some(Millis(50));
    };
    assert_eq!(found(others), []);
}

#[test]
fn a_late_copy_of_a_doubtful_send_overtakes_nothing() {
    let late = |it: &mut Evidence| {
        it.replies.push(reply(1, 30, "R1 again"));
        (it.promises[0].doubtful, it.promises[0].attempt) = (true, 2);
    };
    assert_eq!(found(late), []);
}

#[test]
fn what_belongs_to_nothing_is_found() {
    assert_eq!(found(|it| it.replies.push(reply(7, 30, "R7"))), [Wrong::Stray]);
    assert_eq!(found(|it| it.replies[1].room = "elsewhere".into()), [Wrong::Stray]);
    assert_eq!(found(|it| it.promises[1].remote_id = Some("another".into())), [Wrong::Stray]);
    assert_eq!(found(|it| it.said[1].id = "M7".into()), [Wrong::Stray], "answered, and nobody asked");
    let boom = |it: &mut Evidence| (it.said[1].kind, it.said[1].word) = (Kind::Fragile, Word::Boom);
    assert_eq!(found(boom), [Wrong::Stray], "its template cannot");
}

#[test]
fn a_finding_comes_with_all_that_is_known_of_its_message() {
    let mut evidence = fine();
    evidence.replies.truncate(1);
    let verdict = judge(&evidence);
    let story = verdict.findings[0].story.join("\n");
    for part in ["M2", "webhook to echo: 200", "rule fallback", "delivery 2", "as R2"] {
        assert!(story.contains(part), "{part} is missing in\n{story}");
    }
}
