// Times and durations, as people read them.

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23",
});
const SHORT = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const AGO = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** 14:02:11.123 */
export const clock = (ms) => CLOCK.format(ms);
/** 14:02:11 */
export const short = (ms) => SHORT.format(ms);
/** 27 Nov 2026 */
export const day = (ms) => DAY.format(ms);

/** 0 ms, 420 ms, 1.2 s, 3 min 5 s, 2 h 10 min, 4 d 2 h: two units at most. */
export function duration(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const [unit, size, next, part] =
    ms < 3_600_000 ? ["min", 60_000, "s", 1_000] : ms < 86_400_000 ? ["h", 3_600_000, "min", 60_000] : ["d", 86_400_000, "h", 3_600_000];
  const whole = Math.floor(ms / size);
  const rest = Math.floor((ms - whole * size) / part);
  return rest ? `${whole} ${unit} ${rest} ${next}` : `${whole} ${unit}`;
}

/** "3 minutes ago". */
export function ago(ms, now) {
  const past = Math.max(0, now - ms);
  const [size, unit] =
    past < 60_000 ? [1_000, "second"] : past < 3_600_000 ? [60_000, "minute"] : past < 86_400_000 ? [3_600_000, "hour"] : [86_400_000, "day"];
  return AGO.format(-Math.floor(past / size), unit);
}

/** "1 step", "2 steps". */
export const count = (number, one) => `${number} ${one}${number === 1 ? "" : "s"}`;
