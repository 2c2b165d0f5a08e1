// Reports whose every text is an attack: node tests/browser/hostile.mjs ORIGIN KEY PAYLOADS_FILE
// The file has a JSON list of {payload, report}; the report with that number has the payload in every field.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { signIn, withBrowser } from "./browser.mjs";
import { shown, watch } from "./pages.mjs";

const [origin, key, file] = process.argv.slice(2);
const attacks = JSON.parse(readFileSync(file, "utf8"));
assert.ok(attacks.length >= 100);

await withBrowser({ viewport: { width: 1280, height: 860 } }, async (context) => {
  const page = context.pages()[0];
  await page.addInitScript(() => { globalThis.attacked = []; });
  const watched = watch(page, origin);
  await signIn(page, origin, key);
  const view = await page.locator("table a[href^='/view/']").first().getAttribute("href");
  const safe = async (path) => {
    await page.goto(origin + path);
    const state = await page.evaluate(() => {
      const foreign = "script:not([src^='/assets/']), iframe, object, embed, img:not([src^='/assets/']), link:not([href^='/assets/']), base, style, " +
        "meta[http-equiv], svg script, svg a:not([href^='/view/']), svg image, svg animate, [style], math, video, audio, marquee, template, textarea, body body";
      const handlers = [...document.querySelectorAll("*")].filter((one) => [...one.attributes].some((attribute) => attribute.name.startsWith("on")));
      // Links of a drawing have their address one level deeper.
      const leads = (one) => new URL(one.href?.baseVal ?? one.href ?? one.action, document.baseURI).protocol;
      const links = [...document.querySelectorAll("a, form")].filter((one) => !["http:", "https:"].includes(leads(one)));
      return {
        attacked: globalThis.attacked,
        foreign: [...document.querySelectorAll(foreign)].map((one) => one.outerHTML.slice(0, 200)),
        handlers: handlers.length,
        links: links.length,
        title: document.title,
        text: document.body.textContent,
      };
    });
    assert.deepEqual([state.attacked, state.foreign, state.handlers, state.links], [[], [], 0, 0], path);
    // Nothing is left that could turn the line around.
    assert.doesNotMatch(state.text + state.title, /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u, path);
    watched.clean();
    return state.text;
  };

  for (const { payload, report } of attacks) {
    const text = await safe(`${view}/reports/${report}`);
    const expected = shown(payload);
    const times = text.split(expected).length - 1;
    assert.ok(times >= 8, `${JSON.stringify(payload)} is shown ${times} times`);
  }
  for (const path of [
    "/", "/intake", "/intake?kind=all", view, `${view}/sources`, `${view}/sources?group=address`, `${view}/sources/198.51.100.1`, `${view}/decisions`,
    `${view}/reporters`, `${view}/reporters?page=2`, `${view}/dkim`, `${view}/dkim?page=2`, `${view}/spf`, `${view}/plausibility`, `${view}/receipts?day=2026-03-20`, `${view}/reports`, `${view}/reports?page=2`, `${view}/setup`,
    `${view}/summary`, `${view}/summary?period=monthly`, `${view}?split=flow`, `${view}?split=disposition`, `${view}?split=service`,
  ]) {
    await safe(path);
  }
  // Names of reporters in the legend, the tips and the table of a chart, cut where they are long.
  const reporters = await safe(`${view}?split=reporter`);
  const legend = (await page.locator(".legend bdi").allTextContents()).filter((name) => name !== "others");
  assert.equal(legend.length, 5);
  for (const name of legend) {
    const start = name.replace(/…$/, "");
    assert.ok(attacks.some(({ payload }) => shown(payload).trim().startsWith(start.trim())), name);
    assert.ok(reporters.split(name).length > 2, `${name} heads a column, too`);
  }
  // Inside of what could not be read, and in the history of a record.
  await safe("/intake");
  const inside = await page.locator("tbody a[href^='/intake/']").evaluateAll((all) => [...new Set(all.map((one) => new URL(one.href).pathname))]);
  assert.ok(inside.length >= 20, `${inside.length} messages`);
  let insides = "";
  for (const path of inside) insides += await safe(path);
  assert.ok(attacks.filter(({ payload }) => insides.includes(shown(payload))).length >= 10, "the insides are shown");
  const history = await safe(`${view}/setup`);
  const words = attacks.filter(({ payload }) => !/\s/.test(payload) && history.includes(shown(payload)));
  assert.ok(words.length >= 10, `${words.length} in the history`);
  const decided = (await safe(`${view}/decisions`)) + (await safe(`${view}/decisions?page=2`));
  const decisions = attacks.filter(({ decided }) => decided);
  assert.ok(decisions.length > 20, `${decisions.length} decisions`);
  for (const { payload } of decisions) assert.ok(decided.split(shown(payload)).length > 2, `${JSON.stringify(payload)} is in the list of decisions`);
  const listed = (await safe(`${view}/reports`)) + (await safe(`${view}/reports?page=2`)) + (await safe(`${view}/reports?page=3`));
  for (const { payload } of attacks) assert.ok(listed.includes(shown(payload)), `${JSON.stringify(payload)} is in the list of reports`);

  // Findings and notes, channels and what is sent to them.
  let found = await safe("/alerts");
  const targets = await page.locator("main a[href^='/alerts/']").evaluateAll((all) => all.map((one) => new URL(one.href).pathname));
  assert.ok(targets.filter((path) => !path.includes("/new/")).length > 15, `${targets}`);
  for (const state of ["open", "snoozed", "ended"]) {
    let next = `/alerts?state=${state}`;
    while (next) {
      found += await safe(next);
      const more = page.locator("a[rel=next]");
      next = (await more.count()) > 0 ? await more.getAttribute("href") : undefined;
    }
  }
  const plain = attacks.filter(({ payload }) => shown(payload) === payload);
  assert.ok(plain.length > 50);
  for (const { payload } of plain) assert.ok(found.includes(payload), `${JSON.stringify(payload)} is in the list of findings`);
  let sent = "";
  for (const path of targets) sent += await safe(path);
  // Events of the last reports have signs that are written out; those before do not.
  const hook = targets.find((path) => /webhook\/\d+$/.test(path));
  for (let number = 2; number <= 9; number++) sent += await safe(`${hook}?page=${number}`);
  assert.ok(plain.filter(({ payload }) => sent.includes(JSON.stringify(payload).slice(1, -1))).length > 15, "requests are shown");

  // The text of a digest on the page, and its HTML as a browser shows it, which is the only one that has a style of its own.
  const digests = targets.filter((path) => path.includes("/digest/dg_"));
  assert.equal(digests.length, 20);
  const preview = await safe(`${digests[0]}/preview`);
  const answer = await fetch(`${origin}${digests[0].replace("/alerts/digest", "/digests")}/preview`, { headers: { authorization: `Bearer ${key}` } });
  assert.equal(answer.status, 200);
  const letter = await context.newPage();
  await letter.addInitScript(() => { globalThis.attacked = []; });
  const read = watch(letter, origin);
  /** What a browser makes of the HTML of a mail: attributes that run, elements that load or run, and its text. */
  const opened = async (html) => {
    await letter.goto("about:blank");
    await letter.setContent(html);
    return letter.evaluate(() => ({
      attacked: globalThis.attacked,
      foreign: document.querySelectorAll(
        "script, iframe, object, embed, img, link, base, svg, math, video, audio, marquee, template, textarea, form, input, body style, body body").length,
      handlers: [...document.querySelectorAll("*")].filter((one) => [...one.attributes].some((attribute) => attribute.name.startsWith("on"))).length,
      links: [...document.querySelectorAll("a")].filter((one) => !["http:", "https:"].includes(new URL(one.href).protocol)).length,
      text: document.body.textContent,
    }));
  };
  const { html } = await answer.json();
  const mail = await opened(html);
  assert.deepEqual([mail.attacked, mail.foreign, mail.handlers, mail.links], [[], 0, 0, 0]);
  read.clean();
  for (const said of [preview, mail.text]) assert.doesNotMatch(said, /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
  // The same look finds an attack that is markup.
  const attacked = await opened(html.replace("</body>", "<img src=x onerror=attacked.push(1)></body>"));
  assert.deepEqual([attacked.foreign, attacked.handlers], [1, 1]);
  await letter.close();

  // What comes back in an address is text as well.
  for (const { payload } of attacks) {
    await safe(`${view}/reports?org=${encodeURIComponent(payload)}`);
    await safe(`/?search=${encodeURIComponent(payload)}`);
  }
});
