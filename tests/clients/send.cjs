// Sends one event as text and one packed by each LZ4 library that scripts use; prints what it is told.
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");
const [folder, url] = process.argv.slice(2);
const library = (name) => require(path.join(folder, "node_modules", name));
const WebSocket = library("ws");
const lz4js = library("lz4js");
const wasm = library("lz4-wasm-nodejs");
// npm's lz4 as browsers load it; for Node itself it would have to be compiled.
const bundle = fs.readFileSync(path.join(folder, "node_modules/lz4/build/lz4.js"), "utf8");
const own = require;
vm.runInThisContext(bundle);
const lz4 = globalThis.require("lz4");
const Old = globalThis.require("buffer").Buffer;
globalThis.require = own;

const json = (name) => JSON.stringify({ename: name, params: {many: "x".repeat(500)}});

function block(name) {
  const data = new Old(json(name));
  const room = new Old(lz4.encodeBound(data.length));
  const size = lz4.encodeBlock(data, room);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(data.length);
  return Buffer.concat([length, Buffer.from(room.slice(0, size))]);
}

const messages = [
  json("text"),
  Buffer.from(lz4.encode(new Old(json("lz4-frame")))),
  block("lz4-block"),
  Buffer.from(wasm.compress(Buffer.from(json("wasm")))),
  Buffer.from(lz4js.compress(Buffer.from(json("lz4js")))),
];

const ws = new WebSocket(url, {rejectUnauthorized: false, perMessageDeflate: true});
ws.on("open", () => messages.forEach((message) => ws.send(message)));
ws.on("message", (data) => {
  console.log(data.toString());
  if (JSON.parse(data).ack === messages.length) ws.close(1000, "done");
});
ws.on("close", (code, reason) => {
  console.log(JSON.stringify({code, reason: reason.toString()}));
  process.exit(0);
});
ws.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
