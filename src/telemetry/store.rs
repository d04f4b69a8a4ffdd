//! The store: how much room it takes, and how much is left for it.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::counter;

/// Gauges of the store.
#[derive(Debug)]
pub struct StoreGauges {
    /// Events and deliveries whose content was erased because its time was over.
    pub erased: Counter,
    database: Gauge,
    log: Gauge,
    free: Gauge,
    events: Gauge,
    deliveries: Gauge,
    disk_free: Gauge,
}

/// How much room the store takes, in bytes, and how many rows it keeps.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sizes {
    /// The database.
    pub database: u64,
    /// Its log.
    pub log: u64,
    /// Of the database, what holds nothing.
    pub free: u64,
    /// Left on the file system of the data dir.
    pub disk_free: u64,
    /// Rows of events.
    pub events: u64,
    /// Rows of deliveries.
    pub deliveries: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Part {
    part: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Table {
    table: &'static str,
}

impl StoreGauges {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let bytes: Family<Part, Gauge> = Family::default();
        registry.register("store_bytes", "Bytes of the store, by part", bytes.clone());
        let rows: Family<Table, Gauge> = Family::default();
        registry.register("store_rows", "Rows of the store, pending or over", rows.clone());
        let disk_free = Gauge::default();
        registry.register("disk_free_bytes", "Bytes left on the file system of the data dir", disk_free.clone());
        let part = |part| bytes.get_or_create_owned(&Part { part });
        let table = |table| rows.get_or_create_owned(&Table { table });
        Self {
            erased: counter(registry, "content_erased", "Events and deliveries whose content was erased in time"),
            database: part("database"),
            log: part("log"),
            free: part("free"),
            events: table("inbox"),
            deliveries: table("outbox"),
            disk_free,
        }
    }

    /// Says how large the store is now.
    pub fn sized(&self, sizes: &Sizes) {
        let set = |gauge: &Gauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.database, sizes.database);
        set(&self.log, sizes.log);
        set(&self.free, sizes.free);
        set(&self.disk_free, sizes.disk_free);
        set(&self.events, sizes.events);
        set(&self.deliveries, sizes.deliveries);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Metrics, Sizes};

    #[test]
    fn each_part_of_the_store_has_its_number() {
        let metrics = Metrics::new();
        metrics.store.sized(&Sizes { database: 1, log: 2, free: 3, disk_free: u64::MAX, events: 5, deliveries: 6 });
        let text = metrics.render();
        for line in [
            "botyard_store_bytes{part=\"database\"} 1",
            "botyard_store_bytes{part=\"log\"} 2",
            "botyard_store_bytes{part=\"free\"} 3",
            "botyard_disk_free_bytes 9223372036854775807",
            "botyard_store_rows{table=\"inbox\"} 5",
            "botyard_store_rows{table=\"outbox\"} 6",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
