/* A small SFTP client on wolfSSH's library, for the interoperability tests.
 *
 *   usage: wolfssh-sftp HOST PORT USER PASSWORD FINGERPRINT < commands
 *
 * FINGERPRINT is the expected host key's, "SHA256:...", as OpenSSH prints it. Commands, one a line, words separated by one
 * space: put LOCAL REMOTE, get REMOTE LOCAL, reput LOCAL REMOTE, reget REMOTE LOCAL, ls DIR, mkdir DIR, rmdir DIR, rm FILE,
 * rename OLD NEW. Ends with status 0 only where all of them worked.
 */
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/coding.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/sha256.h>
#include <wolfssh/ssh.h>
#include <wolfssh/wolfsftp.h>
#include <wolfssh/version.h>

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct login {
    const char* password;
    const char* fingerprint;
};

static int authenticate(byte type, WS_UserAuthData* data, void* context)
{
    const struct login* login = context;

    if (type != WOLFSSH_USERAUTH_PASSWORD)
        return WOLFSSH_USERAUTH_FAILURE;
    data->sf.password.password = (const byte*)login->password;
    data->sf.password.passwordSz = (word32)strlen(login->password);
    return WOLFSSH_USERAUTH_SUCCESS;
}

/* 0: the host key is the expected one. */
static int check_host_key(const byte* key, word32 size, void* context)
{
    const struct login* login = context;
    byte digest[WC_SHA256_DIGEST_SIZE];
    byte text[64];
    word32 text_size = sizeof(text);

    if (wc_Sha256Hash(key, size, digest) != 0)
        return -1;
    if (Base64_Encode_NoNl(digest, sizeof(digest), text, &text_size) != 0)
        return -1;
    while (text_size > 0 && (text[text_size - 1] == '=' || text[text_size - 1] == '\0'))
        text_size--;
    if (strncmp(login->fingerprint, "SHA256:", 7) != 0)
        return -1;
    return strlen(login->fingerprint + 7) == text_size && memcmp(login->fingerprint + 7, text, text_size) == 0 ? 0 : -1;
}

static int connect_to(const char* host, const char* port)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo* found = NULL;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -1;
    for (struct addrinfo* at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

/* Whether a call is to be made once more: data of a new key exchange or of the channel came in between. */
static int again(WOLFSSH* ssh, int result)
{
    int error = result == WS_FATAL_ERROR ? wolfSSH_get_error(ssh) : result;

    if (error == WS_REKEYING || error == WS_CHAN_RXD) {
        (void)wolfSSH_worker(ssh, NULL);
        return 1;
    }
    return error == WS_WANT_READ || error == WS_WANT_WRITE;
}

static int list(WOLFSSH* ssh, char* directory)
{
    WS_SFTPNAME* names;

    do {
        names = wolfSSH_SFTP_LS(ssh, directory);
    } while (names == NULL && again(ssh, WS_FATAL_ERROR));
    if (names == NULL)
        return WS_FATAL_ERROR;
    for (WS_SFTPNAME* name = names; name != NULL; name = name->next)
        printf("%.*s\n", (int)name->fSz, name->fName);
    wolfSSH_SFTPNAME_list_free(names);
    return WS_SUCCESS;
}

static int carry_out(WOLFSSH* ssh, const char* command, char* first, char* second)
{
    WS_SFTP_FILEATRB attributes;
    int result;

    memset(&attributes, 0, sizeof(attributes));
    do {
        if (strcmp(command, "put") == 0)
            result = wolfSSH_SFTP_Put(ssh, first, second, 0, NULL);
        else if (strcmp(command, "reput") == 0)
            result = wolfSSH_SFTP_Put(ssh, first, second, 1, NULL);
        else if (strcmp(command, "get") == 0)
            result = wolfSSH_SFTP_Get(ssh, first, second, 0, NULL);
        else if (strcmp(command, "reget") == 0)
            result = wolfSSH_SFTP_Get(ssh, first, second, 1, NULL);
        else if (strcmp(command, "ls") == 0)
            result = list(ssh, first);
        else if (strcmp(command, "mkdir") == 0)
            result = wolfSSH_SFTP_MKDIR(ssh, first, &attributes);
        else if (strcmp(command, "rmdir") == 0)
            result = wolfSSH_SFTP_RMDIR(ssh, first);
        else if (strcmp(command, "rm") == 0)
            result = wolfSSH_SFTP_Remove(ssh, first);
        else if (strcmp(command, "rename") == 0)
            result = wolfSSH_SFTP_Rename(ssh, first, second);
        else
            return -1;
    } while (result != WS_SUCCESS && again(ssh, result));
    return result;
}

static int carry_out_all(WOLFSSH* ssh)
{
    char line[8192];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        char none[1] = "";
        char* rest = NULL;
        char* command;
        char* first;
        char* second;
        int result;

        line[strcspn(line, "\n")] = '\0';
        command = strtok_r(line, " ", &rest);
        first = strtok_r(NULL, " ", &rest);
        second = strtok_r(NULL, " ", &rest);
        if (command == NULL)
            continue;
        result = carry_out(ssh, command, first == NULL ? none : first, second == NULL ? none : second);
        if (result != WS_SUCCESS) {
            fprintf(stderr, "%s %s: error %d, %d\n", command, first == NULL ? none : first, result, wolfSSH_get_error(ssh));
            return -1;
        }
    }
    return 0;
}

int main(int argc, char** argv)
{
    struct login login;
    WOLFSSH_CTX* context;
    WOLFSSH* ssh;
    int fd;
    int failed = 1;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("wolfSSH %s\n", LIBWOLFSSH_VERSION_STRING);
        return 0;
    }
    if (argc != 6) {
        fprintf(stderr, "usage: wolfssh-sftp HOST PORT USER PASSWORD FINGERPRINT\n");
        return 2;
    }
    login.password = argv[4];
    login.fingerprint = argv[5];

    wolfSSH_Init();
    context = wolfSSH_CTX_new(WOLFSSH_ENDPOINT_CLIENT, NULL);
    if (context == NULL)
        return 1;
    wolfSSH_SetUserAuth(context, authenticate);
    wolfSSH_CTX_SetPublicKeyCheck(context, check_host_key);
    ssh = wolfSSH_new(context);
    fd = connect_to(argv[1], argv[2]);
    if (ssh != NULL && fd >= 0) {
        int result;

        wolfSSH_SetUserAuthCtx(ssh, &login);
        wolfSSH_SetPublicKeyCheckCtx(ssh, &login);
        wolfSSH_SetUsername(ssh, argv[3]);
        wolfSSH_set_fd(ssh, fd);
        do {
            result = wolfSSH_SFTP_connect(ssh);
        } while (result != WS_SUCCESS && again(ssh, result));
        if (result == WS_SUCCESS) {
            failed = carry_out_all(ssh) != 0;
            wolfSSH_shutdown(ssh);
        }
        else {
            fprintf(stderr, "connect: error %d\n", wolfSSH_get_error(ssh));
        }
    }
    else {
        fprintf(stderr, "no connection to %s port %s\n", argv[1], argv[2]);
    }
    if (fd >= 0)
        close(fd);
    wolfSSH_free(ssh);
    wolfSSH_CTX_free(context);
    wolfSSH_Cleanup();
    return failed;
}
