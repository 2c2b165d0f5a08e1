"""Counts what TLS reports say, without the program: python recount_tls.py < paths. For each path of a mail, gzip or JSON file a line:
path, policies, successful and failed sessions, details of failures, their sessions. A count that is not a whole number is 0."""
import email, gzip, json, sys


def texts(data):
    """The JSON texts in a file: it is one, or a gzip file or a mail around one."""
    if data[:2] == b"\x1f\x8b":
        return texts(gzip.decompress(data))
    if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        return [data]
    parts = [part.get_payload(decode=True) or b"" for part in email.message_from_bytes(data).walk()]
    packed = [part for part in parts if part[:2] == b"\x1f\x8b" or part.lstrip()[:1] == b"{"]
    return [text for part in packed for text in texts(part)]


def whole(of, name):
    value = of.get(name)
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    return value if type(value) is int and 0 <= value < 1 << 64 else 0


def recount(report):
    policies = report.get("policies") or []
    policies = [policies] if isinstance(policies, dict) else policies
    summaries = [policy.get("summary") or {} for policy in policies]
    details = [detail for policy in policies for detail in policy.get("failure-details") or []]
    sums = [sum(whole(of, f"total-{name}-session-count") for of in summaries) for name in ("successful", "failure")]
    return [len(policies), *sums, len(details), sum(whole(detail, "failed-session-count") for detail in details)]


for path in sys.stdin.read().splitlines():
    with open(path, "rb") as file:
        found = texts(file.read())
    # What is behind the object is no part of it; of a member that appears twice the first counts.
    first = lambda pairs: dict(reversed(pairs))
    decoder = json.JSONDecoder(object_pairs_hook=first)
    decode = lambda text: decoder.raw_decode(text.decode("utf-8-sig", "replace").lstrip())[0]
    counts = [recount(decode(text)) for text in found]
    print(path, *map(sum, zip(*counts)), sep="\t")
