//! Runs the doors: binds, serves on threads of its own or on this one, and stops.
//!
//! Both modes serve connections with the same service; they differ only in who accepts. `actix_web::HttpServer`
//! is not used, because it always makes threads and leaves no room for [`Stall`] around a connection.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_http::{HttpService, Protocol};
use actix_server::{Server, ServerHandle};
use actix_service::{Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{App, dev::AppConfig, web::ServiceConfig};
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::stall::Stall;
use crate::{
    base::{spawn::spawn, thread},
    settings,
};

/// How long an idle connection stays open. Longer than a burst's gaps, shorter than a proxy's patience.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long an answer may take once its request is whole; the store answers in milliseconds or says it is full.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a graceful stop waits for requests in hand.
const DRAIN: Duration = Duration::from_secs(2);
/// Connections the kernel holds for us while all workers are busy.
const BACKLOG: u32 = 1024;

/// Where connections are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerMode {
    /// On this many threads of its own.
    Workers(usize),
    /// On the current thread, which must be an arbiter or run a `LocalSet`: for an app on one thread.
    Here,
}

/// What a connection may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long the headers of a request may take.
    pub header: Duration,
    /// Connections at once, over all workers.
    pub connections: usize,
}

impl From<&settings::Ingress> for Limits {
    fn from(settings: &settings::Ingress) -> Self {
        Self { header: Duration::from_secs(settings.header_seconds), connections: settings.max_connections.max(1) }
    }
}

/// An address that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{addr}`: {reason}; set `{setting}` ({variable}) to another address")]
pub struct BindError {
    addr: SocketAddr,
    setting: &'static str,
    variable: String,
    reason: String,
}

/// Binds an address. `setting` is the key it came from, e.g. `admin.listen`: the error names it.
///
/// Connections wait in the kernel until [`serve`].
///
/// # Errors
/// When the address is taken, not ours or not allowed.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn bind(addr: SocketAddr, setting: &'static str) -> Result<TcpListener, BindError> {
    let open = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)?.into_std()
    };
    open().map_err(|error: io::Error| BindError {
        addr,
        setting,
        variable: format!("BOTYARD_{}", setting.to_uppercase().replace('.', "__")),
        reason: match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there".into(),
            io::ErrorKind::PermissionDenied => "this user may not use that port".into(),
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address".into(),
            _ => error.to_string(),
        },
    })
}

/// A door that is open. It stays so until [`Running::stop`]; dropping it slams it.
#[must_use = "dropping it closes the door"]
pub struct Running {
    addr: SocketAddr,
    /// Cancelled at a graceful stop: idle connections end, busy ones with their answer.
    closing: CancellationToken,
    /// Cancelled when there is no more time, and on drop.
    slam: CancellationToken,
    acceptor: Acceptor,
}

