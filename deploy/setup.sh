#!/bin/sh
# Installs EdgeVLM on a Raspberry Pi, a Jetson, or any Debian or Ubuntu of 64 or 32 bits. docs/DEPLOYMENT.md explains every step.
#   ./setup.sh               build here, for this user
#   sudo ./setup.sh          install in /opt/edgevlm, and start it as a service
# May be run again: what is done already is left, what changed is replaced.
set -eu

PREFIX=/opt/edgevlm
STATE=/var/lib/edgevlm
CONFIG=/etc/edgevlm
UNIT=/etc/systemd/system/edgevlm.service
COMMAND=/usr/local/bin/edgevlm
SERVICE_USER=edgevlm
# What package.json asks for, and what is fetched where the system has none.
LEAST_NODE=20.19.0
NODE_RELEASE=latest-v22.x
# The kernels in the package are linked against these: Debian 12, Ubuntu 22.04 and later.
LEAST_GLIBC=2.34
LEAST_MEMORY_MB=900
BUILD_MEMORY_MB=1800
LEAST_DISK_MB=2000

SOURCE=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
DRY_RUN=no
SERVICE=yes
ACTION=install
WORK=

usage() {
  cat <<'END'
Usage: setup.sh [--dry-run] [--no-service] [--uninstall | --purge]

  --dry-run      check the machine and say what would be done
  --no-service   as root: install, but leave systemd alone
  --uninstall    remove the program and the service; models, keys, settings and logs stay
  --purge        remove those, too
END
}

