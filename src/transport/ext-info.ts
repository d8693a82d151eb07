import { SshReader } from '../wire/reader.ts';
import { SshWriter } from '../wire/writer.ts';
import { SSH_MSG } from './messages.ts';

/** RFC 8308 §2.3: more extensions than anybody sends are a mistake or an attack. */
const MAX_EXTENSIONS = 64;

/** SSH_MSG_EXT_INFO (RFC 8308 §2.3). */
export function encodeExtInfo(extensions: ReadonlyMap<string, string>): Buffer {
  const writer = new SshWriter(512).byte(SSH_MSG.EXT_INFO).uint32(extensions.size);
  for (const [name, value] of extensions) writer.string(name).string(value);
  return writer.finish();
}

/** Throws WireError. Values are raw bytes: some extensions carry binary. */
export function decodeExtInfo(payload: Buffer): Map<string, Buffer> {
  const reader = new SshReader(payload, 1);
  const extensions = new Map<string, Buffer>();
  const count = reader.uint32();
  for (let i = 0; i < count && i < MAX_EXTENSIONS; i += 1) extensions.set(reader.ascii(256), reader.string());
  return extensions;
}
