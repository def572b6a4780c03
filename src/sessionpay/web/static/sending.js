// Signs what the page previewed, and follows what was sent until the books have it for good.
import { Trouble, account, ask, chosenWallet, explained, knownWallet, pause, toChain } from "./wallet.js";

// The first looks come soon, because a local chain mines at once; later ones spare the node.
const LOOK_MILLISECONDS_FIRST = 500;
const LOOK_MILLISECONDS_MAX = 10_000;
const LOOK_GROWTH = 1.4;
// A chain takes a quarter of an hour to be final; who waits longer is asked.
const FOLLOW_MILLISECONDS_MAX = 30 * 60_000;

const HASH = /^0x[0-9a-f]{64}$/i;

const panel = document.querySelector("[data-signing], [data-following]");
const status = panel?.querySelector("[data-status]");
const part = (name) => panel.querySelector(`[data-${name}]`);
const same = (one, other) => String(one).toLowerCase() === String(other).toLowerCase();

let busy = false;

function tell(text, kind = "") {
  // Said again, the same words would be read out again.
  if (status.textContent !== text) status.textContent = text;
  status.className = kind;
}

function addressWith(values) {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(values)) {
    if (value) address.searchParams.set(name, value); else address.searchParams.delete(name);
  }
  return address;
}

// One thing at a time: a second press, while the first is at work, does nothing.
function onPress(button, action) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    if (busy) return;
    busy = true;
    panel.setAttribute("aria-busy", "true");
    try {
      await action();
    } catch (fault) {
      tell(explained(fault), "bad");
    } finally {
      busy = false;
      panel.removeAttribute("aria-busy");
    }
  });
}

const chain = () => ({ id: Number(panel.dataset.chainId), rpc: panel.dataset.walletRpc });

function connecting() {
  onPress(part("connect"), async () => {
    const wallet = await chosenWallet(part("wallets"), tell);
    const from = await account(wallet, tell);
    await toChain(wallet, chain(), tell);
    tell("Connected. The server looks at what it would do in your name.");
    location.replace(addressWith({ from }));
  });
}

async function resuming() {
  const { from, signer, ready } = panel.dataset;
  const wallet = await knownWallet();
  const accounts = wallet ? await ask(wallet, "eth_accounts", [], tell).catch(() => []) : [];
  if (!accounts.some((each) => same(each, from))) {
    tell("The wallet does not show this account here: connect it again.");
    return;
  }
  wallet.provider.on?.("accountsChanged", (now) => {
    if (!busy) location.replace(addressWith({ from: now[0] }));
  });
  if (!ready) {
    const only = signer && !same(signer, from) ? ` Only ${signer} can sign it.` : "";
    tell(`Connected as ${from}. This cannot be signed; the reason stands above.${only}`, "bad");
    return;
  }
  tell(`Connected as ${from}. Nothing is sent before you sign it in the wallet.`);
  onPress(part("send"), () => sending(wallet));
}

async function sending(wallet) {
  const { from, to, data, value, gas, step } = panel.dataset;
  const accounts = await ask(wallet, "eth_accounts", [], tell);
  if (!accounts.some((each) => same(each, from))) {
    throw new Trouble(`The wallet does not show ${from} any more: connect again. Nothing was sent.`);
  }
  await toChain(wallet, chain(), tell);
  tell("Look into the wallet: it asks you to sign.");
  const transaction = { from, to, data, value, ...(gas ? { gas } : {}) };
  const hash = await ask(wallet, "eth_sendTransaction", [transaction], tell);
  if (!HASH.test(hash)) {
    throw new Trouble("The wallet did not say which transaction it sent. Look into it before trying again.");
  }
  // From here on a reload, or a closed window, loses nothing.
  history.replaceState(null, "", addressWith({ sent: hash.toLowerCase(), step }));
  part("send").hidden = true;
  part("connect").hidden = true;
  await following(hash.toLowerCase());
}

// The page's own address says what was asked for, what was sent, and by whom.
const standing = () => new URL(`${location.pathname}/standing${location.search}`, location.href);

async function following(hash) {
  const begun = performance.now();
  let wait = LOOK_MILLISECONDS_FIRST;
  while (performance.now() - begun < FOLLOW_MILLISECONDS_MAX) {
    const found = await looked(hash);
    if (found?.is_over) {
      location.reload();
      return;
    }
    await pause(wait);
    wait = Math.min(wait * LOOK_GROWTH, LOOK_MILLISECONDS_MAX);
  }
  tell(`${status.textContent} This page looked for half an hour, and looks no more.`);
  onPress(part("again"), () => location.reload());
}

async function looked(hash) {
  try {
    const answer = await fetch(standing(), { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const found = await answer.json();
    tell(found.text);
    // Whether another transaction took its number can be told only by who knows the number.
    if (found.nonce !== null) {
      history.replaceState(null, "", addressWith({ from: found.sender, nonce: String(found.nonce) }));
    }
    return found;
  } catch {
    tell(`Sent as ${hash}. This page's server does not answer just now; it is asked again. `
      + "Nothing is lost: the address of this page keeps the transaction.");
    return null;
  }
}

for (const text of document.querySelectorAll("[data-unscripted]")) text.hidden = true;
if (panel && "signing" in panel.dataset) {
  connecting();
  if (panel.dataset.from) {
    panel.focus();
    resuming().catch((fault) => tell(explained(fault), "bad"));
  }
} else if (panel) {
  panel.focus();
  if (panel.dataset.next) {
    location.replace(panel.dataset.next);
  } else if (!panel.dataset.over) {
    following(panel.dataset.sent);
  }
}
