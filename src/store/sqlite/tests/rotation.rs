//! Changing the seal key: nothing is lost, whatever is killed when.

use std::{collections::BTreeMap, fs};

use proptest::prelude::*;

use super::*;
use crate::{
    base::Secret,
    store::{
        ActKind, AuditQuery, By, NewWebhook, StoreError,
        sqlite::{
            NextKey,
            change::{Cursor, SEALED},
            seal_next::old_file,
        },
    },
};

/// Options with the key that the data dir holds, as the program has them.
fn own(dir: &Path) -> OpenOptions {
    let seal = SealKey::load_or_create(dir, None, None).unwrap();
    OpenOptions { seal, next_key: NextKey::Made(dir.to_owned()), ..options(dir, &Arc::default()) }
}

async fn opened(dir: &Path) -> SqliteStore {
    SqliteStore::open(own(dir)).await.unwrap()
}

/// What is secret in a store: tokens by bot, secrets of webhooks by row.
type Secrets = (BTreeMap<String, String>, BTreeMap<i64, String>);

/// Bots with a token and two webhooks each.
async fn fill(store: &SqliteStore, bots: usize) {
    for n in 0..bots {
        let name = format!("bot-{n}");
        store.put_bot(new_bot(&name)).await.unwrap();
        store.put_token(bot(&name), Secret::new(format!("token {n}")), By::house("test")).await.unwrap();
        for event in ["created", "deleted"] {
            let secret = Secret::new(format!("secret {event} {n}"));
            let webhook = NewWebhook { bot: bot(&name), resource: "messages".into(), event: event.into(), secret };
            store.stage_webhook(webhook).await.unwrap();
        }
    }
}

async fn secrets(store: &SqliteStore, bots: usize) -> Secrets {
    let mut all = Secrets::default();
    for n in 0..bots {
        let name = format!("bot-{n}");
        let token = store.token(bot(&name)).await.unwrap().unwrap();
        all.0.insert(name.clone(), token.expose().to_owned());
        for webhook in store.webhooks(bot(&name)).await.unwrap() {
            all.1.insert(webhook.row, webhook.secret.expose().to_owned());
        }
    }
    assert_eq!((all.0.len(), all.1.len()), (bots, 2 * bots), "each opens");
    all
}

fn asker() -> By {
    By::admin(Some("alice@host"))
}

#[tokio::test]
async fn every_secret_is_sealed_anew_and_the_old_key_opens_nothing_any_more() {
    here(async {
        let dir = tempfile::tempdir().unwrap();
        let store = opened(dir.path()).await;
        fill(&store, 70).await;
        let before = secrets(&store, 70).await;
        let old = SealKey::load_or_create(dir.path(), None, None).unwrap();
        let rotated = store.rotate_seal(asker()).await.unwrap();
        assert_eq!((rotated.rows, rotated.unreadable, &rotated.was), (210, 0, &old.name()));
        assert_ne!(rotated.key, rotated.was);
        assert_eq!(secrets(&store, 70).await, before);
        let acts =
            store.audit(AuditQuery { kind: Some(ActKind::Seal), limit: 9, ..AuditQuery::default() }).await.unwrap();
        let act = &acts[0];
        assert_eq!((acts.len(), act.who.as_str(), act.rows), (1, "admin:alice@host", 210));
        assert_eq!(act.subject, rotated.key);
        store.close().await.unwrap();

        let store = opened(dir.path()).await;
        assert_eq!(secrets(&store, 70).await, before);
        // And once more: each time a key of its own.
        let again = store.rotate_seal(asker()).await.unwrap();
        assert_eq!(again.was, rotated.key);
        store.close().await.unwrap();
        for name in [&rotated.was, &again.was] {
            assert!(old_file(dir.path(), name).exists(), "what was copied before needs it");
        }
        assert!(!dir.path().join("seal.key.next").exists());
        let refused = SqliteStore::open(OpenOptions { seal: old, ..own(dir.path()) }).await.unwrap_err();
        assert!(matches!(refused, OpenError::WrongKey { .. }), "{refused}");
    })
    .await;
}

