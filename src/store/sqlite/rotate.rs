//! A rotation of the seal key, from its beginning to its end, while everything else goes on:
//!
//! 1. the next key is there, synced, if it is ours to make;
//! 2. that it is begun is committed, and from then on what is sealed is sealed with the next key;
//! 3. what was sealed before is sealed anew, a few rows a commit;
//! 4. when nothing is left under the old key, the key check changes: one commit with the row of the audit;
//! 5. the key's file takes the place of the old one, which is kept under its name.
//!
//! Killed before 2, nothing was changed. Between 2 and 4 both keys are needed, and the next start goes on by itself;
//! after 4 it does 5. **Invariant:** whatever stands in the store opens with the keys that stand where they should.

use super::{
    SealKey, SqliteStore,
    change::{BeginRotation, Cursor, EndRotation, Reseal},
    seal_ring::KeyRing,
};
use crate::{
    base::Point,
    store::{By, Rotated, StoreError},
};

/// Secrets of one commit: about 5 ms, which is what others wait.
const STEP: u32 = 64;

impl SqliteStore {
    /// Seals every secret with the next key.
    pub(super) async fn rotate(&self, by: By) -> Result<Rotated, StoreError> {
        let Ok(_alone) = self.0.rotation.try_lock() else {
            return Err(StoreError::Refused("the seal key is being changed already".into()));
        };
        let next = self.0.next_key.take().map_err(|error| StoreError::Refused(error.to_string()))?;
        match self.unfinished().await? {
            // It was begun and nobody waited for its end.
            Some((begun, by)) if begun == next.name() => return self.finish_rotation(by).await,
            Some((begun, _)) => {
                return Err(StoreError::Refused(format!(
                    "a change to the seal key `{begun}` was begun and not ended, and the next key given now is another \
                     one, `{}`: give that one first",
                    next.name()
                )));
            }
            None => {}
        }
        if self.0.seal.sealing().name() != next.name() {
            self.begin_rotation(&next, by.clone()).await?;
            self.0.breaking.pass(Point::Resealing, None).await;
        } else if let Some(to_do) = self.0.next_key.to_do() {
            return Err(StoreError::Refused(format!("there is nothing to do: {to_do}")));
        }
        self.finish_rotation(by).await
    }

    pub(super) async fn begin_rotation(&self, next: &SealKey, by: By) -> Result<(), StoreError> {
        self.change(BeginRotation { next: next.clone(), by, ring: self.0.seal.clone() }).await
    }

    /// One step; answers where the next one begins.
    pub(super) async fn reseal(&self, after: Cursor, limit: u32) -> Result<Option<Cursor>, StoreError> {
        self.change(Reseal { after, limit, ring: self.0.seal.clone() }).await
    }

    /// Goes on from wherever it stands to the end.
    pub(super) async fn finish_rotation(&self, by: By) -> Result<Rotated, StoreError> {
        let ring: &KeyRing = &self.0.seal;
        let sealed = loop {
            let mut at = Some(Cursor::START);
            while let Some(after) = at {
                at = self.reseal(after, STEP).await?;
                self.0.breaking.pass(Point::Resealing, None).await;
            }
            // What came in under the old key behind the cursor, by a change of the batch that began it, is found here.
            if let Some(sealed) = self.change(EndRotation { by: by.clone(), ring: ring.clone() }).await? {
                break sealed;
            }
        };
        self.0.breaking.pass(Point::Resealing, None).await;
        let (key, old) = (ring.sealing(), ring.opening().unwrap_or_else(|| ring.sealing()));
        let next_key = &self.0.next_key;
        let kept = next_key.put_in_place(&old).map_err(|error| StoreError::Refused(error.to_string()))?;
        let to_do = next_key.to_do();
        tracing::info!(
            key = key.name(),
            was = old.name(),
            rows = sealed.rows,
            unreadable = sealed.unreadable,
            to_do,
            "the seal key was changed"
        );
        Ok(Rotated {
            key: key.name(),
            was: old.name(),
            rows: sealed.rows,
            unreadable: sealed.unreadable,
            old_key_file: kept.map(|path| path.display().to_string()),
            to_do,
        })
    }

    async fn unfinished(&self) -> Result<Option<(String, By)>, StoreError> {
        let mut reader = self.0.readers.get().await?;
        let answer = super::change::unfinished(&mut reader.conn).await;
        reader.back();
        Ok(answer?)
    }
}
