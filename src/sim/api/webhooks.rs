//! `/webhooks`

use super::{Call, Outcome, Reply};
use crate::sim::{
    ids::WebhookId,
    refusal::Refusal,
    world::{NewWebhook, WebhookChange},
};

const MISSING: &str = "The requested resource could not be found.";

pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let wanted = call.wanted(100, 100)?;
    let page = match call.param("ownedBy") {
        None => call.world.list_webhooks(call.caller, wanted),
        Some("org") => call.world.list_org_webhooks(call.caller, wanted)?,
        Some(_) => return Err(Refusal::bad("invalid value for parameter: ownedBy")),
    };
    call.page(page.map(|webhook| call.world.show_webhook(webhook)))
}

pub(super) fn create(call: &mut Call<'_>) -> Outcome {
    let new: NewWebhook = call.json()?;
    let id = call.world.create_webhook(call.caller, new)?;
    show(call, id)
}

pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let id = call.id(WebhookId::parse, MISSING)?;
    show(call, id)
}

pub(super) fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.id(WebhookId::parse, MISSING)?;
    let change: WebhookChange = call.json()?;
    call.world.update_webhook(call.caller, id, change)?;
    show(call, id)
}

pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.id(WebhookId::parse, MISSING).map_err(|_no_id| Refusal::no_webhook_to_delete())?;
    call.world.delete_webhook(call.caller, id)?;
    Ok(Reply::empty())
}

fn show(call: &Call<'_>, id: WebhookId) -> Outcome {
    let webhook = call.world.webhook_of(call.caller, id)?;
    Reply::ok(&call.world.show_webhook(webhook))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::ask;
    use crate::sim::world::World;

    #[test]
    fn a_webhook_is_its_owners_and_shows_its_secret() {
        let mut world = World::seeded();
        let new = json!({"name": "n", "targetUrl": "http://h/", "resource": "all", "event": "all", "secret": "s"});
        let (webhook, _) = ask(&mut world, "sim-bot-echo", "POST", "/webhooks", &new).unwrap();
        assert_eq!((&webhook["secret"], &webhook["status"]), (&"s".into(), &"active".into()));
        let path = format!("/webhooks/{}", webhook["id"].as_str().unwrap());
        assert_eq!(ask(&mut world, "sim-bot-other", "GET", &path, &Value::Null).unwrap_err().status, 404);
        let change = json!({"name": "m", "targetUrl": "http://h/x", "resource": "rooms", "status": "active"});
        let (changed, _) = ask(&mut world, "sim-bot-echo", "PUT", &path, &change).unwrap();
        assert_eq!((&changed["name"], &changed["resource"]), (&"m".into(), &"all".into()));
        ask(&mut world, "sim-bot-echo", "DELETE", &path, &Value::Null).unwrap();
        let (list, _) = ask(&mut world, "sim-bot-echo", "GET", "/webhooks", &Value::Null).unwrap();
        assert_eq!(list["items"], Value::Array(vec![]));
        for gone in [path.as_str(), "/webhooks/none"] {
            let refusal = ask(&mut world, "sim-bot-echo", "DELETE", gone, &Value::Null).unwrap_err();
            assert_eq!(
                (refusal.status, refusal.message.as_str()),
                (400, "Invalid webhookId for Delete Webhook request.")
            );
        }
    }

    #[test]
    fn a_list_of_the_organisations_webhooks_is_for_administrators() {
        let mut world = World::seeded();
        let new = json!({"name": "n", "targetUrl": "http://h/", "resource": "rooms", "event": "all", "ownedBy": "org"});
        let (webhook, _) = ask(&mut world, "sim-admin", "POST", "/webhooks", &new).unwrap();
        assert_eq!(webhook["ownedBy"], "org");
        let (list, _) = ask(&mut world, "sim-admin", "GET", "/webhooks?ownedBy=org", &Value::Null).unwrap();
        assert_eq!(list["items"][0], webhook);
        let mut refused = |path| ask(&mut world, "sim-alice", "GET", path, &Value::Null).unwrap_err();
        assert_eq!(refused("/webhooks?ownedBy=org").status, 403);
        assert_eq!(refused("/webhooks?ownedBy=me").message, "invalid value for parameter: ownedBy");
    }
}
