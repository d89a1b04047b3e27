// All files of a series in a range of days, as one file.
/* global addDays, ApiError, BYTE_ORDER_MARK, columnsOf, countRows, fetchHeader, fetchVerified,
   formatWindow, hasFile, LINE_END, requestJson, rowsInColumns, splitHeader */
/* exported joinRange, missingRuns, planRange, rangeFileName */

// The API returns the coverage of at most 400 days at once.
const COVERAGE_DAYS = 366;
const MAX_FILES_AHEAD = 4;
const MAX_BYTES_AHEAD = 32_000_000;

// Returns what the range has: its files, oldest first, and the windows that have none.
async function planRange({ report, region, granularity, from, to }, signal) {
  const windows = [];
  for (let start = from; start <= to; start = addDays(start, COVERAGE_DAYS)) {
    const last = addDays(start, COVERAGE_DAYS - 1);
    const response = await requestJson(
      "coverage",
      { report, region, granularity, from: start, to: addDays(last < to ? last : to, 1) },
      signal,
    );
    windows.push(...response.windows);
  }
  const files = windows
    .filter(hasFile)
    .map((window) => ({ ...window, report, region, granularity }));
  return { windows, files, size: files.reduce((sum, file) => sum + file.size, 0) };
}

// Returns the first and the last window, and the number, of each run of windows without a file.
function missingRuns(windows) {
  const runs = [];
  let previous = "";
  for (const { start, state } of windows) {
    if (!hasFile({ state })) {
      if (previous !== state) runs.push({ first: start, count: 0, state });
      Object.assign(runs.at(-1), { last: start, count: runs.at(-1).count + 1 });
    }
    previous = state;
  }
  return runs;
}

function rangeFileName({ report, region, granularity, from, to, excel }) {
  const hours = granularity === "hour" ? "_hours" : "";
  return `${report}_${region}${hours}_${from}_to_${to}${excel ? "_excel" : ""}.csv`;
}

// Yields each file in order. Some that follow are fetched meanwhile, as far as memory allows.
async function* fetchInOrder(files, signal, onBytes) {
  const running = [];
  let next = 0;
  let ahead = 0;
  const hasRoom = () =>
    next < files.length &&
    running.length < MAX_FILES_AHEAD &&
    (running.length === 0 || ahead + files[next].size <= MAX_BYTES_AHEAD);
  while (next < files.length || running.length) {
    while (hasRoom()) {
      const content = fetchVerified(files[next], signal, onBytes);
      // A failure is handled when it is this file's turn.
      content.catch(() => {});
      running.push({ size: files[next].size, content });
      ahead += files[next].size;
      next += 1;
    }
    const first = running.shift();
    yield await first.content;
    ahead -= first.size;
  }
}

function rowsFor(columns, file, { header, rows }) {
  const own = columnsOf(header);
  const unknown = own.filter((column) => !columns.includes(column));
  if (unknown.length) {
    throw new ApiError(
      "other",
      `The file of ${formatWindow(file.start)} has a column that the newest file of the range does not have: ${unknown.join(", ")}. Download the time before and the time after the change as two files.`,
    );
  }
  return rowsInColumns(rows, own, columns);
}

// Writes the files to `sink`: one header, then the rows of each file, oldest first. The columns are
// those of the newest file; Kaltura adds columns, so that older files can have fewer.
async function joinRange({ files, excel }, sink, signal, onProgress) {
  const done = { files: 0, bytes: 0, rows: 0, unchecked: 0, otherFilters: 0 };
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const report = () => onProgress({ ...done });
  const onBytes = (size) => {
    done.bytes += size;
    report();
  };
  try {
    const { header } = splitHeader(await fetchHeader(files.at(-1), either, LINE_END));
    const columns = columnsOf(header);
    if (excel) await sink.write(BYTE_ORDER_MARK);
    await sink.write(new TextEncoder().encode(`${header}\n`));
    for await (const { described, bytes } of fetchInOrder(files, either, onBytes)) {
      const content = splitHeader(bytes);
      const same = content.header === header;
      await sink.write(same ? content.rows : rowsFor(columns, described, content));
      done.files += 1;
      done.rows += countRows(content.rows);
      done.unchecked += Number(described.sha256 === null);
      done.otherFilters += Number(described.filters_current === false);
      report();
    }
    either.throwIfAborted();
  } finally {
    stop.abort();
  }
  return done;
}
