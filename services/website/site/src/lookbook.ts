import { scenes } from "../shop.mjs";

function show(): void {
  const scene = scenes.find(({ slug }) => location.pathname.endsWith("/" + slug));
  if (!scene) return;
  const figure = document.getElementById("scene")!;
  figure.querySelector("img")!.src = `/assets/scene/${scene.slug}.svg`;
  figure.querySelector("strong")!.textContent = scene.title + ".";
  figure.querySelector("figcaption")!.lastChild!.textContent = " " + scene.text;
  document.title = `Lookbook: ${scene.title} · Tarn & Timber`;
  for (const link of document.querySelectorAll<HTMLAnchorElement>(".pager a")) {
    if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Turns the pictures by changing the address, as a single-page application does. */
export function followLookbook(): void {
  document.querySelector(".pager")!.addEventListener("click", (event) => {
    const link = (event.target as Element).closest("a");
    const mouse = event as MouseEvent;
    if (!link || mouse.ctrlKey || mouse.metaKey || mouse.shiftKey) return;
    event.preventDefault();
    if (link.pathname !== location.pathname) history.pushState(null, "", link.href);
    show();
  });
  addEventListener("popstate", show);
}
