//! A wire that answers by a script and remembers what it carried.

use std::{
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt, future::LocalBoxFuture};
use tokio::time::Instant;

use crate::{
    actors::api::{MakeWire, Wire, WireError},
    net::HttpRequest,
    webex::Reply,
};

/// How long an answer takes, and what it is.
pub(crate) type Scripted = (Duration, Result<Reply, WireError>);
type Script = Arc<dyn Fn(&HttpRequest, usize) -> Scripted + Send + Sync>;

/// Cheap to clone: all clones are the same wire.
#[derive(Clone)]
pub(crate) struct FakeWire {
    script: Script,
    seen: Arc<Mutex<Vec<Seen>>>,
    flying: Arc<Mutex<(usize, usize)>>,
}

/// A request that was carried.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) thread: std::thread::ThreadId,
    pub(crate) request: HttpRequest,
}

impl Seen {
    /// With whose token.
    pub(crate) fn token(&self) -> &str {
        self.request.bearer.as_ref().unwrap().expose()
    }

    /// A field of the JSON body.
    pub(crate) fn field(&self, name: &str) -> String {
        let body: serde_json::Value = serde_json::from_slice(self.request.body.as_ref().unwrap()).unwrap();
        body[name].as_str().unwrap_or_default().to_owned()
    }
}

impl FakeWire {
    /// The script is given the request and how many came before it.
    pub(crate) fn new(script: impl Fn(&HttpRequest, usize) -> Scripted + Send + Sync + 'static) -> Self {
        Self { script: Arc::new(script), seen: Arc::default(), flying: Arc::default() }
    }

    /// Everything is fine after a moment.
    pub(crate) fn fine(moment: Duration) -> Self {
        Self::new(move |_, count| (moment, Ok(reply(200, &format!(r#"{{"id":"M{count}"}}"#)))))
    }

    pub(crate) fn make(&self) -> MakeWire {
        let wire = self.clone();
        Arc::new(move || Ok(Rc::new(wire.clone())))
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The most requests that were out at once.
    pub(crate) fn most(&self) -> usize {
        self.flying.lock().unwrap().1
    }
}

impl Wire for FakeWire {
    fn send(&self, request: HttpRequest) -> LocalBoxFuture<'static, Result<Reply, WireError>> {
        let count = self.seen.lock().unwrap().len();
        // A script may panic, so no lock is held meanwhile.
        let (delay, answer) = (self.script)(&request, count);
        self.seen.lock().unwrap().push(Seen { at: Instant::now(), thread: std::thread::current().id(), request });
        let flying = Arc::clone(&self.flying);
        {
            let mut flying = flying.lock().unwrap();
            flying.0 += 1;
            flying.1 = flying.1.max(flying.0);
        }
        async move {
            tokio::time::sleep(delay).await;
            flying.lock().unwrap().0 -= 1;
            answer
        }
        .boxed_local()
    }
}

pub(crate) fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        tracking_id: Some(format!("ROUTER_{status}")),
        retry_after: None,
        next: None,
        body: body.to_owned().into(),
    }
}

/// Webex asks to wait.
pub(crate) fn wait(seconds: u32) -> Reply {
    Reply { retry_after: Some(seconds.to_string()), ..reply(429, "<html>slow down</html>") }
}

pub(crate) fn lost(may_have_arrived: bool) -> WireError {
    WireError::passing("the connection broke", may_have_arrived)
}
