use proptest::prelude::*;

use super::*;
use crate::base::Millis;

const TARGET: &str = "https://bots.test/hooks/echo";
const KINDS: &[(&str, &str)] = &[("messages", "created"), ("attachmentActions", "created")];

fn listed(id: &str, name: &str, resource: &str, event: &str) -> Listed {
    let webhook = Webhook {
        id: id.into(),
        name: name.into(),
        target_url: TARGET.into(),
        resource: resource.into(),
        event: event.into(),
        filter: None,
        status: Some("active".into()),
    };
    Listed { webhook, secret: Some(Secret::new(format!("secret of {id}"))) }
}

fn ours(id: &str, resource: &str, event: &str) -> Listed {
    listed(id, &format!("botyard/prod/echo/{resource}.{event}"), resource, event)
}

fn row(row: i64, id: &str, resource: &str, event: &str) -> WebhookRow {
    WebhookRow {
        row,
        bot: BotId::parse("echo").unwrap(),
        resource: resource.into(),
        event: event.into(),
        secret: Secret::new(format!("secret of {id}")),
        webhook_id: Some(id.into()),
        created_at: Millis(0),
    }
}

fn plan_of(kinds: &[(&str, &str)], known: &[WebhookRow], resting: &[&str], actual: &[Listed]) -> Plan {
    let resting = resting.iter().map(|id| (*id).to_owned()).collect();
    let (bot, instance) = (BotId::parse("echo").unwrap(), InstanceName::parse("prod").unwrap());
    let wanted = Wanted { bot: &bot, instance: &instance, kinds, target_url: TARGET, known, resting: &resting };
    plan(&wanted, actual)
}

/// Both wanted webhooks, as they should be.
fn in_step() -> (Vec<WebhookRow>, Vec<Listed>) {
    let rows = vec![row(1, "A", "messages", "created"), row(2, "B", "attachmentActions", "created")];
    (rows, vec![ours("A", "messages", "created"), ours("B", "attachmentActions", "created")])
}

#[test]
fn what_is_as_wanted_is_left_alone() {
    let (rows, actual) = in_step();
    let plan = plan_of(KINDS, &rows, &[], &actual);
    assert_eq!(plan, Plan { actions: vec![], foreign: vec![], inactive: vec![], in_step: true });
}

#[test]
fn what_is_missing_is_made_and_its_old_row_forgotten() {
    let (rows, actual) = in_step();
    let plan = plan_of(KINDS, &rows, &[], &actual[..1]);
    let create = Action::Create { resource: "attachmentActions".into(), event: "created".into() };
    assert_eq!(plan.actions, [create, Action::Forget { row: 2 }]);
}

#[test]
fn a_wrong_address_a_changed_secret_and_a_switched_off_webhook_are_put_right() {
    type Spoil = fn(&mut Listed);
    let spoil: [(Spoil, &str); 3] = [
        (|listed| listed.webhook.target_url = "https://old.test/hooks/echo".into(), "it posts to another address"),
        (|listed| listed.secret = Some(Secret::new("theirs")), "its secret was changed"),
        (|listed| listed.webhook.status = Some("inactive".into()), "it is switched off"),
    ];
    for (spoil, why) in spoil {
        let (rows, mut actual) = in_step();
        spoil(&mut actual[0]);
        let name = actual[0].webhook.name.clone();
        let update = Action::Update { id: "A".into(), row: 1, name, why: why.into() };
        assert_eq!(plan_of(KINDS, &rows, &[], &actual).actions, [update]);
    }
}

#[test]
fn a_listing_without_secrets_and_status_is_believed() {
    let (rows, mut actual) = in_step();
    for listed in &mut actual {
        listed.secret = None;
        listed.webhook.status = None;
    }
    assert!(plan_of(KINDS, &rows, &[], &actual).in_step);
}

#[test]
fn a_webhook_that_rests_is_not_switched_on_but_is_not_in_step_either() {
    let (rows, mut actual) = in_step();
    actual[0].webhook.status = Some("disabled".into());
    let plan = plan_of(KINDS, &rows, &["A"], &actual);
    assert_eq!((plan.actions, plan.inactive, plan.in_step), (vec![], vec!["A".to_owned()], false));
}

