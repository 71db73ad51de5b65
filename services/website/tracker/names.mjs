// Renames the variables of a minified script, and orders its functions, so that gzip finds more repetitions. A minifier
// does not care which letter a variable gets, but gzip compresses "e.e==t.e" better when the same text occurs again. Only
// variables and parameters are renamed, never properties or globals, and the same script always gets the same names.
import { deflateRawSync } from "node:zlib";
import { parse } from "acorn";

const NAMES = ["_n", "_d", ..."etnoiarclsdubmfhgpvwySxTANEDMLOICRPkFBHUzVjqGWYKQXZJ_$"];
const OPTIONS = { ecmaVersion: 2020 };
const isFunction = (node) => /Function/.test(node.type);

/** The variables of a script: where each one occurs, and which others (its rivals) must have a different name. */
function variablesOf(code) {
  const variables = [];
  const references = [];
  const newScope = (parent, hasVars) => ({ parent, hasVars, names: new Map() });
  const declare = (scope, name, isVar) => {
    const crossed = [];
    while (isVar && !scope.hasVars) {
      crossed.push(scope);
      scope = scope.parent;
    }
    if (!scope.names.has(name)) {
      const variable = { name, scope, places: [], rivals: new Set() };
      variables.push(variable);
      scope.names.set(name, variable);
    }
    for (const block of crossed) references.push({ name, scope: block });
  };
  const declarePattern = (node, scope, isVar) => {
    if (!node) return;
    if (node.type == "Identifier") declare(scope, node.name, isVar);
    else if (node.type == "ObjectPattern") for (const { value, argument } of node.properties) declarePattern(value ?? argument, scope, isVar);
    else if (node.type == "ArrayPattern") for (const element of node.elements) declarePattern(element, scope, isVar);
    else declarePattern(node.left ?? node.argument, scope, isVar);
  };
  const visit = (node, scope, shorthand) => {
    if (node.type == "Identifier") {
      references.push({ name: node.name, scope, node, key: shorthand });
      return;
    }
    if (isFunction(node)) {
      if (node.type == "FunctionDeclaration") declare(scope, node.id.name, true);
      if (node.type == "FunctionDeclaration") references.push({ name: node.id.name, scope, node: node.id });
      scope = newScope(scope, true);
      if (node.type == "FunctionExpression" && node.id) {
        declare(scope, node.id.name);
        visit(node.id, scope);
      }
      for (const parameter of node.params) declarePattern(parameter, scope);
      for (const parameter of node.params) visit(parameter, scope);
      if (node.body.type == "BlockStatement") for (const statement of node.body.body) visit(statement, scope);
      else visit(node.body, scope);
      return;
    }
    if (/^(BlockStatement|For\w*Statement|SwitchStatement|CatchClause)$/.test(node.type)) scope = newScope(scope, false);
    if (node.type == "CatchClause") declarePattern(node.param, scope);
    if (node.type == "VariableDeclaration") for (const { id } of node.declarations) declarePattern(id, scope, node.kind == "var");
    if (node.type == "Property") {
      if (node.computed) visit(node.key, scope);
      visit(node.value, scope, !node.computed && node.key.name && node);
      return;
    }
    if (node.type == "AssignmentPattern") {
      visit(node.left, scope, shorthand);
      visit(node.right, scope);
      return;
    }
    for (const [key, child] of Object.entries(node)) {
      if (node.type == "MemberExpression" && key == "property" && !node.computed) continue;
      for (const one of [child].flat()) if (typeof one?.type == "string") visit(one, scope);
    }
  };
  visit(parse(code, OPTIONS), newScope(undefined, true));

  const rival = (one, other) => one != other && (one.rivals.add(other), other.rivals.add(one));
  for (const { name, scope, node, key } of references) {
    const passed = [];
    let at = scope;
    while (at && !at.names.has(name)) {
      passed.push(at);
      at = at.parent;
    }
    const variable = at?.names.get(name);
    if (!variable) {
      if (NAMES.includes(name)) throw new Error(`a global has the name ${name}`);
      continue;
    }
    // Shorthand properties: the key is written once while variable and property have the same name.
    if (node) variable.places.push({ start: key ? key.start : node.start, end: node.end, key: key?.key?.name });
    for (const { names } of passed) for (const other of names.values()) rival(variable, other);
  }
  for (const { scope, ...rest } of variables) for (const other of scope.names.values()) rival(scope.names.get(rest.name), other);
  return variables;
}

