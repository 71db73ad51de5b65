#!/bin/bash
# Renders the settings into the pages and nginx's configuration, then becomes nginx.
set -euo pipefail

fail() {
  echo "website: $1" >&2
  exit 64
}

# setting NAME DEFAULT PATTERN EXPLANATION: exports NAME, or stops if its value is not what pages can safely hold.
setting() {
  local value="${!1-$2}"  # what is set to nothing is meant to be empty
  [[ "$value" =~ ^($3)$ ]] || fail "$1 is \"$value\"; it must be $4"
  export "$1=$value"
}

setting WEBSITE_ORIGIN "http://localhost" 'https?://[A-Za-z0-9.-]+(:[0-9]+)?' "scheme and host, for example https://shop.example.com"
setting TRACKER_PATH "/divolte.js" '/[A-Za-z0-9_/-]+\.js' "a path that ends in .js, for example /divolte.js"
setting COLLECTOR_PREFIX "/" '/([A-Za-z0-9_-]+/)*' "a path that begins and ends with a slash, for example /c/"
setting COLLECTOR_EVENT_SUFFIX "csc-event" '[A-Za-z0-9_-]+' "letters, digits, _ and -"
setting COLLECTOR_BATCH_SUFFIX "csc-batch" '[A-Za-z0-9_-]*' "letters, digits, _ and -; empty sends events by GET only"
setting PARTY_COOKIE "_dvp" '[A-Za-z0-9_]{1,64}' "letters, digits and _"
setting SESSION_COOKIE "_dvs" '[A-Za-z0-9_]{1,64}' "letters, digits and _"
setting COOKIE_DOMAIN "" '(\.?[A-Za-z0-9.-]+)?' "a domain name or empty"
setting GOOGLE_ANALYTICS_ID "" '([A-Z]+-[A-Z0-9-]+)?' "a measurement id such as G-ABC123 or empty"
setting CLARITY_ID "" '([a-z0-9]+)?' "a Clarity project id or empty"
setting TRACKER_OPTIONS "" '((cookieless|consent|hash|ignore-gpc|manual)( |$))*' "a list of: cookieless consent hash ignore-gpc manual"
setting PRIVACY_SIGNALS "drop" 'ignore|anonymise|drop' "ignore, anonymise or drop"
setting USER_IDS "none" 'none|hashed|plain' "none, hashed or plain"
setting IP_STORAGE "truncated" 'full|truncated|none' "full, truncated or none"
setting WORKERS "1" '[0-9]+|auto' "a number or auto"

IPSTACK_ACCESS_KEY=""
if [[ -n "${IPSTACK_ACCESS_KEY_FILE:-}" ]]; then
  [[ -r "$IPSTACK_ACCESS_KEY_FILE" ]] || fail "IPSTACK_ACCESS_KEY_FILE names $IPSTACK_ACCESS_KEY_FILE, which can't be read"
  IPSTACK_ACCESS_KEY="$(<"$IPSTACK_ACCESS_KEY_FILE")"
  [[ "$IPSTACK_ACCESS_KEY" =~ ^[A-Za-z0-9]*$ ]] || fail "the file of IPSTACK_ACCESS_KEY_FILE must hold letters and digits only"
fi

script="'self'" connect="'self'" img="'self' data:"
if [[ -n "$GOOGLE_ANALYTICS_ID" ]]; then
  script+=" https://*.googletagmanager.com"
  img+=" https://*.google-analytics.com https://*.googletagmanager.com"
  connect+=" https://*.google-analytics.com https://*.analytics.google.com https://*.googletagmanager.com"
fi
if [[ -n "$CLARITY_ID" ]]; then
  script+=" https://www.clarity.ms https://scripts.clarity.ms"
  img+=" https://*.clarity.ms https://c.bing.com"
  connect+=" https://*.clarity.ms https://c.bing.com"
fi
[[ -z "$IPSTACK_ACCESS_KEY" ]] || connect+=" https://api.ipstack.com"

attributes=""
[[ -z "$COLLECTOR_BATCH_SUFFIX" ]] || attributes+=" data-batch=\"$COLLECTOR_PREFIX$COLLECTOR_BATCH_SUFFIX\""
[[ -z "$COOKIE_DOMAIN" ]] || attributes+=" data-domain=\"$COOKIE_DOMAIN\""
for option in $TRACKER_OPTIONS; do attributes+=" data-$option"; done

# The privacy page says what is done, not what a default would do.
case "$PRIVACY_SIGNALS" in
  drop) signals="Global Privacy Control and Do Not Track are followed: a browser that sends them is not tracked." ;;
  anonymise) signals="With Global Privacy Control or Do Not Track, visits are counted without an identifier, an address or a place finer than the country." ;;
  ignore) signals="Global Privacy Control and Do Not Track are not taken into account; the button below is." ;;
