// The list of files, newest first.
/* global actionButton, addDays, ANY, byId, copyCurl, copyLink, createElement, displayName,
   downloadFile, formatNumber, formatRows, formatSize, formatTimestamp, formatWindow,
   requestJson, routeToFile, stateMark */
/* exported fileList */

const RESULT_PAGE_SIZE = 25;

function fileRow(file) {
  const cell = (className, ...content) => createElement("td", { className }, ...content);
  const subtitle = (className, text) => createElement("span", { className }, text);
  const title = createElement(
    "th",
    { scope: "row" },
    createElement("a", { href: routeToFile(file) }, formatWindow(file.start)),
    subtitle("sub", `${displayName(file.report)} · ${file.region}`),
    subtitle("sub narrow", `${formatRows(file.rows)} · ${formatSize(file.size)}`),
  );
  return createElement(
    "tr",
    {},
    title,
    cell("", stateMark(file.state)),
    cell("number wide", file.rows === null ? "–" : formatNumber(file.rows)),
    cell("number wide", formatSize(file.size)),
    cell("wide when", formatTimestamp(file.exported_at)),
    cell(
      "actions",
      actionButton("Download", file, downloadFile, "small"),
      createElement(
        "span",
        { className: "wide" },
        actionButton("Copy link", file, copyLink),
        actionButton("Copy curl", file, copyCurl),
      ),
    ),
  );
}

function fileTable() {
  const heading = (text, className = "") => createElement("th", { scope: "col", className }, text);
  const headings = createElement(
    "tr",
    {},
    heading("Window"),
    heading("State"),
    heading("Rows", "number wide"),
    heading("Size", "number wide"),
    heading("Exported", "wide"),
    heading("Actions"),
  );
  const body = createElement("tbody");
  const table = createElement(
    "table",
    { className: "files" },
    createElement("caption", { className: "visually-hidden" }, "Files, newest first"),
    createElement("thead", {}, headings),
    body,
  );
  return { table, body };
}

function emptyFileList(filters) {
  const message = (title, ...rest) =>
    createElement("p", { className: "empty" }, createElement("strong", {}, title), ...rest);
  const filtered = filters.report !== ANY || filters.region !== ANY || filters.from || filters.to;
  if (!filtered) {
    return message("No files yet.", " The first files appear after the exporter's next run.");
  }
  const clear = createElement("button", { type: "button" }, "Clear the filters");
  clear.addEventListener("click", () => byId("clear").click());
  return message("No files match the filters.", " ", clear);
}

// Prepares the list. Each call of the returned function loads one more result page into it.
function fileList(filters, signal) {
  const { table, body } = fileTable();
  const more = byId("more");
  let cursor = "";
  byId("files").replaceChildren(
    createElement("p", { className: "empty", "aria-busy": "true" }, "Loading the files…"),
  );
  more.hidden = true;
  return async () => {
    const parameters = Object.fromEntries(
      Object.entries(filters).filter(([, value]) => value && value !== ANY),
    );
    // The field "To" includes its day, the API's parameter does not.
    if (parameters.to) parameters.to = addDays(parameters.to, 1);
    const resultPage = await requestJson(
      "exports",
      { ...parameters, limit: RESULT_PAGE_SIZE, cursor },
      signal,
    );
    const previousRows = body.rows.length;
    body.append(...resultPage.exports.map(fileRow));
    byId("files").replaceChildren(body.rows.length ? table : emptyFileList(filters));
    if (previousRows) body.rows[previousRows]?.querySelector("a").focus();
    cursor = resultPage.next_cursor;
    more.hidden = !cursor;
  };
}
