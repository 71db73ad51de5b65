/** 32 random characters of `[A-Za-z0-9~_]`: 192 bits, the alphabet of Divolte's tag. */
export const randomId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(32)), (byte) => {
    byte &= 63;
    return byte < 36 ? byte.toString(36) : byte < 62 ? (byte - 26).toString(36).toUpperCase() : byte < 63 ? "~" : "_";
  }).join("");

/** A party or session id: version, time of creation in base 36, random part. */
export const timedId = (): string => `0:${Date.now().toString(36)}:${randomId()}`;
