import { products } from "../shop.mjs";

type Cart = Record<string, number>;
const KEY = "cart";

function load(): Cart {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Cart;
  } catch {
    // Storage is forbidden or damaged: the visitor starts with an empty cart.
    return {};
  }
}

function save(cart: Cart): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(cart));
  } catch {
    console.warn("The cart can't be kept: this browser forbids local storage.");
  }
  showCartCount(cart);
}

const lines = (cart: Cart) =>
  products.filter(({ sku }) => cart[sku]).map(({ sku, name, slug, price }) => ({ sku, name, slug, price, quantity: cart[sku]! }));

export function showCartCount(cart = load()): void {
  document.getElementById("cart-count")!.textContent = String(Object.values(cart).reduce((sum, count) => sum + count, 0));
}

export function watchAddButtons(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("button.add");
    const product = products.find(({ sku }) => sku === button?.dataset["sku"]);
    if (!button || !product) return;
    const cart = load();
    cart[product.sku] = (cart[product.sku] ?? 0) + 1;
    save(cart);
    button.textContent = "Added ✓";
    window.divolte?.signal("addToCart", { sku: product.sku, name: product.name, price: product.price, currency: "EUR", quantity: 1 });
  });
}

const cell = (text: string, number = false): HTMLTableCellElement => {
  const element = document.createElement("td");
  element.textContent = text;
  if (number) element.className = "number";
  return element;
};

export function showCart(): void {
  const cart = load();
  const root = document.getElementById("cart")!;
  const rows = lines(cart);
  if (!rows.length) {
    root.innerHTML = '<p>The cart is empty. <a href="/category/carry">Something to carry it in?</a></p>';
    return;
  }
  root.innerHTML =
    '<table class="lines"><thead><tr><th scope="col">Article</th><th scope="col" class="number">Pieces</th><th scope="col" class="number">€</th><th><span class="hidden">Remove</span></th></tr></thead><tbody></tbody></table><p class="buy"><span id="total" class="price"></span><button id="checkout">Place the order</button></p>';
  const body = root.querySelector("tbody")!;
  for (const line of rows) {
    const row = body.insertRow();
    const remove = document.createElement("button");
    remove.className = "quiet";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove ${line.name}`);
    remove.addEventListener("click", () => {
      delete cart[line.sku];
      save(cart);
      window.divolte?.signal("removeFromCart", { sku: line.sku, quantity: line.quantity });
      showCart();
    });
    const last = cell("", true);
    last.append(remove);
    row.append(cell(line.name), cell(String(line.quantity), true), cell((line.price * line.quantity).toFixed(2), true), last);
  }
  const total = rows.reduce((sum, { price, quantity }) => sum + price * quantity, 0);
  document.getElementById("total")!.textContent = `Total € ${total.toFixed(2)}`;
  document.getElementById("checkout")!.addEventListener("click", () => {
    const order = `TT-${Date.now().toString(36).toUpperCase()}`;
    const items = rows.map(({ sku, price, quantity }) => ({ sku, price, quantity }));
    save({});
    const go = (): void => location.assign(`/thanks?order=${order}`);
    if (!window.divolte) return go();
    window.divolte.signal("purchase", { order_id: order, total, currency: "EUR", items });
    window.divolte.whenCommitted(go, 1000);
  });
}
