"""What pyspf says of generated cases, as JSON: the result, and the term of the domain's own record that matched.

Reads {"zone": {name: {"TXT": [...], "A": [...], "AAAA": [...], "MX": [...]}}, "cases": [[domain, address], ...]}. Whether DNS has the
names below `exists.example` is not said: `otherwise` is the result where it has none, for records that ask for them.
"""

import json
import sys

import spf

ASKED_BY_MACRO = ".exists.example"

with open(sys.argv[1], encoding="utf-8") as file:
    asked = json.load(file)

they_exist = True
were_asked = False


def lookup(name, kind, *_args, **_options):
    global were_asked
    name = name.lower().rstrip(".")
    found = asked["zone"].get(name, {}).get(kind, [])
    if name.endswith(ASKED_BY_MACRO):
        were_asked = True
        found = ["127.0.0.2"] if they_exist and kind == "A" else []
    if kind == "TXT":
        return [((name, kind), [text.encode()]) for text in found]
    if kind == "MX":
        return [((name, kind), (10, host)) for host in found]
    return [((name, kind), value) for value in found]


spf.DNSLookup = lookup


def check(domain, address):
    query = spf.query(address, f"someone@{domain}", domain, strict=True)
    result, _, _ = query.check()
    return result, query.mechanism


answers = []
for domain, address in asked["cases"]:
    they_exist, were_asked = True, False
    result, term = check(domain, address)
    answer = {"result": result, "term": term, "otherwise": result}
    if were_asked:
        they_exist = False
        answer["otherwise"], _ = check(domain, address)
    answers.append(answer)
json.dump(answers, sys.stdout)
