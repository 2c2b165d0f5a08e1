// Workflow files as the forge's own parser sees them: node tests/browser/workflows.mjs FILE...
// Prints each complaint on a line of its own, and ends with 1 if there is any.
import { readFileSync } from "node:fs";
import { register } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

// The package imports JSON without an attribute, which Node refuses: JSON is handed to it as a module.
register("data:text/javascript," + encodeURIComponent(`
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
export async function load(url, context, next) {
  if (!url.endsWith(".json")) return next(url, context);
  return { format: "module", shortCircuit: true, source: "export default " + readFileSync(fileURLToPath(url), "utf8") };
}`));
const modules = resolve(process.env.BROWSER_MODULES ?? "target/browser", "node_modules");
const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await import(
  pathToFileURL(resolve(modules, "@actions/workflow-parser/dist/index.js"))
);

let complaints = 0;
for (const name of process.argv.slice(2)) {
  const file = { name, content: readFileSync(name, "utf8") };
  const { context, value } = parseWorkflow(file, new NoOperationTraceWriter());
  if (value) await convertWorkflowTemplate(context, value);
  for (const error of context.errors.getErrors()) {
    console.log(error.message);
    complaints += 1;
  }
}
process.exit(complaints ? 1 : 0);
