// <time datetime="…" data-ago> says how long ago that was (or how soon it will be), and goes on saying it.

const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always", style: "narrow" });
const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

export function ages() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const seconds = Math.round((Date.parse(time.dateTime) - now) / 1_000);
    if (Number.isNaN(seconds)) continue;
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
    const text = words.format(Math.trunc(seconds / length), unit);
    if (!time.title) time.title = time.textContent;
    if (time.textContent !== text) time.textContent = text;
  }
}

ages();
setInterval(ages, 1_000);
