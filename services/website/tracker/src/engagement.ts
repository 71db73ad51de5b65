let since = 0;
let engaged = 0;
let deepest = 0;
let reported = 0;

/** Runs the clock only while the page is visible and has the focus, and notes the deepest point seen. */
export function measure(): void {
  const now = Date.now();
  if (since) engaged += now - since;
  since = document.hidden || !document.hasFocus() ? 0 : now;
  deepest = Math.max(
    deepest,
    // Rounded, in few bytes.
    Math.min(100, (((scrollY + innerHeight) / document.documentElement.scrollHeight) * 100 + 0.5) | 0),
  );
}

/** What was not reported yet, or nothing if it is too little to tell. */
export function takeEngagement(): { engagement_ms: number; scroll_percent: number } | undefined {
  measure();
  if (engaged < 3e3 && deepest <= reported) return;
  const report = { engagement_ms: engaged, scroll_percent: deepest };
  engaged = 0;
  reported = deepest;
  return report;
}

export function resetEngagement(): void {
  engaged = deepest = reported = 0;
  measure();
}
