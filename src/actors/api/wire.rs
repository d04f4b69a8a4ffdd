//! The wire: what really speaks HTTP, on a few threads of its own, chosen by lane, or on the api actor's.
//!
//! The api actor decides and never waits for a socket; a wire carries and decides nothing. How many requests are out
//! at once is the actor's affair, so the channel to a wire never fills.

use std::{fmt, future::Future, panic::AssertUnwindSafe, rc::Rc, sync::Arc};

use actix::Arbiter;
use futures_util::{FutureExt, future::LocalBoxFuture};
use tokio::sync::{mpsc, oneshot};

use crate::{
    base,
    net::{HttpClient, HttpRequest, NetError, NetErrorKind},
    webex::Reply,
};

/// Carries one request and brings the answer. Lives on one thread.
pub trait Wire: 'static {
    /// Sends a request and reads the whole answer; any status is an answer.
    fn send(&self, request: HttpRequest) -> LocalBoxFuture<'static, Result<Reply, WireError>>;
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WireError {
    /// For people; holds no header and no body.
    pub message: String,
    /// Whether Webex may have seen the request. `false` is a promise.
    pub may_have_arrived: bool,
    /// The answer is larger than is read, and will be so again.
    pub too_large: bool,
}

impl WireError {
    /// An error that another try may not meet.
    #[must_use]
    pub fn passing(message: impl Into<String>, may_have_arrived: bool) -> Self {
        Self { message: message.into(), may_have_arrived, too_large: false }
    }
}

impl From<NetError> for WireError {
    fn from(error: NetError) -> Self {
        let too_large = error.kind == NetErrorKind::TooLarge;
        Self { message: error.to_string(), may_have_arrived: error.may_have_arrived, too_large }
    }
}

impl Wire for HttpClient {
    fn send(&self, request: HttpRequest) -> LocalBoxFuture<'static, Result<Reply, WireError>> {
        let client = self.clone();
        async move { Ok(Reply::from(HttpClient::send(&client, request).await?)) }.boxed_local()
    }
}

/// Makes a wire on the thread it will live on. What cannot be made answers every request with the reason; check
/// settings before, by building a client once.
pub type MakeWire = Arc<dyn Fn() -> Result<Rc<dyn Wire>, WireError> + Send + Sync>;

/// Where the wires run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireMode {
    /// On this many arbiters of their own (at least one).
    Threads(usize),
    /// On the thread of the api actor: where few cores share one, and where all stand still with the clock.
    Here,
}

/// All wires of one api actor.
pub(super) struct Wires(Vec<Route>);

#[derive(Clone)]
enum Route {
    Here(Result<Rc<dyn Wire>, WireError>),
    Thread(mpsc::Sender<Job>),
}

struct Job {
    request: HttpRequest,
    answer: oneshot::Sender<Result<Reply, WireError>>,
}

impl Wires {
    /// Starts the wires. Arbiters end when this was dropped and their last answer was given.
    pub(super) fn start(mode: WireMode, make: &MakeWire, connections: usize) -> Self {
        match mode {
            WireMode::Here => Self(vec![Route::Here(make())]),
            WireMode::Threads(count) => {
                Self((0..count.max(1)).map(|_| Route::Thread(start_thread(make, connections))).collect())
            }
        }
    }

    /// Sends over the wire of this lane.
    pub(super) fn send(
        &self,
        lane: usize,
        request: HttpRequest,
    ) -> impl Future<Output = Result<Reply, WireError>> + use<> {
        let route = self.0[lane % self.0.len()].clone();
        async move {
            match route {
                Route::Here(Ok(wire)) => carry(wire, request).await,
                Route::Here(Err(error)) => Err(error),
                Route::Thread(jobs) => {
                    let (answer, reply) = oneshot::channel();
                    jobs.send(Job { request, answer }).await.map_err(|_gone| gone(false))?;
                    reply.await.unwrap_or_else(|_gone| Err(gone(true)))
                }
            }
        }
    }
}

fn gone(may_have_arrived: bool) -> WireError {
    WireError::passing("the wire is gone", may_have_arrived)
}

/// A panic costs this request its answer and no other.
async fn carry(wire: Rc<dyn Wire>, request: HttpRequest) -> Result<Reply, WireError> {
    let carried = AssertUnwindSafe(async move { wire.send(request).await }).catch_unwind().await;
    carried.unwrap_or_else(|_logged| {
        Err(WireError::passing("Botyard panicked on the wire; please report this as a fault of Botyard", true))
    })
}

fn start_thread(make: &MakeWire, connections: usize) -> mpsc::Sender<Job> {
    let (sender, mut jobs) = mpsc::channel::<Job>(connections.max(1));
    let make = Arc::clone(make);
    Arbiter::new().spawn_fn(move || {
        base::thread::name("wire");
        base::spawn::spawn(async move {
            let wire = make();
            while let Some(Job { request, answer }) = jobs.recv().await {
                match &wire {
                    Ok(wire) => {
                        let wire = Rc::clone(wire);
                        base::spawn::spawn(async move {
                            // Nobody waits for it any more when the api actor is gone.
                            let _ = answer.send(carry(wire, request).await);
                        });
                    }
                    Err(error) => {
                        let _ = answer.send(Err(error.clone()));
                    }
                }
            }
            Arbiter::current().stop();
        });
    });
    sender
}

impl fmt::Debug for Wires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wires").field(&self.0.len()).finish()
    }
}
