/** The value below which this share of the samples lies. */
export function percentile(samples, share) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** `label   p50   p90   p99` in milliseconds. */
export function row(label, samples) {
  const cell = (share) => percentile(samples, share).toFixed(2).padStart(8);
  return `  ${label.padEnd(52)}${cell(0.5)}${cell(0.9)}${cell(0.99)}`;
}

export const HEADER = `  ${'milliseconds'.padEnd(52)}${'p50'.padStart(8)}${'p90'.padStart(8)}${'p99'.padStart(8)}`;

/** Runs `work` one after another and returns how long each took, the warm-up left out. */
export async function sample(count, work, warmUp = Math.ceil(count / 4)) {
  const samples = [];
  for (let i = -warmUp; i < count; i++) {
    const start = performance.now();
    await work(i);
    if (i >= 0) samples.push(performance.now() - start);
  }
  return samples;
}
