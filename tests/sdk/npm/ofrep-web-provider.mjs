// @openfeature/ofrep-web-provider: asks for all flags at once, and is told of changes by server-sent events.
//
// A browser's EventSource sends no credentials, so OFREP is open on the server that it speaks with
// (`authentication.exclude.ofrep`); what a wrong token does is seen at the other one.

import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { after, browserUrl, check, end, failure, lacks, quirk, ready, told, token, until, url } from './talk.mjs';

const staff = { targetingKey: 'ada', email: 'ada@acme.example', age: 40 };
const other = { targetingKey: 'bob' };
const shop = ['X-Flipt-Namespace', 'shop'];
const provider = (baseUrl, token) =>
  new OFREPWebProvider({
    baseUrl,
    headers: token ? [shop, ['Authorization', `Bearer ${token}`]] : [shop],
    cacheMode: 'disabled',
  });
const details = ({ value, variant, reason, errorCode, errorMessage }) => ({
  value,
  variant,
  reason,
  errorCode,
  errorMessage,
});

await OpenFeature.setProviderAndWait('staff', provider(browserUrl), staff);
await OpenFeature.setProviderAndWait('other', provider(browserUrl), other);
const asStaff = OpenFeature.getClient('staff');
const client = OpenFeature.getClient('other');
const seen = [];
client.addHandler(ProviderEvents.ConfigurationChanged, ({ flagsChanged }) => seen.push(flagsChanged));
client.addHandler(ProviderEvents.Stale, () => seen.push('stale'));
const text = () => JSON.parse(client.getStringDetails('banner', 'mine').flagMetadata.attachment).text;

check(
  'boolean',
  [details(asStaff.getBooleanDetails('checkout', false)), details(client.getBooleanDetails('checkout', true))],
  [
    { value: true, variant: 'true', reason: 'TARGETING_MATCH' },
    { value: false, variant: 'false', reason: 'DEFAULT' },
  ],
);
const quiet = asStaff.getStringDetails('banner', 'mine');
const news = client.getStringDetails('banner', 'mine');
check(
  'variant',
  [details(quiet), quiet.flagMetadata, details(news), news.flagMetadata],
  [
    { value: 'quiet', variant: 'quiet', reason: 'TARGETING_MATCH' },
    { segments: 'staff', attachment: '{"level":3,"text":""}' },
    { value: 'news', variant: 'news', reason: 'DEFAULT' },
    { attachment: '{"text":"first"}' },
  ],
);
const keys = (token) => {
  const one = provider(browserUrl, token);
  return one
    .initialize(staff)
    .then(() => Object.keys(one.flagCache).sort())
    .finally(() => one.onClose());
};
check('batch', await keys(), ['adults', 'banner', 'checkout', 'plain', 'release']);
quirk(
  'variant flags that are disabled are not in the answer for all flags, so they are `FLAG_NOT_FOUND` here',
  client.getStringDetails('off', 'mine').errorCode,
  'FLAG_NOT_FOUND',
);
lacks('list');
check('key', details(client.getStringDetails('nope', 'mine')), {
  value: 'mine',
  reason: 'ERROR',
  errorCode: 'FLAG_NOT_FOUND',
  errorMessage: 'Flag was not found',
});
check('type', details(client.getBooleanDetails('banner', true)), {
  value: true,
  reason: 'ERROR',
  errorCode: 'TYPE_MISMATCH',
  errorMessage: 'Flag is not of expected type',
});

const start = (token) => {
  const one = provider(url, token);
  return failure(() => one.initialize(staff).finally(() => one.onClose()));
};
check(
  'token',
  [await start('wrong'), await start(undefined), await start(token)],
  [
    { name: 'ProviderFatalError', message: 'Initialization failed' },
    { name: 'ProviderFatalError', message: 'Initialization failed' },
    {},
  ],
);
quirk(
  'with `authentication.required` its event stream needs `authentication.exclude.ofrep`: an EventSource sends no credentials',
  await (
    await fetch(`${url}/ofrep/v1/_stream/production/shop/events`, { headers: { Accept: 'text/event-stream' } })
  ).status,
  401,
);

ready('pushed');
await until(
  () => seen.length,
  (events) => events > 0,
);
check('change', [text(), seen], ['second', [['banner', 'release']]]);
await told('pushed');

// While the server is away it goes on with what it has, and says that it is stale.
ready('down');
await told('down');
await until(
  () => seen,
  (seen) => seen.includes('stale'),
);
check('outage', [text(), seen.includes('stale'), client.getBooleanValue('checkout', true)], ['second', true, false]);
quirk('in an outage it serves what it has and raises `PROVIDER_STALE` once', seen, [['banner', 'release'], 'stale']);

await after('up');
check('recovery', await until(text, (text) => text === 'third'), 'third');

ready('later');
check('again', await until(text, (text) => text === 'fourth'), 'fourth');
await told('later');
await end();
