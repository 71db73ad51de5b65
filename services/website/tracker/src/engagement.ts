/** How often the time is counted. A timer stands still while the computer sleeps, and nobody sets it. */
const BEAT_MS = 1e3;

export let engaged = 0;
export let deepest = 0;

/** Adds the time since the last look, ms, and notes the deepest point seen: of the document, or of the element in the middle of it that scrolls instead. */
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

/** What there is so far is reported. */
export function settleEngagement(): void {
  engaged = 0;
}

export function resetEngagement(): void {
  deepest = 0;
  // The last beat of a view is cut off; half a beat is what that takes off on average.
  engaged = BEAT_MS / 2;
}

// Only time in which the page is visible and has the focus.
setInterval(() => {
  if (document.hasFocus()) measure(BEAT_MS);
}, BEAT_MS);
