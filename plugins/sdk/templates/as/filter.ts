// filter: refuses messages that have a configured word in the Subject, and marks the others.
import { Errno, Verdict, config, hdrAdd, header, reject, tempfail } from "./sdk/mtad";
export { mtad_abi_1 } from "./sdk/mtad";

let word = "lottery";

// The configuration is read once, at load.
export function mtad_init(): i32 {
  const v = config("word");
  if (v.found) word = v.text.toLowerCase();
  return 0;
}

// eom is asked when the whole message has arrived.
export function mtad_eom(): Verdict {
  if (header("Subject").toLowerCase().includes(word)) {
    return reject("5.7.1", "messages about this are not taken here");
  }
  if (hdrAdd("X-Checked", "yes") != Errno.OK) {
    return tempfail("4.3.0", "cannot mark the message");
  }
  return Verdict.Continue;
}
