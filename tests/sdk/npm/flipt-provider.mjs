// @openfeature/flipt-provider: OpenFeature over @flipt-io/flipt.

import { ClientTokenAuthentication } from '@flipt-io/flipt';
import { FliptProvider } from '@openfeature/flipt-provider';
import { OpenFeature } from '@openfeature/server-sdk';
import { after, check, end, lacks, quirk, token, url } from './talk.mjs';

async function as(domain, token) {
  const authenticationStrategy = token && new ClientTokenAuthentication(token);
  await OpenFeature.setProviderAndWait(domain, new FliptProvider('shop', { url, authenticationStrategy }));
  return OpenFeature.getClient(domain);
}
const client = await as('good', token);
const staff = { targetingKey: 'ada', email: 'ada@acme.example', age: 40, beta: true };
const other = { targetingKey: 'bob' };
const told = ({ value, reason, errorCode, errorMessage }) => ({ value, reason, errorCode, errorMessage });
// What everybody gets is not a match, and this provider then answers with the caller's own default: the change is
// looked for where there is a match.
const level = async () => (await client.getObjectValue('banner', {}, staff)).level;

check(
  'boolean',
  [
    told(await client.getBooleanDetails('checkout', false, staff)),
    told(await client.getBooleanDetails('checkout', true, other)),
  ],
  [
    { value: true, reason: 'TARGETING_MATCH' },
    { value: false, reason: 'TARGETING_MATCH' },
  ],
);
quirk(
  'a boolean that no rollout decided has the reason `TARGETING_MATCH`',
  (await client.getBooleanDetails('checkout', true, other)).reason,
  'TARGETING_MATCH',
);

check(
  'variant',
  [
    told(await client.getStringDetails('banner', 'mine', staff)),
    told(await client.getObjectDetails('banner', {}, staff)),
    told(await client.getStringDetails('off', 'mine', staff)),
  ],
  [
    { value: 'quiet', reason: 'TARGETING_MATCH' },
    { value: { level: 3, text: '' }, reason: 'TARGETING_MATCH' },
    { value: 'mine', reason: 'DISABLED' },
  ],
);
quirk(
  'the default variant is not used: where no rule matches the caller gets its own default',
  told(await client.getStringDetails('banner', 'mine', other)),
  { value: 'mine', reason: 'DEFAULT' },
);
quirk(
  'the object value of a variant without attachment is `null`',
  (await client.getObjectDetails('plain', {}, staff)).value,
  null,
);
quirk(
  'sends every value of the context as text: numbers and booleans are no error',
  (await client.getBooleanDetails('checkout', false, staff)).errorCode,
  undefined,
);
lacks('batch');
lacks('list');

const general = (value, errorMessage) => ({ value, reason: 'ERROR', errorCode: 'GENERAL', errorMessage });
check('key', told(await client.getStringDetails('nope', 'mine', staff)), general('mine', 'flag "shop/nope" not found'));
quirk(
  'a key that is not there has the code `GENERAL`, not `FLAG_NOT_FOUND`',
  (await client.getStringDetails('nope', 'mine', staff)).errorCode,
  'GENERAL',
);
check(
  'type',
  [
    told(await client.getBooleanDetails('banner', true, staff)),
    told(await client.getStringDetails('checkout', 'mine', staff)),
    told(await client.getNumberDetails('banner', 7, staff)),
  ],
  [
    general(true, 'flag type VARIANT_FLAG_TYPE invalid'),
    general('mine', 'flag type BOOLEAN_FLAG_TYPE invalid'),
    { value: 7, reason: 'ERROR', errorCode: 'TYPE_MISMATCH', errorMessage: 'flag value does not match type number' },
  ],
);

const refused = general(true, 'request was not authenticated');
check(
  'token',
  [
    told(await (await as('wrong', 'wrong')).getBooleanDetails('checkout', true, staff)),
    told(await (await as('none', undefined)).getBooleanDetails('checkout', true, staff)),
  ],
  [refused, refused],
);

await after('pushed');
check('change', await level(), 4);

await after('down');
check('outage', told(await client.getBooleanDetails('checkout', true, staff)), general(true, 'fetch failed'));

await after('up');
check('recovery', await level(), 5);

await after('later');
check('again', await level(), 6);
await end();
