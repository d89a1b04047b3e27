"use strict";
// The address after the #: #/report/region/granularity/start?from=&to=, where * is any.

const ANY = "*";
const DATE = /^20\d\d-\d\d-\d\d$/;

function parseRoute(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [report, region, granularity, start] = path.split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return "";
    }
  });
  const parameters = new URLSearchParams(query);
  const date = (name) => (DATE.test(parameters.get(name)) ? parameters.get(name) : "");
  const known = (value, choices, fallback) => (choices.includes(value) ? value : fallback);
  const any = (choices) => (choices.length > 1 ? ANY : choices[0]);
  const filters = {
    report: known(report, config.reports, any(config.reports)),
    region: known(region, config.regions, any(config.regions)),
    granularity: known(granularity, ["day", "hour"], config.granularities[0]),
    from: date("from"),
    to: date("to"),
  };
  return { filters, file: start ? { report, region, granularity, start } : null };
}

function routeOf({ report, region, granularity, from, to }) {
  const query = new URLSearchParams(Object.entries({ from, to }).filter(([, value]) => value));
  const path = [report, region, granularity].map(encodeURIComponent).join("/");
  return `#/${path}${query.size ? `?${query}` : ""}`;
}

const routeOfFile = ({ report, region, granularity, start }) =>
  `#/${[report, region, granularity, start].map(encodeURIComponent).join("/")}`;

// The series that the filters leave, report by report.
function seriesOf({ report, region, granularity }) {
  const reports = report === ANY ? config.reports : [report];
  const regions = region === ANY ? config.regions : [region];
  return reports.flatMap((slug) =>
    regions.map((name) => ({ report: slug, region: name, granularity })),
  );
}
