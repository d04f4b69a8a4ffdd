#!/usr/bin/env bash
# Proves the container for real: builds the image from the Dockerfile, brings compose up without any configuration,
# talks to a bot, drops a new definition into the mounted folder and talks to that one, restarts, and finds the
# state again. Everything it makes is its own (project `botyard-proof`, ports the engine picks) and is removed.
#
# Needs a Docker engine. As root on Debian it installs and starts one when there is none; elsewhere without one it
# says so and ends: with 1 where CI=true, else with 0.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '[docker %4ss] %s\n' "$SECONDS" "$*"; }
fail() { printf '[docker %4ss] FAILED: %s\n' "$SECONDS" "$*" >&2; exit 1; }

work=$(mktemp -d /var/tmp/botyard-proof.XXXXXX)
engine_pid=""
composed=""

# ---- the engine ----------------------------------------------------------------------------------------------------

without_engine() {
  if [ "${CI:-}" = true ]; then fail "$1"; fi
  say "SKIPPED, nothing was proven: $1"
  exit 0
}

ready_engine() {
  if ! command -v docker >/dev/null || ! { docker info >/dev/null 2>&1 || command -v dockerd >/dev/null; }; then
    { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || without_engine "there is no Docker engine here, and no right to install one"
    say "installing the Docker engine from the distribution"
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io iptables; } >"$work/apt.log" 2>&1 \
      || { tail -n 5 "$work/apt.log" >&2; without_engine "the Docker engine cannot be installed"; }
  fi
  if ! docker info >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] || without_engine "the Docker engine does not answer, and only root can start it"
    say "starting the Docker engine"
    dockerd >"$work/dockerd.log" 2>&1 &
    engine_pid=$!
    until_true 60 docker info || { tail -n 5 "$work/dockerd.log" >&2; without_engine "the Docker engine does not start"; }
  fi
  if ! docker compose version >/dev/null 2>&1 && ! command -v docker-compose >/dev/null; then
    { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || without_engine "docker compose is missing, and there is no right to install it"
    say "installing docker-compose from the distribution"
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends docker-compose; } >"$work/apt.log" 2>&1 \
      || { tail -n 5 "$work/apt.log" >&2; without_engine "docker-compose cannot be installed"; }
  fi
  if docker compose version >/dev/null 2>&1; then compose_is=(docker compose); else compose_is=(docker-compose); fi
  say "engine $(docker version --format '{{.Server.Version}}'), $("${compose_is[@]}" version --short 2>/dev/null || true) as \`${compose_is[*]}\`"
}

# until_true SECONDS COMMAND...: asks again and again; false when the time is over.
until_true() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.3
  done
}

# ---- compose, as our own project ---------------------------------------------------------------------------------

# The caller's own YARD_* and .env must not leak in: this is the case "without any configuration".
compose() {
  env -u YARD_MODE YARD_ENV_FILE=.env.example YARD_BOTS="$work/bots.d" YARD_LISTEN=127.0.0.1: YARD_ADMIN_LISTEN=127.0.0.1: \
    "${compose_is[@]}" --project-name botyard-proof "$@"
}
inside() { compose exec -T botyard "$@"; }
container() { compose ps -q botyard; }
logs() { docker logs "$(container)" 2>&1; }
healthy() { [ "$(docker inspect --format '{{.State.Health.Status}}' "$(container)")" = healthy ]; }

clean() {
  local code=$?
  trap - EXIT INT TERM
  if [ -n "$composed" ]; then
    if [ "$code" != 0 ]; then
      say "the container's last words:"
      logs | tail -n 40 | sed 's/^/    /' || true
    fi
    compose down --volumes --timeout 10 >/dev/null 2>&1 || true
  fi
  if [ -n "$engine_pid" ]; then kill "$engine_pid" 2>/dev/null || true; wait "$engine_pid" 2>/dev/null || true; fi
  rm -rf "$work"
  exit "$code"
}
trap clean EXIT INT TERM

# A GET of the admin listener from outside the container, without any tool that might be missing.
admin_get() {
  local address
  address=$(compose port botyard 8081)
  exec 3<>"/dev/tcp/${address%:*}/${address##*:}" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: botyard\r\nConnection: close\r\n\r\n' "$1" >&3
  timeout 5 cat <&3
  exec 3>&-
}

