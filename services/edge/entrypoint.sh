#!/bin/bash
# Writes the Caddyfile from the settings, checks it, then becomes caddy.
set -euo pipefail
umask 077

fail() {
  echo "edge: $1" >&2
  exit 64
}

# setting NAME DEFAULT PATTERN EXPLANATION: sets NAME, or stops if its value could not stand in a Caddyfile.
setting() {
  local value="${!1:-$2}"
  [[ "$value" =~ ^($3)$ ]] || fail "$1 is \"$value\"; it must be $4"
  printf -v "$1" '%s' "$value"
}

host_and_port='[A-Za-z0-9._-]+:[0-9]+' port='[0-9]{2,5}' seconds='[0-9]+(ms|s|m)'
setting EDGE_TLS off 'off|acme|internal' "off, acme or internal"
setting EDGE_DOMAIN "" '([A-Za-z0-9.-]+)?' "a domain name or empty"
setting EDGE_ADMIN_SUBDOMAINS false 'true|false' "true or false"
setting EDGE_EMAIL "" '([^[:space:]{}"]+@[^[:space:]{}"]+)?' "an e-mail address or empty"
setting EDGE_ACME_STAGING false 'true|false' "true or false"
setting EDGE_ACME_DIRECTORY "" '(https://[^[:space:]{}"]+)?' "the address of an ACME directory or empty"
setting EDGE_HTTP_PORT 8000 "$port" "a port number"
setting EDGE_HTTPS_PORT 8443 "$port" "a port number"
setting EDGE_SUPERSET_PORT 8080 "$port" "a port number"
setting EDGE_DRUID_PORT 8888 "$port" "a port number"
setting EDGE_KAFKA_MANAGER_PORT 9000 "$port" "a port number"
setting EDGE_HEALTH_PORT 2021 "$port" "a port number"
setting EDGE_WEBSITE website:8000 "$host_and_port" "host:port"
setting EDGE_COLLECTOR collector:8290 "$host_and_port" "host:port"
setting EDGE_SUPERSET superset:8088 "$host_and_port" "host:port"
setting EDGE_DRUID router:8888 "$host_and_port" "host:port"
setting EDGE_KAFKA_MANAGER kafka-manager:9000 "$host_and_port" "host:port"
setting EDGE_COLLECTOR_PATHS "/csc-event /csc-batch /json-event" '/[A-Za-z0-9_/.-]+( /[A-Za-z0-9_/.-]+)*' "paths divided by blanks"
setting EDGE_COLLECTOR_AFFINITY cookie 'cookie|address' "cookie or address"
setting EDGE_MAX_BODY 1MB '[0-9]+(KB|MB)' "a size such as 1MB"
setting EDGE_TRUSTED_PROXIES "" '([0-9a-fA-F.:]+(/[0-9]+)?( |$))*' "addresses or CIDR ranges divided by blanks, or empty"
setting EDGE_ADMIN_USER admin '[A-Za-z0-9_.@-]+' "letters, digits and _ . @ -"
setting EDGE_ACCESS_LOG safe 'off|safe|full' "off, safe (no queries, shortened addresses) or full"
setting EDGE_RETRY 5s "$seconds" "a time such as 5s"

[[ "$EDGE_TLS" != acme || -n "$EDGE_DOMAIN" ]] || fail "EDGE_TLS is $EDGE_TLS, which needs EDGE_DOMAIN, the name the certificate is for"
[[ "$EDGE_ADMIN_SUBDOMAINS" == false || ( -n "$EDGE_DOMAIN" && "$EDGE_TLS" != off ) ]] ||
  fail "EDGE_ADMIN_SUBDOMAINS is true, which needs EDGE_DOMAIN and certificates"
[[ "$EDGE_TLS" != acme || -n "$EDGE_EMAIL" ]] || fail "EDGE_TLS is acme, which needs EDGE_EMAIL, the address for notices about certificates"
password_file="${EDGE_ADMIN_PASSWORD_FILE:-/run/secrets/edge_admin_password}"
[[ -r "$password_file" && -s "$password_file" ]] ||
  fail "no password for $EDGE_ADMIN_USER: EDGE_ADMIN_PASSWORD_FILE names $password_file, which can't be read or is empty"
# By standard input: a command line can be read by everyone on the machine. Caddy wants a line, a secret has no end of line.
password_hash="$(caddy hash-password < <(head -n 1 "$password_file"; echo))" || fail "caddy could not hash the password in $password_file"

ca=""
if [[ -n "$EDGE_ACME_DIRECTORY" ]]; then
  ca="acme_ca $EDGE_ACME_DIRECTORY"
