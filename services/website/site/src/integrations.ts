// Third-party tags, each only when its id is configured.
type Queue = { (...args: unknown[]): void; q?: unknown[] };

const script = (src: string): void => {
  const element = document.createElement("script");
  element.async = true;
  element.src = src;
  document.head.append(element);
};

function googleAnalytics(id: string): void {
  const layer = ((window as { dataLayer?: unknown[] }).dataLayer ??= []);
  // gtag.js tells its commands from other entries by their being `arguments` objects.
  function gtag(..._: unknown[]): void {
    // eslint-disable-next-line prefer-rest-params
    layer.push(arguments);
  }
  gtag("js", new Date());
  gtag("config", id);
  script("https://www.googletagmanager.com/gtag/js?id=" + encodeURIComponent(id));
}

function clarity(id: string): void {
  const queue: Queue = (...args) => (queue.q ??= []).push(args);
  (window as { clarity?: Queue }).clarity ??= queue;
  script("https://www.clarity.ms/tag/" + encodeURIComponent(id));
}

/** The lookup in the visitor's browser that the first version of this demonstration made. */
async function ipstack(key: string): Promise<void> {
  try {
    const answer = await fetch(`https://api.ipstack.com/check?access_key=${encodeURIComponent(key)}`);
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const { country_name: country, region_name: state, city, zip: postal, latitude, longitude } = (await answer.json()) as Record<string, unknown>;
    window.divolte?.signal("onloadEvent", { country, state, city, postal, latitude, longitude, navigator_app_name: navigator.appName });
  } catch (error) {
    console.warn("The ipstack lookup failed; check its access key.", error);
  }
}

export function loadIntegrations(): void {
  const settings = document.querySelector<HTMLMetaElement>("meta[name=integrations]")!.dataset;
  if (settings["googleAnalytics"]) googleAnalytics(settings["googleAnalytics"]);
  if (settings["clarity"]) clarity(settings["clarity"]);
  if (settings["ipstack"]) void ipstack(settings["ipstack"]);
}
