//! The way out as plain data, and the TLS set-up that follows from it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{
    error::{NetError, NetErrorKind},
    guard::Guard,
};
use crate::base::Secret;

/// Largest CA file that is read: a whole system bundle has a quarter of it.
const MAX_CA_BYTES: u64 = 1 << 20;

/// How requests leave. Plain data, cheap to hand to every arbiter.
#[derive(Debug, Clone)]
pub struct Egress {
    /// HTTP CONNECT proxy, `http://[user:password@]host:port`.
    pub proxy: Option<Secret>,
    /// Hosts that are reached without it: `host`, `.suffix`, addresses, CIDR ranges, `*`. Loopback always is.
    pub no_proxy: Vec<String>,
    /// PEM file with further certificate authorities.
    pub extra_ca_file: Option<PathBuf>,
    /// Connections in use at once, per client and kind (`http`, `https`).
    pub connections: usize,
    /// For reaching the peer, proxy included; the TLS handshake gets as much again.
    pub connect_timeout: Duration,
    /// What may be reached at all; without one, everything.
    pub guard: Option<Guard>,
}

impl Default for Egress {
    fn default() -> Self {
        Self {
            proxy: None,
            no_proxy: Vec::new(),
            extra_ca_file: None,
            connections: 100,
            connect_timeout: Duration::from_secs(10),
            guard: None,
        }
    }
}

impl Egress {
    /// The TLS set-up: the compiled-in roots and those of the extra CA file; HTTP/1.1 only.
    pub(super) fn tls(&self) -> Result<Arc<ClientConfig>, NetError> {
        install_tls();
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for certificate in self.extra_ca()? {
            roots.add(certificate).map_err(|error| self.ca_error(&format!("holds no usable authority: {error}")))?;
        }
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn extra_ca(&self) -> Result<Vec<CertificateDer<'static>>, NetError> {
        let Some(path) = &self.extra_ca_file else { return Ok(Vec::new()) };
        let size = std::fs::metadata(path).map_err(|error| self.ca_error(&format!("cannot be read: {error}")))?.len();
        if size > MAX_CA_BYTES {
            return Err(self.ca_error(&format!("is larger than {MAX_CA_BYTES} bytes")));
        }
        let bytes = std::fs::read(path).map_err(|error| self.ca_error(&format!("cannot be read: {error}")))?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<_, _>>()
            .map_err(|error| self.ca_error(&format!("is no PEM file: {error}")))?;
        if certificates.is_empty() {
            return Err(self.ca_error("holds no certificate: it needs `-----BEGIN CERTIFICATE-----`"));
        }
        Ok(certificates)
    }

    fn ca_error(&self, what: &str) -> NetError {
        let path = self.extra_ca_file.as_deref().unwrap_or_else(|| std::path::Path::new(""));
        NetError::before(NetErrorKind::Settings, format!("`egress.extra_ca_file`: `{}` {what}", path.display()))
    }
}

/// Chooses the cryptography of the whole process (ring). The first call counts, later ones change nothing.
///
/// awc panics when this was not done, so [`HttpClient::build`](super::HttpClient::build) does it too; a main
/// function calls it first so that the choice is made in one visible place.
pub fn install_tls() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing a race against another thread means that the provider is installed: what we want.
        rustls::crypto::ring::default_provider().install_default().ok();
    }
}