/** Moves functions to where gzip finds more repetitions. All of them exist before the first one is called. */
function reordered(code, random, rounds = 6000) {
  const { body } = parse(code, OPTIONS);
  const [{ declarations }] = body[0].expression.right.callee.body.body;
  const functions = declarations.slice(0, declarations.findIndex(({ init }) => !isFunction(init ?? {})));
  let texts = functions.map(({ start, end }) => code.slice(start, end));
  const write = (parts) => code.slice(0, functions[0].start) + parts + code.slice(functions.at(-1).end);
  let size = deflateRawSync(code, { level: 9 }).length;
  for (let round = 0; round < rounds; round++) {
    const moved = [...texts];
    const [one] = moved.splice(random(moved.length), 1);
    moved.splice(random(texts.length), 0, one);
    const changed = deflateRawSync(write(moved), { level: 9 }).length;
    if (changed <= size) [size, texts] = [changed, moved];
  }
  return write(texts);
}

/** Replaces function declarations with arrow functions, which take fewer bytes. None of them uses `this`. */
function withArrows(code, statements) {
  const text = ({ start, end }) => code.slice(start, end);
  const functions = statements.filter(({ type }) => type == "FunctionDeclaration");
  const bodyOf = ({ body: [{ type, argument }], ...block }) =>
    type != "ReturnStatement" ? text(block) : argument.type == "SequenceExpression" ? `(${text(argument)})` : text(argument);
  const written = functions.map(({ id, params, body, async }) => {
    const one = params.length == 1 && params[0].type == "Identifier";
    return `${id.name}=${async ? "async" : ""}${one ? (async ? " " : "") + params[0].name : `(${params.map(text)})`}=>${bodyOf(body)}`;
  });
  const others = statements.filter((statement) => !functions.includes(statement)).map(text);
  // One `var` for them and the first variables.
  const rest = others.join("").replace(/^(var )?/, (found) => (found ? "," : ";"));
  return code.slice(0, statements[0].start) + `var ${written}` + rest + code.slice(statements.at(-1).end);
}

/** Renames variables while gzip makes that shorter. */
function renamed(code, random, rounds = 30000) {
  const variables = variablesOf(code);
  const pieces = [];
  let end = 0;
  const places = variables.flatMap((variable) => variable.places.map((place) => ({ ...place, variable })));
  for (const place of places.sort((one, other) => one.start - other.start)) {
    pieces.push(code.slice(end, place.start), place);
    end = place.end;
  }
  const write = () => {
    let text = "";
    for (const piece of pieces) {
      if (piece.variable) text += (piece.key && piece.key != piece.variable.name ? piece.key + ":" : "") + piece.variable.name;
      else text += piece;
    }
    return text + code.slice(end);
  };
  const sizeNow = () => deflateRawSync(write(), { level: 9 }).length;

  let size = sizeNow();
  for (let round = 0; round < rounds; round++) {
    const variable = variables[random(variables.length)];
    const before = variable.name;
    const name = NAMES[random(NAMES.length)];
    if (name == before) continue;
    // A rival with that name gets the old one instead, and so on.
    const changed = [variable];
    const names = [before];
    variable.name = name;
    for (const one of changed)
      for (const rival of one.rivals)
        if (rival.name == one.name) {
          names.push(rival.name);
          rival.name = rival.name == name ? before : name;
          changed.push(rival);
        }
    const changedSize = sizeNow();
    if (changedSize <= size) size = changedSize;
    else changed.forEach((one, index) => (one.name = names[index]));
  }
  return write();
}

/**
 * The script with the best names and the best order of functions found in this many turns; more save little. The fixed
 * seed makes builds reproducible. After a change of the tracker, another seed may save a few bytes.
 */
export function shorten(code, turns = 3, seed = 17) {
  const { body } = parse(code, OPTIONS);
  // The bundle's own function: `guard || (() => { ... })()`.
  code = withArrows(code, body[0].expression.right.callee.body.body);
  const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
  for (let turn = 0; turn < turns; turn++) code = reordered(renamed(code, random), random);
  return code;
}
