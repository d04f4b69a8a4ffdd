"""Cards: sent as plain data and as the SDK's own objects, pressed, and the press read by the bot."""

from sdk import SDK, client, refused, run

alice, bot = client("sim-alice"), client("sim-bot-echo")
bot.people.me()
CARD = {
    "contentType": "application/vnd.microsoft.card.adaptive",
    "content": {
        "type": "AdaptiveCard",
        "version": "1.3",
        "body": [{"type": "Input.Text", "id": "why"}],
        "actions": [{"type": "Action.Submit", "title": "Send"}],
    },
}


def as_plain_data():
    me = alice.people.me()
    sent = bot.messages.create(toPersonId=me.id, text="a card", attachments=[CARD])
    assert sent.attachments == [CARD], sent.attachments
    # Inputs are what the client says they are, not what the card has.
    action = alice.attachment_actions.create("submit", sent.id, {"why": "because", "unheard": "of"})
    assert action.type == "submit" and action.messageId == sent.id, action
    read = bot.attachment_actions.get(action.id)
    assert read.personId == me.id and read.roomId == sent.roomId and read.created, read
    assert read.inputs == {"why": "because", "unheard": "of"}, read


def as_objects():
    cards = SDK.models.cards
    actions = cards.actions if hasattr(cards, "actions") else cards
    card = cards.AdaptiveCard(
        body=[cards.TextBlock("Are you well?"), cards.Text("how", placeholder="Well enough")],
        actions=[actions.Submit(title="Send", data={"form": "well"})],
    )
    sent = bot.messages.create(toPersonEmail="alice@example.com", text="a card", attachments=[card])
    content = sent.attachments[0]["content"]
    assert [element["type"] for element in content["body"]] == ["TextBlock", "Input.Text"], content
    assert content["actions"][0]["data"] == {"form": "well"}, content
    action = alice.attachment_actions.create("submit", sent.id, {"how": "quite", "form": "well"})
    assert bot.attachment_actions.get(action.id).inputs == {"how": "quite", "form": "well"}


def refusals():
    sent = bot.messages.create(toPersonEmail="alice@example.com", text="a card", attachments=[CARD])
    plain = bot.messages.create(toPersonEmail="alice@example.com", text="no card")
    press, reason = alice.attachment_actions.create, "Unable to post attachment action"
    refused(400, reason, bot.attachment_actions.create, "submit", sent.id, {})
    refused(400, reason, press, "submit", plain.id, {})
    refused(404, "Unable to get attachment action.", alice.attachment_actions.get, "nothing")
    two = refused(400, "", bot.messages.create, toPersonEmail="alice@example.com", text="two", attachments=[CARD, CARD])
    assert two.details["errors"], two.details


run(as_plain_data, as_objects, refusals)
