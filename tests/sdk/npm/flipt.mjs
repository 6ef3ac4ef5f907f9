// @flipt-io/flipt: asks the server for each evaluation.

import { ClientTokenAuthentication, FliptClient } from '@flipt-io/flipt';
import { after, check, end, failure, quirk, token, url } from './talk.mjs';

const as = (token) => new FliptClient({ url, authenticationStrategy: token && new ClientTokenAuthentication(token) });
const client = as(token);
const staff = { email: 'ada@acme.example' };
const ask = (flagKey, context = {}) => ({ namespaceKey: 'shop', flagKey, entityId: 'ada', context });
const text = async () => JSON.parse((await client.evaluation.variant(ask('banner'))).variantAttachment).text;

const yes = await client.evaluation.boolean(ask('checkout', staff));
const no = await client.evaluation.boolean(ask('checkout'));
check(
  'boolean',
  [yes, no].map(({ enabled, reason, segmentKeys, flagKey }) => ({ enabled, reason, segmentKeys, flagKey })),
  [
    { enabled: true, reason: 'MATCH_EVALUATION_REASON', segmentKeys: ['staff'], flagKey: 'checkout' },
    { enabled: false, reason: 'DEFAULT_EVALUATION_REASON', segmentKeys: [], flagKey: 'checkout' },
  ],
);

const variants = [];
for (const [flag, context] of [
  ['banner', staff],
  ['banner', {}],
  ['plain', staff],
  ['off', staff],
]) {
  const { match, reason, variantKey, variantAttachment } = await client.evaluation.variant(ask(flag, context));
  variants.push({ match, reason, variantKey, variantAttachment });
}
check('variant', variants, [
  { match: true, reason: 'MATCH_EVALUATION_REASON', variantKey: 'quiet', variantAttachment: '{"level":3,"text":""}' },
  { match: false, reason: 'DEFAULT_EVALUATION_REASON', variantKey: 'news', variantAttachment: '{"text":"first"}' },
  { match: true, reason: 'MATCH_EVALUATION_REASON', variantKey: 'a', variantAttachment: 'null' },
  { match: false, reason: 'FLAG_DISABLED_EVALUATION_REASON', variantKey: 'fallback', variantAttachment: 'null' },
]);
quirk('the attachment is text; of a variant without one it is the text `null`', variants[2].variantAttachment, 'null');

const { requestId, responses } = await client.evaluation.batch({
  requestId: 'r1',
  requests: [ask('checkout', staff), ask('banner'), ask('nope')],
});
check(
  'batch',
  [
    requestId,
    ...responses.map((r) => [r.type, r.booleanResponse?.enabled, r.variantResponse?.variantKey, r.errorResponse]),
  ],
  [
    'r1',
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

const all = await client.flags.listFlags('shop');
const page = await client.flags.listFlags('shop', { limit: 1, pageToken: '2' });
check(
  'list',
  [
    all.flags.map((f) => f.key),
    all.totalCount,
    page.flags.map((f) => [f.key, f.type, f.enabled, f.name]),
    page.nextPageToken,
  ],
  [
    ['adults', 'banner', 'checkout', 'off', 'plain', 'release'],
    6,
    [['checkout', 'BOOLEAN_FLAG_TYPE', false, 'New checkout']],
    '3',
  ],
);

check('key', await failure(() => client.evaluation.variant(ask('nope'))), {
  name: 'Error',
  message: 'flag "shop/nope" not found',
});
check(
  'type',
  [
    await failure(() => client.evaluation.boolean(ask('banner'))),
    await failure(() => client.evaluation.variant(ask('checkout'))),
  ],
  [
    { name: 'Error', message: 'flag type VARIANT_FLAG_TYPE invalid' },
    { name: 'Error', message: 'flag type BOOLEAN_FLAG_TYPE invalid' },
  ],
);

const refused = { name: 'Error', message: 'request was not authenticated' };
check(
  'token',
  [
    await failure(() => as('wrong').evaluation.boolean(ask('checkout'))),
    await failure(() => as(undefined).evaluation.boolean(ask('checkout'))),
    await failure(() => as('wrong').flags.listFlags('shop')),
  ],
  [refused, refused, refused],
);
const adult = async (age) => (await client.evaluation.boolean(ask('adults', { age }))).enabled;
quirk(
  'sends numbers of the context as they are (Flipt refuses those, Yardarm takes them)',
  [await adult(40), await adult(7)],
  [true, false],
);

await after('pushed');
check('change', await text(), 'second');

await after('down');
check('outage', await failure(text), { name: 'TypeError', message: 'fetch failed' });

await after('up');
check('recovery', await text(), 'third');

await after('later');
check('again', await text(), 'fourth');
await end();
