//! The doors: ingress for webhooks, admin for people and probes.
