// Runs the self-test in node: node run.mjs selftest.wasm
import { readFile } from "node:fs/promises";

let line = "";
let memory;
const say = (at, length) => {
  line += new TextDecoder().decode(new Uint8Array(memory.buffer, at, length));
  if (line.endsWith("\n")) {
    process.stdout.write(line);
    line = "";
  }
};

const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]), { env: { say } });
memory = instance.exports.memory;
process.exitCode = instance.exports.selftest();
