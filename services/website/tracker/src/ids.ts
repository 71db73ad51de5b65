/** An id: version, the time in ms (none for page views), and more than a hundred random bits as 32 digits. */
export const id = (time?: number): string =>
  "0:" + (time ? time.toString(36) + ":" : "") + crypto.getRandomValues(new Uint32Array(5)).join("").slice(-32);
