//! Bots: definitions, leases, tokens, identities, holds, retirement, webhooks.

use super::*;
use crate::{
    base::Secret,
    store::{By, Hold, HoldKind, Identity, IdentityAnswer, NewWebhook, StoreError},
};

fn identity(person: &str) -> Identity {
    Identity { person_id: person.into(), display_name: "Echo".into(), email: "echo@webex.bot".into() }
}

fn webhook(bot: &BotId, event: &str, secret: &str) -> NewWebhook {
    NewWebhook { bot: bot.clone(), resource: "messages".into(), event: event.into(), secret: Secret::new(secret) }
}

#[tokio::test]
async fn a_bot_is_shown_as_it_was_put_and_put_again() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("echo").await;
        rig.store.put_identity(lease.bot.clone(), identity("P")).await.unwrap();
        rig.store.put_token(lease.bot.clone(), Secret::new("hunter2"), By::admin(None)).await.unwrap();
        let hold = Hold { kind: HoldKind::Parked, reason: "401".into(), since: Millis(5) };
        rig.store.put_hold(lease.bot.clone(), Some(hold.clone())).await.unwrap();
        let rig = rig.reopened().await;
        let row = rig.store.bots().await.unwrap().remove(0);
        assert_eq!((row.bot, row.definition, row.digest), (bot("echo"), bot("echo"), new_bot("echo").digest));
        assert_eq!((row.identity, row.has_token, row.hold), (Some(identity("P")), true, Some(hold)));
        assert_eq!((row.owner.as_deref(), row.epoch), (Some("test"), lease.epoch));
        rig.store.put_hold(bot("echo"), None).await.unwrap();
        rig.store.put_bot(NewBot { source: "new".into(), ..new_bot("echo") }).await.unwrap();
        let row = rig.store.bots().await.unwrap().remove(0);
        assert_eq!((row.hold, row.identity, row.epoch), (None, Some(identity("P")), lease.epoch));
        assert_eq!(rig.store.definitions().await.unwrap()[0].source, "new");
    })
    .await;
}

