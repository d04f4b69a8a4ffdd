//! `/attachment/actions`

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Call, Outcome, Reply};
use crate::sim::{
    ids::{ActionId, MessageId},
    refusal::Refusal,
};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct New {
    r#type: Option<String>,
    message_id: Option<String>,
    inputs: Option<Map<String, Value>>,
}

pub(super) fn create(call: &mut Call<'_>) -> Outcome {
    let new: New = call.json()?;
    if new.r#type.as_deref() != Some("submit") {
        return Err(Refusal::bad("type must be submit"));
    }
    let message = new.message_id.ok_or_else(|| Refusal::bad("messageId cannot be null"))?;
    let inputs = new.inputs.ok_or_else(|| Refusal::bad("inputs cannot be null"))?;
    let message = MessageId::parse(&message).ok_or_else(|| {
        Refusal::bad("Unable to post attachment action: \"MessageId should point to an activity with cards\"")
    })?;
    let id = call.world.press(call.caller, message, inputs)?;
    let status = if call.world.switches.press_accepted { 202 } else { 200 };
    Ok(Reply { status, ..show(call, id)? })
}

pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let id = call.id(ActionId::parse, "Unable to get attachment action.")?;
    show(call, id)
}

fn show(call: &Call<'_>, id: ActionId) -> Outcome {
    let action = call.world.action_of(call.caller, id)?;
    Reply::ok(&action.show(true))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Request, answer, testing::ask};
    use crate::sim::world::World;

    #[test]
    fn a_press_is_made_by_a_person_and_read_by_the_cards_author() {
        let mut world = World::seeded();
        let card = json!({"type": "AdaptiveCard", "version": "1.2"});
        let new = json!({
            "toPersonEmail": "alice@example.com",
            "text": "a card",
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
        });
        let (message, _) = ask(&mut world, "sim-bot-echo", "POST", "/messages", &new).unwrap();
        assert_eq!(message["attachments"][0]["content"], card);
        let press = json!({"type": "submit", "messageId": message["id"], "inputs": {"a": "1"}});
        let (action, _) = ask(&mut world, "sim-alice", "POST", "/attachment/actions", &press).unwrap();
        let path = format!("/attachment/actions/{}", action["id"].as_str().unwrap());
        let (read, _) = ask(&mut world, "sim-bot-echo", "GET", &path, &Value::Null).unwrap();
        assert_eq!(read["inputs"], json!({"a": "1"}));
        assert_eq!(ask(&mut world, "sim-carol", "GET", &path, &Value::Null).unwrap_err().status, 404);
        let nothing = json!({"type": "press"});
        assert!(ask(&mut world, "sim-alice", "POST", "/attachment/actions", &nothing).is_err());
    }

    #[test]
    fn a_press_may_carry_anything_and_is_refused_in_webex_words() {
        let mut world = World::seeded();
        let card = json!({"contentType": "application/vnd.microsoft.card.adaptive",
            "content": {"type": "AdaptiveCard", "version": "1.2"}});
        let new = json!({"toPersonEmail": "alice@example.com", "attachments": [card]});
        let (card, _) = ask(&mut world, "sim-bot-echo", "POST", "/messages", &new).unwrap();
        let new = json!({"toPersonEmail": "alice@example.com", "text": "no card"});
        let (plain, _) = ask(&mut world, "sim-bot-echo", "POST", "/messages", &new).unwrap();
        let mut press = |token, message: &Value, inputs: Value| {
            let body = json!({"type": "submit", "messageId": message, "inputs": inputs});
            ask(&mut world, token, "POST", "/attachment/actions", &body).map_err(|refusal| refusal.message)
        };
        let inputs = json!({"not": "on the card", "nested": {"list": [1, true, null]}});
        assert_eq!(press("sim-alice", &card["id"], inputs.clone()).unwrap().0["inputs"], inputs);
        for none in [&plain["id"], &json!("nonsense"), &json!("")] {
            assert_eq!(
                press("sim-alice", none, json!({})).unwrap_err(),
                "Unable to post attachment action: \"MessageId should point to an activity with cards\""
            );
        }
        assert_eq!(
            press("sim-bot-echo", &card["id"], json!({})).unwrap_err(),
            "Unable to post attachment action: \"Author of a card cannot submit a cardAction on that card\""
        );
        assert_eq!(press("sim-alice", &card["id"], Value::Null).unwrap_err(), "inputs cannot be null");
        assert!(press("sim-alice", &card["id"], json!(["a"])).unwrap_err().contains("expected a map"));
        assert_eq!(press("sim-alice", &Value::Null, json!({})).unwrap_err(), "messageId cannot be null");
        let gone = ask(&mut world, "sim-alice", "GET", "/attachment/actions/x", &Value::Null).unwrap_err();
        assert_eq!((gone.status, gone.message.as_str()), (404, "Unable to get attachment action."));
    }

    #[test]
    fn the_switch_answers_a_press_as_ciscos_description_has_it() {
        let mut world = World::seeded();
        let card = json!({"contentType": "application/vnd.microsoft.card.adaptive",
            "content": {"type": "AdaptiveCard", "version": "1.2"}});
        let new = json!({"toPersonEmail": "alice@example.com", "attachments": [card]});
        let (card, _) = ask(&mut world, "sim-bot-echo", "POST", "/messages", &new).unwrap();
        let body = json!({"type": "submit", "messageId": card["id"], "inputs": {}}).to_string();
        let alice = world.authenticate("sim-alice").unwrap();
        let mut status = |accepted| {
            world.switches.press_accepted = accepted;
            let (method, path, content_type) = ("POST", "/attachment/actions", Some("application/json"));
            let request = Request { method, path, content_type, body: body.as_bytes(), ..Request::default() };
            answer(&mut world, alice, &request).unwrap().status
        };
        assert_eq!((status(false), status(true)), (200, 202));
    }
}
