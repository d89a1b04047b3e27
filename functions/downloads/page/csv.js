// CSV files as bytes: their header lines, and their rows in the order of other columns.
/* exported BYTE_ORDER_MARK, columnsOf, countRows, LINE_END, rowsInColumns, splitHeader */

const BYTE_ORDER_MARK = new Uint8Array([0xef, 0xbb, 0xbf]);
const LINE_END = 0x0a;
// A byte order mark at the start of the rows would belong to a value.
const decodeText = (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

// A value as it is written, with its quotes if it has any, and the comma after it.
const VALUE = /("(?:[^"]|"")*"|[^,]*)(,|$)/y;

// Returns the values of a line as they are written. No value contains a line break.
function splitLine(line) {
  const values = [];
  VALUE.lastIndex = 0;
  for (let more = true; more;) {
    const [, value, comma] = VALUE.exec(line);
    values.push(value);
    more = comma === ",";
  }
  return values;
}

// Returns the header line as text, and the bytes of all rows.
function splitHeader(bytes) {
  const end = bytes.indexOf(LINE_END);
  const split = end < 0 ? bytes.length : end;
  return {
    header: decodeText(bytes.subarray(0, split)),
    rows: bytes.subarray(Math.min(split + 1, bytes.length)),
  };
}

const columnsOf = splitLine;

function countRows(rows) {
  let count = 0;
  for (const byte of rows) {
    if (byte === LINE_END) count += 1;
  }
  return count;
}

// Returns rows that have the columns `from` with the columns `to`; a column that they lack is empty.
function rowsInColumns(rows, from, to) {
  const places = to.map((column) => from.indexOf(column));
  const lines = decodeText(rows).split("\n");
  const reordered = lines.map((line, index) => {
    if (line === "" && index === lines.length - 1) return "";
    const values = splitLine(line);
    return places.map((place) => values[place] ?? "").join(",");
  });
  return new TextEncoder().encode(reordered.join("\n"));
}
