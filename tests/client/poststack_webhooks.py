"""Drives the official client's `webhooks` and `notification_channels` resources against a running server, and checks signatures with its `verify`.

usage: poststack_webhooks.py BASE_URL KEY PORT REPORT_FILE

The server may connect to PORT of this machine. Any difference from what the client's users rely on raises.
"""

import http.server
import json
import queue
import sys
import threading
import urllib.request

from poststack import PostStack, PostStackError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

BASE, KEY, PORT, REPORT = sys.argv[1:]
RECEIVED = queue.Queue()
# The body of the last event, and its header fields of Standard Webhooks.
LAST = []


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        RECEIVED.put((body, self.headers))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def next_event(kind):
    body, headers = RECEIVED.get(timeout=60)
    event = json.loads(body)
    assert event["type"] == kind, event
    assert event["id"] == headers["webhook-id"] and "timestamp" in event and "data" in event
    LAST[:] = [body, {name: headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}]
    return body, headers["X-PostStack-Signature"]


def standard(secret):
    """Whether the reference library of Standard Webhooks accepts the last event."""
    try:
        return Webhook(secret).verify(*LAST) == json.loads(LAST[0])
    except WebhookVerificationError:
        return False


def refused(call, status):
    try:
        call()
    except PostStackError as error:
        assert error.status_code == status, repr(error)
        return
    raise AssertionError(f"not refused with {status}")


server = http.server.HTTPServer(("127.0.0.1", int(PORT)), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = PostStack(KEY, base_url=BASE)
webhooks = client.webhooks

created = webhooks.create({"url": f"http://127.0.0.1:{PORT}/", "events": ["dmarc.report.received"]})
id, secret = created["webhook"]["id"], created["signingSecret"]
assert isinstance(id, int) and created["webhook"]["active"] is True
assert webhooks.get(id)["webhook"]["url"] == f"http://127.0.0.1:{PORT}/"
assert [webhook["id"] for webhook in webhooks.list()["webhooks"]] == [id]

assert webhooks.test(id)["success"] is True
body, signature = next_event("webhook.test")
assert webhooks.verify(body, signature, secret)
assert not webhooks.verify(body, signature, "whsec_other")
assert not webhooks.verify(body + b" ", signature, secret)
assert standard(secret) and not standard("whsec_" + "A" * 32)

# Both secrets sign in the grace period, and only the new one without.
rotated = webhooks.rotate_secret(id)
assert rotated["webhook"]["previousSecretExpiresAt"] is not None
assert webhooks.test(id)["success"] is True
body, signature = next_event("webhook.test")
assert webhooks.verify(body, signature, secret) and webhooks.verify(body, signature, rotated["signingSecret"])
assert standard(secret) and standard(rotated["signingSecret"])
secret = webhooks.rotate_secret(id, grace_hours=0)["signingSecret"]
assert webhooks.test(id)["success"] is True
body, signature = next_event("webhook.test")
assert webhooks.verify(body, signature, secret) and not webhooks.verify(body, signature, rotated["signingSecret"])
assert standard(secret) and not standard(rotated["signingSecret"])
refused(lambda: webhooks.rotate_secret(id, grace_hours=169), 422)

# An event of a report.
domain = client.domains.create({"name": "webhooks.example"})
upload = urllib.request.Request(
    f"{BASE}/domains/{domain['id']}/dmarc/reports",
    data=open(REPORT, "rb").read().replace(b"DOMAIN", b"webhooks.example"),
    headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/xml"},
)
assert urllib.request.urlopen(upload).status == 201
body, signature = next_event("dmarc.report.received")
assert webhooks.verify(body, signature, secret)
assert json.loads(body)["data"]["domain_id"] == domain["id"]


def delivered():
    page = webhooks.get_deliveries(id, {"page": 1, "per_page": 10})
    assert (page["pagination"]["page"], page["pagination"]["perPage"], page["pagination"]["total"]) == (1, 10, 1)
    return page["deliveries"][0]


delivery = delivered()
for name in ["id", "webhookId", "eventType", "payload", "statusCode", "responseBody", "attempts", "nextRetryAt",
             "deliveredAt", "createdAt"]:
    assert name in delivery, name
assert delivery["payload"] == json.loads(body) and delivery["webhookId"] == id

assert webhooks.replay(id, delivery["id"])["success"] is True
again, _ = next_event("dmarc.report.received")
assert again == body
refused(lambda: webhooks.replay(id, delivery["id"] + 1000), 404)
assert webhooks.batch_replay(id) == {"replayed": 0, "remaining": 0}
assert webhooks.batch_replay(id, {"withinMinutes": 60, "eventType": "domain.failed"})["replayed"] == 0

assert webhooks.update(id, {"enabled": False})["webhook"]["active"] is False
assert webhooks.update(id, {"enabled": True, "events": ["*"]})["webhook"]["events"] == ["*"]
refused(lambda: webhooks.create({"url": "https://169.254.169.254/", "events": ["*"]}), 422)
assert webhooks.delete(id)["success"] is True
refused(lambda: webhooks.get(id), 404)

# Channels.
channels = client.notification_channels
config = {"webhookUrl": f"http://127.0.0.1:{PORT}/"}
created = channels.create({"type": "slack", "name": "Alerts", "events": ["dmarc.report.received"], "config": config})
id = created["channel"]["publicId"]
assert id.startswith("nc_") and created["channel"]["active"] is True
assert [channel["publicId"] for channel in channels.list()["channels"]] == [id]
tested = channels.test(id)
assert tested["success"] is True and tested["statusCode"] == 204 and "responseBody" in tested
assert json.loads(RECEIVED.get(timeout=60)[0])["text"] == "Test message from Tallymark"

domain = client.domains.create({"name": "channels.example"})
channel = channels.update(id, {"domainId": domain["id"], "name": "Other alerts"})["channel"]
assert (channel["name"], channel["domainId"], channel["type"]) == ("Other alerts", domain["id"], "slack")
upload = urllib.request.Request(
    f"{BASE}/domains/{domain['id']}/dmarc/reports",
    data=open(REPORT, "rb").read().replace(b"DOMAIN", b"channels.example"),
    headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/xml"},
)
assert urllib.request.urlopen(upload).status == 201
message = json.loads(RECEIVED.get(timeout=60)[0])
assert message["text"] == "DMARC report for channels.example", message
page = channels.list_deliveries(id, {"page": 1, "per_page": 10})
assert (page["meta"]["page"], page["meta"]["perPage"], page["meta"]["total"], page["meta"]["totalPages"]) == (1, 10, 1, 1)
delivery = page["deliveries"][0]
assert delivery["channelId"] == id and delivery["eventType"] == "dmarc.report.received"
assert channels.replay_delivery(id, delivery["id"])["success"] is True
assert json.loads(RECEIVED.get(timeout=60)[0]) == message
refused(lambda: channels.create({"type": "slack", "name": "x", "events": ["*"], "config": {}}), 422)
refused(lambda: channels.update(id, {"config": {"webhookUrl": "https://169.254.169.254/"}}), 422)
assert channels.delete(id)["success"] is True
refused(lambda: channels.get(id), 404)
print("the official client's webhooks and channels are served")
