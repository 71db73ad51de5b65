/**
 * A property of the document itself. An element of the page can take its place: `<form name="referrer">` is then
 * what `document.referrer` gives.
 */
export const own = (name: string): any => Reflect.get(Document.prototype, name, document);

/** Milliseconds since the epoch. Libraries replace `Date.now`, by one that returns a Date or a fraction. */
export const now = (): number => +new Date();
