// The tour in AssemblyScript: what mtad.ts has beyond the calls of the ABI.
import * as mtad from "../../../assemblyscript/mtad";
import { Level, Verdict } from "../../../assemblyscript/mtad";
export { mtad_abi_1 } from "../../../assemblyscript/mtad";

export function mtad_connect(): Verdict {
  const client = mtad.property("client.addr");
  if (client == "192.0.2.1") return mtad.hold("from a list");
  if (client == "192.0.2.2") return mtad.redirect("abuse@example.com");
  if (client == "192.0.2.3") return mtad.reject("5.7.0", "go away");
  if (client == "192.0.2.4") return mtad.tempfail("4.7.0", "later");
  return Verdict.Continue;
}

export function mtad_headers(): Verdict {
  if (mtad.header("Subject") == "virus") return mtad.quarantine("virus");
  if (mtad.header("Subject") == "slow") return mtad.filter("relay:[192.0.2.7]");
  return Verdict.Continue;
}

export function mtad_eom(): Verdict {
  mtad.setHeader("Subject", "[x] " + mtad.header("Subject"));
  mtad.setHeader("X-New", "1");
  mtad.log(Level.Info, mtad.header("X-Long").length.toString() + " " + mtad.configInt("n", 7).toString() + " " +
    mtad.configInt("bad", 7).toString() + " " + mtad.configInt("minus", 7).toString());
  return Verdict.Continue;
}

export function mtad_rewrite(): Verdict { return mtad.foundAddr("x@example.com"); }

export function mtad_route(): Verdict {
  if (mtad.rcpt() == "a@b") return mtad.foundRoute("lmtp", "unix:/run/x");
  if (mtad.rcpt() == "c@d") return mtad.foundRoute("", "[192.0.2.9]");
  return mtad.foundRoute("relay", "");
}

export function mtad_lookup(): Verdict { return mtad.foundValue(mtad.property("lookup.key") + ".example"); }

export function mtad_event(): Verdict {
  mtad.counter("events");
  mtad.log(Level.Info, mtad.property("event.kind"));
  return Verdict.Continue;
}
