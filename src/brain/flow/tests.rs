//! The machine over made-up plans: what single moves come to, and what no walk may ever do.

use std::{sync::Arc, time::Duration};

use chrono::NaiveDate;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    expect::{Expect, Fits, Kind, YesNo},
    machine::{Did, Heard, Judge, Question, Scene, Walk, What, hear, start},
    plan::{Branch, Does, Plan, Step},
    talk::{Answers, Talk},
};
use crate::base::Millis;

const NOW: Millis = Millis(1_767_225_600_000);
const SCENE: Scene<'_> = Scene { now: NOW, today: NaiveDate::MIN, program: "p1", group: false, parent: None };

/// Expressions hold when this says so.
struct Says<F>(F);

impl<F: Fn(Question, &Answers) -> bool> Judge for Says<F> {
    fn holds(&self, question: Question, answers: &Answers) -> Result<bool, String> {
        Ok((self.0)(question, answers))
    }
}

impl<F> Fits for Says<F> {
    fn fits(&self, pattern: &Arc<str>, text: &str) -> bool {
        text.contains(&**pattern)
    }
}

fn always() -> Says<impl Fn(Question, &Answers) -> bool> {
    Says(|_, _: &Answers| true)
}

fn ask(name: &str, kind: Kind, next: Option<usize>) -> Step {
    step(name, Does::Ask { expect: Expect::of(kind), into: name.into() }, next)
}

fn step(name: &str, does: Does, next: Option<usize>) -> Step {
    let next = [Branch { when: false, goto: next }].into();
    Step { name: name.into(), does, tries: 3, check: false, remember: false, end: false, next }
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        name: "booking".into(),
        timeout: Duration::from_mins(10),
        late: None,
        cancel: ["cancel".into(), "stop it".into()].into(),
        yes_no: YesNo::default(),
        steps: steps.into(),
    }
}

/// Day, people, and whether it is right.
fn booking() -> Plan {
    let mut sure = step("sure", Does::Confirm { no: Some(0) }, None);
    sure.end = true;
    sure.remember = true;
    plan(vec![ask("day", Kind::Date, Some(1)), ask("people", Kind::Int, Some(2)), sure])
}

fn did(walk: &Walk) -> Vec<What> {
    walk.did.iter().map(|did| did.what).collect()
}

fn asks(step: usize) -> What {
    What::Ask { step, hint: false }
}

fn begin(plan: &Plan) -> Walk {
    start(plan, Answers::new(), &SCENE, &always()).unwrap()
}

fn say(plan: &Plan, walk: Walk, said: &str) -> Walk {
    hear(plan, walk.talk.expect("it is over"), &Heard::Text(said.into()), &SCENE, &always()).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "`json!` makes one for each call")]
fn answers(json: Value) -> Answers {
    json.as_object().unwrap().clone()
}

#[test]
fn a_dialogue_goes_from_question_to_question_to_its_end() {
    let plan = booking();
    let walk = begin(&plan);
    assert_eq!(did(&walk), [asks(0)]);
    let walk = say(&plan, walk, "31.12.2026");
    assert_eq!(did(&walk), [asks(1)]);
    let walk = say(&plan, walk, "4");
    assert_eq!(did(&walk), [asks(2)]);
    assert_eq!(walk.did[0].answers, answers(json!({ "day": "2026-12-31", "people": 4 })));
    let walk = say(&plan, walk, "yes");
    assert_eq!(did(&walk), [What::Remember { step: 2 }, What::End { step: 2 }]);
    assert_eq!(walk.talk, None);
}

#[test]
fn a_no_leads_back_and_the_answers_stay_until_they_are_given_anew() {
    let plan = booking();
    let walk = say(&plan, say(&plan, say(&plan, begin(&plan), "2026-12-31"), "4"), "no");
    assert_eq!(did(&walk), [asks(0)]);
    assert_eq!(walk.talk.as_ref().unwrap().answers, answers(json!({ "day": "2026-12-31", "people": 4 })));
    let walk = say(&plan, walk, "2026-12-30");
    assert_eq!(walk.talk.unwrap().answers["day"], "2026-12-30");
}

