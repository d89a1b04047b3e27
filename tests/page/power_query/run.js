// Runs the template as Excel or Power BI would, and prints its tables and requests as JSON.
// Usage: node run.js ADDRESS DAYS TABLE..., with the key in the environment variable KEY.
import { readFileSync } from "node:fs";
import { evaluate, parse, scopeOf, sectionScope } from "./evaluate.js";
import { library } from "./library.js";
import { plain } from "./values.js";

const FOLDER = new URL("../../../power-query/", import.meta.url);
const read = (name) => readFileSync(new URL(name, FOLDER), "utf8");
const [address, days, ...names] = process.argv.slice(2);
const key = process.env.KEY;

// A user writes the address and the number of days into the query, and makes the parameter Key.
async function query(requested) {
  const text = read("RoomReports.pq")
    .replace(/Address = ".*"/, `Address = "${address}"`)
    .replace(/Days = \d+/, `Days = ${days}`);
  const scope = scopeOf([...library(requested, null), ["Key", key]]);
  const tables = await evaluate(await parse(text), scope);
  return (name) => tables.get(name);
}

// Power BI calls the connector's function, and the model chooses tables from its value.
async function project(requested) {
  const connector = await parse(read("connector/RoomReports.pq"));
  const section = sectionScope(connector, scopeOf(library(requested, key)));
  const parameters = [
    ["Address", address],
    ["Days", Number(days)],
  ];
  const contents = await section.get("RoomReports.Contents");
  const scope = scopeOf([...parameters, ["RoomReports.Contents", contents]]);
  return async (name) => {
    const model = read(`RoomReports.SemanticModel/definition/tables/${name}.tmdl`);
    const [, expression] = model.match(/\n\t\tsource =\n([^]*)$/);
    return evaluate(await parse(expression), scope);
  };
}

const results = {};
for (const [form, open] of Object.entries({ query, project })) {
  const requested = [];
  const table = await open(requested);
  const tables = {};
  for (const name of names) tables[name] = await plain(await table(name));
  results[form] = { requested, tables };
}
console.log(JSON.stringify(results));
