import { categories, products } from "../shop.mjs";

/** Fills the result page and reports the search. */
export function search(): void {
  const query = (new URLSearchParams(location.search).get("q") ?? "").trim();
  if (!query) return;
  (document.getElementById("q") as HTMLInputElement).value = query;
  const words = query.toLowerCase().split(/\s+/);
  const found = products.filter((product) => {
    const category = categories.find(({ slug }) => slug === product.category)!;
    const text = `${product.name} ${product.text} ${category.name} ${product.sku}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  document.getElementById("search-summary")!.textContent = `${found.length} ${found.length == 1 ? "article" : "articles"} for “${query}”`;
  document.getElementById("results")!.replaceChildren(
    ...found.map((product) => {
      const item = document.createElement("li");
      item.className = "card";
      item.innerHTML = `<a href="/product/${product.slug}"><img src="/assets/product/${product.slug}.svg" alt="" width="320" height="260"><span class="name">${product.name}</span></a><div class="row"><span class="price">€ ${product.price.toFixed(2)}</span><button class="add" data-sku="${product.sku}">Add to cart</button></div>`;
      return item;
    }),
  );
  window.divolte?.signal("search", { query, results: found.length });
}
