"""Files: uploaded, sent by URL, looked at and fetched; and what the scan for malware says first."""

import functools
import http.server
import pathlib
import tempfile
import threading

import requests

from sdk import client, control, refused, run

alice, bot = client("sim-alice"), client("sim-bot-echo")
bot.people.me()
folder = tempfile.TemporaryDirectory()


def file(name, content):
    path = pathlib.Path(folder.name, name)
    path.write_bytes(content)
    return str(path)


def straight(method, url, token, **named):
    """What the SDK has no call for; straight to the simulator, whatever proxy the environment names."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, headers={"Authorization": f"Bearer {token}"}, timeout=30, **named)


def fetch(url, token="sim-bot-echo", method="GET", **parameters):
    return straight(method, url, token, params=parameters)


def uploaded():
    content = bytes(range(256)) * 400
    path = file("numbers.bin.png", content)
    sent = alice.messages.create(toPersonEmail="echo@webex.bot", markdown="**all** bytes", files=[path])
    assert sent.text == "all bytes" and sent.html == "<p><strong>all</strong> bytes</p>", sent
    assert sent.roomType == "direct" and len(sent.files) == 1, sent
    (url,) = bot.messages.get(sent.id).files
    got = fetch(url)
    assert got.status_code == 200 and got.content == content, got
    assert got.headers["Content-Type"] == "image/png", got.headers
    assert got.headers["Content-Disposition"] == 'attachment; filename="numbers.bin.png"', got.headers
    head = fetch(url, method="HEAD")
    assert head.status_code == 200 and head.content == b"", head
    for name in ["Content-Type", "Content-Disposition", "Content-Length"]:
        assert head.headers[name] == got.headers[name], (name, head.headers)
    assert head.headers["Content-Length"] == str(len(content)), head.headers


def to_everywhere():
    room = alice.rooms.create("Kitchen")
    alice.memberships.create(room.id, personEmail="echo@webex.bot")
    asked = alice.messages.create(roomId=room.id, markdown="<@personEmail:echo@webex.bot> the menu?")
    menu = file("Menü der Woche.txt", "Grießbrei".encode())
    reply = bot.messages.create(roomId=room.id, parentId=asked.id, text="here it is", files=[menu])
    assert (reply.roomId, reply.parentId) == (room.id, asked.id), reply
    got = fetch(reply.files[0], "sim-alice")
    assert got.content.decode() == "Grießbrei" and "filename*=UTF-8''Men%C3%BC%20der%20Woche.txt" in got.headers[
        "Content-Disposition"
    ], got.headers
    # Nothing but a file is a message too.
    alone = bot.messages.create(toPersonId=alice.people.me().id, files=[menu])
    assert len(alone.files) == 1 and not alone.to_dict().get("text"), alone


def by_url():
    file("report.txt", b"all is well")
    door = functools.partial(Quiet, directory=folder.name)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        sent = bot.messages.create(toPersonEmail="alice@example.com", text="report", files=[f"{base}/report.txt"])
        refused(400, "", bot.messages.create, toPersonEmail="alice@example.com", files=[f"{base}/missing.txt"])
        server.shutdown()
    got = fetch(sent.files[0], "sim-alice")
    assert got.content == b"all is well" and 'filename="report.txt"' in got.headers["Content-Disposition"], got


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def only_for_readers():
    url = alice.messages.create(toPersonEmail="echo@webex.bot", files=[file("secret.txt", b"psst")]).files[0]
    assert fetch(url, "nobody").status_code == 401
    assert fetch(url, "sim-carol").status_code == 404
    sent = alice.messages.create(toPersonEmail="echo@webex.bot", files=[file("secret.txt", b"psst")])
    alice.messages.delete(sent.id)
    assert fetch(sent.files[0]).status_code == 404


def scanned():
    url = alice.messages.create(toPersonEmail="echo@webex.bot", files=[file("odd.zip", b"odd")]).files[0]
    state = "/files/" + url.rsplit("/", 1)[1]
    control("PUT", state, {"scan": "scanning"})
    scanning = fetch(url)
    assert scanning.status_code == 423 and int(scanning.headers["Retry-After"]) >= 1, scanning.headers
    control("PUT", state, {"scan": "infected"})
    assert fetch(url).status_code == 410
    assert fetch(url, allow="unscannable").status_code == 410
    control("PUT", state, {"scan": "unscannable"})
    assert fetch(url).status_code == 428 and fetch(url, method="HEAD").status_code == 428
    assert fetch(url, allow="unscannable").content == b"odd"
    control("PUT", state, {"scan": "clean"})
    assert fetch(url).content == b"odd"


def no_two():
    two = [("files", (name, b"text", "text/plain")) for name in ["a.txt", "b.txt"]]
    answer = straight(
        "POST", alice.base_url + "messages", "sim-alice", data={"toPersonEmail": "echo@webex.bot"}, files=two
    )
    assert answer.status_code == 400 and answer.json()["message"], answer.text


run(uploaded, to_everywhere, by_url, only_for_readers, scanned, no_two)
