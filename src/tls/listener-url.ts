/** `https://[::1]:9464`: where a listener of HTTP, or HTTPS, is reached. */
export function listenerUrl(host: string, port: number, tls: boolean): string {
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
