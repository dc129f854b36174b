#!/bin/sh
# See that there is a browser for the tests: one that is installed, else Debian's (as root), else Playwright's own.
set -eu
python=$1
have() { "$python" tests/support/find_chromium.py >/dev/null 2>&1; }

have && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium for the browser tests (Debian's package) …"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null || true
    have && exit 0
fi
echo "Installing Chromium for the browser tests (Playwright's own) …"
"$python" -m playwright install chromium || true
have && exit 0
echo "The browser tests need Chromium, and none could be installed: install chromium or google-chrome, then try again." >&2
exit 1