/// The data dir as a kill leaves it.
fn as_killed(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(dir).unwrap() {
        let file = file.unwrap();
        if file.file_name() != "botyard.db-shm" {
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
    }
    copy
}

/// Begins, does so many steps, and is killed.
async fn killed_after(bots: usize, limit: u32, steps: usize) -> (TempDir, Secrets) {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path()).await;
    fill(&store, bots).await;
    let before = secrets(&store, bots).await;
    let next = store.0.next_key.take().unwrap();
    store.begin_rotation(&next, asker()).await.unwrap();
    let mut at = Some(Cursor::START);
    for _ in 0..steps {
        let Some(after) = at else { break };
        at = store.reseal(after, limit).await.unwrap();
        assert_eq!(secrets(&store, bots).await, before, "in between everything opens");
    }
    let killed = as_killed(dir.path());
    store.close().await.unwrap();
    (killed, before)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn killed_after_any_number_of_rows_the_next_start_goes_on_to_the_end(
        bots in 0_usize..6,
        limit in 1_u32..5,
        steps in 0_usize..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(here(async {
            let (dir, before) = killed_after(bots, limit, steps).await;
            let store = opened(dir.path()).await;
            assert_eq!(secrets(&store, bots).await, before);
            let query = AuditQuery { kind: Some(ActKind::Seal), limit: 9, ..AuditQuery::default() };
            let acts = store.audit(query).await.unwrap();
            assert_eq!(acts.len(), 1, "it is done, and was done once");
            assert_eq!((acts[0].who.as_str(), acts[0].rows), ("admin:alice@host", 3 * bots as u64));
            store.close().await.unwrap();
            assert!(!dir.path().join("seal.key.next").exists());
            // The key in its place is all that is needed now.
            let alone = OpenOptions { next_key: NextKey::Nowhere, ..own(dir.path()) };
            let store = SqliteStore::open(alone).await.unwrap();
            assert_eq!(secrets(&store, bots).await, before);
            store.close().await.unwrap();
        }));
    }
}

