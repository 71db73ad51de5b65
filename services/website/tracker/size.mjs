// Prints the size of what is served and fails when the tracker grows over its limit.
import { readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";

const LIMIT = 2694;
const sizes = ["divolte", "divolte-identify", "divolte-beacon", "divolte-sendbeacon"].map((name) => {
  const script = readFileSync(`dist/${name}.js`);
  const gzipped = gzipSync(script, { level: 9 });
  const brotli = brotliCompressSync(script);
  // What is measured is what is served: nginx sends these files as they are.
  writeFileSync(`dist/${name}.js.gz`, gzipped);
  writeFileSync(`dist/${name}.js.br`, brotli);
  console.log(`${name}.js: ${script.length} bytes minified, ${gzipped.length} gzipped, ${brotli.length} with brotli`);
  return gzipped.length;
});
if (sizes[0] > LIMIT) {
  console.error(`divolte.js is ${sizes[0] - LIMIT} bytes over its limit of ${LIMIT}: write it shorter, or move a feature to an extension`);
  process.exit(1);
}
console.log(`divolte.js is ${LIMIT - sizes[0]} bytes under its limit of ${LIMIT}`);
