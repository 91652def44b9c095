/** `user:password@` or `token@` before a host. */
const USER_INFO = /([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>]*@/gi;
/** Query or form fields that carry a secret. */
const SECRET_FIELD = /([?&;](?:access_?token|api_?key|auth|key|pass(?:word)?|pwd|secret|sig(?:nature)?|token)=)[^\s&#"'<>]*/gi;
/** `Authorization: Bearer …`, with or without the header's name. */
const BEARER = /\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi;

/** Replaces credentials in a text by `***`: what is logged or reported must not let anybody in. */
export function redact(text: string): string {
  return text.replace(USER_INFO, '$1***@').replace(SECRET_FIELD, '$1***').replace(BEARER, '$1 ***');
}