#[tokio::test]
async fn killed_before_the_first_row_nothing_has_changed_and_the_key_that_waits_is_the_next_one() {
    here(async {
        let dir = tempfile::tempdir().unwrap();
        let store = opened(dir.path()).await;
        fill(&store, 2).await;
        let waiting = store.0.next_key.take().unwrap();
        let killed = as_killed(dir.path());
        store.close().await.unwrap();
        let store = opened(killed.path()).await;
        assert!(killed.path().join("seal.key.next").exists());
        let rotated = store.rotate_seal(asker()).await.unwrap();
        assert_eq!((rotated.key, rotated.rows), (waiting.name(), 6));
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn killed_between_the_last_commit_and_the_change_of_files_the_next_start_changes_them() {
    here(async {
        let dir = tempfile::tempdir().unwrap();
        let store = opened(dir.path()).await;
        fill(&store, 2).await;
        let before = fs::read(dir.path().join("seal.key")).unwrap();
        let next = store.0.next_key.take().unwrap();
        let waiting = fs::read(dir.path().join("seal.key.next")).unwrap();
        let rotated = store.rotate_seal(asker()).await.unwrap();
        store.close().await.unwrap();
        // Back to where only the files are left to do.
        fs::remove_file(old_file(dir.path(), &rotated.was)).unwrap();
        fs::rename(dir.path().join("seal.key"), dir.path().join("seal.key.next")).unwrap();
        assert_eq!(fs::read(dir.path().join("seal.key.next")).unwrap(), waiting);
        let (key, kept) = (dir.path().join("seal.key"), old_file(dir.path(), &rotated.was));
        fs::write(&key, &before).unwrap();
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        opened(dir.path()).await.close().await.unwrap();
        assert_eq!((fs::read(&kept).unwrap(), fs::read(&key).unwrap()), (before, waiting));
        assert_eq!(SealKey::load_or_create(dir.path(), None, None).unwrap().name(), next.name());
    })
    .await;
}

/// Options with keys that were given.
fn given(dir: &Path, key: u8, next: Option<u8>) -> OpenOptions {
    let next = next.map_or(NextKey::Nowhere, |byte| NextKey::Text(Secret::new(hex::encode([byte; 32]))));
    OpenOptions { seal: SealKey::from_bytes([key; 32]), next_key: next, ..options(dir, &Arc::default()) }
}

#[tokio::test]
async fn a_given_key_is_changed_by_giving_two_for_a_while() {
    here(async {
        let dir = tempfile::tempdir().unwrap();
        let refusal = async |options| SqliteStore::open(options).await.unwrap_err();
        let store = SqliteStore::open(given(dir.path(), 1, None)).await.unwrap();
        fill(&store, 3).await;
        let before = secrets(&store, 3).await;
        let Err(StoreError::Refused(why)) = store.rotate_seal(asker()).await else { panic!("there is no next key") };
        assert!(why.contains("BOTYARD_SEAL__NEXT_KEY_FILE"), "{why}");
        store.close().await.unwrap();

        let store = SqliteStore::open(given(dir.path(), 1, Some(2))).await.unwrap();
        let rotated = store.rotate_seal(asker()).await.unwrap();
        assert!(rotated.old_key_file.is_none() && rotated.to_do.unwrap().contains("`seal.key`"));
        let Err(StoreError::Refused(why)) = store.rotate_seal(asker()).await else { panic!("it was done") };
        assert!(why.contains("nothing to do") && why.contains("`seal.key`"), "{why}");
        store.close().await.unwrap();

        // Until the settings follow, both; afterwards the new one alone; never the old one alone.
        for (key, next) in [(1, Some(2)), (2, Some(2)), (2, None)] {
            let store = SqliteStore::open(given(dir.path(), key, next)).await.unwrap();
            assert_eq!(secrets(&store, 3).await, before);
            store.close().await.unwrap();
        }
        assert!(matches!(refusal(given(dir.path(), 1, None)).await, OpenError::WrongKey { .. }));
        assert!(!dir.path().join("seal.key").exists());
    })
    .await;
}

#[tokio::test]
async fn half_way_a_store_needs_both_keys_and_says_which_is_missing() {
    here(async {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(given(dir.path(), 1, Some(2))).await.unwrap();
        fill(&store, 3).await;
        let next = SealKey::from_bytes([2; 32]);
        store.begin_rotation(&next, asker()).await.unwrap();
        store.reseal(Cursor::START, 2).await.unwrap();
        store.close().await.unwrap();
        for (key, missing) in [
            (given(dir.path(), 1, None), true),
            (given(dir.path(), 1, Some(3)), true),
            (given(dir.path(), 2, None), false),
        ] {
            let refused = SqliteStore::open(key).await.unwrap_err();
            let half = matches!(&refused, OpenError::HalfSealed { wanted, .. } if *wanted == next.name());
            assert_eq!(half, missing, "{refused}");
        }
        let store = SqliteStore::open(given(dir.path(), 1, Some(2))).await.unwrap();
        assert_eq!(
            store
                .audit(AuditQuery { kind: Some(ActKind::Seal), limit: 9, ..AuditQuery::default() })
                .await
                .unwrap()
                .len(),
            1
        );
        store.close().await.unwrap();
        SqliteStore::open(given(dir.path(), 2, None)).await.unwrap().close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_secret_that_no_key_opens_does_not_keep_the_others_under_the_old_one() {
    here(async {
        let dir = tempfile::tempdir().unwrap();
        let store = opened(dir.path()).await;
        fill(&store, 3).await;
        store.close().await.unwrap();
        let mut conn =
            super::super::engine::connect(&dir.path().join("botyard.db"), super::super::engine::Role::Writer)
                .await
                .unwrap();
        sqlx::query("UPDATE bots SET token = (SELECT token FROM bots WHERE bot = 'bot-0') WHERE bot = 'bot-1'")
            .execute(&mut conn)
            .await
            .unwrap();
        sqlx::Connection::close(conn).await.unwrap();
        let store = opened(dir.path()).await;
        let rotated = store.rotate_seal(asker()).await.unwrap();
        assert_eq!((rotated.rows, rotated.unreadable), (8, 1));
        store.close().await.unwrap();
    })
    .await;
}

#[test]
fn whatever_is_sealed_is_sealed_anew() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store")];
    let mut places = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let start = "column: \"";
            places.extend(code.split(start).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
    places.sort();
    let mut sealed: Vec<_> = SEALED.iter().map(|&column| column.to_owned()).collect();
    sealed.sort();
    assert_eq!(places, sealed, "a new sealed column has to be sealed anew by `Reseal` as well");
}
