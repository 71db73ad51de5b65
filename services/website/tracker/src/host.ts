/**
 * A property of the document itself. An element of the page can shadow it: with `<form name="referrer">`,
 * `document.referrer` is that form.
 */
export const own = (name: string): any => Reflect.get(Document.prototype, name, document);

/** Milliseconds since the epoch. Some libraries replace `Date.now` with one that returns a Date or a fraction. */
export const now = (): number => +new Date();
