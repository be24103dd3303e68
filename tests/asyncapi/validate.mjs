// Validates a document with AsyncAPI's own parser: node validate.mjs FILE. Run by `make asyncapi`.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const [file] = process.argv.slice(2);
const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
const severities = ["error", "warning", "information", "hint"];
for (const each of diagnostics) {
  console.log(`${severities[each.severity]}: ${each.path.join(".")}: ${each.message} (${each.code})`);
}
const channels = document === undefined ? "no" : document.channels().length;
const messages = document === undefined ? "no" : document.messages().length;
console.log(`${file}: ${channels} channels, ${messages} messages, ${diagnostics.length} diagnostics`);
process.exitCode = document !== undefined && diagnostics.every((each) => each.severity > 1) ? 0 : 1;
