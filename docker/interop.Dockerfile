# Clients of other projects with the interoperability runner of this repository, one target each:
#   docker build -f docker/interop.Dockerfile --target oqs .
# Everything comes from published images and distribution packages.

FROM node:26.10.0-slim AS source
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY src ./src
COPY test ./test
COPY docker ./docker

# Debian's newest OpenSSH: ML-KEM with X25519 and P-256, sntrup761.
FROM debian:sid-slim AS openssh
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends openssh-client \
    && rm -rf /var/lib/apt/lists/*
COPY --from=node:26.10.0-slim /usr/local/bin/node /usr/local/bin/node
COPY --from=source /app /app
WORKDIR /app
ENTRYPOINT ["docker/run-interop.sh"]
CMD ["OpenSSH (this machine)"]

# PuTTY: all three ML-KEM hybrids and sntrup761.
FROM debian:sid-slim AS putty
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends putty-tools openssh-client \
    && rm -rf /var/lib/apt/lists/*
COPY --from=node:26.10.0-slim /usr/local/bin/node /usr/local/bin/node
COPY --from=source /app /app
WORKDIR /app
ENTRYPOINT ["docker/run-interop.sh"]
CMD ["PuTTY"]

# The Open Quantum Safe project's own image: the Kyber d00 methods and ML-KEM. It is an Alpine, so is the Node put into it.
FROM openquantumsafe/openssh:latest AS oqs
# hadolint ignore=DL3002
USER root
COPY --from=node:26.10.0-alpine /usr/local/bin/node /usr/local/bin/node
COPY --from=node:26.10.0-alpine /usr/lib/libstdc++.so.6 /usr/lib/libgcc_s.so.1 /usr/lib/
COPY --from=source /app /app
ENV OQS_OPENSSH_DIR=/opt/oqs-ssh/bin
WORKDIR /app
ENTRYPOINT ["docker/run-interop.sh"]
CMD ["OQS"]

# A small SFTP client of our own on wolfSSH's library.
FROM alpine:3.24 AS wolfssh-client
# hadolint ignore=DL3018
RUN apk add --no-cache gcc musl-dev wolfssh-dev wolfssl-dev
COPY docker/wolfssh/sftp-client.c /build/
RUN gcc -std=gnu11 -Wall -Wextra -O2 -o /build/wolfssh-sftp /build/sftp-client.c -lwolfssh -lwolfssl

FROM node:26.10.0-alpine AS wolfssh
# hadolint ignore=DL3018
RUN apk add --no-cache wolfssh openssh-keygen
COPY --from=wolfssh-client /build/wolfssh-sftp /usr/local/bin/
COPY --from=source /app /app
ENV WOLFSSH_CLIENT=/usr/local/bin/wolfssh-sftp
WORKDIR /app
ENTRYPOINT ["docker/run-interop.sh"]
CMD ["wolfSSH"]
