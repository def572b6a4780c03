// Wallets of this browser: which there are (EIP-6963), what they are asked (EIP-1193), what went wrong.

// Wallets announce themselves at once where they are loaded; slower ones get this long.
const ANNOUNCE_MILLISECONDS = 300;
// Somebody who reads what is to be signed takes a while; after so long a window may have gone unseen.
const SILENCE_MILLISECONDS = 60_000;
const REMEMBERED = "sessionpay-wallet";

const REJECTED = 4001;
const UNKNOWN_CHAIN = 4902;
const EXPLAINED = new Map([
  [REJECTED, "It was rejected in the wallet. Nothing was sent."],
  [4100, "The wallet did not allow this account to be used here. Connect again, and allow it there."],
  [4200, "This wallet cannot do that. Use another one, or a terminal."],
  [4900, "The wallet has no connection to any chain. Check its network, and try again."],
  [4901, "The wallet has no connection to this chain. Check its network, and try again."],
  [-32002, "The wallet has an open request already. Open the wallet, answer it there, and try again."],
]);

const announced = new Map();
window.addEventListener("eip6963:announceProvider", ({ detail }) => {
  if (detail?.info?.uuid && typeof detail.provider?.request === "function") {
    announced.set(detail.info.uuid, detail);
  }
});

// What a person can read as it stands.
export class Trouble extends Error {}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function announcedWallets() {
  window.dispatchEvent(new Event("eip6963:requestProvider"));
  return [...announced.values()].map(({ info, provider }) => (
    { name: String(info.name), key: String(info.rdns), provider }));
}

async function wallets() {
  announcedWallets();
  await pause(ANNOUNCE_MILLISECONDS);
  const found = announcedWallets();
  if (found.length === 0 && typeof window.ethereum?.request === "function") {
    return [{ name: "Wallet", key: "window.ethereum", provider: window.ethereum }];
  }
  return found;
}

// A browser may refuse to remember anything; then people are asked again.
function remembered() {
  try { return sessionStorage.getItem(REMEMBERED); } catch { return null; }
}

function remember(wallet) {
  try { sessionStorage.setItem(REMEMBERED, wallet.key); } catch { /* Asked again next time. */ }
}

// The wallet that was chosen before, or the only one; nobody is asked.
export async function knownWallet() {
  const chosen = (found) => found.find(({ key }) => key === remembered());
  const early = chosen(announcedWallets());
  if (early) return early;
  const found = await wallets();
  return chosen(found) ?? (found.length === 1 ? found[0] : null);
}

// One wallet, chosen by buttons in `place` where there are several.
export async function chosenWallet(place, tell) {
  const found = await wallets();
  if (found.length === 0) {
    throw new Trouble("No wallet was found in this browser. Install one and load this page again, "
      + "or do the same from a terminal.");
  }
  const wallet = found.length === 1 ? found[0] : await picked(found, place, tell);
  remember(wallet);
  return wallet;
}

function picked(found, place, tell) {
  tell("Several wallets were found: choose one.");
  return new Promise((resolve) => {
    const buttons = found.map((wallet) => {
      const button = document.createElement("button");
      button.type = "button";
      // A wallet names itself, so its name is a text and nothing else.
      button.textContent = wallet.name;
      button.addEventListener("click", () => { place.replaceChildren(); resolve(wallet); });
      return button;
    });
    place.replaceChildren(...buttons);
    buttons[0].focus();
  });
}

export async function ask(wallet, method, parameters, tell) {
  const silence = setTimeout(
    () => tell("The wallet has not answered for a minute. Open it: a request may be waiting there."),
    SILENCE_MILLISECONDS);
  try {
    return await wallet.provider.request({ method, params: parameters });
  } finally {
    clearTimeout(silence);
  }
}

export async function account(wallet, tell) {
  tell("Look into the wallet: it asks whether this page may see an account.");
  const accounts = await ask(wallet, "eth_requestAccounts", [], tell);
  if (!Array.isArray(accounts) || accounts.length === 0) {
    throw new Trouble("The wallet showed no account. Choose one there, and connect again.");
  }
  return accounts[0];
}

// `chain` has an `id`, and an `rpc` where people may be told one.
export async function toChain(wallet, chain, tell) {
  const present = async () => Number(await ask(wallet, "eth_chainId", [], tell));
  const before = await present();
  if (before === chain.id) return;
  tell(`The wallet is on chain ${before}. It asks you to switch to chain ${chain.id}.`);
  const chainId = `0x${chain.id.toString(16)}`;
  try {
    await ask(wallet, "wallet_switchEthereumChain", [{ chainId }], tell);
  } catch (fault) {
    if (codeOf(fault) === REJECTED) {
      throw new Trouble(`The wallet stays on chain ${before}, and this contract is on chain ${chain.id}. `
        + "Nothing was sent.");
    }
    if (codeOf(fault) !== UNKNOWN_CHAIN) throw fault;
    await addChain(wallet, chain, chainId, tell);
  }
  if (await present() !== chain.id) {
    throw new Trouble(`The wallet is still on another chain than ${chain.id}: switch it there, and try again.`);
  }
}

async function addChain(wallet, chain, chainId, tell) {
  if (!chain.rpc) {
    throw new Trouble(`The wallet does not know chain ${chain.id}, and this server names no address of it. `
      + "Add the chain in the wallet, with an RPC address that you trust, and try again.");
  }
  tell(`The wallet does not know chain ${chain.id}: it asks whether to add it.`);
  await ask(wallet, "wallet_addEthereumChain", [{
    chainId,
    chainName: `Chain ${chain.id}`,
    rpcUrls: [chain.rpc],
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  }], tell);
}

// Some wallets wrap what their node said.
function codeOf(fault) {
  return fault?.data?.originalError?.code ?? fault?.code;
}

export function explained(fault) {
  if (fault instanceof Trouble) return fault.message;
  const known = EXPLAINED.get(codeOf(fault));
  if (known) return known;
  const words = String(fault?.data?.originalError?.message ?? fault?.message ?? fault);
  if (/insufficient (funds|balance)/i.test(words)) {
    return "The account has too little of the chain's own coin for the amount and its gas. "
      + "Send it more first, or choose a smaller amount. Nothing was sent.";
  }
  if (/revert/i.test(words)) {
    return `The wallet's node says that it would fail: ${words}. Load this page again to see why.`;
  }
  if (/fetch|network|connect|timeout|timed out/i.test(words)) {
    return `The wallet could not reach its node: ${words}. Check its network, and look whether anything `
      + "was sent before trying again.";
  }
  return `The wallet answered: ${words}. Look into it before trying again.`;
}