#[test]
fn a_wrong_answer_is_asked_for_again_until_the_tries_are_over() {
    let plan = booking();
    let walk = say(&plan, begin(&plan), "soon");
    assert_eq!(did(&walk), [What::Retry { step: 0 }]);
    assert_eq!(walk.did[0].answers["answer"], "soon");
    assert!(walk.did[0].answers["problem"].as_str().unwrap().contains("no date"));
    assert_eq!(walk.talk.as_ref().unwrap().answers, Answers::new(), "what is said beside the answers is not kept");
    let walk = say(&plan, walk, "soon");
    let walk = say(&plan, walk, "soon");
    assert_eq!((did(&walk), walk.talk), (vec![What::GaveUp], None));
    let walk = say(&plan, say(&plan, say(&plan, begin(&plan), "soon"), "soon"), "today");
    assert_eq!(walk.talk.unwrap().tries, 0, "each step counts for itself");
}

#[test]
fn a_cancel_word_ends_it_and_a_sentence_that_begins_with_one_does_not() {
    let plan = plan(vec![ask("why", Kind::Text, None)]);
    for said in ["cancel", " Cancel! ", "stop  it"] {
        assert_eq!(did(&say(&plan, begin(&plan), said)), [What::Cancelled], "{said}");
    }
    assert_eq!(did(&say(&plan, begin(&plan), "cancel the meeting")), []);
}

#[test]
fn answers_it_is_started_with_are_taken_where_they_are_good() {
    let plan = booking();
    let given = answers(json!({ "day": "2026-12-31", "people": "many", "other": 1 }));
    let walk = start(&plan, given, &SCENE, &always()).unwrap();
    assert_eq!(did(&walk), [asks(1)]);
    let talk = walk.talk.unwrap();
    assert_eq!(talk.answers, answers(json!({ "day": "2026-12-31" })));
    assert_eq!(talk.given, answers(json!({ "other": 1 })), "a bad one is not tried again");
    let both = start(&plan, answers(json!({ "day": "2026-12-31", "people": 3 })), &SCENE, &always()).unwrap();
    assert_eq!(did(&both), [asks(2)], "what is to be confirmed is never given");
}

#[test]
fn a_check_and_the_ways_on_see_the_new_answer() {
    let mut plan = booking();
    plan.steps[1].check = true;
    plan.steps[1].next = [Branch { when: true, goto: Some(0) }, Branch { when: false, goto: None }].into();
    let judge = Says(|question: Question, answers: &Answers| match question {
        Question::Check(1) => answers["answer"] == answers["people"] && answers["people"].as_i64() < Some(10),
        Question::Branch(1, 0) => answers["people"].as_i64() > Some(5) && !answers.contains_key("answer"),
        other => panic!("{other:?}"),
    });
    let at_people = say(&plan, begin(&plan), "today").talk.unwrap();
    let heard = |said: &str| hear(&plan, at_people.clone(), &Heard::Text(said.into()), &SCENE, &judge).unwrap();
    assert_eq!(did(&heard("11")), [What::Retry { step: 1 }]);
    assert_eq!(did(&heard("6")), [asks(0)]);
    assert_eq!((did(&heard("4")), heard("4").talk), (vec![], None));
}

#[test]
fn a_card_gives_the_inputs_that_were_asked_for_and_no_others() {
    let optional = Expect { optional: true, ..Expect::of(Kind::Text) };
    let inputs = [("people".into(), Expect::of(Kind::Int)), ("note".into(), optional)].into();
    let mut plan = plan(vec![step("form", Does::Form { inputs, into: None }, None)]);
    let press = |plan: &Plan, inputs: Value| {
        hear(plan, begin(plan).talk.unwrap(), &Heard::Form(answers(inputs)), &SCENE, &always()).unwrap()
    };
    let wrong = press(&plan, json!({ "people": "many" }));
    assert_eq!(did(&wrong), [What::Retry { step: 0 }]);
    assert!(wrong.did[0].answers["problem"].as_str().unwrap().starts_with("people: "));
    assert_eq!(did(&say(&plan, begin(&plan), "4 people")), [What::Retry { step: 0 }], "words are no card");
    plan.steps[0].end = true;
    let right = press(&plan, json!({ "people": "4", "approved": "true" }));
    assert_eq!(right.did, [Did { what: What::End { step: 0 }, answers: answers(json!({ "people": 4, "note": "" })) }]);
}

