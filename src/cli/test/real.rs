//! `--calls real`: calls that no step answers are made as the service makes them, and their answers are played.
//!
//! The clock of the test stands still meanwhile; this one does not. A program that takes a call over (202) posts its
//! answers to a door of this test, which is open for as long as the call may take.

use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::webhook;
use crate::{
    actors::{
        line::Line,
        runner::{CallSettings, Inbox, Maker, OpenCalls, Which},
    },
    app::ways,
    base::{BotId, Clock, Event, EventId, Seq, Trigger},
    brain::{HandlerCall, Target},
    cli::failure::Failure,
    http::{EffectsDoor, Limits, Running, ServerMode, server},
    net::HttpClient,
    settings::Settings,
    store::{Accepted, Answer, NewEvent},
    trial::Caller,
};

/// Makes calls.
pub(super) struct Real {
    maker: Maker,
    posted: Posted,
    /// Closed when this goes.
    _door: Running,
    /// What all of it runs on; it goes last.
    system: actix_rt::SystemRunner,
}

impl Real {
    /// As these settings say, for definitions below these folders.
    pub(super) fn new(settings: &Settings, bots_dirs: Vec<PathBuf>) -> Result<Self, Failure> {
        let system = actix_rt::System::new();
        let posted = Posted::default();
        let open = OpenCalls::into_inbox(Arc::new(posted.clone()), Clock::System);
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        let door = system.block_on(async {
            let listener = server::bind(here, "listen").map_err(Failure::fault)?;
            let routes = EffectsDoor::new(open.clone(), Line::new()).routes();
            let limits = Limits::from(&settings.ingress);
            server::serve(listener, ServerMode::Here, limits, routes).await.map_err(Failure::fault)
        })?;
        // A house that may be running here is not called either: as little as it calls itself.
        let own = [settings.listen, settings.admin.listen, door.addr()].into_iter().chain(settings.inbound.listen);
        let egress = ways::to_programs(settings, own.collect()).map_err(Failure::refused)?;
        let client = system.block_on(async { HttpClient::build(&egress).map_err(|error| error.to_string()) });
        let calls = CallSettings { bots_dirs, ..CallSettings::of(settings, format!("http://{}", door.addr())) };
        Ok(Self { maker: Maker::new(client, open, Clock::System, calls), posted, _door: door, system })
    }
}

impl Caller for Real {
    fn make(&self, bot: &BotId, call: &HandlerCall) -> Vec<Value> {
        let mut call = call.clone();
        if let Target::Forward { envelope, .. } = &mut call.target {
            *envelope = STANDARD.encode(webhook::of(&call.origin).unwrap_or_default());
        }
        // A new one each time: a program that minds ids has not seen this one in an earlier run.
        let this = Which { bot, id: EventId::new() };
        let last = self.system.block_on(self.maker.carry(this, &call));
        self.posted.take().into_iter().chain(last).collect()
    }
}

impl fmt::Debug for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Real").field("maker", &self.maker).finish_non_exhaustive()
    }
}

/// Answers that were posted and not played yet.
#[derive(Debug, Clone, Default)]
struct Posted(Arc<Mutex<Vec<NewEvent>>>);

impl Posted {
    fn take(&self) -> Vec<Value> {
        let events = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let result = |event: NewEvent| match Event::decode(&event.payload).ok()?.trigger {
            Trigger::Answer { result, .. } => Some(result),
            _ => None,
        };
        events.into_iter().filter_map(result).collect()
    }
}

impl Inbox for Posted {
    fn take_in(&self, event: NewEvent) -> Answer<'_, Accepted> {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = events.iter().any(|known| known.dedupe_key == event.dedupe_key);
        let accepted = if known { Accepted::Duplicate } else { Accepted::New(Seq(0)) };
        if !known {
            events.push(event);
        }
        Box::pin(async move { Ok(accepted) })
    }
}
