// What the shop sells. Prices in euro.
export const categories = [
  { slug: "shelter", name: "Shelter", text: "Tents, tarps and the small things that keep the rain where it belongs." },
  { slug: "light", name: "Light and fire", text: "Lanterns, lamps and stoves for the hours after sunset." },
  { slug: "carry", name: "Carry", text: "Packs and bags that get lighter the longer you wear them." },
];

export const products = [
  { sku: "TT-101", slug: "ridge-tent", name: "Ridge tent", price: 289, category: "shelter", hue: 150, shape: "tent", text: "Two people, one pole, four minutes. A ridge tent of waxed cotton that dries overnight and is mended with a needle.", facts: ["2.4 kg", "Sleeps two", "Waxed cotton"] },
  { sku: "TT-102", slug: "field-tarp", name: "Field tarp", price: 89, category: "shelter", hue: 95, shape: "tarp", text: "Three by three metres of quiet. Twelve loops, no zips, and a sack that is bigger than it has to be.", facts: ["690 g", "3 × 3 m", "12 loops"] },
  { sku: "TT-103", slug: "wool-blanket", name: "Wool blanket", price: 119, category: "shelter", hue: 20, shape: "blanket", text: "Woven from undyed wool. Warm when wet, good by the fire, better on the sofa.", facts: ["1.3 kg", "140 × 200 cm", "Undyed wool"] },
  { sku: "TT-201", slug: "storm-lantern", name: "Storm lantern", price: 64, category: "light", hue: 40, shape: "lantern", text: "Burns for twenty hours on one filling and stays lit in a gale. Glass and wick are sold on their own.", facts: ["20 h", "Steel and glass", "Spare parts"] },
  { sku: "TT-202", slug: "head-lamp", name: "Head lamp", price: 48, category: "light", hue: 210, shape: "lamp", text: "One button, three levels, a red light that spares your eyes. Charges from any cable you already own.", facts: ["78 g", "350 lm", "USB-C"] },
  { sku: "TT-203", slug: "twig-stove", name: "Twig stove", price: 72, category: "light", hue: 5, shape: "stove", text: "Boils half a litre on a handful of twigs. Folds flat, leaves no mark on the ground.", facts: ["310 g", "Folds flat", "Titanium"] },
  { sku: "TT-301", slug: "day-pack", name: "Day pack 18", price: 98, category: "carry", hue: 180, shape: "pack", text: "Eighteen litres, two pockets, no straps that flap. Goes to the office on Monday without blushing.", facts: ["18 l", "560 g", "Two pockets"] },
  { sku: "TT-302", slug: "roll-bag", name: "Roll bag", price: 54, category: "carry", hue: 260, shape: "roll", text: "Rolls shut, keeps the lake out. The window shows which sock is where.", facts: ["30 l", "Waterproof", "Window"] },
  { sku: "TT-303", slug: "enamel-mug", name: "Enamel mug", price: 16, category: "carry", hue: 330, shape: "mug", text: "Hangs from any pack. Chips with dignity.", facts: ["130 g", "0.35 l", "Steel"] },
];

export const scenes = [
  { slug: "1", title: "Before the wind", text: "05:40. The tarn is a mirror for another ten minutes.", hue: 200 },
  { slug: "2", title: "Second coffee", text: "07:15. The twig stove has opinions about wet birch.", hue: 30 },
  { slug: "3", title: "Over the pass", text: "12:02. Nobody talks on the last hundred metres.", hue: 140 },
  { slug: "4", title: "Lights on", text: "21:30. One lantern is enough for four people and a map.", hue: 265 },
];
