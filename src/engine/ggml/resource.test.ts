import { describe, expect, it } from 'vitest';

import { Resource } from './resource.js';

class Probe extends Resource {
  released = 0;
  constructor(label: string, parents: Resource[] = []) {
    super(label, parents);
  }
  protected release(): void {
    this.released++;
  }
}

describe('ownership of native memory', () => {
  it('refuses to free a parent under its child, and says which child', () => {
    const buffer = new Probe('buffer');
    const graph = new Probe('graph', [buffer]);
    expect(() => {
      buffer[Symbol.dispose]();
    }).toThrow(/buffer cannot be freed under graph/);
    expect(buffer.released).toBe(0);
    graph[Symbol.dispose]();
    buffer[Symbol.dispose]();
    expect([graph.released, buffer.released]).toEqual([1, 1]);
  });

  it('frees once, however often it is asked', () => {
    const probe = new Probe('probe');
    probe[Symbol.dispose]();
    probe[Symbol.dispose]();
    expect(probe.released).toBe(1);
  });

  it('cannot be built on something freed, nor used after it is freed', () => {
    const buffer = new Probe('buffer');
    buffer[Symbol.dispose]();
    expect(() => new Probe('graph', [buffer])).toThrow(/buffer is already freed/);
    expect(() => {
      buffer.assertAlive();
    }).toThrow(/already freed/);
  });
});