#[test]
fn an_orphan_with_our_tag_is_adopted() {
    let (_, actual) = in_step();
    let adopt =
        |id: &str, resource: &str| Action::Adopt { id: id.into(), resource: resource.into(), event: "created".into() };
    assert_eq!(plan_of(KINDS, &[], &[], &actual).actions, [adopt("A", "messages"), adopt("B", "attachmentActions")]);
}

#[test]
fn of_duplicates_the_one_we_know_stays() {
    let (rows, mut actual) = in_step();
    actual.insert(0, ours("C", "messages", "created"));
    let delete = Action::Delete { id: "C".into(), why: "it is a duplicate".into() };
    assert_eq!(plan_of(KINDS, &rows, &[], &actual).actions, [delete]);
}

#[test]
fn what_is_no_longer_wanted_goes_and_with_nothing_wanted_all_of_ours() {
    let (rows, mut actual) = in_step();
    actual.push(listed("F", "somebody's", "all", "all"));
    let plan = plan_of(&[], &rows, &[], &actual);
    let delete = |id: &str| Action::Delete { id: id.into(), why: "it is no longer wanted".into() };
    let forget = |row| Action::Forget { row };
    assert_eq!(plan.actions, [delete("A"), delete("B"), forget(1), forget(2)]);
    assert!(!plan.foreign[0].doubles);
}

#[test]
fn a_webhook_that_is_not_what_its_name_says_is_replaced() {
    let (rows, mut actual) = in_step();
    actual[0].webhook.filter = Some("roomId=R".into());
    let actions = plan_of(KINDS, &rows, &[], &actual).actions;
    assert!(
        matches!(&actions[..], [Action::Create { .. }, Action::Delete { id, .. }, Action::Forget { row: 1 }] if id == "A")
    );
}

#[test]
fn the_tag_alone_decides_and_others_are_only_named() {
    let (rows, actual) = in_step();
    let cases = [
        ("botyard/test/echo/messages.created", "messages", "created", true),
        ("botyard/prod/parrot/messages.created", "messages", "created", true),
        ("my old bot", "messages", "all", true),
        ("firehose", "all", "all", true),
        ("botyard/prod/echo", "memberships", "created", false),
        ("rooms", "rooms", "created", false),
        ("presses", "attachmentActions", "created", true),
    ];
    for (name, resource, event, doubles) in cases {
        let mut actual = actual.clone();
        // Even the same target makes it not ours.
        actual.push(listed("X", name, resource, event));
        let plan = plan_of(KINDS, &rows, &[], &actual);
        assert!(plan.in_step, "{name}");
        assert_eq!(plan.foreign, [ForeignNote { name: name.into(), target: TARGET.into(), doubles }]);
    }
}

#[test]
fn a_switched_off_stranger_doubles_nothing_and_its_secrets_are_not_shown() {
    let mut stranger = listed("X", "x", "messages", "created");
    stranger.webhook.status = Some("inactive".into());
    stranger.webhook.target_url = "https://user:pass@other.test/in?token=abc#x".into();
    let (rows, mut actual) = in_step();
    actual.push(stranger);
    let plan = plan_of(KINDS, &rows, &[], &actual);
    let note = ForeignNote { name: "x".into(), target: "https://other.test/in".into(), doubles: false };
    assert_eq!(plan.foreign, [note]);
}

#[test]
fn the_firehose_does_not_bring_presses_of_cards() {
    let plan = plan_of(&[("attachmentActions", "created")], &[], &[], &[listed("X", "x", "all", "all")]);
    assert!(!plan.foreign[0].doubles);
}

#[test]
fn a_listing_is_read_with_its_secret_and_prints_none() {
    let text =
        r#"{"id":"A","name":"n","targetUrl":"t","resource":"messages","event":"created","secret":"hush","orgId":"O"}"#;
    let listed: Listed = serde_json::from_str(text).unwrap();
    assert_eq!((listed.webhook.id.as_str(), listed.secret.clone()), ("A", Some(Secret::new("hush"))));
    assert!(!format!("{listed:?}").contains("hush"));
}

