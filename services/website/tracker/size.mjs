// Prints the size of what is served and fails when it grows over the limit.
import { readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";

const LIMIT = 3100;
const script = readFileSync("dist/divolte.js");
const gzipped = gzipSync(script, { level: 9 }).length;
// What is measured is what is served: nginx sends these files as they are.
writeFileSync("dist/divolte.js.gz", gzipSync(script, { level: 9 }));
writeFileSync("dist/divolte.js.br", brotliCompressSync(script));
console.log(`divolte.js: ${script.length} bytes minified, ${gzipped} bytes gzipped, limit ${LIMIT}`);
if (gzipped > LIMIT) {
  console.error(`divolte.js is ${gzipped - LIMIT} bytes over the limit: move a feature to an extension or write it shorter`);
  process.exit(1);
}
