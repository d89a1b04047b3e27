// The dialog with the details of one file.
/* global actionButton, byId, config, copyCurl, copyLink, createElement, displayName,
   downloadFile, exportPath, formatLinkLifetime, formatNumber, formatSize, formatTimestamp,
   formatWindow, requestJson, showError, stateMark, STATES, toDate */
/* exported dialog, showDetail */

const dialog = byId("detail");
let loadingDetail = new AbortController();

function detailHeading(file) {
  const close = createElement(
    "button",
    { type: "button", className: "quiet", "aria-label": "Close" },
    "✕",
  );
  close.addEventListener("click", () => dialog.close());
  // The route comes from the address, so its report and start can be anything.
  const report = config.reports.includes(file.report) ? displayName(file.report) : file.report;
  const isDate = !Number.isNaN(toDate(file.start).getTime());
  const title = isDate ? formatWindow(file.start) : file.start;
  const subtitle = createElement("p", { className: "sub" }, `${report} · ${file.region}`);
  return [
    createElement("div", { className: "heading" }, subtitle, close),
    createElement("h2", { id: "detail-title" }, title),
  ];
}

function factList(file) {
  const fact = (name, ...value) => [
    createElement("dt", {}, name),
    createElement("dd", {}, ...value),
  ];
  const code = (text) => createElement("code", {}, text);
  const explanation = createElement("span", { className: "sub" }, STATES[file.state].detail);
  return createElement(
    "dl",
    {},
    fact("State", stateMark(file.state), explanation),
    fact("Window", `${formatTimestamp(file.window_start)} to ${formatTimestamp(file.window_end)}`),
    fact("Rows", file.rows === null ? "unknown" : formatNumber(file.rows)),
    fact("Size", `${formatSize(file.size)} (${formatNumber(file.size)} bytes)`),
    fact("Exported", formatTimestamp(file.exported_at)),
    fact("File", code(file.file_name)),
    fact("SHA-256", code(file.sha256 ?? "unknown")),
  );
}

function filtersNote(file) {
  if (file.filters_current !== false) return [];
  const note =
    "This file was made with other filters than those that are configured now, so it can have more or fewer rows than newer files.";
  return [createElement("p", { className: "note" }, note)];
}

function privacyNote(file) {
  if (file.privacy_current !== false) return [];
  const note =
    "This file was made with other privacy settings than those that are configured now, so its columns about people can have other values than in newer files.";
  return [createElement("p", { className: "note" }, note)];
}

function fileContent(file) {
  const note = `A copied link works for ${formatLinkLifetime()}, for anyone who has it. To share this file with someone who has an API key, send the address of this page.`;
  return [
    factList(file),
    ...filtersNote(file),
    ...privacyNote(file),
    createElement(
      "div",
      { className: "buttons" },
      actionButton("Download", file, downloadFile, "primary"),
      actionButton("Copy link", file, copyLink, ""),
      actionButton("Copy curl", file, copyCurl, ""),
    ),
    createElement("p", { className: "note" }, note),
  ];
}

function errorContent(error, file) {
  const banner = createElement("p", { className: "banner" }, error.message);
  if (error.kind === "missing") {
    const advice =
      "The exporter retries missing windows in each run. If the file stays missing, contact the administrator of the room reports.";
    return [banner, createElement("p", {}, advice)];
  }
  const retry = createElement("button", { type: "button" }, "Try again");
  retry.addEventListener("click", () => showDetail(file));
  return [banner, retry];
}

async function showDetail(file) {
  loadingDetail.abort();
  loadingDetail = new AbortController();
  const { signal } = loadingDetail;
  const heading = detailHeading(file);
  const showContent = (...content) => dialog.replaceChildren(...heading, ...content);
  showContent(createElement("p", { className: "empty", "aria-busy": "true" }, "Loading…"));
  if (!dialog.open) dialog.showModal();
  try {
    const found = await requestJson(exportPath(file), {}, signal);
    if (!signal.aborted) showContent(...fileContent(found));
  } catch (error) {
    if (signal.aborted) return;
    if (error.kind === "key") {
      dialog.close();
      showError(error);
    } else showContent(...errorContent(error, file));
  }
}

dialog.addEventListener("close", () => {
  // It comes a task later, when the dialog may show another file already.
  if (!dialog.open) loadingDetail.abort();
});
dialog.addEventListener("click", ({ target }) => {
  if (target === dialog) dialog.close();
});
