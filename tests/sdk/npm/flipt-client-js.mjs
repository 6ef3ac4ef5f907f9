// @flipt-io/flipt-client-js: evaluates by itself (WASM) on a snapshot that it polls for.

import { ErrorStrategy, FliptClient } from '@flipt-io/flipt-client-js';
import { after, check, end, failure, quirk, ready, told, token, until, url } from './talk.mjs';

const as = (token, more = {}) =>
  FliptClient.init({ url, namespace: 'shop', authentication: token && { clientToken: token }, ...more });
const client = await as(token, { updateInterval: 1 });
const staff = { email: 'ada@acme.example' };
const ask = (flagKey, context = {}) => ({ flagKey, entityId: 'ada', context });
const textOf = (client) => JSON.parse(client.evaluateVariant(ask('banner')).variantAttachment).text;

const booleans = [client.evaluateBoolean(ask('checkout', staff)), client.evaluateBoolean(ask('checkout'))];
check(
  'boolean',
  booleans.map(({ enabled, reason, segmentKeys, flagKey }) => ({ enabled, reason, segmentKeys, flagKey })),
  [
    { enabled: true, reason: 'MATCH_EVALUATION_REASON', segmentKeys: ['staff'], flagKey: 'checkout' },
    { enabled: false, reason: 'DEFAULT_EVALUATION_REASON', segmentKeys: [], flagKey: 'checkout' },
  ],
);

const variants = [
  ['banner', staff],
  ['banner', {}],
  ['plain', staff],
  ['off', staff],
].map(([flag, context]) => {
  const { match, reason, variantKey, variantAttachment } = client.evaluateVariant(ask(flag, context));
  return { match, reason, variantKey, variantAttachment };
});
check('variant', variants, [
  { match: true, reason: 'MATCH_EVALUATION_REASON', variantKey: 'quiet', variantAttachment: '{"level":3,"text":""}' },
  { match: false, reason: 'DEFAULT_EVALUATION_REASON', variantKey: 'news', variantAttachment: '{"text":"first"}' },
  { match: true, reason: 'MATCH_EVALUATION_REASON', variantKey: 'a', variantAttachment: 'null' },
  { match: false, reason: 'FLAG_DISABLED_EVALUATION_REASON', variantKey: 'fallback', variantAttachment: 'null' },
]);
quirk('the attachment is text; of a variant without one it is the text `null`', variants[2].variantAttachment, 'null');

const { responses } = client.evaluateBatch([ask('checkout', staff), ask('banner'), ask('nope')]);
check(
  'batch',
  responses.map((r) => [
    r.type,
    r.booleanEvaluationResponse?.enabled,
    r.variantEvaluationResponse?.variantKey,
    r.errorEvaluationResponse,
  ]),
  [
    ['BOOLEAN_EVALUATION_RESPONSE_TYPE', true, undefined, undefined],
    ['VARIANT_EVALUATION_RESPONSE_TYPE', undefined, 'news', undefined],
    [
      'ERROR_EVALUATION_RESPONSE_TYPE',
      undefined,
      undefined,
      { flagKey: 'nope', namespaceKey: 'shop', reason: 'NOT_FOUND_ERROR_EVALUATION_REASON' },
    ],
  ],
);

check(
  'list',
  client
    .listFlags()
    .map(({ key, type, enabled }) => [key, type, enabled])
    .sort(),
  [
    ['adults', 'BOOLEAN_FLAG_TYPE', false],
    ['banner', 'VARIANT_FLAG_TYPE', true],
    ['checkout', 'BOOLEAN_FLAG_TYPE', false],
    ['off', 'VARIANT_FLAG_TYPE', false],
    ['plain', 'VARIANT_FLAG_TYPE', true],
    ['release', 'VARIANT_FLAG_TYPE', true],
  ],
);
quirk(
  'descriptions of flags are not in a snapshot: `listFlags` has empty ones',
  client.listFlags().map((f) => f.description ?? ''),
  ['', '', '', '', '', ''],
);

check('key', await failure(() => client.evaluateVariant(ask('nope'))), {
  name: 'Error',
  message: 'invalid request: failed to get flag information shop/nope',
});
check(
  'type',
  [
    await failure(() => client.evaluateBoolean(ask('banner'))),
    await failure(() => client.evaluateVariant(ask('checkout'))),
  ],
  [
    { name: 'Error', message: 'invalid request: banner is not a boolean flag' },
    { name: 'Error', message: 'invalid request: checkout is not a variant flag' },
  ],
);

const refused = { name: 'Error', message: 'Failed to fetch data: Unauthorized' };
check('token', [await failure(() => as('wrong')), await failure(() => as(undefined))], [refused, refused]);
quirk(
  'a namespace that is not there fails at the start, with the text of the status alone',
  await failure(() => as(token, { namespace: 'nope' })),
  { name: 'Error', message: 'Failed to fetch data: Not Found' },
);

// One that asks only when it is told to, as in a browser.
const manual = await as(token, { errorStrategy: ErrorStrategy.Fail });
quirk(
  '`refresh()` answers false when nothing changed: it takes that from the ETag of the 304',
  await manual.refresh(),
  false,
);

ready('pushed');
check(
  'change',
  await until(
    () => textOf(client),
    (text) => text === 'second',
  ),
  'second',
);
await told('pushed');
quirk(
  'without `updateInterval` nothing is fetched until `refresh()` is called',
  [textOf(manual), await manual.refresh(), textOf(manual)],
  ['first', true, 'second'],
);

await after('down');
const gone = await failure(() => manual.refresh());
quirk(
  '`refresh()` with `ErrorStrategy.Fail` throws while the server is away',
  [gone.name, /ECONNREFUSED/.test(gone.message)],
  ['FetchError', true],
);
// Its own poll fails too, some time in the next second.
let failed = 0;
const refresh = client.refresh.bind(client);
client.refresh = () => refresh().finally(() => failed++);
await until(
  () => failed,
  (failed) => failed > 0,
);
check('outage', [textOf(client), textOf(manual)], ['second', 'second']);
quirk(
  'errors of its own polls are swallowed: it goes on with the last snapshot',
  [failed > 0, textOf(client)],
  [true, 'second'],
);

await after('up');
check(
  'recovery',
  await until(
    () => textOf(client),
    (text) => text === 'third',
  ),
  'third',
);

ready('later');
check(
  'again',
  await until(
    () => textOf(client),
    (text) => text === 'fourth',
  ),
  'fourth',
);
await told('later');
await end();
