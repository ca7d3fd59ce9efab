// Cuts GitHub's GraphQL schema down to the types, fields and arguments that belay asks for.
//
//   npm pack @octokit/graphql-schema@15.26.1 && tar xzf octokit-graphql-schema-15.26.1.tgz
//   node cut-graphql.mjs package/schema.json > graphql.json
//
// What is listed here and is not in the schema stops the cut.
import fs from 'fs';

const used = {
  Query: ['repository'],
  Repository: ['issue'],
  Issue: ['number', 'url', 'title', 'body', 'state', 'lastEditedAt', 'labels', 'timelineItems'],
  LabelConnection: ['nodes'],
  Label: ['name'],
  IssueTimelineItemsConnection: ['nodes'],
  LabeledEvent: ['createdAt', 'actor', 'label'],
  UnlabeledEvent: ['createdAt', 'actor', 'label'],
  RenamedTitleEvent: ['createdAt', 'actor'],
  TransferredEvent: ['createdAt', 'actor'],
  Actor: ['login'],
};
const unions = ['IssueTimelineItems'];
const enums = { IssueTimelineItemsItemType: ['LABELED_EVENT', 'UNLABELED_EVENT', 'RENAMED_TITLE_EVENT', 'TRANSFERRED_EVENT'] };

const given = JSON.parse(fs.readFileSync(process.argv[2]));
const all = (given.data ?? given).__schema.types;
const named = (name) => {
  const found = all.find((one) => one.name === name);
  if (!found) throw new Error(`no type ${name}`);
  return found;
};
// `[Label!]!` as its name, and whether it may be left out.
const inner = (type) => (type.ofType ? inner(type.ofType) : type.name);

const types = {};
for (const [name, fields] of Object.entries(used)) {
  types[name] = Object.fromEntries(fields.map((field) => {
    const found = named(name).fields.find((one) => one.name === field);
    if (!found) throw new Error(`no field ${name}.${field}`);
    const args = Object.fromEntries(found.args.map((one) => [one.name, { type: inner(one.type), required: one.type.kind === 'NON_NULL' && one.defaultValue === null }]));
    return [field, { type: inner(found.type), args }];
  }));
}
const members = Object.fromEntries(unions.map((name) => [name, named(name).possibleTypes.map((one) => one.name)]));
const values = Object.fromEntries(Object.entries(enums).map(([name, list]) => {
  const known = named(name).enumValues.map((one) => one.name);
  for (const value of list) if (!known.includes(value)) throw new Error(`no value ${name}.${value}`);
  return [name, known];
}));
const source = 'cut from GitHub\'s GraphQL schema, npm package @octokit/graphql-schema 15.26.1, MIT licence, see LICENSE-graphql beside this file';
process.stdout.write(`${JSON.stringify({ source, types, unions: members, enums: values }, null, 1)}\n`);
