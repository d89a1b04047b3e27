// Examples for other programs.
/* global BASE_URL, byId, copyText, createElement, csvAddress, curlCommand, exportPath, fileName,
   LATEST, matchingSeries */
/* exported showExamples */

const EXAMPLES = {
  curl: (file) => `read -rs KEY    # paste the key; it is not displayed and not in the shell history
${curlCommand(file)}`,
  "Excel, Power BI": (
    file,
  ) => `// Data > Get Data > Blank Query > Advanced Editor; access: Anonymous.
// Make "Key" a parameter, so that you can share the query without the key.
let
    Source = Web.Contents("${BASE_URL.replace(/\/$/, "")}", [
        RelativePath = "${exportPath(file)}.csv",
        Headers = [#"x-api-key" = Key]
    ]),
    Rows = Csv.Document(Source, [Delimiter = ",", Encoding = 65001, QuoteStyle = QuoteStyle.Csv]),
    Table = Table.PromoteHeaders(Rows)
in
    Table`,
  PowerShell: (file) => `$key = Read-Host "API key" -MaskInput
Invoke-WebRequest -Headers @{ "x-api-key" = $key } -OutFile ${fileName(file)} \`
  -Uri "${csvAddress(file)}"`,
  pandas: (file) => `import os
import pandas as pd

table = pd.read_csv(
    "${csvAddress(file)}",
    storage_options={"x-api-key": os.environ["KEY"]},
)`,
  R: (file) => `address <- "${csvAddress(file)}"
download.file(address, "${fileName(file)}", mode = "wb",
              headers = c("x-api-key" = Sys.getenv("KEY")))
table <- read.csv("${fileName(file)}", encoding = "UTF-8")`,
};
const TOOLS = Object.keys(EXAMPLES);

let [selectedTool] = TOOLS;

function toolTab(tool, index) {
  const selected = tool === selectedTool;
  return createElement(
    "button",
    {
      type: "button",
      role: "tab",
      id: `tool-${index}`,
      "aria-controls": "tool",
      "aria-selected": String(selected),
      tabIndex: selected ? 0 : -1,
    },
    tool,
  );
}

function examplePanel(text) {
  const copy = createElement("button", { type: "button", className: "small" }, "Copy");
  copy.addEventListener("click", () => copyText(text, () => "Copied."));
  const example = createElement(
    "pre",
    { tabIndex: 0, role: "region", "aria-label": `Example for ${selectedTool}` },
    createElement("code", {}, text),
  );
  return [example, copy];
}

function showExamples(filters) {
  const [series] = matchingSeries(filters);
  const tabs = TOOLS.map(toolTab);
  byId("tools").replaceChildren(...tabs);
  byId("tool").replaceChildren(
    ...examplePanel(EXAMPLES[selectedTool]({ ...series, start: LATEST })),
  );
  byId("tool").setAttribute("aria-labelledby", tabs[TOOLS.indexOf(selectedTool)].id);
  const select = (index) => {
    selectedTool = TOOLS.at(index % TOOLS.length);
    showExamples(filters);
    byId("tools").querySelector("[tabindex='0']").focus();
  };
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => select(index));
    tab.addEventListener("keydown", ({ key }) => {
      if (key === "ArrowRight") select(index + 1);
      if (key === "ArrowLeft") select(index - 1);
    });
  }
}
