"""For schemathesis: what OpenAPI cannot say about valid requests. Nothing here touches what is invalid on purpose."""

import datetime
import os
import re
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


def is_name(text):
    return isinstance(text, str) and re.fullmatch(r"([a-z0-9-]+\.)+(example|com)", text) is not None


def is_day(text):
    return isinstance(text, str) and re.fullmatch(r"20\d\d-\d\d-\d\d", text) is not None


@schemathesis.hook
def before_call(context, case, kwargs):
    in_order(case)
    path, body, headers = case.operation.path, case.body, case.headers or {}
    # The host for bounces is below the domain, of which a change does not say the name.
    if isinstance(body, dict) and is_name(body.get("custom_return_path")):
        if is_name(body.get("name")):
            body["custom_return_path"] = f"bounce.{body['name']}"
        elif case.method == "PATCH":
            del body["custom_return_path"]
    # Every request has a key of its own.
    key = headers.get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(r"[!-~]{1,200}", key):
        headers["Idempotency-Key"] = f"{key}-{uuid.uuid4()}"
    # The API key that these requests are made with stays valid.
    if path.startswith("/api-keys/{id}") and str((case.path_parameters or {}).get("id")) == os.environ["KEY_ID"]:
        case.path_parameters["id"] = 1_000_000


def in_order(case):
    """`days` goes without `from` and `to`, and these are in order."""
    query = case.query or {}
    begin, end = query.get("from"), query.get("to")
    if is_day(begin) and is_day(end):
        query["from"], query["to"] = min(begin, end), max(begin, end)
    if ("from" in query or "to" in query) and re.fullmatch(r"0*[1-9]\d{0,2}", str(query.get("days", ""))):
        del query["days"]
