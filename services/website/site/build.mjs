// Writes the whole site to dist/: pages (with settings left as ${NAME}), assets under hashed names, flags.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { productArt, sceneArt } from "./art.mjs";
import { page, setting } from "./layout.mjs";
import { pages } from "./pages.mjs";
import { products, scenes } from "./shop.mjs";

const OUT = "dist";
const write = (path, text) => {
  const file = join(OUT, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
};

async function bundle(entry, name, extension) {
  const result = await build({ entryPoints: [entry], bundle: true, minify: true, format: "iife", target: "es2020", write: false, loader: { ".mjs": "js" } });
  const text = result.outputFiles[0].text;
  const path = `/assets/${name}.${createHash("sha256").update(text).digest("hex").slice(0, 10)}.${extension}`;
  write("static" + path, text);
  return path;
}

rmSync(OUT, { recursive: true, force: true });
const assets = { css: await bundle("assets/site.css", "site", "css"), js: await bundle("src/site.ts", "site", "js") };

for (const each of pages) {
  const file = each.path.endsWith("/") ? each.path + "index.html" : each.path + ".html";
  write("pages" + file, page({ ...each, assets }));
}
const addresses = pages.filter(({ index }) => index !== false).map(({ path }) => setting("SITE_ORIGIN") + path);
write("pages/sitemap.txt", addresses.join("\n") + "\n");
write("pages/robots.txt", `User-agent: *\nDisallow: /cart\nDisallow: /thanks\nDisallow: /search\nSitemap: ${setting("SITE_ORIGIN")}/sitemap.txt\n`);

for (const product of products) write(`static/assets/product/${product.slug}.svg`, productArt(product));
for (const scene of scenes) write(`static/assets/scene/${scene.slug}.svg`, sceneArt(scene));
write("static/favicon.svg", readFileSync("assets/favicon.svg"));
write("static/care-sheet.txt", "Dry it before you store it. Mend it before it tears. Wax it once a year.\n");
cpSync("node_modules/flag-icons/flags/4x3", join(OUT, "static/flags"), { recursive: true });
cpSync("node_modules/flag-icons/LICENSE", join(OUT, "static/flags/LICENSE.txt"));

// Compressed once here, so that nginx doesn't do it at each request.
for (const file of readdirSync(OUT + "/static", { recursive: true, withFileTypes: true })) {
  if (!file.isFile()) continue;
  const path = join(file.parentPath ?? file.path, file.name);
  const content = readFileSync(path);
  if (content.length < 1000) continue;
  writeFileSync(path + ".gz", gzipSync(content, { level: 9 }));
  writeFileSync(path + ".br", brotliCompressSync(content));
}
console.log(`${pages.length} pages, ${assets.css}, ${assets.js}`);
