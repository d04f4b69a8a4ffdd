//! Writes down how a try ended, of a delivery or of a call, however long the store fails: until then its order is held.

use tracing::warn;

use super::retries::Trouble;
use crate::store::{DeliveryResult, DeliveryRow, Store, StoreError};

/// Records the outcome of a row's try.
pub(super) async fn record(store: &dyn Store, row: &DeliveryRow, result: DeliveryResult) {
    for attempt in 1.. {
        match store.record(result.clone()).await {
            // Not held: a newer incarnation has settled the row meanwhile.
            Ok(_held) => return,
            Err(StoreError::Closed) => return,
            Err(error @ StoreError::Refused(_)) => {
                warn!(bot.id = %row.bot, delivery.id = %row.id, %error, "the outcome of a delivery cannot be stored");
                return;
            }
            Err(error) => {
                if attempt == 1 {
                    warn!(bot.id = %row.bot, delivery.id = %row.id, %error, "the outcome of a delivery waits for the store");
                }
                tokio::time::sleep(Trouble::Outcome.wait(attempt, row.seq.0.unsigned_abs())).await;
            }
        }
    }
}
