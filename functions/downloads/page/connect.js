"use strict";
// How other programs get the files.

const TOOLS = {
  curl: (file) => `read -rs KEY    # paste the key; it is not shown and not in the history
${curlCommand(file)}`,
  "Excel, Power BI": (file) => `// Data > Get Data > Blank Query > Advanced Editor; access: Anonymous.
// Make "Key" a parameter, so that the query can be shared without it.
let
    Source = Web.Contents("${BASE.replace(/\/$/, "")}", [
        RelativePath = "${exportPath(file)}.csv",
        Headers = [#"x-api-key" = Key]
    ]),
    Rows = Csv.Document(Source, [Delimiter = ",", Encoding = 65001, QuoteStyle = QuoteStyle.Csv]),
    Table = Table.PromoteHeaders(Rows)
in
    Table`,
  PowerShell: (file) => `$key = Read-Host "API key" -MaskInput
Invoke-WebRequest -Headers @{ "x-api-key" = $key } -OutFile ${fileName(file)} \`
  -Uri "${fileAddress(file)}"`,
  pandas: (file) => `import os
import pandas as pd

table = pd.read_csv(
    "${fileAddress(file)}",
    storage_options={"x-api-key": os.environ["KEY"]},
)`,
  R: (file) => `address <- "${fileAddress(file)}"
download.file(address, "${fileName(file)}", mode = "wb",
              headers = c("x-api-key" = Sys.getenv("KEY")))
table <- read.csv("${fileName(file)}", encoding = "UTF-8")`,
};

let chosenTool = Object.keys(TOOLS)[0];

function showConnect(filters) {
  const [series] = seriesOf(filters);
  const file = { ...series, start: LATEST };
  const tab = (name, index) => h("button", {
    type: "button", role: "tab", id: `tool-${index}`, "aria-controls": "tool",
    "aria-selected": String(name === chosenTool), tabIndex: name === chosenTool ? 0 : -1,
  }, name);
  const tabs = Object.keys(TOOLS).map(tab);
  const text = TOOLS[chosenTool](file);
  const copied = h("button", { type: "button", className: "small" }, "Copy");
  copied.addEventListener("click", () => copy(text, () => "Copied."));
  byId("tools").replaceChildren(...tabs);
  byId("tool").replaceChildren(h("pre", { tabIndex: 0, role: "region", "aria-label": `Example for ${chosenTool}` }, h("code", {}, text)), copied);
  byId("tool").setAttribute("aria-labelledby", tabs.find((each) => each.tabIndex === 0).id);
  const choose = (index) => {
    chosenTool = Object.keys(TOOLS).at(index % tabs.length);
    showConnect(filters);
    byId("tools").querySelector("[tabindex='0']").focus();
  };
  tabs.forEach((each, index) => {
    each.addEventListener("click", () => choose(index));
    each.addEventListener("keydown", ({ key }) => {
      if (key === "ArrowRight") choose(index + 1);
      if (key === "ArrowLeft") choose(index - 1);
    });
  });
}
