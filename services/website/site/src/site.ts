import { showCart, showCartCount, watchAddButtons } from "./cart";
import { loadIntegrations } from "./integrations";
import { followLookbook } from "./lookbook";
import { showPayloads } from "./payload";
import { watchConsent } from "./consent";
import { search } from "./search";

showPayloads();
showCartCount();
watchAddButtons();
// The tracker is the next deferred script: what signals on its own waits for it.
document.addEventListener("DOMContentLoaded", () => {
  const path = location.pathname;
  if (path == "/search") search();
  if (path == "/cart") showCart();
  if (path == "/privacy") watchConsent();
  if (path == "/tracking") {
    document.querySelector("#send-event")?.addEventListener("click", () => window.divolte?.signal("demonstration", { answer: 42, now: new Date() }));
  }
  if (path.startsWith("/lookbook/")) followLookbook();
  loadIntegrations();
});
