// Every page in every state that a visitor may have it in: node tests/browser/levels.mjs ORIGIN KEY FILE
// FILE is JSON: {view, report, failure, aside, targets, routes}, the last of which are all routes of the page that answer with HTML.
//
// | state                       | widths                | what is asked                                                        |
// |-----------------------------|-----------------------|----------------------------------------------------------------------|
// | light                       | 1440, 768, 390        | all rules of axe-core up to WCAG 2.2 AA, and its best practices       |
// | light                       | 1024                  | its rules that depend on layout or colours: no style begins below 832 |
// | dark                        | 1440, 1024, 768, 390  | its rules about colours: no other looks at them                      |
// | print                       | 1440                  | all rules; nothing to click is left on paper                         |
// | 200 % zoom (1440 and 780)   | 720, 390              | rules about layout; nothing is cut, touches or leaves the screen     |
// | without a script            | 1440                  | all rules                                                            |
// | keyboard alone              | 1440                  | Tab reaches everything, in sight and with a mark of the focus        |
// | reduced motion              | 1440                  | nothing moves                                                        |
//
// `looks.mjs` has the widths of 320 to 1440 with the longest figures. Two pages are gone through at a time, one per processor.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { signIn, withBrowser } from "./browser.mjs";
import { looks } from "./layout.mjs";
import { accessible, COLOURS, LAYOUT, watch } from "./pages.mjs";

const [origin, key, file] = process.argv.slice(2);
const { view, report, failure, aside, targets, routes } = JSON.parse(readFileSync(file, "utf8"));
const step = (name) => console.log(`-- ${name} (${Math.round(performance.now() / 1_000)} s)`);
const WIDTHS = [[1440, undefined], [1024, [...LAYOUT, ...COLOURS]], [768, undefined], [390, undefined]];

const below = [
  "", "?days=365", "?days=7&split=flow", "?split=disposition", "?days=abc", "/receipts?day=2026-03-20", "/sources", "/sources?group=address",
  "/sources/203.0.113.50", "/sources/192.0.2.99", "/decisions", "/reporters", "/plausibility", "/dkim", "/spf", "/reports",
  `/reports/${report}`, "/failure-reports", `/failure-reports/${failure}`, "/tls", "/setup", "/summary", "/settings", "/delete",
].map((path) => view + path);
const signedIn = [
  "/", "/?days=7&fold=organisation", "/?policy=reject", "/needs-attention", "/intake", "/intake?kind=all", `/intake/${aside}`, "/find", "/find?q=203.0.113.0/24",
  "/glossary", "/upload", "/add", "/keys", "/alerts", "/alerts?state=ended", "/alerts/new/webhook", "/alerts/new/email", "/alerts/new/digest", ...targets,
  "/no/such", ...below,
];
const outside = ["/sign-in", "/sign-in?next=%2F&lost=true", "/sign-in/AAAA", "/confirm/AAAA", "/unsubscribe/AAAA"];
const all = [...outside, ...signedIn];

step("no page is left out");
for (const route of routes) {
  if (route === "/signed-in") continue; // It only leads on.
  const pattern = new RegExp(`^${route.replaceAll(/\{[^}]+\}/g, "[^/?]+")}$`);
  assert.ok(all.some((path) => pattern.test(path.split("?")[0])), `${route} is looked at`);
}

/** Elements that Tab must reach on the page that is shown. */
function reachable() {
  const may = "a[href], button:not([disabled]), input:not([type=hidden]):not([disabled]), select, textarea, summary, [tabindex='0']";
  const radios = new Set();
  return [...document.querySelectorAll(may)].filter((one) => {
    if (!one.checkVisibility({ visibilityProperty: true })) return false;
    // Tab reaches a chart, and the arrow keys its bars.
    if (one.tabIndex === -1 && one.closest(".chart[tabindex='0']")) return false;
    // Of a group of choices Tab reaches one, and the arrow keys the others.
    if (one.type !== "radio") return true;
    const isFirst = !radios.has(one.name);
    radios.add(one.name);
    return isFirst;
  });
}

/** Goes through the page by Tab alone; returns what is out of reach, out of sight or not marked. */
async function byKeyboard(page) {
  const expected = await page.evaluate(`(() => {
    ${reachable}
    const reached = new Set();
    const wrong = [];
    const name = (one) => one.outerHTML.slice(0, 160);
    document.addEventListener("focusin", ({ target }) => {
      reached.add(target.type === "radio" ? target.name : target);
      const style = getComputedStyle(target);
      const box = target.getBoundingClientRect();
      if (style.outlineStyle === "none" || Number.parseFloat(style.outlineWidth) < 1) wrong.push("no mark of the focus: " + name(target));
      const isSeen = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
      if (!isSeen && box.width > 0) wrong.push("out of sight: " + name(target));
    });
    globalThis.walked = () => [
      ...wrong,
      ...reachable().filter((one) => !reached.has(one.type === "radio" ? one.name : one)).map((one) => "out of reach: " + name(one)),
    ];
    return reachable().length;
  })()`);
  assert.ok(expected > 0);
  // Tab goes through the parts of a date one by one.
  const dates = await page.locator("input[type=date]").count();
  for (let nth = 0; nth < expected + 3 * dates + 1; nth++) await page.keyboard.press("Tab");
  return page.evaluate(() => {
    const wrong = globalThis.walked();
    // What has the focus must not lie over the page in the other states, and these begin at its top.
    document.activeElement?.blur();
    scrollTo(0, 0);
    return wrong;
  });
}

