"""Posts reports to a server that is killed again and again: TLS reports without a key, aggregate reports with one.

    poster.py PORT FIRST LAST MANNER

The path for TLS reports and the key come from the environment. MANNER is `patient`, which repeats a post until it is answered
201, or `careless`, which takes each post for delivered, whatever comes of it. A line is written for every report that counts as
delivered: its id, and how often it was posted."""

import base64
import gzip
import http.client
import json
import os
import queue
import sys
import threading
import time

POSTERS = 8
# A server that is started again needs some tries, each after a pause. None is away for longer.
TRIES_MAX = 30_000
PAUSE_SECONDS = 0.02


def tls_report(nth):
    report = {
        "organization-name": "Reporter",
        "date-range": {"start-datetime": "2026-03-22T00:00:00Z", "end-datetime": "2026-03-22T23:59:59Z"},
        "contact-info": "tls@reporter.example",
        "report-id": f"t{nth}",
        "policies": [
            {
                "policy": {"policy-type": "sts", "policy-string": [], "policy-domain": "example.com"},
                "summary": {"total-successful-session-count": nth, "total-failure-session-count": 0},
            }
        ],
    }
    body = json.dumps(report).encode()
    if nth % 4:
        return body, "application/tlsrpt+json"
    return gzip.compress(body, mtime=0), "application/tlsrpt+gzip"


def aggregate_report(nth):
    return (
        "<feedback><report_metadata><org_name>google.com</org_name><email>noreply@google.com</email>"
        f"<report_id>a{nth}</report_id><date_range><begin>1774137600</begin><end>1774224000</end></date_range>"
        "</report_metadata><policy_published><domain>example.com</domain><p>reject</p></policy_published>"
        f"<record><row><source_ip>198.51.100.1</source_ip><count>{nth}</count><policy_evaluated>"
        "<disposition>none</disposition><dkim>pass</dkim><spf>pass</spf></policy_evaluated></row>"
        "<identifiers><header_from>example.com</header_from></identifiers><auth_results><dkim><domain>example.com"
        "</domain><result>pass</result></dkim></auth_results></record></feedback>"
    ).encode()


def request(nth):
    if nth % 2 == 0:
        body, media_type = tls_report(nth)
        return os.environ["TLS_PATH"], body, {"Content-Type": media_type}
    # As mail providers show a key.
    credentials = base64.b64encode(f"hook:{os.environ['KEY']}".encode()).decode()
    headers = {"Content-Type": "application/xml", "Authorization": f"Basic {credentials}"}
    return "/reports", aggregate_report(nth), headers


def post(port, nth, manner):
    """How often the report was posted until it counted as delivered."""
    path, body, headers = request(nth)
    for tried in range(1, TRIES_MAX):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 201:
                return tried
            if answer.status not in (408, 429, 503):
                sys.exit(f"{path}: {answer.status}")
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        if manner == "careless":
            return tried
        time.sleep(PAUSE_SECONDS)
    sys.exit("the server does not come back")


def main():
    port, first, last, manner = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    waiting, lock = queue.SimpleQueue(), threading.Lock()
    for nth in range(first, last + 1):
        waiting.put(nth)

    def work():
        while True:
            try:
                nth = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                tried = post(port, nth, manner)
            except SystemExit as why:
                print(why, file=sys.stderr)
                os._exit(1)
            with lock:
                print(("t" if nth % 2 == 0 else "a") + str(nth), tried, flush=True)

    workers = [threading.Thread(target=work) for _ in range(POSTERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


main()
