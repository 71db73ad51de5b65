#!/bin/bash
# Validates the Caddyfile's settings, adds settings that a Caddyfile can't compute, then runs caddy.
set -euo pipefail
umask 077

fail() {
  echo "edge: $1" >&2
  exit 64
}

# setting NAME PATTERN EXPLANATION: fails on an invalid value. Unsets an empty one; then the Caddyfile's default applies.
setting() {
  if [[ -z "${!1:-}" ]]; then
    unset "$1"
  elif [[ ! "${!1}" =~ ^($2)$ ]]; then
    fail "$1 is \"${!1}\"; it must be $3"
  fi
}

setting EDGE_TLS 'off|acme|internal' "off, acme or internal"
setting EDGE_DOMAIN '[A-Za-z0-9.-]+' "a domain name or empty"
setting EDGE_DOMAINS '[A-Za-z0-9.-]+( [A-Za-z0-9.-]+)*' "domain names separated by spaces, or empty"
setting EDGE_REDIRECT_WWW 'true|false' "true or false"
setting EDGE_ADMIN_SUBDOMAINS 'true|false' "true or false"
setting EDGE_EMAIL '[^[:space:]{}"]+@[^[:space:]{}"]+' "an e-mail address or empty"
setting EDGE_ACME_STAGING 'true|false' "true or false"
setting EDGE_ACME_DIRECTORY 'https://[^[:space:]{}"]+' "the address of an ACME directory or empty"
setting EDGE_HTTP_PORT '[0-9]{2,5}' "a port number"
setting EDGE_HTTPS_PORT '[0-9]{2,5}' "a port number"
for backend in WEBSITE COLLECTOR SUPERSET DRUID KAFKA_MANAGER; do
  setting "EDGE_$backend" '[A-Za-z0-9._-]+ [0-9]+' "a name and a port separated by a space, such as \"collector 8290\""
done
setting EDGE_COLLECTOR_PATHS '/[A-Za-z0-9_/.-]+( /[A-Za-z0-9_/.-]+)*' "paths separated by spaces"
setting EDGE_COLLECTOR_AFFINITY 'cookie|address' "cookie or address"
setting EDGE_MAX_BODY '[0-9]+(KB|MB)' "a size such as 1MB"
setting EDGE_TRUSTED_PROXIES '([0-9a-fA-F.:]+(/[0-9]+)?( |$))*' "addresses or CIDR ranges separated by spaces, or empty"
for networks in ADMIN_ALLOWED VIEWER_ALLOWED; do
  setting "EDGE_$networks" '([0-9a-fA-F.:]+(/[0-9]+)?( |$))*' "addresses or CIDR ranges separated by spaces, or empty"
done
for limit in ADDRESS_RATE TOTAL_RATE CONNECTIONS; do
  setting "EDGE_$limit" '[0-9]{1,9} [0-9]{1,9}' "two whole numbers separated by a space, such as \"200 2000\""
done
setting EDGE_UNLIMITED '([0-9a-fA-F.:]+(/[0-9]+)?( |$))*' "addresses or CIDR ranges separated by spaces, or empty"
setting EDGE_ADMIN_USER '[A-Za-z0-9_.@-]+' "letters, digits and _ . @ -"
setting EDGE_ACCESS_LOG 'off|safe|full' "off, safe (no queries, shortened addresses) or full"
setting EDGE_RETRY '[0-9]+(ms|s|m)' "a time such as 5s"

export EDGE_TLS="${EDGE_TLS:-off}" EDGE_ACME=default EDGE_DEFAULT_SNI=""
domain="${EDGE_DOMAIN:-}" subdomains="${EDGE_ADMIN_SUBDOMAINS:-false}"
if [[ "$EDGE_TLS" == acme ]]; then
  [[ -n "$domain" ]] || fail "EDGE_TLS is acme, which needs EDGE_DOMAIN, the name the certificate is for"
  [[ -n "${EDGE_EMAIL:-}" ]] || fail "EDGE_TLS is acme, which needs EDGE_EMAIL, the address for notices about certificates"
