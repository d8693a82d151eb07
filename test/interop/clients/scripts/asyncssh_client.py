# Carries out a job (test/interop/clients/scripted.ts) with AsyncSSH.
import asyncio
import json
import logging
import os
import sys

import asyncssh

job = json.load(open(sys.argv[1], encoding="utf-8"))
logging.basicConfig(stream=sys.stderr, level=logging.INFO)
asyncssh.set_log_level("DEBUG")


async def resume_put(sftp, local, remote):
    at = await sftp.getsize(remote)
    with open(local, "rb") as source:
        source.seek(at)
        async with sftp.open(remote, "r+b") as target:
            await target.seek(at)
            while block := source.read(65536):
                await target.write(block)


async def resume_get(sftp, remote, local):
    at = os.path.getsize(local)
    async with sftp.open(remote, "rb") as source:
        await source.seek(at)
        with open(local, "ab") as target:
            while block := await source.read(65536):
                target.write(block)


async def carry_out(sftp, step):
    do, remote = step["do"], step["remote"]
    if do == "put":
        await sftp.put(step["local"], remote)
    elif do == "get":
        await sftp.get(remote, step["local"])
    elif do == "resume-put":
        await resume_put(sftp, step["local"], remote)
    elif do == "resume-get":
        await resume_get(sftp, remote, step["local"])
    elif do == "list":
        for entry in await sftp.readdir(remote):
            print(entry.longname or entry.filename)
    elif do == "mkdir":
        await sftp.mkdir(remote)
    elif do == "rmdir":
        await sftp.rmdir(remote)
    elif do == "remove":
        await sftp.remove(remote)
    elif do == "rename":
        await sftp.rename(remote, step["to"])
    else:
        raise ValueError(do)


async def main():
    algorithms = {} if job["kex"] is None else {"kex_algs": job["kex"]}
    expected = asyncssh.import_public_key(job["hostKey"])
    async with asyncssh.connect(
        job["host"],
        port=job["port"],
        username=job["user"],
        client_keys=[job["keyFile"]] if job["keyFile"] else None,
        password=job["password"],
        known_hosts=([expected], [], []),
        server_host_key_algs="default",  # else only those of the expected key are offered
        agent_path=None,
        config=None,
        connect_timeout=20,
        **algorithms,
    ) as connection:
        async with connection.start_sftp_client() as sftp:
            for step in job["steps"]:
                await carry_out(sftp, step)


asyncio.run(main())
