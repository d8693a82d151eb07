/** ETags come with quotes or without, even from one and the same store. */
export function sameEtag(a: string, b: string): boolean {
  return bareEtag(a) === bareEtag(b);
}

export function bareEtag(etag: string): string {
  return etag.replaceAll('"', '');
}
