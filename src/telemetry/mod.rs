//! What the house counts. Each room has a file with its counters; the registry is explicit and handed in,
//! so that two apps in one process (tests) never share a number.

pub mod log;

use prometheus_client::registry::Registry;

/// All counters, made once by the app and shared by reference.
#[derive(Debug, Default)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// Fresh counters in a registry of their own.
    #[must_use]
    pub fn new() -> Self {
        Self { registry: Registry::with_prefix("botyard") }
    }

    /// The text form that `/metrics` serves.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        match prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}
