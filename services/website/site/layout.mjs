import { categories } from "./shop.mjs";

// Filled in when the container starts, so that one image serves every stack.
export const setting = (name) => "${" + name + "}";

export const escape = (text) =>
  String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const nav = [...categories.map(({ slug, name }) => [`/category/${slug}`, name]), ["/lookbook/1", "Lookbook"], ["/blog/", "Journal"]];

const panel = (open) => `
<aside aria-label="What this page has sent">
<details class="payload"${open ? " open" : ""}>
<summary><h2>User tracking payload</h2><span class="count" id="sent" role="status">nothing sent yet</span></summary>
<p>This is a demonstration shop: it shows you exactly what it has sent about this visit. Nothing can be bought.</p>
<dl class="ids">
<div><dt>Party</dt><dd id="party-id">none</dd></div>
<div><dt>Session</dt><dd id="session-id">none</dd></div>
<div><dt>Page view</dt><dd id="page-view-id">none</dd></div>
<div><dt>Event</dt><dd id="event-id">none</dd></div>
</dl>
<pre id="content" tabindex="0" aria-label="Payload of the last event as JSON">{}</pre>
</details>
</aside>`;

/** A whole page. `path` is its address without the host, `open` unfolds the payload panel. */
export function page({ path, title, description, body, assets, open = false, index = true }) {
  const links = nav
    .map(([href, name]) => `<a href="${href}"${path.startsWith(href.replace(/\d$/, "")) ? ' aria-current="page"' : ""}>${name}</a>`)
    .join("");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)} · Tarn &amp; Timber</title>
<meta name="description" content="${escape(description)}">
${index ? `<link rel="canonical" href="${setting("SITE_ORIGIN")}${path}">` : '<meta name="robots" content="noindex">'}
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${assets.css}">
<meta name="integrations" data-google-analytics="${setting("GOOGLE_ANALYTICS_ID")}" data-clarity="${setting("CLARITY_ID")}" data-ipstack="${setting("IPSTACK_ACCESS_KEY")}">
<script defer src="${assets.js}"></script>
${setting("TRACKER_EXTENSION")}<script defer data-divolte src="${setting("TRACKER_URL")}"${setting("TRACKER_ATTRIBUTES")}></script>
</head>
<body data-path="${path}">
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="/"><img src="/favicon.svg" alt="" width="28" height="28">Tarn &amp; Timber</a>
<nav aria-label="Main">${links}</nav>
<form action="/search" role="search" class="find"><label class="hidden" for="q">Search the shop</label><input id="q" name="q" type="search" placeholder="Search" autocomplete="off" required><button>Search</button></form>
<a class="cart" href="/cart">Cart <span id="cart-count" aria-label="articles in the cart">0</span></a>
</header>
<main id="main">
${body}
</main>
${panel(open)}
<footer>
<p><a href="/about">About</a> <a href="/privacy">Privacy</a> <a href="/tracking">What is sent</a></p>
<p class="small"><a href="https://db-ip.com" rel="noopener">IP Geolocation by DB-IP</a> · A demonstration shop; nothing is for sale.</p>
</footer>
<noscript><img src="${setting("PIXEL_URL")}" alt="" width="1" height="1"></noscript>
</body>
</html>
`;
}
