// How pages look at every width: node tests/browser/looks.mjs ORIGIN KEY
// There are example.com with figures up to 10^15 and more than a year of days, a name in Unicode, and a report that warns.
import assert from "node:assert/strict";
import { signIn, withBrowser } from "./browser.mjs";
import { looks } from "./layout.mjs";
import { accessible, watch } from "./pages.mjs";

const [origin, key] = process.argv.slice(2);
const step = (name) => console.log(`-- ${name}`);
const below = ["", "?days=365", "?days=1", "/sources", "/decisions", "/sources?group=address", "/sources/192.0.2.7?days=365", "/reporters", "/plausibility", "/receipts?day=2026-03-20", "/dkim", "/spf", "/reports", "/reports/1", "/setup", "/settings", "?split=flow", "?split=disposition", "/summary"];

/** What becomes of red, green and blue (Machado and others, 2009, severity 1). */
const VISIONS = {
  all: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

/** Relative luminance of `rgb(...)`, WCAG 2, as it is seen. */
function luminance(colour, matrix = VISIONS.all) {
  const linear = colour.match(/[\d.]+/g).slice(0, 3).map(Number).map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  const [r, g, b] = matrix.map((row) => Math.min(1, Math.max(0, row.reduce((sum, part, nth) => sum + part * linear[nth], 0))));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);

await withBrowser({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", timezoneId: "America/Los_Angeles", locale: "en-US" }, async (context) => {
  const page = context.pages()[0];
  const watched = watch(page, origin);
  await signIn(page, origin, key);
  const view = await page.locator("table a[href^='/view/']:has-text('example.com')").first().getAttribute("href");
  const all = ["/", "/?status=pending&fold=organisation", "/intake", "/upload", "/add", "/keys", "/alerts", "/alerts/new/slack", "/alerts/new/webhook", "/glossary", "/needs-attention", "/find", "/find?q=e", "/nothing-here", ...below.map((path) => view + path)];

  await page.goto(`${origin}/intake`);
  all.push(await page.locator("tbody a[href^='/intake/']").first().getAttribute("href"));

  step("nothing is cut, touches or leaves a gap at any width");
  for (const width of [1440, 1024, 900, 768, 650, 390, 320]) {
    await page.setViewportSize({ width, height: 900 });
    for (const path of all) {
      await page.goto(origin + path);
      assert.deepEqual(await page.evaluate(looks), [], `${path} at ${width}`);
    }
  }
  // The figure itself, digit by digit.
  await page.goto(`${origin}${view}?days=365`);
  assert.equal((await page.locator(".figures div:has(dt:text-is('Messages')) dd").first().innerText()).trim(), "999,999,998,500,500");

  step("landmarks have names of their own");
  await page.setViewportSize({ width: 1440, height: 900 });
  for (const path of all) {
    await page.goto(origin + path);
    assert.deepEqual(await accessible(page), [], path);
  }

  step("titles say what a bar is");
  await page.goto(origin + view);
  const day = await page.locator(".chart.wide .hits rect:not([data-messages='0'])").first().getAttribute("data-day");
  const one = `?from=${day}&to=${day}`;
  for (const [path, title] of [["", "day"], [one, "day"], ["?days=365", "week"], ["?days=3650", "31 days"]]) {
    await page.goto(origin + view + path);
    assert.equal(await page.locator("#daily").innerText(), `Messages per ${title}`);
    assert.deepEqual(await page.evaluate(looks), [], path);
  }
  await page.goto(`${origin}${view}?days=365`);
  assert.match(await page.locator(".chart.wide .date").first().textContent(), / 2025$/);

  step("pass and fail are told apart without colours, also on paper");
  for (const media of [{ colorScheme: "light" }, { colorScheme: "dark" }, { colorScheme: "light", media: "print" }]) {
    await page.emulateMedia({ media: "screen", ...media });
    const fill = (what) => page.locator(`.legend rect.${what}`).evaluate((rect) => getComputedStyle(rect).fill);
    const card = await page.locator(".card").first().evaluate((one) => getComputedStyle(one).backgroundColor);
    const [pass, fail] = [await fill("pass"), await fill("fail")];
    for (const [a, b] of [[pass, fail], [pass, card], [fail, card]]) {
      const difference = contrast(luminance(a), luminance(b));
      assert.ok(difference >= 3, `${JSON.stringify(media)}: ${a} on ${b} is ${difference}`);
    }
    const bars = await page.locator(".chart.wide rect.fail, .rate rect.fail").evaluateAll((all) => [...new Set(all.map((one) => getComputedStyle(one).fill))]);
    assert.deepEqual(bars, [fail], "bars have the colours of the legend");
  }
  await page.emulateMedia({ media: "screen", colorScheme: "light" });

  step("parts of a bar are told apart in grey and by those who see fewer colours");
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const fills = await page.evaluate(() => {
      const svg = document.querySelector(".chart.wide svg");
      return [..."abcdef"].map((part) => {
        const rect = document.createElementNS(svg.namespaceURI, "rect");
        rect.setAttribute("class", `part ${part}`);
        svg.append(rect);
        const { fill } = getComputedStyle(rect);
        rect.remove();
        return fill;
      });
    });
    for (const [vision, matrix] of Object.entries(VISIONS)) {
      const seen = fills.map((fill) => luminance(fill, matrix));
      for (const [nth, a] of seen.entries()) for (const b of seen.slice(nth + 1)) {
        assert.ok(contrast(a, b) >= 1.3, `${colorScheme}, ${vision}: ${fills} are ${seen}`);
      }
    }
  }
  await page.emulateMedia({ colorScheme: "light" });

  step("some never looks like all");
  await page.goto(`${origin}/`);
  const other = await page.locator("table a[href^='/view/']:has-text('münchner')").first().getAttribute("href");
  await page.goto(origin + other);
  const parts = await page.locator(".rate").evaluateAll((all) => all.map((rate) => {
    const [outer, inner] = [rate.querySelector(".fail"), rate.querySelector(".pass")].map((one) => one.getBoundingClientRect());
    return { left: outer.right - inner.right, text: rate.textContent.trim() };
  }));
  assert.ok(parts.some(({ text }) => text === "99.9%"), JSON.stringify(parts));
  for (const { left, text } of parts) assert.ok(text === "100%" ? left < 0.5 : left >= 2, `${text} leaves ${left} pixels`);

  step("a percentage stands on the line of its row");
  const rows = await page.locator("table tbody tr:has(.rate):has(td.num)").evaluateAll((all) => all.map((row) => {
    const bottom = (element) => {
      const range = document.createRange();
      range.selectNodeContents(element);
      return range.getClientRects()[0].bottom;
    };
    return Math.abs(bottom(row.querySelector(".rate .n")) - bottom(row.querySelector("td.num")));
  }));
  assert.ok(rows.length > 3 && rows.every((distance) => distance < 1), JSON.stringify(rows));

  step("what the arrow keys reach is announced");
  await page.goto(`${origin}${view}?days=365`);
  const chart = page.locator(".chart.wide");
  await chart.focus();
  await page.keyboard.press("ArrowRight");
  const said = chart.locator("[role=status]");
  const first = await said.textContent();
  assert.match(first, /^\d{4}-\d\d-\d\d( to \d{4}-\d\d-\d\d)?: [\d,]+ passed, [\d,]+ failed$/);
  await page.keyboard.press("ArrowLeft");
  assert.notEqual(await said.textContent(), first);
  watched.clean();
});
