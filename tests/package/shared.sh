#!/bin/bash
# What tests/package/sysv and tests/package/systemd share. Source it in the overlay, in /tmp.

export LC_ALL=C DEBIAN_FRONTEND=noninteractive
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

fail() {
    printf 'package: FAILED: %s\n' "$*" >&2
    for file in /tmp/*.out /var/log/kinglet/access.log*; do
        [ ! -s "$file" ] || { echo "--- $file" && tail -n 20 "$file"; } >&2
    done
    exit 1
}

step() {
    printf 'package: %s\n' "$*"
}

page() { # page URL: its body
    curl -sS --max-time 10 "$@"
}

serves_welcome() {
    page http://127.0.0.1/ | grep -q "Kinglet is running" || fail "no welcome page $*"
}

nobody_listens() {
    [ -z "$(ss -Hltn)" ] || fail "somebody listens: $(ss -Hltn)"
}

ours() { # every file of the machine with our name; man keeps what systemd-analyze looked up
    find /etc /var /usr /run -name '*kinglet*' -not -path '/var/cache/man/*' 2>/dev/null | sort
}

# What this machine has installed itself goes first.
if dpkg -s kinglet >/dev/null 2>&1; then
    dpkg --purge kinglet >/tmp/own.out 2>&1 || fail "purge of the machine's own installation"
fi

# Requests without a pause, each on a new connection, until `clients_end`. None may fail.
clients_begin() { # clients_begin WORD: stands in each request
    rm -f /tmp/clients.stop
    (
        number=0
        failed=0
        while [ ! -e /tmp/clients.stop ]; do
            number=$((number + 1))
            curl -sS -f --max-time 10 -o /dev/null "http://127.0.0.1/?n=$1-$number" \
                2>>/tmp/clients.out || failed=$((failed + 1))
        done
        echo "$number $failed" >/tmp/clients.sum
    ) &
    clients=$!
}

clients_end() { # clients_end WHEN: sets `asked`
    touch /tmp/clients.stop
    wait "$clients"
    read -r asked failed </tmp/clients.sum
    [ "$asked" -gt 0 ] || fail "no request was made during $1"
    [ "$failed" = 0 ] || fail "$failed of $asked requests failed during $1"
}

second_vhost() { # a vhost beside the default one, on port 8080
    mkdir -p /srv/second
    echo second >/srv/second/index.html
    cat >/etc/kinglet/conf.d/second <<'CONF'
{ "vhosts": [{ "name": "second", "port": "8080",
  "mounts": [{ "mountpoint": "/", "origin": "file:///srv/second", "default": "index.html" }] }] }
CONF
}

broken_vhost() {
    echo '{ "vhosts": [{ "name": "third", "prt": 8081' >/etc/kinglet/conf.d/third
}

purge_leaves_nothing() { # needs before.out, what `ours` said before the installation
    dpkg --purge kinglet >>dpkg.out 2>&1 || fail "purge"
    ours >after.out
    diff before.out after.out || fail "purge left these files"
    if getent passwd kinglet || getent group kinglet; then
        fail "purge left the user"
    fi
    [ -z "$(pgrep -x kinglet || true)" ] || fail "a process is left"
}
