"""For schemathesis: what OpenAPI cannot say about valid requests. What is invalid on purpose stays as it is."""

import datetime
import os
import uuid

import schemathesis
from hypothesis import strategies as st

# A name that somebody can own: no pattern can tell a public suffix.
LABEL = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?\Z").filter(lambda label: label[2:4] != "--")
NAME = st.builds(lambda labels: ".".join(labels) + ".example", st.lists(LABEL, min_size=1, max_size=3))
schemathesis.openapi.format("domain-name", NAME)

# A day that is not to come, and not before there was DMARC.
TODAY = datetime.datetime.now(datetime.timezone.utc).date()
DAY = st.dates(TODAY - datetime.timedelta(days=3000), TODAY).map(datetime.date.isoformat)
schemathesis.openapi.format("date", DAY)

# A place that events may be sent to.
schemathesis.openapi.format("webhook-url", NAME.map(lambda name: f"https://{name}/hook"))

schemathesis.openapi.format("network", st.ip_addresses().map(str))
schemathesis.openapi.format("ip", st.ip_addresses().map(str))


@schemathesis.hook
def before_call(context, case, kwargs):
    # The API key that these requests are made with stays valid, and the report that is asked for stays there.
    path_parameters = case.path_parameters or {}
    if case.method == "DELETE" and path_parameters.get("id") == os.environ["DOMAIN"]:
        path_parameters["id"] = "dom_000000000000"
    if case.operation.path.startswith("/api-keys/{id}") and str(path_parameters.get("id")) == os.environ["KEY_ID"]:
        path_parameters["id"] = 1_000_000
    if case.meta is not None and not case.meta.generation.mode.is_negative:
        if "report_id" in path_parameters:
            path_parameters.update(id=os.environ["DOMAIN"], report_id=int(os.environ["REPORT"]))
        in_order(case.query or {})
        within_reach(case.query or {})
        if str((case.query or {}).get("include")).startswith("reporters"):
            # Reporters are not told apart by what authenticated.
            case.query.pop("authenticated", None)
        if case.operation.path in ("/overview", "/search"):
            not_too_long(case.query or {})
        consistent(case)
        decidable(case)


def in_order(query):
    """`days` goes without `from` and `to`, and these are in order."""
    begin, end = query.get("from"), query.get("to")
    if begin is not None and end is not None:
        query["from"], query["to"] = min(begin, end), max(begin, end)
    if begin is not None or end is not None:
        query.pop("days", None)


def within_reach(query):
    """Pages reach the first rows of a list only."""
    if query.get("page") is not None:
        query["page"] = 1 + int(query["page"]) % 50


def not_too_long(query):
    """The `from` and `to` of an overview or a search are at most 92 days."""
    begin, end = query.get("from"), query.get("to")
    if begin is not None:
        last = datetime.date.fromisoformat(end) if end is not None else TODAY
        query["from"] = max(begin, (last - datetime.timedelta(days=91)).isoformat())


def consistent(case):
    """The host for bounces is below the domain, of which a change does not say the name. A tracking host is nothing else, as
    no zone could hold it. Every request has its own name."""
    if isinstance(case.body, dict) and isinstance(case.body.get("tracking_domain"), str):
        case.body["tracking_domain"] = f"t{uuid.uuid4().hex}.example"
    if isinstance(case.body, dict) and case.body.get("custom_return_path"):
        if case.method == "PATCH":
            del case.body["custom_return_path"]
        else:
            case.body["custom_return_path"] = f"bounce.{case.body['name']}"
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key'][:200]}-{uuid.uuid4()}"


def decidable(case):
    """The form of a decision's subject follows from its kind; only networks have names; something is decided. A service that
    is put right has sent something. The settings of a channel follow from its type, and its domain is there."""
    if case.method == "PUT" and isinstance(case.body, dict):
        case.body.pop("config", None)
        case.body.pop("domainId", None)
    if case.method != "POST":
        return
    if case.operation.path.endswith("/dmarc/decisions") and isinstance(case.body, dict):
        case.body["subject"] = {"mail_from": "vendor.example", "network": "192.0.2.0/24"}.get(case.body["kind"], "Mailchimp")
        if case.body["kind"] != "network":
            case.body.pop("name", None)
        if case.body.get("decision") is None and case.body.get("name") is None:
            case.body["decision"] = "ours"
    if case.operation.path.endswith("/dmarc/changes") and isinstance(case.body, dict) and case.body.get("at") is not None:
        # Changes are of the last 90 days.
        case.body["at"] = f"{TODAY - datetime.timedelta(days=3)}T10:00:00Z"
    if case.operation.path == "/notification-channels" and isinstance(case.body, dict):
        hook = {"webhookUrl": "https://hooks.example/hook"}
        others = {
            "telegram": {"botToken": "1:a", "chatId": "1"},
            "pagerduty": {"routingKey": "key"},
            "email": {"address": "alerts@yourdomain.com"},
        }
        case.body["config"] = others.get(case.body["type"], hook)
        case.body.pop("domainId", None)
    if case.operation.path.endswith("/dmarc/simulate") and isinstance(case.body, dict):
        case.body.pop("fix", None)
        if case.body.get("spf") is not None:
            case.body["spf"] = "v=spf1 ip4:198.51.100.0/24 -all"
    # An empty report is right or wrong by how it was made, which is not said here: it goes to a domain that is not there.
    if case.operation.path.endswith("/dmarc/reports") and not case.body:
        case.path_parameters["id"] = "dom_000000000000"
