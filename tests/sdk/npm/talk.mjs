// How a client's script speaks with the test that plays its server: a line of JSON for each finding, and for each word
// that it is told a line.
//
// A script that loses its test (the end of its input) ends.

import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';

export const { YARDARM_URL: url, YARDARM_BROWSER_URL: browserUrl, YARDARM_TOKEN: token } = process.env;

/** What has to happen happens within this time. */
const DEADLINE = 60_000;

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');
const plain = (value) => JSON.parse(JSON.stringify(value ?? null));

function find(finding, saw, want) {
  const ok = isDeepStrictEqual(plain(saw), plain(want));
  say({ ...finding, ok, saw: plain(saw), want: plain(want) });
}

/** One of the steps that every client is asked to take. */
export const check = (step, saw, want) => find({ step }, saw, want);

/** What is odd about this client, in words, and the proof of it. */
export const quirk = (says, saw, want) => find({ quirk: says }, saw, want);

/** A step that this client has no way to take. */
export const lacks = (step) => say({ lacks: step });

/** What an attempt ends with: the name and message of its error, or what it gave. */
export async function failure(attempt) {
  try {
    return { gave: await attempt() };
  } catch (error) {
    return { name: error.name, message: error.message };
  }
}

/** Asks until the answer is as wanted; the last answer. An error is an answer too. */
export async function until(ask, wanted) {
  const end = Date.now() + DEADLINE;
  for (;;) {
    let last;
    try {
      last = await ask();
      if (wanted(last)) return last;
    } catch (error) {
      last = { name: error.name, message: error.message };
      if (wanted(last)) return last;
    }
    if (Date.now() > end) return last;
    await new Promise((next) => setTimeout(next, 5));
  }
}

const heard = new Set();
let wake = () => {};
const lines = createInterface({ input: process.stdin });
lines.on('line', (word) => {
  heard.add(word);
  wake();
});
lines.on('close', () => process.exit(heard.has('end') ? 0 : 3));

/** Tells the test that this client is ready for the next act. */
export const ready = (act) => say({ awaits: act });

/** Waits for the test's word that an act has been played. */
export async function told(act) {
  while (!heard.has(act)) await new Promise((next) => (wake = next));
}

/** Ready for an act, and back when it has been played. */
export async function after(act) {
  ready(act);
  await told(act);
}

/** The end: what still runs (timers, streams) ends with the process. */
export async function end() {
  await after('end');
  process.exit(0);
}
