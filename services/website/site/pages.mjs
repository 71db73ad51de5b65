import { escape, setting } from "./layout.mjs";
import { categories, products, scenes } from "./shop.mjs";

const price = (value) => `<span class="price">€ ${value.toFixed(2)}</span>`;

const addButton = ({ sku, name }) =>
  `<button class="add" data-sku="${sku}">Add to cart<span class="hidden">: ${escape(name)}</span></button>`;

const card = (product) => `<li class="card">
<a href="/product/${product.slug}"><img src="/assets/product/${product.slug}.svg" alt="" width="320" height="260" loading="lazy"><span class="name">${product.name}</span></a>
<div class="row">${price(product.price)}${addButton(product)}</div>
</li>`;

const grid = (list) => `<ul class="grid">${list.map(card).join("")}</ul>`;

const home = {
  path: "/",
  open: true,
  title: "Outdoor goods that last",
  description: "A small demonstration shop for outdoor goods that shows its visitors what it tracks.",
  body: `<section class="hero"><img src="/assets/scene/1.svg" alt="" width="1200" height="520"><div><h1>Made for weather, <br>kept for years</h1><p>Tents, lanterns and packs from a workshop between two lakes.</p><p><a class="button" href="/category/shelter">See the shelters</a></p></div></section>
<h2>This season</h2>${grid([products[0], products[3], products[6], products[8]])}
<section class="split"><a href="/blog/packing-light"><h2>From the journal: packing light</h2><p>What stays at home when everything has to fit into eighteen litres.</p></a><a href="/lookbook/1"><h2>Lookbook: a day at the tarn</h2><p>Four pictures, no filters.</p></a></section>`,
};

const categoryPages = categories.map(({ slug, name, text }) => ({
  path: `/category/${slug}`,
  title: name,
  description: text,
  body: `<nav class="crumbs" aria-label="You are here"><a href="/">Home</a> / ${name}</nav><h1>${name}</h1><p class="lead">${text}</p>${grid(products.filter((product) => product.category === slug))}`,
}));

const productPages = products.map((product) => {
  const category = categories.find(({ slug }) => slug === product.category);
  return {
    path: `/product/${product.slug}`,
    title: product.name,
    description: product.text,
    body: `<nav class="crumbs" aria-label="You are here"><a href="/">Home</a> / <a href="/category/${category.slug}">${category.name}</a> / ${product.name}</nav>
<article class="product"><img src="/assets/product/${product.slug}.svg" alt="Drawing: ${product.name}" width="320" height="260">
<div><h1>${product.name}</h1><p class="lead">${product.text}</p><ul class="facts">${product.facts.map((fact) => `<li>${fact}</li>`).join("")}</ul>
<p class="buy">${price(product.price)}${addButton(product)}</p><p class="small">Article ${product.sku} · <a href="/care-sheet.txt" download>Care sheet (text)</a></p></div></article>
<h2>Goes well with</h2>${grid(products.filter(({ category: other, sku }) => other === product.category && sku !== product.sku))}`,
  };
});

const lookbookPages = scenes.map((scene, index) => ({
  path: `/lookbook/${scene.slug}`,
  title: `Lookbook: ${scene.title}`,
  description: scene.text,
  body: `<h1>Lookbook</h1><figure class="scene" id="scene"><img src="/assets/scene/${scene.slug}.svg" alt="Drawing of hills" width="1200" height="520"><figcaption><strong>${scene.title}.</strong> ${scene.text}</figcaption></figure>
<nav class="pager" aria-label="Pictures">${scenes
    .map(({ slug, title }, other) => `<a href="/lookbook/${slug}"${other === index ? ' aria-current="page"' : ""}>${title}</a>`)
    .join("")}</nav><p class="small">These four pages are one page that changes its address without loading: single-page navigation.</p>`,
}));

