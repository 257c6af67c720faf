# SPDX-License-Identifier: MPL-2.0

# Calls AWS until its standard input ends, by one client with the SDK's default chain. Each line says which key
# the client has, and whose AWS takes it for; or what went wrong.
import select
import sys

import boto3
from botocore.config import Config

session = boto3.Session()
client = session.client("sts", config=Config(retries={"total_max_attempts": 1}))
while not select.select([sys.stdin], [], [], 0.2)[0]:
    try:
        arn = client.get_caller_identity()["Arn"]
        print(session.get_credentials().get_frozen_credentials().access_key, arn, flush=True)
    except Exception as error:  # whatever it is, the test shows it
        print("error", str(error).replace("\n", " "), flush=True)
