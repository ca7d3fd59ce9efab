// Cuts GitHub's OpenAPI description down to the operations that belay uses, as JSON Schema.
//
//   npm pack @octokit/openapi@23.0.2 && tar xzf octokit-openapi-23.0.2.tgz
//   node cut.mjs package/generated/api.github.com.json > github.json
//
// Kept of each operation: its parameters, the schema of its body, the statuses it answers with.
// Bodies are made strict: GitHub ignores a field that it does not know, a test must not.
import fs from 'fs';

const repository = '/repos/{owner}/{repo}';
const used = {
  '/user': ['get'],
  [repository]: ['get'],
  [`${repository}/issues`]: ['get', 'post'],
  [`${repository}/issues/{issue_number}`]: ['get', 'patch'],
  [`${repository}/issues/{issue_number}/comments`]: ['get', 'post'],
  [`${repository}/pulls`]: ['get', 'post'],
  [`${repository}/pulls/{pull_number}`]: ['get', 'patch'],
  [`${repository}/labels`]: ['post'],
  [`${repository}/labels/{name}`]: ['get'],
  [`${repository}/assignees/{assignee}`]: ['get'],
  [`${repository}/collaborators/{username}/permission`]: ['get'],
};

const whole = JSON.parse(fs.readFileSync(process.argv[2]));

const resolved = (value) => {
  if (!value?.$ref) return value;
  const names = value.$ref.slice(2).split('/').map((name) => name.replace(/~1/g, '/').replace(/~0/g, '~'));
  return names.reduce((inner, name) => inner[name], whole);
};

const words = ['description', 'example', 'examples', 'title', 'externalDocs', 'deprecated'];

// OpenAPI 3.0 says `nullable`, JSON Schema a list of types.
const schema = (given) => {
  const from = resolved(given);
  const out = {};
  for (const [name, value] of Object.entries(from)) {
    if (name === 'nullable' || words.includes(name) || name.startsWith('x-')) continue;
    if (name === 'properties') out[name] = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, schema(one)]));
    else if (['oneOf', 'anyOf', 'allOf'].includes(name)) out[name] = value.map(schema);
    else if (name === 'items') out[name] = schema(value);
    else out[name] = value;
  }
  if (out.properties && out.additionalProperties === undefined) out.additionalProperties = false;
  if (!from.nullable) return out;
  if (out.enum && !out.enum.includes(null)) out.enum = [...out.enum, null];
  if (typeof out.type === 'string') out.type = [out.type, 'null'];
  else if (out.oneOf) out.oneOf.push({ type: 'null' });
  return out;
};

const paths = {};
for (const [path, methods] of Object.entries(used)) {
  paths[path] = {};
  for (const method of methods) {
    const from = whole.paths[path][method];
    const parameters = (from.parameters ?? []).map(resolved).map((one) => ({ name: one.name, in: one.in, required: one.required ?? false, schema: schema(one.schema) }));
    const body = from.requestBody && { required: from.requestBody.required ?? false, schema: schema(from.requestBody.content['application/json'].schema) };
    paths[path][method] = { parameters, ...(body && { body }), statuses: Object.keys(from.responses).map(Number) };
  }
}
const source = `cut from GitHub's OpenAPI description ${whole.info.version}, npm package @octokit/openapi ${process.argv[3] ?? '23.0.2'}, MIT licence, see LICENSE beside this file`;
process.stdout.write(`${JSON.stringify({ source, paths }, null, 1)}\n`);
