// The functions of M's standard library that the template uses, after Microsoft's reference.
// What the reference does not allow fails here too: an unknown column, a text that is no number.
import { days, Fields, MError, Moment, record, startOfDay, Table } from "./values.js";

const EXPECTED_CSV = { Delimiter: ",", Encoding: 65001, QuoteStyle: "QuoteStyle.Csv" };

const wrap = (value) => {
  if (Array.isArray(value)) return value.map(wrap);
  if (value === null || typeof value !== "object") return value;
  return record(
    Object.fromEntries(Object.entries(value).map(([name, each]) => [name, wrap(each)])),
  );
};

async function mapped(list, transform) {
  const values = [];
  for (const each of list) values.push(await transform(each));
  return values;
}

// Reads RFC 4180: a quoted value can have commas, quotes and line breaks.
function parseCsv(text) {
  const rows = [];
  const pattern = /("(?:[^"]|"")*"|[^,\n]*)(,|\n|$)/gy;
  let row = [];
  for (const [, value, end] of text.matchAll(pattern)) {
    if (end === "" && value === "" && !row.length) break;
    row.push(value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value);
    if (end === ",") continue;
    rows.push(row);
    row = [];
    if (end === "") break;
  }
  return rows;
}

function placesOf(table, names) {
  return names.map((name) => {
    const place = table.columns.indexOf(name);
    if (place < 0) throw new MError(`The column ${name} was not found`);
    return place;
  });
}

function withColumns(table, names, change) {
  const places = placesOf(table, names);
  const rows = table.rows.map((row) => {
    const copy = [...row];
    for (const [index, place] of places.entries()) copy[place] = change(copy[place], index);
    return copy;
  });
  return new Table(table.columns, rows);
}

function toNumber(value) {
  if (value === null || typeof value === "number") return value;
  // An empty text is an error here, because the reference does not say what it becomes.
  if (!/^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(value)) {
    throw new MError(`${value} cannot be converted to a number`);
  }
  return Number(value);
}

function fromText(kind, pattern) {
  return (text) => {
    if (text === null) return null;
    if (!pattern.test(text)) throw new MError(`${text} is not a ${kind}`);
    return new Moment(kind, Date.parse(text));
  };
}

const lists = {
  "List.Transform": mapped,
  "List.Combine": (each) => each.flat(),
  "List.Select": async (list, condition) => {
    const kept = await mapped(list, condition);
    return list.filter((_, place) => kept[place]);
  },
  "Text.Combine": (texts, separator = "") => texts.join(separator),
};