enum Acceptor {
    Workers { handle: ServerHandle, open: TaskTracker, task: JoinHandle<()> },
    Here { connections: usize, open: Arc<Semaphore>, task: JoinHandle<()> },
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Running {
    /// Where it listens; with port 0 asked for, the one it got.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Closes the door. Graceful: nothing new is accepted, requests in hand are answered (for at most two
    /// seconds), idle connections end. Otherwise everything ends now.
    pub async fn stop(mut self, graceful: bool) {
        if graceful {
            self.closing.cancel();
        } else {
            self.slam.cancel();
        }
        match &mut self.acceptor {
            Acceptor::Workers { handle, open, task } => {
                let mut ended = false;
                if graceful {
                    handle.pause().await;
                    open.close();
                    ended = timeout(DRAIN, open.wait()).await.is_ok();
                    tracing::debug!(ended, "the listener is closed");
                }
                // Not before: the server looks only once a second whether its connections have ended, and meanwhile
                // nobody accepts.
                handle.stop(ended).await;
                joined(task).await;
            }
            Acceptor::Here { connections, open, task } => {
                joined(task).await;
                let all = u32::try_from(*connections).unwrap_or(u32::MAX);
                let ended = timeout(DRAIN, open.acquire_many(all)).await.is_ok();
                tracing::debug!(ended, "the listener is closed");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.slam.cancel();
        let (Acceptor::Workers { task, .. } | Acceptor::Here { task, .. }) = &self.acceptor;
        task.abort();
    }
}

async fn joined(task: &mut JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(%error, "a listener ended by itself");
    }
}

/// Serves `routes` on a bound listener. `routes` is called once per worker, on its thread.
///
/// # Errors
/// When the listener cannot be used.
///
/// # Panics
/// Outside of an arbiter or a `LocalSet`.
pub async fn serve<F>(listener: TcpListener, mode: ServerMode, limits: Limits, routes: F) -> io::Result<Running>
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let addr = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let (closing, slam) = (CancellationToken::new(), CancellationToken::new());
    let acceptor = match mode {
        ServerMode::Workers(workers) => {
            let workers = workers.max(1);
            let (ending, open) = (closing.clone(), TaskTracker::new());
            let counted = open.clone();
            let server = Server::build()
                .workers(workers)
                .max_concurrent_connections(limits.connections.div_ceil(workers))
                .disable_signals()
                .listen("http", listener, move || {
                    thread::name("http");
                    connections(limits, ending.clone(), counted.clone(), routes.clone())
                })?
                .run();
            let handle = server.handle();
            let task = spawn(async move {
                if let Err(error) = server.await {
                    tracing::error!(%error, "a listener failed");
                }
            });
            Acceptor::Workers { handle, open, task }
        }
        ServerMode::Here => {
            let service = connections(limits, closing.clone(), TaskTracker::new(), routes).new_service(()).await;
            let service = service.map_err(|()| io::Error::other("the routes could not be built"))?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let open = Arc::new(Semaphore::new(limits.connections));
            let task = spawn(accept_here(listener, service, Arc::clone(&open), closing.clone(), slam.clone()));
            Acceptor::Here { connections: limits.connections, open, task }
        }
    };
    Ok(Running { addr, closing, slam, acceptor })
}

/// What serves one connection after the other, in either mode.
fn connections<F>(
    limits: Limits,
    closing: CancellationToken,
    open: TaskTracker,
    routes: F,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error: fmt::Debug, InitError = (), Service: 'static>
where
    F: Fn(&mut ServiceConfig),
{
    let http = HttpService::build()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(limits.header)
        .client_disconnect_timeout(Duration::from_secs(1))
        .graceful_shutdown_signal(move || closing.clone().cancelled_owned())
        .finish(map_config(App::new().configure(routes), |()| AppConfig::default()));
    let stall = KEEP_ALIVE + limits.header + ANSWER;
    fn_service(move |stream: TcpStream| {
        let counted = open.token();
        async move {
            let peer = stream.peer_addr().ok();
            // Answers are small and each is waited for: there is nothing to gather.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection broke off at once");
            }
            Ok((Stall::new(stream, stall, counted), Protocol::Http1, peer))
        }
    })
    .and_then(http)
    .map_init_err(|()| ())
}

/// The accept loop of [`ServerMode::Here`].
async fn accept_here<S>(
    listener: tokio::net::TcpListener,
    service: S,
    open: Arc<Semaphore>,
    closing: CancellationToken,
    slam: CancellationToken,
) where
    S: Service<TcpStream, Response = (), Error: fmt::Debug> + 'static,
{
    let service = Rc::new(service);
    loop {
        let accept = async {
            let place = Arc::clone(&open).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            biased;
            () = closing.cancelled() => return,
            () = slam.cancelled() => return,
            next = accept => next,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file handles, most likely: each connection that ends frees one.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (service, slam) = (Rc::clone(&service), slam.clone());
        spawn(async move {
            let _place = place;
            tokio::select! {
                () = slam.cancelled() => {}
                ended = service.call(stream) => if let Err(error) = ended {
                    tracing::trace!(?error, "a connection broke off");
                }
            }
        });
    }
}
