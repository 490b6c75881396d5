// The official AsyncAPI parser over the files named: prints their errors as a JSON list.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const faults = [];
for (const file of process.argv.slice(2)) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"), { source: file });
  if (!document) faults.push(`${file}: no document`);
  for (const one of diagnostics) if (one.severity === 0) faults.push(`${file}: ${one.path.join(".")}: ${one.message}`);
}
console.log(JSON.stringify(faults));
