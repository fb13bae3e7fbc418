// A real browser walks what `steadfast_testserver::Browser` walks without one: the identity provider's page, the page that
// leads back into the app, and the navigation to the app's own link.
//
// Needs the built server, and Chromium at CHROMIUM (default /usr/bin/chromium).

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const PATIENCE = 60_000;
const VERIFIER = 'verifierverifierverifierverifierverifierver';
const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../../target', import.meta.url));

let server;
let told;
let browser;

before(async () => {
  server = spawn(`${target}/debug/steadfast-testserver`, [], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface(server.stdout), 'line');
  told = JSON.parse(line);
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
});

after(async () => {
  await browser?.close();
  server?.kill();
});

async function turn(name, body) {
  const answer = await fetch(`${told.control_url}/${name}`, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.text());
}

function start(service) {
  const challenge = createHash('sha256').update(VERIFIER).digest('base64url');
  const url = new URL(service === 'saml' ? '/login/sso/saml' : `/oauth/${service}/mobile_login`, told.url);
  if (service === 'saml') url.searchParams.set('action', 'mobile');
  url.searchParams.set('redirect_to', 'mmauth://callback');
  url.searchParams.set('state', 's');
  url.searchParams.set('code_challenge', challenge);
  url.searchParams.set('code_challenge_method', 'S256');
  return url.href;
}

// Signs alice in, and gives the app's link as the browser itself goes there, with nobody pressing anything.
async function signIn(service) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const devtools = await context.newCDPSession(page);
  await devtools.send('Page.enable');
  const left = new Promise((resolve, reject) => {
    const net = setTimeout(() => reject(new Error('the browser does not leave for the app')), PATIENCE);
    devtools.on('Page.frameRequestedNavigation', ({ url }) => {
      if (url.startsWith('mmauth:')) {
        clearTimeout(net);
        resolve(url);
      }
    });
  });
  await page.goto(start(service));
  await page.getByRole('button', { name: 'alice', exact: true }).click();
  const link = await left;
  assert.equal(await page.locator('a[href^="mmauth:"]').first().getAttribute('href'), link, 'the page shows the same link');
  await context.close();
  return new URL(link);
}

for (const service of ['openid', 'saml']) {
  test(`${service}: the browser leads into the app with a session`, async () => {
    await turn('settings', { [`enable_${service}`]: true, code_exchange: 'off' });
    await turn('auth_service', { user: 'alice', service });
    const link = await signIn(service);
    assert.equal(`${link.protocol}//${link.host}${link.pathname}`, 'mmauth://callback');
    assert.equal(link.searchParams.get('srv'), told.url);
    const me = await fetch(`${told.url}/api/v4/users/me`, {
      headers: { authorization: `Bearer ${link.searchParams.get('MMAUTHTOKEN')}` },
    });
    assert.equal(me.status, 200);
    assert.equal((await me.json()).username, 'alice');
  });

  test(`${service}: the browser leads into the app with a code`, async () => {
    await turn('settings', { [`enable_${service}`]: true, code_exchange: 'on' });
    await turn('auth_service', { user: 'alice', service });
    const link = await signIn(service);
    assert.equal(link.searchParams.get('MMAUTHTOKEN'), null);
    const body = { login_code: link.searchParams.get('login_code'), code_verifier: VERIFIER, state: 's' };
    const exchanged = await fetch(`${told.url}/api/v4/users/login/sso/code-exchange`, {
      method: 'POST', body: JSON.stringify(body),
    });
    assert.equal(exchanged.status, 200);
    assert.match((await exchanged.json()).token, /^[a-z0-9]{26}$/);
  });
}
