"""Checks the answer of GET .../reports/ID/proof without a network: python verify_proof.py proof.json
Needs dkimpy from PyPI. The mail must be signed by the domain of its author, and say what the report says."""
import base64, contextlib, email, email.utils, gzip, io, json, re, sys, zipfile

import dkim

proof = json.load(open(sys.argv[1]))
mail = base64.b64decode(proof["mail"])
keys = {key["name"].lower() + ".": key["record"].encode() for key in proof["keys"]}
message = email.message_from_bytes(mail)
author = email.utils.parseaddr(message["From"])[1].rpartition("@")[2].lower()

def verified(nth):
    """The domain of a signature that is good with the kept keys."""
    signature = dkim.DKIM(mail, minkey=1024)
    with contextlib.suppress(dkim.DKIMException, ValueError):
        if signature.verify(nth, dnsfunc=lambda name, timeout=5: keys.get(name.decode().lower())):
            return signature.domain.decode().lower()

signers = {verified(nth) for nth in range(len(message.get_all("DKIM-Signature", [])))} - {None}
# Each name at or below the other: stricter than DMARC needs, without a list of public suffixes.
if not any(author == one or author.endswith("." + one) or one.endswith("." + author) for one in signers):
    sys.exit("not proven: no good signature of " + author)
texts = []
for part in message.walk():
    data = part.get_payload(decode=True) or b""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    elif data[:2] == b"PK":
        data = b"".join(map((archive := zipfile.ZipFile(io.BytesIO(data))).read, archive.namelist()))
    if b"<feedback" in data:
        texts.append(data)
figures = proof["report"]
for text in texts:
    said = re.search(rb"<report_id>\s*(.*?)\s*</report_id>", text).group(1).decode()
    count = sum(map(int, re.findall(rb"<count>\s*(\d+)\s*</count>", text)))
    if (said, count) == (figures["report_id"], figures["total_count"]):
        sys.exit(print(f"proven: {author} signed report {said} about {count} messages"))
sys.exit("not proven: the mail does not say what the report says")
