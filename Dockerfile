# The server as a container: docker build -t latticeport .
#
# The last stage is node:26-slim without npm, headers and documentation, flattened into one layer, so that what was removed
# is not carried along. It runs as an unprivileged user and needs no writable root file system: a tmpfs on /tmp is enough.

FROM node:26.10.0-slim AS source
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts

FROM source AS build
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN node_modules/.bin/tsc -p tsconfig.build.json

FROM node:26.10.0-slim AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Types, source maps and build variants that Node does not load are a fifth of it.
RUN npm ci --omit=dev --ignore-scripts \
    && find node_modules \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.map' -o -name '*.md' -o -name '*.deno.js' \) -delete

FROM node:26.10.0-slim AS stripped
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends binutils \
    && strip -o /node /usr/local/bin/node

FROM node:26.10.0-slim AS base
# Nothing of npm is left: what is not there needs no update.
RUN rm -rf /usr/local/include /usr/local/lib/node_modules /usr/local/share /opt/* \
    /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
    /usr/share/doc /usr/share/man /usr/share/locale /usr/share/info /var/lib/apt/lists /var/cache/* /var/log/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin latticeport \
    && mkdir -p /etc/latticeport /data /spool \
    && chown latticeport:latticeport /etc/latticeport /data /spool \
    && chmod 700 /spool
COPY --from=stripped /node /usr/local/bin/node

FROM scratch
COPY --from=base / /
WORKDIR /app
COPY --from=modules /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY security-policies ./security-policies
COPY docker/healthcheck.mjs docker/prepare.mjs ./docker/
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE_ENV=production
USER 10001:10001
EXPOSE 2222 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["node", "/app/docker/healthcheck.mjs"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/dist/cli/main.js"]
CMD ["serve", "--config", "/etc/latticeport/latticeport.json"]
