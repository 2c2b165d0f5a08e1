"""Drives the official client's `domains` resource, sync and async, against a running server.

usage: poststack_domains.py BASE_URL KEY STRANGERS_KEY SLOW_KEY IP_ID REPORT_FILE

SLOW_KEY's server allows one request only. Any difference from what the client's users rely on raises.
"""

import asyncio
import inspect
import sys
import urllib.request

from poststack import AsyncPostStack, PostStack, PostStackError

BASE, KEY, STRANGER, SLOW_BASE, SLOW_KEY, IP_ID, REPORT = sys.argv[1:]


class Awaited:
    """The sync client with the async client's manners, so that one script drives both."""

    def __init__(self, client):
        self.domains = self
        self._domains = client.domains

    def __getattr__(self, name):
        method = getattr(self._domains, name)

        async def call(*args, **kwargs):
            return method(*args, **kwargs)

        return call


async def refused(call, status, code):
    try:
        await call
    except PostStackError as error:
        assert (error.status_code, error.code) == (status, code), repr(error)
        assert error.error and error.request_id, repr(error)
        assert error.headers["x-request-id"] == error.request_id
        return error
    raise AssertionError(f"not refused with {status}")


async def drive(client, stranger, name):
    domains = client.domains
    created = await domains.create(
        {
            "name": name,
            "region": "eu-west-1",
            "custom_return_path": f"bounce.{name}",
            "open_tracking": True,
            "click_tracking": True,
            "tls_mode": "enforced",
        }
    )
    id = created["id"]
    assert id.startswith("dom_") and created["name"] == name and created["status"] == "pending"
    purposes = {record["purpose"]: record for record in created["dns_records"]}
    for purpose in ["spf", "dkim", "dmarc", "return_path"]:
        record = purposes[purpose]
        assert record["type"] and record["name"] and record["value"] and record["verified"] is False, record
    assert purposes["spf"]["value"].startswith("v=spf1 ") and purposes["spf"]["name"] == name
    assert purposes["dkim"]["value"].startswith("v=DKIM1; k=rsa; p=")
    assert purposes["dmarc"]["value"].startswith("v=DMARC1; p=none;")

    listed = (await domains.list({"page": 1}))["domains"]
    assert [d["id"] for d in listed].count(id) == 1
    assert set(listed[0]) == {"id", "name", "status", "region", "created_at"}

    # As the newest client reads it.
    newest = created["domain"]
    assert (newest["publicId"], newest["openTracking"], newest["tlsMode"]) == (id, True, "enforced")
    assert newest["dnsRecords"] == created["dns_records"] and newest["createdAt"] == created["created_at"]

    shown = await domains.get(id)
    assert shown == created
    for field in ["tls_mode", "open_tracking", "click_tracking", "catch_all", "created_at", "region"]:
        assert field in shown

    updated = await domains.update(
        id,
        {
            "open_tracking": False,
            "click_tracking": True,
            "tls_mode": "opportunistic",
            "tracking_domain": f"track.{name}",
            "inbound_enabled": True,
            "catch_all": True,
            "bimi_logo_url": f"https://{name}/.well-known/bimi/logo.svg",
        },
    )
    assert updated["open_tracking"] is False and updated["tls_mode"] == "opportunistic"
    assert {"tracking", "mx", "bimi"} <= {record["purpose"] for record in updated["dns_records"]}

    # There are no such records: it is looked at, and stays pending.
    checked = await domains.verify(id)
    assert {"id", "name", "status", "dns_records"} <= set(checked) and checked["status"] == "pending"
    assert checked["queued"] is True and checked["domain"]["publicId"] == id
    assert all(record["verified"] is False for record in checked["dns_records"] if record["required"])

    assert await domains.assign_ip(id, int(IP_ID)) == {"success": True}
    with_ip = await domains.get(id)
    assert with_ip["dedicated_ip"]["id"] == int(IP_ID)
    assert with_ip["dedicated_ip"]["address"] in with_ip["dns_records"][0]["value"]
    assert await domains.unassign_ip(id) == {"success": True}
    await refused(domains.assign_ip(id, 999_999), 404, "not_found")

    await rotated(domains, id, name)
    upload(id, name)
    reports = await domains.get_dmarc_reports(id, {"page": 1, "per_page": 5})
    (report,) = reports["reports"]
    assert report["total_count"] == report["pass_count"] + report["fail_count"] == 3, report
    for field in ["id", "org_name", "date_range_begin", "date_range_end"]:
        assert report[field]
    place = reports["pagination"]
    assert place == {"total": 1, "page": 1, "per_page": 5, "perPage": 5, "total_pages": 1, "totalPages": 1}
    stats = await domains.get_dmarc_stats(id, days=3650)
    assert stats["total_messages"] == 3 and len(stats["daily_stats"]) == 3650
    assert set(stats["daily_stats"][0]) == {"date", "pass", "fail"}
    assert stats["totals"]["totalMessages"] == 3 and len(stats["daily"]) == 3650
    assert set(stats["daily"][0]) == {"date", "total", "passed", "failed"}
    assert report["domainId"] == id and report["dateRangeStart"] == report["date_range_begin"]
    assert report["policyPublished"] == report["policy"] and report["createdAt"] == report["received_at"]
    assert stats["failed_messages"] == report["fail_count"] and 0 <= stats["pass_rate"] <= 100
    (source,) = (await domains.get_dmarc_sources(id, days=3650))["sources"]
    assert source["count"] == source["total"] == 3 and source["source_ip"] == source["sourceIp"] == "192.0.2.1"

    await refused(domains.create({"name": name}), 409, "conflict")
    await refused(domains.create({"name": "co.uk"}), 422, "unprocessable_entity")
    await refused(domains.update(id, {"colour": "red"}), 422, "unprocessable_entity")
    await refused(domains.get_dmarc_stats(id, days=0), 422, "unprocessable_entity")
    await refused(domains.get("dom_000000000000"), 404, "not_found")
    await refused(stranger.domains.get(id), 404, "not_found")
    assert await domains.delete(id) == {"success": True, "deleted": True}
    await refused(domains.delete(id), 404, "not_found")


