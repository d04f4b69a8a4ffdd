'use strict';

// Works through the API with Webex's SDK for Node, as a person and as a bot.
//
// Usage: rest.js BASE_URL PERSON_TOKEN BOT_TOKEN
//
// Ends with `all is well`, or with the assertion that does not hold.

const assert = require('node:assert/strict');
const { createReadStream, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { dirname, join } = require('node:path');
const { onlyLoopback, webexAt } = require('./simulated');

const [baseUrl, personToken, botToken] = process.argv.slice(2);
onlyLoopback();
const Webex = webexAt(baseUrl);
const client = (token) => Webex.init({ credentials: { access_token: token } });
const person = client(personToken);
const bot = client(botToken);

/** The call must be refused with this status, in these words. */
async function refused(statusCode, words, call) {
  await assert.rejects(call, (error) => {
    assert.equal(error.statusCode, statusCode, error);
    assert.match(error.message, words);
    return true;
  });
}

/** Every item of every page. */
async function all(firstPage) {
  const items = [];
  for (let page = await firstPage; ; page = await page.next()) {
    items.push(...page.items);
    if (!page.hasNext()) {
      return items;
    }
  }
}

const ids = (items) => items.map(({ id }) => id);

async function people() {
  const me = await person.people.get('me');
  assert.deepEqual(me.emails, ['alice@example.com']);
  const robot = await bot.people.get('me');
  assert.equal(robot.type, 'bot');
  // The SDK gathers such questions and asks for many ids at once.
  const both = await person.people.list([robot.id, me.id]);
  assert.deepEqual(ids(both), [robot.id, me.id]);
  assert.equal((await bot.people.get(me.id)).displayName, me.displayName);
  assert.deepEqual(ids(await all(bot.people.list({ email: 'alice@example.com' }))), [me.id]);
  await refused(400, /should be specified/, person.people.list());
  await refused(401, /valid access token/, client('nobody').people.get('me'));
}

async function rooms() {
  const made = [];
  for (let number = 0; number < 5; number += 1) {
    made.push(await person.rooms.create({ title: `Room ${number}` }));
  }
  const newestFirst = ids(made).reverse();
  assert.deepEqual(ids(await all(person.rooms.list({ type: 'group', sortBy: 'created', max: 2 }))), newestFirst);
  const [room] = made;
  assert.equal((await person.rooms.update({ ...room, title: 'Kitchen' })).title, 'Kitchen');
  assert.equal((await person.rooms.get(room.id)).title, 'Kitchen');
  await refused(404, /./, bot.rooms.get(room.id));
  await person.rooms.remove(room.id);
  await refused(404, /./, person.rooms.get(room.id));
}

async function memberships() {
  const room = await person.rooms.create({ title: 'Kitchen' });
  const member = await person.memberships.create({ roomId: room.id, personEmail: 'echo@webex.bot' });
  assert.equal(member.isModerator, false);
  await refused(409, /already in the room/, person.memberships.create({ roomId: room.id, personId: member.personId }));
  assert.equal((await person.memberships.get(member.id)).personEmail, 'echo@webex.bot');
  assert.equal((await all(person.memberships.list({ roomId: room.id, max: 1 }))).length, 2);
  await bot.memberships.remove(member);
  await refused(404, /./, person.memberships.get(member.id));

  const board = await person.rooms.create({ title: 'Board', isLocked: true });
  const bob = await person.memberships.create({ roomId: board.id, personEmail: 'bob@example.com' });
  assert.equal((await person.memberships.update({ ...bob, isModerator: true })).isModerator, true);
}

async function messages() {
  const room = await person.rooms.create({ title: 'Kitchen' });
  await person.memberships.create({ roomId: room.id, personEmail: 'echo@webex.bot' });
  await person.messages.create({ roomId: room.id, text: 'only for people' });
  const markdown = '**Hello** <@personEmail:echo@webex.bot|Echo>';
  const asked = await person.messages.create({ roomId: room.id, markdown });
  assert.equal(asked.text, 'Hello Echo');
  assert.deepEqual(ids(await all(bot.messages.list({ roomId: room.id, mentionedPeople: 'me' }))), [asked.id]);
  await refused(403, /./, bot.messages.list({ roomId: room.id }));

  const reply = await bot.messages.create({ roomId: room.id, parentId: asked.id, text: 'hello' });
  assert.equal(reply.parentId, asked.id);
  const edited = await bot.messages.update(reply, { markdown: '_hello_' });
  assert.equal(edited.html, '<p><em>hello</em></p>');
  assert.equal((await person.messages.get(reply.id)).markdown, '_hello_');
  await bot.messages.remove(reply);
  await refused(404, /./, person.messages.get(reply.id));

  for (let number = 0; number < 5; number += 1) {
    await person.messages.create({ roomId: room.id, text: `number ${number}` });
  }
  const texts = (await all(person.messages.list({ roomId: room.id, max: 2 }))).map(({ text }) => text);
  assert.deepEqual(texts.slice(0, 5), ['number 4', 'number 3', 'number 2', 'number 1', 'number 0']);
  assert.equal(texts.length, 7);

  const direct = await person.messages.create({ toPersonEmail: 'echo@webex.bot', text: 'between us' });
  assert.equal(direct.roomType, 'direct');
  assert.deepEqual(ids(await all(bot.messages.list({ roomId: direct.roomId }))), [direct.id]);
}

async function cards() {
  const content = { type: 'AdaptiveCard', version: '1.3', body: [{ type: 'Input.Text', id: 'why' }] };
  const attachments = [{ contentType: 'application/vnd.microsoft.card.adaptive', content }];
  const sent = await bot.messages.create({ toPersonEmail: 'alice@example.com', text: 'a card', attachments });
  assert.deepEqual(sent.attachments, attachments);
  const inputs = { why: 'because', unheard: 'of' };
  const action = await person.attachmentActions.create({ type: 'submit', messageId: sent.id, inputs });
  assert.deepEqual((await bot.attachmentActions.get(action.id)).inputs, inputs);
}

async function files() {
  const path = join(mkdtempSync(join(tmpdir(), 'botyard-')), 'numbers.png');
  const content = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
  writeFileSync(path, content);
  const upload = { toPersonEmail: 'echo@webex.bot', text: 'numbers', files: [createReadStream(path)] };
  const sent = await person.messages.create(upload);
  rmSync(dirname(path), { recursive: true });
  assert.equal(sent.text, 'numbers');
  assert.equal(sent.files.length, 1);
  const got = await bot.request({ uri: sent.files[0], responseType: 'buffer' });
  assert.equal(got.headers['content-disposition'], 'attachment; filename="numbers.png"');
  assert.equal(got.headers['content-type'], 'image/png');
  assert.ok(content.equals(got.body));
  await refused(404, /./, client('sim-carol').request({ uri: sent.files[0] }));
}

async function webhooks() {
  const made = [];
  for (let number = 0; number < 3; number += 1) {
    const hook = { name: `hook ${number}`, targetUrl: 'http://127.0.0.1:9/', resource: 'messages', event: 'created' };
    made.push(await bot.webhooks.create(hook));
  }
  assert.deepEqual(ids(await all(bot.webhooks.list({ max: 2 }))), ids(made));
  const [hook] = made;
  assert.equal((await bot.webhooks.update({ ...hook, name: 'renamed' })).name, 'renamed');
  assert.equal((await bot.webhooks.get(hook)).status, 'active');
  for (const one of made) {
    await bot.webhooks.remove(one);
  }
  assert.deepEqual(await all(bot.webhooks.list()), []);
}

async function teams() {
  const made = [];
  for (let number = 0; number < 3; number += 1) {
    made.push(await person.teams.create({ name: `Team ${number}` }));
  }
  assert.deepEqual(ids(await all(person.teams.list({ max: 2 }))).sort(), ids(made).sort());
  const [team] = made;
  assert.equal((await person.teams.update({ ...team, name: 'Kitchen' })).name, 'Kitchen');
  assert.equal((await person.teams.get(team)).name, 'Kitchen');
  const member = await person.teamMemberships.create({ teamId: team.id, personEmail: 'bob@example.com' });
  assert.equal((await all(person.teamMemberships.list({ teamId: team.id, max: 1 }))).length, 2);
  assert.equal((await person.teamMemberships.update({ ...member, isModerator: true })).isModerator, true);
  await person.teamMemberships.remove(member);
  await refused(404, /./, person.teamMemberships.get(member));
}

async function main() {
  for (const step of [people, rooms, memberships, messages, cards, files, webhooks, teams]) {
    await step();
  }
  console.log('all is well');
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
