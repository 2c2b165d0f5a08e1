"""Signs mails with new keys: python sign_mail.py FOLDER < plan.json > keys.json
The plan has, for each file of the folder, its signatures in the order in which they are made: domain, selector, key (rsa-1024, rsa-2048 or
ed25519) and canonicalization. The answer has the record of each key by its name. Needs dkimpy[ed25519] and cryptography from PyPI."""
import base64, json, pathlib, sys

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from nacl.signing import SigningKey

SIGNED = [b"from", b"to", b"subject", b"date", b"content-type"]


def new_key(kind):
    """The secret as dkimpy takes it, its algorithm, and the record of its public half."""
    if kind == "ed25519":
        key = SigningKey.generate()
        public = base64.b64encode(key.verify_key.encode()).decode()
        return base64.b64encode(key.encode()), b"ed25519-sha256", f"v=DKIM1; k=ed25519; p={public}"
    key = rsa.generate_private_key(65537, int(kind.removeprefix("rsa-")))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    der = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    public = base64.b64encode(key.public_key().public_bytes(*der)).decode()
    return key.private_bytes(*pem), b"rsa-sha256", f"v=DKIM1; k=rsa; p={public}"


records = {}
for name, signatures in json.load(sys.stdin).items():
    file = pathlib.Path(sys.argv[1], name)
    mail = file.read_bytes()
    for one in signatures:
        secret, algorithm, record = new_key(one["key"])
        forms = tuple(form.encode() for form in one["canonicalization"].split("/"))
        names = one["selector"].encode(), one["domain"].encode()
        options = {"canonicalize": forms, "signature_algorithm": algorithm, "include_headers": SIGNED}
        mail = dkim.sign(mail, *names, secret, **options) + mail
        records[f"{one['selector']}._domainkey.{one['domain']}"] = record
    file.write_bytes(mail)
json.dump(records, sys.stdout)