async def rotated(domains, id, name):
    """There are no such records, so that the next key never signs."""
    started = await domains.start_dkim_rotation(id)
    rotation = started["rotation"]
    assert (rotation["domainId"], rotation["state"]) == (id, "pending_dns")
    assert (rotation["activeSelector"], rotation["pendingSelector"]) == ("tallymark", "tallymark2")
    assert rotation["pendingRecordName"] == f"tallymark2._domainkey.{name}"
    assert rotation["pendingRecordValue"] == f"v=DKIM1; k=rsa; p={rotation['pendingPublicKey']}"
    for field in ["publishedAt", "activatesAfter", "retiredSelector", "retireAfter"]:
        assert rotation[field] is None
    assert {key: started[key] for key in rotation} == rotation and started["pending_selector"] == "tallymark2"
    assert await domains.start_dkim_rotation(id) == started
    records = {record["purpose"]: record for record in (await domains.get(id))["dns_records"]}
    assert records["dkim_rotation"]["value"] == rotation["pendingRecordValue"]
    assert records["dkim_rotation"]["required"] is False and records["dkim"]["value"] != rotation["pendingRecordValue"]
    await refused(domains.activate_dkim_rotation(id), 409, "conflict")
    await refused(domains.activate_dkim_rotation(id, force=True), 409, "conflict")
    assert (await domains.cancel_dkim_rotation(id))["rotation"]["state"] == "idle"
    await refused(domains.activate_dkim_rotation(id, force=True), 409, "conflict")


def upload(id, name):
    """The client has no method for it: reports come by mail."""
    text = open(REPORT).read().replace("DOMAIN", name)
    request = urllib.request.Request(
        f"{BASE}/domains/{id}/dmarc/reports",
        text.encode(),
        {"Authorization": f"Bearer {KEY}", "Content-Type": "application/xml"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201


def covered():
    """Every method of the resource that the API has is named above."""
    methods = [name for name, _ in inspect.getmembers(type(PostStack(KEY, base_url=BASE).domains), inspect.isfunction)]
    script = inspect.getsource(drive) + inspect.getsource(rotated)
    # Inbox placement is of the provider's sending service.
    other = {"get_inbox_placement"}
    missing = [m for m in methods if not m.startswith("_") and m not in other and f"domains.{m}(" not in script]
    assert not missing, missing


async def main():
    covered()
    sync, stranger = PostStack(KEY, base_url=BASE), PostStack(STRANGER, base_url=BASE)
    await drive(Awaited(sync), Awaited(stranger), "sync.example")
    client, other = AsyncPostStack(KEY, base_url=BASE), AsyncPostStack(STRANGER, base_url=BASE)
    await drive(client, other, "async.example")

    await refused(Awaited(PostStack("sk_live_" + "0" * 43, base_url=BASE)).list(), 401, "unauthorized")
    slow = Awaited(PostStack(SLOW_KEY, base_url=SLOW_BASE, max_retries=0))
    await slow.list()
    error = await refused(slow.list(), 429, "rate_limit_exceeded")
    assert 1 <= error.retry_after <= 60 and error.headers["x-ratelimit-remaining"] == "0"
    # A client that may try again does as it is told, and gets through.
    await Awaited(PostStack(SLOW_KEY, base_url=SLOW_BASE, max_retries=3)).list()

    keys = sync.api_keys
    made = keys.create({"name": "bound", "permission": "read_only"})
    assert made["key"].startswith(made["key_prefix"]) and made["mode"] == "live"
    assert any(key["id"] == made["id"] for key in keys.list()["api_keys"])
    assert "key" not in keys.get(made["id"])
    rotated = keys.rotate(made["id"])
    assert rotated["id"] == made["id"] and rotated["key"] != made["key"]
    await refused(Awaited(PostStack(made["key"], base_url=BASE)).list(), 401, "unauthorized")
    await Awaited(PostStack(rotated["key"], base_url=BASE)).list()
    assert keys.revoke(made["id"]) == {"deleted": True}
    print("the official client is served")


asyncio.run(main())
