/** The little of ASN.1 DER (X.690) that keys and signatures need. Lengths up to 65535 bytes. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

const TAG_INTEGER = 0x02;
const TAG_BIT_STRING = 0x03;
const TAG_OCTET_STRING = 0x04;
const TAG_SEQUENCE = 0x30;

export class DerReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The contents of a SEQUENCE. */
  sequence(): DerReader {
    return new DerReader(this.#contents(TAG_SEQUENCE));
  }

  /** The tag of the next element; null at the end. */
  get nextTag(): number | null {
    return this.#bytes[this.#offset] ?? null;
  }

  octetString(): Buffer {
    return this.#contents(TAG_OCTET_STRING);
  }

  /** The contents of an element of that tag, which is one byte. */
  tagged(tag: number): Buffer {
    return this.#contents(tag);
  }

  /** Throws DerError if bytes are left over. */
  end(): void {
    if (this.#offset !== this.#bytes.length) throw new DerError('bytes are left over');
  }

  /** The next element, tag and length included. */
  element(): Buffer {
    const start = this.#offset;
    this.#contents();
    return this.#bytes.subarray(start, this.#offset);
  }

  /** A BIT STRING of whole bytes. */
  bitString(): Buffer {
    const contents = this.#contents(TAG_BIT_STRING);
    if (contents[0] !== 0) throw new DerError('BIT STRING is not of whole bytes');
    return contents.subarray(1);
  }

  /** A non-negative INTEGER as unsigned big-endian bytes without leading zeros. */
  unsignedInteger(): Buffer {
    const contents = this.#contents(TAG_INTEGER);
    const first = contents[0];
    if (first === undefined || first >= 0x80) throw new DerError('INTEGER is empty or negative');
    return first === 0 ? contents.subarray(1) : contents;
  }

  #contents(expectedTag?: number): Buffer {
    const tag = this.#byte();
    if (expectedTag !== undefined && tag !== expectedTag) throw new DerError(`tag ${tag}, not ${expectedTag}`);
    const first = this.#byte();
    let length = first;
    if (first === 0x81) length = this.#byte();
    else if (first === 0x82) length = this.#byte() * 256 + this.#byte();
    else if (first >= 0x80) throw new DerError('length is too long');
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new DerError('length runs past the end');
    const contents = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return contents;
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) throw new DerError('ends early');
    this.#offset += 1;
    return byte;
  }
}

function derElement(tag: number, contents: Buffer): Buffer {
  const length = contents.length;
  if (length > 0xffff) throw new DerError(`element of ${length} bytes`);
  let header = [tag, length];
  if (length > 0xff) header = [tag, 0x82, length >> 8, length & 0xff];
  else if (length > 0x7f) header = [tag, 0x81, length];
  return Buffer.concat([Buffer.from(header), contents]);
}

export function derSequence(elements: readonly Buffer[]): Buffer {
  return derElement(TAG_SEQUENCE, Buffer.concat(elements));
}

export function derBitString(bytes: Buffer): Buffer {
  return derElement(TAG_BIT_STRING, Buffer.concat([Buffer.of(0), bytes]));
}

export function derOctetString(bytes: Buffer): Buffer {
  return derElement(TAG_OCTET_STRING, bytes);
}

/** An INTEGER from unsigned big-endian bytes. */
export function derInteger(unsigned: Buffer): Buffer {
  const start = unsigned.findIndex((byte) => byte !== 0);
  const magnitude = start === -1 ? Buffer.of(0) : unsigned.subarray(start);
  const positive = (magnitude[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), magnitude]) : magnitude;
  return derElement(TAG_INTEGER, positive);
}
