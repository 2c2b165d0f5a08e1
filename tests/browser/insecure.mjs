// Signing in over plain HTTP by a name that is not this machine's: node tests/browser/insecure.mjs PORT KEY allowed|refused
import assert from "node:assert/strict";
import { withBrowser } from "./browser.mjs";

const [port, key, outcome] = process.argv.slice(2);
const origin = `http://collector.lan:${port}`;

await withBrowser({ more: ["--host-resolver-rules=MAP collector.lan 127.0.0.1"] }, async (context) => {
  const page = context.pages()[0];
  await page.goto(`${origin}/intake`);
  assert.equal(await page.evaluate(() => isSecureContext), false);
  await page.fill("#key", key);
  await page.click("button[type=submit]");
  if (outcome === "refused") {
    await page.waitForURL("**/sign-in?lost=true");
    assert.match(await page.locator("[role=alert]").innerText(), /http\.insecure_sign_in/);
    return;
  }
  await page.waitForURL(`${origin}/intake`);
  assert.match(await page.locator(".top").innerText(), /not encrypted/);
  // Forms work as well: browsers show by Origin alone where they come from.
  await page.click("text=Sign out");
  await page.waitForURL(`${origin}/sign-in`);
  await page.goto(`${origin}/`);
  assert.equal(new URL(page.url()).pathname, "/sign-in");
});
