import { isIPv4 } from 'node:net';

/**
 * What is wrong with a bucket's name, or undefined. AWS S3 ("Bucket naming rules"): 3 to 63 lower-case letters, digits,
 * dots and hyphens. Other stores take upper-case letters and underscores too, as AWS once did.
 */
export function bucketNameProblem(name: string, isAws: boolean): string | undefined {
  if (name.length < 3 || name.length > 63) return `expected 3 to 63 characters, not ${name.length}`;
  const letters = isAws ? 'lower-case letters, digits, "." and "-"' : 'letters, digits, ".", "-" and "_"';
  if (!(isAws ? /^[a-z0-9.-]*$/ : /^[A-Za-z0-9._-]*$/).test(name)) {
    return `a bucket's name has only ${letters}; folders go into "prefix"`;
  }
  if (!/^[A-Za-z0-9].*[A-Za-z0-9]$/.test(name)) return "a bucket's name begins and ends with a letter or digit";
  if (name.includes('..')) return "a bucket's name has no two dots side by side";
  if (isIPv4(name)) return 'an IP address is no name for a bucket; the address of a store goes into "endpoint"';
  return undefined;
}