const moments = {
  "Date.From": (moment) => new Moment("date", startOfDay(moment.milliseconds)),
  "Date.AddDays": (date, number) => new Moment("date", date.milliseconds + days(number)),
  "Date.FromText": fromText("date", /^\d{4}-\d\d-\d\d$/),
  "DateTimeZone.FromText": fromText("datetimezone", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
  "DateTimeZone.UtcNow": () => new Moment("datetimezone", Date.now()),
  "Date.ToText": (date, format) => {
    if (date.kind !== "date" || format !== "yyyy-MM-dd") throw new MError("not supported here");
    return date.text;
  },
  "#datetime": (...parts) =>
    new Moment("datetime", Date.UTC(parts[0], parts[1] - 1, ...parts.slice(2))),
  "#duration": (...parts) => {
    const [day, hour, minute, second] = parts;
    return days(day) + ((hour * 60 + minute) * 60 + second) * 1000;
  },
};

const tables = {
  "Table.FromRecords": async (records, type = null) => {
    const columns = type?.columns ?? [...records[0].entries.keys()];
    const rows = await mapped(records, async (each) => {
      // A field that a record lacks is an error, and so is one that the table's type lacks.
      if (each.entries.size !== columns.length) throw new MError("The record has other fields");
      return mapped(columns, (name) => each.get(name));
    });
    return new Table(columns, rows);
  },
  "Table.ToRecords": (table) => table.toRecords(),
  "Table.PromoteHeaders": ({ rows }) => new Table(rows[0], rows.slice(1)),
  "Table.AddColumn": async (table, name, value) => {
    const values = await mapped(table.toRecords(), value);
    const rows = table.rows.map((row, place) => [...row, values[place]]);
    return new Table([...table.columns, name], rows);
  },
  "Table.Combine": (each) => {
    const columns = [...new Set(each.flatMap((table) => table.columns))];
    const rows = each.flatMap((table) => {
      const places = columns.map((name) => table.columns.indexOf(name));
      return table.rows.map((row) => places.map((place) => (place < 0 ? null : row[place])));
    });
    return new Table(columns, rows);
  },
  "Table.SelectColumns": (table, names, missing) => {
    if (missing !== "MissingField.UseNull") placesOf(table, names);
    const places = names.map((name) => table.columns.indexOf(name));
    const rows = table.rows.map((row) => places.map((place) => (place < 0 ? null : row[place])));
    return new Table(names, rows);
  },
  "Table.ReplaceValue": (table, old, replacement, replacer, names) => {
    if (replacer !== "Replacer.ReplaceValue") throw new MError("not supported here");
    return withColumns(table, names, (value) => (value === old ? replacement : value));
  },
  "Table.TransformColumnTypes": (table, types, culture) => {
    if (culture !== "en-US" || types.some(([, type]) => type !== "number")) {
      throw new MError("not supported here");
    }
    return withColumns(
      table,
      types.map(([name]) => name),
      toNumber,
    );
  },
  "Table.TransformColumns": async (table, operations) => {
    const [names, transforms] = [
      operations.map(([name]) => name),
      operations.map((each) => each[1]),
    ];
    const places = placesOf(table, names);
    const rows = await mapped(table.rows, async (row) => {
      const copy = [...row];
      for (const [index, place] of places.entries()) {
        copy[place] = await transforms[index](copy[place]);
      }
      return copy;
    });
    return new Table(table.columns, rows);
  },
};

const types = {
  "Value.Type": () => ({}),
  "Value.ReplaceType": (value) => value,
  "Type.AddTableKey": (type) => type,
};

const documents = {
  "Json.Document": async (response) => wrap(await response.json()),
  "Csv.Document": async (response, options) => {
    for (const [name, expected] of Object.entries(EXPECTED_CSV)) {
      if ((await options.get(name)) !== expected) throw new MError(`${name} is not ${expected}`);
    }
    const rows = parseCsv(await response.text());
    return new Table(
      rows[0].map((_, place) => `Column${place + 1}`),
      rows,
    );
  },
};

// Requests what Web.Contents would, and keeps the address of each request in `requested`.
function webContents(requested) {
  return async (address, options) => {
    const known = ["RelativePath", "Query", "Headers", "ManualCredentials"];
    for (const name of options.entries.keys()) {
      if (!known.includes(name)) throw new MError(`Web.Contents has no option ${name}`);
    }
    const url = new URL(`${address}/${await options.get("RelativePath")}`);
    const query = await options.get("Query");
    if (!(query instanceof Fields) && query.length) throw new MError("Query is not a record");
    for (const [name, value] of query.entries ?? []) {
      const text = await value();
      if (typeof text !== "string") throw new MError(`The parameter ${name} is not a text`);
      url.searchParams.set(name, text);
    }
    const headers = {};
    for (const [name, value] of (await options.get("Headers")).entries) {
      headers[name] = await value();
    }
    requested.push(url.href);
    const response = await fetch(url, { headers });
    if (!response.ok) throw new MError(`${url} responded with ${response.status}`);
    return response;
  };
}

// Returns the library by name. `key` is the connector's credential.
export function library(requested, key) {
  const constants = ["QuoteStyle.Csv", "MissingField.UseNull", "Replacer.ReplaceValue", "Uri.Type"];
  return new Map(
    Object.entries({
      ...lists,
      ...moments,
      ...tables,
      ...types,
      ...documents,
      ...Object.fromEntries(constants.map((name) => [name, name])),
      "Web.Contents": webContents(requested),
      "Extension.CurrentCredential": () => record({ AuthenticationKind: "Key", Key: key }),
    }),
  );
}
