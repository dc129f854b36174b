#!/bin/sh
# See that there is a PostgreSQL server for `make test-cluster`: one that is installed, else Debian's (as root).
set -eu
have() { command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }

have && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing PostgreSQL for the tests on a server (Debian's package) …"
    # Only its programs: the tests start a server of their own, and want no other one.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] \
        || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null || true
    have && exit 0
fi
echo "PostgreSQL is not installed here; on Debian and Ubuntu: apt-get install postgresql." >&2
exit 1
