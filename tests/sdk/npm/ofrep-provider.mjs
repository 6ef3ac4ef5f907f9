// @openfeature/ofrep-provider: OpenFeature over OFREP, a request for each evaluation, on the defaults of the server.

import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OpenFeature } from '@openfeature/server-sdk';
import { after, check, end, lacks, quirk, token, url } from './talk.mjs';

async function as(domain, token, more = []) {
  const headers = [...more, ...(token ? [['Authorization', `Bearer ${token}`]] : [])];
  await OpenFeature.setProviderAndWait(domain, new OFREPProvider({ baseUrl: url, headers }));
  return OpenFeature.getClient(domain);
}
const client = await as('good', token);
const staff = {
  targetingKey: 'ada',
  email: 'ada@acme.example',
  age: 40,
  beta: true,
  tags: ['a', 'b'],
  address: { city: 'Graz' },
};
const other = { targetingKey: 'bob' };
const told = ({ value, variant, reason, errorCode, errorMessage }) => ({
  value,
  variant,
  reason,
  errorCode,
  errorMessage,
});
const text = async () =>
  JSON.parse((await client.getStringDetails('banner', 'mine', other)).flagMetadata.attachment).text;

check(
  'boolean',
  [
    told(await client.getBooleanDetails('checkout', false, staff)),
    told(await client.getBooleanDetails('checkout', true, other)),
  ],
  [
    { value: true, variant: 'true', reason: 'TARGETING_MATCH' },
    { value: false, variant: 'false', reason: 'DEFAULT' },
  ],
);
quirk(
  'sends numbers, booleans, lists and objects of the context as they are (Flipt refuses those, Yardarm takes them)',
  (await client.getBooleanDetails('checkout', false, staff)).errorCode,
  undefined,
);
const adult = { targetingKey: 'bob', age: 40 };
quirk(
  'a number of the context is compared as one',
  [
    await client.getBooleanValue('adults', false, adult),
    await client.getBooleanValue('adults', false, { ...adult, age: 7 }),
  ],
  [true, false],
);

const quiet = await client.getStringDetails('banner', 'mine', staff);
const news = await client.getStringDetails('banner', 'mine', other);
check(
  'variant',
  [
    told(quiet),
    quiet.flagMetadata,
    told(news),
    news.flagMetadata,
    told(await client.getStringDetails('off', 'mine', staff)),
  ],
  [
    { value: 'quiet', variant: 'quiet', reason: 'TARGETING_MATCH' },
    { segments: 'staff', attachment: '{"level":3,"text":""}' },
    { value: 'news', variant: 'news', reason: 'DEFAULT' },
    { attachment: '{"text":"first"}' },
    { value: 'fallback', variant: 'fallback', reason: 'DISABLED' },
  ],
);
quirk(
  'the value of a variant is its key; its attachment is text in `flagMetadata.attachment`',
  news.flagMetadata.attachment,
  '{"text":"first"}',
);
lacks('batch');
lacks('list');

const failed = (value, errorCode, errorMessage) => ({ value, reason: 'ERROR', errorCode, errorMessage });
check(
  'key',
  told(await client.getStringDetails('nope', 'mine', staff)),
  failed('mine', 'FLAG_NOT_FOUND', 'flag was not found nope'),
);
check(
  'type',
  [
    told(await client.getBooleanDetails('banner', true, staff)),
    told(await client.getObjectDetails('banner', {}, staff)),
  ],
  [
    failed(true, 'TYPE_MISMATCH', 'Expected flag type boolean but got string'),
    failed({}, 'TYPE_MISMATCH', 'Expected flag type object but got string'),
  ],
);
const refused = failed(true, 'GENERAL', '');
quirk(
  'a token that is refused is `GENERAL` without a message',
  (await (await as('foreign', 'foreign')).getBooleanDetails('checkout', true, staff)).errorMessage,
  '',
);
check(
  'token',
  [
    told(await (await as('wrong', 'wrong')).getBooleanDetails('checkout', true, staff)),
    told(await (await as('none', undefined)).getBooleanDetails('checkout', true, staff)),
  ],
  [refused, refused],
);

// Environment and namespace are headers.
const shop = await as('shop', token, [
  ['X-Flipt-Environment', 'production'],
  ['X-Flipt-Namespace', 'shop'],
]);
quirk(
  'environment and namespace are chosen by the headers `X-Flipt-Environment` and `X-Flipt-Namespace`',
  [
    await shop.getStringValue('banner', 'mine', staff),
    await client.getStringValue('default-only', 'mine', staff),
    await shop.getStringValue('default-only', 'mine', staff),
  ],
  ['quiet', 'here', 'mine'],
);

await after('pushed');
check('change', await text(), 'second');

await after('down');
check(
  'outage',
  told(await client.getBooleanDetails('checkout', true, staff)),
  failed(true, 'GENERAL', 'The OFREP request failed.'),
);

await after('up');
check('recovery', await text(), 'third');

await after('later');
check('again', await text(), 'fourth');
await end();
