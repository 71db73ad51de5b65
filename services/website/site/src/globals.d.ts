/// <reference path="../../tracker/types/divolte.d.ts" />
declare module "*/shop.mjs" {
  export const categories: { slug: string; name: string; text: string }[];
  export const products: { sku: string; slug: string; name: string; price: number; category: string; text: string }[];
  export const scenes: { slug: string; title: string; text: string }[];
}
