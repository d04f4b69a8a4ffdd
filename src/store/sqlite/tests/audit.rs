//! The audit: an act is written down with what it did, or not at all.

use super::*;
use crate::{
    base::{Digest, Secret},
    store::{ActKind, AuditQuery, AuditRow, By, StoreError, sqlite::engine},
};

fn all() -> AuditQuery {
    AuditQuery { limit: 100, ..AuditQuery::default() }
}

fn told(acts: &[AuditRow]) -> Vec<(&str, &str, &str)> {
    acts.iter().map(|act| (act.who.as_str(), act.act.as_str(), act.bot.as_deref().unwrap_or("-"))).collect()
}

#[tokio::test]
async fn an_act_is_written_down_with_what_it_did_and_what_was_refused_is_not() {
    here(async {
        let rig = Rig::new().await;
        let echo = rig.bot("echo").await;
        let alice = || By::admin(Some("alice@host"));
        rig.store.put_token(echo.clone(), Secret::new("hunter2"), alice()).await.unwrap();
        let again = rig.store.put_token(echo.clone(), Secret::new("hunter2"), alice()).await;
        again.expect("the same token is no change");
        let ghost = rig.store.put_token(bot("ghost"), Secret::new("x"), alice()).await;
        assert!(matches!(ghost, Err(StoreError::Refused(_))));
        rig.store.put_bot(new_bot("echo")).await.unwrap();
        let changed = NewBot { digest: Digest::of([b"changed".as_slice()]), ..new_bot("echo") };
        rig.store.put_bot(changed).await.unwrap();

        let rig = rig.reopened().await;
        let acts = rig.store.audit(all()).await.unwrap();
        let house = "house:bots.d";
        assert_eq!(
            told(&acts),
            [(house, "definition", "echo"), ("admin:alice@host", "token_set", "echo"), (house, "definition", "echo")],
            "newest first; the same definition and the same token again are no acts"
        );
        assert_eq!(acts[0].subject, Digest::of([b"changed".as_slice()]).to_string());
        assert!(!format!("{acts:?}").contains("hunter2"));
    })
    .await;
}

#[tokio::test]
async fn acts_are_found_by_bot_by_kind_and_page_by_page() {
    here(async {
        let rig = Rig::new().await;
        for name in ["a", "b", "c"] {
            let bot = rig.bot(name).await;
            rig.store.put_token(bot, Secret::new("x"), By::command_line(None)).await.unwrap();
        }
        let of_b = rig.store.audit(AuditQuery { bot: Some(bot("b")), ..all() }).await.unwrap();
        assert_eq!(told(&of_b), [("cli", "token_set", "b"), ("house:bots.d", "definition", "b")]);
        let tokens = AuditQuery { kind: Some(ActKind::TokenSet), limit: 2, ..all() };
        let first = rig.store.audit(tokens.clone()).await.unwrap();
        let rest = rig.store.audit(AuditQuery { before: Some(first[1].seq), ..tokens }).await.unwrap();
        let bots: Vec<_> = first.iter().chain(&rest).filter_map(|act| act.bot.as_deref()).collect();
        assert_eq!(bots, ["c", "b", "a"]);
    })
    .await;
}

#[tokio::test]
async fn no_row_of_the_audit_can_be_changed() {
    here(async {
        let rig = Rig::new().await;
        rig.bot("echo").await;
        rig.store.close().await.unwrap();
        let path = rig.dir.path().join(engine::FILE);
        let mut conn = engine::connect(&path, engine::Role::Writer).await.unwrap();
        let refused = sqlx::query("UPDATE audit SET who = 'nobody'").execute(&mut conn).await.unwrap_err();
        assert!(refused.to_string().contains("never changed"), "{refused}");
    })
    .await;
}
