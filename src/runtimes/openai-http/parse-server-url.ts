import { EdgeVlmError } from '../../core/errors.js';

/**
 * The address under which a server's calls lie. Without a path it is completed by `/v1`, and the path of a call is cut off again.
 * @throws USAGE
 */
export function parseServerUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new EdgeVlmError('USAGE', `the address of the server is "${text}"; expected one such as http://127.0.0.1:8080/v1`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new EdgeVlmError('USAGE', 'the address of the server holds a password', { hint: 'Set EDGEVLM_API_KEY instead.' });
  }
  url.search = '';
  url.hash = '';
  const path = url.pathname.replace(/\/+$/, '').replace(/\/(?:chat\/)?completions$/, '');
  url.pathname = path === '' ? '/v1' : path;
  return url;
}
