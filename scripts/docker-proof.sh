#!/usr/bin/env bash
# Proves the container for real: builds the image from the Dockerfile, brings compose up without any configuration,
# talks to a bot, drops a new definition into the mounted folder and talks to that one, restarts, and finds the
# state again; then goes live with three lines, loses them, and is refused the simulator. Everything it makes is its
# own (project `botyard-proof`, ports the engine picks) and is removed.
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

# What stands in for `.env`: nothing at first, which is the case "without any configuration". The variables go over
# whatever `.env` the caller has; an empty one is as good as none.
mode=""
env_file=.env.example
compose() {
  YARD_MODE=$mode YARD_ENV_FILE=$env_file YARD_BOTS="$work/bots.d" YARD_LISTEN=127.0.0.1: YARD_ADMIN_LISTEN=127.0.0.1: \
    "${compose_is[@]}" --project-name botyard-proof "$@"
}
up() { compose up -d --no-build >"$work/up.log" 2>&1 || { tail -n 10 "$work/up.log" >&2; fail "compose up ($1)"; }; }
container() { compose ps -q botyard; }
logs() { docker logs "$(container)" 2>&1; }
inside() { docker exec -i "$(container)" "$@" </dev/null; }
state() { docker inspect --format "{{.State.$1}}" "$(container)"; }
healthy() { [ "$(state Health.Status)" = healthy ]; }
wait_healthy() { until_true 90 healthy || fail "not healthy within 90 s ($1)"; say "healthy ($1)"; }

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
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Whether something is said. Reads all of it: a speaker that is cut short counts as failed.
has() { [ "$(grep -c "$@")" != 0 ]; }

# ---- looking in --------------------------------------------------------------------------------------------------

# Bash speaks TCP itself, so no tool is needed that might be missing, here or in the image.
# shellcheck disable=SC2016
get='exec 3<>"/dev/tcp/$0/$1" && printf "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" "$2" >&3 && timeout 5 cat <&3'
# The admin listener, from outside the container, as a monitor sees it.
admin_get() {
  local address
  address=$(compose port botyard 8081)
  bash -c "$get" "${address%:*}" "${address##*:}" "$1"
}
# The simulator is reached from inside only.
sim_get() { inside bash -c "$get" 127.0.0.1 7070 "$1"; }

# says BOT TEXT REPLY: writes to the bot as a person; the reply must be what was expected.
says() { [ "$(inside botyard chat "$1" --once "$2" 2>"$work/chat.err")" = "$3" ]; }
silent() { cat "$work/chat.err" >&2; fail "$1"; }

# The ids of a bot's events, oldest last; the owner tags of the webhooks at Webex with their ids; what was said.
uuid='[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}'
events_of() { inside botyard events "$1" --json | grep -oE "\"id\":\"$uuid\"" || true; }
webhooks() { sim_get /sim/webhooks | grep -oE '"id":"[^"]+","name":"botyard/[^"]+"' | sort; }
conversation() {
  local room
  room=$(sim_get /sim/rooms | grep -oE "\"id\":\"[^\"]+\",\"lastActivity\":\"[^\"]+\",\"members\":\[[^]]*\"$1@webex.bot\"" | cut -d'"' -f4 | sed -n 1p)
  [ -n "$room" ] && sim_get "/sim/rooms/$room/messages" | grep -oE '"text":"[^"]*"'
}

# found_again WHEN: everything that was there before is there now, once.
found_again() {
  [ "$(events_of echo)" = "$events_before" ] || fail "the events are not those from before ($1)"
  [ "$(conversation echo)" = "$conversation_before" ] || fail "the simulator's conversation is not that from before ($1)"
  until_true 30 all_in_step || fail "the registrations are not in step ($1)"
  [ "$(webhooks)" = "$webhooks_before" ] || fail "the webhooks are not those from before ($1)"
  if inside botyard bots --json | has -E '"(created|updated|deleted)":[1-9]'; then fail "webhooks were changed ($1)"; fi
  says echo "still here" "still here" || silent "\`echo\` does not answer ($1)"
  says dropped "still here" "dropped: still here" || silent "the dropped bot does not answer ($1)"
}
all_in_step() { [ "$(inside botyard bots --json | grep -oc '"in_step":false')" = 0 ]; }
remember() {
  events_before=$(events_of echo)
  conversation_before=$(conversation echo)
  webhooks_before=$(webhooks)
  [ -n "$events_before" ] || fail "\`botyard events echo\` lists nothing"
  grep -q 'hello from the proof' <<<"$conversation_before" || fail "the simulator does not know the conversation"
  grep -q 'botyard/main/echo/messages.created' <<<"$webhooks_before" || fail "there is no webhook of \`echo\`"
}

# The first reminder comes with the start; a second one shows that it is said again.
reminded() { [ "$(docker logs --since "$(state StartedAt)" "$(container)" 2>&1 | grep -c 'this is the simulator')" -ge 2 ]; }
# Compose starts it again and again; between two starts the engine remembers how the last one ended.
ended_with() { [ "$(state ExitCode)" = "$1" ]; }

# ---- the proof: the simulator ------------------------------------------------------------------------------------

ready_engine
bash scripts/docker-base-images.sh

