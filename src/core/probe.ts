import { type Static, Type } from 'typebox';

/** A quantity that this machine may not tell: null is absent, never zero. */
export const OrAbsent = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

const Bytes = OrAbsent(Type.Integer({ minimum: 0 }));

/** Memory of one process, or of several processes and all that they started, at one moment, bytes. */
export const MemoryReading = Type.Object(
  {
    rss_bytes: Bytes,
    peakRss_bytes: Bytes,
    pss_bytes: Bytes,
    rssAnon_bytes: Bytes,
    swap_bytes: Bytes,
    processes: Type.Optional(Type.Integer({ minimum: 0, description: 'How many processes these are the sums of; absent: one.' })),
  },
  {
    additionalProperties: false,
    description:
      'rss counts mapped files (weights) too; rssAnon + swap is what a leak grows; pss shares common pages out. A sum of rss counts shared ' +
      'pages once for each process; a sum of peakRss is an upper bound, because processes peak at different times.',
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

/** What slows a Raspberry Pi down at one moment, as its firmware tells (`vcgencmd get_throttled`), and what did since it was started. */
export const BoardThrottling = Type.Object(
  {
    under_voltage: Type.Boolean({ description: 'The power supply is too weak.' }),
    frequency_capped: Type.Boolean(),
    throttled: Type.Boolean(),
    soft_temperature_limit: Type.Boolean(),
    under_voltage_since_boot: Type.Boolean(),
    frequency_capped_since_boot: Type.Boolean(),
    throttled_since_boot: Type.Boolean(),
    soft_temperature_limit_since_boot: Type.Boolean(),
  },
  { additionalProperties: false },
);
export type BoardThrottling = Static<typeof BoardThrottling>;

/** A thermal reading of a run's ledger. */
export const TimedThermalReading = Type.Object(
  {
    time_ms: Type.Number({ minimum: 0, description: 'Since the sampling began.' }),
    ...ThermalReading.properties,
    governor: OrAbsent(Type.String({ description: 'Of the first core.' })),
  },
  { additionalProperties: false },
);
export type TimedThermalReading = Static<typeof TimedThermalReading>;

const Watts = OrAbsent(Type.Number({ minimum: 0 }));
const Joules = OrAbsent(Type.Number({ minimum: 0 }));

/** One graphics card over a stretch of time, as nvidia-smi tells it; everything on it, whoever ran it. */
const GpuUse = Type.Object(
  {
    name: Type.String(),
    utilisation: OrAbsent(Type.Number({ minimum: 0, description: 'Mean share of the time in which a kernel ran, 0..1.' })),
    temperature_celsius: OrAbsent(Type.Number({ description: 'The highest seen.' })),
    power_watts: Watts,
    peakPower_watts: Watts,
    peakUsed_bytes: Bytes,
    total_bytes: Bytes,
  },
  { additionalProperties: false },
);
export type GpuUse = Static<typeof GpuUse>;

/** One quantity over time: only what was known. */
export const TimeSeries = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    unit: Type.String({ minLength: 1 }),
    time_ms: Type.Array(Type.Number({ minimum: 0 }), { description: 'Since the sampling began; ascending, as many as values.' }),
    values: Type.Array(Type.Number()),
  },
  { additionalProperties: false },
);
export type TimeSeries = Static<typeof TimeSeries>;

/** What some processes and all that they started used over a stretch of time, by readings at intervals. */
export const ResourceUse = Type.Object(
  {
    duration_ms: Type.Number({ minimum: 0 }),
    sampling: Type.Object(
      {
        interval_ms: Type.Number({ minimum: 0, description: 'Wanted time from one reading to the next.' }),
        readings: Type.Integer({ minimum: 0 }),
        cost_ms: Type.Number({
          minimum: 0,
          description: 'Mean time from the begin of a reading to its end, waiting for the system included.',
        }),
        maxCost_ms: Type.Number({ minimum: 0 }),
        share: Type.Number({ minimum: 0, description: 'Time in readings / duration: an upper bound of what sampling took from one core.' }),
      },
      { additionalProperties: false },
    ),
    memory: Type.Object(
      {
        peakRss_bytes: Bytes,
        peakPss_bytes: Bytes,
        peakRssAnon_bytes: Bytes,
        peakSwap_bytes: Bytes,
        sumOfPeakRss_bytes: Bytes,
        processes: OrAbsent(Type.Integer({ minimum: 0, description: 'The most at one time.' })),
      },
      {
        additionalProperties: false,
        description:
          'peak*: the highest sum over the processes at one reading, a lower bound; sumOfPeakRss: the sum of the peaks that the kernel ' +
          'keeps for each process, an upper bound.',
      },
    ),
    cpu: Type.Object(
      {
        time_ms: OrAbsent(Type.Number({ minimum: 0, description: 'User and system time of all the processes.' })),
        cores: OrAbsent(Type.Number({ minimum: 0, description: 'time / duration: 2 is two cores kept busy.' })),
        share: OrAbsent(Type.Number({ minimum: 0, description: 'cores / logical cores of the machine.' })),
      },
      { additionalProperties: false },
    ),
    power: Type.Object(
      {
        package_joules: Joules,
        package_watts: Watts,
        dram_joules: Joules,
        dram_watts: Watts,
        gpu_joules: Joules,
        gpu_watts: Watts,
      },
      {
        additionalProperties: false,
        description: 'Of the whole machine, not of the processes alone. package and dram by RAPL, gpu by nvidia-smi.',
      },
    ),
    vram: Type.Object(
      {
        peak_bytes: Bytes,
        devicePeak_bytes: Bytes,
        total_bytes: Bytes,
      },
      { additionalProperties: false, description: 'peak: of the processes; device: of all programs on all cards.' },
    ),
    gpus: Type.Array(GpuUse),
    series: Type.Array(TimeSeries),
    absent: Type.Record(Type.String(), Type.String(), { description: 'What could not be read, and why.' }),
  },
  { additionalProperties: false },
);
export type ResourceUse = Static<typeof ResourceUse>;

/** Reads one aspect of the machine. A reading never throws: what cannot be read is null. */
export interface Probe<Reading> {
  read(): Promise<Reading>;
}
