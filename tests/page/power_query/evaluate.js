// Evaluates the M that the template uses: Microsoft's parser reads it, and this runs what it reads.
// Values are lazy, as in M: a binding or a field is evaluated once, when it is first used.
import PowerQueryParser from "@microsoft/powerquery-parser";
import { Fields, MError, Moment, plain, Table } from "./values.js";

const { DefaultSettings, TaskUtils } = PowerQueryParser;

export async function parse(text) {
  const { resultKind, ast, error } = await TaskUtils.tryLexParse(DefaultSettings, text);
  if (resultKind !== "Ok") throw new MError(error.message);
  return ast;
}

const nameOf = ({ literal }) => literal.replace(/^#"(.*)"$/s, "$1").replaceAll('""', '"');
const elements = (wrapped) => wrapped.content.elements.map(({ node }) => node);

function lazy(compute) {
  let value;
  return () => (value ??= compute());
}

class Scope {
  constructor(parent) {
    this.parent = parent;
    this.bindings = new Map();
  }

  async get(name) {
    if (this.bindings.has(name)) return this.bindings.get(name)();
    if (!this.parent) throw new MError(`The name ${name} does not exist`);
    return this.parent.get(name);
  }
}

// Binds pairs of a name and an expression, each of which sees the others, and not itself.
function bind(pairs, scope) {
  const inner = new Scope(scope);
  for (const { key, value } of pairs) {
    const name = nameOf(key);
    const others = new Scope(scope);
    others.bindings = new Proxy(inner.bindings, {
      get: (bindings, property) => {
        if (property === "has") return (each) => each !== name && bindings.has(each);
        return bindings[property].bind(bindings);
      },
    });
    inner.bindings.set(
      name,
      lazy(() => evaluate(value, others)),
    );
  }
  return inner;
}

function functionOf(names, body, scope) {
  return (...values) => {
    if (values.length > names.length) throw new MError("The function has fewer parameters");
    const inner = new Scope(scope);
    for (const [place, name] of names.entries()) {
      inner.bindings.set(name, () => values[place] ?? null);
    }
    return evaluate(body, inner);
  };
}

async function field(value, name) {
  if (value instanceof Fields) return value.get(name);
  throw new MError(`${name} is read from what is no record`);
}

async function item(value, selector) {
  if (value instanceof Table) {
    const wanted = await plain(selector);
    const found = [];
    for (const row of value.toRecords()) {
      const fields = await Promise.all(Object.keys(wanted).map((name) => row.get(name)));
      if (fields.every((each, place) => each === Object.values(wanted)[place])) found.push(row);
    }
    if (found.length !== 1) throw new MError(`${found.length} rows match`);
    return found[0];
  }
  if (selector >= value.length) throw new MError("There are not enough elements");
  return value[selector];
}

const operators = {
  "=": (left, right) => left === right,
  "<>": (left, right) => left !== right,
  "&": (left, right) => {
    if (typeof left !== "string" || typeof right !== "string") throw new MError("& of no texts");
    return left + right;
  },
  "+": (left, right) =>
    left instanceof Moment ? new Moment(left.kind, left.milliseconds + right) : left + right,
};

async function binary({ left, operatorConstant, right }, scope) {
  const kind = operatorConstant.constantKind;
  const first = await evaluate(left, scope);
  if (kind === "and") return first && evaluate(right, scope);
  if (!(kind in operators)) throw new MError(`The operator ${kind} is not supported here`);
  return operators[kind](first, await evaluate(right, scope));
}

async function recursive({ head, recursiveExpressions }, scope) {
  let value = await evaluate(head, scope);
  for (const node of recursiveExpressions.elements) {
    if (node.kind === "FieldSelector") value = await field(value, nameOf(node.content));
    else if (node.kind === "ItemAccessExpression") {
      value = await item(value, await evaluate(node.content, scope));
    } else if (node.kind === "InvokeExpression") {
      const given = [];
      for (const each of elements(node)) given.push(await evaluate(each, scope));
      if (typeof value !== "function") throw new MError("What is called is no function");
      value = await value(...given);
    } else throw new MError(`${node.kind} is not supported here`);
  }
  return value;
}

function literal({ literalKind, literal: text }) {
  if (literalKind === "Text") return text.slice(1, -1).replaceAll('""', '"');
  return JSON.parse(text);
}

const evaluators = {
  LiteralExpression: literal,
  IdentifierExpression: ({ identifier }, scope) => scope.get(nameOf(identifier)),
  ParenthesizedExpression: ({ content }, scope) => evaluate(content, scope),
  LetExpression: ({ variableList, expression }, scope) =>
    evaluate(
      expression,
      bind(
        variableList.elements.map(({ node }) => node),
        scope,
      ),
    ),
  RecordExpression: (node, scope) => new Fields(bind(elements(node), scope).bindings),
  ListExpression: async (node, scope) => {
    const values = [];
    for (const each of elements(node)) values.push(await evaluate(each, scope));
    return values;
  },
  FunctionExpression: ({ parameters, expression }, scope) =>
    functionOf(
      elements(parameters).map(({ name }) => nameOf(name)),
      expression,
      scope,
    ),
  EachExpression: ({ paired }, scope) => functionOf(["_"], paired, scope),
  // Without a value before it, a field is one of "_".
  FieldSelector: async ({ content }, scope) => field(await scope.get("_"), nameOf(content)),
  IfExpression: async ({ condition, trueExpression, falseExpression }, scope) =>
    evaluate((await evaluate(condition, scope)) ? trueExpression : falseExpression, scope),
  UnaryExpression: async ({ typeExpression }, scope) => -(await evaluate(typeExpression, scope)),
  ArithmeticExpression: binary,
  EqualityExpression: binary,
  LogicalExpression: binary,
  MetadataExpression: ({ left }, scope) => evaluate(left, scope),
  RecursivePrimaryExpression: recursive,
  TypePrimaryType: ({ paired }) => typeOf(paired),
};

function typeOf(node) {
  if (node.kind === "PrimitiveType") return node.primitiveTypeKind;
  if (node.kind === "TableType") {
    return { columns: elements(node.rowType).map(({ name }) => nameOf(name)) };
  }
  return {};
}

export async function evaluate(node, scope) {
  const evaluator = evaluators[node.kind];
  if (!evaluator) throw new MError(`${node.kind} is not supported here`);
  return evaluator(node, scope);
}

// Returns the scope in which a section's members see each other.
export const sectionScope = ({ sectionMembers }, scope) =>
  bind(
    sectionMembers.elements.map(({ namePairedExpression }) => namePairedExpression),
    scope,
  );

export function scopeOf(bindings) {
  const scope = new Scope(null);
  for (const [name, value] of bindings) scope.bindings.set(name, () => value);
  return scope;
}
