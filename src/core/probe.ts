import { type Static, Type } from 'typebox';

/** A quantity that this machine may not tell: null is absent, never zero. */
export const OrAbsent = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

const Bytes = OrAbsent(Type.Integer({ minimum: 0 }));

/** Memory of one process at one moment, bytes. */
export const MemoryReading = Type.Object(
  {
    rss_bytes: Bytes,
    peakRss_bytes: Bytes,
    pss_bytes: Bytes,
    rssAnon_bytes: Bytes,
    swap_bytes: Bytes,
  },
  {
    additionalProperties: false,
    description: 'rss counts mapped files (weights) too; rssAnon + swap is what a leak grows; pss shares common pages out.',
  },
);
export type MemoryReading = Static<typeof MemoryReading>;

/** How hot and how fast the processor is at one moment. */
export const ThermalReading = Type.Object(
  {
    frequency_mhz: OrAbsent(Type.Number({ description: 'Mean over the cores.' })),
    temperature_celsius: OrAbsent(Type.Number({ description: 'The hottest zone.' })),
    throttleEvents: OrAbsent(Type.Integer({ minimum: 0, description: 'Since boot; a rise during a run spoils it.' })),
  },
  { additionalProperties: false },
);
export type ThermalReading = Static<typeof ThermalReading>;

/** Reads one aspect of the machine. A reading never throws: what cannot be read is null. */
export interface Probe<Reading> {
  read(): Promise<Reading>;
}
