/** MurmurHash3 x86 32-bit, seed 0, of the UTF-8 bytes of `text`, as a signed integer. */
export function murmur3(text: string): number {
  const bytes = new TextEncoder().encode(text);
  const length = bytes.length;
  const mix = (k: number): number => {
    k = Math.imul(k, 0xcc9e2d51);
    return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  };
  let hash = 0;
  let block = 0;
  for (let i = 0; i < length; i++) {
    block |= bytes[i]! << ((i & 3) * 8);
    if ((i & 3) === 3) {
      hash ^= mix(block);
      hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
      block = 0;
    }
  }
  // The tail (up to three bytes) is mixed in without the rotation; an empty tail mixes to zero.
  hash ^= mix(block) ^ length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
