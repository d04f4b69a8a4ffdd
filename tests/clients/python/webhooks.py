"""Webhooks: made, listed, changed and deleted; and what arrives at one, signed."""

import hashlib
import hmac
import http.server
import queue
import threading

from sdk import PATIENCE, SDK, client, control, ids, refused, run

admin, alice, bot = client("sim-admin"), client("sim-alice"), client("sim-bot-echo")
bot.people.me()
NOWHERE = "http://127.0.0.1:9/hooks/echo"


def from_beginning_to_end():
    def make(number):
        return bot.webhooks.create(
            f"hook {number}", NOWHERE, "messages", "created", filter="roomType=direct", secret="s"
        )

    made = [make(number) for number in range(3)]
    assert ids(bot.webhooks.list(max=2)) == ids(made)
    hook = made[0]
    assert (hook.resource, hook.event, hook.filter) == ("messages", "created", "roomType=direct"), hook
    assert (hook.status, hook.secret, hook.targetUrl) == ("active", "s", NOWHERE), hook
    changed = bot.webhooks.update(hook.id, name="renamed", targetUrl=NOWHERE + "?x=1", secret="t", status="active")
    assert (changed.name, changed.secret, changed.targetUrl) == ("renamed", "t", NOWHERE + "?x=1"), changed
    assert bot.webhooks.get(hook.id).name == "renamed"
    refused(404, "", alice.webhooks.get, hook.id)
    for hook in made:
        bot.webhooks.delete(hook.id)
    assert ids(bot.webhooks.list()) == []
    refused(404, "", bot.webhooks.get, hook.id)


def refusals():
    refused(400, "", bot.webhooks.create, "x", NOWHERE, "cats", "created")
    refused(400, "", bot.webhooks.create, "x", NOWHERE, "messages", "joined")
    refused(400, "", bot.webhooks.create, "x", "nowhere", "messages", "created")
    refused(400, "filter", bot.webhooks.create, "x", NOWHERE, "messages", "created", filter="color=red")
    refused(400, "filter: roomId", bot.webhooks.create, "x", NOWHERE, "messages", "created", filter="roomId=nowhere")


def never_fired():
    # Webex takes these too; nothing of theirs happens here.
    hook = bot.webhooks.create("meetings", NOWHERE, "meetings", "started")
    assert (hook.resource, hook.status) == ("meetings", "active"), hook
    bot.webhooks.delete(hook.id)


def of_the_organization():
    refused(403, "", alice.webhooks.create, "all", NOWHERE, "messages", "created", ownedBy="org")
    hook = admin.webhooks.create("all", NOWHERE, "messages", "created", ownedBy="org")
    assert hook.ownedBy == "org", hook
    own = admin.webhooks.create("own", NOWHERE, "messages", "created")
    # The SDK garbles parameters of lists that it has no name for: so this one goes below it.
    found = admin._session.get_items("webhooks", params={"ownedBy": "org"})
    assert [webhook["id"] for webhook in found] == [hook.id]
    admin.webhooks.delete(own.id)
    admin.webhooks.delete(hook.id)


def disabled():
    hook = bot.webhooks.create("hook", NOWHERE, "messages", "created")
    control("DELETE", "/webhooks", {"email": "echo@webex.bot"})
    assert bot.webhooks.get(hook.id).status == "inactive"
    assert bot.webhooks.update(hook.id, name="hook", targetUrl=NOWHERE, status="active").status == "active"
    bot.webhooks.delete(hook.id)


class Target(http.server.ThreadingHTTPServer):
    """A bot's door: keeps what is delivered."""

    def __init__(self):
        self.deliveries = queue.Queue()
        super().__init__(("127.0.0.1", 0), Door)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}/hooks/echo"

    def delivery(self):
        return self.deliveries.get(timeout=PATIENCE)


class Door(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.deliveries.put((self.headers["X-Spark-Signature"], body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def deliveries():
    target = Target()
    hook = bot.webhooks.create("all", target.url, "messages", "created", secret="swordfish")
    sent = alice.messages.create(toPersonEmail="echo@webex.bot", text="tea?")
    signature, body = target.delivery()
    assert signature == hmac.new(b"swordfish", body, hashlib.sha1).hexdigest(), signature
    # As bots that use the SDK read it.
    event = SDK.WebhookEvent(body.decode())
    assert (event.id, event.resource, event.event) == (hook.id, "messages", "created"), event
    assert event.actorId == alice.people.me().id and event.orgId and event.ownedBy == "creator", event
    assert event.data.id == sent.id and event.data.personEmail == "alice@example.com", event
    assert event.data.roomType == "direct" and not hasattr(event.data, "text"), event
    assert bot.messages.get(event.data.id).text == "tea?"

    presses = bot.webhooks.create("presses", target.url, "attachmentActions", "created")
    card = {"type": "AdaptiveCard", "version": "1.2", "actions": [{"type": "Action.Submit", "title": "Yes"}]}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    bot.webhooks.delete(hook.id)
    asked = bot.messages.create(toPersonEmail="alice@example.com", text="tea?", attachments=[attachment])
    action = alice.attachment_actions.create("submit", asked.id, {"answer": "yes"})
    signature, body = target.delivery()
    assert signature is None, "there is no secret to sign with"
    event = SDK.WebhookEvent(body.decode())
    assert (event.id, event.data.id, event.data.messageId) == (presses.id, action.id, asked.id), event
    assert bot.attachment_actions.get(event.data.id).inputs == {"answer": "yes"}


run(from_beginning_to_end, refusals, never_fired, of_the_organization, disabled, deliveries)
