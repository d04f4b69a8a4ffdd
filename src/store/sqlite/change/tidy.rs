//! Gives pages that hold nothing back to the disk, some at a time.

use sqlx::SqliteConnection;

use super::{Change, Stop};
use crate::store::{
    Tidied,
    sqlite::{
        batch::Round,
        engine::{self, Pages},
    },
};

/// Pages that one call gives back: each moves another one, about 10 ms.
const STEP: i64 = 256;
/// Free pages that are kept in any case, 4 MiB: they are what the next events are written to.
const KEPT: i64 = 1024;

pub(in super::super) struct Tidy;

impl Change for Tidy {
    type Answer = Tidied;

    async fn apply(&self, tx: &mut SqliteConnection, _: &Round<'_>) -> Result<Tidied, Stop> {
        let Pages { all, free } = engine::pages(tx).await?;
        let spare = spare(all, free);
        let pages = spare.min(STEP);
        if pages > 0 {
            engine::give_back(tx, pages).await?;
        }
        Ok(Tidied { pages: pages.unsigned_abs(), more: spare > pages })
    }
}

/// Pages that are too many: what is free now is mostly what is needed tomorrow, so an eighth of the file stays.
fn spare(all: i64, free: i64) -> i64 {
    (free - KEPT.max(all / 8)).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_will_be_needed_again_is_kept() {
        assert_eq!(spare(100_000, 12_500), 0, "an eighth");
        assert_eq!(spare(100_000, 12_501), 1);
        assert_eq!((spare(2_000, 1_024), spare(2_000, 1_500)), (0, 476), "and 4 MiB");
        assert_eq!(spare(0, 0), 0);
    }
}
