#!/bin/sh
# What the Makefile needs from the system. As root on Debian or Ubuntu it installs it; elsewhere it says what is missing.
#   setup.sh venv PYTHON FOLDER   a virtual environment
#   setup.sh services             programs that some tests start; those tests are skipped where one is missing
set -eu

install() { # PACKAGE...: succeed when apt has installed all of them
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

make_venv() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$1 is older than Python 3.11" >&2; exit 1; }
    "$1" -c 'import ensurepip' 2>/dev/null || install python3-venv || {
        echo "$1 cannot make a virtual environment; install the package python3-venv" >&2
        exit 1
    }
    "$1" -m venv "$2"
}

services() {
    missing=""
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$missing postgresql"
    command -v ffprobe >/dev/null || missing="$missing ffmpeg"
    command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$missing chromium"
    [ -z "$missing" ] && return
    # shellcheck disable=SC2086  # one word a package
    install $missing || echo "not installed:$missing; the tests that need them are skipped" >&2
}

case "${1:-}" in
venv) make_venv "$2" "$3" ;;
services) services ;;
*) sed -n '2,4p' "$0" >&2; exit 2 ;;
esac
