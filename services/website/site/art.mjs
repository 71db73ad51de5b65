// Pictures are drawn here rather than stored: a few shapes on a tinted ground, some hundred bytes each.
const shapes = {
  tent: '<path d="M60 210 160 70 260 210Z" fill="C1"/><path d="M160 70 125 210h70Z" fill="C2"/><path d="M160 70V56" stroke="C3" stroke-width="5"/>',
  tarp: '<path d="M50 120 160 80l110 40-40 60-70-22-70 22Z" fill="C1"/><path d="M50 120v92M270 120v92M160 80v120" stroke="C3" stroke-width="4"/>',
  blanket: '<rect x="80" y="84" width="160" height="126" rx="10" fill="C1"/><path d="M80 112h160M80 128h160M80 172h160" stroke="C2" stroke-width="8"/>',
  lantern: '<path d="M125 96h70l12 96h-94Z" fill="C2"/><rect x="110" y="190" width="100" height="24" rx="6" fill="C1"/><path d="M130 96c0-44 60-44 60 0" fill="none" stroke="C3" stroke-width="6"/><path d="M160 118c22 28 18 54 0 58-18-4-22-30 0-58Z" fill="#ffd166"/>',
  lamp: '<path d="M70 140c0-90 180-90 180 0" fill="none" stroke="C1" stroke-width="22"/><rect x="122" y="120" width="76" height="58" rx="16" fill="C3"/><circle cx="160" cy="149" r="20" fill="#ffd166"/>',
  stove: '<path d="M105 110h110l14 100H91Z" fill="C1"/><path d="M130 210c0-46 60-46 60 0Z" fill="C3"/><path d="M160 172c14 16 12 34 0 38-12-4-14-22 0-38Z" fill="#ff9f5a"/><path d="M96 104h128" stroke="C3" stroke-width="8"/>',
  pack: '<rect x="100" y="72" width="120" height="142" rx="34" fill="C1"/><rect x="116" y="142" width="88" height="56" rx="12" fill="C2"/><path d="M134 72c0-30 52-30 52 0" fill="none" stroke="C3" stroke-width="8"/>',
  roll: '<rect x="104" y="92" width="112" height="122" rx="18" fill="C1"/><rect x="96" y="74" width="128" height="26" rx="12" fill="C3"/><rect x="140" y="120" width="40" height="72" rx="8" fill="C2"/>',
  mug: '<path d="M108 100h90v80c0 20-14 32-32 32h-26c-18 0-32-12-32-32Z" fill="C1"/><path d="M198 120c44-8 44 62 0 56" fill="none" stroke="C1" stroke-width="14"/><path d="M108 104h90" stroke="C3" stroke-width="9"/>',
};

export function productArt({ hue, shape }) {
  const body = shapes[shape]
    .replaceAll("C1", `hsl(${hue} 38% 42%)`)
    .replaceAll("C2", `hsl(${hue} 34% 62%)`)
    .replaceAll("C3", `hsl(${hue} 30% 24%)`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 260"><defs><linearGradient id="g" x2="0" y2="1"><stop stop-color="hsl(${hue} 42% 93%)"/><stop offset="1" stop-color="hsl(${hue} 36% 82%)"/></linearGradient></defs><rect width="320" height="260" fill="url(#g)"/><path d="M0 214c70-22 130 12 200-4s90-8 120 0v50H0Z" fill="hsl(${hue} 28% 74%)"/>${body}</svg>`;
}

export function sceneArt({ hue }) {
  const ridge = (lightness, path) => `<path d="${path}" fill="hsl(${hue} 32% ${lightness}%)"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 520" preserveAspectRatio="xMidYMid slice"><defs><linearGradient id="g" x2="0" y2="1"><stop stop-color="hsl(${hue} 48% 78%)"/><stop offset="1" stop-color="hsl(${hue + 30} 60% 92%)"/></linearGradient></defs><rect width="1200" height="520" fill="url(#g)"/><circle cx="880" cy="150" r="56" fill="hsl(${hue + 30} 90% 96%)"/>${ridge(64, "M0 330 190 200 330 300 520 150 720 320 900 210 1200 360V520H0Z")}${ridge(46, "M0 400 220 300 420 400 640 280 860 410 1040 330 1200 400V520H0Z")}${ridge(26, "M0 470c200-60 380 20 600-10s420-40 600 6v54H0Z")}</svg>`;
}
