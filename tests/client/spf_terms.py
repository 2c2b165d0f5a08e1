"""What pyspf says of generated cases, as JSON: the result, and the term of the domain's own record that matched.

Reads {"zone": {name: {"TXT": [...], "A": [...], "MX": [...]}}, "cases": [[domain, address], ...]}.
"""

import json
import sys

import spf

with open(sys.argv[1], encoding="utf-8") as file:
    asked = json.load(file)


def lookup(name, kind, *_args, **_options):
    found = asked["zone"].get(name.lower().rstrip("."), {}).get(kind, [])
    if kind == "TXT":
        return [((name, kind), [text.encode()]) for text in found]
    if kind == "MX":
        return [((name, kind), (10, host)) for host in found]
    return [((name, kind), value) for value in found]


spf.DNSLookup = lookup

answers = []
for domain, address in asked["cases"]:
    query = spf.query(address, f"someone@{domain}", domain, strict=True)
    result, _, _ = query.check()
    answers.append({"result": result, "term": query.mechanism})
json.dump(answers, sys.stdout)
