// What the user reads, in one language: English is in the bundle, another is a file of the same keys.

/** @type {Record<string, string>} put here by build.mjs from texts/*.json */
const english = ENGLISH;

/**
 * @param {Record<string, string>} [translated] what it lacks is shown in English
 * @returns {(key: string, values?: Record<string, string | number>, otherwise?: string) => string} `t("part.name", {n: 3})`;
 *     a key without a text gives `otherwise`, or its last part
 */
export function createTexts(translated = {}) {
  const texts = { ...english, ...translated };
  return (key, values = {}, otherwise) => {
    const text = texts[key] ?? otherwise ?? key.slice(key.lastIndexOf(".") + 1);
    return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
  };
}
