// Where an IPv4 address is, by a city database in the flat layout: as much of the MaxMind DB format
// (https://maxmind.github.io/MaxMind-DB/) as that takes, and nothing is decoded that is not asked for.

const POINTER = 1, STRING = 2, MAP = 7, ARRAY = 11, BOOLEAN = 14;
// ab cd ef . M a x M i n d . c o m
const MARKER = [0xab, 0xcd, 0xef, 0x4d, 0x61, 0x78, 0x4d, 0x69, 0x6e, 0x64, 0x2e, 0x63, 0x6f, 0x6d];
const text = new TextDecoder();

export class Places {
  #bytes;
  #data = 0;
  #nodes;
  #recordBytes;

  constructor(buffer) {
    this.#bytes = new Uint8Array(buffer);
    const metadata = this.#fields(this.#metadataStart(), ["node_count", "record_size", "ip_version"]);
    if (metadata.ip_version !== 4 || metadata.record_size !== 28) {
      throw new Error("the database is not one of IPv4 addresses with records of 28 bits");
    }
    this.#nodes = metadata.node_count;
    this.#recordBytes = 7;
    // Sixteen zeros stand between the tree and the data.
    this.#data = this.#nodes * this.#recordBytes + 16;
  }

  // Its country and city, as headers may have them; nothing where the database knows nothing.
  find(client) {
    const at = this.#look(client);
    if (at === undefined) return undefined;
    const { country_code, city } = this.#fields(at, ["country_code", "city"]);
    return { country: country_code === "ZZ" ? "" : country_code, city: city && legal(city) };
  }

  #look(client) {
    const parts = client.split(".");
    if (parts.length !== 4) return undefined;
    const bytes = this.#bytes;
    let node = 0;
    for (const part of parts) {
      const octet = Number(part);
      for (let bit = 7; bit >= 0; bit--) {
        const base = node * this.#recordBytes;
        const middle = bytes[base + 3];
        node = (octet >> bit) & 1
          ? ((middle & 0x0f) << 24) | (bytes[base + 4] << 16) | (bytes[base + 5] << 8) | bytes[base + 6]
          : ((middle & 0xf0) << 20) | (bytes[base] << 16) | (bytes[base + 1] << 8) | bytes[base + 2];
        if (node > this.#nodes) return this.#data + node - this.#nodes - 16;
        if (node === this.#nodes) return undefined;
      }
    }
    return undefined;
  }

  // These fields of the map that begins there.
  #fields(at, wanted) {
    const found = {};
    const map = this.#control(at);
    let next = map.body;
    for (let pair = 0; pair < map.size; pair++) {
      const key = this.#control(next);
      const name = text.decode(this.#bytes.subarray(key.body, key.body + key.size));
      const value = this.#control(key.after ?? key.body + key.size);
      if (wanted.includes(name)) found[name] = this.#value(value);
      next = this.#end(value);
    }
    return found;
  }

  // What the control bytes there say; a pointer is followed, and `after` is where one goes on behind it.
  #control(at) {
    const bytes = this.#bytes;
    const first = bytes[at++];
    let type = first >> 5;
    if (type === POINTER) {
      const size = (first >> 3) & 3;
      let target = size === 3 ? 0 : first & 7;
      for (let count = 0; count <= size; count++) target = target * 256 + bytes[at++];
      target += [0, 2048, 526336, 0][size];
      return { ...this.#control(this.#data + target), after: at };
    }
    if (type === 0) type = bytes[at++] + 7;
    let size = first & 31;
    if (size >= 29) {
      const more = size - 28;
      let count = 0;
      for (let byte = 0; byte < more; byte++) count = count * 256 + bytes[at++];
      size = count + [29, 285, 65821][more - 1];
    }
    return { type, size, body: at, after: undefined };
  }

  #value({ type, size, body }) {
    const bytes = this.#bytes.subarray(body, body + size);
    if (type === STRING) return text.decode(bytes);
    return bytes.reduce((number, byte) => number * 256 + byte, 0);
  }

  // Where that ends.
  #end({ type, size, body, after }) {
    if (after !== undefined) return after;
    if (type === BOOLEAN) return body;
    if (type !== MAP && type !== ARRAY) return body + size;
    let next = body;
    for (let count = type === MAP ? 2 * size : size; count > 0; count--) next = this.#end(this.#control(next));
    return next;
  }

  #metadataStart() {
    const bytes = this.#bytes;
    for (let at = bytes.length - MARKER.length; at >= 0; at--) {
      if (MARKER.every((byte, offset) => bytes[at + offset] === byte)) {
        // Its pointers count from its beginning.
        this.#data = at + MARKER.length;
        return this.#data;
      }
    }
    throw new Error("the database is no MaxMind DB file");
  }
}

// Percent-encodes what is not visible ASCII or a space.
function legal(value) {
  return /^[ -$&-~]*$/.test(value) ? value : value.replace(/[^ -$&-~]+/gu, encodeURIComponent);
}
