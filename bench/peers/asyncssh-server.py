# AsyncSSH's SFTP server for one folder. Its argument is a JSON object; it prints its port.
import asyncio
import json
import sys

import asyncssh

job = json.loads(sys.argv[1])


class Files(asyncssh.SFTPServer):
    def __init__(self, channel):
        super().__init__(channel, chroot=job["root"].encode())


class Users(asyncssh.SSHServer):
    def begin_auth(self, username):
        return True


async def main():
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[job["hostKey"]],
        authorized_client_keys=job["authorizedKeys"],
        server_factory=Users,
        sftp_factory=Files,
    )
    print(server.get_port(), flush=True)
    await server.wait_closed()


asyncio.run(main())
