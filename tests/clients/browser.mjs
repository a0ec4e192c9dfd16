// What a browser sees. Usage: node browser.mjs FUNCTION ARGUMENTS...; prints one JSON object.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { chromium } = require('playwright-core');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

async function open(url, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  const page = await context.newPage();
  const errors = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico')) {
      errors.push(`${message.text()} ${message.location().url}`);
    }
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('requestfailed', (request) => errors.push(
    `${request.method()} ${request.url()}: ${request.failure().errorText}`));
  let status = 0;
  page.on('response', (response) => { status = response.status(); });
  try {
    await page.goto(url, { waitUntil: 'networkidle' });
  } catch (error) {
    errors.push(String(error)); // a 401 without credentials is one
  }
  return { page, errors, status };
}

const cases = {
  async page(url) {
    const { page, errors } = await open(url);
    const seen = await page.evaluate(() => ({
      text: document.getElementById('t').textContent,
      color: getComputedStyle(document.getElementById('t')).color,
      picture: document.getElementById('i').naturalWidth,
      title: document.title,
    }));
    const first = [...errors];
    errors.length = 0;
    await page.reload({ waitUntil: 'networkidle' });
    return { ...seen, errors: first, reload: errors };
  },
  async quickstart(url) {
    const { page, errors } = await open(url);
    await page.waitForFunction(() => document.querySelectorAll('#facts tr').length > 3);
    const facts = await page.textContent('#facts');
    await page.click('nav a');
    await page.waitForLoadState('networkidle');
    return { errors, facts, guide: await page.textContent('h1') };
  },
  async auth(url, username, password) {
    const without = await open(url);
    const wrong = await open(url, { httpCredentials: { username, password: `${password}x` } });
    const right = await open(url, { httpCredentials: { username, password } });
    return { without: without.status, wrong: wrong.status, with: right.status,
      text: await right.page.textContent('p') };
  },
  async texts(...urls) {
    const seen = {};
    for (const url of urls) {
      const { page } = await open(url);
      seen[url] = await page.evaluate(() => document.documentElement.textContent);
      await page.context().close();
    }
    return seen;
  },
  async listing(url) {
    const { page, errors } = await open(url);
    await page.click('a:has-text("odd"), a:has-text("a & b")');
    await page.waitForLoadState('networkidle');
    const file = await page.textContent('body');
    await page.goto(url, { waitUntil: 'networkidle' });
    await page.click('a:has-text("sub")');
    await page.click('a:has-text("deep.txt")');
    await page.waitForLoadState('networkidle');
    const deep = await page.textContent('body');
    await page.goBack({ waitUntil: 'networkidle' });
    await page.click('h1 a:has-text("list")');
    const above = new URL(page.url()).pathname;
    // A telephone, and no scripts.
    const small = await open(url, { javaScriptEnabled: false,
      viewport: { width: 360, height: 640 } });
    const names = async (heading) => {
      await small.page.click(`th a:has-text("${heading}")`);
      await small.page.waitForLoadState('networkidle');
      return small.page.locator('tbody td:first-child').allTextContents();
    };
    const sorted = { time: await names('Changed'), size: await names('Size'),
      again: await names('Size'), name: await names('Name') };
    const cells = await small.page.locator('tbody tr:last-child td').all();
    const boxes = await Promise.all(cells.map((cell) => cell.boundingBox()));
    const date = await cells[2].textContent();
    const ends = boxes.map((box) => box.x + box.width);
    return { errors, file, deep, above, sorted, date, ends, name: boxes[0].width };
  },
  async security(url, plain) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const answer = await (await context.newPage()).goto(url);
    const details = await answer.securityDetails();
    const strict = await (await browser.newContext()).newPage();
    const refused = await strict.goto(url).then(() => 'opened', (error) => error.message);
    const landed = (await (await context.newPage()).goto(plain)).url();
    return { status: answer.status(), protocol: details.protocol, subject: details.subjectName,
      refused, landed };
  },
  async many(url) {
    const { page } = await open(url);
    const wrong = await page.evaluate(async () => {
      const one = async (n) => {
        const text = await (await fetch(`/f${n}.txt`, { cache: 'no-store' })).text();
        return text === `${n}:${'x'.repeat(n * 997)}` ? null : n;
      };
      const all = await Promise.all([...Array(100).keys()].map(one));
      return all.filter((n) => n !== null);
    });
    return { wrong };
  },
};

const [name, ...rest] = process.argv.slice(2);
try {
  process.stdout.write(JSON.stringify(await cases[name](...rest)));
} finally {
  await browser.close();
}
