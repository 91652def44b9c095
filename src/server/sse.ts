/** One server-sent event that carries JSON (WHATWG HTML, "Server-sent events"). */
export function sse(value: object, event?: string): string {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(value)}\n\n`;
}
