# Two images from one build: `docker build --target server -t muster .` and `--target agent -t muster-agent .`

FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

# The API server, its own PostgreSQL included: keep /data on a volume, or set MUSTER_DATABASE_URL.
FROM node:20-bookworm-slim AS server
ENV NODE_ENV=production MUSTER_HOST=0.0.0.0 MUSTER_PORT=8420 MUSTER_DATA_DIR=/data
WORKDIR /app
RUN useradd --system --create-home --home-dir /data muster
COPY --from=build /app/package.json ./
COPY --from=build /app/bin ./bin
COPY --from=build /app/scripts ./scripts
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# As `up` starts it (SERVER_FLAGS).
ENV NODE_OPTIONS=--max-semi-space-size=32
USER muster
VOLUME /data
EXPOSE 8420
HEALTHCHECK --start-period=20s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.MUSTER_PORT}/readyz`).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/muster"]
CMD ["server"]

# An agent for containers and for trying out; on a real host install it as a service (docs/operations.md).
# To a server on the same machine's container network without TLS: MUSTER_ALLOW_PLAIN_HTTP=1.
# Root inside, as on a host: what it runs, it runs as whoever it is. State (its identity and journal) is in /state.
FROM node:20-bookworm-slim AS agent
ENV NODE_ENV=production MUSTER_AGENT_STATE_DIR=/state
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/bin ./bin
COPY --from=build /app/scripts ./scripts
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
VOLUME /state
ENTRYPOINT ["node", "bin/muster", "agent"]
