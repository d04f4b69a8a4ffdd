//! The two ways out, as the settings say: to Webex, and behind the guard to programs that definitions name.

use std::net::SocketAddr;

use crate::{
    net::{Egress, Guard, NetError},
    settings::Settings,
};

/// The way to Webex.
pub(crate) fn to_webex(settings: &Settings) -> Egress {
    Egress {
        proxy: settings.egress.proxy.clone(),
        no_proxy: settings.egress.no_proxy.clone(),
        extra_ca_file: settings.egress.extra_ca_file.clone(),
        // Every wire has a pool of its own, and lanes spread over the wires by chance: each may need most of them.
        connections: settings.webex.connections,
        ..Egress::default()
    }
}

/// The way to programs: what is near is reached only where `handlers.allow` names it, our own listeners never.
pub(crate) fn to_programs(settings: &Settings, own: Vec<SocketAddr>) -> Result<Egress, NetError> {
    let guard = Guard::new(&settings.handlers.allow, own)?;
    Ok(Egress { guard: Some(guard), ..to_webex(settings) })
}
