# Carries out a job (test/interop/clients/scripted.ts) with paramiko.
import base64
import json
import logging
import os
import sys

import paramiko
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

job = json.load(open(sys.argv[1], encoding="utf-8"))
logging.basicConfig(stream=sys.stderr, level=logging.DEBUG)


def load_key(path):
    """paramiko's own reader of OpenSSH's format stumbles over some ECDSA keys; the library below it does not."""
    with open(path, "rb") as file:
        key = load_ssh_private_key(file.read(), None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return paramiko.ECDSAKey(vals=(key, key.public_key()))
    return paramiko.PKey.from_path(path)


client = paramiko.SSHClient()
kind, encoded = job["hostKey"].split()[:2]
blob = base64.b64decode(encoded)
expected = paramiko.PKey.from_type_string(kind, blob)
client.get_host_keys().add("[%s]:%d" % (job["host"], job["port"]), kind, expected)
client.set_missing_host_key_policy(paramiko.RejectPolicy())
client.connect(
    job["host"],
    port=job["port"],
    username=job["user"],
    pkey=load_key(job["keyFile"]) if job["keyFile"] else None,
    password=job["password"],
    allow_agent=False,
    look_for_keys=False,
    timeout=20,
)
sftp = client.open_sftp()


def resume_put(local, remote):
    at = sftp.stat(remote).st_size
    with open(local, "rb") as source, sftp.open(remote, "r+b") as target:
        source.seek(at)
        target.seek(at)
        target.set_pipelined(True)
        while block := source.read(32768):
            target.write(block)


def resume_get(remote, local):
    at = os.path.getsize(local)
    with sftp.open(remote, "rb") as source, open(local, "ab") as target:
        source.seek(at)
        while block := source.read(32768):
            target.write(block)


for step in job["steps"]:
    do, remote = step["do"], step["remote"]
    if do == "put":
        sftp.put(step["local"], remote)
    elif do == "get":
        # every read at once, without a bound: the client that made other servers run out of memory
        sftp.get(remote, step["local"], prefetch=True, max_concurrent_prefetch_requests=None)
    elif do == "resume-put":
        resume_put(step["local"], remote)
    elif do == "resume-get":
        resume_get(remote, step["local"])
    elif do == "list":
        print("\n".join(str(entry) for entry in sftp.listdir_attr(remote)))
    elif do == "mkdir":
        sftp.mkdir(remote)
    elif do == "rmdir":
        sftp.rmdir(remote)
    elif do == "remove":
        sftp.remove(remote)
    elif do == "rename":
        sftp.rename(remote, step["to"])
    else:
        raise ValueError(do)
sftp.close()
client.close()
