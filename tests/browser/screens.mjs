// Pictures of pages, light and dark, wide and slim: node tests/browser/screens.mjs ORIGIN KEY FOLDER [PATH...]
// A path may have {id} for the first domain.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { signIn, withBrowser } from "./browser.mjs";

const [origin, key, folder, ...paths] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

for (const scheme of ["light", "dark"]) {
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    await withBrowser({ viewport: { width, height }, colorScheme: scheme }, async (context) => {
      const page = context.pages()[0];
      const take = async (name) => {
        const file = join(folder, `${name}-${scheme}-${width > 600 ? "wide" : "phone"}.png`);
        await page.screenshot({ path: file, fullPage: true });
      };
      await page.goto(`${origin}/sign-in`);
      await take("sign-in");
      await signIn(page, origin, key);
      const first = await page.locator("table a[href^='/view/']").first().getAttribute("href");
      const all = paths.length > 0 ? paths : [
        "/", "/add", "/intake", "{id}", "{id}/sources", "{id}/sources?group=address", "{id}/reporters", "{id}/dkim", "{id}/spf",
        "{id}/reports", "{id}/setup", "{id}/settings", "{id}/delete", "{id}?days=365", "{id}?from=2020-01-01&to=2020-01-31", "source", "report",
      ];
      for (const path of all) {
        if (path === "source" || path === "report") {
          await page.goto(`${origin}${first}/${path}s?group=address`);
          await page.locator(`tbody th a[href*='/${path}s/']`).first().click();
          await page.waitForURL(`**/${path}s/*`);
          await take(path);
          continue;
        }
        await page.goto(origin + path.replace("{id}", first));
        await take(path.replace("{id}", "domain").replaceAll(/[^a-z0-9]+/g, "-").replace(/^-$/, "overview"));
      }
    });
  }
}
