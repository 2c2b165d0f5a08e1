"""Generated pairs of names, with what publicsuffixlist says of them, as JSON lines.

Takes the number of pairs. A name is written in any case and with U-labels or A-labels; what is said is of A-labels in lower case.
"""

import json
import random
import sys
from pathlib import Path

import idna
import publicsuffixlist

LABELS = ["a", "mail", "news", "example", "bücher", "xn--bcher-kva", "straße", "例え", "n9"]

suffixes = publicsuffixlist.PublicSuffixList()
chance = random.Random(19)
lines = (Path(publicsuffixlist.__file__).parent / "public_suffix_list.dat").read_text(encoding="utf-8").splitlines()
rules = [line.split()[0] for line in lines if line.strip() and not line.startswith("//")]
special = [rule for rule in rules if rule[0] in "*!"]
foreign = [rule for rule in rules if not rule.isascii()]


def ascii_of(name):
    return idna.encode(name, uts46=True).decode("ascii")


def suffix():
    """What a name ends in: a rule of the list, one of its rare kinds, or none of them."""
    rule = chance.choice([chance.choice(rules), chance.choice(special), chance.choice(foreign), "com", "unlisted"])
    if rule.startswith("*."):
        # The rule does not match the name behind the star by itself: publicsuffixlist takes that for a suffix all the same.
        return chance.choice(LABELS) + rule[1:]
    return rule.removeprefix("!")


def labels(most):
    return [chance.choice(LABELS) for _ in range(chance.randint(0, most))]


def written(name):
    """The name as a reporter may write it."""
    way = chance.randrange(4)
    if way == 0:
        return name.upper() if name.isascii() else name
    return ascii_of(name) if way == 1 else name


def pair():
    own = suffix()
    name = labels(3) + [own]
    other = chance.choice([name, labels(2) + name, name[1:] or name, labels(1) + name[-2:], labels(2) + [own], labels(2) + [suffix()]])
    return ".".join(name), ".".join(other)


def organizational(name):
    return suffixes.privatesuffix(name) or name


left = int(sys.argv[1])
while left:
    texts = pair()
    try:
        names = [ascii_of(text) for text in texts]
    except idna.IDNAError:
        continue
    owners = [organizational(name) for name in names]
    said = {
        "texts": [written(text) for text in texts],
        "organizational": owners,
        "strict": names[0] == names[1],
        "relaxed": owners[0] == owners[1],
    }
    print(json.dumps(said))
    left -= 1
