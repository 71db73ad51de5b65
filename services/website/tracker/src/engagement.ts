let since = 0;
let engaged = 0;
let deepest = 0;
let reported = 0;

const page = document.documentElement;

/** Deepest point of the page seen, per cent of its height. */
export function measureScroll(): void {
  deepest = Math.max(deepest, Math.min(100, Math.round(((scrollY + innerHeight) / page.scrollHeight) * 100)));
}

/** Runs the clock only while the page is visible and has the focus. */
export function measureTime(): void {
  const now = Date.now();
  if (since) engaged += now - since;
  since = !document.hidden && document.hasFocus() ? now : 0;
}

/** What was not reported yet, or nothing if it is too little to tell. */
export function takeEngagement(): { engagement_ms: number; scroll_percent: number } | undefined {
  measureTime();
  measureScroll();
  if (engaged < 3e3 && deepest <= reported) return;
  const report = { engagement_ms: engaged, scroll_percent: deepest };
  engaged = 0;
  reported = deepest;
  return report;
}

export function resetEngagement(): void {
  measureTime();
  engaged = deepest = reported = 0;
}