#[test]
fn a_time_out_ends_it_or_leads_somewhere_once() {
    let mut plan = booking();
    let late = |plan: &Plan, talk: Talk| hear(plan, talk, &Heard::Late, &SCENE, &always()).unwrap();
    let walk = late(&plan, begin(&plan).talk.unwrap());
    assert_eq!((did(&walk), walk.talk), (vec![What::TimedOut], None));
    plan.late = Some(2);
    let walk = late(&plan, begin(&plan).talk.unwrap());
    assert_eq!(did(&walk), [What::TimedOut, asks(2)]);
    let again = late(&plan, walk.talk.clone().unwrap());
    assert_eq!((did(&again), again.talk), (vec![What::TimedOut], None), "nobody is there");
    let heard = say(&plan, walk, "hm");
    assert_eq!(did(&late(&plan, heard.talk.unwrap())), [What::TimedOut, asks(2)], "somebody was");
}

#[test]
fn a_changed_definition_goes_on_when_the_step_is_still_there() {
    let old = begin(&booking()).talk.unwrap();
    let mut changed = booking();
    changed.steps = changed.steps.iter().rev().cloned().collect();
    changed.steps[2].next = [Branch { when: false, goto: None }].into();
    let scene = Scene { program: "p2", ..SCENE };
    let walk = hear(&changed, old.clone(), &Heard::Text("today".into()), &scene, &always()).unwrap();
    assert_eq!((did(&walk), walk.talk), (vec![], None));
    let gone = plan(vec![ask("people", Kind::Int, None)]);
    for heard in [Heard::Text("today".into()), Heard::Late] {
        let walk = hear(&gone, old.clone(), &heard, &scene, &always()).unwrap();
        assert_eq!((did(&walk), walk.talk), (vec![What::Gone], None));
    }
    let walk = hear(&gone, old, &Heard::Text("cancel".into()), &scene, &always()).unwrap();
    assert_eq!(did(&walk), [What::Cancelled]);
}

#[test]
fn in_a_room_with_others_the_first_question_says_that_a_mention_is_needed() {
    let plan = booking();
    let scene = Scene { group: true, ..SCENE };
    let walk = start(&plan, Answers::new(), &scene, &always()).unwrap();
    assert_eq!(did(&walk), [What::Ask { step: 0, hint: true }]);
    let walk = hear(&plan, walk.talk.unwrap(), &Heard::Text("today".into()), &scene, &always()).unwrap();
    assert_eq!(did(&walk), [asks(1)], "once");
}

#[test]
fn steps_that_ask_nothing_are_passed_and_a_circle_of_them_is_an_error() {
    let steps = |next| vec![step("a", Does::Pass, Some(1)), step("b", Does::Pass, next)];
    assert_eq!(did(&begin(&plan(steps(None)))), [What::Say { step: 0 }, What::Say { step: 1 }]);
    let error = start(&plan(steps(Some(0))), Answers::new(), &SCENE, &always()).unwrap_err();
    assert!(error.contains("circle"), "{error}");
}

#[test]
fn answers_do_not_grow_without_bound() {
    let plan = plan(vec![ask("a", Kind::Text, Some(1)), ask("b", Kind::Text, None)]);
    let walk = say(&plan, begin(&plan), &"x".repeat(60_000));
    assert_eq!(did(&walk), [asks(1)]);
    assert_eq!(did(&say(&plan, walk, &"x".repeat(60_000))), [What::Retry { step: 1 }]);
}

// -- what no walk may ever do ------------------------------------------------------------------------------------

#[derive(Debug, Clone)]
enum Move {
    Say(String),
    Press(Answers),
    Late,
    /// The definition is changed to this one.
    Change(usize),
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Text),
        Just(Kind::Int),
        Just(Kind::Bool),
        Just(Kind::Date),
        Just(Kind::Choice(["red".into(), "blue".into()].into())),
        Just(Kind::Pattern("1".into())),
    ]
}

fn any_step(steps: usize) -> impl Strategy<Value = Step> {
    let target = || prop::option::of(0..steps);
    let does = (0..10_u8, kind(), target(), 0..4_u8).prop_map(|(which, kind, no, into)| match which {
        0..6 => Does::Ask { expect: Expect::of(kind), into: format!("a{into}").into() },
        6..8 => Does::Form { inputs: [(format!("a{into}").into(), Expect::of(kind))].into(), into: None },
        8 => Does::Confirm { no },
        _ => Does::Pass,
    });
    let next = prop::collection::vec((any::<bool>(), target()), 0..3);
    (does, 1..4_u32, any::<[bool; 3]>(), next).prop_map(|(does, tries, [check, remember, end], next)| Step {
        name: "".into(),
        does,
        tries,
        check,
        remember,
        end,
        next: next.into_iter().map(|(when, goto)| Branch { when, goto }).collect(),
    })
}