elif [[ "$EDGE_ACME_STAGING" == true ]]; then
  ca="acme_ca https://acme-staging-v02.api.letsencrypt.org/directory"
fi

# A certificate of our own needs a name where there is no domain; it is also what a client gets that names none, as
# every client does that comes by address.
own_name="clickstream.internal"

# site PORT [SUBDOMAIN]: the address of a site in the chosen TLS mode.
site() {
  if [[ "$EDGE_TLS" == off ]]; then
    # Without certificates there is nothing to choose by: every name is answered.
    echo "http://:$1"
  elif [[ -z "$EDGE_DOMAIN" ]]; then
    echo "https://$own_name:$1, https://:$1"
  elif [[ -n "${2:-}" && "$EDGE_ADMIN_SUBDOMAINS" == true ]]; then
    echo "https://$2.$EDGE_DOMAIN:$EDGE_HTTPS_PORT"
  else
    echo "https://$EDGE_DOMAIN:$1"
  fi
}
collector_policy="header Cookie"
[[ "$EDGE_COLLECTOR_AFFINITY" == cookie ]] || collector_policy=ip_hash
main_port="$EDGE_HTTP_PORT"
[[ "$EDGE_TLS" == off ]] || main_port="$EDGE_HTTPS_PORT"

# upstream MATCHER HOST:PORT [LINES]: a proxy that asks DNS again every few seconds, so that moved tasks are found
# and a backend that is not there yet stops nothing.
upstream() {
  cat <<UPSTREAM
	reverse_proxy $1 {
		dynamic a {
			name ${2%:*}
			port ${2#*:}
			refresh 3s
			dial_timeout 2s
		}
		lb_try_duration $EDGE_RETRY
		lb_try_interval 200ms
		fail_duration 5s
		# One address, seen here or told by a proxy that is trusted; what a client claims goes no further.
		header_up X-Forwarded-For {vars.client}
		header_up -Forwarded
		${EDGE_TRUSTED_PROXIES:+trusted_proxies $EDGE_TRUSTED_PROXIES}
		header_up -X-Real-IP
		transport http {
			compression off
			dial_timeout 2s
			response_header_timeout 120s
		}
${3:-}
	}
UPSTREAM
}

access_log() {
  case "$EDGE_ACCESS_LOG" in
  off) ;;
  full) printf '\tlog {\n\t\toutput stdout\n\t\tformat json\n\t}\n' ;;
  safe)
    cat <<'LOG'
	log {
		output stdout
		format filter {
			wrap json
			fields {
				request>uri regexp [?].* ""
				request>remote_ip ip_mask {
					ipv4 24
					ipv6 48
				}
				request>remote_port delete
				request>headers delete
				request>tls delete
				resp_headers delete
				user_id delete
			}
		}
	}
LOG
    ;;
  esac
}

common() {
  access_log
  # The last address of the list is the one that the trusted proxy itself saw.
  printf '\tvars client {remote_host}\n'
  if [[ -n "$EDGE_TRUSTED_PROXIES" ]]; then
    cat <<TRUSTED
	@trusted {
		remote_ip $EDGE_TRUSTED_PROXIES
		vars_regexp xff {http.request.header.X-Forwarded-For} ([0-9a-fA-F.:]+)[[:space:]]*$
	}
	vars @trusted client {re.xff.1}
TRUSTED
  fi
  printf '\theader -Server\n'
  if [[ "$EDGE_TLS" != off ]]; then
    printf '\theader Strict-Transport-Security "max-age=31536000"\n'
    [[ "$EDGE_TLS" != internal ]] || printf '\ttls internal\n'
  fi
}

# Browsers add stored logins to requests that another page makes. Only links and typed addresses may come from elsewhere.
# Another port of the same host is elsewhere, too: the website there shows what visitors send. Sec-Fetch-* headers are
# there over HTTPS and on localhost, Origin and Referer everywhere. A client that is no browser sends none of them.
refuse_cross_site() {
  cat <<'REFUSE'
	@cross_site expression `
		!({header.Origin} in ["", "http://" + {hostport}, "https://" + {hostport}]) ||
		(
			!({header.Sec-Fetch-Site} in ["", "none", "same-origin"]) &&
			!({method} in ["GET", "HEAD"] && {header.Sec-Fetch-Mode} == "navigate" && {header.Sec-Fetch-Dest} == "document")
		) ||
		(
			{header.Sec-Fetch-Site} == "" && {header.Origin} == "" && {header.Referer} != "" &&
			!({method} in ["GET", "HEAD"]) &&
			!({header.Referer} in ["http://" + {hostport}, "https://" + {hostport}]) &&
			!({header.Referer}.startsWith("http://" + {hostport} + "/")) &&
			!({header.Referer}.startsWith("https://" + {hostport} + "/"))
		)
	`
	respond @cross_site "Refused: this request comes from a page of another site. Open this address in a tab of its own." 403
REFUSE
}

