// Numbers and days in the form that the browser asks for: node tests/browser/locales.mjs ORIGIN KEY
// example.com has 1,234,567 messages of 2026-03-22, two thirds of which passed; the clock stands on 2026-03-23.
import assert from "node:assert/strict";
import { signIn, withBrowser } from "./browser.mjs";
import { looks } from "./layout.mjs";
import { accessible, watch } from "./pages.mjs";

const [origin, key] = process.argv.slice(2);

// language, the number, the percentage, the day, the label of a chart
const FORMS = [
  ["en-US", "1,234,567", "66.7%", "2026-03-22", "1.5M"],
  ["de-DE", "1.234.567", "66,7\u00a0%", "22.03.2026", "1,5M"],
  ["fr-FR", "1\u202f234\u202f567", "66,7\u202f%", "22/03/2026", "1,5M"],
  ["ja-JP", "1,234,567", "66.7%", "2026/03/22", "1.5M"],
];

for (const [locale, number, percent, day, label] of FORMS) {
  console.log(`-- ${locale}`);
  await withBrowser({ viewport: { width: 1280, height: 860 }, reducedMotion: "reduce", locale }, async (context) => {
    const page = context.pages()[0];
    const watched = watch(page, origin);
    await signIn(page, origin, key);
    await page.click("table a:has-text('example.com')");
    await page.waitForURL("**/view/dom_*");
    const figure = (title) => page.locator(`.figures div:has(dt:text-is('${title}')) dd >> nth=0`);
    // Not innerText: it makes one space of all.
    assert.equal((await figure("Messages").textContent()).trim(), number);
    assert.equal((await figure("Pass DMARC").textContent()).trim(), percent);
    assert.equal(await figure("Messages").locator("data").getAttribute("value"), "1234567");
    assert.equal(await page.evaluate(() => document.documentElement.lang), "en", "words are English for all");
    const labels = await page.locator(".chart.wide .number").allTextContents();
    assert.ok(labels.includes(label), `${labels}`);
    // Under the pointer, and for machines as before.
    await page.locator(".chart.wide .hits rect[data-day='2026-03-22']").hover();
    assert.equal(await page.locator(".chart.wide .tip b").textContent(), day);
    assert.ok((await page.locator("#compared").textContent()).includes(day));
    assert.equal(await page.locator(`#compared time[datetime='2026-03-22']`).count(), 1);
    await page.goto(page.url().replace(/\?.*/, "") + "/reports");
    assert.equal(await page.locator("time[datetime^='2026-03-22T00:00']").first().textContent(), `${day} 00:00 UTC`);
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 860 });
      assert.deepEqual([...(await page.evaluate(looks)), ...(await accessible(page))], [], `${locale} at ${width}`);
    }
    watched.clean();
  });
}
