import { Histogram } from './histogram.js';

describe('the histogram', () => {
  it('tells percentiles to a few percent, whatever their size', () => {
    const histogram = new Histogram();
    for (let i = 1; i <= 1000; i++) histogram.add(i);
    expect(histogram.percentile(0.5)! / 500).toBeCloseTo(1, 1);
    expect(histogram.percentile(0.99)! / 990).toBeCloseTo(1, 1);
    expect(histogram.percentile(1)).toBe(1000);
    histogram.add(1e9);
    expect(histogram.max).toBe(1e9);
    expect(histogram.count).toBe(1001);
  });

  it('knows nothing at first, and again after a reset', () => {
    const histogram = new Histogram();
    expect(histogram.percentile(0.5)).toBeNull();
    histogram.add(3);
    histogram.reset();
    expect([histogram.percentile(0.5), histogram.max, histogram.count]).toEqual([null, 0, 0]);
  });
});