say() { printf '%s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
warn() { printf 'warning: %s\n' "$*" >&2; }

# Does what it says, or only says it.
run() {
  say "+ $*"
  [ "$DRY_RUN" = yes ] || "$@"
}

# at_least 20.19.0 22.1.0: whether the second version is not before the first.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

is_root() { [ "$(id -u)" = 0 ]; }

check_machine() {
  [ "$(uname -s)" = Linux ] || fail "this is $(uname -s); setup.sh is for Linux. Elsewhere: npm install -g edgevlm"
  # The kernel of a Raspberry Pi may have 64 bits where its programs have 32.
  ARCH=$(dpkg --print-architecture 2>/dev/null || uname -m)
  case $ARCH in
  arm64 | aarch64) NODE_ARCH=arm64 ;;
  armhf | armv7l) NODE_ARCH=armv7l ;;
  amd64 | x86_64) NODE_ARCH=x64 ;;
  *) fail "processors of the kind $ARCH are not supported; arm64, armv7 and x86-64 are" ;;
  esac
  MODEL=$ARCH
  if [ -r /proc/device-tree/model ]; then MODEL=$(tr -d '\0' </proc/device-tree/model); fi
  LIBC=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d ' ' -f 2 || true)
  [ -n "$LIBC" ] || fail "this system has no glibc (Alpine has musl): use Debian 12, Ubuntu 22.04 or later, or deploy/Dockerfile"
  at_least "$LEAST_GLIBC" "$LIBC" || fail "glibc $LIBC is too old, $LEAST_GLIBC is needed: Debian 12, Ubuntu 22.04, JetPack 6 or later"
  MEMORY_MB=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo) / 1024))
  SWAP_MB=$(($(sed -n 's/^SwapTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo) / 1024))
  [ "$MEMORY_MB" -ge "$LEAST_MEMORY_MB" ] || fail "$MEMORY_MB MB of memory are too few: $LEAST_MEMORY_MB are needed for the smallest model"
  if [ $((MEMORY_MB + SWAP_MB)) -lt "$BUILD_MEMORY_MB" ]; then
    warn "$MEMORY_MB MB of memory and $SWAP_MB MB of swap may be too few to build with: add swap (dphys-swapfile), or build elsewhere"
  fi
  is_root && TARGET=$PREFIX || TARGET=$SOURCE
  DISK_MB=$(df -Pk "$(existing_parent "$TARGET")" | awk 'NR == 2 { print int($4 / 1024) }')
  [ "$DISK_MB" -ge "$LEAST_DISK_MB" ] || fail "$DISK_MB MB are free for $TARGET, $LEAST_DISK_MB are needed"
  say "machine: $MODEL, $ARCH, glibc $LIBC, $MEMORY_MB MB of memory, $SWAP_MB MB of swap, $DISK_MB MB free"
}

existing_parent() {
  path=$1
  while [ ! -e "$path" ]; do path=$(dirname -- "$path"); done
  say "$path"
}

# Sets NODE: the system's, apt's where root may install it, else the official one.
find_node() {
  for NODE in "$PREFIX/node/bin/node" "$(command -v node || true)"; do
    if [ ! -x "$NODE" ]; then continue; fi
    VERSION=$("$NODE" -p process.versions.node 2>/dev/null) || continue
    if at_least "$LEAST_NODE" "$VERSION"; then
      [ -x "$(dirname -- "$NODE")/npm" ] || command -v npm >/dev/null || continue
      say "Node.js $VERSION: $NODE"
      return
    fi
    say "Node.js $VERSION ($NODE) is before $LEAST_NODE"
  done
  if ! is_root; then
    fail "Node.js $LEAST_NODE or newer, with npm, is missing, and only root can install it: sudo ./setup.sh, or https://nodejs.org"
  fi
  CANDIDATE=$(apt-cache policy nodejs 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9.]*\).*$/\1/p')
  if [ -n "$CANDIDATE" ] && at_least "$LEAST_NODE" "$CANDIDATE"; then
    run apt-get install -y --no-install-recommends nodejs npm
    NODE=$(command -v node || echo /usr/bin/node)
    return
  fi
  fetch_node
}

# The official build, checked against its list of SHA-256 sums.
fetch_node() {
  NODE=$PREFIX/node/bin/node
  say "Debian's Node.js (${CANDIDATE:-none}) is too old: the official one goes to $PREFIX/node"
  if [ "$DRY_RUN" = yes ]; then
    say "+ download $NODE_RELEASE for linux-$NODE_ARCH from https://nodejs.org/dist, check its SHA-256, unpack"
    return
  fi
  base=https://nodejs.org/dist/$NODE_RELEASE
  curl -fsSL --proto '=https' --retry 3 "$base/SHASUMS256.txt" -o "$WORK/sums"
  line=$(grep -E "  node-v[0-9.]+-linux-$NODE_ARCH\.tar\.xz$" "$WORK/sums") || fail "there is no Node.js for linux-$NODE_ARCH at $base"
  file=${line##* }
  curl -fL --proto '=https' --retry 3 "$base/$file" -o "$WORK/$file"
  (cd "$WORK" && printf '%s\n' "$line" | sha256sum -c -)
  rm -rf "$PREFIX/node"
  mkdir -p "$PREFIX/node"
  tar -xJf "$WORK/$file" -C "$PREFIX/node" --strip-components=1
}

# npm of the Node.js that was found; its scripts find the same one.
with_node() { PATH="$(dirname -- "$NODE"):$PATH" "$@"; }

install_packages() {
  missing=
  for program in curl xz; do command -v "$program" >/dev/null || missing="$missing $program"; done
  [ -f /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || fail "these are missing, and there is no apt-get to install them:$missing"
  run apt-get update
  # A list of words.
  # shellcheck disable=SC2046
  run apt-get install -y --no-install-recommends $(printf '%s' "$missing" | sed 's/\bxz\b/xz-utils/')
}

build() {
  say "building in $1"
  say "+ npm ci && npm run build && npm prune --omit=dev"
  [ "$DRY_RUN" = no ] || return 0
  (
    cd "$1"
    with_node npm ci --no-audit --no-fund
    with_node npm run build
    # Of a copy; whoever works here needs the tools again.
    [ "$1" = "$SOURCE" ] || with_node npm prune --omit=dev --no-audit --no-fund
  )
}

install_here() {
  build "$SOURCE"
  run mkdir -p "$SOURCE/logs" "$SOURCE/benchmarks"
  say
  say "Done. Start the server with:  npm start        (in $SOURCE)"
  say "As a service, at every start: sudo $SOURCE/setup.sh"
}

install_for_all() {
  [ "$SOURCE" != "$PREFIX/app" ] || fail "run the setup.sh of the sources, not of what it installed"
  copy_sources
  build "$PREFIX/app.new"
  run rm -rf "$PREFIX/app.old"
  [ ! -d "$PREFIX/app" ] || run mv "$PREFIX/app" "$PREFIX/app.old"
  run mv "$PREFIX/app.new" "$PREFIX/app"
  run rm -rf "$PREFIX/app.old"
  write_file "$COMMAND" 0755 <<END
#!/bin/sh
exec "$NODE" "$PREFIX/app/dist/cli/main.js" "\$@"
END
  if ! getent passwd "$SERVICE_USER" >/dev/null; then
    run useradd --system --user-group --home-dir "$STATE" --shell /usr/sbin/nologin "$SERVICE_USER"
  fi
  run install -d -m 0750 -o "$SERVICE_USER" -g "$SERVICE_USER" "$STATE" "$STATE/models"
  run install -d -m 0755 "$CONFIG"
  if [ ! -e "$CONFIG/edgevlm.env" ]; then
    write_file "$CONFIG/edgevlm.env" 0600 <<'END'
# Settings of the service; after a change: sudo systemctl restart edgevlm
# Who comes from other machines needs a key: openssl rand -hex 32
#EDGEVLM_API_KEY=
# Options of `edgevlm serve`, for example: --host 0.0.0.0 --model /var/lib/edgevlm/models/MODEL.gguf
EDGEVLM_OPTIONS=
END
  fi
  [ "$SERVICE" = yes ] || return 0
  install_service
}

# Only what the build needs, and nothing that another build left.
copy_sources() {
  run rm -rf "$PREFIX/app.new"
  run mkdir -p "$PREFIX/app.new"
  say "+ copy $SOURCE to $PREFIX/app.new"
  [ "$DRY_RUN" = no ] || return 0
  tar -cf "$WORK/sources.tar" -C "$SOURCE" package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json src models/shapes schema \
    data python config.example.yaml LICENSE README.md || fail "the sources in $SOURCE are not whole"
  tar -xf "$WORK/sources.tar" -C "$PREFIX/app.new" --no-same-owner
}

# write_file PATH MODE: from standard input, in one step.
write_file() {
  if [ "$DRY_RUN" = yes ]; then
    cat >/dev/null
    say "+ write $1"
    return
  fi
  cat >"$1.new"
  chmod "$2" "$1.new"
  mv "$1.new" "$1"
  say "+ write $1"
}

install_service() {
  if ! command -v systemctl >/dev/null || [ ! -d /run/systemd/system ]; then
    warn "systemd does not run here, so no service is installed; start it with: $COMMAND serve"
    return
  fi
  write_file "$UNIT" 0644 <"$SOURCE/deploy/edgevlm.service"
  run systemctl daemon-reload
  run systemctl enable edgevlm.service
  run systemctl restart edgevlm.service
  [ "$DRY_RUN" = no ] || return 0
  waited=0
  until curl -fsS http://127.0.0.1:8000/ready >/dev/null 2>&1; do
    waited=$((waited + 1))
    if [ "$waited" -ge 60 ]; then
      warn "it does not answer at http://127.0.0.1:8000/ready yet; see: journalctl -u edgevlm"
      return
    fi
    sleep 1
  done
  say
  say "Done. It answers at http://127.0.0.1:8000/docs; logs: journalctl -u edgevlm, settings: $CONFIG/edgevlm.env"
}

uninstall() {
  is_root || fail "what root installed only root can remove: sudo ./setup.sh --uninstall"
  if [ -e "$UNIT" ]; then
    run systemctl disable --now edgevlm.service || warn "the service could not be stopped"
    run rm -f "$UNIT"
    run systemctl daemon-reload || true
  fi
  run rm -f "$COMMAND"
  run rm -rf "$PREFIX"
  if [ "$ACTION" = purge ]; then
    run rm -rf "$STATE" "$CONFIG" /var/log/edgevlm
    if getent passwd "$SERVICE_USER" >/dev/null; then run userdel "$SERVICE_USER"; fi
  else
    say "models, keys, settings and logs are left in $STATE, $CONFIG and /var/log/edgevlm; --purge removes them"
  fi
}

while [ $# -gt 0 ]; do
  case $1 in
  --dry-run) DRY_RUN=yes ;;
  --no-service) SERVICE=no ;;
  --uninstall) ACTION=uninstall ;;
  --purge) ACTION=purge ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    fail "unknown option: $1"
    ;;
  esac
  shift
done

if [ "$ACTION" != install ]; then
  uninstall
  exit 0
fi
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM
check_machine
if is_root; then install_packages; fi
find_node
if is_root; then install_for_all; else install_here; fi
