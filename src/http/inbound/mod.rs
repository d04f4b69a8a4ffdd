//! Where other programs post to a bot: `POST /in/{bot}/{name}`. As with webhooks: who it is first, then store, then
//! answer, and no bot is ever waited for.

mod auth;
mod body;

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{self, Payload},
};
use serde_json::json;

use self::auth::Early;
use super::{
    ingress::{Door, Trouble},
    refusal::Refusal,
};
use crate::{
    actors::hooks::{Hook, Key},
    base::{BotId, Event, EventId, Trigger},
    definition::Auth,
    store::{Accepted, Class, NewEvent},
};

/// What became of a post.
struct Posted {
    event: EventId,
    accepted: Accepted,
}

pub(super) async fn post(request: HttpRequest, body: Payload, door: web::Data<Door>) -> HttpResponse {
    if request.method() != Method::POST {
        return door.wrong_method("POST");
    }
    let (bot, name) = (request.match_info().get("bot"), request.match_info().get("name").unwrap_or_default());
    let Some((bot, route)) = door.routes.get(bot.unwrap_or_default()) else {
        return door.refuse(&Refusal::UnknownBot, None, None);
    };
    // What hooks it has is known once its definition was looked at, a moment after the start.
    let Some(hooks) = &route.hooks else { return door.refuse(&Refusal::Starting, Some(&bot), None) };
    let served = |hook: &&Hook| door.internal || hook.inbound().auth != Auth::Nobody;
    let Some(hook) = hooks.get(name).filter(served) else {
        return door.refuse(&Refusal::UnknownHook, Some(&bot), None);
    };
    match door.take(&request, body, &bot, hook).await {
        Ok(Posted { event, accepted: Accepted::New(_) }) => {
            door.ingress.metrics.ingress.posted.inc();
            HttpResponse::Accepted().json(json!({ "event": event }))
        }
        Ok(Posted { accepted: Accepted::Duplicate, .. }) => {
            door.ingress.metrics.ingress.posted_again.inc();
            HttpResponse::Accepted().json(json!({ "duplicate": true }))
        }
        Err(Trouble { refusal, fault }) => door.refuse(&refusal, Some(&bot), fault.as_deref()),
    }
}

impl Door {
    async fn take(&self, request: &HttpRequest, body: Payload, bot: &BotId, hook: &Hook) -> Result<Posted, Trouble> {
        let (ingress, headers, inbound) = (&self.ingress, request.headers(), hook.inbound());
        if hook.key == Key::Unreadable {
            return Err(Refusal::NoSecret.into());
        }
        let early = auth::early(&inbound.auth, &hook.key, headers);
        if early == Early::Refused {
            return Err(Refusal::BadCredentials.into());
        }
        let Some(kind) = body::kind(headers) else { return Err(Refusal::BadType.into()) };
        let body = self.read(headers, body, inbound.body_limit).await?;
        if early == Early::Signed && !auth::is_signed(&inbound.auth, &hook.key, headers, &body) {
            return Err(Refusal::BadCredentials.into());
        }
        let Some(payload) = body::payload(kind, &body) else { return Err(Refusal::BadBody.into()) };
        let own = match &inbound.auth {
            Auth::Bearer { header, .. } => header.as_deref(),
            Auth::Hmac(signed) => Some(signed.header.as_str()),
            Auth::Basic { .. } | Auth::Nobody => None,
        };
        let headers = body::kept(headers, own);
        let (id, now) = (EventId::new(), ingress.clock.now());
        let key = match inbound.key(&ingress.engine, &payload, &headers) {
            Some(key) => format!("inbound/{}/{key}", inbound.name),
            // Each is one of its own.
            None => format!("inbound/{}//{}", inbound.name, id.0),
        };
        let event = Event {
            at: now,
            actor: None,
            trigger: Trigger::Inbound { name: inbound.name.to_string(), payload, headers },
        };
        let new = NewEvent {
            bot: bot.clone(),
            id,
            kind: event.kind(),
            order_key: event.order_key(),
            dedupe_key: key,
            seen_until: now.plus(ingress.seen_for),
            class: Class::Background,
            due_at: now,
            payload: event.encode(),
            envelope: None,
            answers: None,
        };
        ingress.pace.wait(bot).await?;
        let _on_its_way = ingress.intake.enter();
        let accepted = ingress.store.accept(new).await?;
        Ok(Posted { event: id, accepted })
    }
}
