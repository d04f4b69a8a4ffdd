//! Backups of the store, and whether the house is silent.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::counter;

/// Counters of backups.
#[derive(Debug)]
pub struct BackupCounters {
    /// Backups that were asked for, or due, and not made.
    pub failures: Counter,
    last_success: Gauge,
    bytes: Gauge,
    silent: Gauge,
}

impl BackupCounters {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let (last_success, bytes, silent) = (Gauge::default(), Gauge::default(), Gauge::default());
        let help = "When the last good backup was made, in seconds since 1970; 0: never";
        registry.register_with_unit("backup_last_success_timestamp", help, Unit::Seconds, last_success.clone());
        registry.register_with_unit("backup_size", "Size of the last good backup", Unit::Bytes, bytes.clone());
        let help = "1 while no bot works: all are paused, or a backup was put back";
        registry.register("house_silent", help, silent.clone());
        let failures = counter(registry, "backup_failures", "Backups that were due or asked for, and not made");
        Self { failures, last_success, bytes, silent }
    }

    /// One was made and found good; the moment in milliseconds since 1970.
    pub fn succeeded(&self, taken_at: i64, bytes: u64) {
        self.recalled(taken_at);
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// One was made before this process started.
    pub fn recalled(&self, taken_at: i64) {
        self.last_success.set(self.last_success.get().max(taken_at / 1000));
    }

    /// Says whether the whole house is silent.
    pub fn house_is_silent(&self, silent: bool) {
        self.silent.set(silent.into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;

    #[test]
    fn the_last_good_backup_is_the_newest_whenever_it_is_told() {
        let metrics = Metrics::new();
        metrics.backups.succeeded(7_000_999, 512);
        metrics.backups.recalled(5_000_000);
        metrics.backups.failures.inc();
        metrics.backups.house_is_silent(true);
        let text = metrics.render();
        for line in [
            "botyard_backup_last_success_timestamp_seconds 7000",
            "botyard_backup_size_bytes 512",
            "botyard_backup_failures_total 1",
            "botyard_house_silent 1",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
