#!/bin/sh
# Turns the container's environment into /config.json and response headers, then becomes nginx.
# Every value is checked first: what passes needs no quoting in JSON, in nginx's configuration or in a header.
set -eu
# A one-off task gives a command of its own; ECS can replace the command, not the entry point.
[ "$#" -eq 0 ] || exec "$@"
LC_ALL=C
export LC_ALL

version=${APP_VERSION:-unversioned}
commit=${APP_COMMIT:-unknown}
api_url=${VITE_API_URL:-}
api_url=${api_url%/}
problems=

refuse() {
  problems="$problems${problems:+; }$1"
}

check_label() {
  case $2 in
    [!0-9A-Za-z]* | *[!0-9A-Za-z._+-]*) ;;
    *) [ "${#2}" -le 128 ] && return ;;
  esac
  refuse "$1 must be 1 to 128 of the characters A-Z a-z 0-9 . _ + -, the first a letter or digit"
}

check_url() {
  # grep looks at each line alone, so a newline has to be caught before it.
  case $1 in
    *[!0-9A-Za-z._~:/-]*) ;;
    *) printf '%s\n' "$1" | grep -Eq '^(https?://[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?(:[0-9]{1,5})?(/[0-9A-Za-z._~-]+)*)?$' && return ;;
  esac
  refuse "VITE_API_URL must be empty or an address of the form http(s)://HOST[:PORT][/PATH]"
}

check_label APP_VERSION "$version"
check_label APP_COMMIT "$commit"
check_url "$api_url"
if [ -n "$problems" ]; then
  echo "spryte-frontend cannot start: $problems. Correct the container's environment (on ECS, environment in the task definition) and start it again." >&2
  exit 78
fi

# The policy names an origin: scheme, host and port, without the path.
api_origin=$(printf '%s' "$api_url" | sed -E 's#^(https?://[^/]*).*#\1#')

umask 077
mkdir -p /tmp/spryte
cat > /tmp/spryte/config.json <<EOF
{"apiUrl": "$api_url", "version": "$version", "commit": "$commit"}
EOF
cat > /tmp/spryte/headers.conf <<EOF
add_header X-App-Version "$version" always;
add_header X-App-Commit "$commit" always;
add_header Content-Security-Policy "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'${api_origin:+ $api_origin}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" always;
EOF

# -e: otherwise nginx first tries the log file that it was compiled with, which this user may not open.
exec nginx -e stderr -c /srv/nginx.conf