# says BOT TEXT REPLY: writes to the bot as a person; the reply must be what was expected.
says() {
  local reply
  reply=$(timeout 60 "${compose_exec[@]}" botyard chat "$1" --once "$2" 2>"$work/chat.err" </dev/null) || return 1
  [ "$reply" = "$3" ]
}
wait_healthy() { until_true 90 healthy || fail "not healthy within 90 s ($1)"; say "healthy ($1)"; }
events_of() { inside botyard events "$1" --json </dev/null; }

# ---- the proof ---------------------------------------------------------------------------------------------------

ready_engine
bash scripts/docker-base-images.sh

say "building the image; the first time takes a release build of everything, 4 to 8 minutes on two cores"
docker build --tag botyard:local . >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log" >&2; fail "the image does not build"; }
say "built, $(docker image inspect --format '{{.Size}}' botyard:local | awk '{printf "%.0f MB", $1 / 1e6}')"

mkdir -m 755 "$work/bots.d" && chmod 755 "$work"
cp -r bots.d/. "$work/bots.d/" && chmod -R go-w,a+rX "$work/bots.d"

say "compose up, without any configuration"
composed=yes
compose up -d --no-build >"$work/up.log" 2>&1 || { tail -n 10 "$work/up.log" >&2; fail "compose up"; }
wait_healthy "first start"
compose_exec=(docker exec -i "$(container)")

logs | grep -qi simulator || fail "the log does not say that this is the simulator"
admin_get /readyz | grep -q "\"simulator\":true" || fail "/readyz does not say that this is the simulator"
admin_get /metrics | grep -q "^botyard_simulator 1" || fail "no metric says that this is the simulator"
say "log, /readyz and /metrics say that it is the simulator"

says echo "hello from the proof" "hello from the proof" || { cat "$work/chat.err" >&2; fail "\`echo\` does not answer"; }
say "a person wrote to \`echo\` and got the answer"

cat > "$work/dropped.toml" <<'TOML'
description = "Dropped in while the container runs"

[fallback]
reply = "dropped: {{ message.text }}"
TOML
chmod 644 "$work/dropped.toml"
mv "$work/dropped.toml" "$work/bots.d/dropped.toml"
until_true 30 says dropped "are you there" "dropped: are you there" || { cat "$work/chat.err" >&2; fail "the dropped definition does not answer"; }
say "a definition dropped into the mounted folder answers, without a restart"

status=$("${compose_exec[@]}" cat /proc/1/status)
grep -q '^Uid:[[:space:]]10001[[:space:]]10001' <<<"$status" || fail "it does not run as 10001"
grep -q '^CapEff:[[:space:]]0*$' <<<"$status" || fail "it has capabilities"
grep -q '^NoNewPrivs:[[:space:]]1' <<<"$status" || fail "it may gain privileges"
if "${compose_exec[@]}" touch /usr/local/bin/x 2>/dev/null || "${compose_exec[@]}" touch /etc/botyard/bots.d/x 2>/dev/null; then
  fail "the root or the definitions can be written to"
fi
say "uid 10001, no capabilities, nothing writable but /data and /tmp"

events_of echo > "$work/before.json"
first=$(grep -oE '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}' "$work/before.json" | head -n 1)
[ -n "$first" ] || fail "\`botyard events echo\` lists nothing"

stopping=$SECONDS
compose restart --timeout 15 >/dev/null 2>&1
[ $((SECONDS - stopping)) -lt 30 ] || fail "the restart took $((SECONDS - stopping)) s: was it killed?"
wait_healthy "after a restart"
events_of echo | grep -q "$first" || fail "the event from before the restart is gone"
says echo "still here" "still here" || fail "\`echo\` does not answer after the restart"
says dropped "still here" "dropped: still here" || fail "the dropped bot does not answer after the restart"
say "restarted: the events from before are there, both bots answer"

compose down --timeout 15 >/dev/null 2>&1
compose up -d --no-build >/dev/null 2>&1
wait_healthy "a new container on the same volume"
compose_exec=(docker exec -i "$(container)")
events_of echo | grep -q "$first" || fail "the event is gone with the container"
says echo "a third time" "a third time" || fail "\`echo\` does not answer in the new container"
say "a new container on the same volume finds the state"

code=0
refusal=$(docker run --rm --read-only --tmpfs /tmp botyard:local 2>&1) || code=$?
[ "$code" = 78 ] || fail "\`serve\` without settings ended with $code, expected 78"
grep -q BOTYARD_PUBLIC_URL <<<"$refusal" || fail "the refusal does not name BOTYARD_PUBLIC_URL"
say "\`serve\` without settings refuses, and names BOTYARD_PUBLIC_URL"

say "proven"