fi
[[ "$subdomains" == false || ( -n "$domain" && "$EDGE_TLS" != off ) ]] ||
  fail "EDGE_ADMIN_SUBDOMAINS is true, which needs EDGE_DOMAIN and certificates; set both, or EDGE_ADMIN_SUBDOMAINS to false"

[[ -n "$domain" || ( -z "${EDGE_DOMAINS:-}" && "${EDGE_REDIRECT_WWW:-false}" == false ) ]] ||
  fail "EDGE_DOMAINS and EDGE_REDIRECT_WWW need EDGE_DOMAIN, the name of the admin pages"

# The website's names: as site addresses, for the redirect to HTTPS, and as a pattern that matches names without www.
export EDGE_NAMES="$domain${EDGE_DOMAINS:+ $EDGE_DOMAINS}" EDGE_SITES="" EDGE_WWW=off EDGE_WWW_PATTERN
EDGE_WWW_PATTERN="${EDGE_NAMES//./\\.}" && EDGE_WWW_PATTERN="${EDGE_WWW_PATTERN// /|}"
if [[ "${EDGE_REDIRECT_WWW:-}" == true ]]; then
  EDGE_WWW=on EDGE_NAMES+=" www.${EDGE_NAMES// / www.}"
fi
[[ -n "$EDGE_NAMES" ]] || unset EDGE_NAMES # Otherwise, the Caddyfile's default would not apply.
for name in ${EDGE_NAMES:-}; do
  EDGE_SITES+="${EDGE_SITES:+, }https://$name:${EDGE_HTTPS_PORT:-8443}"
done

# A custom certificate authority takes precedence.
if [[ -n "${EDGE_ACME_DIRECTORY:-}" ]]; then
  EDGE_ACME=directory
elif [[ "${EDGE_ACME_STAGING:-}" == true ]]; then
  EDGE_ACME=staging
fi

if [[ "$EDGE_TLS" == off ]]; then
  export EDGE_ADDRESSES=http
elif [[ -z "$domain" ]]; then
  # A certificate needs a name. Clients that connect by IP address send none, so they get this name's certificate.
  export EDGE_ADDRESSES=https EDGE_DEFAULT_SNI=clickstream.internal
elif [[ "$subdomains" == false ]]; then
  export EDGE_ADDRESSES=https-domain
else
  export EDGE_ADDRESSES=https-subdomains
fi

# Docker forwards connections to the host's loopback addresses from the gateway, of which the kernel writes the bytes in
# reverse. An IPv6 gateway is in another file.
gateways=""
while read -r _ destination gateway _; do
  if [[ "$destination" == 00000000 && "$gateway" != 00000000 ]]; then
    printf -v gateway '%d.%d.%d.%d' "0x${gateway:6:2}" "0x${gateway:4:2}" "0x${gateway:2:2}" "0x${gateway:0:2}"
    gateways+=" $gateway"
  fi
done </proc/net/route
if [[ -r /proc/net/ipv6_route ]]; then
  while read -r destination length _ _ gateway _; do
    if [[ "$destination$length" =~ ^0+$ && ! "$gateway" =~ ^0+$ ]]; then
      gateways+=" $(sed 's/..../&:/g; s/:$//' <<<"$gateway")"
    fi
  done </proc/net/ipv6_route
fi
export EDGE_LOCAL="127.0.0.0/8 ::1$gateways"

password_file="${EDGE_ADMIN_PASSWORD_FILE:-/run/secrets/edge_admin_password}"
[[ -r "$password_file" && -s "$password_file" ]] ||
  fail "no password for the admin pages: EDGE_ADMIN_PASSWORD_FILE names $password_file, which can't be read or is empty"
# By standard input, since everyone on the machine can read command lines. The secret has no newline, but caddy needs one.
EDGE_ADMIN_PASSWORD_HASH="$(caddy hash-password < <(head -n 1 "$password_file"; echo))" ||
  fail "caddy could not hash the password in $password_file"
export EDGE_ADMIN_PASSWORD_HASH

config=(--config /etc/caddy/Caddyfile --adapter caddyfile)
report="$(caddy validate "${config[@]}" 2>&1)" || {
  echo "$report" >&2
  fail "the Caddyfile is not valid with these settings; see the lines above"
}
exec caddy run "${config[@]}"
