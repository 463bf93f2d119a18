// Place an order at a running ledger and print its answer: a whole client in one file, without any library.
//
//   node examples/place_order.js 127.0.0.1:5557 [STRATEGY SYMBOL EXCHANGE QTY PX]
//
// It speaks ZMTP 3.0 (rfc.zeromq.org/spec/23) with the NULL mechanism as a DEALER, which is all that a door on
// loopback asks for: a greeting, READY, then one frame a message. After a silence it connects anew and sends the same
// command_id again, so that the order is never placed twice. Exit code: 0 committed, 2 refused, 3 no answer.
"use strict";
const crypto = require("node:crypto");
const net = require("node:net");

const PATIENCE_MS = 2000;
const TRIES = 5;

const [where, strategy = "S1", symbol = "AAPL", exchange = "NASDAQ", qty = "100", px = "10.05"] = process.argv.slice(2);
if (!/^[^:]+:\d+$/.test(where || "")) {
  console.error("usage: node place_order.js HOST:PORT [STRATEGY SYMBOL EXCHANGE QTY PX]");
  process.exit(2);
}

// A UUIDv7: 48 bits of milliseconds, version and variant, the rest random.
function uuid7() {
  const bytes = crypto.randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function greeting() {
  const bytes = Buffer.alloc(64);
  bytes[0] = 0xff;
  bytes[9] = 0x7f;
  bytes[10] = 3; // version 3.0
  bytes.write("NULL", 12);
  return bytes;
}

// Flags: 1 more frames follow, 2 the length has 8 bytes, 4 a command.
function frame(flags, body) {
  if (body.length < 256) return Buffer.concat([Buffer.from([flags, body.length]), body]);
  const head = Buffer.alloc(9);
  head[0] = flags | 2;
  head.writeBigUInt64BE(BigInt(body.length), 1);
  return Buffer.concat([head, body]);
}

function ready() {
  const value = Buffer.from("DEALER");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return frame(4, Buffer.concat([Buffer.from("\x05READY\x0bSocket-Type"), length, value]));
}

// The first whole frame of the bytes: [flags, body, how many bytes it took], or null while it is not there yet.
function firstFrame(bytes) {
  if (bytes.length < 2) return null;
  const long = bytes[0] & 2;
  const start = long ? 9 : 2;
  if (bytes.length < start) return null;
  const end = start + (long ? Number(bytes.readBigUInt64BE(1)) : bytes[1]);
  return bytes.length < end ? null : [bytes[0], bytes.subarray(start, end), end];
}

// Send one message on a connection of its own; resolves with the answer, rejects after a silence.
function ask(message) {
  const [host, port] = where.split(":");
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), host, () => socket.write(greeting()));
    let bytes = Buffer.alloc(0);
    let greeted = false;
    const end = (done, what) => {
      socket.destroy();
      done(what);
    };
    socket.setTimeout(PATIENCE_MS, () => end(reject, new Error("no answer")));
    socket.on("error", (error) => end(reject, error));
    socket.on("close", () => reject(new Error("the connection was closed")));
    socket.on("data", (part) => {
      bytes = Buffer.concat([bytes, part]);
      if (!greeted) {
        if (bytes.length < 64) return;
        bytes = bytes.subarray(64);
        greeted = true;
        socket.write(Buffer.concat([ready(), frame(0, Buffer.from(JSON.stringify(message)))]));
      }
      for (let found = firstFrame(bytes); found; found = firstFrame(bytes)) {
        const [flags, body, took] = found;
        bytes = bytes.subarray(took);
        if (!(flags & 4)) return end(resolve, JSON.parse(body.toString()));
      }
    });
  });
}

async function main() {
  const order = {
    type: "SubmitOrder",
    command_id: uuid7(),
    client_order_id: `js-${Date.now()}`,
    strategy_id: strategy,
    symbol,
    exchange,
    side: "BUY",
    order_type: "LIMIT",
    qty,
    px,
  };
  for (let left = TRIES; left > 0; left--) {
    try {
      const answer = await ask(order);
      console.log(JSON.stringify(answer));
      return answer.type === "Committed" ? 0 : 2;
    } catch (error) {
      console.error(`${error.message}; ${left - 1} tries left`);
      await new Promise((wake) => setTimeout(wake, 200));
    }
  }
  return 3;
}

main().then((code) => {
  process.exitCode = code;
});
