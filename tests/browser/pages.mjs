// What must hold on every page, whatever is done on it.
import assert from "node:assert/strict";
import { axe } from "./browser.mjs";

/** Watches a page: errors on its console, dialogs, and requests that go elsewhere. */
export function watch(page, origin) {
  const wrong = [];
  page.on("console", (message) => {
    // A form that was refused is answered with its status, which Chromium calls an error.
    const refused = /Failed to load resource: the server responded with a status of 4\d\d/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !refused) wrong.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`error: ${error}`));
  page.on("dialog", (dialog) => { wrong.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && url.protocol !== "data:") wrong.push(`request: ${url}`);
  });
  return {
    /** Nothing went wrong until now. */
    clean: () => assert.deepEqual(wrong, []),
    wrong,
  };
}

// Rules that axe-core has and leaves out unless they are asked for. Those of WCAG's level AAA stay out.
const MORE = ["target-size", "css-orientation-lock", "label-content-name-mismatch", "p-as-heading", "table-fake-caption", "td-has-header"];
/** Those whose findings depend on colours, and those that depend on where things are. */
export const COLOURS = ["color-contrast", "link-in-text-block"];
export const LAYOUT = ["target-size", "scrollable-region-focusable", "css-orientation-lock"];

/** What axe-core finds on the page that is shown, of every level from minor to critical; `only` names the rules that are asked. */
export async function accessible(page, only) {
  const session = await page.context().newCDPSession(page);
  const run = async (expression) => {
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    assert.equal(exceptionDetails, undefined);
    return result.value;
  };
  if (!(await run(`"axe" in globalThis`))) await run(`${axe}; undefined`);
  const options = only
    ? { runOnly: only }
    : { rules: Object.fromEntries(MORE.map((rule) => [rule, { enabled: true }])) };
  const found = await run(`axe.run(document, ${JSON.stringify({ ...options, resultTypes: ["violations"] })}).then((all) => ({
    passes: all.passes.length,
    found: all.violations.map((one) => one.id + " (" + one.impact + "): " +
      one.nodes.map((node) => node.html.slice(0, 200) + " " + node.failureSummary).join(" | ")),
  }))`);
  await session.detach();
  assert.ok(only || found.passes > 5, "axe looked at something");
  return found.found;
}

/** Text as the page shows it: what cannot be seen is written out. */
export function shown(text) {
  return [...text].map((sign) => {
    const unseen = /[\p{Cc}\p{Cf}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u2028\u2029\u3164\ufe00-\ufe0f\uffa0]/u.test(sign);
    return unseen ? `U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}` : sign;
  }).join("");
}