fn any_plan() -> impl Strategy<Value = Plan> {
    (1..6_usize)
        .prop_flat_map(|count| (prop::collection::vec(any_step(count), count), prop::option::of(0..count), 0..3_usize))
        .prop_map(|(mut steps, late, named_from)| {
            for (number, step) in steps.iter_mut().enumerate() {
                step.name = format!("s{}", number + named_from).into();
            }
            Plan { late, ..plan(steps) }
        })
}

fn any_move() -> impl Strategy<Value = Move> {
    let words = prop::sample::select(vec!["yes", "no", "1", "12", "today", "red", "", "what?", "cancel it"]);
    prop_oneof![
        6 => words.prop_map(|word| Move::Say(word.to_owned())),
        2 => prop::collection::btree_map("a[0-4]", "[0-9a-z]{0,3}", 0..3).prop_map(|inputs| {
            Move::Press(inputs.into_iter().map(|(name, value)| (name, Value::from(value))).collect())
        }),
        1 => Just(Move::Late),
        1 => (0..2_usize).prop_map(Move::Change),
    ]
}

proptest! {
    #[test]
    fn every_walk_ends_or_stays_in_a_known_step_and_loses_no_answer(
        plans in prop::collection::vec(any_plan(), 2),
        moves in prop::collection::vec(any_move(), 0..30),
        truths in prop::collection::vec(any::<bool>(), 16),
        group in any::<bool>(),
    ) {
        let judge = Says(|question: Question, answers: &Answers| {
            let seed = match question { Question::Check(at) => at, Question::Branch(at, n) => 3 * at + n + 7 };
            truths[(seed + answers.len()) % truths.len()]
        });
        let scene = Scene { group, ..SCENE };
        let mut present = 0;
        let mut walk = start(&plans[0], Answers::new(), &scene, &judge);
        let mut before = Answers::new();
        let mut hints = 0;
        for next in moves {
            // A circle without a question is told as an error, which the compiler finds beforehand.
            let Ok(Walk { did, talk }) = walk else { return Ok(()) };
            hints += did.iter().filter(|did| matches!(did.what, What::Ask { hint: true, .. })).count();
            prop_assert!(hints <= usize::from(group));
            let Some(talk) = talk else { return Ok(()) };
            let plan = &plans[present];
            let at = plan.find(&talk.step);
            prop_assert!(at.is_some_and(|at| plan.steps[at].does.waits()), "{talk:?}");
            prop_assert!(talk.tries < plan.steps[at.unwrap()].tries);
            for name in before.keys() {
                prop_assert!(talk.answers.contains_key(name), "{name} is lost");
            }
            prop_assert!(!talk.answers.contains_key("answer") && !talk.answers.contains_key("problem"));
            prop_assert_eq!(Talk::decode(&talk.encode()), Some(talk.clone()));

            let cancelled = hear(plan, talk.clone(), &Heard::Text("Stop it.".into()), &scene, &judge).unwrap();
            prop_assert_eq!((cancelled.talk, cancelled.did.len(), cancelled.did[0].what), (None, 1, What::Cancelled));

            before.clone_from(&talk.answers);
            let heard = match next {
                Move::Say(text) => Heard::Text(text),
                Move::Press(inputs) => Heard::Form(inputs),
                Move::Late => Heard::Late,
                Move::Change(to) => {
                    present = to;
                    Heard::Text("1".into())
                }
            };
            let (serial, once) = (talk.serial, hear(&plans[present], talk.clone(), &heard, &scene, &judge));
            prop_assert_eq!(&once, &hear(&plans[present], talk, &heard, &scene, &judge), "the same again");
            if let Ok(Walk { talk: Some(talk), .. }) = &once {
                prop_assert_eq!(talk.serial, serial + 1);
            }
            walk = once;
        }
    }

    #[test]
    fn two_time_outs_in_a_row_end_every_dialogue(plan in any_plan()) {
        let Ok(Walk { talk: Some(talk), .. }) = start(&plan, Answers::new(), &SCENE, &always()) else { return Ok(()) };
        let Ok(Walk { talk: Some(talk), .. }) = hear(&plan, talk, &Heard::Late, &SCENE, &always()) else { return Ok(()) };
        prop_assert_eq!(hear(&plan, talk, &Heard::Late, &SCENE, &always()).unwrap().talk, None);
    }
}
