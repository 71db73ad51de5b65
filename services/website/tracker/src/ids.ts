/** An id: version, `time` (empty for page views), and more than a hundred random bits as 32 digits. */
export const id = (time = ""): string =>
  "0:" + time + crypto.getRandomValues(new Uint32Array(5)).join("").slice(-32);
