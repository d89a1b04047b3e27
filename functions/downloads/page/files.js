"use strict";
// The list of files, newest first.

const PAGE = 25;

function fileRow(file) {
  const figures = `${rowsOf(file.rows)} · ${bytes(file.size)}`;
  return h("tr", {},
    h("th", { scope: "row" },
      h("a", { href: routeOfFile(file) }, windowName(file.start)),
      h("span", { className: "sub" }, `${sentence(file.report)} · ${file.region}`),
      h("span", { className: "sub narrow" }, figures)),
    h("td", {}, stateMark(file.state)),
    h("td", { className: "number wide" }, file.rows === null ? "–" : file.rows.toLocaleString("en-GB")),
    h("td", { className: "number wide" }, bytes(file.size)),
    h("td", { className: "wide when" }, stamp(file.exported_at)),
    h("td", { className: "actions" },
      action("Download", file, download, "small"),
      h("span", { className: "wide" }, action("Copy link", file, copyLink), action("Copy curl", file, copyCurl))),
  );
}

function fileTable() {
  const head = (text, className = "") => h("th", { scope: "col", className }, text);
  const body = h("tbody");
  const table = h("table", { className: "files" },
    h("caption", { className: "unseen" }, "Files, newest first"),
    h("thead", {}, h("tr", {}, head("Covers"), head("State"), head("Rows", "number wide"),
      head("Size", "number wide"), head("Exported", "wide"), head("Get it"))), body);
  return { table, body };
}

function emptyFiles(filters) {
  const filtered = filters.report !== ANY || filters.region !== ANY || filters.from || filters.to;
  if (!filtered) {
    return h("p", { className: "empty" }, h("strong", {}, "No files yet."),
      " The first ones come with the exporter's next run.");
  }
  const clear = h("button", { type: "button" }, "Clear the filters");
  clear.addEventListener("click", () => byId("clear").click());
  return h("p", { className: "empty" }, h("strong", {}, "No files here."),
    " Nothing was exported that matches the filters. ", clear);
}

// Loads page after page into the list; each call of `next` is one page.
function listing(filters, signal) {
  const { table, body } = fileTable();
  const more = byId("more");
  let cursor = "";
  byId("files").replaceChildren(h("p", { className: "empty", "aria-busy": "true" }, "Loading the files…"));
  more.hidden = true;
  return async () => {
    const asked = Object.fromEntries(Object.entries(filters).filter(([, value]) => value && value !== ANY));
    if (asked.to) asked.to = shifted(asked.to, 1);
    const page = await ask("exports", { ...asked, limit: PAGE, cursor }, signal);
    const first = body.rows.length;
    body.append(...page.exports.map(fileRow));
    byId("files").replaceChildren(body.rows.length ? table : emptyFiles(filters));
    if (first) body.rows[first]?.querySelector("a").focus();
    cursor = page.next_cursor;
    more.hidden = !cursor;
  };
}