say "building the image; the first time takes a release build of everything, 5 to 15 minutes on two cores"
docker build --tag botyard:local . >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log" >&2; fail "the image does not build"; }
say "built, $(docker image inspect --format '{{.Size}}' botyard:local | awk '{printf "%.0f MB", $1 / 1e6}')"

mkdir -m 755 "$work/bots.d" && chmod 755 "$work"
cp -r bots.d/. "$work/bots.d/" && chmod -R go-w,a+rX "$work/bots.d"

say "compose up, without any configuration"
composed=yes
up "without any configuration"
wait_healthy "first start"

logs | has "this is the simulator" || fail "the log does not say that this is the simulator"
admin_get /readyz | has '"simulator":true' || fail "/readyz does not say that this is the simulator"
admin_get /metrics | has "^botyard_simulator 1" || fail "no metric says that this is the simulator"
inside botyard healthcheck | has simulator || fail "the health check does not say that this is the simulator"
say "log, /readyz, /metrics and the health check say that it is the simulator"

says echo "hello from the proof" "hello from the proof" || silent "\`echo\` does not answer"
# Who writes to it for the first time adds it to a room, and is welcomed first.
until_true 30 says hello "hi" "Hello, Alice!" || silent "\`hello\` does not answer"
says lookup "is it INC004711?" "INC004711" || silent "\`lookup\` does not answer"
say "a person wrote to every shipped bot and got the answers"

cat > "$work/dropped.toml" <<'TOML'
description = "Dropped in while the container runs"

[fallback]
reply = "dropped: {{ message.text }}"
TOML
chmod 644 "$work/dropped.toml"
mv "$work/dropped.toml" "$work/bots.d/dropped.toml"
until_true 30 says dropped "are you there" "dropped: are you there" || silent "the dropped definition does not answer"
say "a definition dropped into the mounted folder answers, without a restart"

status=$(inside cat /proc/1/status)
grep -q '^Uid:[[:space:]]10001[[:space:]]10001' <<<"$status" || fail "it does not run as 10001"
grep -q '^CapEff:[[:space:]]0*$' <<<"$status" || fail "it has capabilities"
grep -q '^NoNewPrivs:[[:space:]]1' <<<"$status" || fail "it may gain privileges"
if inside touch /usr/local/bin/x 2>/dev/null || inside touch /etc/botyard/bots.d/x 2>/dev/null; then
  fail "the root or the definitions can be written to"
fi
say "uid 10001, no capabilities, nothing writable but /data and /tmp"

until_true 30 all_in_step || fail "the registrations are not in step"
remember
stopping=$SECONDS
compose restart --timeout 15 >/dev/null 2>&1
[ $((SECONDS - stopping)) -lt 30 ] || fail "the restart took $((SECONDS - stopping)) s: was it killed?"
wait_healthy "after a restart"
found_again "after a restart"
say "restarted: the same events, conversation and webhooks as before, and the bots answer"

until_true 75 reminded || fail "the log does not say each minute that this is the simulator"
say "after a minute the log says it again: this is the simulator"

remember
compose down --timeout 15 >/dev/null 2>&1
up "a new container"
wait_healthy "a new container on the same volume"
found_again "in a new container"
say "a new container on the same volume: the same"

# ---- the proof: the service --------------------------------------------------------------------------------------

code=0
refusal=$(docker run --rm --read-only --tmpfs /tmp botyard:local 2>&1) || code=$?
[ "$code" = 78 ] || fail "\`serve\` without settings ended with $code, expected 78"
grep -q BOTYARD_PUBLIC_URL <<<"$refusal" || fail "the refusal does not name BOTYARD_PUBLIC_URL"
say "\`serve\` without settings refuses, and names BOTYARD_PUBLIC_URL"

# Webex itself is out of reach here, and no port of loopback answers in its place: the service runs all the same.
compose down --timeout 15 >/dev/null 2>&1
mode=serve
env_file=$work/live.env
cat > "$env_file" <<'ENV'
BOTYARD_PUBLIC_URL=https://bots.example.com
BOTYARD_WEBEX__API_URL=http://127.0.0.1:9/v1
ECHO_TOKEN=no-real-token
ENV
up "serve"
wait_healthy "serve"
admin_get /readyz | has '"simulator":false' || fail "/readyz says that the service is the simulator"
admin_get /metrics | has "^botyard_simulator 0" || fail "the metric says that the service is the simulator"
listed=$(inside botyard bots 2>&1)
grep -q 'hello: held: .*`HELLO_TOKEN`' <<<"$listed" || fail "a bot without a token is not held with the reason: $listed"
if { logs; inside botyard bots --json; inside botyard bots echo; } 2>&1 | has no-real-token; then fail "a token is shown"; fi
say "with the three lines it serves; a bot without a token is held and says what to set; no token is shown"

compose down --timeout 15 >/dev/null 2>&1
mode=""
env_file=.env.example
up "after serve, without .env"
until_true 30 ended_with 78 || fail "the simulator is not refused on a data dir with live tokens: exit code $(state ExitCode)"
logs | has 'data dir of a service that runs against Webex' || fail "the refusal does not say why"
if logs | has 'this is the simulator'; then fail "the simulator ran on a data dir with live tokens"; fi
say "without its .env it does not fall back to the simulator: exit code 78, and the log says why"

say "proven"
