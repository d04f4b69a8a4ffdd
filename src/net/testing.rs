//! Tiny peers on loopback for the tests of this folder: a server, with or without TLS, and a CONNECT proxy.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{HttpRequest, install_tls};
use crate::base;

/// What a server does with a request.
pub(super) enum Answer {
    /// Writes these bytes and waits for the next request.
    Say(&'static str),
    /// Writes these bytes and closes.
    Last(&'static str),
    /// Keeps the connection and says nothing.
    Silence,
}

/// A server that runs until the test's runtime ends.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// Every request so far: number of its connection (from 0), head and body.
    pub(super) requests: Arc<Mutex<Vec<(usize, String)>>>,
    /// Rings for each request.
    pub(super) arrived: Arc<tokio::sync::Notify>,
}

impl Server {
    /// Answers request number `n` (from 0, over all connections) with `answer(n)`.
    pub(super) async fn start(tls: Option<TlsAcceptor>, answer: impl Fn(usize) -> Answer + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { address, requests: Arc::default(), arrived: Arc::default() };
        let (requests, arrived) = (Arc::clone(&server.requests), Arc::clone(&server.arrived));
        let answer = std::rc::Rc::new(answer);
        base::spawn::spawn(async move {
            let mut connections = 0..;
            while let Ok((stream, _)) = listener.accept().await {
                let connection = connections.next().unwrap();
                let (requests, arrived) = (Arc::clone(&requests), Arc::clone(&arrived));
                let (answer, tls) = (std::rc::Rc::clone(&answer), tls.clone());
                base::spawn::spawn(async move {
                    let note = |request| {
                        let mut requests = requests.lock().unwrap();
                        requests.push((connection, request));
                        arrived.notify_one();
                        answer(requests.len() - 1)
                    };
                    match tls {
                        None => converse(stream, note).await,
                        // A client that does not trust us hangs up in the handshake.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                converse(stream, note).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    pub(super) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, note: impl Fn(String) -> Answer) {
    while let Some(request) = read_request(&mut stream).await {
        match note(request) {
            Answer::Say(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
            Answer::Last(bytes) => {
                stream.write_all(bytes.as_bytes()).await.unwrap();
                stream.shutdown().await.ok();
                return;
            }
            Answer::Silence => std::future::pending().await,
        }
    }
}

/// Reads a head and as much body as it announces; nothing when the peer hangs up.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(bytes).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(head + String::from_utf8(body).unwrap().as_str())
}

/// A CONNECT proxy that answers with `refusal`, or leads every tunnel to `target`. Its requests are noted.
pub(super) async fn proxy(target: SocketAddr, refusal: Option<&'static str>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server { address, requests: Arc::default(), arrived: Arc::default() };
    let requests = Arc::clone(&server.requests);
    base::spawn::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let request = read_request(&mut client).await.unwrap();
            requests.lock().unwrap().push((0, request));
            if let Some(refusal) = refusal {
                client.write_all(refusal.as_bytes()).await.unwrap();
                continue;
            }
            client.write_all(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n").await.unwrap();
            let mut upstream = TcpStream::connect(target).await.unwrap();
            base::spawn::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut upstream).await });
        }
    });
    server
}

/// A certificate authority as PEM, and a server's side of TLS for `host` signed by it.
pub(super) fn authority(host: &str) -> (String, TlsAcceptor) {
    install_tls();
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = ca.self_signed(&ca_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    (pem, TlsAcceptor::from(Arc::new(config)))
}

/// Time that moves only by `tokio::time::advance`: the clock is paused, and one parked blocking task keeps
/// it from jumping ahead while sockets are waited for.
pub(super) struct HeldTime(#[expect(dead_code, reason = "dropping it frees the parked task")] mpsc::Sender<()>);

impl HeldTime {
    pub(super) fn start() -> Self {
        tokio::time::pause();
        let (sender, receiver) = mpsc::channel();
        tokio::task::spawn_blocking(move || receiver.recv().ok());
        Self(sender)
    }
}

/// A request with generous limits.
pub(super) fn request(method: &'static str, url: impl Into<String>, body: Option<&'static str>) -> HttpRequest {
    HttpRequest {
        method,
        url: url.into(),
        headers: Vec::new(),
        bearer: None,
        body: body.map(|body| body.as_bytes().into()),
        timeout: Duration::from_secs(30),
        max_body: 1000,
    }
}
