# Carries out a job (test/interop/clients/scripted.ts) with libssh, called through its C interface.
import base64
import ctypes
import json
import os
import sys
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint64, c_uint, c_void_p, c_ubyte

job = json.load(open(sys.argv[1], encoding="utf-8"))
lib = ctypes.CDLL("libssh.so.4")

for name, result, arguments in [
    ("ssh_new", c_void_p, []),
    ("ssh_options_set", c_int, [c_void_p, c_int, c_void_p]),
    ("ssh_connect", c_int, [c_void_p]),
    ("ssh_get_error", c_char_p, [c_void_p]),
    ("ssh_get_server_publickey", c_int, [c_void_p, POINTER(c_void_p)]),
    ("ssh_pki_export_pubkey_base64", c_int, [c_void_p, POINTER(c_char_p)]),
    ("ssh_pki_import_privkey_file", c_int, [c_char_p, c_char_p, c_void_p, c_void_p, POINTER(c_void_p)]),
    ("ssh_userauth_publickey", c_int, [c_void_p, c_char_p, c_void_p]),
    ("ssh_userauth_password", c_int, [c_void_p, c_char_p, c_char_p]),
    ("ssh_get_kex_algo", c_char_p, [c_void_p]),
    ("ssh_disconnect", None, [c_void_p]),
    ("sftp_new", c_void_p, [c_void_p]),
    ("sftp_init", c_int, [c_void_p]),
    ("sftp_get_error", c_int, [c_void_p]),
    ("sftp_open", c_void_p, [c_void_p, c_char_p, c_int, c_uint]),
    ("sftp_read", ctypes.c_ssize_t, [c_void_p, c_void_p, c_size_t]),
    ("sftp_write", ctypes.c_ssize_t, [c_void_p, c_char_p, c_size_t]),
    ("sftp_seek64", c_int, [c_void_p, c_uint64]),
    ("sftp_close", c_int, [c_void_p]),
    ("sftp_opendir", c_void_p, [c_void_p, c_char_p]),
    ("sftp_readdir", c_void_p, [c_void_p, c_void_p]),
    ("sftp_closedir", c_int, [c_void_p]),
    ("sftp_mkdir", c_int, [c_void_p, c_char_p, c_uint]),
    ("sftp_rmdir", c_int, [c_void_p, c_char_p]),
    ("sftp_unlink", c_int, [c_void_p, c_char_p]),
    ("sftp_rename", c_int, [c_void_p, c_char_p, c_char_p]),
    ("sftp_free", None, [c_void_p]),
]:
    function = getattr(lib, name)
    function.restype, function.argtypes = result, arguments

# enum ssh_options_e of libssh.h
HOST, PORT, USER, LOG_VERBOSITY = 0, 1, 4, 13
KEY_EXCHANGE, PROCESS_CONFIG = 24, 38


def fail(what):
    print("%s: %s" % (what, lib.ssh_get_error(session)), file=sys.stderr)
    sys.exit(1)


def check(result, what):
    if result is None or (isinstance(result, int) and result < 0):
        fail(what)
    return result


session = lib.ssh_new()
# no OpenSSH configuration of the machine
lib.ssh_options_set(session, PROCESS_CONFIG, byref(ctypes.c_bool(False)))
lib.ssh_options_set(session, HOST, job["host"].encode())
lib.ssh_options_set(session, PORT, byref(c_uint(job["port"])))
lib.ssh_options_set(session, USER, job["user"].encode())
lib.ssh_options_set(session, LOG_VERBOSITY, byref(c_int(1)))
if job["kex"] is not None:
    check(lib.ssh_options_set(session, KEY_EXCHANGE, job["kex"].encode()), "key exchange")
if lib.ssh_connect(session) != 0:
    fail("connect")
print("kex", lib.ssh_get_kex_algo(session))

key = c_void_p()
check(lib.ssh_get_server_publickey(session, byref(key)), "host key")
text = c_char_p()
check(lib.ssh_pki_export_pubkey_base64(key, byref(text)), "host key")
if base64.b64decode(text.value) != base64.b64decode(job["hostKey"].split()[1]):
    print("the host key is another", file=sys.stderr)
    sys.exit(2)

if job["keyFile"] is not None:
    private = c_void_p()
    check(lib.ssh_pki_import_privkey_file(job["keyFile"].encode(), None, None, None, byref(private)), "key file")
    if lib.ssh_userauth_publickey(session, None, private) != 0:
        fail("public key")
elif lib.ssh_userauth_password(session, None, job["password"].encode()) != 0:
    fail("password")

sftp = check(lib.sftp_new(session), "sftp")
if lib.sftp_init(sftp) != 0:
    fail("sftp")

BLOCK = 32 * 1024


def put(local, remote, at, flags):
    handle = check(lib.sftp_open(sftp, remote.encode(), flags, 0o644), "open")
    check(lib.sftp_seek64(handle, at), "seek")
    with open(local, "rb") as source:
        source.seek(at)
        while block := source.read(BLOCK):
            if lib.sftp_write(handle, block, len(block)) != len(block):
                fail("write")
    check(-lib.sftp_close(handle), "close")


def get(remote, local, at, mode):
    handle = check(lib.sftp_open(sftp, remote.encode(), os.O_RDONLY, 0), "open")
    check(lib.sftp_seek64(handle, at), "seek")
    buffer = ctypes.create_string_buffer(BLOCK)
    with open(local, mode) as target:
        while count := check(lib.sftp_read(handle, buffer, BLOCK), "read"):
            target.write(buffer.raw[:count])
    check(-lib.sftp_close(handle), "close")


def size_of(remote):
    handle = check(lib.sftp_open(sftp, remote.encode(), os.O_RDONLY, 0), "open")
    buffer, total = ctypes.create_string_buffer(BLOCK), 0
    while count := check(lib.sftp_read(handle, buffer, BLOCK), "read"):
        total += count
    lib.sftp_close(handle)
    return total


def names(remote):
    directory = check(lib.sftp_opendir(sftp, remote.encode()), "opendir")
    while entry := lib.sftp_readdir(sftp, directory):
        # struct sftp_attributes_struct begins with the name
        yield ctypes.cast(entry, POINTER(c_char_p))[0].decode()
    lib.sftp_closedir(directory)


for step in job["steps"]:
    do, remote = step["do"], step["remote"]
    if do == "put":
        put(step["local"], remote, 0, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    elif do == "resume-put":
        put(step["local"], remote, size_of(remote), os.O_WRONLY)
    elif do == "get":
        get(remote, step["local"], 0, "wb")
    elif do == "resume-get":
        get(remote, step["local"], os.path.getsize(step["local"]), "ab")
    elif do == "list":
        print("\n".join(names(remote)))
    elif do == "mkdir":
        check(lib.sftp_mkdir(sftp, remote.encode(), 0o755), "mkdir")
    elif do == "rmdir":
        check(lib.sftp_rmdir(sftp, remote.encode()), "rmdir")
    elif do == "remove":
        check(lib.sftp_unlink(sftp, remote.encode()), "remove")
    elif do == "rename":
        check(lib.sftp_rename(sftp, remote.encode(), step["to"].encode()), "rename")
    else:
        raise ValueError(do)
lib.sftp_free(sftp)
lib.ssh_disconnect(session)