const blog = [
  {
    path: "/blog/",
    title: "Journal",
    description: "Notes from the workshop.",
    body: `<h1>Journal</h1><article><h2><a href="/blog/packing-light">Packing light without being cold</a></h2><p>What stays at home when everything has to fit into eighteen litres.</p></article>`,
  },
  {
    path: "/blog/packing-light",
    title: "Packing light without being cold",
    description: "What stays at home when everything has to fit into eighteen litres.",
    body: `<article class="prose"><nav class="crumbs" aria-label="You are here"><a href="/blog/">Journal</a></nav><h1>Packing light without being cold</h1>
<p class="lead">A pack is as heavy as what you were afraid of. Here is how we got ours down to eighteen litres for two nights.</p>
<img src="/assets/scene/3.svg" alt="Drawing of hills" width="1200" height="520">
<h2>Count nights, not days</h2><p>Days look after themselves: you move, you are warm. Nights are what you carry things for. Write the number of nights on a sheet of paper and let every article on the list answer for it.</p>
<h2>One layer that does two things</h2><p>The <a href="/product/wool-blanket">wool blanket</a> is a coat at the fire, a seat at noon and a bed at night. The <a href="/product/field-tarp">field tarp</a> is a roof, a floor or a sail, depending on how the day went.</p>
<h2>Fire weighs nothing</h2><p>A <a href="/product/twig-stove">twig stove</a> needs no fuel you have to carry. Check the local rules first; in dry summers the answer is no, and then it is cold soup, which builds character.</p>
<h2>What stays at home</h2><p>The second knife. The third shirt. The book you have been meaning to read since spring. Take the head lamp, though: there are fewer hours of light than you remember.</p>
<p>More on the subject: <a href="https://en.wikipedia.org/wiki/Ultralight_backpacking" rel="noopener">ultralight backpacking</a>.</p></article>`,
  },
];

const plain = [
  { path: "/search", title: "Search", description: "Search the shop.", index: false, body: `<h1>Search</h1><p id="search-summary" role="status" class="lead">Type what you are looking for into the field above.</p><ul class="grid" id="results"></ul><noscript><p>The search needs JavaScript. All articles are in the three categories above.</p></noscript>` },
  { path: "/cart", title: "Cart", description: "Your cart.", index: false, body: `<h1>Cart</h1><div id="cart" aria-live="polite"><p>The cart is empty.</p></div><noscript><p>The cart needs JavaScript.</p></noscript>` },
  { path: "/thanks", title: "Thank you", description: "Order placed.", index: false, body: `<h1>Thank you</h1><p class="lead" id="order">Your order is on its way to nowhere: this is a demonstration.</p><p><a class="button" href="/">Back to the shop</a></p>` },
  { path: "/about", title: "About", description: "What this shop is.", body: `<div class="prose"><h1>About</h1><p class="lead">Tarn &amp; Timber does not exist. It is a demonstration shop with enough pages, links and buttons to have something to measure.</p><p>Every page view, search, purchase and click that leaves the site becomes an event. The events travel through a collector and Kafka into Druid and show up on a dashboard a few seconds later. <a href="/tracking">See what is sent</a>.</p></div>` },
  { path: "/privacy", title: "Privacy", description: "What is stored and how to stop it.", body: `<div class="prose"><h1>Privacy</h1><p class="lead">You decide. ${setting("PRIVACY_SIGNALS_TEXT")}</p><p>${setting("PRIVACY_STORED_TEXT")} ${setting("PRIVACY_ADDRESS_TEXT")}</p><p><button id="refuse">Don't track me</button> <button id="allow" class="quiet">Tracking is fine</button></p><p id="consent-state" role="status"></p></div>` },
  { path: "/tracking", title: "What is sent", description: "The payload of the last event.", open: true, body: `<div class="prose"><h1>What is sent</h1><p class="lead">The panel below shows the last event of this page, as it was handed to the collector.</p><p><button id="send-event">Send a custom event</button></p></div>` },
  { path: "/404", title: "Not found", description: "There is no such page.", index: false, body: `<div class="prose"><h1>Lost in the woods</h1><p class="lead">There is no page at this address. It may have moved, or never existed.</p><p><a class="button" href="/">Back to the shop</a></p></div>` },
];

export const pages = [home, ...categoryPages, ...productPages, ...lookbookPages, ...blog, ...plain];
