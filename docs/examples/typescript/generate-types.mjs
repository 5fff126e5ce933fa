// Generates types/events.d.ts and types/api.d.ts from the published schemas.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { compile } from "json-schema-to-typescript";

mkdirSync(new URL("types/", import.meta.url), { recursive: true });
for (const name of ["events", "api"]) {
  const schema = JSON.parse(readFileSync(new URL(`../../schemas/${name}.json`, import.meta.url), "utf8"));
  // Conditions (if, else) have no counterpart in types: members that they require are optional.
  const text = await compile(schema, name, { unreachableDefinitions: true, additionalProperties: false });
  writeFileSync(new URL(`types/${name}.d.ts`, import.meta.url), text);
}
