/** How often time is added. Unlike the clock, a timer stops while the computer sleeps, and nobody can change it. */
const BEAT_MS = 1e3;

export let engaged = 0;
export let deepest = 0;

/** Adds time, ms, and notes the deepest point seen: of the document, or of the element in its middle that scrolls instead. */
export function measure(beat: number): void {
  engaged += beat;
  let seen = innerHeight;
  let height = 0;
  for (const element of document.elementsFromPoint(innerWidth / 2, seen / 2)) {
    seen += element.scrollTop;
    height = Math.max(height, element.scrollHeight);
  }
  // Rounded, in few bytes.
  deepest = Math.min(100, Math.max(deepest, ((seen / height) * 100 + 0.5) | 0));
}

/** Starts again at zero after a report. */
export function settleEngagement(): void {
  engaged = 0;
}

export function resetEngagement(): void {
  deepest = 0;
  // The last beat of a view is lost. On average that is half a beat, added here.
  engaged = BEAT_MS / 2;
}

// Counts only while the page is visible and has the focus.
setInterval(() => {
  if (document.hasFocus()) measure(BEAT_MS);
}, BEAT_MS);
