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

    use super::super::testing::ask;
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
}
