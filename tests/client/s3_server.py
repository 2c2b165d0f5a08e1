"""moto's S3 server, for tests/it/mailbox/bucket.rs: it checks signatures, permissions and session tokens.

The arguments are the names of buckets. It prints its port and the keys of a user who may do everything, then obeys one command
in JSON for each line of its input, and answers each with a line of JSON.
"""

import base64
import json
import logging
import os
import sys

os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"

from moto.iam.models import iam_backends  # noqa: E402
from moto.moto_server.threaded_moto_server import ThreadedMotoServer  # noqa: E402
from moto.s3.models import s3_backends  # noqa: E402
from moto.sts.models import sts_backends  # noqa: E402

ACCOUNT = "123456789012"
REGION = "eu-central-1"
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}

iam = iam_backends[ACCOUNT]["aws"]
s3 = s3_backends[ACCOUNT]["aws"]
sts = sts_backends[ACCOUNT]["aws"]


def policy(allowed):
    """A policy that allows these actions."""
    return json.dumps({**ALL, "Statement": [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]})


def obey(command):
    """Does what a command says, and returns the answer."""
    bucket, key = command.get("bucket"), command.get("key")
    match command["do"]:
        case "put":
            s3.put_object(bucket, key, base64.b64decode(command["content"]))
        case "remove":
            s3.delete_object(bucket, key)
        case "list":
            return {name: base64.b64encode(found.value).decode() for name, found in s3.get_bucket(bucket).keys.items()}
        case "tag":
            s3.put_object_tagging(s3.get_object(bucket, key), command["tags"])
        case "tags":
            return s3.tagger.get_tag_dict_for_resource(s3.get_object(bucket, key).arn)
        case "allow":
            iam.put_user_policy("reader", "what", policy(command["actions"]))
        case "assume":
            role = f"arn:aws:iam::{ACCOUNT}:role/reader"
            assumed = sts.assume_role(REGION, "session", role, None, 3600, None)
            return [assumed.access_key_id, assumed.secret_access_key, assumed.session_token]
        case "expire":
            sts.assumed_roles.clear()
    return None


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    for bucket in sys.argv[1:]:
        s3.create_bucket(bucket, REGION)
    iam.create_user(REGION, "reader")
    iam.put_user_policy("reader", "what", json.dumps(ALL))
    iam.create_role("reader", "{}", "/", None, "", [], 3600)
    iam.put_role_policy("reader", "what", json.dumps(ALL))
    access = iam.create_access_key("reader")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    print(json.dumps([server.get_host_and_port()[1], access.access_key_id, access.secret_access_key]), flush=True)
    for line in sys.stdin:
        print(json.dumps(obey(json.loads(line))), flush=True)


main()
