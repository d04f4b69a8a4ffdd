//! The one place that speaks HTTP outwards: a client with known roots, an extra CA, a proxy and caps.
//!
//! Nothing here follows a redirect or retries what may have had an effect: who calls decides.

mod client;
mod connector;
mod egress;
mod error;
mod guard;
mod no_proxy;
mod proxy;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use client::{HttpClient, HttpRequest, HttpResponse};
pub use egress::{Egress, install_tls};
pub use error::{NetError, NetErrorKind};
pub use guard::Guard;
