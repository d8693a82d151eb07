import { S3Client, CreateBucketCommand, PutObjectCommand, CopyObjectCommand, DeleteObjectCommand, DeleteObjectsCommand, HeadObjectCommand, GetObjectCommand,
 CreateMultipartUploadCommand, UploadPartCommand, UploadPartCopyCommand, CompleteMultipartUploadCommand } from '@aws-sdk/client-s3';
const endpoint = process.argv[2];
const c = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1, requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED', credentials: { accessKeyId: 'AKIATESTRGW000000000', secretAccessKey: 'testsecret0123456789testsecret0123456789' } });
const B = `probe-${Date.now()}`;
await c.send(new CreateBucketCommand({ Bucket: B }));
const put = async (Key: string, Body: string, more: object = {}) => (await c.send(new PutObjectCommand({ Bucket: B, Key, Body, ...more }))).ETag as string;
const get = async (Key: string) => { try { return await (await c.send(new GetObjectCommand({ Bucket: B, Key }))).Body?.transformToString(); } catch (e) { return `(${(e as Error).name})`; } };
const t = async (name: string, f: () => Promise<unknown>) => { try { const r = await f(); console.log(name.padEnd(60), 'OK', typeof r === 'string' ? r : ''); } catch (e: any) { console.log(name.padEnd(60), e.name, e.Code ?? '', e.$metadata?.httpStatusCode); } };
const bare = (s: string) => s.replaceAll('"', '');
let e1 = await put('a', 'one');
await t('PUT If-None-Match * over existing', () => put('a', 'two', { IfNoneMatch: '*' })); console.log('   ', await get('a'));
await t('PUT If-Match right (bare)', () => put('a', 'three', { IfMatch: bare(e1) })); console.log('   ', await get('a'));
await t('PUT If-Match wrong (bare)', () => put('a', 'four', { IfMatch: bare(e1) })); console.log('   ', await get('a'));
await t('PUT If-Match on missing', () => put('missing', 'four', { IfMatch: bare(e1) })); console.log('   ', await get('missing'));
let eq = await put('q', 'one');
await t('PUT If-Match right (quoted)', () => put('q', 'three', { IfMatch: eq })); console.log('   ', await get('q'));
const src = await put('src', 'source'); await put('dst', 'target');
const copy = (Key: string, from: string, more: object) => c.send(new CopyObjectCommand({ Bucket: B, Key, CopySource: `${B}/${from}`, ...more }));
await t('COPY If-None-Match * over existing', () => copy('dst', 'src', { IfNoneMatch: '*' })); console.log('   ', await get('dst'));
await put('dst', 'target');
await t('COPY If-Match wrong over existing', () => copy('dst', 'src', { IfMatch: bare(src) })); console.log('   ', await get('dst'));
await put('dst', 'target');
await t('COPY CopySourceIfMatch wrong', () => copy('dst', 'src', { CopySourceIfMatch: '"0123456789abcdef0123456789abcdef"' })); console.log('   ', await get('dst'));
await t('COPY CopySourceIfMatch right', () => copy('dst', 'src', { CopySourceIfMatch: src })); console.log('   ', await get('dst'));
const es = await put('self', 'self');
await t('COPY self REPLACE wrong CopySourceIfMatch', () => copy('self', 'self', { CopySourceIfMatch: '"0123456789abcdef0123456789abcdef"', MetadataDirective: 'REPLACE', Metadata: { x: '1' } }));
await t('COPY self REPLACE right', async () => (await copy('self', 'self', { CopySourceIfMatch: es, MetadataDirective: 'REPLACE', Metadata: { x: '1' } })).CopyObjectResult?.ETag === es ? 'same etag' : 'other etag');
await t('COPY self If-Match wrong', () => copy('self', 'self', { CopySourceIfMatch: es, IfMatch: bare(src), MetadataDirective: 'REPLACE', Metadata: { x: '1' } }));
await put('del', 'one');
await t('DELETE If-Match wrong', () => c.send(new DeleteObjectCommand({ Bucket: B, Key: 'del', IfMatch: src }))); console.log('   ', await get('del'));
await put('del', 'one');
await t('DELETE If-Match missing', () => c.send(new DeleteObjectCommand({ Bucket: B, Key: 'nodel', IfMatch: src })));
await t('DELETE missing', () => c.send(new DeleteObjectCommand({ Bucket: B, Key: 'nodel' })));
await t('DELETES ETag wrong', async () => JSON.stringify((await c.send(new DeleteObjectsCommand({ Bucket: B, Delete: { Objects: [{ Key: 'del', ETag: src }] } }))).Errors ?? [])); console.log('   ', await get('del'));
const mpu = async (Key: string, more: object, meta = {}) => {
  const { UploadId } = await c.send(new CreateMultipartUploadCommand({ Bucket: B, Key, Metadata: meta }));
  const { ETag } = await c.send(new UploadPartCommand({ Bucket: B, Key, UploadId, PartNumber: 1, Body: 'part' }));
  return c.send(new CompleteMultipartUploadCommand({ Bucket: B, Key, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] }, ...more }));
};
await put('m', 'one');
await t('COMPLETE If-None-Match * over existing', () => mpu('m', { IfNoneMatch: '*' })); console.log('   ', await get('m'));
await put('m', 'one');
await t('COMPLETE If-Match wrong over existing', () => mpu('m', { IfMatch: bare(src) })); console.log('   ', await get('m'));
await t('COMPLETE If-Match on missing', () => mpu('m2', { IfMatch: bare(src) })); console.log('   ', await get('m2'));
{ const { UploadId } = await c.send(new CreateMultipartUploadCommand({ Bucket: B, Key: 'pc' }));
  await t('UploadPartCopy CopySourceIfMatch wrong', () => c.send(new UploadPartCopyCommand({ Bucket: B, Key: 'pc', UploadId, PartNumber: 1, CopySource: `${B}/src`, CopySourceIfMatch: '"0123456789abcdef0123456789abcdef"' }))); }