esac
case "$IP_STORAGE" in
  full) address="Your address is turned into a country and a city on our own server, and is kept with what you did." ;;
  truncated) address="Your address is turned into a country and a city on our own server, and is kept without its last part." ;;
  none) address="Your address is turned into a country and a city on our own server, and is not kept." ;;
esac
if [[ " $TRACKER_OPTIONS " == *" cookieless "* ]]; then
  stored="No cookie is set. Visits of one day are told apart by a number made from the address and the browser's name with a secret of that day."
else
  stored="Two cookies of this site keep random numbers: <code>$PARTY_COOKIE</code> (the visitor, two years) and <code>$SESSION_COOKIE</code> (the visit, thirty minutes). Events that could not be sent yet wait in this browser's local storage. Without JavaScript no cookie is set, and a view is counted by a picture."
fi
export PRIVACY_SIGNALS_TEXT="$signals" PRIVACY_STORED_TEXT="$stored" PRIVACY_ADDRESS_TEXT="$address"

# Without a batch path the events go out as Divolte's GET beacons, which is an extension of the tracker.
extension=""
[[ -n "$COLLECTOR_BATCH_SUFFIX" ]] || extension="<script defer src=\"${TRACKER_PATH%.js}-beacon.js\" data-event=\"$COLLECTOR_PREFIX$COLLECTOR_EVENT_SUFFIX\"></script>"

export BEACON_EXTENSION_PATH="${TRACKER_PATH%.js}-beacon.js" TRACKER_EXTENSION="$extension" SITE_ORIGIN="$WEBSITE_ORIGIN" TRACKER_URL="$TRACKER_PATH" TRACKER_ATTRIBUTES="$attributes" IPSTACK_ACCESS_KEY
export PIXEL_URL="$COLLECTOR_PREFIX$COLLECTOR_EVENT_SUFFIX?t=pageView&amp;noscript=1"
files=/usr/share/website
if [[ -d "$files/files" ]]; then
  # The pages of a folder may load and do what they like; no other origin may frame them.
  export CONTENT_SECURITY_POLICY="frame-ancestors 'self'" FRAMES=SAMEORIGIN OPENER_POLICY=same-origin-allow-popups
  export PERMISSIONS_POLICY="interest-cohort=()"
else
  export CONTENT_SECURITY_POLICY="default-src 'none'; script-src $script; style-src 'self'; img-src $img; connect-src $connect; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
  export PERMISSIONS_POLICY="camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()" FRAMES=DENY OPENER_POLICY=same-origin
fi

# Only these names are replaced: nginx's own variables look the same.
names='${SITE_ORIGIN} ${TRACKER_EXTENSION} ${BEACON_EXTENSION_PATH} ${TRACKER_URL} ${TRACKER_ATTRIBUTES} ${GOOGLE_ANALYTICS_ID} ${CLARITY_ID} ${IPSTACK_ACCESS_KEY} ${PIXEL_URL} ${CONTENT_SECURITY_POLICY} ${FRAMES} ${OPENER_POLICY} ${PERMISSIONS_POLICY} ${TRACKER_PATH} ${PRIVACY_SIGNALS_TEXT} ${PRIVACY_STORED_TEXT} ${PRIVACY_ADDRESS_TEXT} ${WORKERS}'
state=/var/lib/website
rm -rf "$state/html" "$state/tracker"
if [[ -d "$files/pages" ]]; then
  (cd "$files/pages" && find . -type d -exec mkdir -p "$state/html/{}" \; && find . -type f -print0) |
    while IFS= read -r -d '' file; do envsubst "$names" <"$files/pages/$file" >"$state/html/$file"; done
fi
# Divolte, too, writes the cookies' names into the script when it starts; an option of each page would cost bytes.
# The endpoints' paths too: a page of another site then needs nothing but the script's address.
in_script=("s/\b_dvp\b/$PARTY_COOKIE/g" "s/\b_dvs\b/$SESSION_COOKIE/g" "s|\bcsc-event\b|$COLLECTOR_PREFIX$COLLECTOR_EVENT_SUFFIX|g")
[[ -z "$COLLECTOR_BATCH_SUFFIX" ]] || in_script+=("s|\bcsc-batch\b|$COLLECTOR_PREFIX$COLLECTOR_BATCH_SUFFIX|g")
mkdir -p "$state/tracker"
for script in divolte divolte-beacon divolte-sendbeacon; do
  source="$script"
  # Only a site whose users may be recognised gets the larger script, which can do that.
  [[ "$script" != divolte || "$USER_IDS" == none ]] || source=divolte-identify
  sed "${in_script[@]/#/-e}" "$files/tracker/$source.js" >"$state/tracker/$script.js"
  # Once and at its best, instead of at every request.
  gzip -9nk "$state/tracker/$script.js"
  brotli -q 11 -k "$state/tracker/$script.js"
done
envsubst "$names" </etc/website/nginx.conf >"$state/nginx.conf"
envsubst "$names" </etc/website/headers.conf >"$state/headers.conf"

exec nginx -c "$state/nginx.conf"