admin_site() {
  cat <<ADMIN
$(site "$1" "$3") {
$(common)
	route {
$(refuse_cross_site)
		basicauth {
			$EDGE_ADMIN_USER $password_hash
		}
		# The password is the edge's business, not the backend's.
		request_header -Authorization
$(upstream "" "$2")
	}
	handle_errors {
		respond "{err.status_code} {err.status_text}" {err.status_code}
	}
}
ADMIN
}

# HTTP/3 would be announced on a UDP port that nobody publishes.
server_options() {
  cat <<SERVER
	servers :$1 {
		protocols h1 h2
		max_header_size 32KB
		timeouts {
			read_header 10s
			read_body $2
			write $3
			idle 2m
		}
	}
SERVER
}

cat >/run/edge/Caddyfile <<CADDYFILE
{
	admin off
	grace_period 10s
	http_port $EDGE_HTTP_PORT
	https_port $EDGE_HTTPS_PORT
	auto_https disable_redirects
	storage file_system /data/caddy
	log {
		output stderr
		format json
		exclude http.log.access
	}
	${EDGE_EMAIL:+email $EDGE_EMAIL}
	$([[ "$EDGE_TLS" == off || -n "$EDGE_DOMAIN" ]] || echo "default_sni $own_name")
	$ca
$(server_options "$EDGE_HTTP_PORT" 15s 60s)
$([[ "$EDGE_TLS" == off ]] || server_options "$EDGE_HTTPS_PORT" 15s 60s)
$(server_options "$EDGE_SUPERSET_PORT" 60s 5m)
$(server_options "$EDGE_DRUID_PORT" 60s 5m)
$(server_options "$EDGE_KAFKA_MANAGER_PORT" 30s 5m)
}

http://127.0.0.1:$EDGE_HEALTH_PORT {
	bind 127.0.0.1
	respond /healthz "ok" 200
	respond 404
}

$(site "$main_port") {
$(common)
	@collector path $EDGE_COLLECTOR_PATHS
	handle @collector {
		request_body {
			max_size $EDGE_MAX_BODY
		}
$(upstream "" "$EDGE_COLLECTOR" "		# A visit stays with one collector, which then recognises what is sent twice.
		lb_policy $collector_policy")
	}
	handle {
		request_body {
			max_size 1KB
		}
$(upstream "" "$EDGE_WEBSITE")
	}
	handle_errors {
		# The collector's answers are readable by pages of other origins; so are the edge's own, or their trackers
		# would take a 503 for an answer that is blocked.
		@events path $EDGE_COLLECTOR_PATHS
		header @events {
			Access-Control-Allow-Origin *
			Access-Control-Expose-Headers Retry-After
		}
		@large expression {err.message}.contains("too large")
		respond @large "The request body is larger than $EDGE_MAX_BODY." 413
		@unavailable expression {err.status_code} in [502, 503, 504]
		header @unavailable Retry-After 5
		# For the tracker any 503 means: nothing is safe, try again.
		respond @unavailable "Not available at the moment." 503
		respond "{err.status_code} {err.status_text}" {err.status_code}
	}
}

$(site "$EDGE_SUPERSET_PORT" superset) {
$(common)
$(refuse_cross_site)
$(upstream "" "$EDGE_SUPERSET")
	handle_errors {
		respond "{err.status_code} {err.status_text}" {err.status_code}
	}
}

$(admin_site "$EDGE_DRUID_PORT" "$EDGE_DRUID" druid)

$(admin_site "$EDGE_KAFKA_MANAGER_PORT" "$EDGE_KAFKA_MANAGER" kafka)
CADDYFILE

if [[ "$EDGE_TLS" != off ]]; then
  redirect_to="https://{host}{uri}"
  # A name that is not ours is sent to the one that is.
  [[ -z "$EDGE_DOMAIN" || "$EDGE_ADMIN_SUBDOMAINS" == true ]] || redirect_to="https://$EDGE_DOMAIN{uri}"
  cat >>/run/edge/Caddyfile <<REDIRECT

http://:$EDGE_HTTP_PORT {
	redir $redirect_to 308
}
REDIRECT
fi

caddy validate --config /run/edge/Caddyfile --adapter caddyfile >/run/edge/validate.log 2>&1 || {
  cat /run/edge/validate.log >&2
  fail "the Caddyfile made from the settings is not valid; see the lines above"
}
unset password_hash
exec caddy run --config /run/edge/Caddyfile --adapter caddyfile
