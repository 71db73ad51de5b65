// Bundles the tracker; with --tests also the tests, for node's own test runner.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { minify } from "terser";
import { shorten } from "./names.mjs";

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");

// esbuild bundles; terser saves about three per cent more, and better variable names another three.
for (const name of ["divolte", "divolte-identify", "divolte-beacon", "divolte-sendbeacon"]) {
  const isTracker = name == "divolte" || name == "divolte-identify";
  const bundle = await build({
    entryPoints: [`src/${isTracker ? "divolte" : name}.ts`],
    // The tracker is built without and with identify(): few sites need it, and others need not load it.
    define: { IDENTIFY: `${name == "divolte-identify"}` },
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2020",
    legalComments: "none",
    tsconfigRaw: { compilerOptions: { alwaysStrict: false, target: "ES2020" } },
    write: false,
  });
  const { code } = await minify(bundle.outputFiles[0].text, {
    ecma: 2020,
    compress: { ecma: 2020, passes: 3, unsafe_arrows: true, hoist_funs: true },
  });
  // A page may load or run the tracker twice: only the first run counts. `<form id="divolte">` is not a tracker.
  writeFileSync(`dist/${name}.js`, isTracker ? shorten("window.divolte?.signal||" + code) : code);
}
// The entry of the package, for bundlers.
await build({ entryPoints: ["src/loader.ts"], outdir: "dist", format: "esm", target: "es2020", minify: true });
if (process.argv.includes("--tests")) {
  const options = { outExtension: { ".js": ".mjs" }, bundle: true, format: "esm", platform: "node", target: "node18" };
  const tests = readdirSync("tests").filter((name) => name.endsWith(".test.ts"));
  await build({ ...options, entryPoints: tests.map((name) => "tests/" + name), outdir: "dist/tests" });
  // On its own: a test of several pages loads it several times.
  await build({ ...options, entryPoints: ["src/queue.ts"], outdir: "dist/modules" });
}