/// Carries a plan out on lists.
fn carry_out(plan: &Plan, rows: &mut Vec<WebhookRow>, actual: &mut Vec<Listed>) {
    let mut next = rows.iter().map(|row| row.row).max().unwrap_or_default();
    for action in &plan.actions {
        match action {
            Action::Create { resource, event } => {
                next += 1;
                let id = format!("new{next}");
                actual.push(ours(&id, resource, event));
                rows.push(row(next, &id, resource, event));
            }
            Action::Adopt { id, resource, event } => {
                next += 1;
                rows.push(row(next, id, resource, event));
                let at = actual.iter().position(|listed| listed.webhook.id == *id).unwrap();
                actual[at] = ours(id, resource, event);
            }
            Action::Update { id, row, .. } => {
                let at = actual.iter().position(|listed| listed.webhook.id == *id).unwrap();
                let known = rows.iter().find(|known| known.row == *row).unwrap();
                actual[at] = ours(id, &known.resource, &known.event);
                actual[at].secret = Some(known.secret.clone());
            }
            Action::Delete { id, .. } => actual.retain(|listed| listed.webhook.id != *id),
            Action::Forget { row } => rows.retain(|known| known.row != *row),
        }
    }
}

fn any_listed() -> impl Strategy<Value = Listed> {
    let names = prop::sample::select(vec![
        "botyard/prod/echo/messages.created",
        "botyard/prod/echo/memberships.created",
        "botyard/prod/echo/attachmentActions.created",
        "botyard/prod/parrot/messages.created",
        "botyard/test/echo/messages.created",
        "mine",
    ]);
    let words = (prop::sample::select(vec!["messages", "memberships", "attachmentActions", "all"]), any::<bool>());
    (names, words, 0..4_u8, any::<bool>(), any::<bool>()).prop_map(|(name, (resource, same), flaws, off, secret)| {
        let tag = OwnerTag::parse(name);
        let kind =
            tag.filter(|_| same).map_or((resource.to_owned(), "created".to_owned()), |tag| (tag.resource, tag.event));
        let mut listed = listed("?", name, &kind.0, &kind.1);
        listed.webhook.filter = (flaws == 0).then(|| "roomId=R".into());
        if flaws == 1 {
            listed.webhook.target_url = "https://old.test".into();
        }
        if off {
            listed.webhook.status = Some("inactive".into());
        }
        listed.secret = secret.then(|| Secret::new("?"));
        listed
    })
}

proptest! {
    /// Whatever is there: after one plan there is nothing left to do, each wanted kind is there once, and nothing
    /// of others was touched.
    #[test]
    fn a_plan_carried_out_leaves_nothing_to_plan_and_touches_no_stranger(
        mut actual in prop::collection::vec(any_listed(), 0..10),
        known in prop::collection::vec((0_usize..10, any::<bool>()), 0..6),
    ) {
        for (number, listed) in actual.iter_mut().enumerate() {
            listed.webhook.id = format!("W{number}");
        }
        let kinds: Vec<_> = ["messages", "memberships"].map(|resource| (resource, "created")).to_vec();
        let mut rows: Vec<_> = known.iter().enumerate().map(|(number, (of, staged))| {
            let mut row = row(i64::try_from(number).unwrap() + 1, &format!("W{of}"), "messages", "created");
            if *staged { row.webhook_id = None; }
            if let Some(tag) = actual.get(*of).and_then(|listed| OwnerTag::parse(&listed.webhook.name)) {
                (row.resource, row.event) = (tag.resource, tag.event);
            }
            row
        }).collect();
        let is_foreign = |listed: &&Listed| !listed.webhook.name.starts_with("botyard/prod/echo/");
        let strangers = |actual: &[Listed]| actual.iter().filter(is_foreign).map(|l| format!("{l:?}")).collect::<Vec<_>>();
        let before = strangers(&actual);

        let first = plan_of(&kinds, &rows, &[], &actual);
        carry_out(&first, &mut rows, &mut actual);
        let second = plan_of(&kinds, &rows, &[], &actual);

        prop_assert_eq!(&second.actions, &Vec::<Action>::new());
        prop_assert!(second.in_step);
        prop_assert_eq!(strangers(&actual), before);
        prop_assert_eq!(second.foreign.len(), first.foreign.len());
        for (resource, event) in &kinds {
            let name = format!("botyard/prod/echo/{resource}.{event}");
            prop_assert_eq!(actual.iter().filter(|listed| listed.webhook.name == name).count(), 1);
        }
    }
}
