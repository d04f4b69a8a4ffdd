//! The admin listener's own thread: a busy or stuck data plane still answers probes.

use std::{
    net::{SocketAddr, TcpListener},
    sync::mpsc,
    thread::JoinHandle,
};

use tokio::sync::oneshot;

use crate::http::{Admin, Limits, Running, ServerMode, server};

/// A running admin listener, on a thread of its own or, in a one-thread app, here.
#[derive(Debug)]
pub(super) enum AdminThread {
    Own { addr: SocketAddr, stop: oneshot::Sender<()>, thread: JoinHandle<()> },
    Here(Running),
}

impl AdminThread {
    /// Serves `admin` on a bound listener, on a thread of its own.
    pub(super) fn start(listener: TcpListener, limits: Limits, admin: Admin) -> std::io::Result<Self> {
        let addr = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            actix::System::new().block_on(async move {
                match server::serve(listener, ServerMode::Here, limits, admin.routes()).await {
                    Ok(running) => {
                        let _ = ready.send(Ok(()));
                        let _ = stopped.await;
                        running.stop(true).await;
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            });
        })?;
        is_ready.recv().map_err(std::io::Error::other)??;
        Ok(Self::Own { addr, stop, thread })
    }

    /// Serves `admin` on the current thread.
    pub(super) async fn here(listener: TcpListener, limits: Limits, admin: Admin) -> std::io::Result<Self> {
        server::serve(listener, ServerMode::Here, limits, admin.routes()).await.map(Self::Here)
    }

    pub(super) fn addr(&self) -> SocketAddr {
        match self {
            Self::Own { addr, .. } => *addr,
            Self::Here(running) => running.addr(),
        }
    }

    /// Closes it.
    pub(super) async fn stop(self) {
        match self {
            Self::Own { stop, thread, .. } => {
                let _ = stop.send(());
                if tokio::task::spawn_blocking(move || thread.join()).await.is_err() {
                    tracing::warn!("the admin thread did not end well");
                }
            }
            Self::Here(running) => running.stop(true).await,
        }
    }
}
