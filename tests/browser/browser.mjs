// Debian's Chromium, driven by playwright-core; both are installed by ./test.
import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const require = createRequire(resolve(process.env.BROWSER_MODULES ?? "target/browser", "package.json"));
const { chromium } = require("playwright-core");
export const axe = require("axe-core").source;

/** Runs `body` with a browser of its own, which is gone when it ends. */
export async function withBrowser({ more = [], ...options }, body) {
  const profile = mkdtempSync(join(tmpdir(), "tallymark-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", ...more,
    ],
    ...options,
  });
  context.setDefaultTimeout(30_000);
  try {
    return await body(context);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/** Signs in with a key. */
export async function signIn(page, origin, key) {
  await page.goto(`${origin}/`);
  await page.fill("#key", key);
  await page.click("button[type=submit]");
  await page.waitForURL((url) => url.pathname === "/");
}
