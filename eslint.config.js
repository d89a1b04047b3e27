// Rules for the web page's JavaScript, and for the tests' evaluator of Power Query. The page's files are parts of one classic script: each names
// what it takes from the others ("global") and what it gives them ("exported") in its first lines.
import js from "@eslint/js";
import globals from "globals";

const PAGE = "functions/downloads/page/*.js";
const EVALUATOR = "tests/page/power_query/*.js";
// The whole script as functions/downloads/build_page.py builds it, read from standard input.
const WHOLE_SCRIPT = "page.js";

// Browser globals whose names are also common names of variables.
const CONFUSING_GLOBALS = ["event", "find", "length", "name", "open", "parent", "status", "top"];

const htmlProperties = ["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({
  property,
  message: "Use createElement, so that names in the reports are never read as HTML.",
}));

export default [
  {
    ignores: [
      "**/*",
      "!functions/",
      "!functions/**",
      "!tests/",
      "!tests/page/",
      "!tests/page/power_query/",
      "!tests/page/power_query/*",
      "!*.js",
    ],
  },
  js.configs.recommended,
  {
    files: ["eslint.config.js", EVALUATOR],
    languageOptions: { sourceType: "module", globals: globals.nodeBuiltin },
  },
  {
    files: [PAGE, WHOLE_SCRIPT],
    languageOptions: {
      sourceType: "script",
      globals: globals.browser,
      // The build puts "use strict" before the first part.
      parserOptions: { ecmaFeatures: { impliedStrict: true } },
    },
  },
  {
    files: [PAGE],
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      "arrow-body-style": "error",
      camelcase: ["error", { properties: "never", allow: ["^[a-z]+_[a-z_]+$"] }],
      complexity: ["error", 10],
      "consistent-return": "error",
      curly: ["error", "multi-line"],
      "default-case-last": "error",
      "dot-notation": "error",
      eqeqeq: "error",
      "func-style": ["error", "declaration", { allowArrowFunctions: true }],
      "max-depth": ["error", 3],
      "max-lines-per-function": ["error", { max: 60, skipComments: true }],
      "max-params": ["error", 5],
      "no-alert": "error",
      "no-console": "error",
      "no-else-return": "error",
      "no-eval": "error",
      "no-implicit-coercion": "error",
      "no-implied-eval": "error",
      "no-lonely-if": "error",
      "no-multi-assign": "error",
      "no-nested-ternary": "error",
      "no-new-func": "error",
      "no-param-reassign": "error",
      "no-promise-executor-return": "error",
      "no-restricted-globals": ["error", ...CONFUSING_GLOBALS],
      "no-restricted-properties": ["error", ...htmlProperties],
      "no-return-assign": "error",
      "no-script-url": "error",
      "no-sequences": "error",
      "no-shadow": ["error", { hoist: "all" }],
      "no-throw-literal": "error",
      "no-unneeded-ternary": "error",
      "no-unused-expressions": "error",
      "no-use-before-define": ["error", { functions: false }],
      "no-useless-concat": "error",
      "no-useless-return": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "one-var": ["error", "never"],
      "prefer-arrow-callback": "error",
      "prefer-const": "error",
      "prefer-destructuring": ["error", { VariableDeclarator: { array: false, object: true } }],
      "prefer-promise-reject-errors": "error",
      "prefer-rest-params": "error",
      "prefer-spread": "error",
      "prefer-template": "error",
      radix: "error",
      "require-await": "error",
      strict: ["error", "never"],
      yoda: "error",
    },
  },
  {
    // Without the comments' help: every name must be defined, and used, in the script.
    files: [WHOLE_SCRIPT],
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: "off" },
    rules: { "no-unused-vars": ["error", { vars: "all" }] },
  },
];