/** Resolves once the page was drawn in its new size. */
function drawn() {
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}

/** Movements that the style of the page asks for. */
function movements() {
  const seconds = (text) => Math.max(...text.split(",").map((one) => Number.parseFloat(one)));
  return [...document.querySelectorAll("*")].filter((one) => {
    const style = getComputedStyle(one);
    return seconds(style.transitionDuration) > 0 || style.animationName !== "none" || style.scrollBehavior === "smooth";
  }).length;
}

const wrong = [];
const note = (where, found) => wrong.push(...found.map((one) => `${where}: ${one}`));

/** One page of the browser, with what it takes to bring it into each state. */
class Looker {
  constructor(page, session) {
    this.page = page;
    this.session = session;
    this.watched = watch(page, origin);
  }

  static async open(context) {
    const page = await context.newPage();
    return new Looker(page, await context.newCDPSession(page));
  }

  /** An address in all states that its page can be brought into after it was loaded. */
  async states(path) {
    const { page, session } = this;
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.emulateMedia({ media: "screen", colorScheme: "light", reducedMotion: "reduce" });
    await page.goto(origin + path);
    note(`${path}, by keyboard`, await byKeyboard(page));
    note(`${path}, reduced motion`, (await page.evaluate(movements)) > 0 ? ["something moves"] : []);
    for (const [width, rules] of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await page.evaluate(drawn);
      note(`${path} at ${width}`, await accessible(page, rules));
      await page.emulateMedia({ colorScheme: "dark" });
      note(`${path} at ${width}, dark`, await accessible(page, COLOURS));
      await page.emulateMedia({ colorScheme: "light" });
    }
    for (const width of [720, 390]) {
      await session.send("Emulation.setDeviceMetricsOverride", { width, height: 450, deviceScaleFactor: 2, mobile: false });
      note(`${path}, zoomed to ${width}`, [...(await page.evaluate(looks)), ...(await accessible(page, LAYOUT))]);
      await session.send("Emulation.clearDeviceMetricsOverride");
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.emulateMedia({ media: "print" });
    const clickable = await page.evaluate(() => [...document.querySelectorAll("button, input, select, nav.tabs")].filter((one) => one.checkVisibility()).length);
    note(`${path}, printed`, [...(await accessible(page)), ...(clickable > 0 ? [`${clickable} things to click`] : [])]);
  }

  async withoutScript(path) {
    const { page, session } = this;
    await page.emulateMedia({ media: "screen" });
    await session.send("Emulation.setScriptExecutionDisabled", { value: true });
    await page.goto(origin + path);
    await session.send("Emulation.setScriptExecutionDisabled", { value: false });
    if ((await page.locator("html.scripted").count()) > 0) note(path, ["a script ran"]);
    note(`${path}, without a script`, await accessible(page));
  }
}

const options = { viewport: { width: 1440, height: 900 }, colorScheme: "light", reducedMotion: "reduce", locale: "en-US" };
await withBrowser(options, async (context) => {
  const lookers = [await Looker.open(context), await Looker.open(context)];
  const { page } = lookers[0];
  /** Each address once, by whoever is free. */
  const each = async (paths, look) => {
    const left = [...paths];
    await Promise.all(lookers.map(async (looker) => {
      for (let path = left.shift(); path !== undefined; path = left.shift()) await look(looker, path);
    }));
  };
  const done = () => {
    assert.equal(wrong.length, 0, `${wrong.length} faults:\n${wrong.join("\n")}`);
    for (const { watched } of lookers) watched.clean();
  };

  step("before signing in");
  await each(outside, (looker, path) => looker.states(path));
  step("every page in every state");
  await page.emulateMedia({ media: "screen" });
  await signIn(page, origin, key);
  await each(signedIn, (looker, path) => looker.states(path));
  step("without a script");
  await each(all, (looker, path) => looker.withoutScript(path));
  done();

  step("what is wrong would be found");
  await page.goto(`${origin}/glossary`);
  const found = async (look, html) => {
    await page.evaluate((html) => {
      const more = document.createElement("div");
      more.id = "wrong";
      more.innerHTML = html;
      document.querySelector("main").append(more);
    }, html);
    const said = await look();
    await page.evaluate(() => document.getElementById("wrong").remove());
    return said.join("\n");
  };
  const rules = () => accessible(page);
  for (const [html, said] of [
    ["<h2></h2>", /empty-heading \(minor\)/], ["<h6>Deep</h6>", /heading-order \(moderate\)/], ["<svg role=img><circle r=2 /></svg>", /svg-img-alt \(serious\)/],
    ["<img src='/assets/none.svg'>", /image-alt \(critical\)/],
  ]) assert.match(await found(rules, html), said, html);
  await page.emulateMedia({ colorScheme: "dark" });
  assert.match(await found(() => accessible(page, COLOURS), "<p class='muted'><mark class='muted'>faint</mark></p>"), /color-contrast/);
  await page.emulateMedia({ colorScheme: "light" });
  assert.match(await found(() => byKeyboard(page), "<span tabindex=0 class=hidden>x</span><a href='/' tabindex=-1>never</a>"), /out of reach: <a href="\/" tabindex="-1"/);
  await page.goto(`${origin}/glossary`);
  await page.emulateMedia({ reducedMotion: "no-preference" });
  assert.ok((await page.evaluate(movements)) > 0, "with motion something moves");
});
