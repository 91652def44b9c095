/** Times as they are sent: to a microsecond, the resolution of the clock. */
export function rounded<T extends Readonly<Record<string, number | null>>>(times: T, digits = 3): { [Key in keyof T]: T[Key] } {
  return Object.fromEntries(
    Object.entries(times).map(([name, value]) => [name, value === null ? null : Number(value.toFixed(digits))]),
  ) as {
    [Key in keyof T]: T[Key];
  };
}
