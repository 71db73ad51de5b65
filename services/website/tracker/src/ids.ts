/** 192 random bits as 32 characters of `[A-Za-z0-9~_]`, the alphabet of Divolte's tag. */
export const randomId = (): string =>
  btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(24)))).replace(/\W/g, (sign) =>
    sign == "+" ? "~" : "_",
  );

/** A party or session id: version, time of creation in base 36, random part. */
export const timedId = (): string => `0:${Date.now().toString(36)}:${randomId()}`;