// multipart etag after self copy
await mpu('mp', {});
const h = await c.send(new HeadObjectCommand({ Bucket: B, Key: 'mp' }));
await t('self copy of a multipart object', async () => { const r = await copy('mp', 'mp', { MetadataDirective: 'REPLACE', Metadata: { a: 'b' } }); return `${h.ETag} -> ${r.CopyObjectResult?.ETag}`; });
// atomicity: 20 concurrent PUT If-None-Match, many rounds
let multi = 0, none = 0;
for (let r = 0; r < 60; r++) {
  const out = await Promise.allSettled(Array.from({ length: 6 }, (_, i) => put(`race${r}`, String(i), { IfNoneMatch: '*' })));
  const ok = out.filter((o) => o.status === 'fulfilled').length; if (ok > 1) multi++; if (ok === 0) none++;
}
console.log('race PUT If-None-Match: rounds with several winners', multi, 'none', none);
multi = none = 0; const codes = new Map<string, number>();
for (let r = 0; r < 60; r++) {
  const e = await put(`race${r}`, 'base' + r);
  const out = await Promise.allSettled(Array.from({ length: 6 }, (_, i) => put(`race${r}`, String(i), { IfMatch: bare(e) })));
  for (const o of out) if (o.status === 'rejected') codes.set(o.reason.name, (codes.get(o.reason.name) ?? 0) + 1);
  const ok = out.filter((o) => o.status === 'fulfilled').length; if (ok > 1) multi++; if (ok === 0) none++;
}
console.log('race PUT If-Match: rounds with several winners', multi, 'none', none, codes);
multi = none = 0;
for (let r = 0; r < 60; r++) {
  const e = await put(`race${r}`, 'base' + r);
  const out = await Promise.allSettled([put(`race${r}`, 'new', { IfMatch: bare(e) }), c.send(new DeleteObjectCommand({ Bucket: B, Key: `race${r}` }))]);
  const g = await get(`race${r}`);
  codes.set(`${out[0].status} ${g}`, (codes.get(`${out[0].status} ${g}`) ?? 0) + 1);
}
console.log('PUT If-Match vs DELETE', codes);