#[tokio::test]
async fn verbs_for_a_bot_nobody_knows_say_so() {
    here(async {
        let rig = Rig::new().await;
        let ghost = || bot("ghost");
        let refusals = [
            rig.store.take_lease(ghost(), "x".into()).await.map(drop),
            rig.store.put_token(ghost(), Secret::new("x"), By::admin(None)).await,
            rig.store.put_identity(ghost(), identity("P")).await.map(drop),
            rig.store.put_hold(ghost(), None).await,
            rig.store.retire(ghost(), Millis(1)).await,
            rig.store.stage_webhook(webhook(&ghost(), "created", "x")).await.map(drop),
        ];
        for refusal in refusals {
            assert!(matches!(refusal, Err(StoreError::Refused(why)) if why == "there is no bot `ghost`"));
        }
        assert!(rig.store.confirm_webhook(7, "W".into()).await.is_err());
        assert!(rig.store.token(ghost()).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_token_comes_back_after_a_restart_and_no_secret_is_in_the_files() {
    here(async {
        let rig = Rig::new().await;
        let echo = rig.bot("echo").await;
        assert!(rig.store.token(echo.clone()).await.unwrap().is_none());
        rig.store.put_token(echo.clone(), Secret::new("first-token-hunter2"), By::admin(None)).await.unwrap();
        rig.store.put_token(echo.clone(), Secret::new("second-token-hunter2"), By::admin(None)).await.unwrap();
        rig.store.put_token(echo.clone(), Secret::new("second-token-hunter2"), By::admin(None)).await.unwrap();
        rig.store.stage_webhook(webhook(&echo, "created", "webhook-secret-hunter2")).await.unwrap();
        assert_eq!(rig.store.token(echo.clone()).await.unwrap().unwrap().expose(), "second-token-hunter2");
        let mut looked = 0;
        // While it is open, so that the log is looked at too.
        for file in std::fs::read_dir(rig.dir.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
            looked += 1;
        }
        assert!(looked >= 4, "database, log, its index, lock");
        let rig = rig.reopened().await;
        assert_eq!(rig.store.token(echo).await.unwrap().unwrap().expose(), "second-token-hunter2");
    })
    .await;
}

#[tokio::test]
async fn one_identity_belongs_to_one_bot_that_is_not_retired() {
    here(async {
        let rig = Rig::new().await;
        let (a, b) = (rig.bot("a").await, rig.bot("b").await);
        let put = |bot: &BotId, person| rig.store.put_identity(bot.clone(), identity(person));
        assert_eq!(put(&a, "P").await.unwrap(), IdentityAnswer::Kept);
        assert_eq!(put(&a, "P").await.unwrap(), IdentityAnswer::Kept);
        assert_eq!(put(&b, "P").await.unwrap(), IdentityAnswer::Taken { by: a.clone() });
        assert_eq!(put(&a, "Q").await.unwrap(), IdentityAnswer::Changed { was: identity("P") });
        rig.store.retire(a.clone(), Millis(1)).await.unwrap();
        assert_eq!(put(&b, "P").await.unwrap(), IdentityAnswer::Kept);
        // Its file comes back: the bot that has the identity now keeps it, and only this one is refused.
        rig.bot("a").await;
        assert_eq!(put(&b, "P").await.unwrap(), IdentityAnswer::Kept);
        assert_eq!(put(&a, "P").await.unwrap(), IdentityAnswer::Taken { by: b });
    })
    .await;
}

#[tokio::test]
async fn a_retired_bot_keeps_what_is_its_own_until_it_is_forgotten() {
    here(async {
        let rig = Rig::new().await;
        let (a, b) = (rig.lease("a").await, rig.lease("b").await);
        for lease in [&a, &b] {
            rig.promised(lease, "m1", &["x"]).await;
            rig.accept(&lease.bot, "m2", "k").await;
            rig.store.put_token(lease.bot.clone(), Secret::new("x"), By::admin(None)).await.unwrap();
            rig.store.stage_webhook(webhook(&lease.bot, "created", "s")).await.unwrap();
        }
        assert!(matches!(rig.store.forget(a.bot.clone()).await, Err(StoreError::Refused(_))), "it is not retired");
        rig.store.retire(a.bot.clone(), Millis(9)).await.unwrap();
        assert_eq!(rig.store.bots().await.unwrap()[0].retired_at, Some(Millis(9)));
        assert_eq!(rig.store.routes().await.unwrap().len(), 1, "ingress no longer serves it");
        assert_eq!(rig.store.definitions().await.unwrap().len(), 1);
        assert!(rig.store.token(a.bot.clone()).await.unwrap().is_some());

        rig.store.forget(a.bot.clone()).await.unwrap();
        rig.store.forget(a.bot.clone()).await.unwrap();
        assert_eq!(rig.store.bots().await.unwrap().len(), 1);
        assert_eq!(rig.store.routes().await.unwrap().len(), 1);
        assert!(rig.store.accept(event(&a.bot, "m9", "k")).await.is_err());
        let all = crate::store::EventQuery { bot: None, state: None, limit: 10 };
        assert!(rig.store.events(all).await.unwrap().iter().all(|event| event.bot == b.bot));
        assert_eq!(rig.due(&b).await.len(), 1);

        let again = rig.lease("a").await;
        rig.accept(&again.bot, "m1", "k").await;
        assert!(rig.store.token(a.bot).await.unwrap().is_none(), "a new bot of the same name");
    })
    .await;
}

#[tokio::test]
async fn during_a_rotation_both_secrets_are_live_and_then_the_confirmed_one_alone() {
    here(async {
        let rig = Rig::new().await;
        let echo = rig.bot("echo").await;
        rig.store.put_identity(echo.clone(), identity("P")).await.unwrap();
        let live = async || {
            let route = rig.store.routes().await.unwrap().remove(0);
            assert_eq!((route.me.as_deref(), route.kinds), (Some("P"), 0b101));
            route.secrets.iter().map(|secret| secret.expose().to_owned()).collect::<Vec<_>>()
        };
        assert!(live().await.is_empty());
        let one = rig.store.stage_webhook(webhook(&echo, "created", "one")).await.unwrap();
        rig.store.confirm_webhook(one, "W1".into()).await.unwrap();
        rig.store.stage_webhook(webhook(&echo, "deleted", "other")).await.unwrap();
        let two = rig.store.stage_webhook(webhook(&echo, "created", "two")).await.unwrap();
        assert_eq!(live().await, ["one", "other", "two"]);
        rig.store.confirm_webhook(two, "W1".into()).await.unwrap();
        assert_eq!(live().await, ["other", "two"], "the one of another kind stays");
        let rows = rig.store.webhooks(echo.clone()).await.unwrap();
        assert_eq!((rows[1].row, rows[1].webhook_id.as_deref(), rows[1].event.as_str()), (two, Some("W1"), "created"));
        assert_eq!(rows[0].webhook_id, None);
        rig.store.drop_webhook(two).await.unwrap();
        assert_eq!(live().await, ["other"]);
        let three = rig.store.stage_webhook(webhook(&echo, "created", "three")).await.unwrap();
        assert!(three > two, "row numbers, which secrets are sealed to, do not come again");
    })
    .await;
}
