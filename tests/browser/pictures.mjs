// The pictures of README and docs, light and dark, from a fresh demo: node tests/browser/pictures.mjs ORIGIN KEY FOLDER
// docs/page.md has the commands. Each file stays below 150 KB.
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { signIn, withBrowser } from "./browser.mjs";

const [origin, key, folder] = process.argv.slice(2);
const BYTES_MAX = 150 * 1024;

await withBrowser({ viewport: { width: 1180, height: 900 }, reducedMotion: "reduce", locale: "en-US" }, async (context) => {
  const page = context.pages()[0];
  await signIn(page, origin, key);
  const view = await page.locator("table a[href^='/view/']:has-text('example.com')").first().getAttribute("href");
  for (const [name, path] of [["first-page", "/"], ["domain", view]]) {
    await page.goto(origin + path);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const file = join(folder, `${name}-${colorScheme}.png`);
      await page.screenshot({ path: file });
      assert.ok(statSync(file).size < BYTES_MAX, `${file} has ${statSync(file).size} bytes`);
    }
  }
});
