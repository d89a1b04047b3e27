// The values of M that the evaluator needs beside those of JavaScript: records, tables and moments.

const DAY = 86_400_000;

export class MError extends Error {}

// A record: each field is evaluated when it is first read.
export class Fields {
  constructor(entries) {
    this.entries = entries;
  }

  async get(name) {
    if (!this.entries.has(name)) throw new MError(`The record has no field ${name}`);
    return this.entries.get(name)();
  }
}

export const record = (object) =>
  new Fields(new Map(Object.entries(object).map(([name, value]) => [name, () => value])));

// A table: the names of its columns, and its rows as arrays.
export class Table {
  constructor(columns, rows) {
    this.columns = columns;
    this.rows = rows;
  }

  toRecords() {
    return this.rows.map((row) =>
      record(Object.fromEntries(this.columns.map((name, place) => [name, row[place]]))),
    );
  }
}

// A date, a time without a zone, or a point in time, as milliseconds since 1970.
export class Moment {
  constructor(kind, milliseconds) {
    this.kind = kind;
    this.milliseconds = milliseconds;
  }

  get text() {
    const iso = new Date(this.milliseconds).toISOString();
    return this.kind === "date" ? iso.slice(0, 10) : iso;
  }
}

export const startOfDay = (milliseconds) => milliseconds - (milliseconds % DAY);
export const days = (number) => number * DAY;

// Returns a value as JSON, for the tests.
export async function plain(value) {
  if (value instanceof Moment) return value.text;
  if (value instanceof Table) {
    return { columns: value.columns, rows: await Promise.all(value.rows.map(plain)) };
  }
  if (value instanceof Fields) {
    const names = [...value.entries.keys()];
    const values = await Promise.all(names.map(async (name) => plain(await value.get(name))));
    return Object.fromEntries(names.map((name, place) => [name, values[place]]));
  }
  return Array.isArray(value) ? Promise.all(value.map(plain)) : value;
}
